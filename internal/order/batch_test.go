package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func TestUnchanged(t *testing.T) {
	t.Parallel()
	const account, purchase = "account", "purchase"
	ids := providers.IDs{"order_id": "1"}
	list := func(state providers.State) []providers.Order { return []providers.Order{{IDs: ids, State: state}} }
	p, now := &polls{}, testNow
	next := func() time.Time { now = now.Add(time.Minute); return now }

	assert.False(t, p.worthList(account, purchase, now), "nobody is polled")
	p.read(account, purchase, now)
	assert.False(t, p.worthList(account, purchase, now), "one order alone is read by itself")
	p.read(account, "another", now)
	assert.True(t, p.worthList(account, purchase, now))
	assert.False(t, p.fresh(account, purchase, time.Hour, now), "there is no list")

	p.keep(account, list(providers.StateAwaitingValidation), next())
	assert.True(t, p.fresh(account, purchase, time.Hour, now))
	assert.False(t, p.fresh(account, purchase, 0, now.Add(time.Second)), "too old")
	assert.False(t, p.unchanged(account, purchase, ids, now), "it wasn't listed before")
	assert.False(t, p.fresh(account, purchase, time.Hour, now), "it was looked at")
	p.read(account, purchase, now)
	p.keep(account, list(providers.StateAwaitingValidation), next())
	assert.True(t, p.unchanged(account, purchase, ids, now))
	p.keep(account, list(providers.StateIssuing), next())
	assert.False(t, p.unchanged(account, purchase, ids, now), "it changed")
	p.read(account, purchase, now)
	p.keep(account, list(providers.StateIssuing), next())
	assert.True(t, p.unchanged(account, purchase, ids, now))
	assert.False(t, p.unchanged(account, purchase, ids, now.Add(fullReadInterval)), "a list may tell less")
	p.keep(account, nil, next())
	assert.False(t, p.unchanged(account, purchase, ids, now), "it isn't listed")
	p.keep(account, list(providers.StateIssued), next())
	assert.False(t, p.unchanged(account, purchase, ids, now))
	assert.False(t, p.unchanged(account, purchase, ids, now), "there is a certificate to fetch")

	p.pause(account, now)
	assert.False(t, p.worthList(account, purchase, now))
	p.read(account, purchase, now.Add(listPause))
	p.read(account, "another", now.Add(listPause))
	assert.True(t, p.worthList(account, purchase, now.Add(listPause)))
	p.forget(account, "another")
	assert.False(t, p.worthList(account, purchase, now.Add(listPause)))
	p.read(account, "another", now.Add(listPause))
	assert.False(t, p.worthList(account, purchase, now.Add(listPause+pollMemory+time.Hour)), "nobody asks any more")
}

// three orders of one account wait at the same time.
func three(t *testing.T) (*world, []client.ObjectKey) {
	t.Helper()
	w := newWorld(t, withServant, issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) {
		ten := int32(10)
		s.Purchase.Budgets = []v1alpha1.Budget{{Window: metav1.Duration{Duration: testDay}, MaxPurchases: &ten}}
		// Lists are counted below.
		s.Purchase.UnclaimedOrders = v1alpha1.UnclaimedIgnore
	}))
	w.reseller.issueAfter = 100000
	var keys []client.ObjectKey
	for _, name := range []string{"a", "b", "c"} {
		w.ask("web-"+name+"-1", keyA, name+".example.com")
		order := w.order()
		require.NoError(t, w.client.Delete(t.Context(), order))
		order.Name, order.UID, order.ResourceVersion, order.Spec.Key = "web-"+name, types.UID(name), "", digest(name)
		w.create(order)
		keys = append(keys, client.ObjectKeyFromObject(order))
	}
	return w, keys
}

// poll lets the time pass for all orders together.
func (w *world) poll(keys []client.ObjectKey, span time.Duration) {
	w.t.Helper()
	due := map[client.ObjectKey]time.Time{}
	for end := w.clock.Now().Add(span); w.clock.Now().Before(end); w.clock.advance(time.Second) {
		for _, key := range keys {
			if due[key].After(w.clock.Now()) {
				continue
			}
			result, err := w.r.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: key})
			require.NoError(w.t, err)
			due[key] = w.clock.Now().Add(max(result.RequeueAfter, time.Second))
		}
	}
}

func TestOneListServesManyOrders(t *testing.T) {
	t.Parallel()
	w, keys := three(t)
	w.poll(keys, 20*time.Minute)
	require.Equal(t, 3, w.reseller.count("buy"))
	reads, lists := w.reseller.count("order"), w.reseller.count("list")
	w.poll(keys, 40*time.Minute)
	reads, lists = w.reseller.count("order")-reads, w.reseller.count("list")-lists
	assert.LessOrEqual(t, reads, 12, "each is read by itself every 15 minutes")
	assert.LessOrEqual(t, lists, 45, "one list a minute is enough for all of them")
	assert.GreaterOrEqual(t, lists, 15)

	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateIssued })
	w.poll(keys, 5*time.Minute)
	issued := 0
	for _, key := range keys {
		w.key = key
		if w.state() == v1alpha1.OrderIssued {
			issued++
		}
	}
	assert.Equal(t, 1, issued, "what the list shows is fetched")
}

func TestListThatFailsIsNotNeeded(t *testing.T) {
	t.Parallel()
	w, keys := three(t)
	for range 1000 {
		w.reseller.plan("list", fault{kind: providers.Unavailable})
	}
	w.poll(keys, 30*time.Minute)
	assert.Positive(t, w.reseller.count("list"))
	assert.Less(t, w.reseller.count("list"), 5)
	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateIssued })
	w.poll(keys, 5*time.Minute)
	w.key = keys[2]
	assert.Equal(t, v1alpha1.OrderIssued, w.state())
}
