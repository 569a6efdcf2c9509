package order

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func TestWhenCommanded(t *testing.T) {
	t.Parallel()
	command := v1alpha1.OrderCommand{ID: "a", Verb: v1alpha1.OrderRetry}
	asked := func(v *View) { v.Order.Spec.Command = &command }
	answered := func(v *View) { v.Order.Status.Answers = []v1alpha1.CommandAnswer{{ID: "a"}} }
	check(t, map[string]decision{
		"asked":                        {[]func(*View){asked}, Obey{Command: command}},
		"answered":                     {[]func(*View){asked, answered}, Forget{}},
		"asked of a deleted order":     {[]func(*View){asked, deleted}, Release{}},
		"asked while the issuer lacks": {[]func(*View){asked, func(v *View) { v.Issuer = nil }}, Obey{Command: command}},
	})
}

func TestRetry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.presentErr = []error{errZone, errZone, errZone, errZone, errZone}
	w.ask("web-1", keyA)
	w.run(time.Minute, func() bool { return w.order().Status.Failures > 3 })
	before := w.zone.presents
	answer := w.tell(v1alpha1.OrderCommand{ID: "a", Verb: v1alpha1.OrderRetry})
	assert.Equal(t, v1alpha1.CommandDone, answer.Outcome)
	assert.Greater(t, w.zone.presents, before, "at once")
}

// A rule about money holds the order again.
func TestRetryOverridesNoRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t, issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) {
		none := int32(0)
		s.Purchase.Budgets = []v1alpha1.Budget{{Window: metav1.Duration{Duration: testDay}, MaxPurchases: &none}}
	}))
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonBudgetExceeded)
	w.tell(v1alpha1.OrderCommand{ID: "a", Verb: v1alpha1.OrderRetry})
	assert.Equal(t, ReasonBudgetExceeded, w.waitsFor())
	assert.Zero(t, w.reseller.count("buy"))
}

func TestRetryOfAFailedRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	w.reseller.plan("checkcsr", fault{kind: providers.Invalid})
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderFailed)
	assert.Equal(t, v1alpha1.CommandRefused, w.tell(v1alpha1.OrderCommand{ID: "a", Verb: v1alpha1.OrderRetry}).Outcome)
}

// A person wants a reissue where the policy would buy.
func TestReissueOnRequest(t *testing.T) {
	t.Parallel()
	for asked, reissues := range map[bool]int{true: 1, false: 0} {
		w := newWorld(t, func(w *world) { w.reseller.profile.ReissueKeepsOld = false })
		w.ask("web-1", keyA)
		w.untilState(v1alpha1.OrderIssued)
		w.handOver()
		w.run(time.Minute)
		if asked {
			answer := w.tell(v1alpha1.OrderCommand{ID: "a", Verb: v1alpha1.OrderReissue})
			require.Equal(t, v1alpha1.CommandDone, answer.Outcome, answer.Message)
			require.NotNil(t, w.order().Status.ReissueAskedAt)
		}
		w.ask("web-2", keyB)
		w.untilState(v1alpha1.OrderIssued)
		assert.Equal(t, reissues, w.reseller.count("reissue"))
		assert.Nil(t, w.order().Status.ReissueAskedAt, "it is for one certificate")
		w.handOver()
		w.run(time.Minute)
	}
}

func TestNoReissue(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edits []func(*View)
		says  string
	}{
		"nothing paid":     {nil, "has to be bought"},
		"never":            {[]func(*View){withPurchases(purchaseOf(1)), func(v *View) { v.Issuer.Policy.Reissue = v1alpha1.ReissueNever }}, "Never"},
		"not in the API":   {[]func(*View){withPurchases(purchaseOf(1)), func(v *View) { v.Issuer.Capabilities.Reissue = false }}, "no reissue"},
		"the term is over": {[]func(*View){withPurchases(purchaseOf(1, paidFor(-time.Hour)))}, "has to be bought"},
		"no issuer":        {[]func(*View){func(v *View) { v.Issuer = nil; v.IssuerProblem = "gone" }}, "gone"},
		"no request":       {[]func(*View){func(v *View) { v.Order.Spec.Request = nil }}, "ever requested"},
		"possible":         {[]func(*View){withPurchases(purchaseOf(1))}, ""},
	} {
		why := noReissue(liveView(tc.edits...))
		if tc.says == "" {
			assert.Empty(t, why, name)
		} else {
			assert.Contains(t, why, tc.says, name)
		}
	}
}

// validating is an order that waits for the CA to see a TXT record.
func validating(t *testing.T, options ...option) *world {
	t.Helper()
	w := newWorld(t, append([]option{withServant, func(w *world) { w.reseller.issueAfter = 1000 }}, options...)...)
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingValidation)
	return w
}

func TestChangeMethod(t *testing.T) {
	t.Parallel()
	w := validating(t)
	require.Len(t, w.zone.published(), 1)
	old := w.zone.published()[0]
	answer := w.tell(v1alpha1.OrderCommand{ID: "a", Verb: v1alpha1.OrderChangeMethod, Method: v1alpha1.DCVMethodCNAME})
	require.Equal(t, v1alpha1.CommandDone, answer.Outcome, answer.Message)
	w.run(2 * time.Minute)
	assert.Equal(t, 1, w.reseller.count("change"))
	require.Len(t, w.zone.published(), 1, "the old record is gone")
	assert.NotEqual(t, old, w.zone.published()[0])
	assert.Contains(t, w.zone.published()[0], "_new.example.com.")
	assert.Equal(t, v1alpha1.DCVMethodCNAME, w.order().Status.Issuance.Method)
	assert.Equal(t, v1alpha1.DCVMethodCNAME, w.newest().Spec.Method, "whoever resumes it knows")
	w.reseller.issueAfter = 1
	w.untilState(v1alpha1.OrderIssued)

	again := w.tell(v1alpha1.OrderCommand{ID: "b", Verb: v1alpha1.OrderChangeMethod, Method: v1alpha1.DCVMethodTXT})
	assert.Equal(t, v1alpha1.CommandRefused, again.Outcome, "it is issued")
}

func TestChangeMethodRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		command v1alpha1.OrderCommand
		prepare func(*world)
		outcome v1alpha1.CommandOutcome
		says    string
	}{
		"another name":   {v1alpha1.OrderCommand{Method: v1alpha1.DCVMethodCNAME, Domain: "other.example"}, nil, v1alpha1.CommandRefused, "status.issuance.challenges"},
		"no solver":      {v1alpha1.OrderCommand{Method: v1alpha1.DCVMethodFile}, nil, v1alpha1.CommandRefused, "no solver"},
		"vendor refuses": {v1alpha1.OrderCommand{Method: v1alpha1.DCVMethodCNAME}, func(w *world) { w.reseller.plan("change", fault{kind: providers.Invalid}) }, v1alpha1.CommandFailed, "scripted"},
		"no such call":   {v1alpha1.OrderCommand{Method: v1alpha1.DCVMethodCNAME}, func(w *world) { w.provider = asUsual(w.reseller); w.restart(w.client) }, v1alpha1.CommandRefused, "can't change"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := validating(t)
			if tc.prepare != nil {
				tc.prepare(w)
			}
			tc.command.ID, tc.command.Verb = "a", v1alpha1.OrderChangeMethod
			answer := w.tell(tc.command)
			assert.Equal(t, tc.outcome, answer.Outcome)
			assert.Contains(t, answer.Message, tc.says)
		})
	}
}

func TestResendEmail(t *testing.T) {
	t.Parallel()
	w := validating(t)
	assert.Equal(t, v1alpha1.CommandRefused, w.tell(v1alpha1.OrderCommand{ID: "a", Verb: v1alpha1.OrderResendEmail}).Outcome, "it isn't by e-mail")
	change := v1alpha1.OrderCommand{ID: "b", Verb: v1alpha1.OrderChangeMethod, Method: v1alpha1.DCVMethodEmail, Email: "webmaster@example.com"}
	require.Equal(t, v1alpha1.CommandDone, w.tell(change).Outcome)
	w.run(time.Minute)
	assert.Equal(t, ReasonAwaitingApproval, w.waitsFor())
	assert.Empty(t, w.zone.published())

	resend := func(id string) v1alpha1.CommandAnswer {
		return w.tell(v1alpha1.OrderCommand{ID: id, Verb: v1alpha1.OrderResendEmail})
	}
	assert.Equal(t, v1alpha1.CommandDone, resend("c").Outcome)
	assert.Equal(t, v1alpha1.CommandRefused, resend("d").Outcome)
	w.clock.advance(time.Hour)
	w.reseller.plan("resend", fault{kind: providers.Unavailable})
	assert.Equal(t, v1alpha1.CommandFailed, resend("e").Outcome)
	assert.Equal(t, v1alpha1.CommandDone, resend("f").Outcome)
	assert.Equal(t, 3, w.reseller.count("resend"))
}

// What the method wants can't be published: the order goes on with the next one, once.
func TestMethodIsLeft(t *testing.T) {
	t.Parallel()
	conflict := fmt.Errorf("_dnsauth.example.com. is a CNAME: remove it: %w", dcv.ErrConflict)
	both := issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) {
		s.DCV.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodTXT, v1alpha1.DCVMethodCNAME}
	})
	t.Run("taken", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, withServant, both)
		w.zone.presentErr = []error{conflict}
		w.ask("web-1", keyA)
		w.untilState(v1alpha1.OrderIssued)
		assert.Equal(t, 1, w.reseller.count("change"))
		assert.Contains(t, w.recorder.all(), "MethodLeft")
		assert.Equal(t, 1, w.reseller.count("buy"))
	})
	t.Run("not taken", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, withServant, both)
		w.zone.presentErr = []error{conflict, conflict, conflict}
		w.reseller.plan("change", fault{kind: providers.Invalid})
		w.ask("web-1", keyA)
		w.untilWaiting(ReasonSolverFailed)
		w.untilState(v1alpha1.OrderIssued)
		assert.Equal(t, 1, w.reseller.count("change"), "it is asked for once")
		assert.Contains(t, w.recorder.all(), "MethodNotChanged")
	})
	t.Run("trouble that passes", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, withServant, both)
		w.zone.presentErr = []error{errZone, errZone}
		w.ask("web-1", keyA)
		w.untilState(v1alpha1.OrderIssued)
		assert.Zero(t, w.reseller.count("change"))
	})
	t.Run("no other method", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, withServant)
		w.zone.presentErr = []error{conflict}
		w.ask("web-1", keyA)
		w.untilState(v1alpha1.OrderIssued)
		assert.Zero(t, w.reseller.count("change"))
	})
}

func cancels(s *v1alpha1.ResellerIssuerSpec) {
	s.Purchase.DeletionPolicy = v1alpha1.DeletionCancelUnissued
}

func TestDeletionPolicy(t *testing.T) {
	t.Parallel()
	namespace := func(w *world) { w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}}) }
	cases := map[string]struct {
		prepare   func(*world)
		cancelled int
	}{
		"by a person":        {namespace, 1},
		"with its namespace": {func(*world) {}, 0},
		"the namespace is going": {func(w *world) {
			w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team", Finalizers: []string{"kubernetes"}}})
			require.NoError(w.t, w.client.Delete(w.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}}))
		}, 0},
		"the order has an owner": {func(w *world) {
			namespace(w)
			order := w.order()
			order.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "a", UID: "a"}}
			require.NoError(w.t, w.client.Update(w.t.Context(), order))
		}, 0},
		"the issuer is gone": {func(w *world) {
			namespace(w)
			require.NoError(w.t, w.client.Delete(w.t.Context(), w.issuer))
		}, 0},
		"the policy was changed": {func(w *world) {
			namespace(w)
			w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.DeletionPolicy = v1alpha1.DeletionRetain })
		}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := validating(t, issuerSpec(cancels))
			require.Contains(t, w.order().Finalizers, v1alpha1.FinalizerUnissued)
			tc.prepare(w)
			require.NoError(t, w.client.Delete(t.Context(), w.order()))
			for range 5 {
				_, err := w.reconcile()
				require.NoError(t, err)
			}
			err := w.client.Get(t.Context(), w.key, &v1alpha1.ResellerOrder{})
			require.True(t, apierrors.IsNotFound(err), "the deletion waits for nobody")
			assert.Zero(t, w.reseller.count("Cancel"))
			w.clerk(time.Minute)
			assert.Equal(t, tc.cancelled, w.reseller.count("Cancel"))
			if tc.cancelled > 0 {
				assert.Contains(t, w.answer().By, "deletion of ResellerOrder team/web")
				assert.Equal(t, v1alpha1.PurchaseCancelled, w.newest().Spec.State)
			} else {
				assert.Contains(t, w.recorder.all(), "Retained")
			}
		})
	}
}

// With a certificate nothing is cancelled: it may be in use.
func TestIssuedOrdersAreNeverCancelledByDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withServant, issuerSpec(cancels))
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}})
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(time.Minute)
	assert.Empty(t, w.order().Finalizers)
	require.NoError(t, w.client.Delete(t.Context(), w.order()))
	w.clerk(time.Minute)
	assert.Zero(t, w.reseller.count("Cancel"))
	assert.Nil(t, w.newest().Spec.Command)
}

// The default: no finalizer, no trace.
func TestRetainIsTheDefault(t *testing.T) {
	t.Parallel()
	w := validating(t)
	assert.NotContains(t, w.order().Finalizers, v1alpha1.FinalizerUnissued)
}
