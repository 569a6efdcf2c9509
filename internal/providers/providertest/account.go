package providertest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// accounts are scenarios about what is read of an account.
func accounts() []scenario {
	return []scenario{
		{operation: "check", run: check},
		{operation: "check with wrong credentials", run: wrongCredentials},
		{operation: "check of an unknown product", run: unknownProduct},
		{operation: "profile and account", run: profile},
		{operation: "products", needs: offers[providers.Cataloguer], run: catalogue},
		{operation: "list orders", needs: offers[providers.Lister], run: list},
		{operation: "snapshot", needs: offers[providers.Snapshotter], run: snapshots},
		{operation: "unknown order", run: unknownOrder},
		{operation: "many callers at once", run: manyCallers},
	}
}

func check(l *lab) {
	info, err := l.provider(SingleName).Check(l.Context())
	require.NoError(l, err)
	if info.Balance != nil {
		account, err := l.engine.Account(sandbox.DefaultAccount)
		require.NoError(l, err)
		balance, err := providers.ParseMoney(account.Balance.String(), "")
		require.NoError(l, err)
		assert.True(l, balance.Amount.Equal(info.Balance.Amount), "%s, the reseller has %s", info.Balance, balance)
	}
	assert.Empty(l, info.Warnings, "the kit's product is described rightly")
	assert.Empty(l, l.engine.Ledger())
}

func wrongCredentials(l *lab) {
	p := l.providerWith(SingleName, "no-such-key-0815")
	_, err := p.Check(l.Context())
	l.fails(err, providers.Auth)
	intent := l.intent(providers.Purchase)
	_, err = p.Buy(l.Context(), intent, l.request(p, "a.example.com"))
	l.fails(err, providers.Auth)
	assert.Empty(l, l.engine.Ledger())
	assert.NotContains(l, fmt.Sprintf("%v %+v %#v", p, p, p), "no-such-key-0815", "a provider prints its credentials")
}

func unknownProduct(l *lab) {
	info, err := l.provider(NoProduct).Check(l.Context())
	if err == nil {
		assert.NotEmpty(l, info.Warnings, "where the API knows no products, the table does")
		return
	}
	failure := l.fails(err, providers.Invalid)
	assert.NotEmpty(l, failure.Field, "the field to change")
}

func profile(l *lab) {
	p := l.provider(SingleName)
	account, facts := p.Account(), p.Profile()
	assert.Equal(l, l.reseller.Name, account.Reseller)
	assert.NotEmpty(l, account.Name)
	assert.NotContains(l, account.Key(), sandbox.DefaultAPIKey)
	assert.Contains(l, facts.Methods, l.method)
	assert.Contains(l, facts.TermsMonths, 12)
	assert.Positive(l, facts.MaxValidity)
	assert.Positive(l, facts.CallTimeout)
	assert.Positive(l, facts.VisibilityDelay)
	facts.Methods[0] = "changed"
	assert.Contains(l, p.Profile().Methods, l.method, "a caller can't change the profile")
	assert.Zero(l, l.wire.count(""), "no I/O")
}

func catalogue(l *lab) {
	p := l.provider(SingleName)
	cataloguer, ok := p.(providers.Cataloguer)
	require.True(l, ok)
	all, err := cataloguer.Products(l.Context())
	require.NoError(l, err)
	facts := p.Profile()
	i := slices.IndexFunc(all, func(product providers.Product) bool { return product.ID == facts.Product })
	require.GreaterOrEqual(l, i, 0, "the configured product is in the catalogue")
	assert.NotEmpty(l, all[i].Name)
	assert.Equal(l, facts.Wildcard, all[i].Wildcard)
	assert.Contains(l, all[i].Prices, 12)
}

func list(l *lab) {
	p := l.provider(SingleName)
	lister, ok := p.(providers.Lister)
	require.True(l, ok)
	orders, err := lister.Orders(l.Context())
	require.NoError(l, err)
	require.Empty(l, orders)
	request := l.request(p, "listed.example.com")
	placed := l.buy(p, request)
	for _, want := range []providers.State{providers.StateAwaitingValidation, providers.StateIssued} {
		orders, err = lister.Orders(l.Context())
		require.NoError(l, err)
		require.Len(l, orders, 1)
		assert.True(l, orders[0].IDs.Equal(placed.IDs))
		assert.Equal(l, want, orders[0].State)
		if want == providers.StateAwaitingValidation {
			l.validate(p, placed.IDs, request)
		}
	}
}

func snapshots(l *lab) {
	p := l.provider(SingleName)
	request := l.request(p, "before.example.com")
	before := l.snapshot(p, request)
	assert.Empty(l, before.OrderIDs)
	placed := l.buy(p, request)
	after := l.snapshot(p, request)
	if _, lists := p.(providers.Lister); lists {
		require.Len(l, after.OrderIDs, 1)
		assert.Contains(l, placed.IDs, firstKey(placed.IDs, after.OrderIDs[0]))
	} else {
		require.NotNil(l, after.Balance, "a snapshot without orders tells the balance")
	}
	if before.Balance != nil && after.Balance != nil {
		assert.True(l, after.Balance.Amount.LessThan(before.Balance.Amount), "the purchase is seen in the balance")
	}
}

// firstKey is the name under which ids holds a value.
func firstKey(ids providers.IDs, value string) string {
	for name, id := range ids {
		if id == value {
			return name
		}
	}
	return ""
}

func unknownOrder(l *lab) {
	p := l.provider(SingleName)
	placed := l.buy(p, l.request(p, "known.example.com"))
	bogus := providers.IDs{}
	for name := range placed.IDs {
		bogus[name] = "99999999"
	}
	_, err := p.Order(l.Context(), bogus)
	l.fails(err, providers.NotFound)
	_, err = p.Order(l.Context(), providers.IDs{})
	l.fails(err, providers.Invalid, providers.NotFound)
}

// manyCallers shows races, and that a login is shared.
func manyCallers(l *lab) {
	p := l.provider(SingleName)
	placed := l.buy(p, l.request(p, "busy.example.com"))
	l.engine.ExpireTokens()
	before := l.wire.count(sandbox.ClassLogin)
	errs := make([]error, 8)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { _, errs[i] = p.Order(l.Context(), placed.IDs) })
	}
	group.Wait()
	for _, err := range errs {
		assert.NoError(l, err)
	}
	assert.LessOrEqual(l, l.wire.count(sandbox.ClassLogin)-before, len(errs))
}
