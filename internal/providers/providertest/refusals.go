package providertest

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// refusals are scenarios about a reseller that says no.
func refusals() []scenario {
	return []scenario{
		{operation: "throttled read", run: throttledRead},
		{operation: "throttled purchase", run: throttledPurchase},
		{operation: "no funds", run: noFunds},
		{operation: "expired token at a read", run: expiredRead},
		{operation: "expired token before a purchase", run: expiredEarlier},
		{operation: "expired token at a purchase", run: expiredPurchase},
		{operation: "unknown error code at a read", run: unknownCodeRead},
		{operation: "unknown error code at a purchase", run: unknownCodePurchase},
		{operation: "credentials in the vendor's text", run: echoedKey},
	}
}

func throttledRead(l *lab) {
	p := l.provider(SingleName)
	placed := l.buy(p, l.request(p, "a.example.com"))
	l.inject(sandbox.Fault{Kind: sandbox.FaultThrottle, Op: sandbox.ClassStatus, RetryAfter: 90 * time.Second})
	before := l.wire.count(sandbox.ClassStatus)
	_, err := p.Order(l.Context(), placed.IDs)
	assert.Equal(l, 90*time.Second, l.fails(err, providers.Throttled).RetryAfter)
	assert.Equal(l, 1, l.wire.count(sandbox.ClassStatus)-before, "the provider doesn't try again by itself")
	l.order(p, placed.IDs)
}

func throttledPurchase(l *lab) {
	p := l.provider(SingleName)
	l.inject(sandbox.Fault{Kind: sandbox.FaultThrottle, Op: sandbox.ClassBuy, RetryAfter: 90 * time.Second})
	_, err := p.Buy(l.Context(), l.intent(providers.Purchase), l.request(p, "a.example.com"))
	assert.Equal(l, 90*time.Second, l.fails(err, providers.Throttled).RetryAfter)
	assert.Equal(l, 1, l.wire.count(sandbox.ClassBuy))
	assert.Empty(l, l.engine.Ledger())
}

func noFunds(l *lab) {
	p := l.provider(SingleName)
	require.NoError(l, l.engine.SetBalance(sandbox.DefaultAccount, 0))
	_, err := p.Buy(l.Context(), l.intent(providers.Purchase), l.request(p, "a.example.com"))
	l.fails(err, providers.Funds)
	assert.Empty(l, l.engine.Ledger())
}

// expiredRead heals by itself.
func expiredRead(l *lab) {
	p := l.provider(SingleName)
	placed := l.buy(p, l.request(p, "a.example.com"))
	l.engine.ExpireTokens()
	l.order(p, placed.IDs)
}

// expiredEarlier heals too, because the token is old enough to be looked at first.
func expiredEarlier(l *lab) {
	p := l.provider(SingleName)
	_, err := p.Check(l.Context())
	require.NoError(l, err)
	l.clock.advance(sandbox.DefaultTokenTTL + time.Hour)
	l.buy(p, l.request(p, "a.example.com"))
	require.Len(l, l.charges(), 1)
	assert.Equal(l, 1, l.wire.count(sandbox.ClassBuy))
}

// expiredPurchase is the one case that can't heal: the request with the effect isn't
// sent again.
func expiredPurchase(l *lab) {
	p := l.provider(SingleName)
	_, err := p.Check(l.Context())
	require.NoError(l, err)
	l.inject(sandbox.Fault{Kind: sandbox.FaultExpireTokens, Op: sandbox.ClassBuy})
	_, err = p.Buy(l.Context(), l.intent(providers.Purchase), l.request(p, "a.example.com"))
	if err != nil {
		l.fails(err, providers.Auth, providers.Ambiguous)
		assert.Empty(l, l.engine.Ledger())
	}
	assert.Equal(l, 1, l.wire.count(sandbox.ClassBuy))
	l.buy(p, l.request(p, "a.example.com"))
}

const unknownCode = "4711-unheard-of"

func unknownCodeRead(l *lab) {
	p := l.provider(SingleName)
	placed := l.buy(p, l.request(p, "a.example.com"))
	l.inject(sandbox.Fault{Kind: sandbox.FaultError, Op: sandbox.ClassStatus, Code: unknownCode, Message: "no", Times: -1})
	_, err := p.Order(l.Context(), placed.IDs)
	l.fails(err, providers.Unavailable)
}

func unknownCodePurchase(l *lab) {
	for _, after := range []bool{false, true} {
		p := l.provider(SingleName)
		request := l.request(p, "a.example.com")
		l.inject(sandbox.Fault{Kind: sandbox.FaultError, Op: sandbox.ClassBuy, Code: unknownCode, Message: "no", AfterEffect: after})
		_, err := p.Buy(l.Context(), l.intent(providers.Purchase), request)
		l.fails(err, providers.Ambiguous)
	}
	assert.Equal(l, 2, l.wire.count(sandbox.ClassBuy))
	assert.Len(l, l.charges(), 1)
}

// echoedKey has the vendor repeat the credentials in its message.
func echoedKey(l *lab) {
	p := l.provider(SingleName)
	placed := l.buy(p, l.request(p, "a.example.com"))
	for _, secret := range l.wire.secrets() {
		l.inject(sandbox.Fault{Kind: sandbox.FaultError, Op: sandbox.ClassStatus, Code: unknownCode, Message: "bad <b>" + secret + "</b>\n", Times: -1})
		_, err := p.Order(l.Context(), placed.IDs)
		l.fails(err, providers.Unavailable)
		l.inject(sandbox.Fault{Kind: sandbox.FaultError, Op: sandbox.ClassBuy, Code: unknownCode, Message: "bad " + secret})
		_, err = p.Buy(l.Context(), l.intent(providers.Purchase), l.request(p, "b.example.com"))
		l.fails(err, providers.Ambiguous)
		l.engine.ClearFaults()
	}
}
