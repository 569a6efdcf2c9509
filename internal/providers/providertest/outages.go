package providertest

import (
	"context"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// outages are scenarios about reads that get no usable answer.
func outages() []scenario {
	return []scenario{
		{operation: "read: server error", run: func(l *lab) { l.outage(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 500}) }},
		{operation: "read: HTML with status 200", run: func(l *lab) { l.outage(sandbox.Fault{Kind: sandbox.FaultStatus, Status: 200}) }},
		{operation: "read: connection lost", run: func(l *lab) { l.outage(sandbox.Fault{Kind: sandbox.FaultDropBefore}) }},
		{operation: "read: answer lost", run: func(l *lab) { l.outage(sandbox.Fault{Kind: sandbox.FaultDropAfter}) }},
		{operation: "read: answer cut off", run: func(l *lab) { l.outage(sandbox.Fault{Kind: sandbox.FaultTruncate}) }},
		{operation: "find: list not readable", run: unreadableList},
		{operation: "reseller down", run: down},
		{operation: "cancelled context", run: cancelled},
	}
}

func (l *lab) outage(fault sandbox.Fault) {
	p := l.provider(SingleName)
	placed := l.buy(p, l.request(p, "a.example.com"))
	fault.Op, fault.Times = sandbox.ClassStatus, -1
	l.inject(fault)
	_, err := p.Order(l.Context(), placed.IDs)
	l.fails(err, providers.Unavailable)
	l.engine.ClearFaults()
	l.order(p, placed.IDs)
}

// unreadableList must not be taken for an empty one.
func unreadableList(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, "a.example.com")
	before := l.snapshot(p, request)
	faults := []sandbox.Fault{
		{Kind: sandbox.FaultStatus, Status: 200},
		{Kind: sandbox.FaultTruncate},
		{Kind: sandbox.FaultDropAfter},
		{Kind: sandbox.FaultError, Code: unknownCode, Message: "no"},
	}
	for _, fault := range faults {
		fault.Times = -1
		l.inject(fault)
		found, err := p.Find(l.Context(), l.trace(providers.Purchase, nil, request, before, p))
		l.engine.ClearFaults()
		if err == nil && !p.Profile().AbsenceKnowable {
			assert.Empty(l, found)
			continue
		}
		l.fails(err, providers.Unavailable)
	}
}

func down(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, "a.example.com")
	l.server.Close()
	_, err := p.Check(l.Context())
	l.fails(err, providers.Unavailable)
	_, err = p.Buy(l.Context(), l.intent(providers.Purchase), request)
	l.fails(err, providers.Unavailable)
}

func cancelled(l *lab) {
	p := l.provider(SingleName)
	ctx, cancel := context.WithCancel(l.Context())
	cancel()
	_, err := p.Check(ctx)
	l.fails(err, providers.Unavailable)
	_, err = p.Buy(ctx, l.intent(providers.Purchase), l.request(p, "a.example.com"))
	l.fails(err, providers.Unavailable)
	assert.Empty(l, l.engine.Ledger())
	assert.Zero(l, l.wire.count(sandbox.ClassBuy))
}

// certificates are scenarios about chains as resellers deliver them.
func certificates() []scenario {
	chainOf := func(kind sandbox.FaultKind, reason chain.Reason) func(*lab) {
		return func(l *lab) { l.delivery(kind, reason) }
	}
	return []scenario{
		{operation: "chain: reversed", run: chainOf(sandbox.FaultReversedChain, "")},
		{operation: "chain: root included", run: chainOf(sandbox.FaultRootIncluded, "")},
		{operation: "chain: leaf only", run: chainOf(sandbox.FaultLeafOnly, chain.ReasonIntermediatesMissing)},
		{operation: "chain: wrong key", run: chainOf(sandbox.FaultWrongKey, chain.ReasonWrongKey)},
		{operation: "chain: not yet valid", run: chainOf(sandbox.FaultNotYetValid, chain.ReasonNotYetValid)},
	}
}

// delivery wants a good chain, or the reason why it isn't one. A provider may also see by
// itself that a certificate has the wrong key, and wait.
func (l *lab) delivery(fault sandbox.FaultKind, reason chain.Reason) {
	p := l.provider(SingleName)
	l.inject(sandbox.Fault{Kind: fault})
	request := l.request(p, "chain.example.com")
	placed := l.buy(p, request)
	l.validate(p, placed.IDs, request)
	order := l.order(p, placed.IDs)
	if reason == chain.ReasonWrongKey && order.State == providers.StateIssuing {
		return
	}
	require.Equal(l, providers.StateIssued, order.State)
	built, err := l.build(order, request)
	if reason != "" {
		requireReason(l, err, reason)
		return
	}
	require.NoError(l, err)
	assert.Len(l, built.Intermediates, 1, "the root is left out")
}
