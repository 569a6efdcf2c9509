package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func TestEnrolment(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		faults []fault
		calls  int
	}{
		"once, however long it takes to show": {nil, 1},
		"reply lost after the effect":         {[]fault{lostAfter}, 1},
		"reply lost before the effect":        {[]fault{lostBefore}, 2},
		"refused for a while":                 {[]fault{{kind: providers.Unavailable}, {kind: providers.Funds}}, 3},
		"refused":                             {[]fault{{kind: providers.Invalid}}, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withEnrolment)
			w.reseller.plan("enrol", tc.faults...)
			w.ask("web-1", keyA)
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, tc.calls, w.reseller.count("enrol"))
			assert.Equal(t, 1, w.reseller.orders[0].enrolled)
			assert.Equal(t, 1, w.reseller.paidOrders())
			w.atMostOnce()
		})
	}
}

// The money is spent, so a refused second step is for a person and doesn't fail the request.
func TestRefusedEnrolmentIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEnrolment)
	w.reseller.plan("enrol", fault{kind: providers.Invalid, message: "no such approver"})
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonOrderRejected)
	assert.Equal(t, v1alpha1.OrderHeld, w.state())
	assert.Contains(t, w.order().Status.Message, "no such approver")
}

// Hold stops the second step too, and says what it is about.
func TestEnrolmentInHoldMode(t *testing.T) {
	t.Parallel()
	for mode, reason := range map[v1alpha1.PurchaseMode]Reason{v1alpha1.PurchaseHold: ReasonOnHold, v1alpha1.PurchaseDryRun: ReasonDryRun} {
		w := newWorld(t, withEnrolment)
		w.reseller.plan("enrol", fault{kind: providers.Unavailable})
		w.ask("web-1", keyA)
		w.run(0)
		w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.Mode = mode })
		w.untilWaiting(reason)
		assert.NotContains(t, w.order().Status.Message, "would buy")
		w.run(time.Hour)
		assert.Equal(t, 1, w.reseller.count("enrol"))
		w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.Mode = v1alpha1.PurchaseLive })
		w.untilState(v1alpha1.OrderIssued)
	}
}

// A request that is replaced between reissue and enrolment finishes what was begun.
func TestEnrolmentBelongsToItsOrder(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[v1alpha1.OperationOutcome]string{
		v1alpha1.OperationDone: "2", v1alpha1.OperationRefused: "2", v1alpha1.OperationAbsent: "2",
	} {
		p := purchaseOf(1, certified("1", testDay, yes), withOperation("2", outcome))
		p.Spec.Operation.Kind = v1alpha1.PurchaseOperationEnrol
		_, digest, ok := pendingCSR(&p)
		assert.True(t, ok)
		assert.Equal(t, csrDigest(want), digest)
	}
}

// The CA asks for validation again after it had begun to issue.
func TestIssuingGoesBackToValidation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	w.zone.invisible = false
	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateIssuing })
	w.untilState(v1alpha1.OrderIssuing)
	before := w.reseller.count("validate")
	w.reseller.change(func(o *resellerOrder) { o.state, o.asked = providers.StateAwaitingValidation, 0 })
	w.untilState(v1alpha1.OrderIssued)
	assert.Greater(t, w.reseller.count("validate"), before)
}

// The order was paid without a CSR: it takes that of the next request, and no reissue is needed.
func TestEnrolmentTakesTheNewestCSR(t *testing.T) {
	t.Parallel()
	for later, reissues := range map[bool]int{true: 0, false: 1} {
		w := newWorld(t, withEnrolment, func(w *world) { w.reseller.profile.CSRAtEnrolment = later })
		w.reseller.plan("order", fault{kind: providers.Unavailable})
		w.ask("web-1", keyA)
		w.run(0)
		assert.Equal(t, 1, w.reseller.paidOrders())
		assert.Zero(t, w.reseller.count("enrol"))
		w.ask("web-2", keyB)
		w.untilState(v1alpha1.OrderIssued)
		w.run(time.Hour)
		assert.Equal(t, 1, w.reseller.count("enrol"))
		assert.Equal(t, reissues, w.reseller.count("reissue"))
		assert.Equal(t, 1, w.reseller.paidOrders())
	}
}
