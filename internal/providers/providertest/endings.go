package providertest

import (
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// endings are scenarios about orders and certificates that somebody ends.
func endings() []scenario {
	return []scenario{
		{operation: "cancel", needs: offers[providers.Canceller], run: cancel},
		{operation: "cancel: reply lost after the effect", needs: offers[providers.Canceller], run: lostCancel},
		{operation: "cancel: lost before the effect", needs: offers[providers.Canceller], run: vainCancel},
		{operation: "revoke", needs: offers[providers.Revoker], run: revoke},
		{operation: "revoke: reply lost after the effect", needs: offers[providers.Revoker], run: lostRevoke},
	}
}

// cancel ends an order that isn't issued, which gives the money back.
func cancel(l *lab) {
	p := l.provider(SingleName)
	canceller, ok := p.(providers.Canceller)
	require.True(l, ok)
	assert.NotEmpty(l, p.Profile().CancelEffect, "who asks is told what it does")
	placed := l.buy(p, l.request(p, "ended.example.com"))
	require.ErrorIs(l, canceller.Cancel(l.Context(), nil, placed.IDs), providers.ErrIntentSpent)
	require.ErrorIs(l, canceller.Cancel(l.Context(), l.intent(providers.Purchase), placed.IDs), providers.ErrIntentSpent)
	require.Empty(l, l.engine.Ledger(sandbox.EntryCancel))
	intent := l.intent(providers.Cancel)
	require.NoError(l, canceller.Cancel(l.Context(), intent, placed.IDs))
	require.ErrorIs(l, canceller.Cancel(l.Context(), intent, placed.IDs), providers.ErrIntentSpent)
	require.Len(l, l.engine.Ledger(sandbox.EntryCancel), 1)
	require.Len(l, l.engine.Ledger(sandbox.EntryRefund), 1)
	l.ended(p, placed.IDs)
}

// ended wants an order to be cancelled, or gone.
func (l *lab) ended(p providers.Provider, ids providers.IDs) {
	l.Helper()
	order, err := p.Order(l.Context(), ids)
	if err != nil {
		l.fails(err, providers.NotFound)
		return
	}
	assert.Equal(l, providers.StateCancelled, order.State)
}

// lostCancel must not lead to the conclusion that nothing happened.
func lostCancel(l *lab) {
	p := l.provider(SingleName)
	canceller, ok := p.(providers.Canceller)
	require.True(l, ok)
	request := l.request(p, "ended.example.com")
	placed := l.buy(p, request)
	l.inject(sandbox.Fault{Kind: sandbox.FaultDropAfter, Op: sandbox.ClassCancel})
	err := canceller.Cancel(l.Context(), l.intent(providers.Cancel), placed.IDs)
	l.fails(err, providers.Ambiguous)
	require.Equal(l, 1, l.wire.count(sandbox.ClassCancel))
	require.Len(l, l.engine.Ledger(sandbox.EntryCancel), 1)
	found, err := p.Find(l.Context(), l.trace(providers.Cancel, placed.IDs, request, nil, p))
	require.NoError(l, err)
	require.Len(l, found, 1, "the order itself shows it, whatever lists can show")
	assert.True(l, found[0].Order.IDs.Equal(placed.IDs))
	assert.GreaterOrEqual(l, found[0].Evidence, providers.EvidenceCSR)
}

// vainCancel never arrived: the order goes on, and Find says so.
func vainCancel(l *lab) {
	p := l.provider(SingleName)
	canceller, ok := p.(providers.Canceller)
	require.True(l, ok)
	request := l.request(p, "ended.example.com")
	placed := l.buy(p, request)
	l.inject(sandbox.Fault{Kind: sandbox.FaultDropBefore, Op: sandbox.ClassCancel})
	l.fails(canceller.Cancel(l.Context(), l.intent(providers.Cancel), placed.IDs), providers.Ambiguous)
	require.Empty(l, l.engine.Ledger(sandbox.EntryCancel))
	found, err := p.Find(l.Context(), l.trace(providers.Cancel, placed.IDs, request, nil, p))
	require.NoError(l, err)
	assert.Empty(l, found)
}

// lostRevoke must not lead to the conclusion that nothing happened; where the API can't tell,
// a person looks.
func lostRevoke(l *lab) {
	p := l.provider(SingleName)
	revoker, ok := p.(providers.Revoker)
	require.True(l, ok)
	request := l.request(p, "leaked.example.com")
	placed := l.buy(p, request)
	built := l.issue(p, placed.IDs, request)
	l.inject(sandbox.Fault{Kind: sandbox.FaultDropAfter, Op: sandbox.ClassRevoke})
	l.fails(revoker.Revoke(l.Context(), l.intent(providers.Revoke), placed.IDs, built.Serial()), providers.Ambiguous)
	require.Len(l, l.engine.Ledger(sandbox.EntryRevoke), 1)
	found, err := p.Find(l.Context(), l.trace(providers.Revoke, placed.IDs, request, nil, p))
	require.NoError(l, err)
	assert.NotEmpty(l, found)
}

// revoke revokes one certificate by its serial number, and no other.
func revoke(l *lab) {
	p := l.provider(SingleName)
	revoker, ok := p.(providers.Revoker)
	require.True(l, ok)
	assert.NotEmpty(l, p.Profile().RevokeEffect, "who asks is told what it does")
	request := l.request(p, "leaked.example.com")
	placed := l.buy(p, request)
	built := l.issue(p, placed.IDs, request)
	err := revoker.Revoke(l.Context(), l.intent(providers.Revoke), placed.IDs, "0815")
	l.fails(err, providers.Invalid, providers.NotFound)
	require.ErrorIs(l, revoker.Revoke(l.Context(), nil, placed.IDs, built.Serial()), providers.ErrIntentSpent)
	require.Empty(l, l.engine.Ledger(sandbox.EntryRevoke))
	require.NoError(l, revoker.Revoke(l.Context(), l.intent(providers.Revoke), placed.IDs, built.Serial()))
	revoked := l.engine.Ledger(sandbox.EntryRevoke)
	require.Len(l, revoked, 1)
	order, err := l.engine.Order("", revoked[0].Order)
	require.NoError(l, err)
	serial := strings.TrimLeft(order.Certificate().Serial, "0")
	assert.Equal(l, strings.TrimLeft(built.Serial(), "0"), serial)
	assert.False(l, order.Certificate().RevokedAt.IsZero())
}
