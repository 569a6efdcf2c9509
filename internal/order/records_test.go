package order

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

var errZone = errors.New("the name server is down")

func TestFinalizerIsThereWhileRecordsAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	w.reseller.plan("price", fault{kind: providers.Unavailable})
	w.ask("web-1", keyA)
	w.run(0)
	assert.Empty(t, w.order().Finalizers, "nothing is published yet")
	w.zone.invisible = true
	w.untilWaiting(ReasonAwaitingPropagation)
	assert.Equal(t, []string{v1alpha1.FinalizerRecords}, w.order().Finalizers)
	w.zone.invisible = false
	w.untilState(v1alpha1.OrderIssued)
	w.run(0)
	assert.Empty(t, w.order().Finalizers)
	assert.Empty(t, w.order().Status.Solvers)
	assert.Len(t, w.zone.removed, 1)
}

func TestOnlyExactRecordsAreRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.records["_dnsauth.example.com. TXT \"somebody else's\""] = true
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.run(0)
	assert.Equal(t, []string{"_dnsauth.example.com. TXT \"somebody else's\""}, w.zone.published())
	require.Len(t, w.zone.removed, 1)
	assert.Contains(t, w.zone.removed[0], "token-")
}

// sharing is another order that has, or had, the same record.
func sharing(w *world, state v1alpha1.OrderState) {
	w.t.Helper()
	order := w.order()
	other := &v1alpha1.ResellerOrder{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "other", UID: "other"}, Spec: order.Spec}
	w.create(other)
	other.Status = order.Status
	other.Status.Issuance.State = state
	require.NoError(w.t, w.client.Status().Update(w.t.Context(), other))
}

func TestSharedRecords(t *testing.T) {
	t.Parallel()
	for state, kept := range map[v1alpha1.OrderState]int{v1alpha1.OrderValidating: 1, v1alpha1.OrderIssued: 0, v1alpha1.OrderFailed: 0} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.zone.invisible = true
			w.ask("web-1", keyA)
			w.untilWaiting(ReasonAwaitingPropagation)
			sharing(w, state)
			w.zone.invisible = false
			w.untilState(v1alpha1.OrderIssued)
			w.run(0)
			assert.Empty(t, w.order().Status.Records, "this order is done with it")
			assert.Len(t, w.zone.published(), kept)
		})
	}
}

func TestDeletedOrderCleansUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	w.zone.cleanErr = []error{errZone}
	// Neither issuer nor Secret are needed to clean up.
	require.NoError(t, w.client.Delete(t.Context(), w.issuer))
	require.NoError(t, w.client.Delete(t.Context(), w.order()))
	w.run(0)
	assert.Len(t, w.zone.published(), 1)
	assert.Equal(t, errZone.Error(), w.order().Status.Records[0].CleanupMessage)
	w.run(time.Minute)
	assert.Empty(t, w.zone.published())
	err := w.client.Get(t.Context(), w.key, &v1alpha1.ResellerOrder{})
	assert.True(t, apierrors.IsNotFound(err))
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseBought}, w.purchaseStates(), "what is paid is kept")
}

func TestCleanupOfADeletedOrderGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	record := w.order().Status.Records[0]
	for range 100 {
		w.zone.cleanErr = append(w.zone.cleanErr, errZone)
	}
	require.NoError(t, w.client.Delete(t.Context(), w.order()))
	begun := w.clock.Now()
	w.run(time.Hour)
	assert.True(t, apierrors.IsNotFound(w.client.Get(t.Context(), w.key, &v1alpha1.ResellerOrder{})))
	assert.InDelta(t, 10*time.Minute, w.clock.Now().Sub(begun), float64(time.Minute))
	said := w.recorder.all()
	assert.Equal(t, 2, strings.Count(said, "Warning CleanupAbandoned"), "on the order and on the Certificate")
	for _, word := range []string{record.Name, string(record.Type), record.Value, errZone.Error()} {
		assert.Contains(t, said, word)
	}
}

// A failing clean-up keeps nobody from his certificate, is said, and becomes rare.
func TestCleanupFailsAfterIssuing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 1000 {
		w.zone.cleanErr = append(w.zone.cleanErr, errZone)
	}
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(testDay)
	order := w.order()
	assert.Empty(t, order.Status.Certificate.Chain)
	assert.Equal(t, metav1.ConditionTrue, w.purchases()[0].Spec.Certificates[0].HandedOver)
	assert.Len(t, order.Status.Records, 1, "it is tried for ever")
	assert.Contains(t, order.Finalizers, v1alpha1.FinalizerRecords)
	assert.Contains(t, w.recorder.all(), "Warning CleanupFailed")
	assert.Less(t, 1000-len(w.zone.cleanErr), 100)
	w.zone.cleanErr = nil
	w.run(testDay)
	assert.Empty(t, w.zone.published())
	assert.Empty(t, w.order().Finalizers)
}

// An old record that can't be removed doesn't stop a new issuance.
func TestCleanupFailsDuringIssuance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	for range 1000 {
		w.zone.cleanErr = append(w.zone.cleanErr, errZone)
	}
	w.zone.invisible = false
	w.ask("web-2", keyB)
	w.untilState(v1alpha1.OrderIssued)
	assert.Len(t, w.order().Status.Records, 2)
	assert.Equal(t, 1, w.reseller.count("buy"))
}

// Where only one value can stand at a name, the earlier one goes first.
func TestEarlierRecordsAreRemovedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	earlier := w.zone.published()
	w.ask("web-2", keyB)
	w.run(time.Minute)
	assert.Len(t, w.zone.published(), 1)
	assert.NotEqual(t, earlier, w.zone.published())
	assert.Equal(t, earlier, w.zone.removed)
}

func TestSolverFails(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"transient": errZone,
		"conflict":  fmt.Errorf("_dnsauth.example.com. is a CNAME: remove it: %w", dcv.ErrConflict),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withEverything)
			w.zone.presentErr = []error{err, err, err}
			w.ask("web-1", keyA)
			w.untilWaiting(ReasonSolverFailed)
			assert.Contains(t, w.order().Status.Message, err.Error())
			assert.Equal(t, v1alpha1.OrderPublishing, w.state())
			assert.Zero(t, w.reseller.count("buy"))
			assert.Empty(t, w.order().Status.Records[0].CleanupMessage)
			w.untilState(v1alpha1.OrderIssued)
		})
	}
}

func TestSlowDNSServiceIsNotHurried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.pending = 3
	w.ask("web-1", keyA)
	w.run(0)
	assert.Equal(t, 1, w.zone.presents)
	assert.Equal(t, ReasonAwaitingPropagation, w.waitsFor())
	assert.Contains(t, w.order().Status.Message, "queued")
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 4, w.zone.presents)
}

// The admin corrects the solver while its records can't be published.
func TestCorrectedSolverIsUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 1000 {
		w.zone.presentErr = append(w.zone.presentErr, errZone)
	}
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonSolverFailed)
	w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) {
		s.DCV.Solvers = []v1alpha1.Solver{{RFC2136: &v1alpha1.SolverRFC2136{Nameserver: "192.0.2.2"}}}
	})
	w.zone.presentErr = nil
	w.run(0)
	require.NotEmpty(t, w.zone.published())
	assert.Equal(t, "192.0.2.2", w.solvers[len(w.solvers)-1].RFC2136.Nameserver)
	status := w.order().Status
	require.Len(t, status.Solvers, 1, "the other is forgotten")
	assert.Equal(t, status.Solvers[0].Hash, status.Records[0].Solver)
	w.untilState(v1alpha1.OrderIssued)
}

func TestPersonPublishes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) { s.DCV.Solvers = nil }))
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingRecords)
	message := w.order().Status.Message
	value := w.order().Status.Records[0].Value
	for _, word := range []string{"_dnsauth.example.com.", "TXT", value, "by itself"} {
		assert.Contains(t, message, word)
	}
	assert.NotEqual(t, v1alpha1.OrderHeld, w.state())
	w.run(8 * time.Hour)
	w.zone.invisible = false
	w.run(time.Hour, func() bool { return w.order().Status.Issuance.PropagatedAt != nil })
	seen := w.clock.Now()
	w.untilState(v1alpha1.OrderIssued)
	assert.Less(t, w.clock.Now().Sub(seen), 2*time.Minute, "nobody waits for a slow poll then")
}

func TestPersonServesAFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) {
		s.DCV.Solvers, s.DCV.Methods = nil, []v1alpha1.DCVMethod{v1alpha1.DCVMethodFile}
	}))
	w.reseller.challenges = func([]byte) []providers.Challenge {
		return []providers.Challenge{{Domain: "example.com", Method: providers.MethodFile, URLs: []string{"http://example.com/.well-known/pki-validation/a.txt"}, Body: "the token"}}
	}
	w.reseller.issueAfter = 3
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingRecords)
	assert.Contains(t, w.order().Status.Message, "http://example.com/.well-known/pki-validation/a.txt")
	assert.Contains(t, w.order().Status.Message, "the token")
	w.untilState(v1alpha1.OrderIssued)
	assert.Positive(t, w.reseller.count("validate"), "somebody must tell the CA to look")
}

func TestPersonApprovesByEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) {
		s.DCV.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodEmail}
	}))
	w.reseller.challenges = func([]byte) []providers.Challenge {
		return []providers.Challenge{{Domain: "example.com", Method: providers.MethodEmail, Emails: []string{"admin@example.com", "webmaster@example.com"}, Chosen: "webmaster@example.com"}}
	}
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingApproval)
	assert.Contains(t, w.order().Status.Message, "webmaster@example.com")
	assert.Empty(t, w.zone.published())
	assert.Empty(t, w.order().Finalizers)
	assert.Equal(t, "admin@example.com", w.reseller.orders[0].request.Emails["example.com"])
	w.run(3 * time.Hour)
	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateIssued })
	w.untilState(v1alpha1.OrderIssued)
}

func TestPropagationTimeout(t *testing.T) {
	t.Parallel()
	for action, state := range map[v1alpha1.PropagationTimeoutAction]v1alpha1.OrderState{
		v1alpha1.PropagationWait: v1alpha1.OrderValidating, v1alpha1.PropagationProceed: v1alpha1.OrderIssued,
	} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) {
				s.DCV.Propagation.OnTimeout, s.DCV.Propagation.Timeout = action, &metav1.Duration{Duration: time.Hour}
			}))
			w.zone.invisible = true
			w.ask("web-1", keyA)
			w.run(50 * time.Minute)
			assert.Zero(t, w.reseller.count("validate"))
			w.run(2 * time.Hour)
			assert.Equal(t, state, w.state())
		})
	}
}
