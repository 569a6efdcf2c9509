package order

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/order/spending"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// alone does something with a purchase while nothing else is bought or changed at the account.
// The purchase is read again past the cache before.
func (c *Clerk) alone(ctx context.Context, seen *v1alpha1.ResellerPurchase, supplier *Supplier, do func(*v1alpha1.ResellerPurchase) (time.Duration, error)) (time.Duration, error) {
	account := supplier.Provider.Account().Key()
	if !c.orders.buyers.try(account) {
		return buyerBusy, nil
	}
	defer c.orders.buyers.release(account)
	purchase, err := c.orders.Ledger.Get(ctx, seen.Name)
	if err != nil {
		return 0, err
	}
	if purchase.ResourceVersion != seen.ResourceVersion {
		// The cache is behind: the newer object comes through the watch.
		return time.Second, nil
	}
	return do(purchase)
}

// operate makes the call of a command that can't be repeated.
func (c *Clerk) operate(ctx context.Context, purchase *v1alpha1.ResellerPurchase, supplier *Supplier) (time.Duration, error) {
	r := c.orders
	// One turn is for the price and the call: on a slow account the second would never get its own.
	release, wait := r.Limits.Reserve(supplier.Provider.Account().Key())
	if release == nil {
		return max(wait, 100*time.Millisecond), nil
	}
	price, refusal, err := c.priceOfNames(ctx, purchase, supplier)
	if err != nil || refusal != "" {
		release(err)
		if err != nil {
			return 0, err
		}
		return 0, c.answer(ctx, purchase, v1alpha1.CommandRefused, refusal)
	}
	intended, intent, err := r.Ledger.IntendCommand(ctx, purchase, price)
	if err != nil {
		release(nil)
		if errors.Is(err, ledger.ErrOpenIntent) {
			return time.Second, nil
		}
		return 0, err
	}
	callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), supplier.Provider.Profile().CallTimeout)
	defer cancel()
	placed, err := carryOut(callCtx, supplier.Provider, intent, intended)
	release(err)
	return c.operated(ctx, intended, supplier, placed, err)
}

// carryOut makes the call of an operation that was intended.
func carryOut(ctx context.Context, provider providers.Provider, intent *providers.Intent, p *v1alpha1.ResellerPurchase) (providers.Placed, error) {
	op, ids := p.Spec.CommandOperation, ledger.IDs(p.Spec.OrderIDs)
	switch op.Kind {
	case v1alpha1.PurchaseOperationCancel:
		return providers.Placed{}, provider.(providers.Canceller).Cancel(ctx, intent, ids)
	case v1alpha1.PurchaseOperationRevoke:
		return providers.Placed{}, provider.(providers.Revoker).Revoke(ctx, intent, ids, op.Serial)
	case v1alpha1.PurchaseOperationAddNames:
		return provider.(providers.NameAdder).AddNames(ctx, intent, ids, int(op.Command.Count))
	case v1alpha1.PurchaseOperationReissue, v1alpha1.PurchaseOperationEnrol:
	}
	return providers.Placed{}, &providers.Error{Kind: providers.Invalid, Provider: p.Spec.Account.Reseller, Operation: string(op.Kind), Message: "this is not done on request"}
}

// operated records the outcome of the call.
func (c *Clerk) operated(ctx context.Context, purchase *v1alpha1.ResellerPurchase, supplier *Supplier, placed providers.Placed, err error) (time.Duration, error) {
	ctx = context.WithoutCancel(ctx)
	switch providers.KindOf(err) {
	case "":
		price := ledger.Money(placed.Price)
		return 0, c.end(ctx, purchase, v1alpha1.OperationDone, doneText(purchase.Spec.CommandOperation, supplier.Provider.Profile(), price), price)
	case providers.Ambiguous:
		if noted := c.note(ctx, purchase, err.Error()); noted != nil {
			log.FromContext(ctx).Error(noted, "note the uncertain operation", "kind", purchase.Spec.CommandOperation.Kind)
		}
		return time.Second, nil
	default:
		return 0, c.end(ctx, purchase, v1alpha1.OperationRefused, err.Error(), nil)
	}
}

// end stores the outcome of the open operation, and tells who asked for it.
func (c *Clerk) end(ctx context.Context, purchase *v1alpha1.ResellerPurchase, outcome v1alpha1.OperationOutcome, message string, price *v1alpha1.Money) error {
	op := purchase.Spec.CommandOperation
	err := c.orders.record(ctx, &scope{}, purchase.Name+"/"+op.ID, func(ctx context.Context) error {
		return c.orders.Ledger.CommandEnded(ctx, purchase.Name, op.ID, outcome, message, price)
	})
	if err != nil {
		return err
	}
	result := v1alpha1.CommandFailed
	if outcome == v1alpha1.OperationDone {
		result = v1alpha1.CommandDone
	}
	if op.Command != nil {
		c.tell(ctx, purchase, op.Command, result, message)
	}
	return nil
}

// note keeps what is known of the open operation.
func (c *Clerk) note(ctx context.Context, purchase *v1alpha1.ResellerPurchase, message string) error {
	return c.orders.Ledger.Update(ctx, purchase.Name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		op := spec.CommandOperation
		if op == nil || op.Outcome != v1alpha1.OperationIntended || op.Message == clip(message) {
			return false
		}
		op.Message = clip(message)
		return true
	})
}

// doneText says what the vendor's call does.
func doneText(op *v1alpha1.PurchaseOperation, profile providers.Profile, price *v1alpha1.Money) string {
	switch op.Kind {
	case v1alpha1.PurchaseOperationCancel:
		return "the reseller took the cancellation; " + profile.CancelEffect
	case v1alpha1.PurchaseOperationRevoke:
		return fmt.Sprintf("certificate %s is revoked; %s", op.Serial, profile.RevokeEffect)
	case v1alpha1.PurchaseOperationAddNames:
		return fmt.Sprintf("bought room for %d more name(s) for %s", op.Command.Count, priceText(price))
	case v1alpha1.PurchaseOperationReissue, v1alpha1.PurchaseOperationEnrol:
	}
	return ""
}

// priceOfNames is what room for further names costs, nil if that can't be known, and why the
// issuer's rules forbid to buy it. Other commands cost nothing.
func (c *Clerk) priceOfNames(ctx context.Context, purchase *v1alpha1.ResellerPurchase, supplier *Supplier) (*v1alpha1.Money, string, error) {
	spec := &purchase.Spec
	if spec.Command.Verb != v1alpha1.PurchaseAddNames {
		return nil, "", nil
	}
	var price *v1alpha1.Money
	if pricer, ok := supplier.Provider.(providers.Pricer); ok {
		callCtx, cancel := context.WithTimeout(ctx, supplier.Provider.Profile().CallTimeout)
		defer cancel()
		var err error
		if price, err = differenceOfPrices(callCtx, pricer, spec); err != nil {
			return nil, "the price isn't known: " + err.Error(), nil
		}
	}
	all, err := c.orders.Ledger.ByAccount(ctx, spec.Account)
	if err != nil {
		return nil, "", err
	}
	wanted := spending.Wanted{Issuer: spec.IssuerRef, Namespace: spec.OrderNamespace, Names: spec.Names, Price: price}
	if refusal := spending.Addition(supplier.Spec.Purchase, wanted, all, c.orders.Now()); refusal != nil {
		return nil, refusal.Message, nil
	}
	return price, "", nil
}

// differenceOfPrices is the price with the further names less that without them: resellers tell
// only prices of whole orders. Nil if that isn't positive.
func differenceOfPrices(ctx context.Context, pricer providers.Pricer, spec *v1alpha1.ResellerPurchaseSpec) (*v1alpha1.Money, error) {
	request := providers.Request{
		CSR: spec.CSR, CommonName: spec.CommonName, Names: spec.Names,
		Method: providers.Method(spec.Method), TermMonths: int(spec.TermMonths),
	}
	without, err := pricer.Price(ctx, request)
	if err != nil {
		return nil, err
	}
	base := strings.TrimPrefix(spec.CommonName, "*.")
	request.Names = append([]string(nil), spec.Names...)
	for i := range int(spec.Command.Count) {
		request.Names = append(request.Names, fmt.Sprintf("name-%d.%s", i+1, base))
	}
	with, err := pricer.Price(ctx, request)
	if err != nil {
		return nil, err
	}
	with.Amount = with.Amount.Sub(without.Amount)
	if !with.Amount.IsPositive() {
		return nil, nil
	}
	return ledger.Money(&with), nil
}
