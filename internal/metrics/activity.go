package metrics

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// resultOK is the result of what has no error.
const resultOK = "OK"

// In seconds: calls take up to their time-out of a minute, phases up to weeks, where a person
// or a CA takes its time.
var (
	callBuckets  = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	phaseBuckets = []float64{1, 5, 15, 60, 300, 900, 3600, 6 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600}
)

// results of calls to resellers.
var results = []string{
	resultOK, string(providers.Auth), string(providers.Funds), string(providers.Throttled), string(providers.Unavailable),
	string(providers.Rejected), string(providers.Invalid), string(providers.NotFound), string(providers.Ambiguous),
}

// Activity counts what this process does. It is the order engine's monitor and the
// transport's observer.
type Activity struct {
	requests, calls, hookCalls, events            *prometheus.CounterVec
	requestTime, hookTime, phaseTime, issuingTime *prometheus.HistogramVec
	now                                           func() time.Time
}

var (
	_ order.Monitor        = (*Activity)(nil)
	_ providers.Observer   = (*Activity)(nil)
	_ prometheus.Collector = (*Activity)(nil)
)

// NewActivity makes an Activity in which everything that is known beforehand is zero: an
// alert on an increase needs a value before.
func NewActivity(now func() time.Time, resellers ...string) *Activity {
	a := &Activity{
		requests: requests.counter(), calls: calls.counter(), hookCalls: hookCalls.counter(), events: events.counter(),
		requestTime: requestDuration.histogram(callBuckets), hookTime: hookDuration.histogram(callBuckets),
		phaseTime: phaseDuration.histogram(phaseBuckets), issuingTime: issueDuration.histogram(phaseBuckets),
		now: now,
	}
	for _, reseller := range resellers {
		for _, result := range results {
			a.calls.WithLabelValues(reseller, result)
		}
	}
	for _, reason := range order.EventReasons() {
		a.events.WithLabelValues(reason)
	}
	for _, reason := range slices.Concat(order.HoldingReasons(), order.PassingReasons()) {
		a.events.WithLabelValues(string(reason))
	}
	for _, phase := range phases {
		a.phaseTime.WithLabelValues(string(phase))
	}
	return a
}

func (a *Activity) all() []prometheus.Collector {
	return []prometheus.Collector{a.requests, a.calls, a.hookCalls, a.events, a.requestTime, a.hookTime, a.phaseTime, a.issuingTime}
}

// Describe implements prometheus.Collector.
func (a *Activity) Describe(descriptions chan<- *prometheus.Desc) {
	for _, c := range a.all() {
		c.Describe(descriptions)
	}
}

// Collect implements prometheus.Collector.
func (a *Activity) Collect(metrics chan<- prometheus.Metric) {
	for _, c := range a.all() {
		c.Collect(metrics)
	}
}

// Requested implements providers.Observer.
func (a *Activity) Requested(_ context.Context, e providers.Exchange) {
	code := "none"
	if e.Status != 0 {
		code = strconv.Itoa(e.Status)
	}
	a.requests.WithLabelValues(e.Provider, e.Operation, code).Inc()
	a.requestTime.WithLabelValues(e.Provider, e.Operation).Observe(e.Ended.Sub(e.Began).Seconds())
}

// Outcome counts a turn at an account, for [providers.LimiterOptions].
func (a *Activity) Outcome(account string, kind providers.Kind) {
	reseller, _, _ := strings.Cut(account, "|")
	result := string(kind)
	if result == "" {
		result = resultOK
	}
	a.calls.WithLabelValues(reseller, result).Inc()
}

// Enter implements order.Monitor.
func (a *Activity) Enter(ctx context.Context, _ *v1alpha1.ResellerOrder) context.Context { return ctx }

// Stored implements order.Monitor.
func (a *Activity) Stored(_ context.Context, change order.Change) {
	for _, reason := range change.Events {
		a.events.WithLabelValues(reason).Inc()
	}
	was, left := change.Left()
	if !left {
		return
	}
	is := change.Order.Status.Issuance
	if slices.Contains(phases, was.State) {
		a.phaseTime.WithLabelValues(string(was.State)).Observe(change.At.Sub(was.Since.Time).Seconds())
	}
	if is.State == v1alpha1.OrderIssued {
		a.issuingTime.WithLabelValues(string(is.Operation)).Observe(change.At.Sub(is.StartedAt.Time).Seconds())
	}
}

// Hook counts the calls of a solver's hook.
func (a *Activity) Hook(solver string, hook dcv.Hook) dcv.Hook {
	return &countedHook{Hook: hook, solver: solver, activity: a}
}

type countedHook struct {
	dcv.Hook
	solver   string
	activity *Activity
}

// Present implements dcv.Hook.
func (h *countedHook) Present(ctx context.Context, r dcv.Request) (dcv.State, error) {
	began := h.activity.now()
	state, err := h.Hook.Present(ctx, r)
	result := hookResult(err)
	if err == nil && state.Phase == dcv.Pending {
		result = "Pending"
	}
	h.count("Present", result, began)
	return state, err
}

// CleanUp implements dcv.Hook.
func (h *countedHook) CleanUp(ctx context.Context, r dcv.Request) error {
	began := h.activity.now()
	err := h.Hook.CleanUp(ctx, r)
	h.count("CleanUp", hookResult(err), began)
	return err
}

func (h *countedHook) count(operation, result string, began time.Time) {
	h.activity.hookCalls.WithLabelValues(h.solver, operation, result).Inc()
	h.activity.hookTime.WithLabelValues(h.solver, operation).Observe(h.activity.now().Sub(began).Seconds())
}

func hookResult(err error) string {
	switch {
	case err == nil:
		return resultOK
	case errors.Is(err, dcv.ErrConflict):
		return "Conflict"
	case errors.Is(err, dcv.ErrDenied):
		return "Denied"
	case errors.Is(err, dcv.ErrUnsupported):
		return "Unsupported"
	}
	return "Error"
}
