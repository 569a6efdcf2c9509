package providertest

import (
	"context"
	"slices"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// intents are scenarios about the permission for one call.
func intents(reseller Reseller) []scenario {
	var all []scenario
	for _, e := range effects(reseller) {
		all = append(all, scenario{
			operation: string(e.kind) + ": intent", needs: e.needs, run: func(l *lab) { spend(l, e) },
		})
	}
	return all
}

// spend tries every intent that must not lead to a request, and one twice.
func spend(l *lab, e effect) {
	a := newAttempt(l, e)
	other := providers.Cancel
	written := l.clock.Now()
	bad := map[string]*providers.Intent{
		"none":       nil,
		"other kind": l.intent(other),
		"too old":    providers.NewIntent(e.kind, "old", "", written.Add(-providers.IntentLifetime-time.Second), l.clock.Now),
		"future":     providers.NewIntent(e.kind, "future", "", written.Add(time.Minute), l.clock.Now),
	}
	for name, intent := range bad {
		_, err := a.call(l.Context(), a.p, intent, a.ids, a.request)
		require.ErrorIs(l, err, providers.ErrIntentSpent, name)
		l.fails(err, providers.Unavailable, providers.Ambiguous, providers.Invalid)
	}
	require.Equal(l, a.calls, a.wire.count(a.class), "nothing was sent")
	a.entries(0)

	intent := l.intent(e.kind)
	placed, err := a.call(l.Context(), a.p, intent, a.ids, a.request)
	require.NoError(l, err)
	require.True(l, intent.Spent())
	_, err = a.call(l.Context(), a.p, intent, placed.IDs, a.request)
	require.ErrorIs(l, err, providers.ErrIntentSpent)
	l.fails(err, providers.Ambiguous, providers.Unavailable)
	require.Equal(l, 1, a.wire.count(a.class)-a.calls, "the second call was not sent")
	a.entries(1)
	a.together()
}

// together has many callers try one intent at the same time.
func (a *attempt) together() {
	a.Helper()
	if a.existing || a.placed {
		return
	}
	request, intent := a.lab.request(a.p, "race.example.com"), a.intent(a.kind)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func(ctx context.Context) {
			_, err := a.call(ctx, a.p, intent, a.ids, request)
			errs <- err
		}(a.Context())
	}
	var results []error
	for range cap(errs) {
		results = append(results, <-errs)
	}
	succeeded := slices.DeleteFunc(results, func(err error) bool { return err != nil })
	assert.Len(a, succeeded, 1)
	charged := slices.DeleteFunc(a.engine.Ledger(a.entry), func(e sandbox.Entry) bool { return !slices.Contains(e.Names, request.CommonName) })
	assert.Len(a, charged, 1)
}

func csrDigest(l interface {
	Errorf(format string, args ...any)
	FailNow()
}, pem []byte,
) string {
	csr, err := chain.ParseCSR(pem)
	require.NoError(l, err)
	return chain.Digest(csr)
}
