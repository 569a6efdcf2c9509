package metrics

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

var (
	now     = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	shop    = v1alpha1.IssuerReference{Kind: order.KindIssuer, Namespace: "team", Name: "shop"}
	all     = v1alpha1.IssuerReference{Kind: order.KindClusterIssuer, Name: "all"}
	account = providers.Account{Reseller: "cyberssl", Endpoint: "https://api.example", Name: "me@example.com"}
)

func at(d time.Duration) *metav1.Time { return new(metav1.NewTime(now.Add(d))) }

// objects are a cluster in which every metric has something to tell.
func objects() []client.Object {
	euro := func(amount string) *v1alpha1.Money { return &v1alpha1.Money{Amount: amount, Currency: "EUR"} }
	return []client.Object{
		&v1alpha1.ResellerIssuer{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "shop", UID: "shop"},
			Spec: v1alpha1.ResellerIssuerSpec{Purchase: v1alpha1.PurchasePolicy{Budgets: []v1alpha1.Budget{
				{Window: metav1.Duration{Duration: day}, MaxPurchases: new(int32(3))},
				{Window: metav1.Duration{Duration: 30 * day}, MaxAmount: euro("20.00")},
			}}},
			Status: v1alpha1.ResellerIssuerStatus{Conditions: []metav1.Condition{
				{Type: "Ready", Status: metav1.ConditionTrue}, {Type: "Reachable", Status: metav1.ConditionFalse}, {Type: "Funded", Status: metav1.ConditionUnknown},
			}},
		},
		&v1alpha1.ResellerClusterIssuer{
			ObjectMeta: metav1.ObjectMeta{Name: "all", UID: "all"},
			Spec: v1alpha1.ResellerClusterIssuerSpec{ResellerIssuerSpec: v1alpha1.ResellerIssuerSpec{Purchase: v1alpha1.PurchasePolicy{Budgets: []v1alpha1.Budget{
				{Window: metav1.Duration{Duration: day}, Scope: v1alpha1.BudgetPerNamespace, MaxPurchases: new(int32(1))},
			}}}},
		},
		orderOf("issued", shop, v1alpha1.ResellerOrderStatus{
			State: v1alpha1.OrderIssued, PaidUntil: at(20 * day), Certificate: &v1alpha1.OrderCertificate{NotAfter: *at(6 * day)},
		}),
		orderOf("held", shop, v1alpha1.ResellerOrderStatus{
			State: v1alpha1.OrderHeld, Waiting: &v1alpha1.Waiting{Reason: string(order.ReasonBudgetExceeded)},
			Conditions: []metav1.Condition{{Type: v1alpha1.ConditionOverdue, Status: metav1.ConditionTrue}},
			PaidUntil:  at(300 * day), Certificate: &v1alpha1.OrderCertificate{NotAfter: *at(-time.Hour)},
		}),
		orderOf("validating", all, v1alpha1.ResellerOrderStatus{
			State: v1alpha1.OrderValidating, Waiting: &v1alpha1.Waiting{Reason: string(order.ReasonAwaitingValidation)},
			Issuance: &v1alpha1.Issuance{State: v1alpha1.OrderValidating, Since: *at(-time.Hour)},
		}),
		orderOf("younger", all, v1alpha1.ResellerOrderStatus{
			State: v1alpha1.OrderValidating, Issuance: &v1alpha1.Issuance{State: v1alpha1.OrderValidating, Since: *at(-time.Minute)},
		}),
		orderOf("idle", all, v1alpha1.ResellerOrderStatus{
			State: v1alpha1.OrderIdle, PaidUntil: at(day), Certificate: &v1alpha1.OrderCertificate{NotAfter: *at(day)},
		}),
		purchaseOf("1", shop, 2*time.Hour, v1alpha1.PurchaseBought, euro("5.20"), nil),
		purchaseOf("2", shop, 40*day, v1alpha1.PurchaseBought, euro("7"), nil),
		purchaseOf("3", shop, time.Hour, v1alpha1.PurchaseIntended, nil, nil),
		purchaseOf("4", all, time.Minute, v1alpha1.PurchaseBought, &v1alpha1.Money{Amount: "1"}, &v1alpha1.PurchaseOperation{
			Kind: v1alpha1.PurchaseOperationReissue, Outcome: v1alpha1.OperationIntended, IntendedAt: metav1.NewMicroTime(now.Add(-time.Second)),
		}),
		&v1alpha1.ResellerPurchase{ObjectMeta: metav1.ObjectMeta{Name: "widened"}, Spec: v1alpha1.ResellerPurchaseSpec{
			IssuerRef: all, Account: v1alpha1.PurchaseAccount{Reseller: "resello"}, State: v1alpha1.PurchaseBought,
			IntendedAt:       metav1.NewMicroTime(now.Add(-300 * day)),
			Additions:        []v1alpha1.PurchaseAddition{{At: *at(-2 * day), Price: euro("3")}},
			CommandOperation: &v1alpha1.PurchaseOperation{Kind: v1alpha1.PurchaseOperationAddNames, Outcome: v1alpha1.OperationIntended, IntendedAt: metav1.NewMicroTime(now)},
		}},
		purchaseOf("5", shop, time.Hour, v1alpha1.PurchaseRefused, nil, nil),
	}
}

func orderOf(name string, issuer v1alpha1.IssuerReference, status v1alpha1.ResellerOrderStatus) *v1alpha1.ResellerOrder {
	return &v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name}, Spec: v1alpha1.ResellerOrderSpec{IssuerRef: issuer}, Status: status,
	}
}

func purchaseOf(name string, issuer v1alpha1.IssuerReference, age time.Duration, state v1alpha1.PurchaseState, price *v1alpha1.Money, op *v1alpha1.PurchaseOperation) *v1alpha1.ResellerPurchase {
	return &v1alpha1.ResellerPurchase{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ResellerPurchaseSpec{
		IssuerRef: issuer, OrderNamespace: "team", Account: v1alpha1.PurchaseAccount{Reseller: "cyberssl"},
		Kind: v1alpha1.PurchaseNew, State: state, Price: price, IntendedAt: metav1.NewMicroTime(now.Add(-age)), Operation: op,
	}}
}

func newCollector(t *testing.T, content ...client.Object) *Collector {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	return &Collector{
		Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(content...).Build(),
		Now:    func() time.Time { return now },
		Accounts: func() map[types.UID]providers.Account {
			return map[types.UID]providers.Account{"shop": account}
		},
		Load: func(key string) providers.AccountLoad {
			return providers.AccountLoad{Paused: key == account.Key(), InFlight: 2}
		},
	}
}

// everything is a registry in which each metric has a value.
func everything(t *testing.T) *prometheus.Registry {
	t.Helper()
	collector := newCollector(t, objects()...)
	collector.Checked(shop, providers.AccountInfo{Balance: &providers.Money{Amount: decimal.RequireFromString("12.50")}})
	activity := NewActivity(func() time.Time { return now }, "cyberssl")
	activity.Requested(t.Context(), providers.Exchange{Provider: "cyberssl", Operation: "buy", Status: 200, Began: now, Ended: now.Add(300 * time.Millisecond)})
	activity.Requested(t.Context(), providers.Exchange{Provider: "cyberssl", Operation: "buy", Began: now, Ended: now.Add(time.Minute), Err: errors.New("no answer")})
	activity.Outcome(account.Key(), "")
	activity.Outcome(account.Key(), providers.Auth)
	_, _ = activity.Hook("rfc2136", &hook{}).Present(t.Context(), dcv.Request{})
	follow(t, activity)
	registry := prometheus.NewPedanticRegistry()
	for _, c := range []prometheus.Collector{collector, activity, Build("v1")} {
		require.NoError(t, registry.Register(c))
	}
	return registry
}

// values are all values by name and labels; of a histogram, its sum.
func values(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			found[series(family, metric)] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + metric.GetHistogram().GetSampleSum()
		}
	}
	return found
}

func series(family *dto.MetricFamily, metric *dto.Metric) string {
	parts := []string{strings.TrimPrefix(family.GetName(), prefix)}
	for _, label := range metric.GetLabel() {
		parts = append(parts, label.GetName()+"="+label.GetValue())
	}
	slices.Sort(parts[1:])
	return strings.Join(parts, " ")
}
