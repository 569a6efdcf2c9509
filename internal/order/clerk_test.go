package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func issuedWorld(t *testing.T, options ...option) *world {
	t.Helper()
	w := newWorld(t, append([]option{withServant}, options...)...)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(time.Minute)
	return w
}

func TestDutyOf(t *testing.T) {
	t.Parallel()
	commanded := func(spec *v1alpha1.ResellerPurchaseSpec) {
		spec.Command = &v1alpha1.PurchaseCommand{ID: "a", Verb: v1alpha1.PurchaseCancel}
	}
	open := func(spec *v1alpha1.ResellerPurchaseSpec) {
		spec.CommandOperation = &v1alpha1.PurchaseOperation{ID: "op", Kind: v1alpha1.PurchaseOperationCancel, Outcome: v1alpha1.OperationIntended}
	}
	word := says(v1alpha1.PurchaseResolution{Absent: "Confirmed"})
	for name, tc := range map[string]struct {
		edits []specEdit
		want  duty
	}{
		"nothing asked":                 {nil, dutyNone},
		"asked":                         {[]specEdit{commanded}, dutyObey},
		"of another cluster":            {[]specEdit{commanded, func(s *v1alpha1.ResellerPurchaseSpec) { s.ClusterID = "other" }}, dutyNone},
		"answered":                      {[]specEdit{commanded, func(s *v1alpha1.ResellerPurchaseSpec) { s.Answers = []v1alpha1.CommandAnswer{{ID: "a"}} }}, dutyForget},
		"under way":                     {[]specEdit{commanded, open}, dutyRecover},
		"a person's word":               {[]specEdit{open, word}, dutyResolve},
		"a word about the purchase":     {[]specEdit{open, word, inState(v1alpha1.PurchaseIntended)}, dutyRecover},
		"a word about the order's call": {[]specEdit{open, word, withOperation("2", v1alpha1.OperationIntended)}, dutyRecover},
	} {
		p := purchaseOf(1, tc.edits...)
		assert.Equal(t, tc.want, dutyOf(&p, testCluster), name)
	}
}

// The same word must not be taken by the order.
func TestWordForTheClerkIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := purchaseOf(1, says(v1alpha1.PurchaseResolution{Absent: "Confirmed"}), func(spec *v1alpha1.ResellerPurchaseSpec) {
		spec.CommandOperation = &v1alpha1.PurchaseOperation{ID: "op", Kind: v1alpha1.PurchaseOperationRevoke, Outcome: v1alpha1.OperationIntended}
	})
	assert.Nil(t, whenResolved(liveView(withPurchases(p))))
}

func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withServant)
	w.reseller.issueAfter = 1000
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingValidation)
	w.command(v1alpha1.PurchaseCancel)
	w.clerk(time.Minute)

	spec := w.newest().Spec
	assert.Nil(t, spec.Command)
	assert.Equal(t, v1alpha1.PurchaseCancelled, spec.State)
	assert.Equal(t, v1alpha1.OperationDone, spec.CommandOperation.Outcome)
	assert.Equal(t, v1alpha1.CommandDone, w.answer().Outcome)
	assert.Equal(t, "ada", w.answer().By)
	assert.Contains(t, w.answer().Message, "the money comes back", "what the vendor's call does")
	assert.Equal(t, []string{"1"}, w.servant().done[providers.Cancel])
	w.untilWaiting(ReasonOrderCancelled)
	assert.Equal(t, 1, w.reseller.count("buy"), "a person decides over another purchase")

	// The same manifest, applied again.
	w.command(v1alpha1.PurchaseCancel)
	w.clerk(time.Minute)
	assert.Nil(t, w.newest().Spec.Command)
	assert.Len(t, w.newest().Spec.Answers, 1)
	assert.Len(t, w.servant().done[providers.Cancel], 1)
	w.atMostOnce()
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	w := issuedWorld(t, func(w *world) { w.reseller.profile.ReissueKeepsOld = false })
	serial := w.newest().Spec.Certificates[0].Serial
	w.command(v1alpha1.PurchaseRevoke, func(c *v1alpha1.PurchaseCommand) { c.Serial = "00" + serial })
	w.clerk(time.Minute)
	assert.Equal(t, v1alpha1.CommandDone, w.answer().Outcome, w.answer().Message)
	assert.Contains(t, w.answer().Message, "only this one")
	assert.NotNil(t, w.newest().Spec.Certificates[0].RevokedAt)
	assert.Equal(t, v1alpha1.PurchaseBought, w.newest().Spec.State, "the paid term goes on")

	w.command(v1alpha1.PurchaseRevoke, func(c *v1alpha1.PurchaseCommand) { c.ID, c.Serial = "ask-2", serial })
	w.clerk(time.Minute)
	assert.Equal(t, v1alpha1.CommandRefused, w.answer().Outcome)
	assert.Len(t, w.servant().done[providers.Revoke], 1)

	// What nobody can use any more is no reason to pay again.
	w.ask("web-2", keyB)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, 1, w.reseller.count("reissue"))
}

// Without the order, and without its Certificate, a key that leaked still has to be revoked.
func TestRevokeAfterTheOrderIsGone(t *testing.T) {
	t.Parallel()
	w := issuedWorld(t)
	require.NoError(t, w.client.Delete(t.Context(), w.order()))
	w.command(v1alpha1.PurchaseRevoke, func(c *v1alpha1.PurchaseCommand) { c.Serial = w.newest().Spec.Certificates[0].Serial })
	w.clerk(time.Minute)
	assert.Equal(t, v1alpha1.CommandDone, w.answer().Outcome)
}

// refusedCommand is a command that is answered with no, without any call.
type refusedCommand struct {
	prepare func(*world)
	verb    v1alpha1.PurchaseVerb
	edit    func(*v1alpha1.PurchaseCommand)
	says    string
}

func (tc refusedCommand) run(t *testing.T) {
	t.Parallel()
	w := issuedWorld(t)
	if tc.prepare != nil {
		tc.prepare(w)
	}
	if tc.edit == nil {
		tc.edit = func(*v1alpha1.PurchaseCommand) {}
	}
	w.command(tc.verb, tc.edit)
	w.clerk(time.Hour)
	assert.Equal(t, v1alpha1.CommandRefused, w.answer().Outcome)
	assert.Contains(t, w.answer().Message, tc.says)
	assert.Nil(t, w.newest().Spec.Command)
	assert.Empty(t, w.effects())
}

func TestCommandsRefused(t *testing.T) {
	t.Parallel()
	serial := func(c *v1alpha1.PurchaseCommand) { c.Serial = "ff" }
	cases := map[string]refusedCommand{
		"another certificate": {verb: v1alpha1.PurchaseRevoke, edit: serial, says: "spec.certificates"},
		"the issuer is on hold": {
			prepare: func(w *world) {
				w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.Mode = v1alpha1.PurchaseHold })
			},
			verb: v1alpha1.PurchaseCancel, says: "Hold",
		},
		"another account": {
			prepare: func(w *world) { w.reseller.account.Name = "other" },
			verb:    v1alpha1.PurchaseCancel, says: "another account",
		},
		"cancelled before": {
			prepare: func(w *world) { w.edit(1, inState(v1alpha1.PurchaseCancelled)) },
			verb:    v1alpha1.PurchaseCancel, says: "Cancelled",
		},
		"the API has no such call": {
			prepare: func(w *world) { w.provider = asUsual(w.reseller); w.restart(w.client) },
			verb:    v1alpha1.PurchaseCancel, says: "panel",
		},
		"never taken": {
			prepare: func(w *world) { w.edit(1, func(s *v1alpha1.ResellerPurchaseSpec) { s.OrderIDs = nil }) },
			verb:    v1alpha1.PurchaseRefresh, says: "never took",
		},
		"the issuer is gone": {
			prepare: func(w *world) { require.NoError(w.t, w.client.Delete(w.t.Context(), w.issuer)) },
			verb:    v1alpha1.PurchaseCancel, says: "isn't usable",
		},
		"another call is open": {
			prepare: func(w *world) { w.edit(1, withOperation("2", v1alpha1.OperationIntended)) },
			verb:    v1alpha1.PurchaseCancel, says: "isn't known yet",
		},
		"too dear": {
			prepare: func(w *world) {
				w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.PriceLimit = &v1alpha1.Money{Amount: "3"} })
			},
			verb: v1alpha1.PurchaseAddNames, edit: func(c *v1alpha1.PurchaseCommand) { c.Count = 2 }, says: "priceLimit",
		},
		"price unknown": {
			prepare: func(w *world) { w.reseller.plan("price", fault{kind: providers.Unavailable}) },
			verb:    v1alpha1.PurchaseAddNames, edit: func(c *v1alpha1.PurchaseCommand) { c.Count = 2 }, says: "price isn't known",
		},
	}
	for name, tc := range cases {
		t.Run(name, tc.run)
	}
}

// effects are what was done at the reseller on request.
func (w *world) effects() map[providers.OperationKind][]string {
	if s, ok := w.provider.(*servant); ok {
		return s.done
	}
	return nil
}

func TestAddNamesIsCounted(t *testing.T) {
	t.Parallel()
	w := issuedWorld(t, issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) {
		s.Purchase.Budgets = []v1alpha1.Budget{{Window: metav1.Duration{Duration: testDay}, MaxAmount: &v1alpha1.Money{Amount: "12", Currency: "EUR"}}}
	}))
	add := func(id string, count int32) {
		w.command(v1alpha1.PurchaseAddNames, func(c *v1alpha1.PurchaseCommand) { c.ID, c.Count = id, count })
		w.clerk(time.Minute)
	}
	add("a", 2)
	require.Equal(t, v1alpha1.CommandDone, w.answer().Outcome, w.answer().Message)
	assert.Contains(t, w.answer().Message, "4.00 EUR")
	require.Len(t, w.newest().Spec.Additions, 1)
	assert.Equal(t, "4.00", w.newest().Spec.Additions[0].Price.Amount)
	add("b", 2)
	assert.Equal(t, v1alpha1.CommandRefused, w.answer().Outcome, "5 and 4 are spent, 12 are allowed")
	assert.Contains(t, w.answer().Message, "budgets[0]")
	w.reseller.plan("AddNames", fault{kind: providers.Funds})
	add("c", 1)
	assert.Equal(t, v1alpha1.CommandFailed, w.answer().Outcome)
	assert.Len(t, w.newest().Spec.Additions, 1, "what wasn't bought isn't counted")
	w.atMostOnce()
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	w := issuedWorld(t)
	w.command(v1alpha1.PurchaseRefresh)
	w.clerk(time.Minute)
	assert.Equal(t, v1alpha1.CommandDone, w.answer().Outcome)
	assert.Contains(t, w.answer().Message, "Issued")

	w.reseller.change(func(o *resellerOrder) { o.state, o.detail = providers.StateCancelled, "in the panel" })
	w.command(v1alpha1.PurchaseRefresh, func(c *v1alpha1.PurchaseCommand) { c.ID = "ask-2" })
	w.clerk(time.Minute)
	assert.Equal(t, v1alpha1.PurchaseCancelled, w.newest().Spec.State)

	w.reseller.plan("order", fault{kind: providers.NotFound})
	w.command(v1alpha1.PurchaseRefresh, func(c *v1alpha1.PurchaseCommand) { c.ID = "ask-3" })
	w.clerk(time.Minute)
	assert.Equal(t, v1alpha1.CommandFailed, w.answer().Outcome)
}

// The answer is lost: what became of the call is looked for, and it is never made again.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		verb     v1alpha1.PurchaseVerb
		kind     providers.OperationKind
		effect   bool
		evidence providers.Evidence
		outcome  v1alpha1.CommandOutcome
		held     bool
	}{
		"cancelled":                    {v1alpha1.PurchaseCancel, providers.Cancel, true, providers.EvidenceReference, v1alpha1.CommandDone, false},
		"not cancelled":                {v1alpha1.PurchaseCancel, providers.Cancel, false, 0, v1alpha1.CommandFailed, false},
		"revoked, and nobody can tell": {v1alpha1.PurchaseRevoke, providers.Revoke, true, providers.EvidenceNames, "", true},
		"names, and nobody can tell":   {v1alpha1.PurchaseAddNames, providers.AddNames, true, providers.EvidenceNames, "", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := issuedWorld(t)
			w.reseller.plan(string(tc.kind), fault{kind: providers.Ambiguous, effect: tc.effect})
			if tc.evidence != 0 {
				w.servant().sees[tc.kind] = tc.evidence
			}
			w.command(tc.verb, func(c *v1alpha1.PurchaseCommand) {
				if tc.verb == v1alpha1.PurchaseRevoke {
					c.Serial = w.newest().Spec.Certificates[0].Serial
				}
				if tc.verb == v1alpha1.PurchaseAddNames {
					c.Count = 1
				}
			})
			w.clerk(time.Minute)
			w.restart(w.client) // Somebody else goes on.
			w.clerk(time.Hour)
			assert.Equal(t, 1, w.reseller.count(string(tc.kind)))
			if !tc.held {
				assert.Equal(t, tc.outcome, w.answer().Outcome)
				return
			}
			assert.Empty(t, w.newest().Spec.Answers)
			assert.Contains(t, w.newest().Spec.CommandOperation.Message, "spec.resolution")
			w.edit(1, says(v1alpha1.PurchaseResolution{OrderIDs: []v1alpha1.OrderID{{Name: "order_id", Value: "9"}}}))
			w.clerk(time.Minute)
			assert.Empty(t, w.newest().Spec.Answers, "that is another order")
			w.edit(1, says(v1alpha1.PurchaseResolution{OrderIDs: w.newest().Spec.OrderIDs}))
			w.clerk(time.Minute)
			assert.Equal(t, v1alpha1.CommandDone, w.answer().Outcome)
			assert.Nil(t, w.newest().Spec.Resolution)
			w.atMostOnce()
		})
	}
}

// While it isn't known whether an order is cancelled, nothing is built on it.
func TestNothingIsOrderedDuringACancellation(t *testing.T) {
	t.Parallel()
	w := issuedWorld(t)
	w.reseller.plan("Cancel", fault{kind: providers.Ambiguous, effect: true})
	w.command(v1alpha1.PurchaseCancel)
	w.clerk(0)
	w.ask("web-2", keyB)
	w.run(time.Minute)
	assert.Equal(t, ReasonRecovering, w.waitsFor())
	assert.Zero(t, w.reseller.count("reissue"))
}

// The process dies or the API server fails at any write: the call is made at most once, and
// the answer comes.
func TestCommandsSurviveCrashes(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		broke := false
		for _, b := range []*breakage{{at: at}, {at: at, applied: true}, {at: at, dead: true}, {at: at, applied: true, dead: true}} {
			w := issuedWorld(t)
			w.servant().sees[providers.Cancel] = providers.EvidenceReference
			w.command(v1alpha1.PurchaseCancel)
			w.restart(b.of(w.client.(client.WithWatch)))
			clerk := &Clerk{orders: w.r}
			for range 200 {
				p := w.newest()
				if len(p.Spec.Answers) > 0 {
					break
				}
				result, err := clerk.work(t.Context(), &p)
				if err != nil && b.dead && b.broke {
					w.restart(w.client)
					clerk = &Clerk{orders: w.r}
				}
				w.clock.advance(max(result, time.Second))
			}
			require.NotEmpty(t, w.newest().Spec.Answers, "write %d", at)
			assert.LessOrEqual(t, w.reseller.count("Cancel"), 1, "write %d", at)
			w.atMostOnce()
			broke = broke || b.broke
		}
		if !broke {
			require.Greater(t, at, 2, "intent and outcome are written")
			return
		}
	}
}
