package order

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// listing adds the list of an account's orders.
type listing struct{ usual }

func (l listing) Orders(context.Context) ([]providers.Order, error) {
	p := l.reseller
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []providers.Order
	for _, o := range p.orders {
		row := p.read(o)
		row.CSR, row.Reference, row.Certificates = nil, "", nil
		list = append(list, row)
	}
	return list, p.meet("list").error("list")
}

func withList(w *world) {
	w.provider = listing{usual{w.reseller, validates{w.reseller}, reissues{w.reseller}}}
}

func unclaimedOrders(u v1alpha1.UnclaimedOrders) option {
	return policy(func(p *v1alpha1.PurchasePolicy) { p.UnclaimedOrders = u })
}

// An order for the same names that was bought by hand is held for a decision, also where the
// issuer says Adopt: names alone are no proof.
func TestUnclaimedOrderIsHeld(t *testing.T) {
	t.Parallel()
	for _, setting := range []v1alpha1.UnclaimedOrders{"", v1alpha1.UnclaimedHold, v1alpha1.UnclaimedAdopt} {
		t.Run("setting "+string(setting), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withList, unclaimedOrders(setting))
			w.byHand(providers.StateIssued, testNames...)
			w.ask("web-1", keyA)
			w.untilWaiting(ReasonUnclaimedOrder)
			assert.Contains(t, w.order().Status.Message, "order_id 900")
			assert.Contains(t, w.order().Status.Message, "import it as ResellerPurchase "+testKey+"-1")
			w.run(3 * time.Hour)
			assert.Zero(t, w.reseller.count("buy"))
			assert.Empty(t, w.purchases())

			w.create(wish())
			w.untilState(v1alpha1.OrderIssued)
			assert.Zero(t, w.reseller.count("buy"))
		})
	}
}

func TestUnclaimedOrderIsIgnored(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		setting v1alpha1.UnclaimedOrders
		state   providers.State
		names   []string
		edit    func(*world)
	}{
		"Ignore":      {v1alpha1.UnclaimedIgnore, providers.StateIssued, testNames, nil},
		"other names": {v1alpha1.UnclaimedHold, providers.StateIssued, []string{"example.com"}, nil},
		"cancelled":   {v1alpha1.UnclaimedHold, providers.StateCancelled, testNames, nil},
		"another's": {v1alpha1.UnclaimedHold, providers.StateIssued, testNames, func(w *world) {
			claims := purchaseOf(1, func(s *v1alpha1.ResellerPurchaseSpec) { s.Key, s.OrderIDs[0].Value = otherKey, "900" })
			claims.Name, claims.Labels = otherKey+"-1", map[string]string{v1alpha1.LabelAccount: ledger.AccountLabel(testAccount), v1alpha1.LabelOrderKey: otherKey}
			w.create(&claims)
		}},
		"perhaps that of an open purchase": {v1alpha1.UnclaimedHold, providers.StateIssued, testNames, func(w *world) {
			open := purchaseOf(1, inState(v1alpha1.PurchaseIntended), func(s *v1alpha1.ResellerPurchaseSpec) { s.Key, s.OrderIDs = otherKey, nil })
			open.Name, open.Labels = otherKey+"-1", map[string]string{v1alpha1.LabelAccount: ledger.AccountLabel(testAccount), v1alpha1.LabelOrderKey: otherKey}
			w.create(&open)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withList, unclaimedOrders(tc.setting))
			w.byHand(tc.state, tc.names...)
			if tc.edit != nil {
				tc.edit(w)
			}
			w.ask("web-1", keyA)
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, 1, w.reseller.count("buy"))
		})
	}
}

// loseLedger deletes order and purchases, as a cluster does whose etcd is lost.
func (w *world) loseLedger() {
	w.t.Helper()
	for _, p := range w.purchases() {
		require.NoError(w.t, w.client.Delete(w.t.Context(), &p))
	}
	require.NoError(w.t, w.client.Delete(w.t.Context(), w.request()))
	require.NoError(w.t, w.client.Delete(w.t.Context(), w.order()))
	w.restart(w.client)
}

// What this cluster bought before its ledger was lost is known again by the reference.
func TestLostLedgerIsAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withList, unclaimedOrders(v1alpha1.UnclaimedAdopt))
	w.reseller.references = true
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	w.loseLedger()

	w.ask("web-2", keyB)
	w.run(time.Hour, func() bool { return len(w.purchases()) > 0 })
	adopted := w.purchases()[0].Spec
	assert.Equal(t, v1alpha1.PurchaseBought, adopted.State)
	assert.Equal(t, v1alpha1.PurchaseImport, adopted.Kind)
	assert.Contains(t, w.recorder.all(), "which stood in no ledger")
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, 1, w.reseller.count("reissue"))
}

// Another cluster at the same account has sent other references: its orders aren't taken.
func TestOrderOfAnotherClusterIsNotAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withList, unclaimedOrders(v1alpha1.UnclaimedAdopt))
	w.reseller.references = true
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	w.loseLedger()

	w.r.Ledger.ClusterID = "cluster-2"
	w.ask("web-2", keyB)
	w.untilWaiting(ReasonUnclaimedOrder)
	w.run(3 * time.Hour)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Zero(t, w.reseller.count("reissue"))
}

// A list that can't be read is no reason to buy.
func TestUnclaimedListIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withList)
	w.reseller.plan("list", fault{kind: providers.Unavailable}, fault{kind: providers.Unavailable})
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonUnreachable)
	assert.Zero(t, w.reseller.count("buy"))
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 3, w.reseller.count("list"))

	w = newWorld(t, withList)
	w.reseller.plan("list", fault{kind: providers.Invalid})
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonIssuerNotReady)
	assert.NotEqual(t, v1alpha1.OrderFailed, w.state(), "a list is no reason to fail a request")
}
