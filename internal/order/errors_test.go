package order

import (
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// What the paying call says, and what becomes of the order.
func TestRefusedPurchases(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		fault  fault
		reason Reason
		state  v1alpha1.OrderState
		buys   int
	}{
		"funds":       {fault{kind: providers.Funds}, ReasonInsufficientFunds, v1alpha1.OrderHeld, 2},
		"throttled":   {fault{kind: providers.Throttled, after: 90 * time.Second}, ReasonThrottled, v1alpha1.OrderPreflight, 2},
		"unavailable": {fault{kind: providers.Unavailable}, ReasonUnreachable, v1alpha1.OrderPreflight, 2},
		"auth":        {fault{kind: providers.Auth}, ReasonCredentialsRefused, v1alpha1.OrderPreflight, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.reseller.plan("buy", tc.fault)
			w.ask("web-1", keyA)
			w.run(0)
			assert.Equal(t, tc.reason, w.waitsFor())
			assert.Equal(t, tc.state, w.state())
			assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseRefused}, w.purchaseStates())
			if tc.fault.after > 0 {
				w.run(tc.fault.after - time.Second)
				assert.Equal(t, 1, w.reseller.count("buy"), "as long as the reseller wishes")
			}
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, tc.buys, w.reseller.count("buy"))
			assert.Equal(t, 1, w.reseller.paidOrders())
			w.atMostOnce()
		})
	}
}

// An account without money for weeks is asked ever more rarely and fills no cluster.
func TestRefusalsBecomeRare(t *testing.T) {
	t.Parallel()
	for _, kind := range []providers.Kind{providers.Funds, providers.Unavailable} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withEverything)
			for range 1000 {
				w.reseller.plan("buy", fault{kind: kind})
			}
			w.ask("web-1", keyA)
			w.run(6 * time.Hour)
			assert.LessOrEqual(t, w.reseller.count("buy"), 80)
			assert.GreaterOrEqual(t, w.reseller.count("buy"), 3)
			assert.LessOrEqual(t, len(w.purchases()), 6)
			w.atMostOnce()
			w.reseller.script = map[string][]fault{}
			w.untilState(v1alpha1.OrderIssued)
		})
	}
}

func TestInvalidRequestFailsBeforePaying(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"checkcsr", "price", "prepare", "snapshot", "buy"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withEverything)
			w.reseller.plan(call, fault{kind: providers.Invalid, message: "spec.commonName: no good"})
			w.ask("web-1", keyA)
			w.untilState(v1alpha1.OrderFailed)
			w.run(3 * time.Hour)
			assert.Equal(t, v1alpha1.OrderFailed, w.state())
			assert.Contains(t, w.order().Status.Message, "spec.commonName: no good")
			assert.Contains(t, w.recorder.all(), "Warning Failed")
			assert.Zero(t, w.reseller.paidOrders())
			// The next request is tried.
			w.ask("web-2", keyB)
			w.untilState(v1alpha1.OrderIssued)
		})
	}
}

// Once something is paid, no answer of the reseller may fail the request.
func TestNothingFailsAfterPaying(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"order", "validate"} {
		for _, kind := range []providers.Kind{
			providers.Invalid, providers.Auth, providers.Funds, providers.Throttled, providers.Unavailable, providers.Rejected,
			providers.NotFound, providers.Ambiguous,
		} {
			t.Run(call+" "+string(kind), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.reseller.plan(call, fault{kind: kind}, fault{kind: kind})
				w.ask("web-1", keyA)
				w.run(3*time.Hour, func() bool {
					assert.NotEqual(t, v1alpha1.OrderFailed, w.state())
					return w.state() == v1alpha1.OrderIssued
				})
				assert.Equal(t, v1alpha1.OrderIssued, w.state(), w.order().Status.Message)
				assert.Equal(t, 1, w.reseller.count("buy"))
			})
		}
	}
}

// An order is invisible for a while after it was placed, and lost if that lasts.
func TestOrderIsVisibleLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.plan("order", fault{kind: providers.NotFound}, fault{kind: providers.NotFound})
	w.ask("web-1", keyA)
	w.run(0)
	assert.Equal(t, v1alpha1.OrderValidating, w.state())
	assert.Equal(t, ReasonAwaitingValidation, w.waitsFor())
	w.untilState(v1alpha1.OrderIssued)
	assert.NotContains(t, w.recorder.all(), string(ReasonOrderLost))

	w = newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.run(time.Hour)
	w.zone.invisible = false
	w.reseller.orders[0].id = "gone"
	w.untilWaiting(ReasonOrderLost)
	w.run(3 * time.Hour)
	assert.Equal(t, v1alpha1.OrderHeld, w.state())
	assert.Equal(t, 1, w.reseller.count("buy"), "a lost order is never bought again on our own")
}

func TestOrderEndsAfterPaying(t *testing.T) {
	t.Parallel()
	cases := map[providers.State]struct {
		reason Reason
		ledger v1alpha1.PurchaseState
	}{
		providers.StateRejected:  {ReasonOrderRejected, v1alpha1.PurchaseRejected},
		providers.StateCancelled: {ReasonOrderCancelled, v1alpha1.PurchaseCancelled},
		// Nobody validated it in time; the paid term isn't over.
		providers.StateExpired: {ReasonOrderCancelled, v1alpha1.PurchaseCancelled},
	}
	for state, tc := range cases {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.zone.invisible = true
			w.ask("web-1", keyA)
			w.untilWaiting(ReasonAwaitingPropagation)
			w.reseller.change(func(o *resellerOrder) { o.state, o.detail = state, "the CA says no" })
			w.zone.invisible = false
			w.untilWaiting(tc.reason)
			assert.Equal(t, []v1alpha1.PurchaseState{tc.ledger}, w.purchaseStates())
			assert.Contains(t, w.order().Status.Message, "the CA says no")
			assert.Contains(t, w.order().Status.Message, "spec.resolution.absent")
			w.run(6 * time.Hour)
			require.NoError(t, w.client.Delete(t.Context(), w.request()))
			w.run(3 * time.Hour)
			w.ask("web-2", keyB)
			w.run(3 * time.Hour)
			assert.Equal(t, tc.reason, w.waitsFor())
			assert.Equal(t, 1, w.reseller.count("buy"), "never another purchase on our own")

			w.edit(1, func(s *v1alpha1.ResellerPurchaseSpec) {
				s.Resolution = &v1alpha1.PurchaseResolution{Absent: "Confirmed"}
			})
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, 2, w.reseller.count("buy"), "a person permits one")
		})
	}
}

// The word of a person counts also while the order's issuance still waits for the rejected one.
func TestRejectionIsResolvedInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateRejected })
	w.zone.invisible = false
	w.untilWaiting(ReasonOrderRejected)
	w.edit(1, func(s *v1alpha1.ResellerPurchaseSpec) {
		s.Resolution = &v1alpha1.PurchaseResolution{Absent: "Confirmed"}
	})
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseAbsent, v1alpha1.PurchaseBought}, w.purchaseStates())
}

// A purchase call that is answered with "rejected" may have been charged.
func TestRejectedPurchaseCallIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.plan("buy", fault{kind: providers.Rejected, message: "blocked by the CA"})
	w.ask("web-1", keyA)
	w.run(6 * time.Hour)
	assert.Equal(t, ReasonOrderRejected, w.waitsFor())
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseRejected}, w.purchaseStates())
}

func TestTermIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	w.clock.advance(366 * testDay)
	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateExpired })
	w.zone.invisible = false
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseExpired, v1alpha1.PurchaseBought}, w.purchaseStates())
}

// Between the decision and the paying call the world may change: everything is read again.
func TestRequestGoesAwayBeforePaying(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*world){
		"deleted": func(w *world) { require.NoError(w.t, w.client.Delete(w.t.Context(), w.request())) },
		"failed": func(w *world) {
			request := w.request()
			request.Status.Conditions = append(request.Status.Conditions, cmapi.CertificateRequestCondition{Type: cmapi.CertificateRequestConditionReady, Status: "False", Reason: cmapi.CertificateRequestReasonFailed})
			require.NoError(w.t, w.client.Status().Update(w.t.Context(), request))
		},
		"no longer approved": func(w *world) {
			request := w.request()
			request.Status.Conditions = nil
			require.NoError(w.t, w.client.Status().Update(w.t.Context(), request))
		},
		"held by the issuer": func(w *world) {
			w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.Mode = v1alpha1.PurchaseHold })
		},
		"another account":  func(w *world) { w.reseller.account.Name = "other" },
		"issuer deleted":   func(w *world) { require.NoError(w.t, w.client.Delete(w.t.Context(), w.issuer)) },
		"request replaced": func(w *world) { w.ask("web-2", keyB) },
		"bought meanwhile": func(w *world) {
			p := purchaseOf(1, inState(v1alpha1.PurchaseIntended))
			p.Labels = map[string]string{v1alpha1.LabelOrderKey: testKey}
			w.create(&p)
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ask("web-1", keyA)
			s := &scope{order: w.order()}
			for {
				require.NoError(t, w.r.gather(t.Context(), s))
				if _, pays := next(s.view).(Pay); pays {
					break
				}
				_, err := w.r.step(t.Context(), s)
				require.NoError(t, err)
			}
			change(w)
			_, err := w.r.pay(t.Context(), s, Pay{})
			if name == "another account" {
				// The lock is for the account that is used now.
				require.NoError(t, err)
				return
			}
			assert.Zero(t, w.reseller.count("buy"))
			if name != "request replaced" {
				assert.NoError(t, err)
			}
		})
	}
}

// Two orders of one account are bought one after the other.
func TestOneBuyerAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	key := w.reseller.account.Key()
	require.True(t, w.r.buyers.try(key))
	w.run(30 * time.Second)
	assert.Zero(t, w.reseller.count("buy"))
	w.r.buyers.release(key)
	w.untilState(v1alpha1.OrderIssued)
}

func TestDeletedPurchaseIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	p := w.purchases()[0]
	require.NoError(t, w.client.Delete(t.Context(), &p))
	w.zone.invisible = false
	w.untilWaiting(ReasonOrderLost)
	assert.Contains(t, w.order().Status.Message, p.Name)
	w.run(3 * time.Hour)
	assert.Equal(t, 1, w.reseller.count("buy"))
}

// A reseller that has moved on refuses to validate: the order must still be read.
func TestValidationIsRefusedForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 100 {
		w.reseller.plan("validate", fault{kind: providers.Invalid, message: "the order is not in this state"})
	}
	w.ask("web-1", keyA)
	w.run(30 * time.Minute)
	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateIssued })
	w.run(time.Hour)
	assert.Equal(t, v1alpha1.OrderIssued, w.state())
	assert.Less(t, w.reseller.count("validate"), 10)
}
