package order

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// scrapeTimeout bounds the reads of one scrape; they come from the cache.
const scrapeTimeout = 5 * time.Second

var (
	ordersMetric = prometheus.NewDesc("reseller_issuer_orders",
		"Orders by state.", []string{"state"}, nil)
	heldMetric = prometheus.NewDesc("reseller_issuer_orders_held",
		"Orders that wait for a person, by reason.", []string{"reason"}, nil)
	overdueMetric = prometheus.NewDesc("reseller_issuer_orders_overdue",
		"Orders whose request waits longer than --overdue-after.", nil, nil)
	purchasesMetric = prometheus.NewDesc("reseller_issuer_purchases",
		"Purchases in the ledger by reseller and state.", []string{"reseller", "state"}, nil)
)

// Collector counts orders and purchases at each scrape: their objects are the truth, so
// there is nothing to keep in step and nothing to lose in a restart.
type Collector struct {
	// Client reads from the cache.
	Client client.Reader
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{ordersMetric, heldMetric, overdueMetric, purchasesMetric} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector. Without a cache that is in sync there is no
// figure rather than a wrong one.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var orders v1alpha1.ResellerOrderList
	if err := c.Client.List(ctx, &orders, client.UnsafeDisableDeepCopy); err == nil {
		countOrders(orders.Items, metrics)
	}
	var purchases v1alpha1.ResellerPurchaseList
	if err := c.Client.List(ctx, &purchases, client.UnsafeDisableDeepCopy); err == nil {
		countPurchases(purchases.Items, metrics)
	}
}

func countOrders(orders []v1alpha1.ResellerOrder, metrics chan<- prometheus.Metric) {
	states, held, overdue := map[string]int{}, map[string]int{}, 0
	for i := range orders {
		status := &orders[i].Status
		states[string(status.State)]++
		if status.State == v1alpha1.OrderHeld && status.Waiting != nil {
			held[status.Waiting.Reason]++
		}
		if meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionOverdue) {
			overdue++
		}
	}
	for state, n := range states {
		metrics <- prometheus.MustNewConstMetric(ordersMetric, prometheus.GaugeValue, float64(n), state)
	}
	for reason, n := range held {
		metrics <- prometheus.MustNewConstMetric(heldMetric, prometheus.GaugeValue, float64(n), reason)
	}
	metrics <- prometheus.MustNewConstMetric(overdueMetric, prometheus.GaugeValue, float64(overdue))
}

func countPurchases(purchases []v1alpha1.ResellerPurchase, metrics chan<- prometheus.Metric) {
	type label struct{ reseller, state string }
	counts := map[label]int{}
	for i := range purchases {
		spec := &purchases[i].Spec
		counts[label{spec.Account.Reseller, string(spec.State)}]++
	}
	for l, n := range counts {
		metrics <- prometheus.MustNewConstMetric(purchasesMetric, prometheus.GaugeValue, float64(n), l.reseller, l.state)
	}
}
