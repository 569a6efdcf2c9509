package providertest

import (
	"slices"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// issuances are the scenarios that depend on the validation method.
func issuances(method providers.Method) []scenario {
	return []scenario{
		{method: method, operation: "issue", run: issue},
		{method: method, operation: "prepare, then issue", needs: offers[providers.Preparer], run: prepare},
		{method: method, operation: "reissue", needs: offers[providers.Reissuer], run: reissue},
		{method: method, operation: "renew", needs: offers[providers.Renewer], run: renew},
	}
}

// issue goes from the checks before a purchase to the certificate.
func issue(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, l.host("shop"))
	if checker, ok := p.(providers.CSRChecker); ok {
		require.NoError(l, checker.CheckCSR(l.Context(), request))
	}
	require.Zero(l, l.wire.count(sandbox.ClassBuy), "nothing is bought by looking")
	placed := l.buy(p, request)
	for _, c := range placed.Challenges {
		assert.Equal(l, request.Method, c.Method, "only the method that was asked for")
	}
	first := l.issue(p, placed.IDs, request)
	assert.NotEmpty(l, first.Intermediates)
	charges := l.charges()
	require.Len(l, charges, 1)
	assert.Equal(l, sandbox.EntryPurchase, charges[0].Kind)
	assert.Equal(l, 1, l.wire.count(sandbox.ClassBuy))
	order := l.order(p, placed.IDs)
	assert.True(l, order.IDs.Equal(placed.IDs), "the order has the identifiers under which it is read")
}

// prepare publishes before paying what the order then wants to see.
func prepare(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, l.host("early"))
	preparer, ok := p.(providers.Preparer)
	require.True(l, ok)
	challenges, prepared, err := preparer.Prepare(l.Context(), request)
	require.NoError(l, err)
	l.requireChallenges(challenges, request)
	require.Empty(l, l.engine.Ledger(), "preparing has no effect")
	request.Prepared = prepared
	placed := l.buy(p, request)
	wanted := l.order(p, placed.IDs).Challenges
	for _, c := range wanted {
		known := slices.ContainsFunc(challenges, func(early providers.Challenge) bool {
			return early.Domain == c.Domain && early.RecordName == c.RecordName && early.RecordValue == c.RecordValue && early.Body == c.Body
		})
		assert.True(l, known, "the challenge for %s was told before", c.Domain)
	}
	l.issue(p, placed.IDs, request)
	l.unprepared(preparer)
}

// unprepared: an API that doesn't know the call is no reason to stop.
func (l *lab) unprepared(preparer providers.Preparer) {
	l.Helper()
	p := l.provider(SingleName)
	l.inject(sandbox.Fault{Kind: sandbox.FaultStatus, Op: sandbox.ClassPrepare, Status: 404})
	challenges, prepared, err := preparer.Prepare(l.Context(), l.request(p, l.host("later")))
	if err != nil {
		l.fails(err, providers.Unavailable)
		return
	}
	assert.Empty(l, challenges)
	assert.Empty(l, prepared)
}

// reissue gets a second certificate with another key under the paid term.
func reissue(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, l.host("twice"))
	placed := l.buy(p, request)
	first := l.issue(p, placed.IDs, request)
	again := l.request(p, l.host("twice"))
	moved := l.reissue(p, placed.IDs, again)
	order := l.order(p, moved.IDs)
	if order.State == providers.StateIssued {
		_, err := l.build(order, again)
		requireReason(l, err, chain.ReasonWrongKey)
	}
	second := l.issue(p, moved.IDs, again)
	assert.NotEqual(l, first.Serial(), second.Serial())
	require.Len(l, l.charges(), 1, "a reissue is free")
	require.Len(l, l.engine.Ledger(sandbox.EntryReissue), 1)
}

// reissue makes the call, which must succeed.
func (l *lab) reissue(p providers.Provider, ids providers.IDs, request providers.Request) providers.Placed {
	l.Helper()
	reissuer, ok := p.(providers.Reissuer)
	require.True(l, ok)
	placed, err := reissuer.Reissue(l.Context(), l.intent(providers.Reissue), ids, request)
	require.NoError(l, err)
	require.NotEmpty(l, placed.IDs)
	return placed
}

// renew pays for a further term.
func renew(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, l.host("next"))
	placed := l.buy(p, request)
	l.issue(p, placed.IDs, request)
	renewer, ok := p.(providers.Renewer)
	require.True(l, ok)
	again := l.request(p, l.host("next"))
	renewed, err := renewer.Renew(l.Context(), l.intent(providers.Renew), placed.IDs, again)
	require.NoError(l, err)
	l.issue(p, renewed.IDs, again)
	charges := l.charges()
	require.Len(l, charges, 2)
	assert.Equal(l, sandbox.EntryRenewal, charges[1].Kind)
}

// products are scenarios about what the products of the reseller can hold.
func products(reseller Reseller) []scenario {
	sold := func(product Product) func(providers.Provider) bool {
		return func(providers.Provider) bool { return slices.Contains(reseller.Products, product) }
	}
	return []scenario{
		{operation: "several names", needs: sold(SeveralNames), run: func(l *lab) {
			l.names(SeveralNames, "a.example.com", "b.example.com", "c.example.net")
		}},
		{operation: "wildcard", needs: sold(Wildcard), run: func(l *lab) { l.names(Wildcard, "*.example.org") }},
		{operation: "included www name", run: includedWWW},
		{operation: "names that the product lacks", run: unsuitable},
	}
}

// names issues for names and checks that the price before was the price paid.
func (l *lab) names(product Product, names ...string) {
	p := l.provider(product)
	request := l.request(p, names...)
	var price *providers.Money
	if pricer, ok := p.(providers.Pricer); ok {
		told, err := pricer.Price(l.Context(), request)
		require.NoError(l, err)
		price = &told
	}
	placed := l.buy(p, request)
	built := l.issue(p, placed.IDs, request)
	for _, name := range names {
		assert.Contains(l, built.Leaf.DNSNames, name)
	}
	charges := l.charges()
	require.Len(l, charges, 1)
	if price != nil {
		paid, err := providers.ParseMoney(charges[0].Amount.String(), "")
		require.NoError(l, err)
		assert.True(l, paid.Amount.Equal(price.Amount), "told %s, paid %s", price, paid)
	}
}

// includedWWW asks for the www name where the product has it anyway.
func includedWWW(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, "example.com", "www.example.com")
	if !p.Profile().WWWIncluded {
		_, err := p.Buy(l.Context(), l.intent(providers.Purchase), request)
		l.fails(err, providers.Invalid)
		return
	}
	placed := l.buy(p, request)
	l.engineApproves(placed.IDs)
	order := l.order(p, placed.IDs)
	require.Equal(l, providers.StateIssued, order.State)
	_, err := l.build(order, request)
	require.NoError(l, err)
}

// engineApproves validates all names of an order at the reseller's desk.
func (l *lab) engineApproves(ids providers.IDs) {
	l.Helper()
	for _, id := range ids {
		if _, err := l.engine.Approve(id); err == nil {
			return
		}
	}
	require.Fail(l, "no order of the reseller has one of the identifiers")
}

// unsuitable requests are refused before they leave.
func unsuitable(l *lab) {
	p := l.provider(SingleName)
	wrong := map[string]providers.Request{
		"a wildcard":      l.request(p, "*.example.com"),
		"too many names":  l.request(p, "a.example.com", "b.example.com", "c.example.com"),
		"no common name":  l.request(p, "a.example.com"),
		"no such method":  l.request(p, "a.example.com"),
		"an odd term":     l.request(p, "a.example.com"),
		"no CSR":          l.request(p, "a.example.com"),
		"no e-mail named": l.request(p, "a.example.com"),
	}
	change := func(name string, apply func(*providers.Request)) {
		request := wrong[name]
		apply(&request)
		wrong[name] = request
	}
	change("no common name", func(r *providers.Request) { r.CommonName = "" })
	change("no such method", func(r *providers.Request) { r.Method = "Post" })
	change("an odd term", func(r *providers.Request) { r.TermMonths = 7 })
	change("no CSR", func(r *providers.Request) { r.CSR = nil })
	change("no e-mail named", func(r *providers.Request) { r.Method, r.Emails = providers.MethodEmail, nil })
	for name, request := range wrong {
		intent := l.intent(providers.Purchase)
		_, err := p.Buy(l.Context(), intent, request)
		require.Error(l, err, name)
		l.fails(err, providers.Invalid)
		assert.False(l, intent.Spent(), name)
	}
	require.Zero(l, l.wire.count(sandbox.ClassBuy))
}

func requireReason(l *lab, err error, reason chain.Reason) {
	l.Helper()
	var failure *chain.Error
	require.ErrorAs(l, err, &failure)
	require.Equal(l, reason, failure.Reason, failure.Message)
}
