package providertest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// effect is a call that can't be repeated.
type effect struct {
	kind  providers.OperationKind
	class string
	// entry is the line that the call leaves in the reseller's ledger.
	entry sandbox.EntryKind
	// existing is true if the call needs an issued order, placed if it needs one that waits
	// for its second step.
	existing, placed bool
	call             func(ctx context.Context, p providers.Provider, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error)
	needs            func(providers.Provider) bool
}

func effects(reseller Reseller) []effect {
	all := []effect{
		{
			kind: providers.Purchase, class: sandbox.ClassBuy, entry: sandbox.EntryPurchase,
			call: func(ctx context.Context, p providers.Provider, intent *providers.Intent, _ providers.IDs, request providers.Request) (providers.Placed, error) {
				return p.Buy(ctx, intent, request)
			},
		},
		{
			kind: providers.Renew, class: cmp.Or(reseller.RenewClass, sandbox.ClassRenew), entry: sandbox.EntryRenewal, existing: true, needs: offers[providers.Renewer],
			call: func(ctx context.Context, p providers.Provider, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
				return p.(providers.Renewer).Renew(ctx, intent, ids, request)
			},
		},
		{
			kind: providers.Reissue, class: sandbox.ClassReissue, entry: sandbox.EntryReissue, existing: true, needs: offers[providers.Reissuer],
			call: func(ctx context.Context, p providers.Provider, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
				return p.(providers.Reissuer).Reissue(ctx, intent, ids, request)
			},
		},
	}
	if reseller.TwoSteps {
		all = append(all, effect{
			kind: providers.Enrol, class: sandbox.ClassEnrol, entry: sandbox.EntryEnrol, placed: true, needs: offers[providers.Enroller],
			call: func(ctx context.Context, p providers.Provider, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
				return p.(providers.Enroller).Enrol(ctx, intent, ids, request)
			},
		})
	}
	return all
}

// lost are scenarios about replies that don't come.
func lost(reseller Reseller) []scenario {
	var all []scenario
	add := func(e effect, name string, run func(*lab, effect)) {
		all = append(all, scenario{operation: string(e.kind) + ": " + name, needs: e.needs, run: func(l *lab) { run(l, e) }})
	}
	for _, e := range effects(reseller) {
		add(e, "reply lost after the effect", replyLost)
		add(e, "reply cut off", replyCut)
		add(e, "reply too late", replyLate)
		add(e, "server error after the effect", errorAfter)
		add(e, "server error before the effect", errorBefore)
		add(e, "connection lost before the effect", lostBefore)
		if e.kind == providers.Purchase || e.kind == providers.Renew {
			add(e, "visible late", visibleLate)
		}
	}
	return append(all,
		scenario{operation: "Reissue: reply lost, new order number", needs: offers[providers.Reissuer], run: lostNewNumber},
		scenario{operation: "AddNames: reply lost after the effect", needs: offers[providers.NameAdder], run: lostNames},
	)
}

// attempt is an effect about to happen to a fresh or an issued order.
type attempt struct {
	*lab
	effect
	p       providers.Provider
	ids     providers.IDs
	request providers.Request
	before  *providers.Snapshot
	// calls and ledger are how many there were before.
	calls, ledger int
}

func newAttempt(l *lab, e effect) *attempt {
	l.Helper()
	a := &attempt{lab: l, effect: e, p: l.provider(SingleName)}
	if e.existing {
		first := l.request(a.p, "lost.example.com")
		placed := l.buy(a.p, first)
		l.issue(a.p, placed.IDs, first)
		a.ids = placed.IDs
	}
	l.buyBystander(a.p)
	a.request = l.request(a.p, "lost.example.com")
	if e.placed {
		a.ids = l.place(a.p, a.request).IDs
	}
	a.before = l.snapshot(a.p, a.request)
	a.calls, a.ledger = l.wire.count(a.class), len(l.engine.Ledger(a.entry))
	return a
}

// buyBystander places an order of the same account that must never be mistaken.
func (l *lab) buyBystander(p providers.Provider) {
	l.Helper()
	l.buy(p, l.request(p, "lost.example.com"))
}

// fail makes the call under a fault and wants one request and an unclear outcome.
func (a *attempt) fail(ctx context.Context, fault sandbox.Fault, kinds ...providers.Kind) {
	a.Helper()
	fault.Op = a.class
	a.inject(fault)
	_, err := a.call(ctx, a.p, a.intent(a.kind), a.ids, a.request)
	a.fails(err, kinds...)
	require.Equal(a, 1, a.wire.count(a.class)-a.calls, "the request was sent once")
}

// done wants the effect once in the ledger, and exactly one order found, with good
// evidence, that leads to the certificate. Where absence can't be known, nothing sure may
// be found: the order engine stops, and a person names the order.
func (a *attempt) done() {
	a.Helper()
	a.entries(1)
	found := a.find()
	if unsure(found) && !a.p.Profile().AbsenceKnowable {
		a.resolve(found)
		return
	}
	require.Len(a, found, 1)
	require.GreaterOrEqual(a, found[0].Evidence, providers.EvidenceCSR)
	a.issue(a.p, found[0].Order.IDs, a.request)
	a.entries(1)
}

// unsure reports whether nothing was found that may be adopted without asking.
func unsure(found []providers.Found) bool {
	return !slices.ContainsFunc(found, func(f providers.Found) bool { return f.Evidence >= providers.EvidenceCSR })
}

// resolve goes on with the order as a person finds it: as a proposal of Find, or else in the
// vendor's panel.
func (a *attempt) resolve(found []providers.Found) {
	a.Helper()
	require.NotNil(a, a.reseller.Resolve)
	ids := a.reseller.Resolve(a.engine.Ledger(a.entry)[a.ledger].Order)
	for _, f := range found {
		if f.Order.IDs.Equal(ids) {
			ids = f.Order.IDs
		}
	}
	if a.reseller.TwoSteps && a.kind == providers.Purchase {
		ids = a.enrol(a.p, ids, a.request).IDs
	}
	a.issue(a.p, ids, a.request)
	a.entries(1)
}

// undone wants no effect, and nothing found; where absence can't be known, nothing sure.
func (a *attempt) undone() {
	a.Helper()
	a.entries(0)
	found := a.find()
	require.True(a, unsure(found), "nothing may be adopted")
	if a.p.Profile().AbsenceKnowable {
		require.Empty(a, found)
	}
}

func (a *attempt) find() []providers.Found {
	a.Helper()
	found, err := a.p.Find(a.Context(), a.trace(a.kind, a.ids, a.request, a.before, a.p))
	require.NoError(a, err)
	return found
}

// entries counts the lines about the request of the attempt; a purchase without a CSR is
// known by its time.
func (a *attempt) entries(want int) {
	a.Helper()
	digest, n := csrDigest(a, a.request.CSR), 0
	for i, entry := range a.engine.Ledger(a.entry) {
		if entry.CSRDigest == digest || entry.CSRDigest == "" && i >= a.ledger {
			n++
		}
	}
	require.Equal(a, want, n, "effects in the ledger")
}

func replyLost(l *lab, e effect) {
	a := newAttempt(l, e)
	a.fail(l.Context(), sandbox.Fault{Kind: sandbox.FaultDropAfter}, providers.Ambiguous)
	a.done()
}

func replyCut(l *lab, e effect) {
	a := newAttempt(l, e)
	a.fail(l.Context(), sandbox.Fault{Kind: sandbox.FaultTruncate}, providers.Ambiguous)
	a.done()
}

func replyLate(l *lab, e effect) {
	a := newAttempt(l, e)
	fault := sandbox.Fault{Kind: sandbox.FaultDelay, Delay: time.Minute, AfterEffect: true}
	a.fail(l.within(2*time.Second), fault, providers.Ambiguous)
	a.done()
}

func errorAfter(l *lab, e effect) {
	a := newAttempt(l, e)
	a.fail(l.Context(), sandbox.Fault{Kind: sandbox.FaultStatus, Status: 502, AfterEffect: true}, providers.Ambiguous)
	a.done()
}

func errorBefore(l *lab, e effect) {
	a := newAttempt(l, e)
	a.fail(l.Context(), sandbox.Fault{Kind: sandbox.FaultStatus, Status: 503}, providers.Ambiguous)
	a.undone()
}

func lostBefore(l *lab, e effect) {
	a := newAttempt(l, e)
	a.fail(l.Context(), sandbox.Fault{Kind: sandbox.FaultDropBefore}, providers.Ambiguous)
	a.undone()
}

// visibleLate may find nothing at first, but nothing wrong, and the order in the end.
func visibleLate(l *lab, e effect) {
	a := newAttempt(l, e)
	delay := a.p.Profile().VisibilityDelay
	l.inject(sandbox.Fault{Kind: sandbox.FaultLateVisible, Delay: delay})
	a.fail(l.Context(), sandbox.Fault{Kind: sandbox.FaultDropAfter}, providers.Ambiguous)
	found, err := a.p.Find(l.Context(), a.trace(a.kind, a.ids, a.request, a.before, a.p))
	if err != nil {
		l.fails(err, providers.Unavailable)
	}
	assert.LessOrEqual(l, len(found), 1)
	l.clock.advance(delay)
	a.done()
}

// lostNewNumber moves the order to a number that nobody was told.
func lostNewNumber(l *lab) {
	for _, e := range effects(l.reseller) {
		if e.kind != providers.Reissue {
			continue
		}
		a := newAttempt(l, e)
		l.inject(sandbox.Fault{Kind: sandbox.FaultNewOrderID})
		a.fail(l.Context(), sandbox.Fault{Kind: sandbox.FaultDropAfter}, providers.Ambiguous)
		a.done()
	}
}

// lostNames leaves no trace that could be told apart, so Find must not say "nothing".
func lostNames(l *lab) {
	p := l.provider(SeveralNames)
	adder, ok := p.(providers.NameAdder)
	require.True(l, ok)
	request := l.request(p, "a.example.com", "b.example.com", "c.example.com")
	placed := l.buy(p, request)
	l.issue(p, placed.IDs, request)
	before := l.snapshot(p, request)
	l.inject(sandbox.Fault{Kind: sandbox.FaultDropAfter, Op: sandbox.ClassExtraNames})
	_, err := adder.AddNames(l.Context(), l.intent(providers.AddNames), placed.IDs, 1)
	l.fails(err, providers.Ambiguous)
	require.Equal(l, 1, l.wire.count(sandbox.ClassExtraNames))
	require.Len(l, l.engine.Ledger(sandbox.EntryExtraNames), 1)
	found, err := p.Find(l.Context(), l.trace(providers.AddNames, placed.IDs, request, before, p))
	if err != nil {
		l.fails(err, providers.Unavailable)
		return
	}
	require.Len(l, found, 1)
	assert.True(l, found[0].Order.IDs.Equal(placed.IDs))
}
