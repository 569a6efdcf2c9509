package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// defaultSettleTime applies where an issuer states none.
const defaultSettleTime = time.Minute

// gather collects what next has to know. Nothing of it decides over money: that is read
// again, past the cache, right before.
func (r *Reconciler) gather(ctx context.Context, s *scope) error {
	request, err := requestState(ctx, r.Client, s.order)
	if err != nil {
		return err
	}
	if err := r.whole(ctx, s, request); err != nil {
		return err
	}
	purchases, err := r.purchases(ctx, s)
	if err != nil {
		return err
	}
	return r.complete(ctx, s, request, purchases, r.Suppliers.Get)
}

// purchases are those of the order's key, from the cache as long as nothing was written.
func (r *Reconciler) purchases(ctx context.Context, s *scope) ([]v1alpha1.ResellerPurchase, error) {
	if s.wrote {
		return r.Ledger.ByKey(ctx, s.order.Spec.Key)
	}
	var list v1alpha1.ResellerPurchaseList
	if err := r.Client.List(ctx, &list, client.MatchingFields{IndexPurchaseKey: s.order.Spec.Key}); err != nil {
		return nil, fmt.Errorf("order: list purchases: %w", err)
	}
	ledger.Sort(list.Items)
	return list.Items, nil
}

// unchanged fails with a conflict if the order isn't what it was when it was read: the decision
// rests on what it was. It is asked before anything with an effect outside.
func (r *Reconciler) unchanged(ctx context.Context, order *v1alpha1.ResellerOrder) error {
	fresh := &v1alpha1.ResellerOrder{}
	if err := r.Reader.Get(ctx, client.ObjectKeyFromObject(order), fresh); err != nil {
		return fmt.Errorf("order: read again: %w", err)
	}
	if fresh.UID != order.UID || fresh.ResourceVersion != order.ResourceVersion {
		return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("resellerorders").GroupResource(), order.Name, errors.New("changed since it was read"))
	}
	return nil
}

// gatherUncached does the same past the cache, including the order itself.
func (r *Reconciler) gatherUncached(ctx context.Context, s *scope) error {
	if err := r.unchanged(ctx, s.order); err != nil {
		return err
	}
	request, err := requestState(ctx, r.Reader, s.order)
	if err != nil {
		return err
	}
	purchases, err := r.Ledger.ByKey(ctx, s.order.Spec.Key)
	if err != nil {
		return err
	}
	return r.complete(ctx, s, request, purchases, r.Suppliers.GetUncached)
}

func (r *Reconciler) complete(ctx context.Context, s *scope, request RequestState, purchases []v1alpha1.ResellerPurchase, resolve func(context.Context, v1alpha1.IssuerReference) (*Supplier, error)) error {
	now := r.Now()
	s.view = View{Now: now, Order: s.order, Purchases: purchases, Request: request, ClusterID: r.Ledger.ClusterID}
	var open []string
	for i := range purchases {
		if name, ok := openIntent(&purchases[i]); ok {
			open = append(open, name)
		}
	}
	s.view.Watches = r.watches.snapshot(open, now)
	s.supplier = nil
	if !needsIssuer(s.view) {
		return nil
	}
	supplier, err := resolve(ctx, s.order.Spec.IssuerRef)
	switch {
	case err == nil:
		s.supplier, s.view.Issuer = supplier, issuerFacts(supplier)
	case apierrors.IsNotFound(err) || errors.Is(err, ErrConfiguration):
		s.view.IssuerProblem = "waiting for the issuer: " + err.Error()
	default:
		return err
	}
	return nil
}

// needsIssuer keeps orders that are done from reading Secrets at each restart.
func needsIssuer(v View) bool {
	if !v.Order.DeletionTimestamp.IsZero() {
		return false
	}
	return v.Request == RequestLive || v.Order.Spec.Command != nil || len(v.Watches) > 0 ||
		unfinished(v) != "" || whenResolved(v) != nil || importing(v) != nil
}

func issuerFacts(s *Supplier) *IssuerFacts {
	account := s.Provider.Account()
	_, prepare := s.Provider.(providers.Preparer)
	_, validate := s.Provider.(providers.Validator)
	_, reissue := s.Provider.(providers.Reissuer)
	_, renew := s.Provider.(providers.Renewer)
	_, enrol := s.Provider.(providers.Enroller)
	facts := &IssuerFacts{
		Generation:   s.Generation,
		Policy:       s.Spec.Purchase,
		SettleTime:   defaultSettleTime,
		Propagation:  s.Spec.DCV.Propagation,
		Account:      v1alpha1.PurchaseAccount{Reseller: account.Reseller, Endpoint: account.Endpoint, Name: account.Name},
		Profile:      s.Provider.Profile(),
		Capabilities: Capabilities{Prepare: prepare, Validate: validate, Reissue: reissue, Renew: renew, Enrol: enrol},
	}
	if t := s.Spec.DCV.Propagation.SettleTime; t != nil {
		facts.SettleTime = t.Duration
	}
	return facts
}

// requestState reads what became of the order's request.
func requestState(ctx context.Context, reader client.Reader, order *v1alpha1.ResellerOrder) (RequestState, error) {
	request := order.Spec.Request
	if request == nil {
		return RequestNone, nil
	}
	if request.Kind == v1alpha1.RequestKindCertificateSigningRequest {
		csr := &certificatesv1.CertificateSigningRequest{}
		err := reader.Get(ctx, client.ObjectKey{Name: request.Name}, csr)
		if apierrors.IsNotFound(err) || (err == nil && csr.UID != request.UID) {
			return RequestNone, nil
		}
		if err != nil {
			return "", fmt.Errorf("order: read CertificateSigningRequest: %w", err)
		}
		return StateOfCSR(csr), nil
	}
	cr := &cmapi.CertificateRequest{}
	err := reader.Get(ctx, client.ObjectKey{Namespace: order.Namespace, Name: request.Name}, cr)
	if apierrors.IsNotFound(err) || (err == nil && cr.UID != request.UID) {
		return RequestNone, nil
	}
	if err != nil {
		return "", fmt.Errorf("order: read CertificateRequest: %w", err)
	}
	return StateOfRequest(cr), nil
}

// StateOfRequest tells whether a CertificateRequest still wants a certificate.
func StateOfRequest(cr *cmapi.CertificateRequest) RequestState {
	ready := apiutil.GetCertificateRequestCondition(cr, cmapi.CertificateRequestConditionReady)
	switch {
	case ready != nil && ready.Status == cmmeta.ConditionTrue:
		return RequestReady
	case ready != nil && (ready.Reason == cmapi.CertificateRequestReasonFailed || ready.Reason == cmapi.CertificateRequestReasonDenied),
		apiutil.CertificateRequestIsDenied(cr),
		apiutil.CertificateRequestHasInvalidRequest(cr),
		!apiutil.CertificateRequestIsApproved(cr),
		!cr.DeletionTimestamp.IsZero():
		return RequestEnded
	}
	return RequestLive
}

// StateOfCSR tells whether a Kubernetes CertificateSigningRequest still wants one.
func StateOfCSR(csr *certificatesv1.CertificateSigningRequest) RequestState {
	approved := false
	for _, condition := range csr.Status.Conditions {
		switch condition.Type {
		case certificatesv1.CertificateDenied, certificatesv1.CertificateFailed:
			return RequestEnded
		case certificatesv1.CertificateApproved:
			approved = true
		}
	}
	switch {
	case len(csr.Status.Certificate) > 0:
		return RequestReady
	case !approved || !csr.DeletionTimestamp.IsZero():
		return RequestEnded
	}
	return RequestLive
}
