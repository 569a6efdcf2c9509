package simulation

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/connectreseller"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/cyberssl"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/resello"
)

// mutant lacks one safeguard; the zero value lacks none. What the controller is made of is wrapped
// in such a way that the safeguard has no effect.
type mutant struct {
	name string
	// edit changes a process before it begins.
	edit func(*process)
	// provider wraps that of an issuer.
	provider func(providers.Provider) providers.Provider
	// reseller and scenario at which the safeguard counts, and what goes wrong where.
	reseller, scenario string
	at                 site
	deed               deed
	lag                int64
}

// driver makes providers that lack the safeguard.
func (m mutant) driver(d order.Driver) order.Driver {
	if m.provider == nil {
		return d
	}
	sound := d.New
	d.New = func(spec *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte) (providers.Provider, error) {
		provider, err := sound(spec, credentials)
		if err != nil {
			return nil, err
		}
		return m.provider(provider), nil
	}
	return d
}

var (
	sold        = site{served, "add_ssl_order"}
	intending   = site{writing, "create *v1alpha1.ResellerPurchase"}
	soldUnseen  = site{served, "SSLOrder"}
	soldLate    = site{served, "POST ssl-certificate"}
	undisturbed site
)

// mutants are one for each safeguard.
func mutants() []mutant {
	const c = cyberssl.Name
	return []mutant{
		{name: "intent", edit: lateIntents, reseller: c, scenario: "purchase", at: sold, deed: crash},
		{name: "uncached read", edit: cachedReads, reseller: c, scenario: "withdrawn", at: intending, deed: crash, lag: 1},
		{name: "recovery", provider: blind, reseller: c, scenario: "purchase", at: sold, deed: crash},
		{name: "fencing wait", provider: hasty, reseller: resello.Name, scenario: "purchase, visible late", at: soldLate, deed: crash},
		{name: "forward-only request", edit: anyRequest, reseller: c, scenario: "rivals", at: undisturbed},
		{name: "budget inside the lock", edit: earlyBudget, reseller: c, scenario: "budget", at: intending, deed: freeze},
		{name: "account check", provider: oneAccount, reseller: c, scenario: "account changed", at: sold, deed: crash},
		{name: "order-id comparison", edit: anyID, reseller: connectreseller.Name, scenario: "wrong word", at: soldUnseen, deed: crash},
		{name: "comparison of the order read back", provider: credulous, reseller: c, scenario: "wrong word, order by hand", at: sold, deed: crash},
	}
}

// TestMutants switches off one safeguard at a time: each time the simulation must break a promise,
// which the controller as it is keeps under the same schedule.
func TestMutants(t *testing.T) {
	t.Parallel()
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			r, sc := resellerNamed(t, m.reseller), scenarioNamed(t, m.scenario)
			for _, s := range m.schedules(t, r, sc) {
				broken := simulate(t, r, sc, s, m)
				if len(broken.problems) == 0 {
					continue
				}
				t.Logf("%s: %s", s, strings.Join(broken.problems, "; "))
				assert.Empty(t, simulate(t, r, sc, s, mutant{}).problems, "%s: with all safeguards", s)
				return
			}
			assert.Fail(t, "nothing shows that the safeguard is missing")
		})
	}
}

// maxWakes is more than the changes of the world that a worker can sleep through.
const maxWakes = 40

// schedules are those that show the mutant: of a freeze with every time of waking.
func (m mutant) schedules(t *testing.T, r reseller, sc scenario) []schedule {
	t.Helper()
	if m.at == undisturbed {
		return []schedule{{}}
	}
	point := 1 + slices.Index(simulate(t, r, sc, schedule{}, mutant{}).sites, m.at)
	require.Positive(t, point, "%s of %s: no such point", m.at.moment, m.at.what)
	all := []schedule{{events: []event{{process: 1, point: point, deed: m.deed}}, lag: m.lag}}
	for wake := 1; m.deed == freeze && wake < maxWakes; wake++ {
		all = append(all, schedule{events: []event{{process: 1, point: point, deed: freeze, wake: wake}}})
	}
	return all
}

func resellerNamed(t *testing.T, name string) reseller {
	t.Helper()
	all := resellers(t)
	return all[slices.IndexFunc(all, func(r reseller) bool { return r.name == name })]
}

func scenarioNamed(t *testing.T, name string) scenario {
	t.Helper()
	all := scenarios()
	return all[slices.IndexFunc(all, func(sc scenario) bool { return sc.name == name })]
}

// lateIntents stores the intent only when the outcome is to be noted.
func lateIntents(p *process) {
	intents := &keptIntent{Client: p.orders.Ledger.Client}
	p.orders.Ledger.Client, p.orders.Ledger.Reader = intents, keptReader{Reader: p.orders.Ledger.Reader, intents: intents}
}

// keptIntent writes for the ledger.
type keptIntent struct {
	client.Client
	kept *v1alpha1.ResellerPurchase
}

// Create implements client.Writer.
func (k *keptIntent) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	if purchase, ok := object.(*v1alpha1.ResellerPurchase); ok {
		k.kept = purchase.DeepCopy()
		return nil
	}
	return k.Client.Create(ctx, object, options...)
}

// keptReader reads for the ledger.
type keptReader struct {
	client.Reader
	intents *keptIntent
}

// Get implements client.Reader. The ledger reads a purchase only to note its outcome.
func (r keptReader) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if kept := r.intents.kept; kept != nil && kept.Name == key.Name {
		r.intents.kept = nil
		if err := r.intents.Client.Create(ctx, kept); err != nil {
			return err
		}
	}
	return r.Reader.Get(ctx, key, into, options...)
}

// cachedReads decides over money by what the cache shows.
func cachedReads(p *process) {
	p.orders.Reader, p.orders.Ledger.Reader, p.orders.Suppliers.Secrets = p.orders.Client, p.orders.Client, p.orders.Client
}

// blind finds nothing, so that every open intent is taken for absent in the end.
func blind(p providers.Provider) providers.Provider { return blindProvider{p.(*cyberssl.Provider)} }

type blindProvider struct{ *cyberssl.Provider }

// Find implements providers.Provider.
func (blindProvider) Find(context.Context, providers.Trace) ([]providers.Found, error) {
	return nil, nil
}

// hasty waits for no effect that may still come.
func hasty(p providers.Provider) providers.Provider { return hastyProvider{p.(*resello.Provider)} }

type hastyProvider struct{ *resello.Provider }

// Profile implements providers.Provider.
func (p hastyProvider) Profile() providers.Profile {
	profile := p.Provider.Profile()
	profile.VisibilityDelay = -providers.IntentLifetime - profile.CallTimeout - time.Minute
	return profile
}

// anyRequest lets every request take the order, whoever is served.
func anyRequest(p *process) { p.signer.Reader = requestless{p.signer.Reader} }

type requestless struct{ client.Reader }

// Get implements client.Reader.
func (r requestless) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if _, ok := into.(*cmapi.CertificateRequest); ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "certificaterequests"}, key.Name)
	}
	return r.Reader.Get(ctx, key, into, options...)
}

// earlyBudget counts what was spent as it was before the section in which one buys at a time.
func earlyBudget(p *process) {
	p.orders.Ledger.Reader = &earlyReader{Reader: p.orders.Ledger.Reader, p: p}
}

type earlyReader struct {
	client.Reader
	p *process
}

// List implements client.Reader.
func (r *earlyReader) List(ctx context.Context, into client.ObjectList, options ...client.ListOption) error {
	if k, ok := ctx.Value(workerKey{}).(*worker); ok && selectsAccount(options) {
		past := r.p.w.store.Cache(r.p.w.store.Revision() - k.began)
		return past.Client().List(ctx, into, options...)
	}
	return r.Reader.List(ctx, into, options...)
}

func selectsAccount(options []client.ListOption) bool {
	return slices.ContainsFunc(options, func(o client.ListOption) bool {
		labels, ok := o.(client.MatchingLabels)
		return ok && labels[v1alpha1.LabelAccount] != ""
	})
}

// oneAccount says that every account is the same.
func oneAccount(p providers.Provider) providers.Provider {
	return accountless{p.(*cyberssl.Provider)}
}

type accountless struct{ *cyberssl.Provider }

// Account implements providers.Provider.
func (p accountless) Account() providers.Account {
	account := p.Provider.Account()
	account.Name = "any"
	return account
}

// anyID doesn't show which order belongs to which purchase.
func anyID(p *process) { p.orders.Ledger.Reader = idless{p.orders.Ledger.Reader} }

type idless struct{ client.Reader }

// List implements client.Reader.
func (r idless) List(ctx context.Context, into client.ObjectList, options ...client.ListOption) error {
	err := r.Reader.List(ctx, into, options...)
	if list, ok := into.(*v1alpha1.ResellerPurchaseList); ok && selectsAccount(options) {
		for i := range list.Items {
			list.Items[i].Spec.OrderIDs = nil
		}
	}
	return err
}

// credulous shows no order's CSR, reference or names, so that there is nothing to compare.
func credulous(p providers.Provider) providers.Provider {
	return credulousProvider{p.(*cyberssl.Provider)}
}

type credulousProvider struct{ *cyberssl.Provider }

// Order implements providers.Provider.
func (p credulousProvider) Order(ctx context.Context, ids providers.IDs) (providers.Order, error) {
	order, err := p.Provider.Order(ctx, ids)
	order.CSR, order.Reference, order.Names = nil, "", nil
	return order, err
}
