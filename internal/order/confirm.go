package order

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// confirm reads an order right before it is reissued or renewed. It returns nil if nobody else
// has touched it. Otherwise, for example after a reissue by hand or by a clone of this
// cluster, it ends the turn at the account with release and returns what to do instead.
func (r *Reconciler) confirm(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase, release func(error)) (*outcome, error) {
	callCtx, cancel := context.WithTimeout(ctx, s.view.Issuer.Profile.CallTimeout)
	defer cancel()
	order, err := s.supplier.Provider.Order(callCtx, ledger.IDs(purchase.Spec.OrderIDs))
	var instead outcome
	var stored error
	switch {
	case providers.KindOf(err) == providers.NotFound && mayBeHidden(purchase, s.view.Issuer.Profile, s.view.Now):
		instead = wait(s, ReasonAwaitingCertificate, "the reseller doesn't show the order that is to be reissued yet", lateInterval)
	case err != nil:
		instead = callFailed(s, err)
	case over(order.State):
		state := closedState(purchase, order, s.view.Now)
		if order.State == providers.StateExpired && len(purchase.Spec.Certificates) > 0 {
			state = v1alpha1.PurchaseExpired
		}
		s.wrote = true
		instead, stored = goOn, r.Ledger.Closed(ctx, purchase.Name, state, order.Detail)
	case !recognised(purchase, order):
		instead = hold(s, ReasonOrderMismatch, fmt.Sprintf("order %s of ResellerPurchase %s has a CSR that was not sent from here, so that somebody else, perhaps a clone of this cluster, reissues it: end that; to go on, set spec.resolution.orderIDs of the ResellerPurchase to its own spec.orderIDs",
			describe(ledger.IDs(purchase.Spec.OrderIDs)), purchase.Name))
	default:
		return nil, nil
	}
	release(err)
	return &instead, stored
}

// over reports whether an order has ended.
func over(state providers.State) bool {
	return state == providers.StateRejected || state == providers.StateCancelled || state == providers.StateExpired
}

// acceptChange takes note, because a person says so, that somebody else had an order issued for
// another CSR.
func (r *Reconciler) acceptChange(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase, order providers.Order) (outcome, error) {
	csr := echoed(order.CSR)
	if found := chain.Names(csr); !sameNames(s.view.Issuer.Profile, purchase.Spec.CommonName, found, purchase.Spec.Names) {
		return hold(s, ReasonOrderMismatch, fmt.Sprintf("the order in spec.resolution of ResellerPurchase %s is for other names now: give the purchase up with spec.resolution.givenUp", purchase.Name)), nil
	}
	certificate, err := certificateIn(order)
	if err != nil {
		return hold(s, ReasonOrderMismatch, fmt.Sprintf("the order in spec.resolution of ResellerPurchase %s: %v; it is looked at again", purchase.Name, err)), nil
	}
	certificate.CSRDigest, certificate.HandedOver = chain.Digest(csr), metav1.ConditionTrue
	s.note("Adopted", "took note of certificate %s, which others had issued under ResellerPurchase %s", certificate.Serial, purchase.Name)
	clearWaiting(&s.order.Status)
	return goOn, r.resolved(ctx, purchase.Name, func(spec *v1alpha1.ResellerPurchaseSpec) {
		spec.Certificates = append(spec.Certificates, certificate)
	})
}
