package spending

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Usage is how much of a budget is used now.
type Usage struct {
	Purchases int
	// Amount is in the budget's currency. What can't be compared with it, or has no known
	// price, isn't in it.
	Amount decimal.Decimal
}

// Used tells how much of an issuer's budget is used. Of a budget by namespace it is what the
// namespace has used that used most, for count and amount each.
func Used(budget v1alpha1.Budget, issuer v1alpha1.IssuerReference, ledger []v1alpha1.ResellerPurchase, now time.Time) Usage {
	groups := map[string]Usage{}
	for i := range ledger {
		p := &ledger[i].Spec
		if !within(budget, issuer, p, now) {
			continue
		}
		group := ""
		if budget.Scope == v1alpha1.BudgetPerNamespace {
			group = p.OrderNamespace
		}
		used := groups[group]
		used.Purchases++
		if price := Paid(p); price != nil && budget.MaxAmount != nil {
			if _, ok := compare(*price, *budget.MaxAmount); ok {
				used.Amount = used.Amount.Add(decimal.RequireFromString(price.Amount))
			}
		}
		groups[group] = used
	}
	var most Usage
	for _, used := range groups {
		most.Purchases = max(most.Purchases, used.Purchases)
		most.Amount = decimal.Max(most.Amount, used.Amount)
	}
	return most
}

// Paid is the price of a purchase, the expected one as long as the real one isn't known, nil
// if neither is.
func Paid(p *v1alpha1.ResellerPurchaseSpec) *v1alpha1.Money {
	if p.Price != nil {
		return p.Price
	}
	return p.ExpectedPrice
}
