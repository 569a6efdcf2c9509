package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

const prefix = "reseller_issuer_"

// Type of a metric, as Prometheus calls it.
type Type string

// The types.
const (
	Gauge     Type = "gauge"
	Counter   Type = "counter"
	Histogram Type = "histogram"
)

// Family describes one metric.
type Family struct {
	Name   string
	Type   Type
	Help   string
	Labels []string

	desc *prometheus.Desc
}

func define(kind Type, name, help string, labels ...string) Family {
	return Family{
		Name: prefix + name, Type: kind, Help: help, Labels: labels,
		desc: prometheus.NewDesc(prefix+name, help, labels, nil),
	}
}

// send emits one value of a gauge.
func (f Family) send(metrics chan<- prometheus.Metric, value float64, labels ...string) {
	metrics <- prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, value, labels...)
}

func (f Family) counter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help}, f.Labels)
}

func (f Family) histogram(buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.Name, Help: f.Help, Buckets: buckets}, f.Labels)
}

// issuerLabels name an issuer. Its namespace is empty for a ResellerClusterIssuer.
var issuerLabels = []string{"issuer_kind", "issuer_namespace", "issuer"}

func ofIssuer(more ...string) []string {
	return append(issuerLabels[:len(issuerLabels):len(issuerLabels)], more...)
}

// The metrics. Labels are explained in label.go.
var (
	buildInfo = define(Gauge, "build_info", "The version that runs; always 1.", "version", "goversion")

	orders       = define(Gauge, "orders", "Orders by state.", "state")
	held         = define(Gauge, "orders_held", "Orders that wait for a person, by reason.", "reason")
	waiting      = define(Gauge, "orders_waiting", "Orders that wait and go on by themselves, by reason.", "reason")
	overdue      = define(Gauge, "orders_overdue", "Orders whose request waits longer than --overdue-after.")
	oldestPhase  = define(Gauge, "order_phase_oldest_timestamp_seconds", "Since when the order has been in a phase that has been there longest; absent for a phase without orders.", "phase")
	firstExpiry  = define(Gauge, "certificate_earliest_expiry_timestamp_seconds", "When the first certificate in use ends, of all orders that aren't Idle.", issuerLabels...)
	firstTermEnd = define(Gauge, "paid_term_earliest_end_timestamp_seconds", "When the first paid term ends, of all orders that aren't Idle.", issuerLabels...)
	expiring     = define(Gauge, "certificates_expiring", "Certificates in use that end within a time or have ended; each counts for every longer time, too.", ofIssuer("within")...)
	ending       = define(Gauge, "paid_terms_ending", "Paid terms of orders that aren't Idle that end within a time or have ended; each counts for every longer time, too.", ofIssuer("within")...)

	purchases    = define(Gauge, "purchases", "Purchases in the ledger by reseller and state; their sum is the size of the ledger.", "reseller", "state")
	openIntents  = define(Gauge, "open_intents", "Calls that can't be repeated and whose outcome isn't known yet.", "kind")
	oldestIntent = define(Gauge, "open_intent_oldest_timestamp_seconds", "When the oldest call was intended whose outcome isn't known yet; absent without one.")
	made         = define(Gauge, "purchases_in_window", "Purchases that were or may have been paid, in a rolling window.", ofIssuer("window")...)
	spend        = define(Gauge, "spend", "Money that was or may have been spent, in a rolling window. For looking at: the ledger is exact.", ofIssuer("currency", "window")...)

	budgetPurchases     = define(Gauge, "budget_purchases", "Purchases that a budget allows in its window.", ofIssuer("budget")...)
	budgetPurchasesLeft = define(Gauge, "budget_purchases_left", "Purchases that a budget still allows now; for a budget by namespace, those of the namespace with the fewest left.", ofIssuer("budget")...)
	budgetAmount        = define(Gauge, "budget_amount", "Money that a budget allows in its window.", ofIssuer("budget", "currency")...)
	budgetAmountLeft    = define(Gauge, "budget_amount_left", "Money that a budget still allows now; for a budget by namespace, that of the namespace with the least left.", ofIssuer("budget", "currency")...)

	condition = define(Gauge, "issuer_condition", "A condition of an issuer: 1 if it is True, 0 if it is False; absent while it is unknown.", ofIssuer("condition")...)
	balance   = define(Gauge, "account_balance", "Money in the account at the last check of the issuer; absent where the reseller doesn't tell.", ofIssuer("currency")...)
	paused    = define(Gauge, "account_paused", "1 while no call is made at the account: the circuit breaker is open, or the reseller has asked to wait.", issuerLabels...)
	inFlight  = define(Gauge, "account_calls_in_flight", "Calls under way at the account.", issuerLabels...)

	requests        = define(Counter, "reseller_requests_total", "HTTP requests to resellers.", "reseller", "operation", "code")
	requestDuration = define(Histogram, "reseller_request_duration_seconds", "Time until an answer was read completely, or there was none.", "reseller", "operation")
	calls           = define(Counter, "reseller_calls_total", "Turns at an account, of one or a few requests, by what came of them.", "reseller", "result")
	hookCalls       = define(Counter, "solver_calls_total", "Calls of solvers of validation records.", "solver", "operation", "result")
	hookDuration    = define(Histogram, "solver_call_duration_seconds", "Time that calls of solvers took.", "solver", "operation")
	phaseDuration   = define(Histogram, "order_phase_duration_seconds", "Time that orders spent in a phase that they left for the next one. Validating is the wait for the CA.", "phase")
	issueDuration   = define(Histogram, "issuance_duration_seconds", "Time from the first look at a request to its certificate.", "operation")
	events          = define(Counter, "order_events_total", "Transitions of orders, by the reason of the event.", "reason")
)

// Families are all metrics of this project.
func Families() []Family {
	return []Family{
		buildInfo, orders, held, waiting, overdue, oldestPhase, firstExpiry, firstTermEnd, expiring, ending,
		purchases, openIntents, oldestIntent, made, spend,
		budgetPurchases, budgetPurchasesLeft, budgetAmount, budgetAmountLeft,
		condition, balance, paused, inFlight,
		requests, requestDuration, calls, hookCalls, hookDuration, phaseDuration, issueDuration, events,
	}
}
