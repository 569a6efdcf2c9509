package signer

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// The fields by which the cache finds objects.
const (
	indexSecrets      = "signer.secrets"
	indexShortOfFunds = "signer.shortOfFunds"
)

// requestsOf maps an order to the requests of one kind that its change concerns: the one
// that it serves, and those that wait for their turn.
func (s *Signer) requestsOf(kind v1alpha1.RequestKind) handler.MapFunc {
	return func(_ context.Context, object client.Object) []reconcile.Request {
		o := object.(*v1alpha1.ResellerOrder)
		keys := s.waiters.take(client.ObjectKeyFromObject(o), kind)
		if served := o.Spec.Request; served != nil && served.Kind == kind {
			keys = append(keys, requestKey(o.Namespace, served))
		}
		return asRequests(keys)
	}
}

func asRequests(keys []types.NamespacedName) []reconcile.Request {
	requests := make([]reconcile.Request, 0, len(keys))
	for _, key := range keys {
		requests = append(requests, reconcile.Request{NamespacedName: key})
	}
	return requests
}

// onlyUpdates passes updates for which changed is true, and deletions if asked. Creations
// are not needed: who makes an order knows of it, and after a start everything is
// looked at anyway.
func onlyUpdates(deletions bool, changed func(was, is *v1alpha1.ResellerOrder) bool) predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return deletions },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, before := e.ObjectOld.(*v1alpha1.ResellerOrder)
			is, after := e.ObjectNew.(*v1alpha1.ResellerOrder)
			return before && after && changed(was, is)
		},
	}
}

// matters reports whether the difference is one that Sign tells or acts on.
func matters(was, is *v1alpha1.ResellerOrder) bool {
	return was.Status.State != is.Status.State ||
		was.Status.Message != is.Status.Message ||
		certificateOf(was) != certificateOf(is) ||
		requestOf(was) != requestOf(is)
}

type certificateState struct {
	digest  string
	request types.UID
	chain   bool
}

func certificateOf(o *v1alpha1.ResellerOrder) certificateState {
	c := o.Status.Certificate
	if c == nil {
		return certificateState{}
	}
	return certificateState{digest: c.CSRDigest, request: c.RequestUID, chain: len(c.Chain) > 0}
}

func requestOf(o *v1alpha1.ResellerOrder) types.UID {
	if o.Spec.Request == nil {
		return ""
	}
	return o.Spec.Request.UID
}

func lacksMoney(o *v1alpha1.ResellerOrder) bool {
	w := o.Status.Waiting
	return o.Status.State == v1alpha1.OrderHeld && w != nil && w.Reason == string(order.ReasonInsufficientFunds)
}

// issuerOf maps an order to its issuer, if that is of the kind.
func issuerOf(kind string) handler.MapFunc {
	return func(_ context.Context, object client.Object) []reconcile.Request {
		ref := object.(*v1alpha1.ResellerOrder).Spec.IssuerRef
		if ref.Kind != kind {
			return nil
		}
		return asRequests([]types.NamespacedName{{Namespace: ref.Namespace, Name: ref.Name}})
	}
}

// refKey is an issuer as one string.
func refKey(ref v1alpha1.IssuerReference) string {
	return ref.Kind + "/" + ref.Namespace + "/" + ref.Name
}

// secretNames are the Secrets that an issuer names: credentials, and those of solvers.
func (s *Signer) secretNames(spec *v1alpha1.ResellerIssuerSpec) []string {
	var names []string
	for _, driver := range s.Suppliers.Drivers {
		if access := driver.Access(&spec.Reseller); access != nil {
			names = append(names, access.CredentialsSecretRef.Name)
		}
	}
	for i := range spec.DCV.Solvers {
		if update := spec.DCV.Solvers[i].RFC2136; update != nil && update.TSIGSecretSecretRef != nil {
			names = append(names, update.TSIGSecretSecretRef.Name)
		}
	}
	return names
}

// usersOf maps a Secret to the issuers of a kind that name it.
func (s *Signer) usersOf(kind string) handler.MapFunc {
	return func(ctx context.Context, secret client.Object) []reconcile.Request {
		by := client.MatchingFields{indexSecrets: secret.GetName()}
		if kind == order.KindIssuer {
			return s.issuers(ctx, kind, by, client.InNamespace(secret.GetNamespace()))
		}
		if secret.GetNamespace() != s.Suppliers.ClusterResourceNamespace {
			return nil
		}
		return s.issuers(ctx, kind, by)
	}
}

// issuers lists issuers of a kind from the cache.
func (s *Signer) issuers(ctx context.Context, kind string, options ...client.ListOption) []reconcile.Request {
	var (
		namespaced v1alpha1.ResellerIssuerList
		cluster    v1alpha1.ResellerClusterIssuerList
		list       client.ObjectList = &namespaced
	)
	if kind == order.KindClusterIssuer {
		list = &cluster
	}
	if err := s.Client.List(ctx, list, options...); err != nil {
		log.FromContext(ctx).Error(err, "issuers are not listed")
		return nil
	}
	keys := make([]types.NamespacedName, 0, len(namespaced.Items)+len(cluster.Items))
	for i := range namespaced.Items {
		keys = append(keys, client.ObjectKeyFromObject(&namespaced.Items[i]))
	}
	for i := range cluster.Items {
		keys = append(keys, client.ObjectKeyFromObject(&cluster.Items[i]))
	}
	return asRequests(keys)
}
