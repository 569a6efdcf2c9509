package signer

import (
	"cmp"
	"context"
	"fmt"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	issuerapi "github.com/cert-manager/issuer-lib/api/v1alpha1"
	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// maxAttempts to write an order at which others write too. The status is written often,
// so that one conflict is nothing unusual.
const maxAttempts = 5

// slot is where the order of a request is.
type slot struct {
	key         types.NamespacedName
	orderKey    string
	issuer      v1alpha1.IssuerReference
	certificate string
}

// slotOf finds the order of a request by what it is for, never by anything that was stored
// with the request.
func (s *Signer) slotOf(r *request, issuer issuerapi.Issuer) (slot, error) {
	ref, err := reference(issuer)
	if err != nil {
		return slot{}, err
	}
	namespace := r.object.GetNamespace()
	if r.kind == v1alpha1.RequestKindCertificateSigningRequest {
		namespace = s.Suppliers.ClusterResourceNamespace
	}
	at := slot{issuer: ref}
	readable := r.csr.Subject.CommonName
	if owner := r.owner(); owner != nil {
		at.certificate, readable = owner.Name, owner.Name
		at.orderKey = order.CertificateKey(namespace, ref, owner.Name)
	} else {
		if readable == "" && len(r.names) > 0 {
			readable = r.names[0]
		}
		at.orderKey = order.NamesKey(namespace, ref, r.names)
	}
	at.key = types.NamespacedName{Namespace: namespace, Name: order.Name(readable, at.orderKey)}
	return at, nil
}

// find reads the order past the cache; nil if there is none.
func (s *Signer) find(ctx context.Context, at slot) (*v1alpha1.ResellerOrder, error) {
	found := &v1alpha1.ResellerOrder{}
	err := s.Reader.Get(ctx, at.key, found)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read ResellerOrder %s: %w", at.key, err)
	case found.Spec.Key != at.orderKey:
		return nil, fmt.Errorf("ResellerOrder %s has another spec.key: it was not made by this controller, delete it", at.key)
	case !found.DeletionTimestamp.IsZero():
		return nil, waiting("ResellerOrder %s is being deleted: a new one is made when it is gone", at.key)
	}
	return found, nil
}

// admit looks whether the request may be served at all and makes the order serve it.
func (s *Signer) admit(ctx context.Context, r *request, at slot, issuer issuerapi.Issuer) (*v1alpha1.ResellerOrder, error) {
	if !r.object.GetDeletionTimestamp().IsZero() {
		return nil, waiting("this request is being deleted: nothing is ordered")
	}
	certificate, err := s.certificate(ctx, r)
	if err != nil {
		return nil, err
	}
	supplier, err := s.Suppliers.Supplier(ctx, issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if err := s.permit(ctx, supplier, r, at, certificate != nil); err != nil {
		return nil, err
	}
	wanted := r.copyFor(certificate)
	for range maxAttempts {
		var placed *v1alpha1.ResellerOrder
		placed, err = s.place(ctx, at, wanted)
		if err == nil {
			return placed, nil
		}
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("ResellerOrder %s changes too fast: %w", at.key, err)
}

// permit is everything that can be said without a call to the reseller.
func (s *Signer) permit(ctx context.Context, supplier *order.Supplier, r *request, at slot, owned bool) error {
	if err := s.suits(ctx, supplier.Provider.Profile(), r, at); err != nil {
		return err
	}
	if err := order.Permits(supplier.Allowed, r.object.GetNamespace(), r.names); err != nil {
		return err
	}
	if owned {
		return nil
	}
	return order.PermitsBare(supplier.Spec.Purchase)
}

// suits holds a request against the issuer's product, or against the earlier product under
// whose paid term it would be reissued.
func (s *Signer) suits(ctx context.Context, profile providers.Profile, r *request, at slot) error {
	unsuitable := order.Suitable(profile, r.candidate())
	if unsuitable == nil {
		return nil
	}
	var purchases v1alpha1.ResellerPurchaseList
	if err := s.Reader.List(ctx, &purchases, client.MatchingLabels{v1alpha1.LabelOrderKey: at.orderKey}); err != nil {
		return fmt.Errorf("list purchases: %w", err)
	}
	paid := order.PaidFor(purchases.Items, r.names, s.Clock.Now())
	if paid == nil {
		return unsuitable
	}
	return order.Suitable(order.ProfileFor(profile, paid), r.candidate())
}

// place makes the order, or moves its request forward where that is right.
func (s *Signer) place(ctx context.Context, at slot, wanted *v1alpha1.OrderRequest) (*v1alpha1.ResellerOrder, error) {
	found, err := s.find(ctx, at)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return s.create(ctx, at, wanted)
	}
	current := found.Spec.Request
	if current != nil && current.UID == wanted.UID {
		return found, nil
	}
	if current != nil {
		// Waiting before looking, so that no end of the other request is missed.
		s.waiters.add(at.key, waiter{kind: wanted.Kind, key: requestKey(at.key.Namespace, wanted)})
		if err := s.giveWay(ctx, found, wanted); err != nil {
			return nil, err
		}
	}
	found.Spec.Request = wanted
	if err := s.Client.Update(ctx, found); err != nil {
		return nil, fmt.Errorf("update ResellerOrder %s: %w", at.key, err)
	}
	return found, nil
}

// create makes an order without an owner, so that it outlives a Certificate which is
// deleted and made again: it knows what was paid.
func (s *Signer) create(ctx context.Context, at slot, wanted *v1alpha1.OrderRequest) (*v1alpha1.ResellerOrder, error) {
	made := &v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: at.key.Namespace, Name: at.key.Name,
			Labels: map[string]string{v1alpha1.LabelOrderKey: at.orderKey},
		},
		Spec: v1alpha1.ResellerOrderSpec{
			IssuerRef: at.issuer, Key: at.orderKey, CertificateName: at.certificate, Request: wanted,
		},
	}
	if err := s.Client.Create(ctx, made); err != nil {
		return nil, fmt.Errorf("create ResellerOrder %s: %w", at.key, err)
	}
	return made, nil
}

// giveWay returns nil if the request that the order serves now is over, or belongs to the
// same Certificate and is older: cert-manager has given that one up. It has given up the
// wanted one where the younger has its certificate: another one now would be for nobody, and
// where a reissue ends the certificate before, for worse.
func (s *Signer) giveWay(ctx context.Context, o *v1alpha1.ResellerOrder, wanted *v1alpha1.OrderRequest) error {
	current := o.Spec.Request
	state, err := s.state(ctx, o.Namespace, current)
	if err != nil {
		return err
	}
	sameOwner := current.CertificateUID != "" && current.CertificateUID == wanted.CertificateUID
	switch older := sameOwner && !younger(wanted, current); {
	case older && (state == order.RequestLive || state == order.RequestReady):
		return waiting("behind %s %s, which is younger and took its place (ResellerOrder %s/%s)", current.Kind, current.Name, o.Namespace, o.Name)
	case state == order.RequestLive && !sameOwner:
		return waiting("behind %s %s, which is served first (ResellerOrder %s/%s)", current.Kind, current.Name, o.Namespace, o.Name)
	}
	return nil
}

// younger compares creation times, which have whole seconds, then UIDs, so that two
// requests never take the order from each other in turns.
func younger(a, b *v1alpha1.OrderRequest) bool {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt.Time), cmp.Compare(a.UID, b.UID)) > 0
}

// state reads past the cache what became of a request.
func (s *Signer) state(ctx context.Context, namespace string, r *v1alpha1.OrderRequest) (order.RequestState, error) {
	key := requestKey(namespace, r)
	if r.Kind == v1alpha1.RequestKindCertificateSigningRequest {
		csr := &certificatesv1.CertificateSigningRequest{}
		if err := s.Reader.Get(ctx, key, csr); err != nil || csr.UID != r.UID {
			return order.RequestNone, ignoreNotFound(err, r)
		}
		return order.StateOfCSR(csr), nil
	}
	cr := &cmapi.CertificateRequest{}
	if err := s.Reader.Get(ctx, key, cr); err != nil || cr.UID != r.UID {
		return order.RequestNone, ignoreNotFound(err, r)
	}
	return order.StateOfRequest(cr), nil
}

func ignoreNotFound(err error, r *v1alpha1.OrderRequest) error {
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("read %s %s: %w", r.Kind, r.Name, err)
}
