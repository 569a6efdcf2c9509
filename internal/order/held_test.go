package order

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func objectKey(name string) types.NamespacedName { return types.NamespacedName{Name: name} }

func conditionOf(w *world, kind string) metav1.ConditionStatus {
	if c := meta.FindStatusCondition(w.order().Status.Conditions, kind); c != nil {
		return c.Status
	}
	return metav1.ConditionUnknown
}

func policy(edit func(*v1alpha1.PurchasePolicy)) option {
	return issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) { edit(&s.Purchase) })
}

func euro(amount string) *v1alpha1.Money { return &v1alpha1.Money{Amount: amount, Currency: "EUR"} }

// rulesThatHold are issuers that don't let an order through, and how that is mended.
var rulesThatHold = map[string]struct {
	options []option
	reason  Reason
	says    string
	mend    func(*world)
}{
	"mode Hold": {
		[]option{policy(func(p *v1alpha1.PurchasePolicy) { p.Mode = v1alpha1.PurchaseHold })},
		ReasonOnHold, "until it is Live",
		func(w *world) {
			w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.Mode = v1alpha1.PurchaseLive })
		},
	},
	"dry run": {
		[]option{withEverything, policy(func(p *v1alpha1.PurchasePolicy) { p.Mode = v1alpha1.PurchaseDryRun })},
		ReasonDryRun, "would buy product p1 for 2 name(s) for 5.00 EUR",
		func(w *world) {
			w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.Mode = v1alpha1.PurchaseLive })
		},
	},
	"budget": {
		[]option{policy(func(p *v1alpha1.PurchasePolicy) { p.Budgets[0].MaxPurchases = new(int32) })},
		ReasonBudgetExceeded, "spec.purchase.budgets[0]",
		func(w *world) {
			w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.Budgets = nil })
		},
	},
	"price limit": {
		[]option{withEverything, policy(func(p *v1alpha1.PurchasePolicy) { p.PriceLimit = euro("4.99") })},
		ReasonPriceAboveLimit, "above spec.purchase.priceLimit",
		func(w *world) {
			w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.PriceLimit = euro("5.00") })
		},
	},
	"price unknown": {
		[]option{policy(func(p *v1alpha1.PurchasePolicy) { p.PriceLimit = euro("4.99") })},
		ReasonPriceUnknown, "does not tell the price",
		func(w *world) {
			w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.PriceLimit = nil })
		},
	},
	"balance": {
		[]option{withEverything, func(w *world) {
			w.reseller.balance = &providers.Money{Amount: decimal.RequireFromString("4.99"), Currency: "EUR"}
		}},
		ReasonInsufficientFunds, "top it up",
		func(w *world) { w.reseller.balance.Amount = decimal.RequireFromString("5") },
	},
	"CAA": {
		[]option{issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) { s.DCV.CAAPolicy = v1alpha1.CAAEnforce }), func(w *world) {
			w.reseller.profile.CAAIdentities = []string{"ca.example"}
			w.caa.result = caa.Result{Verdict: caa.Forbidden, Message: "change the CAA record"}
		}},
		ReasonCAAForbids, "change the CAA record",
		func(w *world) { w.caa.result = caa.Result{Verdict: caa.Allowed} },
	},
	"no solver": {
		[]option{issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) {
			s.DCV.Solvers[0].Selector = &v1alpha1.SolverSelector{DNSZones: []string{"example.org"}}
		})},
		ReasonNoSolver, "spec.dcv.solvers",
		func(w *world) {
			w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.DCV.Solvers[0].Selector = nil })
		},
	},
}

// Whatever holds an order holds it before money is spent, says what to do, and lets it go on
// once that is done.
func TestRulesHoldBeforePaying(t *testing.T) {
	t.Parallel()
	for name, tc := range rulesThatHold {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tc.options...)
			w.ask("web-1", keyA)
			w.untilWaiting(tc.reason)
			w.run(3 * time.Hour)
			assert.Equal(t, v1alpha1.OrderHeld, w.state())
			assert.Equal(t, metav1.ConditionTrue, conditionOf(w, v1alpha1.ConditionHeld))
			assert.Contains(t, w.order().Status.Message, tc.says)
			assert.Contains(t, w.recorder.all(), "Warning "+string(tc.reason))
			assert.Zero(t, w.reseller.count("buy"))
			assert.Empty(t, w.purchases())
			assert.Empty(t, w.zone.published(), "and nothing is published for it")
			tc.mend(w)
			w.clock.advance(3 * time.Hour)
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, metav1.ConditionFalse, conditionOf(w, v1alpha1.ConditionHeld))
			assert.Equal(t, 1, w.reseller.count("buy"))
		})
	}
}

func TestCAAWarnGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) { s.DCV.CAAPolicy = v1alpha1.CAAWarn }))
	w.reseller.profile.CAAIdentities = []string{"ca.example"}
	w.caa.result = caa.Result{Verdict: caa.Forbidden, Message: "change the CAA record"}
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	assert.Contains(t, w.recorder.all(), "Warning CAAForbids change the CAA record")
}

// Something asks for new certificates again and again, each for a new set of keys that the
// issuer's rules turn into a purchase.
func TestLoopBreakerStopsPurchases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.Reissue = v1alpha1.ReissueNever }))
	for _, name := range []string{"web-1", "web-2"} {
		w.ask(name, keyA)
		w.untilState(v1alpha1.OrderIssued)
		w.handOver()
		w.run(0)
	}
	w.ask("web-3", keyA)
	w.untilWaiting(ReasonLoopBreaker)
	assert.Contains(t, w.order().Status.Message, "maxPurchases")
	w.run(3 * time.Hour)
	assert.Equal(t, 2, w.reseller.count("buy"))
	w.clock.advance(29 * testDay)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 3, w.reseller.count("buy"))
}

func TestLoopBreakerStopsReissues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []string{"web-1", "web-2", "web-3", "web-4", "web-5", "web-6"}
	for _, name := range names {
		w.ask(name, keyA)
		w.untilState(v1alpha1.OrderIssued)
		w.handOver()
		w.run(0)
	}
	w.ask("web-7", keyA)
	w.untilWaiting(ReasonLoopBreaker)
	assert.Contains(t, w.order().Status.Message, "maxReissues")
	assert.Equal(t, 5, w.reseller.count("reissue"))
	assert.Equal(t, 1, w.reseller.count("buy"))
}

// A reseller that is away for hours while a reissue is due trips no loop breaker.
func TestOutageDoesNotTripTheLoopBreaker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	for range 20 {
		w.reseller.plan("reissue", fault{kind: providers.Unavailable})
	}
	w.ask("web-2", keyB)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 21, w.reseller.count("reissue"))
	assert.Len(t, w.purchases()[0].Spec.Reissues, 1)
}

func TestOverdueIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.r.OverdueAfter = 2 * time.Hour
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.run(3 * time.Hour)
	assert.Equal(t, metav1.ConditionTrue, conditionOf(w, v1alpha1.ConditionOverdue))
	assert.Contains(t, w.recorder.all(), "Warning Overdue")
	assert.Equal(t, v1alpha1.OrderValidating, w.state(), "it waits on")
	w.zone.invisible = false
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, metav1.ConditionFalse, conditionOf(w, v1alpha1.ConditionOverdue))
}

func TestForeignPurchaseIsTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	w.edit(1, func(s *v1alpha1.ResellerPurchaseSpec) { s.ClusterID = "before the move" })
	w.ask("web-2", keyB)
	w.untilWaiting(ReasonForeignCluster)
	assert.Contains(t, w.order().Status.Message, "set its spec.clusterID to "+testCluster)
	assert.Zero(t, w.reseller.count("reissue"))
	w.edit(1, func(s *v1alpha1.ResellerPurchaseSpec) { s.ClusterID = testCluster })
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.paidOrders())
}

func TestIssuerMovesToAnotherAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	w.reseller.account.Name = "other"
	w.clock.advance(time.Hour)
	w.untilWaiting(ReasonAccountChanged)
	assert.Contains(t, w.order().Status.Message, "point the issuer back")
	calls := w.reseller.count("order")
	w.run(3 * time.Hour)
	assert.Equal(t, calls, w.reseller.count("order"), "no id is used at another account")
	assert.Equal(t, 1, w.reseller.count("buy"))

	// A person gives it up.
	w.edit(1, func(s *v1alpha1.ResellerPurchaseSpec) {
		s.Resolution = &v1alpha1.PurchaseResolution{Absent: "Confirmed"}
	})
	w.zone.invisible = false
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 2, w.reseller.count("buy"))
	assert.Equal(t, "other", w.purchases()[1].Spec.Account.Name)
}

func TestIssuerIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.client.Delete(t.Context(), w.issuer))
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonIssuerNotReady)
	assert.Equal(t, v1alpha1.OrderPreflight, w.state())
	w.issuer = testIssuer()
	w.create(w.issuer)
	w.untilState(v1alpha1.OrderIssued)
}
