package order

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// recover looks for the effect of a call that a person asked for and whose answer was lost.
// Nothing is called again.
func (c *Clerk) recover(ctx context.Context, purchase *v1alpha1.ResellerPurchase) (time.Duration, error) {
	r, op := c.orders, purchase.Spec.CommandOperation
	intent := purchase.Name + "/" + op.ID
	if stored, err := r.recordNow(ctx, &scope{}, intent); stored || err != nil {
		return 0, err
	}
	r.watches.snapshot([]string{intent}, r.Now())
	supplier, err := r.Suppliers.GetUncached(ctx, purchase.Spec.IssuerRef)
	if err != nil {
		log.FromContext(ctx).Info("the outcome of a request can't be looked for", "kind", op.Kind, "reason", err.Error())
		return heldInterval, nil
	}
	if supplier.Provider.Account() != accountOf(purchase) {
		return heldInterval, c.note(ctx, purchase, "the outcome is open, and the issuer is another account now: point the issuer back")
	}
	var found []providers.Found
	began := r.Now()
	wait, err := c.ask(ctx, supplier, func(ctx context.Context) (err error) {
		found, err = supplier.Provider.Find(ctx, commandTrace(purchase))
		return err
	})
	switch {
	case wait > 0:
		return wait, nil
	case err != nil:
		log.FromContext(ctx).Info("the outcome of a request isn't known yet", "kind", op.Kind, "reason", err.Error())
		return time.Minute, nil
	}
	watched := r.watches.look(intent, began)
	if found, err = r.unclaimed(ctx, purchase, found); err != nil {
		return 0, err
	}
	v := conclude(found, watched, supplier.Provider.Profile(), providers.OperationKind(op.Kind))
	switch {
	case v.adopt != nil:
		r.watches.forget(intent)
		return 0, c.end(ctx, purchase, v1alpha1.OperationDone, "the answer was lost, and the order shows that it is done; "+doneText(op, supplier.Provider.Profile(), nil), nil)
	case v.absent:
		r.watches.forget(intent)
		return 0, c.end(ctx, purchase, v1alpha1.OperationAbsent, "the answer was lost, and the order shows that nothing was done: ask again", nil)
	case v.hold != "":
		return heldInterval, c.note(ctx, purchase, fmt.Sprintf("the answer to %s was lost, and the reseller's API doesn't tell whether it is done: look it up in the reseller's panel and set spec.resolution, orderIDs to those of spec if it is done, absent: Confirmed if not", op.Kind))
	}
	return nextLook(Watch{Since: r.Now().Add(-watched), LastLook: r.Now()}).Sub(r.Now()), nil
}

// commandTrace is what is known of the open operation.
func commandTrace(p *v1alpha1.ResellerPurchase) providers.Trace {
	op := p.Spec.CommandOperation
	return providers.Trace{
		Kind: providers.OperationKind(op.Kind), IDs: ledger.IDs(p.Spec.OrderIDs), Reference: op.Reference,
		CSR: p.Spec.CSR, CommonName: p.Spec.CommonName, Names: p.Spec.Names, Product: p.Spec.Product, Since: op.IntendedAt.Time,
	}
}

// resolve carries out a person's word on the open operation. It is used once.
func (c *Clerk) resolve(ctx context.Context, purchase *v1alpha1.ResellerPurchase) error {
	word := purchase.Spec.Resolution
	if word.Absent == "" && !ledger.IDs(word.OrderIDs).Equal(ledger.IDs(purchase.Spec.OrderIDs)) {
		return c.note(ctx, purchase, "spec.resolution names another order than spec.orderIDs: it is about this operation")
	}
	outcome, message := v1alpha1.OperationDone, "a person confirmed that it is done"
	if word.Absent != "" {
		outcome, message = v1alpha1.OperationAbsent, "a person confirmed that it was not done"
	}
	if err := c.end(ctx, purchase, outcome, message, nil); err != nil {
		return err
	}
	return c.orders.resolved(ctx, purchase.Name, func(*v1alpha1.ResellerPurchaseSpec) {})
}
