package providertest

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// lab is one simulated reseller with its own account, clock, name server and web server.
type lab struct {
	testing.TB
	reseller Reseller
	method   providers.Method
	engine   *sandbox.Engine
	wire     *wire
	server   *httptest.Server
	clock    *clock
	zone     *zone
	files    *files
	// reference is that of the newest intent, as the ledger makes one for each.
	intents   int
	reference string
}

// clock is shared by provider, intents and reseller.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newLab(t testing.TB, reseller Reseller, method providers.Method) *lab {
	t.Helper()
	l := &lab{
		TB: t, reseller: reseller, method: method, zone: newZone(t), files: newFiles(t),
		clock: &clock{now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)},
	}
	validator, err := sandbox.NewNetworkValidator(l.zone.address, l.files.address)
	require.NoError(t, err)
	l.engine, err = sandbox.New(sandbox.Config{Now: l.clock.Now, Validator: validator})
	require.NoError(t, err)
	protocol := reseller.Protocol(l.engine)
	l.wire = &wire{protocol: protocol, next: sandbox.NewServer(l.engine, nil, protocol), credentials: reseller.Credentials}
	l.server = httptest.NewServer(l.wire)
	t.Cleanup(l.server.Close)
	return l
}

// provider is a new one for a product, without a login.
func (l *lab) provider(product Product) providers.Provider {
	l.Helper()
	return l.providerWith(product, sandbox.DefaultAPIKey)
}

func (l *lab) providerWith(product Product, key providers.Secret) providers.Provider {
	l.Helper()
	client := providers.NewHTTPClient(providers.Options{AllowLoopback: true})
	l.Cleanup(client.CloseIdleConnections)
	p, err := l.reseller.New(Setup{
		Endpoint: l.server.URL + l.reseller.Path, Client: client, Now: l.clock.Now,
		Key: key, Product: product, Method: l.method,
	})
	require.NoError(l, err)
	return p
}

// inject adds a fault to the reseller.
func (l *lab) inject(fault sandbox.Fault) {
	l.Helper()
	require.NoError(l, l.engine.Inject(fault))
}

// intent is what the ledger would make.
func (l *lab) intent(kind providers.OperationKind) *providers.Intent {
	l.intents++
	l.reference = fmt.Sprintf("kit-reference-%d", l.intents)
	return providers.NewIntent(kind, "kit-"+string(kind), l.reference, l.clock.Now(), l.clock.Now)
}

// request asks for names with a fresh key; the first is the common name.
func (l *lab) request(p providers.Provider, names ...string) providers.Request {
	l.Helper()
	request := providers.Request{
		CSR: newCSR(l, p.Profile(), names), CommonName: names[0], Names: slices.Sorted(slices.Values(names)),
		Method: l.method, TermMonths: 12,
	}
	if l.method == providers.MethodEmail {
		request.Emails = map[string]string{}
		for _, name := range names {
			request.Emails[name] = "admin@" + strings.TrimPrefix(name, "*.")
		}
	}
	return request
}

// host is a name below example.com, or one beside it where the method wants a main domain.
func (l *lab) host(label string) string {
	if l.method == providers.MethodFile && l.reseller.FilesAtMainDomains {
		return label + "-example.com"
	}
	return label + ".example.com"
}

// snapshot is nil where the provider takes none.
func (l *lab) snapshot(p providers.Provider, request providers.Request) *providers.Snapshot {
	l.Helper()
	snapshotter, ok := p.(providers.Snapshotter)
	if !ok {
		return nil
	}
	snapshot, err := snapshotter.Snapshot(l.Context(), request)
	require.NoError(l, err)
	return &snapshot
}

// trace is what the order engine would look for after an unclear call.
func (l *lab) trace(kind providers.OperationKind, ids providers.IDs, request providers.Request, before *providers.Snapshot, p providers.Provider) providers.Trace {
	return providers.Trace{
		Kind: kind, IDs: ids, Reference: l.reference, CSR: request.CSR, CommonName: request.CommonName, Names: request.Names,
		Product: p.Profile().Product, Before: before, Since: l.clock.Now(),
	}
}

// buy places an order that must succeed, in both steps where the vendor has two.
func (l *lab) buy(p providers.Provider, request providers.Request) providers.Placed {
	l.Helper()
	placed := l.place(p, request)
	if !l.reseller.TwoSteps {
		return placed
	}
	return l.enrol(p, placed.IDs, request)
}

// place makes the paying call, which must succeed.
func (l *lab) place(p providers.Provider, request providers.Request) providers.Placed {
	l.Helper()
	placed, err := p.Buy(l.Context(), l.intent(providers.Purchase), request)
	require.NoError(l, err)
	require.NotEmpty(l, placed.IDs, "identifiers of the order")
	return placed
}

// enrol makes the second step, which must succeed.
func (l *lab) enrol(p providers.Provider, ids providers.IDs, request providers.Request) providers.Placed {
	l.Helper()
	enroller, ok := p.(providers.Enroller)
	require.True(l, ok)
	placed, err := enroller.Enrol(l.Context(), l.intent(providers.Enrol), ids, request)
	require.NoError(l, err)
	require.NotEmpty(l, placed.IDs, "identifiers of the order")
	return placed
}

// order reads an order and checks what every order must fulfil.
func (l *lab) order(p providers.Provider, ids providers.IDs) providers.Order {
	l.Helper()
	order, err := p.Order(l.Context(), ids)
	require.NoError(l, err)
	states := []providers.State{
		providers.StatePendingOrder, providers.StateAwaitingValidation, providers.StateIssuing, providers.StateIssued,
		providers.StateRejected, providers.StateCancelled, providers.StateExpired,
	}
	require.Contains(l, states, order.State)
	if order.State == providers.StateIssued {
		assert.NotEmpty(l, order.Certificates, "an issued order has certificates")
	}
	return order
}

// validate publishes what an order waits for and lets the CA look at it.
func (l *lab) validate(p providers.Provider, ids providers.IDs, request providers.Request) {
	l.Helper()
	order := l.order(p, ids)
	require.Equal(l, providers.StateAwaitingValidation, order.State)
	l.requireChallenges(order.Challenges, request)
	l.publish(ids, order.Challenges)
	if validator, ok := p.(providers.Validator); ok {
		require.NoError(l, validator.Validate(l.Context(), ids, order.Challenges))
	}
	l.engine.Tick(l.Context())
}

// requireChallenges wants one challenge of the requested method for each name that isn't
// included by itself.
func (l *lab) requireChallenges(challenges []providers.Challenge, request providers.Request) {
	l.Helper()
	for _, name := range request.Names {
		i := slices.IndexFunc(challenges, func(c providers.Challenge) bool {
			return (c.Domain == name || c.Domain == strings.TrimPrefix(name, "*.")) && c.Method == request.Method
		})
		require.GreaterOrEqual(l, i, 0, "a %s challenge for %s", request.Method, name)
	}
}

// publish does what the order engine and its hooks do.
func (l *lab) publish(ids providers.IDs, challenges []providers.Challenge) {
	l.Helper()
	for _, c := range challenges {
		switch c.Method {
		case providers.MethodCNAME, providers.MethodTXT:
			l.zone.add(c.RecordName, c.Method, c.RecordValue)
		case providers.MethodFile:
			for _, url := range c.URLs {
				l.files.add(l, url, c.Body)
			}
		case providers.MethodEmail:
			assert.NotEmpty(l, c.Emails)
			l.approve(ids, c.Domain)
		}
	}
}

// approve clicks the link in the message to one domain.
func (l *lab) approve(ids providers.IDs, domain string) {
	l.Helper()
	for _, id := range ids {
		if _, err := l.engine.Order("", id); err == nil {
			_, err := l.engine.Approve(id, domain)
			require.NoError(l, err)
			return
		}
	}
	require.Fail(l, "no order of the reseller has one of the identifiers")
}

// issue takes a placed order to its certificate.
func (l *lab) issue(p providers.Provider, ids providers.IDs, request providers.Request) chain.Chain {
	l.Helper()
	l.validate(p, ids, request)
	order := l.order(p, ids)
	require.Equal(l, providers.StateIssued, order.State)
	built, err := l.build(order, request)
	require.NoError(l, err)
	return built
}

// build checks the certificates of an order against the request.
func (l *lab) build(order providers.Order, request providers.Request) (chain.Chain, error) {
	l.Helper()
	csr, err := chain.ParseCSR(request.CSR)
	require.NoError(l, err)
	requirement := chain.Requirement{CSR: csr, Names: request.Names, Now: l.clock.Now()}
	return chain.Build(parseAll(l, order.Certificates), requirement)
}

// charges are the lines of the reseller's ledger that cost money.
func (l *lab) charges() []sandbox.Entry {
	return l.engine.Ledger(sandbox.EntryPurchase, sandbox.EntryRenewal, sandbox.EntryExtraNames)
}

// fails wants an error of one of the kinds, in the form that the contract wants.
func (l *lab) fails(err error, kinds ...providers.Kind) *providers.Error {
	l.Helper()
	require.Error(l, err)
	failure, ok := err.(*providers.Error) //nolint:errorlint // the contract says "is", not "wraps"
	require.True(l, ok, "%T is not *providers.Error", err)
	require.Contains(l, kinds, failure.Kind, err.Error())
	assert.Equal(l, l.reseller.Name, failure.Provider)
	assert.NotEmpty(l, failure.Operation)
	assert.LessOrEqual(l, len(failure.Message), 300)
	for _, secret := range l.wire.secrets() {
		assert.NotContains(l, deepText(err), secret, "a credential in an error")
	}
	return failure
}

// deepText is the text of an error and of all that it wraps.
func deepText(err error) string {
	text := err.Error()
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			text += "\n" + deepText(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			text += "\n" + deepText(inner)
		}
	}
	return text
}

// within is a context that ends soon.
func (l *lab) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(l.Context(), d)
	l.Cleanup(cancel)
	return ctx
}
