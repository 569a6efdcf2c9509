// Package spending decides whether a purchase or a reissue is within the rules of an
// issuer. All it knows comes from the ledger; it is pure.
package spending

import (
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// The windows of the loop breaker.
const (
	purchaseWindow = 30 * 24 * time.Hour
	reissueWindow  = 7 * 24 * time.Hour
	attemptWindow  = 24 * time.Hour
)

// maxVainAttempts is how often names are tried again in a day where the reseller took no order
// and didn't say why.
const maxVainAttempts = 5

// Rule names the rule that a refusal rests on.
type Rule string

// The rules.
const (
	RuleBudget       Rule = "Budget"
	RuleLoopBreaker  Rule = "LoopBreaker"
	RulePriceLimit   Rule = "PriceLimit"
	RulePriceUnknown Rule = "PriceUnknown"
)

// Refusal says why money must not be spent now, and what to do.
type Refusal struct {
	Rule    Rule
	Message string
}

// Wanted is what is to be bought or reissued.
type Wanted struct {
	Issuer    v1alpha1.IssuerReference
	Namespace string
	Names     []string
	// Purchase that is reissued; its names may be others until then.
	Purchase string
	// Price that the reseller told, nil if it can't be known before.
	Price *v1alpha1.Money
}

// Purchase checks a purchase against the price limit, the loop breaker and the budgets.
// Ledger are all purchases of the account, read past the cache.
func Purchase(policy v1alpha1.PurchasePolicy, wanted Wanted, ledger []v1alpha1.ResellerPurchase, now time.Time) *Refusal {
	if refusal := WithinLimit(policy.PriceLimit, wanted.Price); refusal != nil {
		return refusal
	}
	if n := purchasesOf(ledger, wanted.Issuer, wanted.Names, now); n >= int(policy.LoopBreaker.MaxPurchases) {
		return &Refusal{RuleLoopBreaker, fmt.Sprintf("these names were bought %d times in the last 30 days (spec.purchase.loopBreaker.maxPurchases is %d): find out what asks again and again; raise the limit to go on", n, policy.LoopBreaker.MaxPurchases)}
	}
	if n, last := vainAttempts(ledger, wanted, now); n >= maxVainAttempts {
		return &Refusal{RuleLoopBreaker, fmt.Sprintf("%d attempts to buy these names in the last 24 hours came to nothing, the last one: %s; mend that, the next attempt follows by itself a day after the first", n, last)}
	}
	for i, budget := range policy.Budgets {
		if refusal := withinBudget(i, budget, wanted, ledger, now); refusal != nil {
			return refusal
		}
	}
	return nil
}

// Reissue checks a reissue against the loop breaker.
func Reissue(policy v1alpha1.PurchasePolicy, wanted Wanted, ledger []v1alpha1.ResellerPurchase, now time.Time) *Refusal {
	count := 0
	for i := range ledger {
		p := &ledger[i].Spec
		itself := wanted.Purchase != "" && ledger[i].Name == wanted.Purchase
		if p.IssuerRef != wanted.Issuer || !itself && !slices.Equal(p.Names, wanted.Names) {
			continue
		}
		for _, at := range p.Reissues {
			if now.Sub(at.Time) < reissueWindow {
				count++
			}
		}
	}
	if count < int(policy.LoopBreaker.MaxReissues) {
		return nil
	}
	return &Refusal{RuleLoopBreaker, fmt.Sprintf("these names were reissued %d times in the last 7 days (spec.purchase.loopBreaker.maxReissues is %d): find out what asks again and again; raise the limit to go on", count, policy.LoopBreaker.MaxReissues)}
}

// Counts reports whether a purchase counts as money spent: everything does that may
// have been paid, also where the outcome is open or the order ended later.
func Counts(p *v1alpha1.ResellerPurchaseSpec) bool {
	switch p.State {
	case v1alpha1.PurchaseRefused, v1alpha1.PurchaseAbsent, v1alpha1.PurchaseImporting:
		return false
	case v1alpha1.PurchaseIntended, v1alpha1.PurchaseBought, v1alpha1.PurchaseRejected,
		v1alpha1.PurchaseCancelled, v1alpha1.PurchaseExpired, v1alpha1.PurchaseGivenUp:
	}
	return true
}

// vainAttempts counts the purchases of the names that the reseller didn't take although it gave
// no clear refusal.
func vainAttempts(ledger []v1alpha1.ResellerPurchase, wanted Wanted, now time.Time) (int, string) {
	count, last := 0, ""
	for i := range ledger {
		p := &ledger[i].Spec
		if p.State == v1alpha1.PurchaseAbsent && p.IssuerRef == wanted.Issuer && slices.Equal(p.Names, wanted.Names) && now.Sub(p.IntendedAt.Time) < attemptWindow {
			count, last = count+1, p.Message
		}
	}
	return count, last
}

func purchasesOf(ledger []v1alpha1.ResellerPurchase, issuer v1alpha1.IssuerReference, names []string, now time.Time) int {
	count := 0
	for i := range ledger {
		p := &ledger[i].Spec
		if Counts(p) && p.IssuerRef == issuer && slices.Equal(p.Names, names) && now.Sub(p.IntendedAt.Time) < purchaseWindow {
			count++
		}
	}
	return count
}

// WithinLimit checks a price, nil if unknown, against a limit, nil for none.
func WithinLimit(limit, price *v1alpha1.Money) *Refusal {
	if limit == nil {
		return nil
	}
	if price == nil {
		return &Refusal{RulePriceUnknown, "spec.purchase.priceLimit is set, but the reseller does not tell the price before: remove the limit to buy at any price"}
	}
	compared, ok := compare(*price, *limit)
	if !ok {
		return &Refusal{RulePriceUnknown, fmt.Sprintf("the price %s can't be compared with spec.purchase.priceLimit %s: state the limit in the currency of the account", text(*price), text(*limit))}
	}
	if compared > 0 {
		return &Refusal{RulePriceLimit, fmt.Sprintf("the price %s is above spec.purchase.priceLimit %s", text(*price), text(*limit))}
	}
	return nil
}

func withinBudget(index int, budget v1alpha1.Budget, wanted Wanted, ledger []v1alpha1.ResellerPurchase, now time.Time) *Refusal {
	var spent []*v1alpha1.ResellerPurchaseSpec
	for i := range ledger {
		p := &ledger[i].Spec
		if Counts(p) && p.IssuerRef == wanted.Issuer && now.Sub(p.IntendedAt.Time) < budget.Window.Duration &&
			(budget.Scope != v1alpha1.BudgetPerNamespace || p.OrderNamespace == wanted.Namespace) {
			spent = append(spent, p)
		}
	}
	spent = append(spent, added(budget, wanted, ledger, now)...)
	field := fmt.Sprintf("spec.purchase.budgets[%d]", index)
	if budget.MaxPurchases != nil && len(spent) >= int(*budget.MaxPurchases) {
		return &Refusal{RuleBudget, fmt.Sprintf("%s allows %d purchase(s) in %s and %d were made: wait or raise it", field, *budget.MaxPurchases, budget.Window.Duration, len(spent))}
	}
	if budget.MaxAmount == nil {
		return nil
	}
	return withinAmount(field, budget, wanted.Price, spent)
}

func withinAmount(field string, budget v1alpha1.Budget, price *v1alpha1.Money, spent []*v1alpha1.ResellerPurchaseSpec) *Refusal {
	total := decimal.Zero
	prices := []*v1alpha1.Money{price}
	for _, p := range spent {
		if p.Price != nil {
			prices = append(prices, p.Price)
		} else {
			prices = append(prices, p.ExpectedPrice)
		}
	}
	for _, m := range prices {
		if m == nil {
			return &Refusal{RulePriceUnknown, fmt.Sprintf("%s.maxAmount is set, but the price of this or an earlier purchase in its window is not known: limit by maxPurchases instead", field)}
		}
		if _, ok := compare(*m, *budget.MaxAmount); !ok {
			return &Refusal{RulePriceUnknown, fmt.Sprintf("the price %s can't be compared with %s.maxAmount %s: state it in the currency of the account", text(*m), field, text(*budget.MaxAmount))}
		}
		total = total.Add(decimal.RequireFromString(m.Amount))
	}
	if total.GreaterThan(decimal.RequireFromString(budget.MaxAmount.Amount)) {
		return &Refusal{RuleBudget, fmt.Sprintf("%s allows %s in %s and with this purchase %s would be spent: wait or raise it", field, text(*budget.MaxAmount), budget.Window.Duration, total)}
	}
	return nil
}

// compare is false if the amounts aren't of the same currency or not numbers. A reseller
// that tells no currency means that of the account, as the issuer's owner does.
func compare(a, b v1alpha1.Money) (int, bool) {
	if a.Currency != "" && b.Currency != "" && a.Currency != b.Currency {
		return 0, false
	}
	x, errX := decimal.NewFromString(a.Amount)
	y, errY := decimal.NewFromString(b.Amount)
	if errX != nil || errY != nil {
		return 0, false
	}
	return x.Cmp(y), true
}

func text(m v1alpha1.Money) string {
	if m.Currency == "" {
		return m.Amount
	}
	return m.Amount + " " + m.Currency
}
