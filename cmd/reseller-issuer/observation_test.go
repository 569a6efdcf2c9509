package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	figures "github.com/reseller-issuer/reseller-issuer/internal/metrics"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func testClock() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

func TestKindsOfSolvers(t *testing.T) {
	t.Parallel()
	selector := &v1alpha1.SolverSelector{DNSZones: []string{"example.com"}}
	for want, solver := range map[string]v1alpha1.Solver{
		"rfc2136": {Selector: selector, RFC2136: &v1alpha1.SolverRFC2136{Nameserver: "192.0.2.1"}},
		"manual":  {Manual: &v1alpha1.SolverManual{}},
		"unknown": {Selector: selector},
	} {
		assert.Equal(t, want, kindOf(solver))
	}
}

// TestObservation has the whole of it count: requests, calls of hooks and steps of orders.
func TestObservation(t *testing.T) {
	t.Parallel()
	received := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { received <- r.URL.Path }))
	t.Cleanup(server.Close)
	tracer, err := newTracer(server.URL)
	require.NoError(t, err)
	o := &observation{activity: figures.NewActivity(testClock), tracer: tracer}
	factory := o.hooks(solvers{secrets: reader(t), now: testClock}.hook)
	hook, err := factory(t.Context(), v1alpha1.Solver{Manual: &v1alpha1.SolverManual{}}, "team")
	require.NoError(t, err)
	require.NoError(t, hook.CleanUp(t.Context(), dcv.Request{}))
	_, err = factory(t.Context(), v1alpha1.Solver{}, "team")
	require.ErrorIs(t, err, errNoSolver)

	issuance := func(state v1alpha1.OrderState) *v1alpha1.Issuance {
		return &v1alpha1.Issuance{State: state, StartedAt: metav1.NewTime(testClock()), Since: metav1.NewTime(testClock())}
	}
	current := &v1alpha1.ResellerOrder{Status: v1alpha1.ResellerOrderStatus{Issuance: issuance(v1alpha1.OrderValidating)}}
	ctx := o.Enter(t.Context(), current)
	o.Requested(ctx, providers.Exchange{Provider: "cyberssl", Operation: "buy"})
	before := &v1alpha1.ResellerOrderStatus{Issuance: issuance(v1alpha1.OrderOrdering)}
	o.Stored(ctx, order.Change{Before: before, Order: current, At: testClock(), Events: []string{"Purchased"}})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, afterwards(tracer.Shutdown).Start(ended), "what is left is sent after the end")
	assert.Equal(t, "/v1/traces", <-received)

	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(o.activity)
	families, err := registry.Gather()
	require.NoError(t, err)
	counted := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			counted[family.GetName()] += metric.GetCounter().GetValue()
		}
	}
	for _, name := range []string{"reseller_requests_total", "solver_calls_total", "order_events_total"} {
		assert.InDelta(t, 1, counted["reseller_issuer_"+name], 0, name)
	}
}
