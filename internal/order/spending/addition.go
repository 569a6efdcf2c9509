package spending

import (
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Addition checks the purchase of room for further names against the price limit and the
// budgets, in which it counts like a purchase. Ledger are all purchases of the account,
// read past the cache.
func Addition(policy v1alpha1.PurchasePolicy, wanted Wanted, ledger []v1alpha1.ResellerPurchase, now time.Time) *Refusal {
	if refusal := WithinLimit(policy.PriceLimit, wanted.Price); refusal != nil {
		return refusal
	}
	for i, budget := range policy.Budgets {
		if refusal := withinBudget(i, budget, wanted, ledger, now); refusal != nil {
			return refusal
		}
	}
	return nil
}

// added are the additions that a budget counts, each as if it were a purchase of its own.
func added(budget v1alpha1.Budget, wanted Wanted, ledger []v1alpha1.ResellerPurchase, now time.Time) []*v1alpha1.ResellerPurchaseSpec {
	var spent []*v1alpha1.ResellerPurchaseSpec
	for i := range ledger {
		p := &ledger[i].Spec
		if p.IssuerRef != wanted.Issuer || budget.Scope == v1alpha1.BudgetPerNamespace && p.OrderNamespace != wanted.Namespace {
			continue
		}
		for _, addition := range p.Additions {
			if now.Sub(addition.At.Time) < budget.Window.Duration {
				spent = append(spent, &v1alpha1.ResellerPurchaseSpec{Price: addition.Price})
			}
		}
	}
	return spent
}
