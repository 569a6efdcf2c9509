package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// census is what is known of all orders.
type census struct {
	states, held, waiting map[string]int
	overdue               int
	since                 map[v1alpha1.OrderState]time.Time
	expiry, term          map[v1alpha1.IssuerReference]*ends
}

// ends counts what ends when.
type ends struct {
	first  time.Time
	within [5]int // by horizons
}

func (e *ends) add(at, now time.Time) {
	if e.first.IsZero() || at.Before(e.first) {
		e.first = at
	}
	for i, horizon := range horizons {
		if at.Sub(now) <= horizon.length {
			e.within[i]++
		}
	}
}

func countOrders(list []v1alpha1.ResellerOrder, now time.Time, metrics chan<- prometheus.Metric) {
	c := newCensus()
	for i := range list {
		c.add(&list[i], now)
	}
	c.send(metrics)
}

// newCensus has a zero for every state and reason: a graph without a line says less than one
// at the bottom.
func newCensus() *census {
	c := &census{
		states: map[string]int{}, held: map[string]int{}, waiting: map[string]int{},
		since:  map[v1alpha1.OrderState]time.Time{},
		expiry: map[v1alpha1.IssuerReference]*ends{}, term: map[v1alpha1.IssuerReference]*ends{},
	}
	for _, state := range states {
		c.states[string(state)] = 0
	}
	for _, reason := range order.HoldingReasons() {
		c.held[string(reason)] = 0
	}
	for _, reason := range order.PassingReasons() {
		c.waiting[string(reason)] = 0
	}
	return c
}

func (c *census) add(o *v1alpha1.ResellerOrder, now time.Time) {
	status := &o.Status
	if status.State != "" {
		c.states[string(status.State)]++
	}
	if meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionOverdue) {
		c.overdue++
	}
	switch {
	case status.Waiting == nil || status.State == v1alpha1.OrderFailed:
	case status.State == v1alpha1.OrderHeld:
		c.held[status.Waiting.Reason]++
	default:
		c.waiting[status.Waiting.Reason]++
	}
	if i := status.Issuance; i != nil && slices.Contains(phases, i.State) {
		if first := c.since[i.State]; first.IsZero() || i.Since.Time.Before(first) {
			c.since[i.State] = i.Since.Time
		}
	}
	if status.State != v1alpha1.OrderIdle {
		c.addEnds(o, now)
	}
}

// addEnds notes when certificate and paid term of an order end. Nobody asks for those of an order that is
// idle.
func (c *census) addEnds(o *v1alpha1.ResellerOrder, now time.Time) {
	status := &o.Status
	ref := o.Spec.IssuerRef
	if c.expiry[ref] == nil {
		c.expiry[ref], c.term[ref] = &ends{}, &ends{}
	}
	if status.Certificate != nil {
		c.expiry[ref].add(status.Certificate.NotAfter.Time, now)
	}
	if status.PaidUntil != nil {
		c.term[ref].add(status.PaidUntil.Time, now)
	}
}

func (c *census) send(metrics chan<- prometheus.Metric) {
	for state, n := range c.states {
		orders.send(metrics, float64(n), state)
	}
	for reason, n := range c.held {
		held.send(metrics, float64(n), reason)
	}
	for reason, n := range c.waiting {
		waiting.send(metrics, float64(n), reason)
	}
	overdue.send(metrics, float64(c.overdue))
	for phase, since := range c.since {
		oldestPhase.send(metrics, float64(since.Unix()), string(phase))
	}
	sendEnds(c.expiry, firstExpiry, expiring, metrics)
	sendEnds(c.term, firstTermEnd, ending, metrics)
}

func sendEnds(byIssuer map[v1alpha1.IssuerReference]*ends, first, within Family, metrics chan<- prometheus.Metric) {
	for ref, e := range byIssuer {
		if !e.first.IsZero() {
			first.send(metrics, float64(e.first.Unix()), labels(ref)...)
		}
		for i, horizon := range horizons {
			within.send(metrics, float64(e.within[i]), labels(ref, horizon.name)...)
		}
	}
}
