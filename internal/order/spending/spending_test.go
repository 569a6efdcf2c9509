package spending

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

var (
	now    = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	issuer = v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: "team", Name: "shop"}
	names  = []string{"example.com", "www.example.com"}
)

const day = 24 * time.Hour

type edit = func(*v1alpha1.ResellerPurchaseSpec)

// bought is a purchase of the same names, some time ago.
func bought(ago time.Duration, edits ...edit) v1alpha1.ResellerPurchase {
	p := v1alpha1.ResellerPurchase{Spec: v1alpha1.ResellerPurchaseSpec{
		IssuerRef: issuer, OrderNamespace: "team", Names: names, State: v1alpha1.PurchaseBought,
		IntendedAt: metav1.NewMicroTime(now.Add(-ago)), Price: eur("5"),
	}}
	for _, e := range edits {
		e(&p.Spec)
	}
	return p
}

func eur(amount string) *v1alpha1.Money { return &v1alpha1.Money{Amount: amount, Currency: "EUR"} }

func in(state v1alpha1.PurchaseState) edit {
	return func(s *v1alpha1.ResellerPurchaseSpec) { s.State = state }
}

func cost(price, expected *v1alpha1.Money) edit {
	return func(s *v1alpha1.ResellerPurchaseSpec) { s.Price, s.ExpectedPrice = price, expected }
}

func otherNames(s *v1alpha1.ResellerPurchaseSpec)     { s.Names = []string{"example.org"} }
func otherNamespace(s *v1alpha1.ResellerPurchaseSpec) { s.OrderNamespace = "else" }
func otherIssuer(s *v1alpha1.ResellerPurchaseSpec)    { s.IssuerRef.Name = "else" }

func reissuedAt(agos ...time.Duration) edit {
	return func(s *v1alpha1.ResellerPurchaseSpec) {
		for _, ago := range agos {
			s.Reissues = append(s.Reissues, metav1.NewTime(now.Add(-ago)))
		}
	}
}

func policy(edits ...func(*v1alpha1.PurchasePolicy)) v1alpha1.PurchasePolicy {
	p := v1alpha1.PurchasePolicy{LoopBreaker: v1alpha1.LoopBreaker{MaxPurchases: 100, MaxReissues: 3}}
	for _, e := range edits {
		e(&p)
	}
	return p
}

func count(n int32, window time.Duration, scope v1alpha1.BudgetScope) func(*v1alpha1.PurchasePolicy) {
	return func(p *v1alpha1.PurchasePolicy) {
		p.Budgets = append(p.Budgets, v1alpha1.Budget{Window: metav1.Duration{Duration: window}, Scope: scope, MaxPurchases: &n})
	}
}

func amount(m *v1alpha1.Money) func(*v1alpha1.PurchasePolicy) {
	return func(p *v1alpha1.PurchasePolicy) {
		p.Budgets = append(p.Budgets, v1alpha1.Budget{Window: metav1.Duration{Duration: day}, MaxAmount: m})
	}
}

func breaker(n int32) func(*v1alpha1.PurchasePolicy) {
	return func(p *v1alpha1.PurchasePolicy) { p.LoopBreaker.MaxPurchases = n }
}

func limit(m *v1alpha1.Money) func(*v1alpha1.PurchasePolicy) {
	return func(p *v1alpha1.PurchasePolicy) { p.PriceLimit = m }
}

type ledger = []v1alpha1.ResellerPurchase

type purchaseCase struct {
	policy v1alpha1.PurchasePolicy
	price  *v1alpha1.Money
	ledger ledger
	want   Rule
	says   string
}

func checkPurchases(t *testing.T, cases map[string]purchaseCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Purchase(tc.policy, Wanted{Issuer: issuer, Namespace: "team", Names: names, Price: tc.price}, tc.ledger, now)
			if tc.want == "" {
				assert.Nil(t, got)
				return
			}
			if assert.NotNil(t, got) {
				assert.Equal(t, tc.want, got.Rule)
				assert.Contains(t, got.Message, tc.says)
				assert.Contains(t, got.Message, "spec.purchase.")
			}
		})
	}
}

func TestPriceLimit(t *testing.T) {
	t.Parallel()
	checkPurchases(t, map[string]purchaseCase{
		"no limit, no price":     {policy: policy()},
		"below":                  {policy: policy(limit(eur("5.20"))), price: eur("5.19")},
		"exactly":                {policy: policy(limit(eur("5.2"))), price: eur("5.20")},
		"above":                  {policy: policy(limit(eur("5.20"))), price: eur("5.21"), want: RulePriceLimit, says: "5.21 EUR"},
		"numbers, not texts":     {policy: policy(limit(eur("9"))), price: eur("10"), want: RulePriceLimit},
		"no price":               {policy: policy(limit(eur("5"))), want: RulePriceUnknown, says: "does not tell the price"},
		"other currency":         {policy: policy(limit(eur("5"))), price: &v1alpha1.Money{Amount: "1", Currency: "USD"}, want: RulePriceUnknown, says: "1 USD"},
		"no currency told":       {policy: policy(limit(eur("5"))), price: &v1alpha1.Money{Amount: "5"}},
		"no currency stated":     {policy: policy(limit(&v1alpha1.Money{Amount: "5"})), price: eur("6"), want: RulePriceLimit},
		"no number":              {policy: policy(limit(eur("5"))), price: eur("cheap"), want: RulePriceUnknown},
		"free":                   {policy: policy(limit(eur("0"))), price: eur("0.00")},
		"before all other rules": {policy: policy(limit(eur("1")), breaker(0), count(0, day, "")), price: eur("2"), want: RulePriceLimit},
	})
}

func TestLoopBreakerOfPurchases(t *testing.T) {
	t.Parallel()
	checkPurchases(t, map[string]purchaseCase{
		"first":           {policy: policy(breaker(1))},
		"second":          {policy: policy(breaker(2)), ledger: ledger{bought(day)}},
		"third":           {policy: policy(breaker(2)), ledger: ledger{bought(day), bought(2 * day)}, want: RuleLoopBreaker, says: "2 times"},
		"inside":          {policy: policy(breaker(1)), ledger: ledger{bought(30*day - 1)}, want: RuleLoopBreaker},
		"window over":     {policy: policy(breaker(1)), ledger: ledger{bought(30 * day)}},
		"other names":     {policy: policy(breaker(1)), ledger: ledger{bought(day, otherNames)}},
		"other issuer":    {policy: policy(breaker(1)), ledger: ledger{bought(day, otherIssuer)}},
		"other namespace": {policy: policy(breaker(1)), ledger: ledger{bought(day, otherNamespace)}, want: RuleLoopBreaker},
		"clock went back": {policy: policy(breaker(1)), ledger: ledger{bought(-time.Hour)}, want: RuleLoopBreaker},
	})
}

// Only what certainly cost nothing doesn't count.
func TestCounts(t *testing.T) {
	t.Parallel()
	for state, counts := range map[v1alpha1.PurchaseState]bool{
		v1alpha1.PurchaseIntended: true, v1alpha1.PurchaseBought: true, v1alpha1.PurchaseRefused: false, v1alpha1.PurchaseAbsent: false,
		v1alpha1.PurchaseRejected: true, v1alpha1.PurchaseCancelled: true, v1alpha1.PurchaseExpired: true,
	} {
		p := bought(time.Minute, in(state))
		assert.Equal(t, counts, Counts(&p.Spec), state)
		got := Purchase(policy(breaker(1)), Wanted{Issuer: issuer, Names: names}, ledger{p}, now)
		assert.Equal(t, counts, got != nil, "loop breaker: %s", state)
		got = Purchase(policy(count(1, day, "")), Wanted{Issuer: issuer, Names: names}, ledger{p}, now)
		assert.Equal(t, counts, got != nil, "budget: %s", state)
	}
}

func TestBudgetOfPurchases(t *testing.T) {
	t.Parallel()
	perNamespace := v1alpha1.BudgetPerNamespace
	checkPurchases(t, map[string]purchaseCase{
		"none at all":               {policy: policy(count(0, day, "")), want: RuleBudget, says: "budgets[0] allows 0"},
		"one left":                  {policy: policy(count(2, day, "")), ledger: ledger{bought(time.Hour, otherNames)}},
		"used up":                   {policy: policy(count(2, day, "")), ledger: ledger{bought(time.Hour, otherNames), bought(time.Hour)}, want: RuleBudget, says: "2 were made"},
		"inside":                    {policy: policy(count(1, day, "")), ledger: ledger{bought(day - 1)}, want: RuleBudget},
		"window over":               {policy: policy(count(1, day, "")), ledger: ledger{bought(day)}},
		"other issuer":              {policy: policy(count(1, day, "")), ledger: ledger{bought(time.Hour, otherIssuer)}},
		"other namespace counts":    {policy: policy(count(1, day, v1alpha1.BudgetPerIssuer)), ledger: ledger{bought(time.Hour, otherNamespace)}, want: RuleBudget},
		"per namespace, elsewhere":  {policy: policy(count(1, day, perNamespace)), ledger: ledger{bought(time.Hour, otherNamespace)}},
		"per namespace, here":       {policy: policy(count(1, day, perNamespace)), ledger: ledger{bought(time.Hour)}, want: RuleBudget},
		"every budget is asked":     {policy: policy(count(5, day, ""), count(1, 30*day, "")), ledger: ledger{bought(2 * day)}, want: RuleBudget, says: "budgets[1]"},
		"the message names the way": {policy: policy(count(1, day, "")), ledger: ledger{bought(time.Hour)}, want: RuleBudget, says: "wait or raise it"},
	})
}

func TestBudgetOfMoney(t *testing.T) {
	t.Parallel()
	usd := &v1alpha1.Money{Amount: "1", Currency: "USD"}
	checkPurchases(t, map[string]purchaseCase{
		"fits":                    {policy: policy(amount(eur("10"))), price: eur("5"), ledger: ledger{bought(time.Hour)}},
		"a cent too much":         {policy: policy(amount(eur("10"))), price: eur("5.01"), ledger: ledger{bought(time.Hour)}, want: RuleBudget, says: "10.01 would be spent"},
		"no binary fractions":     {policy: policy(amount(eur("0.3"))), price: eur("0.1"), ledger: ledger{bought(time.Hour, cost(eur("0.2"), nil))}},
		"window over":             {policy: policy(amount(eur("5"))), price: eur("5"), ledger: ledger{bought(day)}},
		"own price unknown":       {policy: policy(amount(eur("10"))), want: RulePriceUnknown, says: "maxPurchases"},
		"open intent at full":     {policy: policy(amount(eur("10"))), price: eur("5"), ledger: ledger{bought(time.Hour, in(v1alpha1.PurchaseIntended), cost(nil, eur("6")))}, want: RuleBudget},
		"the real price wins":     {policy: policy(amount(eur("10"))), price: eur("5"), ledger: ledger{bought(time.Hour, cost(eur("5"), eur("6")))}},
		"earlier price unknown":   {policy: policy(amount(eur("10"))), price: eur("5"), ledger: ledger{bought(time.Hour, cost(nil, nil))}, want: RulePriceUnknown},
		"unknown, but nothing":    {policy: policy(amount(eur("10"))), price: eur("5"), ledger: ledger{bought(time.Hour, in(v1alpha1.PurchaseRefused), cost(nil, nil))}},
		"own currency differs":    {policy: policy(amount(eur("10"))), price: usd, want: RulePriceUnknown, says: "1 USD"},
		"earlier currency":        {policy: policy(amount(eur("10"))), price: eur("1"), ledger: ledger{bought(time.Hour, cost(usd, nil))}, want: RulePriceUnknown},
		"currencies not told":     {policy: policy(amount(&v1alpha1.Money{Amount: "10"})), price: eur("5"), ledger: ledger{bought(time.Hour, cost(&v1alpha1.Money{Amount: "6"}, nil))}, want: RuleBudget},
		"a limit that is no sum":  {policy: policy(amount(eur("ten"))), price: eur("5"), want: RulePriceUnknown},
		"an amount that is none":  {policy: policy(amount(eur("10"))), price: eur("five"), want: RulePriceUnknown},
		"a rejected order was it": {policy: policy(amount(eur("9"))), price: eur("5"), ledger: ledger{bought(time.Hour, in(v1alpha1.PurchaseRejected))}, want: RuleBudget},
	})
}

func TestLoopBreakerOfReissues(t *testing.T) {
	t.Parallel()
	week := 7 * day
	cases := map[string]struct {
		ledger ledger
		refuse bool
	}{
		"none":              {ledger: ledger{bought(day)}},
		"room for one":      {ledger: ledger{bought(day, reissuedAt(time.Hour, 2*time.Hour))}},
		"used up":           {ledger: ledger{bought(day, reissuedAt(time.Hour, 2*time.Hour, 3*time.Hour))}, refuse: true},
		"inside":            {ledger: ledger{bought(day, reissuedAt(week-1, time.Hour, time.Hour))}, refuse: true},
		"window over":       {ledger: ledger{bought(day, reissuedAt(week, time.Hour, time.Hour))}},
		"across purchases":  {ledger: ledger{bought(day, reissuedAt(time.Hour)), bought(day, reissuedAt(time.Hour, time.Hour))}, refuse: true},
		"of other names":    {ledger: ledger{bought(day, otherNames, reissuedAt(time.Hour, time.Hour, time.Hour))}},
		"of another issuer": {ledger: ledger{bought(day, otherIssuer, reissuedAt(time.Hour, time.Hour, time.Hour))}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Reissue(policy(), Wanted{Issuer: issuer, Names: names}, tc.ledger, now)
			if !tc.refuse {
				assert.Nil(t, got)
				return
			}
			if assert.NotNil(t, got) {
				assert.Equal(t, RuleLoopBreaker, got.Rule)
				assert.Contains(t, got.Message, "maxReissues is 3")
			}
		})
	}
}

func TestVainAttempts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	issuer := v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: "shop", Name: "i"}
	wanted := Wanted{Issuer: issuer, Namespace: "shop", Names: []string{"a.example.com"}}
	policy := v1alpha1.PurchasePolicy{LoopBreaker: v1alpha1.LoopBreaker{MaxPurchases: 2, MaxReissues: 5}}
	var ledger []v1alpha1.ResellerPurchase
	for i := range maxVainAttempts {
		require.Nil(t, Purchase(policy, wanted, ledger, now), "%d attempts", i)
		ledger = append(ledger, v1alpha1.ResellerPurchase{Spec: v1alpha1.ResellerPurchaseSpec{
			IssuerRef: issuer, Names: wanted.Names, State: v1alpha1.PurchaseAbsent, Message: "error 17",
			IntendedAt: metav1.NewMicroTime(now.Add(-time.Hour)),
		}})
	}
	refusal := Purchase(policy, wanted, ledger, now)
	require.NotNil(t, refusal)
	assert.Equal(t, RuleLoopBreaker, refusal.Rule)
	assert.Contains(t, refusal.Message, "error 17")
	assert.Nil(t, Purchase(policy, wanted, ledger, now.Add(23*time.Hour)), "a day later")
}
