package spending

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

func TestUsed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	ref := v1alpha1.IssuerReference{Kind: "ResellerClusterIssuer", Name: "shop"}
	purchase := func(namespace string, age time.Duration, state v1alpha1.PurchaseState, price, expected *v1alpha1.Money) v1alpha1.ResellerPurchase {
		return v1alpha1.ResellerPurchase{Spec: v1alpha1.ResellerPurchaseSpec{
			IssuerRef: ref, OrderNamespace: namespace, IntendedAt: metav1.NewMicroTime(now.Add(-age)),
			State: state, Price: price, ExpectedPrice: expected,
		}}
	}
	euro := func(amount string) *v1alpha1.Money { return &v1alpha1.Money{Amount: amount, Currency: "EUR"} }
	other := purchase("a", time.Hour, v1alpha1.PurchaseBought, euro("100"), nil)
	other.Spec.IssuerRef.Name = "other"
	widened := purchase("a", 48*time.Hour, v1alpha1.PurchaseBought, euro("50"), nil)
	widened.Spec.Additions = []v1alpha1.PurchaseAddition{
		{At: metav1.NewTime(now.Add(-time.Minute)), Price: euro("2")}, {At: metav1.NewTime(now.Add(-30 * time.Hour)), Price: euro("60")},
	}
	ledger := []v1alpha1.ResellerPurchase{
		other, widened,
		purchase("a", time.Hour, v1alpha1.PurchaseBought, euro("5.20"), euro("9")),
		purchase("a", time.Hour, v1alpha1.PurchaseIntended, nil, euro("4.80")),
		purchase("a", 25*time.Hour, v1alpha1.PurchaseBought, euro("7"), nil),
		purchase("a", time.Hour, v1alpha1.PurchaseRefused, nil, euro("7")),
		purchase("b", time.Hour, v1alpha1.PurchaseBought, euro("30.00"), nil),
		purchase("b", time.Hour, v1alpha1.PurchaseCancelled, nil, nil),
		purchase("c", time.Hour, v1alpha1.PurchaseBought, &v1alpha1.Money{Amount: "50", Currency: "USD"}, nil),
		purchase("a", time.Hour, v1alpha1.PurchaseExpired, &v1alpha1.Money{Amount: "1"}, nil),
	}
	for name, tc := range map[string]struct {
		budget    v1alpha1.Budget
		purchases int
		amount    string
	}{
		"issuer":         {v1alpha1.Budget{Scope: v1alpha1.BudgetPerIssuer, MaxAmount: euro("1")}, 7, "43"},
		"namespace":      {v1alpha1.Budget{Scope: v1alpha1.BudgetPerNamespace, MaxAmount: euro("1")}, 4, "30"},
		"no amount":      {v1alpha1.Budget{Scope: v1alpha1.BudgetPerIssuer}, 7, "0"},
		"other currency": {v1alpha1.Budget{Scope: v1alpha1.BudgetPerIssuer, MaxAmount: &v1alpha1.Money{Amount: "1", Currency: "USD"}}, 7, "51"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.budget.Window = metav1.Duration{Duration: 24 * time.Hour}
			used := Used(tc.budget, ref, ledger, now)
			assert.Equal(t, tc.purchases, used.Purchases)
			assert.Equal(t, tc.amount, used.Amount.String())
		})
	}
}
