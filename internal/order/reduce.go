package order

import (
	"context"
	"fmt"
	"unique"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Reduce takes out of an order for the cache what nothing asks for any more: the CSR of a
// request that has its certificate. The API server ignores the spec in what is written to the
// status; should the request want a certificate again, the order is read whole.
func Reduce(o *v1alpha1.ResellerOrder) {
	o.ManagedFields = nil
	for _, text := range []*string{&o.Spec.IssuerRef.Kind, &o.Spec.IssuerRef.Namespace, &o.Spec.IssuerRef.Name, &o.Status.Message} {
		*text = unique.Make(*text).Value()
	}
	for i := range o.Status.Conditions {
		c := &o.Status.Conditions[i]
		c.Type, c.Reason, c.Message = unique.Make(c.Type).Value(), unique.Make(c.Reason).Value(), unique.Make(c.Message).Value()
	}
	if o.Status.Issuance == nil && hasCurrent(o) && len(o.Status.Certificate.Chain) == 0 {
		o.Spec.Request.CSR = nil
	}
}

// whole reads an order past the cache that lacks the CSR of a request that wants a
// certificate.
func (r *Reconciler) whole(ctx context.Context, s *scope, request RequestState) error {
	if request != RequestLive || len(s.order.Spec.Request.CSR) > 0 {
		return nil
	}
	fresh := &v1alpha1.ResellerOrder{}
	if err := r.Reader.Get(ctx, client.ObjectKeyFromObject(s.order), fresh); err != nil {
		return fmt.Errorf("order: read it whole: %w", err)
	}
	s.order = fresh
	return nil
}
