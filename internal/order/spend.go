package order

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/order/spending"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// buyerBusy is how long to wait for another buyer of the same account.
const buyerBusy = 2 * time.Second

// asBuyer runs do while no other order of the account is bought or reissued. Before that
// everything is read again past the cache, and the decision must still be the same.
func (r *Reconciler) asBuyer(ctx context.Context, s *scope, decided Action, do func() (outcome, error)) (outcome, error) {
	key := s.supplier.Provider.Account().Key()
	if !r.buyers.try(key) {
		return outcome{after: buyerBusy}, nil
	}
	defer r.buyers.release(key)
	if err := r.gatherUncached(ctx, s); err != nil {
		return outcome{}, err
	}
	if s.supplier == nil || s.supplier.Provider.Account().Key() != key || !reflect.DeepEqual(next(s.view), decided) {
		// The cache is behind; deciding at once would only be more of the same.
		return outcome{after: time.Second}, nil
	}
	return do()
}

// pay makes the purchase: rules, intent, call, outcome.
func (r *Reconciler) pay(ctx context.Context, s *scope, action Pay) (outcome, error) {
	return r.asBuyer(ctx, s, action, func() (outcome, error) {
		request := providerRequest(s)
		all, err := r.Ledger.ByAccount(ctx, s.view.Issuer.Account)
		if err != nil {
			return outcome{}, err
		}
		if refusal := spending.Purchase(s.view.Issuer.Policy, wantedPurchase(s), all, s.view.Now); refusal != nil {
			return refused(s, refusal), nil
		}
		// One turn is for both calls: on a slow account the second would never get its own.
		release, wait := r.Limits.Reserve(s.supplier.Provider.Account().Key())
		if release == nil {
			return outcome{after: max(wait, 100*time.Millisecond)}, nil
		}
		if action.Renews != "" {
			if instead, err := r.confirm(ctx, s, s.view.purchase(action.Renews), release); instead != nil {
				return *instead, err
			}
		}
		spec := r.purchaseSpec(s, action)
		if spec.Before, err = snapshot(ctx, s, request); err != nil {
			release(err)
			return callFailed(s, err), nil
		}
		placed, purchase, err := r.payOnce(ctx, s, spec, request)
		release(err)
		return r.paid(ctx, s, purchase, placed, err)
	})
}

// snapshot is what the account looks like before the paying call, nil where the provider
// has no use for it.
func snapshot(ctx context.Context, s *scope, request providers.Request) (*v1alpha1.PurchaseSnapshot, error) {
	snapshotter, ok := s.supplier.Provider.(providers.Snapshotter)
	if !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.view.Issuer.Profile.CallTimeout)
	defer cancel()
	before, err := snapshotter.Snapshot(ctx, request)
	if err != nil {
		return nil, err
	}
	return snapshotOf(before), nil
}

// unsentError says why a call was not made although its intent is stored.
type unsentError struct {
	// refusal is nil if the rules couldn't be asked.
	refusal *spending.Refusal
	cause   error
}

func (e *unsentError) Error() string {
	if e.refusal != nil {
		return e.refusal.Message
	}
	return e.cause.Error()
}

func (e *unsentError) Unwrap() error { return e.cause }

// payOnce writes the intent and makes the call. From the intent on, the end of the
// process's leadership or a shutdown doesn't interrupt: the call is bounded in time.
func (r *Reconciler) payOnce(ctx context.Context, s *scope, spec v1alpha1.ResellerPurchaseSpec, request providers.Request) (providers.Placed, *v1alpha1.ResellerPurchase, error) {
	purchase, intent, err := r.Ledger.Intend(ctx, spec, s.view.Purchases)
	if err != nil {
		return providers.Placed{}, nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.view.Issuer.Profile.CallTimeout)
	defer cancel()
	if err := r.stillAffordable(ctx, s, purchase.Name); err != nil {
		return providers.Placed{}, purchase, err
	}
	if spec.Kind == v1alpha1.PurchaseRenewal {
		renewed := s.view.purchase(spec.Renews)
		placed, err := s.supplier.Provider.(providers.Renewer).Renew(ctx, intent, ledger.IDs(renewed.Spec.OrderIDs), request)
		return placed, purchase, err
	}
	placed, err := s.supplier.Provider.Buy(ctx, intent, request)
	return placed, purchase, err
}

// stillAffordable counts again once the intent is stored. The section in which one order of an
// account buys is that of a process; another one that also believes to lead, because it
// just took over or was just replaced, counts this intent or is counted here.
func (r *Reconciler) stillAffordable(ctx context.Context, s *scope, intent string) error {
	all, err := r.Ledger.ByAccount(ctx, s.view.Issuer.Account)
	if err != nil {
		return &unsentError{cause: err}
	}
	others := slices.DeleteFunc(all, func(p v1alpha1.ResellerPurchase) bool { return p.Name == intent })
	if refusal := spending.Purchase(s.view.Issuer.Policy, wantedPurchase(s), others, s.view.Now); refusal != nil {
		return &unsentError{refusal: refusal}
	}
	return nil
}

// paid records the outcome of a paying call.
func (r *Reconciler) paid(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase, placed providers.Placed, err error) (outcome, error) {
	s.wrote = true
	if purchase == nil {
		if apierrors.IsAlreadyExists(err) {
			return outcome{after: time.Second}, nil
		}
		return outcome{}, err
	}
	ctx = context.WithoutCancel(ctx)
	if unsent, ok := errors.AsType[*unsentError](err); ok {
		return r.unsent(ctx, s, purchase.Name, unsent)
	}
	logger := log.FromContext(ctx).WithValues("purchase", purchase.Name)
	switch kind := providers.KindOf(err); kind {
	case "":
		err := r.record(ctx, s, purchase.Name, func(ctx context.Context) error {
			return r.Ledger.Bought(ctx, purchase.Name, placed)
		})
		if err != nil {
			logger.Error(err, "bought, but the ledger can't be written", "order", describe(placed.IDs))
			return outcome{}, err
		}
		price := ledger.Money(placed.Price)
		if price == nil {
			price = purchase.Spec.ExpectedPrice
		}
		logger.Info("bought", "order", describe(placed.IDs), "product", purchase.Spec.Product)
		s.note("Purchased", "bought product %s for %s: %s, ResellerPurchase %s", purchase.Spec.Product, priceText(price), describe(placed.IDs), purchase.Name)
		return r.ordered(ctx, s, purchase.Name, placed)
	case providers.Ambiguous:
		logger.Info("outcome of the purchase is not known", "reason", err.Error())
		s.events = append(s.events, happening{warning: true, reason: "PurchaseUncertain", message: clip("the answer to a purchase was lost; looking for the order, nothing is bought again: " + err.Error())})
		if err := r.Ledger.Note(ctx, purchase.Name, err.Error()); err != nil {
			logger.Error(err, "note the uncertain purchase")
		}
		return wait(s, ReasonRecovering, "the answer to the purchase was lost; looking for the order at the reseller", time.Second), nil
	default:
		state := v1alpha1.PurchaseRefused
		if kind == providers.Rejected {
			// The order was taken first: whether it was charged is for a person to find out.
			state = v1alpha1.PurchaseRejected
		}
		message := err.Error()
		if err := r.record(ctx, s, purchase.Name, func(ctx context.Context) error {
			return r.Ledger.Closed(ctx, purchase.Name, state, message)
		}); err != nil {
			return outcome{}, err
		}
		if err := r.Ledger.Prune(ctx, s.view.Purchases); err != nil {
			logger.Error(err, "remove earlier refusals from the ledger")
		}
		return refusedByReseller(s, err), nil
	}
}

// unsent takes an intent back of which this process knows that it never left.
func (r *Reconciler) unsent(ctx context.Context, s *scope, intent string, unsent *unsentError) (outcome, error) {
	err := r.record(ctx, s, intent, func(ctx context.Context) error {
		return r.Ledger.Closed(ctx, intent, v1alpha1.PurchaseRefused, "nothing was sent: "+unsent.Error())
	})
	switch {
	case err != nil:
		return outcome{}, err
	case unsent.refusal == nil:
		return outcome{}, unsent
	}
	return refused(s, unsent.refusal), nil
}

// refusedByReseller starts over with the checks that cost nothing, so that an account
// without money or a reseller that is down isn't asked to sell again and again.
func refusedByReseller(s *scope, err error) outcome {
	result := callFailed(s, err)
	if issuance := s.order.Status.Issuance; issuance.State != v1alpha1.OrderFailed {
		issuance.State, issuance.Since = v1alpha1.OrderPreflight, metav1.NewTime(s.view.Now)
	}
	return result
}

// ordered goes on to validation under a purchase that is known now.
func (r *Reconciler) ordered(ctx context.Context, s *scope, purchase string, placed providers.Placed) (outcome, error) {
	s.order.Status.Issuance.Purchase = purchase
	moveTo(s, v1alpha1.OrderValidating)
	if err := r.setChallenges(ctx, s, placed.Challenges); err != nil {
		return outcome{}, err
	}
	return goOn, r.refresh(ctx, s)
}

// refresh waits for no cache: what was just written to the ledger is read back.
func (r *Reconciler) refresh(ctx context.Context, s *scope) error {
	purchases, err := r.Ledger.ByKey(ctx, s.order.Spec.Key)
	if err != nil {
		return err
	}
	s.view.Purchases = purchases
	return nil
}

func refused(s *scope, refusal *spending.Refusal) outcome {
	reasons := map[spending.Rule]Reason{
		spending.RuleBudget:       ReasonBudgetExceeded,
		spending.RuleLoopBreaker:  ReasonLoopBreaker,
		spending.RulePriceLimit:   ReasonPriceAboveLimit,
		spending.RulePriceUnknown: ReasonPriceUnknown,
	}
	return hold(s, reasons[refusal.Rule], "nothing was bought: "+refusal.Message)
}

// wantedPurchase is the issuance as the spending rules see it.
func wantedPurchase(s *scope) spending.Wanted {
	return spending.Wanted{
		Issuer:    s.order.Spec.IssuerRef,
		Namespace: s.order.Namespace,
		Names:     s.order.Status.Issuance.Names,
		Purchase:  s.order.Status.Issuance.Purchase,
		Price:     s.order.Status.Issuance.Price,
	}
}

// purchaseSpec is what the ledger stores before the call.
func (r *Reconciler) purchaseSpec(s *scope, action Pay) v1alpha1.ResellerPurchaseSpec {
	issuance := s.order.Status.Issuance
	spec := v1alpha1.ResellerPurchaseSpec{
		Key:            s.order.Spec.Key,
		OrderNamespace: s.order.Namespace,
		OrderName:      s.order.Name,
		IssuerRef:      s.order.Spec.IssuerRef,
		Account:        s.view.Issuer.Account,
		Kind:           v1alpha1.PurchaseNew,
		Renews:         action.Renews,
		Product:        s.view.Issuer.Profile.Product,
		TermMonths:     s.supplier.Spec.Term.Months,
		Names:          issuance.Names,
		CommonName:     issuance.CommonName,
		CSR:            issuance.CSR,
		CSRDigest:      issuance.CSRDigest,
		Method:         issuance.Method,
		ExpectedPrice:  issuance.Price,
		PriceLimit:     s.view.Issuer.Policy.PriceLimit,
	}
	if action.Renews != "" {
		spec.Kind = v1alpha1.PurchaseRenewal
	}
	return spec
}

// maxSnapshot is how many orders the API's schema lets a snapshot have. What is left out
// only makes a search find more candidates.
const maxSnapshot = 10000

func snapshotOf(before providers.Snapshot) *v1alpha1.PurchaseSnapshot {
	ids := slices.Compact(slices.Sorted(slices.Values(before.OrderIDs)))
	return &v1alpha1.PurchaseSnapshot{OrderIDs: ids[:min(len(ids), maxSnapshot)], Balance: ledger.Money(before.Balance)}
}

func priceText(m *v1alpha1.Money) string {
	if m == nil {
		return "a price that the reseller did not tell"
	}
	return money(m)
}
