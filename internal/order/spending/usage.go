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
		if p.IssuerRef != issuer {
			continue
		}
		group := ""
		if budget.Scope == v1alpha1.BudgetPerNamespace {
			group = p.OrderNamespace
		}
		for _, payment := range Payments(p) {
			if now.Sub(payment.At) >= budget.Window.Duration {
				continue
			}
			used := groups[group]
			used.Purchases++
			if payment.Price != nil && budget.MaxAmount != nil {
				if _, ok := compare(*payment.Price, *budget.MaxAmount); ok {
					used.Amount = used.Amount.Add(decimal.RequireFromString(payment.Price.Amount))
				}
			}
			groups[group] = used
		}
	}
	var most Usage
	for _, used := range groups {
		most.Purchases = max(most.Purchases, used.Purchases)
		most.Amount = decimal.Max(most.Amount, used.Amount)
	}
	return most
}

// Payment is something that was or may have been paid.
type Payment struct {
	At time.Time
	// Price is the expected one as long as the real one isn't known, nil if neither is.
	Price *v1alpha1.Money
}

// Payments are all that a purchase has cost: itself, and the room for further names.
func Payments(p *v1alpha1.ResellerPurchaseSpec) []Payment {
	var list []Payment
	if Counts(p) {
		price := p.Price
		if price == nil {
			price = p.ExpectedPrice
		}
		list = append(list, Payment{p.IntendedAt.Time, price})
	}
	for _, addition := range p.Additions {
		list = append(list, Payment{addition.At.Time, addition.Price})
	}
	return list
}
