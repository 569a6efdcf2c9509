package suites

import (
	"context"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// worldContext is for clean-up, where that of the test has ended.
func worldContext(t *testing.T) context.Context { return context.WithoutCancel(t.Context()) }

// await waits until something is true.
func (s *scene) await(what string, is func() bool) {
	s.t.Helper()
	require.Eventually(s.t, is, patience, period, what)
}

// TestKilledWhilePaying kills the controller between the charge and the answer.
// It isn't parallel: it kills everybody's controller, and delays any purchase.
func TestKilledWhilePaying(t *testing.T) {
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	require.NoError(t, world.Inject(t.Context(), sandbox.Fault{Kind: sandbox.FaultDelay, Op: "buy", AfterEffect: true, Delay: time.Minute}))
	certificate := s.certificate("site", issuer, "www."+s.domain)
	s.create(certificate)
	s.await("charged", func() bool { return len(s.charges()) == 1 })
	require.NoError(t, world.KillController())
	purchases := s.purchases(s.order(t))
	require.Len(t, purchases, 1)
	assert.Equal(t, v1alpha1.PurchaseIntended, purchases[0].Spec.State, "the outcome is not known")
	require.NoError(t, world.StartController(t.Context()))
	s.awaitReady(certificate)
	s.checkSecret(certificate)
	s.paidOnce()
	s.awaitNoRecords()
}

// TestKilledAtEachStage kills the controller once, with one Certificate before
// paying, one waiting for its validation and one waiting for the CA.
func TestKilledAtEachStage(t *testing.T) {
	s := newScene(t)
	automatic := s.issuer(s.settings(productSingle))
	byHand := s.settings(productSingle)
	byHand.DCV.Solvers = nil
	manual := &v1alpha1.ResellerIssuer{Spec: byHand}
	manual.Namespace, manual.Name = s.namespace, "manual"
	s.create(manual)
	slow := "slow." + s.domain
	require.NoError(t, world.Inject(t.Context(), sandbox.Fault{Kind: sandbox.FaultSlow, CommonName: slow, Delay: 6 * time.Second}))

	certificates := []*cmapi.Certificate{
		s.certificate("before", manual, "before."+s.domain),
		s.certificate("slow", automatic, slow),
		s.certificate("done", automatic, "done."+s.domain),
	}
	for _, certificate := range certificates {
		s.create(certificate)
	}
	s.awaitReady(certificates[2])
	states := map[string]v1alpha1.OrderState{"before": v1alpha1.OrderPublishing, "slow": v1alpha1.OrderIssuing, "done": v1alpha1.OrderIssued}
	s.eventually(func(c *assert.CollectT) {
		for _, order := range s.orders(c) {
			assert.Equal(c, states[order.Spec.CertificateName], order.Status.State, order.Spec.CertificateName)
		}
	})
	require.NoError(t, world.KillController())
	calls := len(s.charges())
	require.NoError(t, world.StartController(t.Context()))
	s.awaitReady(certificates[1])
	assert.Len(t, s.charges(), calls, "a restart makes no call that costs or changes anything")
	for _, order := range s.orders(t) {
		if order.Spec.CertificateName == "before" {
			challenge := order.Status.Issuance.Challenges[0]
			require.NoError(t, world.Publish(t.Context(), dcv.CNAME, challenge.RecordName, challenge.RecordValue))
		}
	}
	s.awaitReady(certificates[0])
	assert.Len(t, s.charges(sandbox.EntryPurchase), len(certificates))
	assert.Len(t, s.charges(), len(certificates))
}

// TestGracefulRestart stops the controller as a roll-out does, in the middle of an order.
func TestGracefulRestart(t *testing.T) {
	s := newScene(t)
	name := "www." + s.domain
	require.NoError(t, world.Inject(t.Context(), sandbox.Fault{Kind: sandbox.FaultSlow, CommonName: name, Delay: 3 * time.Second}))
	certificate := s.certificate("site", s.issuer(s.settings(productSingle)), name)
	s.create(certificate)
	s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		assert.True(c, meta.IsStatusConditionTrue(order.Status.Conditions, v1alpha1.ConditionPaid), order.Status.Message)
	})
	require.NoError(t, world.RestartController(t.Context()))
	s.awaitReady(certificate)
	s.paidOnce()
}
