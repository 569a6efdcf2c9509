package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// scrapeTimeout bounds the reads of one scrape; they come from the cache.
const scrapeTimeout = 5 * time.Second

// Collector counts orders, purchases and issuers at each scrape.
type Collector struct {
	// Client reads from the cache.
	Client client.Reader
	Now    func() time.Time
	// Accounts are those of the issuers, by UID, as far as they were used.
	Accounts func() map[types.UID]providers.Account
	// Load tells how busy an account is, by its key.
	Load func(account string) providers.AccountLoad

	// balances are the newest by issuer.
	balances sync.Map
}

// Checked notes the balance that a check of an issuer has found.
func (c *Collector) Checked(issuer v1alpha1.IssuerReference, info providers.AccountInfo) {
	if money := ledger.Money(info.Balance); money != nil {
		c.balances.Store(issuer, amount{value: info.Balance.Amount.InexactFloat64(), currency: currency(money)})
	} else {
		c.balances.Delete(issuer)
	}
}

type amount struct {
	value    float64
	currency string
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, family := range []Family{
		orders, held, waiting, overdue, oldestPhase, firstExpiry, firstTermEnd, expiring, ending,
		purchases, openIntents, oldestIntent, made, spend,
		budgetPurchases, budgetPurchasesLeft, budgetAmount, budgetAmountLeft,
		condition, balance, paused, inFlight,
	} {
		descriptions <- family.desc
	}
}

// Collect implements prometheus.Collector. Without a cache that is in sync there is no
// figure rather than a wrong one.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	now := c.Now()
	var orders v1alpha1.ResellerOrderList
	if err := c.Client.List(ctx, &orders, client.UnsafeDisableDeepCopy); err == nil {
		countOrders(orders.Items, now, metrics)
	}
	issuers, err := c.issuers(ctx)
	if err != nil {
		return
	}
	c.describeIssuers(issuers, metrics)
	var purchases v1alpha1.ResellerPurchaseList
	if err := c.Client.List(ctx, &purchases, client.UnsafeDisableDeepCopy); err == nil {
		countPurchases(purchases.Items, now, metrics)
		countBudgets(issuers, purchases.Items, now, metrics)
	}
}

// issuer is what both kinds of issuers have.
type issuer struct {
	uid        types.UID
	ref        v1alpha1.IssuerReference
	budgets    []v1alpha1.Budget
	conditions []metav1.Condition
}

func (c *Collector) issuers(ctx context.Context) ([]issuer, error) {
	var namespaced v1alpha1.ResellerIssuerList
	if err := c.Client.List(ctx, &namespaced, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var cluster v1alpha1.ResellerClusterIssuerList
	if err := c.Client.List(ctx, &cluster, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	list := make([]issuer, 0, len(namespaced.Items)+len(cluster.Items))
	for i := range namespaced.Items {
		o := &namespaced.Items[i]
		ref := v1alpha1.IssuerReference{Kind: order.KindIssuer, Namespace: o.Namespace, Name: o.Name}
		list = append(list, issuer{o.UID, ref, o.Spec.Purchase.Budgets, o.Status.Conditions})
	}
	for i := range cluster.Items {
		o := &cluster.Items[i]
		ref := v1alpha1.IssuerReference{Kind: order.KindClusterIssuer, Name: o.Name}
		list = append(list, issuer{o.UID, ref, o.Spec.Purchase.Budgets, o.Status.Conditions})
	}
	return list, nil
}

func (c *Collector) describeIssuers(issuers []issuer, metrics chan<- prometheus.Metric) {
	accounts := c.Accounts()
	for _, i := range issuers {
		for _, found := range i.conditions {
			if found.Status != metav1.ConditionUnknown {
				condition.send(metrics, boolean(found.Status == metav1.ConditionTrue), labels(i.ref, found.Type)...)
			}
		}
		if known, ok := c.balances.Load(i.ref); ok {
			balance.send(metrics, known.(amount).value, labels(i.ref, known.(amount).currency)...)
		}
		if account, ok := accounts[i.uid]; ok {
			load := c.Load(account.Key())
			paused.send(metrics, boolean(load.Paused), labels(i.ref)...)
			inFlight.send(metrics, float64(load.InFlight), labels(i.ref)...)
		}
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// labels are the values of issuerLabels and others.
func labels(ref v1alpha1.IssuerReference, more ...string) []string {
	return append([]string{ref.Kind, ref.Namespace, ref.Name}, more...)
}
