package providertest

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/cyberssl"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// The kit must notice careless providers: each test here spoils a good one and wants the
// scenario that is about it to fail.

// probe records a failure instead of reporting it.
type probe struct {
	testing.TB
	mu     sync.Mutex
	failed bool
}

// Errorf implements testing.TB.
func (p *probe) Errorf(string, ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = true
}

// FailNow implements testing.TB.
func (p *probe) FailNow() {
	p.Errorf("")
	runtime.Goexit()
}

// passes reports whether a scenario of the first method is content with a provider.
func passes(t *testing.T, operation string, spoil func(providers.Provider) providers.Provider) bool {
	t.Helper()
	reseller := good(spoil)
	for _, s := range scenarios(reseller) {
		if s.operation != operation || s.method != reseller.Methods[0] {
			continue
		}
		p := &probe{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.run(newLab(p, reseller, s.method)) //nolint:testifylint // the goroutine is there to be ended by FailNow
		}()
		<-done
		return !p.failed
	}
	require.Fail(t, "no such scenario", operation)
	return false
}

// good is a reseller whose provider is spoilt by a function.
func good(spoil func(providers.Provider) providers.Provider) Reseller {
	return Reseller{
		Name:     cyberssl.Name,
		Protocol: func(e *sandbox.Engine) sandbox.Protocol { return sandbox.NewCyberSSL(e, sandbox.CyberSSLOptions{}) },
		Path:     "/v1",
		New: func(s Setup) (providers.Provider, error) {
			admin := cyberssl.Contact{FirstName: "A", LastName: "B", Phone: "1", Title: "T", Email: "a@b.com"}
			p, err := cyberssl.New(cyberssl.Config{
				Endpoint: s.Endpoint, AccountName: "a", APIKey: s.Key, Product: cyberssl.Product{ID: "17"},
				Contacts: cyberssl.Contacts{Admin: admin}, HTTPClient: s.Client, Now: s.Now,
			})
			return spoil(p), err
		},
		Methods:    []providers.Method{providers.MethodCNAME},
		Products:   []Product{SingleName},
		RenewClass: sandbox.ClassBuy,
		Credentials: func(r *http.Request) []string {
			return []string{r.FormValue("apikey"), r.FormValue("token")}
		},
	}
}

// spoilt is a provider of which single methods are replaced.
type spoilt struct {
	providers.Provider
	buy   func(context.Context, *providers.Intent, providers.Request) (providers.Placed, error)
	find  func(context.Context, providers.Trace) ([]providers.Found, error)
	order func(context.Context, providers.IDs) (providers.Order, error)
	check func(context.Context) (providers.AccountInfo, error)
}

func (s spoilt) Buy(ctx context.Context, intent *providers.Intent, request providers.Request) (providers.Placed, error) {
	if s.buy != nil {
		return s.buy(ctx, intent, request)
	}
	return s.Provider.Buy(ctx, intent, request)
}

func (s spoilt) Find(ctx context.Context, trace providers.Trace) ([]providers.Found, error) {
	if s.find != nil {
		return s.find(ctx, trace)
	}
	return s.Provider.Find(ctx, trace)
}

func (s spoilt) Order(ctx context.Context, ids providers.IDs) (providers.Order, error) {
	if s.order != nil {
		return s.order(ctx, ids)
	}
	return s.Provider.Order(ctx, ids)
}

func (s spoilt) Check(ctx context.Context) (providers.AccountInfo, error) {
	if s.check != nil {
		return s.check(ctx)
	}
	return s.Provider.Check(ctx)
}

func TestKitAcceptsTheGood(t *testing.T) {
	t.Parallel()
	same := func(p providers.Provider) providers.Provider { return p }
	for _, operation := range []string{"issue", "check", "Purchase: reply lost after the effect", "Purchase: intent", "unknown status word"} {
		assert.True(t, passes(t, operation, same), operation)
	}
}

func TestKitNoticesTheCareless(t *testing.T) {
	t.Parallel()
	const lost, outage = "Purchase: reply lost after the effect", "read: server error"
	for name, test := range map[string]struct {
		operation string
		spoil     func(providers.Provider) providers.Provider
	}{
		"sends a purchase again":             {lost, sendsAgain},
		"says that nothing was bought":       {lost, claimsNoEffect},
		"finds nothing":                      {lost, findsNothing},
		"finds somebody else's order":        {"Purchase: visible late", findsAnything},
		"ignores the intent":                 {"Purchase: intent", ignoresIntent},
		"tries a read again":                 {"throttled read", readsAgain},
		"takes any word for issued":          {"unknown status word", alwaysIssued},
		"returns a plain error":              {outage, plainErrors},
		"has the key in an error":            {"check with wrong credentials", tellsKey},
		"is content with any product":        {"check of an unknown product", checksNothing},
		"publishes nothing":                  {"issue", tellsNoChallenges},
		"hides that the list isn't readable": {"find: list not readable", findsNothing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.False(t, passes(t, test.operation, test.spoil))
		})
	}
}

func sendsAgain(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, buy: func(ctx context.Context, intent *providers.Intent, request providers.Request) (providers.Placed, error) {
		placed, err := p.Buy(ctx, intent, request)
		if providers.KindOf(err) == providers.Ambiguous {
			_, _ = p.Buy(ctx, again(), request)
		}
		return placed, err
	}}
}

// again is an intent that only a ledger may make.
func again() *providers.Intent {
	now := (&clock{}).Now
	return providers.NewIntent(providers.Purchase, "again", "", now(), now)
}

func claimsNoEffect(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, buy: func(ctx context.Context, intent *providers.Intent, request providers.Request) (providers.Placed, error) {
		placed, err := p.Buy(ctx, intent, request)
		if failure, ok := errors.AsType[*providers.Error](err); ok {
			failure.Kind = providers.Unavailable
		}
		return placed, err
	}}
}

func ignoresIntent(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, buy: func(ctx context.Context, _ *providers.Intent, request providers.Request) (providers.Placed, error) {
		return p.Buy(ctx, again(), request)
	}}
}

func findsNothing(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, find: func(context.Context, providers.Trace) ([]providers.Found, error) { return nil, nil }}
}

func findsAnything(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, find: func(ctx context.Context, _ providers.Trace) ([]providers.Found, error) {
		orders, err := p.(providers.Lister).Orders(ctx)
		var found []providers.Found
		for _, order := range orders {
			found = append(found, providers.Found{Order: order, Evidence: providers.EvidenceCSR})
		}
		return found, err
	}}
}

func readsAgain(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, order: func(ctx context.Context, ids providers.IDs) (providers.Order, error) {
		if order, err := p.Order(ctx, ids); err == nil {
			return order, nil
		}
		return p.Order(ctx, ids)
	}}
}

func alwaysIssued(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, order: func(ctx context.Context, ids providers.IDs) (providers.Order, error) {
		order, err := p.Order(ctx, ids)
		order.State = providers.StateIssued
		return order, err
	}}
}

func plainErrors(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, order: func(ctx context.Context, ids providers.IDs) (providers.Order, error) {
		order, err := p.Order(ctx, ids)
		if err != nil {
			err = errors.New("no")
		}
		return order, err
	}}
}

func tellsKey(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, check: func(ctx context.Context) (providers.AccountInfo, error) {
		info, err := p.Check(ctx)
		if failure, ok := errors.AsType[*providers.Error](err); ok {
			failure.Err = errors.Join(errors.New("the key no-such-key-0815 is wrong"))
		}
		return info, err
	}}
}

func checksNothing(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, check: func(context.Context) (providers.AccountInfo, error) { return providers.AccountInfo{}, nil }}
}

func tellsNoChallenges(p providers.Provider) providers.Provider {
	return spoilt{Provider: p, order: func(ctx context.Context, ids providers.IDs) (providers.Order, error) {
		order, err := p.Order(ctx, ids)
		order.Challenges = nil
		return order, err
	}}
}
