package order

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

func waitsFor(reason Reason, message string) func(*View) {
	return func(v *View) {
		v.Order.Status.Waiting = &v1alpha1.Waiting{Reason: string(reason), Message: message, Since: metav1.NewTime(testNow)}
	}
}

func withCertificate(word string) func(*View) {
	return func(v *View) {
		v.Order.Status.Certificate = &v1alpha1.OrderCertificate{CSRDigest: csrDigest(word)}
	}
}

func TestSummariseState(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		edits []func(*View)
		want  v1alpha1.OrderState
		ready bool
		text  string
	}{
		"new":                    {want: v1alpha1.OrderPreflight, text: "checking"},
		"publishing":             {edits: []func(*View){underWay(v1alpha1.OrderPublishing)}, want: v1alpha1.OrderPublishing, text: "before anything is bought"},
		"waits by itself":        {edits: []func(*View){underWay(v1alpha1.OrderValidating), waitsFor(ReasonUnreachable, "no answer")}, want: v1alpha1.OrderValidating, text: "no answer"},
		"held":                   {edits: []func(*View){underWay(v1alpha1.OrderOrdering), waitsFor(ReasonBudgetExceeded, "raise it")}, want: v1alpha1.OrderHeld, text: "raise it"},
		"held without issuance":  {edits: []func(*View){waitsFor(ReasonForeignCluster, "take it over")}, want: v1alpha1.OrderHeld, text: "take it over"},
		"issuer missing":         {edits: []func(*View){waitsFor(ReasonIssuerNotReady, "create it")}, want: v1alpha1.OrderPreflight, text: "create it"},
		"issued":                 {edits: []func(*View){underWay(v1alpha1.OrderIssued), withCertificate("1")}, want: v1alpha1.OrderIssued, ready: true, text: "is there"},
		"delivered":              {edits: []func(*View){requestIs(RequestReady), withCertificate("1")}, want: v1alpha1.OrderIssued, ready: true, text: "is there"},
		"an earlier certificate": {edits: []func(*View){underWay(v1alpha1.OrderOrdering), withCertificate("0")}, want: v1alpha1.OrderOrdering, text: "ordering"},
		"idle":                   {edits: []func(*View){requestIs(RequestNone), withCertificate("0")}, want: v1alpha1.OrderIdle, text: "no request"},
		"woken up":               {edits: []func(*View){func(v *View) { v.Order.Status.State = v1alpha1.OrderIdle }}, want: v1alpha1.OrderPreflight, text: "checking"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := liveView(tc.edits...)
			summarise(v.Order, v, time.Hour)
			status := v.Order.Status
			assert.Equal(t, tc.want, status.State)
			assert.Contains(t, status.Message, tc.text)
			assert.Equal(t, tc.ready, meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady))
			assert.Equal(t, tc.want == v1alpha1.OrderHeld, meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionHeld))
			assert.Equal(t, tc.want == v1alpha1.OrderIdle, meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionIdle))
			assert.False(t, meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionPaid))
			for _, c := range status.Conditions {
				assert.NotEmpty(t, c.Reason)
				assert.NotEmpty(t, c.Message)
			}
		})
	}
}

func TestSummarisePaid(t *testing.T) {
	t.Parallel()
	over := purchaseOf(3, paidFor(-time.Second))
	cases := map[string]struct {
		purchases purchases
		want      string
	}{
		"nothing":              {},
		"bought":               {purchases{purchaseOf(1)}, first},
		"newest":               {purchases{purchaseOf(1), purchaseOf(2)}, testKey + "-2"},
		"over":                 {purchases{purchaseOf(1), over}, first},
		"not bought":           {purchases{purchaseOf(1, inState(v1alpha1.PurchaseIntended))}, ""},
		"rejected":             {purchases{purchaseOf(1, inState(v1alpha1.PurchaseRejected))}, ""},
		"newest of the names":  {purchases{purchaseOf(1), purchaseOf(2, named("example.org"))}, first},
		"only for other names": {purchases{purchaseOf(1, named("example.org"))}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := liveView(withPurchases(tc.purchases...))
			v.Order.Status.PaidUntil = at(0)
			summarise(v.Order, v, time.Hour)
			assert.Equal(t, tc.want, v.Order.Status.Purchase)
			assert.Equal(t, tc.want != "", v.Order.Status.PaidUntil != nil)
			assert.Equal(t, tc.want != "", meta.IsStatusConditionTrue(v.Order.Status.Conditions, v1alpha1.ConditionPaid))
		})
	}
}

func TestSummariseValidated(t *testing.T) {
	t.Parallel()
	v := liveView(underWay(v1alpha1.OrderValidating))
	summarise(v.Order, v, time.Hour)
	assert.True(t, meta.IsStatusConditionFalse(v.Order.Status.Conditions, v1alpha1.ConditionValidated))
	v.Order.Status.Issuance.State = v1alpha1.OrderIssuing
	summarise(v.Order, v, time.Hour)
	assert.True(t, meta.IsStatusConditionTrue(v.Order.Status.Conditions, v1alpha1.ConditionValidated))
	v.Order.Status.Issuance = nil
	summarise(v.Order, v, time.Hour)
	assert.True(t, meta.IsStatusConditionTrue(v.Order.Status.Conditions, v1alpha1.ConditionValidated), "the last word stays")
}

func TestSummariseOverdue(t *testing.T) {
	t.Parallel()
	v := liveView(underWay(v1alpha1.OrderValidating), waitsFor(ReasonAwaitingRecords, "create this DNS record"))
	overdue := func(after time.Duration) *metav1.Condition {
		summarise(v.Order, v, after)
		return meta.FindStatusCondition(v.Order.Status.Conditions, v1alpha1.ConditionOverdue)
	}
	assert.Nil(t, overdue(time.Minute), "a mark appears with the first delay")
	late := overdue(time.Minute - 1)
	require.NotNil(t, late)
	assert.Equal(t, metav1.ConditionTrue, late.Status)
	assert.Contains(t, late.Message, "create this DNS record")
	withCertificate("1")(&v)
	assert.Equal(t, metav1.ConditionFalse, overdue(0).Status)
}

func TestSummariseBoundsMessages(t *testing.T) {
	t.Parallel()
	v := liveView()
	s := &scope{order: v.Order, view: v}
	wait(s, ReasonUnreachable, strings.Repeat("é", 2000), time.Second)
	summarise(v.Order, v, 0)
	assert.LessOrEqual(t, len(v.Order.Status.Message), maxMessage)
	for _, c := range v.Order.Status.Conditions {
		assert.LessOrEqual(t, len(c.Message), maxMessage)
		assert.Equal(t, c.Message, strings.ToValidUTF8(c.Message, "?"))
	}
}
