package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shopspring/decimal"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/spending"
)

// books are what is known of all purchases.
type books struct {
	states map[purchaseState]int
	open   map[string]int
	oldest time.Time
	made   map[window]int
	spent  map[window]decimal.Decimal
}

type purchaseState struct{ reseller, state string }

// window is a rolling window of an issuer, of one currency where it is about money.
type window struct {
	issuer         v1alpha1.IssuerReference
	currency, name string
}

func countPurchases(list []v1alpha1.ResellerPurchase, now time.Time, metrics chan<- prometheus.Metric) {
	b := books{
		states: map[purchaseState]int{}, open: map[string]int{},
		made: map[window]int{}, spent: map[window]decimal.Decimal{},
	}
	for _, kind := range intentKinds {
		b.open[kind] = 0
	}
	for i := range list {
		p := &list[i].Spec
		b.states[purchaseState{p.Account.Reseller, string(p.State)}]++
		b.addIntent(p)
		b.addSpend(p, now)
	}
	b.send(metrics)
}

// addIntent counts what was intended and has no outcome yet.
func (b *books) addIntent(p *v1alpha1.ResellerPurchaseSpec) {
	if p.State == v1alpha1.PurchaseIntended {
		b.openSince(string(p.Kind), p.IntendedAt.Time)
	}
	for _, op := range []*v1alpha1.PurchaseOperation{p.Operation, p.CommandOperation} {
		if op != nil && op.Outcome == v1alpha1.OperationIntended {
			b.openSince(string(op.Kind), op.IntendedAt.Time)
		}
	}
}

func (b *books) openSince(kind string, at time.Time) {
	b.open[kind]++
	if b.oldest.IsZero() || at.Before(b.oldest) {
		b.oldest = at
	}
}

// addSpend counts by the issuer's rolling windows; one without purchases in a short window
// has a zero there.
func (b *books) addSpend(p *v1alpha1.ResellerPurchaseSpec, now time.Time) {
	for _, payment := range spending.Payments(p) {
		paid, known := decimal.Zero, payment.Price != nil
		if known {
			var err error
			paid, err = decimal.NewFromString(payment.Price.Amount)
			known = err == nil
		}
		for _, w := range windows {
			within := now.Sub(payment.At) < w.length
			key := window{issuer: p.IssuerRef, name: w.name}
			if b.made[key] += 0; within {
				b.made[key]++
			}
			if !known {
				continue
			}
			key.currency = currency(payment.Price)
			if b.spent[key] = b.spent[key].Add(decimal.Zero); within {
				b.spent[key] = b.spent[key].Add(paid)
			}
		}
	}
}

func (b *books) send(metrics chan<- prometheus.Metric) {
	for s, n := range b.states {
		purchases.send(metrics, float64(n), s.reseller, s.state)
	}
	for kind, n := range b.open {
		openIntents.send(metrics, float64(n), kind)
	}
	if !b.oldest.IsZero() {
		oldestIntent.send(metrics, float64(b.oldest.Unix()))
	}
	for w, n := range b.made {
		made.send(metrics, float64(n), labels(w.issuer, w.name)...)
	}
	for w, sum := range b.spent {
		spend.send(metrics, sum.InexactFloat64(), labels(w.issuer, w.currency, w.name)...)
	}
}

func countBudgets(issuers []issuer, list []v1alpha1.ResellerPurchase, now time.Time, metrics chan<- prometheus.Metric) {
	for _, i := range issuers {
		for index, budget := range i.budgets {
			used := spending.Used(budget, i.ref, list, now)
			at := strconv.Itoa(index)
			if budget.MaxPurchases != nil {
				allowed := int(*budget.MaxPurchases)
				budgetPurchases.send(metrics, float64(allowed), labels(i.ref, at)...)
				budgetPurchasesLeft.send(metrics, float64(max(0, allowed-used.Purchases)), labels(i.ref, at)...)
			}
			if budget.MaxAmount == nil {
				continue
			}
			if allowed, err := decimal.NewFromString(budget.MaxAmount.Amount); err == nil {
				left := decimal.Max(decimal.Zero, allowed.Sub(used.Amount))
				budgetAmount.send(metrics, allowed.InexactFloat64(), labels(i.ref, at, currency(budget.MaxAmount))...)
				budgetAmountLeft.send(metrics, left.InexactFloat64(), labels(i.ref, at, currency(budget.MaxAmount))...)
			}
		}
	}
}
