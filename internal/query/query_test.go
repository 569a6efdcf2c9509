package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

var now = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)

func euros(amount string) *providers.Money {
	return &providers.Money{Amount: decimal.RequireFromString(amount), Currency: "EUR"}
}

// shop is a reseller that only answers.
type shop struct {
	balance  *providers.Money
	warnings []string
	price    *providers.Money
	err      error
	listed   int
	asked    []providers.Request
}

func (s *shop) Account() providers.Account {
	return providers.Account{Reseller: "cyberssl", Endpoint: "https://api.example", Name: "shop"}
}

func (s *shop) Profile() providers.Profile {
	return providers.Profile{
		Product: "p1", MaxNames: 2, Methods: []providers.Method{providers.MethodTXT, providers.MethodEmail}, Curves: []string{"P-256"},
		RSABits: [2]int{2048, 4096}, CommonNameRequired: true, CAAIdentities: []string{"ca.example"}, CallTimeout: time.Second,
	}
}

func (s *shop) Check(context.Context) (providers.AccountInfo, error) {
	return providers.AccountInfo{Balance: s.balance, Warnings: s.warnings}, s.err
}

var errEffect = errors.New("a question must have no effect")

func (s *shop) Buy(context.Context, *providers.Intent, providers.Request) (providers.Placed, error) {
	return providers.Placed{}, errEffect
}

func (s *shop) Find(context.Context, providers.Trace) ([]providers.Found, error) {
	return nil, errEffect
}

func (s *shop) Order(context.Context, providers.IDs) (providers.Order, error) {
	return providers.Order{}, errEffect
}

// catalogue tells more.
type catalogue struct{ *shop }

func (c catalogue) Products(context.Context) ([]providers.Product, error) {
	var list []providers.Product
	for i := range c.listed {
		list = append(list, providers.Product{ID: fmt.Sprint(i), Name: strings.Repeat("n", 300), Wildcard: i == 0, Prices: map[int]providers.Money{24: *euros("9"), 12: *euros("5")}})
	}
	return list, c.err
}

func (c catalogue) Price(_ context.Context, request providers.Request) (providers.Money, error) {
	c.asked = append(c.asked, request)
	return *c.price, c.err
}

func (c catalogue) Orders(context.Context) ([]providers.Order, error) {
	return []providers.Order{
		{IDs: providers.IDs{"order_id": "1"}, State: providers.StateIssued, Names: []string{"example.com"}, PaidUntil: now},
		{IDs: providers.IDs{"order_id": "2"}, State: providers.StateAwaitingValidation},
	}, c.err
}

type caaAnswer struct{ verdict caa.Verdict }

func (c *caaAnswer) CheckAll(_ context.Context, questions []caa.Question) []caa.Result {
	results := make([]caa.Result, len(questions))
	for i, q := range questions {
		results[i] = caa.Result{Verdict: c.verdict, Message: "about " + q.DNSName}
	}
	return results
}

type fixture struct {
	t        *testing.T
	client   client.Client
	provider providers.Provider
	shop     *shop
	caa      *caaAnswer
	solver   error
	issuer   *v1alpha1.ResellerIssuer
	r        *Reconciler
	now      time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	require.NoError(t, corev1.AddToScheme(scheme))
	s := &shop{balance: euros("100"), price: euros("5")}
	f := &fixture{
		t: t, shop: s, provider: catalogue{s}, caa: &caaAnswer{verdict: caa.Allowed}, now: now,
		client: fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.ResellerQuery{}).Build(),
		issuer: &v1alpha1.ResellerIssuer{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "shop", UID: "issuer"}, Spec: spec()},
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "credentials", UID: "secret"}}
	elsewhere := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: "credentials", UID: "secret-2"}}
	clusterIssuer := &v1alpha1.ResellerClusterIssuer{
		ObjectMeta: metav1.ObjectMeta{Name: "shop", UID: "cluster-issuer"},
		Spec:       v1alpha1.ResellerClusterIssuerSpec{ResellerIssuerSpec: spec(), AllowedNamespaces: []string{"team"}, AllowedNames: []string{"*"}},
	}
	for _, object := range []client.Object{f.issuer, clusterIssuer, secret, elsewhere} {
		require.NoError(t, f.client.Create(t.Context(), object))
	}
	f.r = &Reconciler{
		Client: f.client, CAA: func(v1alpha1.Propagation) (order.CAAChecker, error) { return f.caa, nil }, Now: func() time.Time { return f.now },
		Limits:      providers.NewLimiters(providers.LimiterOptions{PerSecond: 1000, Burst: 1000}),
		Ledger:      &ledger.Ledger{Client: f.client, Reader: f.client, Now: func() time.Time { return f.now }, ClusterID: "c", NewID: func() string { return "x" }},
		CheckSolver: func(context.Context, v1alpha1.Solver, string) error { return f.solver },
		Suppliers: &order.Suppliers{
			Client: f.client, Secrets: f.client, ClusterResourceNamespace: "system",
			Drivers: map[string]order.Driver{"cyberssl": {
				Access: func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.CyberSSL.ResellerAccess },
				New: func(*v1alpha1.ResellerIssuerSpec, map[string][]byte) (providers.Provider, error) {
					return f.provider, nil
				},
			}},
		},
	}
	return f
}

func spec() v1alpha1.ResellerIssuerSpec {
	return v1alpha1.ResellerIssuerSpec{
		Reseller: v1alpha1.Reseller{CyberSSL: &v1alpha1.CyberSSL{ResellerAccess: v1alpha1.ResellerAccess{CredentialsSecretRef: v1alpha1.SecretReference{Name: "credentials"}}}},
		Term:     v1alpha1.Term{Months: 12},
		DCV: v1alpha1.DCV{
			Methods: []v1alpha1.DCVMethod{v1alpha1.DCVMethodTXT}, CAAPolicy: v1alpha1.CAAEnforce,
			Solvers: []v1alpha1.Solver{{RFC2136: &v1alpha1.SolverRFC2136{Nameserver: "192.0.2.1"}}},
		},
		Purchase: v1alpha1.PurchasePolicy{Mode: v1alpha1.PurchaseLive, LoopBreaker: v1alpha1.LoopBreaker{MaxPurchases: 2, MaxReissues: 5}},
	}
}

// ask makes a query in a namespace and returns it with its answer.
func (f *fixture) ask(namespace string, question v1alpha1.ResellerQuerySpec) *v1alpha1.ResellerQuery {
	f.t.Helper()
	query := &v1alpha1.ResellerQuery{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "q-", UID: "q", CreationTimestamp: metav1.NewTime(f.now)}, Spec: question,
	}
	require.NoError(f.t, f.client.Create(f.t.Context(), query))
	f.reconcile(query)
	require.NoError(f.t, f.client.Get(f.t.Context(), client.ObjectKeyFromObject(query), query))
	return query
}

func (f *fixture) reconcile(query *v1alpha1.ResellerQuery) ctrl.Result {
	f.t.Helper()
	result, err := f.r.Reconcile(f.t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(query)})
	require.NoError(f.t, err)
	return result
}

var mine = &v1alpha1.QueryIssuerReference{Kind: order.KindIssuer, Name: "shop"}

func TestProducts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.shop.listed = maxEntries + 7
	status := f.ask("team", v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskProducts}).Status
	require.Equal(t, v1alpha1.QueryAnswered, status.State, status.Message)
	assert.Len(t, status.Products, maxEntries)
	assert.EqualValues(t, 7, status.Omitted)
	first := status.Products[0]
	assert.Equal(t, v1alpha1.Supported, first.Wildcard)
	assert.Len(t, first.Name, maxText)
	assert.Equal(t, []v1alpha1.QueryProductPrice{
		{Months: 12, Price: v1alpha1.Money{Amount: "5.00", Currency: "EUR"}}, {Months: 24, Price: v1alpha1.Money{Amount: "9.00", Currency: "EUR"}},
	}, first.Prices)
}

func TestPriceBalanceOrders(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	price := f.ask("team", v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskPrice, Names: []string{"Example.com", "www.example.com"}}).Status
	assert.Equal(t, "5.00", price.Price.Amount)
	assert.Contains(t, price.Message, "2 name(s) and 12 months")
	require.Len(t, f.shop.asked, 1)
	assert.Equal(t, "example.com", f.shop.asked[0].CommonName)

	balance := f.ask("team", v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskBalance}).Status
	assert.Equal(t, "100.00", balance.Balance.Amount)

	account := v1alpha1.PurchaseAccount{Reseller: "cyberssl", Endpoint: "https://api.example", Name: "shop"}
	require.NoError(t, f.client.Create(t.Context(), &v1alpha1.ResellerPurchase{
		ObjectMeta: metav1.ObjectMeta{Name: "p-1", Labels: map[string]string{v1alpha1.LabelAccount: ledger.AccountLabel(account)}},
		Spec:       v1alpha1.ResellerPurchaseSpec{Account: account, OrderIDs: []v1alpha1.OrderID{{Name: "order_id", Value: "1"}}},
	}))
	orders := f.ask("team", v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskOrders}).Status
	require.Len(t, orders.Orders, 2)
	assert.Equal(t, "p-1", orders.Orders[0].Purchase)
	assert.Equal(t, []string{"example.com"}, orders.Orders[0].Names)
	assert.Empty(t, orders.Orders[1].Purchase)
	assert.Equal(t, "2 order(s), 1 of them in no ResellerPurchase", orders.Message)
}

// What the API of the reseller lacks is said, and so is what it answers.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for _, ask := range []v1alpha1.QueryAsk{v1alpha1.AskProducts, v1alpha1.AskPrice, v1alpha1.AskOrders, v1alpha1.AskBalance} {
		question := v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: ask, Names: []string{"example.com"}}
		f := newFixture(t)
		f.provider, f.shop.balance = f.shop, nil
		status := f.ask("team", question).Status
		assert.Equal(t, v1alpha1.QueryFailed, status.State, ask)
		assert.Contains(t, status.Message, "cyberssl doesn't tell", ask)
		assert.NotNil(t, status.AnsweredAt)

		f = newFixture(t)
		f.shop.err = &providers.Error{Kind: providers.Auth, Provider: "cyberssl", Operation: "auth", Message: "no such key"}
		status = f.ask("team", question).Status
		assert.Equal(t, v1alpha1.QueryFailed, status.State, ask)
		assert.Contains(t, status.Message, "no such key", ask)
	}
}

func TestClusterIssuersAreAskedAboutInOneNamespaceOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	question := v1alpha1.ResellerQuerySpec{IssuerRef: &v1alpha1.QueryIssuerReference{Kind: order.KindClusterIssuer, Name: "shop"}, Ask: v1alpha1.AskBalance}
	status := f.ask("team", question).Status
	assert.Equal(t, v1alpha1.QueryFailed, status.State)
	assert.Contains(t, status.Message, "cluster resource namespace")
	assert.Nil(t, status.Balance)
	assert.Equal(t, v1alpha1.QueryAnswered, f.ask("system", question).Status.State)
}

func severities(status v1alpha1.ResellerQueryStatus) map[string]v1alpha1.Severity {
	found := map[string]v1alpha1.Severity{}
	for _, finding := range status.Findings {
		found[finding.Subject] = finding.Severity
	}
	return found
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const info, warning, problem = v1alpha1.SeverityInfo, v1alpha1.SeverityWarning, v1alpha1.SeverityError
	cases := map[string]struct {
		prepare func(*fixture, *v1alpha1.ResellerQuerySpec)
		want    map[string]v1alpha1.Severity
		errors  bool
	}{
		"all well": {nil, map[string]v1alpha1.Severity{
			"credentials": info, "names": info, "method": info, "price": info, "rules": info,
			"caa/example.com": info, "publishing/example.com": info, "spec.dcv.solvers[0]": info,
		}, false},
		"without names": {func(_ *fixture, q *v1alpha1.ResellerQuerySpec) { q.Names = nil }, map[string]v1alpha1.Severity{
			"credentials": info, "spec.dcv.solvers[0]": info, "names": "", "rules": "",
		}, false},
		"too many names": {func(_ *fixture, q *v1alpha1.ResellerQuerySpec) {
			q.Names = []string{"example.com", "a.example.com", "b.example.com"}
		}, map[string]v1alpha1.Severity{"names": problem}, true},
		"a name that is none": {func(_ *fixture, q *v1alpha1.ResellerQuerySpec) { q.Names = []string{"-"} }, map[string]v1alpha1.Severity{"names": problem}, true},
		"a CSR that is none":  {func(_ *fixture, q *v1alpha1.ResellerQuerySpec) { q.CSR = []byte("-") }, map[string]v1alpha1.Severity{"names": problem}, true},
		"credentials refused": {func(f *fixture, _ *v1alpha1.ResellerQuerySpec) { f.shop.err = &providers.Error{Kind: providers.Auth} }, map[string]v1alpha1.Severity{"credentials": problem, "price": ""}, true},
		"an outage": {func(f *fixture, _ *v1alpha1.ResellerQuerySpec) {
			f.shop.err = &providers.Error{Kind: providers.Unavailable}
		}, map[string]v1alpha1.Severity{"reseller": problem, "credentials": "", "price": ""}, true},
		"a solver's Secret lacks": {func(f *fixture, _ *v1alpha1.ResellerQuerySpec) { f.solver = errEffect }, map[string]v1alpha1.Severity{"spec.dcv.solvers[0]": problem}, true},
		"CAA forbids":             {func(f *fixture, _ *v1alpha1.ResellerQuerySpec) { f.caa.verdict = caa.Forbidden }, map[string]v1alpha1.Severity{"caa/example.com": problem}, true},
		"CAA can't be read":       {func(f *fixture, _ *v1alpha1.ResellerQuerySpec) { f.caa.verdict = caa.Unknown }, map[string]v1alpha1.Severity{"caa/example.com": warning}, false},
		"too little money":        {func(f *fixture, _ *v1alpha1.ResellerQuerySpec) { f.shop.balance = euros("4") }, map[string]v1alpha1.Severity{"balance": problem}, true},
		"the product has news":    {func(f *fixture, _ *v1alpha1.ResellerQuerySpec) { f.shop.warnings = []string{"it ends"} }, map[string]v1alpha1.Severity{"product": warning}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			question := v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskCheck, Names: []string{"example.com"}}
			if tc.prepare != nil {
				tc.prepare(f, &question)
			}
			status := f.ask("team", question).Status
			require.Equal(t, v1alpha1.QueryAnswered, status.State, status.Message)
			found := severities(status)
			for subject, severity := range tc.want {
				assert.Equal(t, severity, found[subject], "%s: %v", subject, status.Findings)
			}
			assert.Equal(t, tc.errors, strings.Contains(status.Message, "no certificate would come"), status.Message)
		})
	}
}

// A manifest that isn't applied is checked with its own rules; nothing of it is kept.
func TestCheckOfAnIssuerThatIsNotApplied(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	draft := spec()
	draft.Purchase.PriceLimit = &v1alpha1.Money{Amount: "4"}
	draft.Purchase.Mode = v1alpha1.PurchaseDryRun
	draft.DCV.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodEmail}
	draft.DCV.Solvers = nil
	found := severities(f.ask("team", v1alpha1.ResellerQuerySpec{Issuer: &draft, Ask: v1alpha1.AskCheck, Names: []string{"example.com"}}).Status)
	assert.Equal(t, v1alpha1.SeverityError, found["rules"], "the price limit")
	assert.Equal(t, v1alpha1.SeverityWarning, found["mode"])
	assert.Equal(t, v1alpha1.SeverityWarning, found["publishing"])
	assert.Equal(t, v1alpha1.SeverityWarning, found["spec.dcv.solvers"])

	draft.Reseller.CyberSSL.CredentialsSecretRef.Name = "none"
	status := f.ask("team", v1alpha1.ResellerQuerySpec{Issuer: &draft, Ask: v1alpha1.AskCheck}).Status
	assert.Equal(t, v1alpha1.SeverityError, severities(status)["issuer"])
	assert.Contains(t, status.Findings[0].Message, "create it")
}

// Names that the cluster issuer doesn't allow from a namespace.
func TestCheckOfAllowedNamespaces(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	question := v1alpha1.ResellerQuerySpec{
		IssuerRef: &v1alpha1.QueryIssuerReference{Kind: order.KindClusterIssuer, Name: "shop"}, Ask: v1alpha1.AskCheck, Names: []string{"example.com"},
	}
	for namespace, severity := range map[string]v1alpha1.Severity{"team": v1alpha1.SeverityInfo, "other": v1alpha1.SeverityError} {
		question.Namespace = namespace
		assert.Equal(t, severity, severities(f.ask("system", question).Status)["names"], namespace)
	}
}

func TestQueriesAreAnsweredOnceAndRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	query := f.ask("team", v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskPrice, Names: []string{"example.com"}})
	f.now = f.now.Add(keptFor - time.Minute)
	assert.Equal(t, time.Minute, f.reconcile(query).RequeueAfter)
	assert.Len(t, f.shop.asked, 1)
	f.now = f.now.Add(time.Minute)
	assert.Zero(t, f.reconcile(query))
	err := f.client.Get(t.Context(), client.ObjectKeyFromObject(query), query)
	assert.True(t, apierrors.IsNotFound(err))
	assert.Zero(t, f.reconcile(query))
}

// A busy account isn't waited for in a worker, and the query stays open.
func TestBusyAccount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.r.Limits = providers.NewLimiters(providers.LimiterOptions{PerSecond: 0.01, Burst: 1})
	question := v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskBalance}
	require.Equal(t, v1alpha1.QueryAnswered, f.ask("team", question).Status.State)
	second := f.ask("team", question)
	assert.Empty(t, second.Status.State)
	assert.Positive(t, f.reconcile(second).RequeueAfter)
	draft := spec()
	assert.Equal(t, v1alpha1.QueryAnswered, f.ask("team", v1alpha1.ResellerQuerySpec{Issuer: &draft, Ask: v1alpha1.AskBalance}).Status.State,
		"an issuer that isn't applied can't take an account's turns")
}
