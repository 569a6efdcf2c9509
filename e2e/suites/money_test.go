package suites

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// TestHeldBeforePaying has every rule that stops a purchase, and what a person
// changes to go on.
func TestHeldBeforePaying(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		set    func(*v1alpha1.PurchasePolicy)
		reason string
		texts  []string
	}{
		{"dryrun", func(p *v1alpha1.PurchasePolicy) { p.Mode = v1alpha1.PurchaseDryRun }, "DryRun", []string{"would buy product 17", "for 5", "spec.purchase.mode"}},
		{"hold", func(p *v1alpha1.PurchasePolicy) { p.Mode = v1alpha1.PurchaseHold }, "OnHold", []string{"spec.purchase.mode", "Live"}},
		{"pricelimit", func(p *v1alpha1.PurchasePolicy) { p.PriceLimit = &v1alpha1.Money{Amount: "4.99"} }, "PriceAboveLimit", []string{"price 5", "4.99", "spec.purchase.priceLimit"}},
		{"budget", func(p *v1alpha1.PurchasePolicy) {
			p.Budgets = []v1alpha1.Budget{{Window: metav1.Duration{Duration: time.Hour}, MaxPurchases: new(int32(0))}}
		}, "BudgetExceeded", []string{"spec.purchase.budgets[0]"}},
		{"amount", func(p *v1alpha1.PurchasePolicy) {
			p.Budgets = []v1alpha1.Budget{{Window: metav1.Duration{Duration: time.Hour}, MaxAmount: &v1alpha1.Money{Amount: "4"}}}
		}, "BudgetExceeded", []string{"spec.purchase.budgets[0]", "5"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			settings := s.settings(productSingle)
			test.set(&settings.Purchase)
			issuer := s.issuer(settings)
			certificate := s.certificate("site", issuer, "www."+s.domain)
			s.create(certificate)
			order := s.awaitHeld(test.reason)
			for _, text := range test.texts {
				assert.Contains(t, order.Status.Message, text)
			}
			s.eventually(func(c *assert.CollectT) { assert.Contains(c, s.requestMessage(c), order.Status.Message) })
			s.nothingBought()

			s.change(issuer, func() { issuer.Spec.Purchase = v1alpha1.PurchasePolicy{} })
			s.awaitReady(certificate)
			s.checkSecret(certificate)
			s.paidOnce()
		})
	}
}

// TestLostReply has the connection break after the reseller took the order: it is
// found, not bought again. Not parallel: the fault strikes at any purchase.
func TestLostReply(t *testing.T) {
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	require.NoError(t, world.Inject(t.Context(), sandbox.Fault{Kind: sandbox.FaultDropAfter, Op: "buy"}))
	certificate := s.certificate("site", issuer, "www."+s.domain)
	s.obtain(certificate)
	faults, err := world.Faults(t.Context())
	require.NoError(t, err)
	assert.Empty(t, faults, "the fault has struck")
	s.paidOnce()
	reasons := map[string]string{}
	for _, event := range s.events(certificate.UID) {
		reasons[event.Reason] = event.Type
	}
	assert.Equal(t, corev1.EventTypeWarning, reasons["PurchaseUncertain"], "%v", reasons)
	assert.Equal(t, corev1.EventTypeNormal, reasons["Adopted"], "%v", reasons)
}

// TestLostReissueReply is the same for the second certificate of a paid term.
func TestLostReissueReply(t *testing.T) {
	s := newScene(t)
	certificate := s.certificate("site", s.issuer(s.settings(productSingle)), "www."+s.domain)
	first := s.obtain(certificate)
	require.NoError(t, world.Inject(t.Context(), sandbox.Fault{Kind: sandbox.FaultDropAfter, Op: "reissue"}))
	second := s.renew(certificate)
	assert.NotEqual(t, first.SerialNumber, second.SerialNumber)
	s.paidOnce()
	assert.Len(t, s.charges(sandbox.EntryReissue), 1)
}

// TestRejectedAfterPaying holds the order: nothing is bought again by itself.
func TestRejectedAfterPaying(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	name := "www." + s.domain
	require.NoError(t, world.Inject(t.Context(), sandbox.Fault{Kind: sandbox.FaultReject, CommonName: name}))
	issuer := s.issuer(s.settings(productSingle))
	certificate := s.certificate("site", issuer, name)
	s.create(certificate)
	order := s.awaitHeld("OrderRejected")
	purchases := s.purchases(order)
	require.Len(t, purchases, 1)
	assert.Equal(t, v1alpha1.PurchaseRejected, purchases[0].Spec.State)
	assert.Contains(t, order.Status.Message, purchases[0].Name)
	s.paidOnce()

	// A person has settled it with the reseller and permits another purchase.
	s.change(&purchases[0], func() { purchases[0].Spec.Resolution = &v1alpha1.PurchaseResolution{Absent: "Confirmed", By: "test"} })
	s.awaitReady(certificate)
	assert.Len(t, s.charges(sandbox.EntryPurchase), 2)
}
