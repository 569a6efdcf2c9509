package spending

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

func TestAddition(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	issuer := v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: "team", Name: "shop"}
	euros := func(amount string) *v1alpha1.Money { return &v1alpha1.Money{Amount: amount, Currency: "EUR"} }
	addition := func(age time.Duration, price *v1alpha1.Money) v1alpha1.PurchaseAddition {
		return v1alpha1.PurchaseAddition{ID: "a", Count: 1, At: metav1.NewTime(now.Add(-age)), Price: price}
	}
	// Bought long ago; what is added to it is new.
	ledger := func(ref v1alpha1.IssuerReference, namespace string, additions ...v1alpha1.PurchaseAddition) []v1alpha1.ResellerPurchase {
		return []v1alpha1.ResellerPurchase{{Spec: v1alpha1.ResellerPurchaseSpec{
			IssuerRef: ref, OrderNamespace: namespace, State: v1alpha1.PurchaseBought, Price: euros("100"),
			IntendedAt: metav1.NewMicroTime(now.Add(-90 * 24 * time.Hour)), Additions: additions,
		}}}
	}
	amount := v1alpha1.Budget{Window: metav1.Duration{Duration: 24 * time.Hour}, MaxAmount: euros("10")}
	two := int32(2)
	count := v1alpha1.Budget{Window: metav1.Duration{Duration: 24 * time.Hour}, MaxPurchases: &two}
	perNamespace := amount
	perNamespace.Scope = v1alpha1.BudgetPerNamespace
	cases := map[string]struct {
		limit  *v1alpha1.Money
		budget v1alpha1.Budget
		price  *v1alpha1.Money
		ledger []v1alpha1.ResellerPurchase
		want   Rule
	}{
		"within":                      {nil, amount, euros("4"), ledger(issuer, "team", addition(time.Hour, euros("6"))), ""},
		"too much":                    {nil, amount, euros("5"), ledger(issuer, "team", addition(time.Hour, euros("6"))), RuleBudget},
		"long ago":                    {nil, amount, euros("5"), ledger(issuer, "team", addition(25*time.Hour, euros("6"))), ""},
		"of another issuer":           {nil, amount, euros("5"), ledger(v1alpha1.IssuerReference{Name: "b"}, "team", addition(time.Hour, euros("6"))), ""},
		"of another namespace":        {nil, perNamespace, euros("5"), ledger(issuer, "other", addition(time.Hour, euros("6"))), ""},
		"price unknown":               {nil, amount, nil, nil, RulePriceUnknown},
		"an earlier price unknown":    {nil, amount, euros("5"), ledger(issuer, "team", addition(time.Hour, nil)), RulePriceUnknown},
		"price unknown, no rule":      {nil, count, nil, nil, ""},
		"above the limit":             {euros("4"), count, euros("5"), nil, RulePriceLimit},
		"limited and price unknown":   {euros("4"), count, nil, nil, RulePriceUnknown},
		"each counts like a purchase": {nil, count, nil, ledger(issuer, "team", addition(time.Hour, nil), addition(time.Minute, nil)), RuleBudget},
	}
	for name, tc := range cases {
		policy := v1alpha1.PurchasePolicy{PriceLimit: tc.limit, Budgets: []v1alpha1.Budget{tc.budget}}
		refusal := Addition(policy, Wanted{Issuer: issuer, Namespace: "team", Price: tc.price}, tc.ledger, now)
		if tc.want == "" {
			assert.Nil(t, refusal, name)
			continue
		}
		if assert.NotNil(t, refusal, name) {
			assert.Equal(t, tc.want, refusal.Rule, name)
		}
	}
}
