package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// informed is a cluster whose controller answers each query with a status.
func informed(t *testing.T, status v1alpha1.ResellerQueryStatus) (*terminal, *v1alpha1.ResellerQuery) {
	t.Helper()
	p := newTerminal(t)
	asked := &v1alpha1.ResellerQuery{}
	at := metav1.NewTime(now)
	status.AnsweredAt = &at
	scheme, err := newScheme()
	require.NoError(t, err)
	p.client = fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.CreateOption) error {
			query := object.(*v1alpha1.ResellerQuery)
			query.DeepCopyInto(asked)
			query.Status = status
			return c.Create(ctx, query, opts...)
		},
	}).Build()
	return p, asked
}

func TestProducts(t *testing.T) {
	t.Parallel()
	p, asked := informed(t, v1alpha1.ResellerQueryStatus{
		State: v1alpha1.QueryAnswered, Omitted: 3,
		Products: []v1alpha1.QueryProduct{{
			ID: "17", Name: "PositiveSSL", Brand: "Sectigo", Wildcard: v1alpha1.Unsupported, MaxNames: 1,
			Prices: []v1alpha1.QueryProductPrice{{Months: 12, Price: v1alpha1.Money{Amount: "5.20", Currency: "USD"}}},
		}},
	})
	p.shows(`
ID  NAME         BRAND    VALIDATION  WILDCARD     NAMES  PRICES
17  PositiveSSL  Sectigo  -           Unsupported  1      12 months 5.20 USD
3 more are not shown
`, "products", "positivessl")
	assert.Equal(t, "shop", asked.Namespace)
	assert.Equal(t, &v1alpha1.QueryIssuerReference{Kind: kindIssuer, Name: "positivessl"}, asked.Spec.IssuerRef)
}

func TestPriceAndBalance(t *testing.T) {
	t.Parallel()
	p, asked := informed(t, v1alpha1.ResellerQueryStatus{
		State: v1alpha1.QueryAnswered, Price: &v1alpha1.Money{Amount: "5.20", Currency: "USD"}, Balance: &v1alpha1.Money{Amount: "100"},
	})
	p.shows("5.20 USD\n", "price", "rci/public", "--names=shop.example.com,www.shop.example.com")
	assert.Equal(t, "reseller-issuer", asked.Namespace, "cluster issuers are asked about where their Secrets are")
	assert.Equal(t, "shop", asked.Spec.Namespace)
	assert.Equal(t, []string{"shop.example.com", "www.shop.example.com"}, asked.Spec.Names)
	p.shows("100\n", "balance", "resellerclusterissuer/public", "--cluster-resource-namespace=certs")
	assert.Equal(t, "certs", asked.Namespace)
	p.fails(exitUsage, "--names", "price", "positivessl")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	p, asked := informed(t, v1alpha1.ResellerQueryStatus{State: v1alpha1.QueryAnswered, Findings: []v1alpha1.Finding{
		{Subject: "credentials", Severity: v1alpha1.SeverityInfo, Message: "accepted"},
		{Subject: "caa/example.com", Severity: v1alpha1.SeverityError, Message: "forbids sectigo.com"},
	}})
	p.fails(exitRefused, "no certificate would come: 1 problem", "check", "positivessl", "--names=example.com")
	assert.Equal(t, `SUBJECT          SEVERITY  FINDING
credentials      Info      accepted
caa/example.com  Error     forbids sectigo.com
`, p.out.String())
	assert.Equal(t, v1alpha1.AskCheck, asked.Spec.Ask)
}

func TestInventory(t *testing.T) {
	t.Parallel()
	p, _ := informed(t, v1alpha1.ResellerQueryStatus{State: v1alpha1.QueryAnswered, Orders: []v1alpha1.QueryOrder{
		{OrderIDs: []v1alpha1.OrderID{{Name: "order_id", Value: "1"}}, State: "Issued", Names: []string{"example.com"}},
	}})
	p.shows(`
ORDER       STATE   NAMES        PRICE  PAID UNTIL  PURCHASE
order_id=1  Issued  example.com  -      -           -
`, "inventory", "positivessl")
}

func TestFailedQuery(t *testing.T) {
	t.Parallel()
	p, _ := informed(t, v1alpha1.ResellerQueryStatus{State: v1alpha1.QueryFailed, Message: "the reseller refuses the credentials"})
	p.fails(exitRefused, "refuses the credentials", "balance", "positivessl")
}

func TestCheckOfAManifest(t *testing.T) {
	t.Parallel()
	p, asked := informed(t, v1alpha1.ResellerQueryStatus{State: v1alpha1.QueryAnswered})
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "issuer.yaml")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	path := write("apiVersion: reseller-issuer.io/v1alpha1\nkind: ResellerIssuer\nspec:\n  reseller: {cyberssl: {accountName: a, product: {id: '17'}}}\n")
	require.NoError(t, p.run("check", "-f", path))
	assert.Nil(t, asked.Spec.IssuerRef)
	assert.Equal(t, "17", asked.Spec.Issuer.Reseller.CyberSSL.Product.ID)
	assert.Equal(t, "shop", asked.Namespace)
	p.typed = "kind: ResellerClusterIssuer\nspec: {allowedNames: ['*'], allowedNamespaces: ['*'], term: {months: 24}}\n"
	require.NoError(t, p.run("check", "-f", "-"))
	assert.Equal(t, "reseller-issuer", asked.Namespace)
	assert.EqualValues(t, 24, asked.Spec.Issuer.Term.Months)
	p.fails(exitUsage, `kind "Secret"`, "check", "-f", write("kind: Secret"))
	p.fails(exitFailed, "unknown field", "check", "-f", write("kind: ResellerIssuer\nspec: {resellers: {}}"))
	p.fails(exitFailed, "no such file", "check", "-f", "/nowhere")
	p.fails(exitUsage, "either", "check")
	p.fails(exitUsage, "either", "check", "a", "-f", path)
	p.fails(exitUsage, "is no issuer", "check", "secret/a")
}
