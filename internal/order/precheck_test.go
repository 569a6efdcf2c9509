package order

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func dcvSettings(edit func(*v1alpha1.DCV)) option {
	return issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) { edit(&s.DCV) })
}

func enforceCAA(d *v1alpha1.DCV) { d.CAAPolicy = v1alpha1.CAAEnforce }

func TestBrokenDNSSECHoldsBeforePaying(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dcvSettings(enforceCAA))
	w.caa.result = caa.Result{Verdict: caa.Bogus, Message: "DNSSEC is broken at example.com."}
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonDNSSECBogus)
	assert.Equal(t, v1alpha1.OrderHeld, w.state())
	assert.Contains(t, w.order().Status.Message, "nothing was bought: DNSSEC is broken at example.com.")
	assert.Zero(t, w.reseller.count("buy"))
	assert.Empty(t, w.zone.published())
	w.caa.result = caa.Result{Verdict: caa.Allowed}
	w.clock.advance(heldInterval)
	w.untilState(v1alpha1.OrderIssued)
}

func TestCAALookupFailureWaitsAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dcvSettings(enforceCAA))
	w.caa.result = caa.Result{Verdict: caa.Unknown, Message: "the CAA records can't be looked up"}
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonCAAUnknown)
	asked := w.caa.asked
	w.run(time.Hour)
	assert.Greater(t, w.caa.asked, asked+10, "by itself")
	assert.Zero(t, w.reseller.count("buy"))
	assert.NotEqual(t, v1alpha1.OrderHeld, w.state(), "nobody has to do anything")
	w.caa.result = caa.Result{Verdict: caa.Allowed}
	w.untilState(v1alpha1.OrderIssued)
}

// TestCAAPolicies has each verdict under each policy that lets it pass.
func TestCAAPolicies(t *testing.T) {
	t.Parallel()
	for verdict, reason := range caaReasons {
		for _, policy := range []v1alpha1.CAAPolicy{v1alpha1.CAAWarn, v1alpha1.CAAIgnore} {
			t.Run(verdict.String()+string(policy), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, dcvSettings(func(d *v1alpha1.DCV) { d.CAAPolicy = policy }))
				w.caa.result = caa.Result{Verdict: verdict, Message: "mend the zone"}
				w.ask("web-1", keyA)
				w.untilState(v1alpha1.OrderIssued)
				said := strings.Contains(w.recorder.all(), "Warning "+string(reason)+" mend the zone")
				assert.Equal(t, policy == v1alpha1.CAAWarn, said)
				assert.Equal(t, policy == v1alpha1.CAAWarn, w.caa.asked > 0)
			})
		}
	}
}

func TestCAAParametersAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dcvSettings(enforceCAA))
	w.caa.result = caa.Result{Verdict: caa.Allowed, Warning: "limited by accounturi"}
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	assert.Contains(t, w.recorder.all(), "Warning CAAParameters limited by accounturi")
}

// TestCAAIsLookedAtAgainBeforeValidation has the record change after the order was paid: the CA
// is not asked, but the order is still looked at.
func TestCAAIsLookedAtAgainBeforeValidation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dcvSettings(enforceCAA))
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	require.Equal(t, 1, w.reseller.paidOrders())
	w.caa.result = caa.Result{Verdict: caa.Forbidden, Message: "change the CAA record"}
	w.zone.invisible = false
	w.untilWaiting(ReasonCAAForbids)
	assert.Equal(t, v1alpha1.OrderHeld, w.state())
	assert.Contains(t, w.order().Status.Message, "the order is paid")
	reads := w.reseller.count("order")
	w.run(2 * time.Hour)
	assert.Equal(t, ReasonCAAForbids, w.waitsFor())
	assert.Zero(t, w.reseller.count("validate"), "the CA would refuse for good")
	assert.Greater(t, w.reseller.count("order"), reads+5)
	assert.Equal(t, 2, strings.Count(w.recorder.all(), "Warning CAAForbids"), "said once, of the order and of the Certificate")
	w.caa.result = caa.Result{Verdict: caa.Allowed}
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("buy"))
}

// TestCAAHoldsBackButTheCAIssues has a reseller that asks the CA by itself.
func TestCAAHoldsBackButTheCAIssues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dcvSettings(enforceCAA))
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	w.caa.result = caa.Result{Verdict: caa.Bogus, Message: "broken"}
	w.zone.invisible = false
	w.untilWaiting(ReasonDNSSECBogus)
	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateIssued })
	w.untilState(v1alpha1.OrderIssued)
}

// preparing is a reseller that tells the record before paying, by method.
func preparing(w *world) { w.provider = asEverything(w.reseller) }

func apexTXT([]byte) []providers.Challenge {
	return []providers.Challenge{{Domain: "example.com", Method: providers.MethodTXT, RecordName: "example.com.", RecordValue: "token"}}
}

func methods(list ...v1alpha1.DCVMethod) option {
	return dcvSettings(func(d *v1alpha1.DCV) { d.Methods = list })
}

// TestAnotherMethodBeforePaying has a record that the solver can't publish: the next method is
// taken, and nothing was bought meanwhile.
func TestAnotherMethodBeforePaying(t *testing.T) {
	t.Parallel()
	t.Run("apex", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, preparing, methods(v1alpha1.DCVMethodTXT, v1alpha1.DCVMethodEmail))
		first := true
		w.reseller.challenges = func(csr []byte) []providers.Challenge {
			if first {
				first = false
				return apexTXT(csr)
			}
			return []providers.Challenge{{Domain: "example.com", Method: providers.MethodEmail}}
		}
		w.zone.apex = "example.com."
		w.ask("web-1", keyA)
		w.run(time.Hour, func() bool { return w.reseller.paidOrders() > 0 })
		require.Equal(t, 1, w.reseller.paidOrders())
		assert.Equal(t, providers.MethodEmail, w.reseller.orders[0].request.Method)
		assert.Empty(t, w.zone.published())
		assert.Contains(t, w.recorder.all(), "Normal MethodChosen validating by Email: TXT: no solver in spec.dcv.solvers can publish TXT for example.com: rfc2136 (spec.dcv.solvers[0]): it can't publish at the apex of a zone, which example.com. is")
	})
	t.Run("apex, but the solver follows a CNAME", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, preparing, methods(v1alpha1.DCVMethodTXT), dcvSettings(func(d *v1alpha1.DCV) { d.Solvers[0].CNAMEStrategy = v1alpha1.CNAMEFollow }))
		w.reseller.challenges = apexTXT
		w.zone.apex, w.zone.aliases = "example.com.", map[string]string{"example.com.": "dcv.example.net."}
		w.ask("web-1", keyA)
		w.untilState(v1alpha1.OrderIssued)
	})
	t.Run("not at the apex", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, preparing, methods(v1alpha1.DCVMethodTXT))
		w.reseller.challenges = apexTXT
		w.zone.apex = "com."
		w.ask("web-1", keyA)
		w.untilState(v1alpha1.OrderIssued)
	})
}

// TestMethodsThatFailLater has methods that only the reseller's data, or the reseller itself, rule
// out.
func TestMethodsThatFailLater(t *testing.T) {
	t.Parallel()
	t.Run("two values", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, preparing, methods(v1alpha1.DCVMethodTXT))
		w.reseller.challenges = func([]byte) []providers.Challenge {
			one := providers.Challenge{Domain: "example.com", Method: providers.MethodTXT, RecordName: "_dnsauth.example.com.", RecordValue: "one"}
			two := one
			two.RecordValue = "two"
			return []providers.Challenge{one, two}
		}
		w.ask("web-1", keyA)
		w.untilWaiting(ReasonNoSolver)
		assert.Contains(t, w.order().Status.Message, "TXT: TXT needs several values at _dnsauth.example.com.")
		assert.Zero(t, w.reseller.paidOrders())
		w.run(3 * time.Hour)
		assert.Equal(t, ReasonNoSolver, w.waitsFor(), "it is tried again, to the same end")
	})
	t.Run("the reseller can't prepare it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, preparing, methods(v1alpha1.DCVMethodCNAME, v1alpha1.DCVMethodTXT))
		w.reseller.plan("prepare", fault{kind: providers.Invalid, message: "no CNAME for this product"})
		w.ask("web-1", keyA)
		w.untilState(v1alpha1.OrderIssued)
		assert.Equal(t, providers.MethodTXT, w.reseller.orders[0].request.Method)
		assert.Contains(t, w.recorder.all(), "no CNAME for this product")
	})
	t.Run("the reseller can prepare nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, preparing, methods(v1alpha1.DCVMethodTXT))
		w.reseller.plan("prepare", fault{kind: providers.Invalid, message: "a bad CSR"})
		w.ask("web-1", keyA)
		w.untilState(v1alpha1.OrderFailed)
	})
	t.Run("a changed issuer is tried afresh", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, preparing, methods(v1alpha1.DCVMethodTXT))
		w.reseller.challenges = apexTXT
		w.zone.apex = "example.com."
		w.ask("web-1", keyA)
		w.untilWaiting(ReasonNoSolver)
		w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.DCV.Solvers = nil })
		w.zone.apex = ""
		w.untilState(v1alpha1.OrderIssued)
	})
}

// TestFollow publishes where a CNAME leads, and cleans up there.
func TestFollow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dcvSettings(func(d *v1alpha1.DCV) { d.Solvers[0].CNAMEStrategy = v1alpha1.CNAMEFollow }))
	w.zone.aliases = map[string]string{"_dnsauth.example.com.": "shop.dcv.example.net."}
	w.zone.aliasErr = slices.Repeat([]error{errors.New("they disagree")}, 5)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonSolverFailed)
	assert.Contains(t, w.order().Status.Message, "follows the CNAME at _dnsauth.example.com.")
	assert.Contains(t, w.order().Status.Message, "they disagree")
	assert.Empty(t, w.order().Status.Records)
	w.untilWaiting(ReasonAwaitingPropagation)
	require.Len(t, w.zone.published(), 1)
	assert.Contains(t, w.zone.published()[0], "shop.dcv.example.net. TXT")
	assert.Equal(t, "shop.dcv.example.net.", w.order().Status.Issuance.Challenges[0].PublishName)
	w.zone.invisible = false
	w.untilState(v1alpha1.OrderIssued)
	w.run(time.Hour)
	assert.Empty(t, w.zone.published())
	assert.Contains(t, w.zone.removed[0], "shop.dcv.example.net.")
}

// TestFollowIsNotForCNAMERecords has the proof itself be a CNAME.
func TestFollowIsNotForCNAMERecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dcvSettings(func(d *v1alpha1.DCV) {
		d.Solvers[0].CNAMEStrategy, d.Methods = v1alpha1.CNAMEFollow, []v1alpha1.DCVMethod{v1alpha1.DCVMethodCNAME}
	}))
	w.zone.aliases = map[string]string{"_a.example.com.": "elsewhere.example.net."}
	w.reseller.challenges = func([]byte) []providers.Challenge {
		return []providers.Challenge{{Domain: "example.com", Method: providers.MethodCNAME, RecordName: "_a.example.com.", RecordValue: "b.sectigo.com."}}
	}
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	assert.Equal(t, []string{"_a.example.com. CNAME b.sectigo.com."}, w.zone.published())
}

// provisioner is a reseller that publishes TXT records itself.
type provisioner struct{ providers.Provider }

func (provisioner) Provisions(method providers.Method) bool { return method == providers.MethodTXT }

func TestResellerPublishes(t *testing.T) {
	t.Parallel()
	itself := func(d *v1alpha1.DCV) { d.Solvers = []v1alpha1.Solver{{Reseller: &v1alpha1.SolverReseller{}}} }
	w := newWorld(t, dcvSettings(itself))
	w.provider = provisioner{asUsual(w.reseller)}
	w.reseller.issueAfter = 3
	w.ask("web-1", keyA)
	w.run(time.Hour, func() bool { return w.reseller.paidOrders() > 0 })
	assert.True(t, w.reseller.orders[0].request.Provision)
	w.run(time.Hour)
	assert.Empty(t, w.zone.published())
	assert.Zero(t, w.zone.looks, "there is nothing for us to look for before the CA does")
	assert.Empty(t, w.order().Finalizers)
	w.reseller.change(func(o *resellerOrder) { o.state = providers.StateIssued })
	w.untilState(v1alpha1.OrderIssued)

	other := newWorld(t, dcvSettings(itself))
	other.ask("web-1", keyA)
	other.untilWaiting(ReasonNoSolver)
	assert.Contains(t, other.order().Status.Message, "reseller (spec.dcv.solvers[0]): it publishes no records here")
}

func TestMailboxes(t *testing.T) {
	t.Parallel()
	byMail := func(d *v1alpha1.DCV) {
		d.Methods, d.ApproverMailbox = []v1alpha1.DCVMethod{v1alpha1.DCVMethodEmail}, "webmaster"
	}
	listed := func(emails ...string) func([]byte) []providers.Challenge {
		return func([]byte) []providers.Challenge {
			return []providers.Challenge{{Domain: "example.com", Method: providers.MethodEmail, Emails: emails}}
		}
	}
	t.Run("listed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, preparing, dcvSettings(byMail))
		w.reseller.challenges = listed("admin@example.com", "webmaster@example.com")
		w.ask("web-1", keyA)
		w.untilWaiting(ReasonAwaitingApproval)
		assert.Equal(t, "webmaster@example.com", w.reseller.orders[0].request.Emails["example.com"])
		challenge := w.order().Status.Issuance.Challenges[0]
		assert.Equal(t, "webmaster@example.com", challenge.Email)
		assert.Len(t, challenge.Emails, 2)
		assert.Contains(t, w.order().Status.Message, "webmaster@example.com")
		assert.Contains(t, w.recorder.all(), "Warning EmailValidation")
	})
	t.Run("not listed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, preparing, dcvSettings(byMail))
		w.reseller.challenges = listed("admin@example.com", "postmaster@example.com")
		w.ask("web-1", keyA)
		w.untilWaiting(ReasonNoSolver)
		for _, text := range []string{"webmaster@example.com", "admin@example.com, postmaster@example.com", "spec.dcv.approverMailbox"} {
			assert.Contains(t, w.order().Status.Message, text)
		}
		assert.Zero(t, w.reseller.paidOrders())
	})
	assert.Equal(t, map[string]string{"*.shop.example.com": "webmaster@shop.example.com"}, approvers(&v1alpha1.Issuance{
		Names:      []string{"*.shop.example.com"},
		Challenges: []v1alpha1.OrderChallenge{{Domain: "shop.example.com", Emails: []string{"admin@shop.example.com", "webmaster@shop.example.com"}}},
	}, "webmaster"), "the same mailbox at the domain that is listed")
}

func TestNegativeTTLSpacesValidation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.ttl = time.Hour
	w.reseller.issueAfter = 1000
	w.ask("web-1", keyA)
	w.run(5 * time.Hour)
	asked := w.reseller.count("validate")
	assert.GreaterOrEqual(t, asked, 4)
	assert.LessOrEqual(t, asked, 6, "not before a resolver of the CA can have forgotten")
}

func TestMissingRecordSaysWhenItIsLookedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.zone.warning = "name server ns2.example.com. gives no usable answer"
	w.zone.invisible, w.zone.retry = true, 7*time.Minute
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	next := w.order().Status.NextAttemptAt
	assert.Contains(t, w.order().Status.Message, "may be remembered until "+next.UTC().Format(time.TimeOnly)+" UTC")
	assert.Equal(t, 7*time.Minute, next.Sub(w.clock.Now()))
	w.zone.invisible = false
	w.untilState(v1alpha1.OrderIssued)
	assert.Contains(t, w.recorder.all(), "Warning NameServerFails name server ns2")
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "rfc2136", kindOf(&v1alpha1.Solver{
		CNAMEStrategy: v1alpha1.CNAMEFollow, Selector: &v1alpha1.SolverSelector{}, RFC2136: &v1alpha1.SolverRFC2136{},
	}))
	assert.Equal(t, "reseller", kindOf(&v1alpha1.Solver{Reseller: &v1alpha1.SolverReseller{}}))
}

func TestSeveral(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a; b", several([]string{"a", "b"}))
	assert.Equal(t, "a; b; and 2 more name(s)", several([]string{"a", "b", "c", "d"}))
}
