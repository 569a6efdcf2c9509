package providertest

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// changes are scenarios about orders on their way.
func changes() []scenario {
	return []scenario{
		{operation: "change method", needs: offers[providers.MethodChanger], run: changeMethod},
		{operation: "resend e-mail", needs: offers[providers.EmailResender], run: resend},
		{operation: "enrol", needs: offers[providers.Enroller], run: enrol},
		{operation: "add names", needs: offers[providers.NameAdder], run: addNames},
		{operation: "slow validation", run: slow},
		{operation: "rejection", run: func(l *lab) { l.ends(sandbox.FaultReject, providers.StateRejected) }},
		{operation: "cancellation by the reseller", run: func(l *lab) { l.ends(sandbox.FaultCancel, providers.StateCancelled) }},
		{operation: "end of the term", run: expiry},
		{operation: "unknown status word", run: unknownStatus},
		{operation: "new order number at a reissue", needs: offers[providers.Reissuer], run: newNumber},
		{operation: "reissue shown as issued", needs: offers[providers.Reissuer], run: hiddenReissue},
	}
}

// changeMethod places an order by e-mail and moves it to the method of the scenario; where
// that is e-mail, the order is placed by the product's best method.
func changeMethod(l *lab) {
	p := l.provider(SingleName)
	changer, ok := p.(providers.MethodChanger)
	require.True(l, ok)
	request := l.request(p, "moved.example.com")
	wanted := request.Method
	email := ""
	if wanted == providers.MethodEmail {
		request.Method, email = p.Profile().Methods[0], request.Emails["moved.example.com"]
	} else {
		request.Method, request.Emails = providers.MethodEmail, map[string]string{"moved.example.com": "admin@moved.example.com"}
	}
	placed := l.buy(p, request)
	challenges, err := changer.ChangeMethod(l.Context(), placed.IDs, "moved.example.com", wanted, email)
	require.NoError(l, err)
	request.Method = wanted
	l.requireChallenges(challenges, request)
	l.issue(p, placed.IDs, request)

	other := l.request(p, "mailed.example.com")
	placed = l.buy(p, other)
	challenges, err = changer.ChangeMethod(l.Context(), placed.IDs, "mailed.example.com", providers.MethodEmail, "admin@mailed.example.com")
	require.NoError(l, err)
	other.Method = providers.MethodEmail
	l.requireChallenges(challenges, other)
	_, err = changer.ChangeMethod(l.Context(), placed.IDs, "mailed.example.com", providers.MethodEmail, "")
	l.fails(err, providers.Invalid)
}

func resend(l *lab) {
	p := l.provider(SingleName)
	resender, ok := p.(providers.EmailResender)
	require.True(l, ok)
	request := l.request(p, "mail.example.com")
	request.Method, request.Emails = providers.MethodEmail, map[string]string{"mail.example.com": "admin@mail.example.com"}
	placed := l.buy(p, request)
	require.NoError(l, resender.ResendEmail(l.Context(), placed.IDs, "mail.example.com"))
	assert.Equal(l, 1, l.wire.count(sandbox.ClassResend))
}

// enrol gives a CSR to an order that was sold without, and leaves other orders alone.
func enrol(l *lab) {
	p := l.provider(SingleName)
	enroller, ok := p.(providers.Enroller)
	require.True(l, ok)
	request := l.request(p, "later.example.com")
	l.inject(sandbox.Fault{Kind: sandbox.FaultUnconfigured})
	placed := l.place(p, request)
	require.Equal(l, providers.StatePendingOrder, l.order(p, placed.IDs).State)
	enrolled, err := enroller.Enrol(l.Context(), l.intent(providers.Enrol), placed.IDs, request)
	require.NoError(l, err)
	l.issue(p, enrolled.IDs, request)
	require.Len(l, l.engine.Ledger(sandbox.EntryEnrol), 1)
	require.Len(l, l.charges(), 1)
}

// addNames buys room for names and fills it by a reissue.
func addNames(l *lab) {
	p := l.provider(SeveralNames)
	adder, ok := p.(providers.NameAdder)
	require.True(l, ok)
	request := l.request(p, "a.example.com", "b.example.com", "c.example.com")
	placed := l.buy(p, request)
	l.issue(p, placed.IDs, request)
	added, err := adder.AddNames(l.Context(), l.intent(providers.AddNames), placed.IDs, 1)
	require.NoError(l, err)
	assert.True(l, added.IDs.Equal(placed.IDs))
	require.Len(l, l.engine.Ledger(sandbox.EntryExtraNames), 1)
	assert.Equal(l, 1, l.wire.count(sandbox.ClassExtraNames))
	more := l.request(p, "a.example.com", "b.example.com", "c.example.com", "d.example.com")
	moved := l.reissue(p, added.IDs, more)
	l.issue(p, moved.IDs, more)
}

func slow(l *lab) {
	p := l.provider(SingleName)
	l.inject(sandbox.Fault{Kind: sandbox.FaultSlow, Delay: 3 * time.Hour})
	request := l.request(p, "slow.example.com")
	placed := l.buy(p, request)
	l.validate(p, placed.IDs, request)
	order := l.order(p, placed.IDs)
	assert.Equal(l, providers.StateIssuing, order.State)
	assert.Empty(l, order.Certificates)
	l.clock.advance(3 * time.Hour)
	order = l.order(p, placed.IDs)
	require.Equal(l, providers.StateIssued, order.State)
	_, err := l.build(order, request)
	require.NoError(l, err)
}

// ends shows an order that the reseller ends after it was paid.
func (l *lab) ends(fault sandbox.FaultKind, state providers.State) {
	p := l.provider(SingleName)
	l.inject(sandbox.Fault{Kind: fault})
	request := l.request(p, "refused.example.com")
	placed := l.buy(p, request)
	l.validate(p, placed.IDs, request)
	order := l.order(p, placed.IDs)
	assert.Equal(l, state, order.State)
	assert.NotEmpty(l, order.Detail)
	assert.Empty(l, order.Certificates)
}

func expiry(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, "old.example.com")
	placed := l.buy(p, request)
	l.issue(p, placed.IDs, request)
	l.clock.advance(366 * 24 * time.Hour)
	assert.Equal(l, providers.StateExpired, l.order(p, placed.IDs).State)
}

// unknownStatus is never taken for an end.
func unknownStatus(l *lab) {
	p := l.provider(SingleName)
	placed := l.buy(p, l.request(p, "odd.example.com"))
	for _, word := range []string{"Quarantined", "activated?", " ", "0", "Réédité \x01"} {
		l.engine.ClearFaults()
		l.inject(sandbox.Fault{Kind: sandbox.FaultStatusWord, Word: word, Times: -1})
		order, err := p.Order(l.Context(), placed.IDs)
		if err != nil {
			l.fails(err, providers.Unavailable)
			continue
		}
		waiting := []providers.State{providers.StatePendingOrder, providers.StateAwaitingValidation, providers.StateIssuing}
		assert.Contains(l, waiting, order.State, "%q", word)
	}
}

func newNumber(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, "renumbered.example.com")
	placed := l.buy(p, request)
	l.issue(p, placed.IDs, request)
	l.inject(sandbox.Fault{Kind: sandbox.FaultNewOrderID})
	again := l.request(p, "renumbered.example.com")
	moved := l.reissue(p, placed.IDs, again)
	assert.False(l, moved.IDs.Equal(placed.IDs), "the new number is told")
	l.issue(p, moved.IDs, again)
	l.order(p, placed.IDs)
}

// hiddenReissue goes on showing the certificate before the reissue.
func hiddenReissue(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, "hidden.example.com")
	placed := l.buy(p, request)
	l.issue(p, placed.IDs, request)
	l.inject(sandbox.Fault{Kind: sandbox.FaultHideReissue})
	again := l.request(p, "hidden.example.com")
	moved := l.reissue(p, placed.IDs, again)
	order := l.order(p, moved.IDs)
	if order.State == providers.StateIssued {
		_, err := l.build(order, again)
		require.Error(l, err, "the old certificate isn't taken for the new one")
	}
	l.engineApproves(moved.IDs)
	order = l.order(p, moved.IDs)
	require.Equal(l, providers.StateIssued, order.State)
	_, err := l.build(order, again)
	require.NoError(l, err)
}
