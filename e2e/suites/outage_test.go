package suites

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// The tests of this file change what the reseller does for everybody: none is parallel.

// TestOutage has the reseller answer with error pages while an order is under way: it
// goes on by itself, and the issuer stays ready.
func TestOutage(t *testing.T) {
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	s.awaitIssuerReady(issuer)
	require.NoError(t, world.Inject(t.Context(), sandbox.Fault{Kind: sandbox.FaultStatus, Status: 503}))
	certificate := s.certificate("site", issuer, "www."+s.domain)
	s.create(certificate)
	s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		require.NotNil(c, order.Status.Waiting)
		assert.Equal(c, "Unreachable", order.Status.Waiting.Reason)
		assert.Contains(c, order.Status.Message, "going on by itself")
	})
	s.get(issuer)
	assert.True(t, meta.IsStatusConditionTrue(issuer.Status.Conditions, "Ready"))
	s.awaitReady(certificate)
	s.paidOnce()
}

// TestThrottled has the reseller ask to slow down.
func TestThrottled(t *testing.T) {
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	s.awaitIssuerReady(issuer)
	require.NoError(t, world.Inject(t.Context(), sandbox.Fault{Kind: sandbox.FaultThrottle, RetryAfter: time.Second}))
	certificate := s.certificate("site", issuer, "www."+s.domain)
	s.create(certificate)
	s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		require.NotNil(c, order.Status.Waiting)
		assert.Equal(c, "Throttled", order.Status.Waiting.Reason)
	})
	s.awaitReady(certificate)
	s.paidOnce()
}

// TestFunds has an empty account: the order is held before it publishes anything, the
// issuer says so, and both go on when there is money again.
func TestFunds(t *testing.T) {
	s := newScene(t)
	require.NoError(t, world.SetBalance(t.Context(), "4.99"))
	t.Cleanup(func() { require.NoError(t, world.SetBalance(worldContext(t), balance)) })
	issuer := s.issuer(s.settings(productSingle))
	certificate := s.certificate("site", issuer, "www."+s.domain)
	s.create(certificate)
	order := s.awaitHeld("InsufficientFunds")
	assert.Contains(t, order.Status.Message, "top it up")
	assert.Contains(t, order.Status.Message, "4.99")
	s.awaitFunded(issuer, metav1.ConditionFalse)
	assert.True(t, meta.IsStatusConditionTrue(issuer.Status.Conditions, "Ready"), "the credentials work")
	s.nothingBought()
	assert.Empty(t, s.records(t))

	require.NoError(t, world.SetBalance(t.Context(), balance))
	// A held order looks again after minutes; who changes the issuer is served at once.
	s.change(issuer, func() { issuer.Spec.Term.Months = 24 })
	s.awaitReady(certificate)
	s.paidOnce()
	s.awaitFunded(issuer, metav1.ConditionTrue)
}

func (s *scene) awaitFunded(issuer *v1alpha1.ResellerIssuer, status metav1.ConditionStatus) {
	s.t.Helper()
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(issuer), issuer))
		funded := meta.FindStatusCondition(issuer.Status.Conditions, v1alpha1.IssuerFunded)
		require.NotNil(c, funded)
		assert.Equal(c, status, funded.Status, funded.Message)
	})
}
