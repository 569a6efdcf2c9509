package metrics

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// TestFigures has the figures of a small cluster.
func TestFigures(t *testing.T) {
	t.Parallel()
	got := values(t, everything(t))
	const ofShop = "issuer=shop issuer_kind=ResellerIssuer issuer_namespace=team"
	const ofAll = "issuer=all issuer_kind=ResellerClusterIssuer issuer_namespace="
	unix := func(d time.Duration) float64 { return float64(now.Add(d).Unix()) }
	for series, want := range map[string]float64{
		"orders state=Held": 1, "orders state=Issued": 1, "orders state=Idle": 1, "orders state=Validating": 2, "orders state=Failed": 0,
		"orders_held reason=BudgetExceeded": 1, "orders_held reason=LoopBreaker": 0,
		"orders_waiting reason=AwaitingValidation": 1, "orders_waiting reason=Throttled": 0,
		"orders_overdue": 1,
		"order_phase_oldest_timestamp_seconds phase=Validating":   unix(-time.Hour),
		"certificate_earliest_expiry_timestamp_seconds " + ofShop: unix(-time.Hour),
		"paid_term_earliest_end_timestamp_seconds " + ofShop:      unix(20 * day),
		"certificates_expiring " + ofShop + " within=1d":          1,
		"certificates_expiring " + ofShop + " within=7d":          2,
		"certificates_expiring " + ofAll + " within=30d":          0,
		"paid_terms_ending " + ofShop + " within=14d":             0,
		"paid_terms_ending " + ofShop + " within=30d":             1,

		"purchases reseller=cyberssl state=Bought": 3, "purchases reseller=cyberssl state=Refused": 1,
		"open_intents kind=Purchase": 1, "open_intents kind=Reissue": 1, "open_intents kind=Renewal": 0, "open_intents kind=AddNames": 1,
		"spend currency=EUR " + ofAll + " window=30d": 3, "spend currency=EUR " + ofAll + " window=1d": 0,
		"open_intent_oldest_timestamp_seconds":           unix(-time.Hour),
		"purchases_in_window " + ofShop + " window=1d":   2,
		"purchases_in_window " + ofShop + " window=365d": 3,
		"spend currency=EUR " + ofShop + " window=1d":    5.2,
		"spend currency=EUR " + ofShop + " window=365d":  12.2,
		"spend currency=unknown " + ofAll + " window=1d": 1,

		"budget_purchases budget=0 " + ofShop: 3, "budget_purchases_left budget=0 " + ofShop: 1, "budget_purchases_left budget=0 " + ofAll: 0,
		"budget_amount budget=1 currency=EUR " + ofShop: 20, "budget_amount_left budget=1 currency=EUR " + ofShop: 14.8,

		"issuer_condition condition=Ready " + ofShop: 1, "issuer_condition condition=Reachable " + ofShop: 0,
		"account_balance currency=unknown " + ofShop: 12.5, "account_paused " + ofShop: 1, "account_calls_in_flight " + ofShop: 2,

		"reseller_requests_total code=200 operation=buy reseller=cyberssl":   1,
		"reseller_requests_total code=none operation=buy reseller=cyberssl":  1,
		"reseller_request_duration_seconds operation=buy reseller=cyberssl":  60.3,
		"reseller_calls_total reseller=cyberssl result=OK":                   1,
		"reseller_calls_total reseller=cyberssl result=Auth":                 1,
		"reseller_calls_total reseller=cyberssl result=Funds":                0,
		"solver_calls_total operation=Present result=Pending solver=rfc2136": 1,
		"order_phase_duration_seconds phase=Preflight":                       20,
		"order_phase_duration_seconds phase=Validating":                      3600,
		"issuance_duration_seconds operation=Purchase":                       7200,
		"order_events_total reason=Issued":                                   1,
		"order_events_total reason=CleanupAbandoned":                         0,
	} {
		assert.Contains(t, got, series)
		assert.InDelta(t, want, got[series], 1e-9, series)
	}
	assert.NotContains(t, got, "issuer_condition condition=Funded "+ofShop, "Unknown is no figure")
	assert.NotContains(t, got, "account_paused "+ofAll, "not used yet")
}

// follow shows an activity the steps of an order.
func follow(t *testing.T, a *Activity) {
	t.Helper()
	step := func(was, is *v1alpha1.Issuance, after time.Duration, events ...string) {
		o := &v1alpha1.ResellerOrder{Status: v1alpha1.ResellerOrderStatus{Issuance: is}}
		a.Stored(a.Enter(t.Context(), o), order.Change{Before: &v1alpha1.ResellerOrderStatus{Issuance: was}, Order: o, Events: events, At: now.Add(after)})
	}
	in := func(state v1alpha1.OrderState, since time.Duration) *v1alpha1.Issuance {
		return &v1alpha1.Issuance{Operation: v1alpha1.OperationPurchase, State: state, StartedAt: *at(0), Since: *at(since)}
	}
	other := in(v1alpha1.OrderPreflight, 0)
	other.StartedAt = *at(time.Hour)
	step(nil, in(v1alpha1.OrderPreflight, 0), 0)
	step(in(v1alpha1.OrderPreflight, 0), in(v1alpha1.OrderPreflight, 0), 10*time.Second, "Throttled")
	step(in(v1alpha1.OrderPreflight, 0), in(v1alpha1.OrderValidating, 20*time.Second), 20*time.Second)
	step(in(v1alpha1.OrderValidating, time.Hour), in(v1alpha1.OrderIssued, 2*time.Hour), 2*time.Hour, "Issued")
	step(in(v1alpha1.OrderIssued, 2*time.Hour), nil, 3*time.Hour)
	step(in(v1alpha1.OrderOrdering, 0), other, time.Hour)
	step(in(v1alpha1.OrderOrdering, 0), nil, time.Hour)
}

// hook presents slowly and can't clean up.
type hook struct{ err error }

func (h *hook) Capabilities() dcv.Capabilities { return dcv.Capabilities{Apex: true} }
func (h *hook) Present(context.Context, dcv.Request) (dcv.State, error) {
	return dcv.State{Phase: dcv.Pending}, h.err
}
func (h *hook) CleanUp(context.Context, dcv.Request) error { return h.err }

func TestHookResults(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"OK": nil, "Conflict": dcv.ErrConflict, "Denied": dcv.ErrDenied, "Unsupported": dcv.ErrUnsupported, "Error": context.DeadlineExceeded,
	} {
		a := NewActivity(time.Now)
		if err != nil {
			err = fmt.Errorf("zone: %w", err)
		}
		h := a.Hook("manual", &hook{err: err})
		require.ErrorIs(t, h.CleanUp(t.Context(), dcv.Request{}), err)
		assert.True(t, h.Capabilities().Apex)
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(a)
		assert.InDelta(t, 1, values(t, registry)["solver_calls_total operation=CleanUp result="+want+" solver=manual"], 0)
	}
}

// TestBalanceGoesWithTheIssuer has no figure for an issuer that is gone, or whose reseller
// tells none any more.
func TestBalanceGoesWithTheIssuer(t *testing.T) {
	t.Parallel()
	collector := newCollector(t, objects()...)
	info := providers.AccountInfo{Balance: &providers.Money{Currency: "EUR"}}
	gone := shop
	gone.Name = "gone"
	for _, ref := range []v1alpha1.IssuerReference{shop, all, gone} {
		collector.Checked(ref, info)
	}
	collector.Checked(all, providers.AccountInfo{})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector)
	got := values(t, registry)
	assert.Contains(t, got, "account_balance currency=EUR issuer=shop issuer_kind=ResellerIssuer issuer_namespace=team")
	for series := range got {
		assert.NotContains(t, series, "gone")
		assert.NotContains(t, series, "account_balance currency=EUR issuer=all")
		assert.NotContains(t, series, account.Name, "an account's name is half of its credentials")
	}
}

// broken is a cache that isn't filled.
type broken struct{ client.Reader }

func (broken) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("the cache is not started")
}

func TestNoFigureIsBetterThanAWrongOne(t *testing.T) {
	t.Parallel()
	collector := newCollector(t)
	collector.Client = broken{}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector)
	assert.Empty(t, values(t, registry))
}

// TestEveryFamilyIsMade holds the definitions, and so the reference, against what is there.
func TestEveryFamilyIsMade(t *testing.T) {
	t.Parallel()
	gathered, err := everything(t).Gather()
	require.NoError(t, err)
	problems, err := promlint.NewWithMetricFamilies(gathered).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
	made := map[string]string{}
	for _, family := range gathered {
		made[family.GetName()] = family.GetType().String()
	}
	for _, family := range Families() {
		assert.Contains(t, made, family.Name)
		delete(made, family.Name)
	}
	assert.Empty(t, made, "defined, but not in Families")
}
