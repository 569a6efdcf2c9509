package order

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// maxUnclaimed is how many orders that look alike are read before a purchase.
	maxUnclaimed = 5
	// maxLostPurchases is how many purchases of a key a lost ledger is thought to have had.
	maxLostPurchases = 32
)

// unclaimedSearch reads the paid orders at the reseller that have exactly the names to be
// bought and stand in no ledger.
type unclaimedSearch func(context.Context) ([]providers.Order, error)

// unclaimedSearch is nil where nothing is to be searched.
func (r *Reconciler) unclaimedSearch(ctx context.Context, s *scope) (unclaimedSearch, error) {
	lister, lists := s.supplier.Provider.(providers.Lister)
	if !lists || s.view.Issuer.Policy.UnclaimedOrders == v1alpha1.UnclaimedIgnore ||
		s.order.Status.Issuance.Operation == v1alpha1.OperationReissue {
		return nil, nil
	}
	all, err := r.Ledger.ByAccount(ctx, s.view.Issuer.Account)
	if err != nil || undecided(all, s.order.Status.Issuance.Names) {
		// With an open purchase of the names, what would be found may be that.
		return nil, err
	}
	return func(ctx context.Context) ([]providers.Order, error) { return findUnclaimed(ctx, s, lister, all) }, nil
}

// undecided reports whether the outcome of a purchase of the names is open.
func undecided(all []v1alpha1.ResellerPurchase, names []string) bool {
	return slices.ContainsFunc(all, func(p v1alpha1.ResellerPurchase) bool {
		return p.Spec.State == v1alpha1.PurchaseIntended && slices.Equal(p.Spec.Names, names)
	})
}

// findUnclaimed reads the orders of the account that stand in no purchase, have exactly the
// names that are to be bought, and would still serve.
func findUnclaimed(ctx context.Context, s *scope, lister providers.Lister, all []v1alpha1.ResellerPurchase) ([]providers.Order, error) {
	listed, err := lister.Orders(ctx)
	if err != nil {
		return nil, err
	}
	issuance := s.order.Status.Issuance
	listed = slices.DeleteFunc(listed, func(o providers.Order) bool {
		return over(o.State) || !slices.Contains(o.Names, issuance.CommonName) ||
			claimed(all, &v1alpha1.ResellerPurchase{}, o.IDs) != ""
	})
	var found []providers.Order
	for _, row := range listed[:min(len(listed), maxUnclaimed)] {
		order, err := s.supplier.Provider.Order(ctx, row.IDs)
		if providers.KindOf(err) == providers.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		order.Reference = cmp.Or(order.Reference, row.Reference)
		if !over(order.State) && !wornOut(s.view, order) && sameNames(s.view.Issuer.Profile, issuance.CommonName, namesIn(order), issuance.Names) {
			found = append(found, order)
		}
	}
	return found, nil
}

// wornOut reports whether the paid term of an order is too short for another certificate.
func wornOut(v View, order providers.Order) bool {
	return !order.PaidUntil.IsZero() && order.PaidUntil.Sub(v.Now) < minimumLifetime(v)
}

// unclaimedOrder adopts the one order that certainly is ours, or holds.
func (r *Reconciler) unclaimedOrder(ctx context.Context, s *scope, found []providers.Order) (outcome, error) {
	request := s.order.Spec.Request
	sure := slices.DeleteFunc(slices.Clone(found), func(o providers.Order) bool {
		csr := echoed(o.CSR)
		return !r.Ledger.SentReference(s.order.Spec.Key, o.Reference, maxLostPurchases) &&
			(csr == nil || chain.Digest(csr) != request.CSRDigest)
	})
	if len(sure) == 1 && s.view.Issuer.Policy.UnclaimedOrders == v1alpha1.UnclaimedAdopt {
		return r.adoptUnclaimed(ctx, s, sure[0])
	}
	describe := describe(found[0].IDs)
	if len(found) > 1 {
		describe = fmt.Sprintf("%s and %d more", describe, len(found)-1)
	}
	return hold(s, ReasonUnclaimedOrder, fmt.Sprintf("nothing was bought: the reseller has a paid order for the same names that no ResellerPurchase has (%s): import it as ResellerPurchase %s with spec.state Importing, or buy nevertheless with the issuer's spec.purchase.unclaimedOrders: Ignore",
		describe, ledger.NextName(s.order.Spec.Key, s.view.Purchases))), nil
}

// adoptUnclaimed takes an order into the ledger. Adoptions of an account come one after the
// other, so that no two keys take the same order.
func (r *Reconciler) adoptUnclaimed(ctx context.Context, s *scope, order providers.Order) (outcome, error) {
	account := s.supplier.Provider.Account().Key()
	if !r.buyers.try(account) {
		return outcome{after: buyerBusy}, nil
	}
	defer r.buyers.release(account)
	all, err := r.Ledger.ByAccount(ctx, s.view.Issuer.Account)
	if err != nil {
		return outcome{}, err
	}
	if claimed(all, &v1alpha1.ResellerPurchase{}, order.IDs) != "" {
		return outcome{after: time.Second}, nil
	}
	spec := v1alpha1.ResellerPurchaseSpec{
		Key: s.order.Spec.Key, OrderNamespace: s.order.Namespace, OrderName: s.order.Name,
		IssuerRef: s.order.Spec.IssuerRef, TermMonths: s.supplier.Spec.Term.Months, Method: s.order.Status.Issuance.Method,
		OrderIDs: ledger.OrderIDs(order.IDs),
	}
	if err := fillIn(&spec, order, s.view); err != nil {
		return hold(s, ReasonUnclaimedOrder, fmt.Sprintf("nothing was bought: order %s at the reseller is this cluster's, but it can't be adopted: %v", describe(order.IDs), err)), nil
	}
	s.wrote = true
	adopted, err := r.Ledger.Adopt(ctx, spec, s.view.Purchases)
	if err != nil {
		return outcome{}, err
	}
	s.note("Adopted", "adopted order %s, which stood in no ledger, as ResellerPurchase %s", describe(order.IDs), adopted.Name)
	beginAnew(s)
	return goOn, nil
}
