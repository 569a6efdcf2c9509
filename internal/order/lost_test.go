package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

var (
	lostAfter  = fault{kind: providers.Ambiguous, effect: true, message: "the reply was lost"}
	lostBefore = fault{kind: providers.Ambiguous, message: "the reply was lost"}
)

func TestLostReplyIsAdopted(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]string{"purchase": "buy", "purchase, nothing visible at first": "buy"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.reseller.hidden = name != "purchase"
			w.reseller.plan(call, lostAfter)
			w.ask("web-1", keyA)
			if w.reseller.hidden {
				w.run(time.Minute)
				assert.Equal(t, ReasonRecovering, w.waitsFor())
				assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseIntended}, w.purchaseStates())
				w.reseller.hidden = false
			}
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, 1, w.reseller.count("buy"))
			assert.Equal(t, 1, w.reseller.paidOrders())
			spec := w.purchases()[0].Spec
			assert.Equal(t, v1alpha1.PurchaseBought, spec.State)
			assert.Equal(t, "1", spec.OrderIDs[0].Value)
			assert.Contains(t, w.recorder.all(), "Warning PurchaseUncertain")
			assert.Contains(t, w.recorder.all(), "Normal Adopted")
		})
	}
}

// Absence is concluded after 10 s + 30 s + 1 min + 1 min, and then it is bought once more.
func TestNothingFoundIsBoughtAgainAfterTheFence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.plan("buy", lostBefore)
	w.ask("web-1", keyA)
	begun := w.clock.Now()
	w.run(time.Hour, func() bool { return w.reseller.count("buy") == 2 })
	assert.GreaterOrEqual(t, w.clock.Now().Sub(begun), 2*time.Minute+40*time.Second)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 2, w.reseller.count("buy"))
	assert.Equal(t, 1, w.reseller.paidOrders())
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseAbsent, v1alpha1.PurchaseBought}, w.purchaseStates())
	w.atMostOnce()
}

// Another process must watch for itself, however long the first one has.
func TestFenceStartsAnewInAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.plan("buy", lostBefore)
	w.ask("web-1", keyA)
	w.run(2 * time.Minute)
	w.clock.advance(time.Hour)
	w.restart(w.client)
	begun := w.clock.Now()
	w.run(2 * time.Minute)
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseIntended}, w.purchaseStates())
	w.run(time.Hour, func() bool { return w.reseller.count("buy") == 2 })
	assert.GreaterOrEqual(t, w.clock.Now().Sub(begun), 2*time.Minute+40*time.Second)
}

func TestUnknowableAbsenceIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.profile.AbsenceKnowable = false
	w.reseller.plan("buy", lostBefore)
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonPurchaseUncertain)
	assert.Equal(t, v1alpha1.OrderHeld, w.state())
	for _, word := range []string{w.purchases()[0].Name, "spec.resolution", "orderIDs", "absent: Confirmed", "panel"} {
		assert.Contains(t, w.order().Status.Message, word)
	}
	w.run(testDay)
	assert.Equal(t, 1, w.reseller.count("buy"), "however long it takes")
	assert.Equal(t, v1alpha1.OrderHeld, w.state())
	assert.Less(t, w.reseller.count("find"), 200, "looking becomes rare")
}

func TestNamesAloneAreHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.evidence = providers.EvidenceNames
	w.reseller.plan("buy", lostAfter)
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonPurchaseUncertain)
	assert.Contains(t, w.order().Status.Message, "order_id 1")
	w.run(3 * time.Hour)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Empty(t, w.purchases()[0].Spec.OrderIDs)
}

// uncertain is a purchase whose reply was lost and of which nothing can be found out.
func uncertain(t *testing.T, f fault) *world {
	t.Helper()
	w := newWorld(t)
	w.reseller.profile.AbsenceKnowable = false
	w.reseller.hidden = true
	w.reseller.plan("buy", f)
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonPurchaseUncertain)
	return w
}

func says(resolution v1alpha1.PurchaseResolution) specEdit {
	return func(spec *v1alpha1.ResellerPurchaseSpec) { spec.Resolution = &resolution }
}

func TestPersonResolves(t *testing.T) {
	t.Parallel()
	t.Run("it is there", func(t *testing.T) {
		t.Parallel()
		w := uncertain(t, lostAfter)
		w.edit(1, says(v1alpha1.PurchaseResolution{OrderIDs: []v1alpha1.OrderID{{Name: "order_id", Value: "1"}}}))
		w.untilState(v1alpha1.OrderIssued)
		assert.Equal(t, 1, w.reseller.count("buy"))
		assert.Nil(t, w.purchases()[0].Spec.Resolution, "it is used once")
	})
	t.Run("it is absent", func(t *testing.T) {
		t.Parallel()
		w := uncertain(t, lostBefore)
		w.edit(1, says(v1alpha1.PurchaseResolution{Absent: "Confirmed"}))
		w.untilState(v1alpha1.OrderIssued)
		assert.Equal(t, 2, w.reseller.count("buy"))
		assert.Equal(t, 1, w.reseller.paidOrders())
		assert.Nil(t, w.purchases()[0].Spec.Resolution)
	})
}

func TestPersonErrs(t *testing.T) {
	t.Parallel()
	t.Run("the order is somebody else's", func(t *testing.T) {
		t.Parallel()
		w := uncertain(t, lostBefore)
		w.reseller.orders = append(w.reseller.orders, &resellerOrder{id: "9", csr: csrPEM(t, keyB, "example.org"), state: providers.StateIssued})
		w.edit(1, says(v1alpha1.PurchaseResolution{OrderIDs: []v1alpha1.OrderID{{Name: "order_id", Value: "9"}}}))
		w.run(0)
		assert.Equal(t, ReasonOrderMismatch, w.waitsFor())
		assert.Empty(t, w.purchases()[0].Spec.OrderIDs)
	})
	t.Run("the order belongs to another purchase", func(t *testing.T) {
		t.Parallel()
		w := uncertain(t, lostAfter)
		other := purchaseOf(1)
		other.Name, other.Spec.Key, other.Labels = "other-1", "other", map[string]string{v1alpha1.LabelAccount: w.purchases()[0].Labels[v1alpha1.LabelAccount]}
		w.create(&other)
		p := &v1alpha1.ResellerPurchase{}
		require.NoError(t, w.client.Get(t.Context(), objectKey(testKey+"-1"), p))
		says(v1alpha1.PurchaseResolution{OrderIDs: []v1alpha1.OrderID{{Name: "order_id", Value: "1"}}})(&p.Spec)
		require.NoError(t, w.client.Update(t.Context(), p))
		w.run(0)
		assert.Equal(t, ReasonOrderMismatch, w.waitsFor())
		assert.Contains(t, w.order().Status.Message, "other-1")
	})
	t.Run("the answer came first", func(t *testing.T) {
		t.Parallel()
		w := uncertain(t, lostBefore)
		stale := w.purchases()[0]
		w.edit(1, func(spec *v1alpha1.ResellerPurchaseSpec) {
			spec.State, spec.OrderIDs = v1alpha1.PurchaseBought, []v1alpha1.OrderID{{Name: "order_id", Value: "1"}}
			spec.Resolution = &v1alpha1.PurchaseResolution{Absent: "Confirmed"}
		})
		stale.Spec.Resolution = &v1alpha1.PurchaseResolution{Absent: "Confirmed"}
		s := &scope{order: w.order(), view: View{Now: w.clock.Now(), Purchases: purchases{stale}}}
		_, err := w.r.resolve(t.Context(), s, stale.Name)
		require.NoError(t, err)
		spec := w.purchases()[0].Spec
		assert.Equal(t, v1alpha1.PurchaseBought, spec.State, "what is paid isn't given up by a word about something else")
		assert.Nil(t, spec.Resolution)
	})
}

func TestLostReissue(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		fault    fault
		reissues int
	}{
		"after the effect":  {lostAfter, 1},
		"before the effect": {lostBefore, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ask("web-1", keyA)
			w.untilState(v1alpha1.OrderIssued)
			w.handOver()
			w.run(0)
			w.clock.advance(100 * testDay)
			w.reseller.plan("reissue", tc.fault)
			w.ask("web-2", keyB)
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, tc.reissues, w.reseller.count("reissue"))
			assert.Equal(t, 1, w.reseller.orders[0].reissues)
			assert.Equal(t, 1, w.reseller.paidOrders())
			w.atMostOnce()
		})
	}
}

// Looking fails too for a while: nothing is concluded from that.
func TestFindFails(t *testing.T) {
	t.Parallel()
	for _, kind := range []providers.Kind{providers.Unavailable, providers.Invalid, providers.NotFound, providers.Auth} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.reseller.plan("buy", lostAfter)
			w.reseller.plan("find", fault{kind: kind}, fault{kind: kind}, fault{kind: kind})
			w.ask("web-1", keyA)
			w.run(10 * time.Second)
			assert.NotEqual(t, v1alpha1.OrderFailed, w.state(), "a request may be paid and must not fail")
			w.clock.advance(time.Hour)
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, 1, w.reseller.count("buy"))
		})
	}
}

// The request is gone while the outcome is open; the money isn't forgotten.
func TestOpenIntentOutlivesTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.hidden = true
	w.reseller.plan("buy", lostAfter)
	w.reseller.plan("find", fault{kind: providers.Invalid})
	w.ask("web-1", keyA)
	w.run(0)
	require.NoError(t, w.client.Delete(t.Context(), w.request()))
	w.run(20 * time.Second)
	w.reseller.hidden = false
	w.run(time.Hour, func() bool { return w.state() == v1alpha1.OrderIdle && w.waitsFor() == "" })
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseBought}, w.purchaseStates())

	w.ask("web-2", keyB)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.paidOrders())
}

func TestAccountChangesWhileTheOutcomeIsOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.plan("buy", lostBefore)
	w.ask("web-1", keyA)
	w.run(0)
	w.reseller.account.Name = "other"
	w.clock.advance(time.Hour)
	w.untilWaiting(ReasonAccountChanged)
	w.run(3 * time.Hour)
	assert.Equal(t, 1, w.reseller.count("buy"))
	w.reseller.account.Name = "shop"
	w.untilState(v1alpha1.OrderIssued)
}

func TestIdleOrdersArePolledDaily(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	require.NoError(t, w.client.Delete(t.Context(), w.request()))
	w.run(0)
	before := w.reseller.count("order")
	w.run(10 * testDay)
	assert.InDelta(t, 10, w.reseller.count("order")-before, 1)
	w.reseller.change(func(o *resellerOrder) { o.state, o.detail = providers.StateCancelled, "by the customer" })
	w.run(2 * testDay)
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseCancelled}, w.purchaseStates())
	assert.Equal(t, metav1.ConditionTrue, conditionOf(w, v1alpha1.ConditionIdle))
	w.ask("web-2", keyB)
	w.untilWaiting(ReasonOrderCancelled)
	assert.Equal(t, 1, w.reseller.count("buy"))
}
