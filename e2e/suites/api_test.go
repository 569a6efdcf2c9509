package suites

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// object turns a typed object into one whose fields can be anything.
func object(t *testing.T, typed client.Object, kind string) *unstructured.Unstructured {
	t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	require.NoError(t, err)
	delete(fields, "status")
	u := &unstructured.Unstructured{Object: fields}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	return u
}

// set writes a value at a path of names, which may be missing.
func set(value any, path ...string) func(map[string]any) {
	return func(spec map[string]any) {
		if err := unstructured.SetNestedField(spec, value, path...); err != nil {
			panic(err) // the test itself is wrong
		}
	}
}

func drop(path ...string) func(map[string]any) {
	return func(spec map[string]any) { unstructured.RemoveNestedField(spec, path...) }
}

// many are n different texts with an end.
func many(n int, end string) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = fmt.Sprintf("n%d%s", i, end)
	}
	return list
}

// TestAPIRefusesIssuers has what the API server refuses, with the message that says why.
func TestAPIRefusesIssuers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	solver := func(ways ...string) []any {
		one := map[string]any{}
		for _, way := range ways {
			one[way] = map[string]any{}
			if way == "rfc2136" {
				one[way] = map[string]any{"nameserver": "192.0.2.1"}
			}
		}
		return []any{one}
	}
	other := map[string]any{"credentialsSecretRef": map[string]any{"name": "x"}, "product": map[string]any{"id": "1"}}
	const oneReseller = "exactly one of autodns, connectreseller, cyberssl, ispmanager, resello must be set"
	tests := []struct {
		name  string
		spoil func(spec map[string]any)
		text  string
	}{
		{"no reseller", drop("reseller", "cyberssl"), oneReseller},
		{"two resellers", set(maps.Clone(other), "reseller", "ispmanager"), oneReseller},
		{"no section", drop("reseller"), "spec.reseller: Required value"},
		{"no account name", drop("reseller", "cyberssl", "accountName"), "spec.reseller.cyberssl.accountName: Required value"},
		{"no product id", set("", "reseller", "cyberssl", "product", "id"), "spec.reseller.cyberssl.product.id"},
		{"no secret name", set("", "reseller", "cyberssl", "credentialsSecretRef", "name"), "spec.reseller.cyberssl.credentialsSecretRef.name"},
		{"foreign secret", set("other", "reseller", "cyberssl", "credentialsSecretRef", "namespace"), `unknown field "spec.reseller.cyberssl.credentialsSecretRef.namespace"`},
		{"endpoint with query", set("https://reseller.invalid/?key=1", "reseller", "cyberssl", "endpoint"), "spec.reseller.cyberssl.endpoint"},
		{"no contact", drop("contacts", "admin"), "spec.contacts.admin: Required value"},
		{"bad e-mail", set("ada", "contacts", "admin", "email"), "spec.contacts.admin.email"},
		{"long name", set(strings.Repeat("x", 65), "contacts", "admin", "lastName"), "spec.contacts.admin.lastName"},
		{"solver without a way", set(solver(), "dcv", "solvers"), "exactly one of rfc2136, cloudflare, externalDNS, certManagerWebhook, http, httpFile, reseller, manual must be set"},
		{"reseller that follows", set([]any{map[string]any{"reseller": map[string]any{}, "cnameStrategy": "Follow"}}, "dcv", "solvers"), "cnameStrategy is not for reseller"},
		{"solver with two ways", set(solver("rfc2136", "manual"), "dcv", "solvers"), "exactly one of rfc2136, cloudflare, externalDNS, certManagerWebhook, http, httpFile, reseller, manual must be set"},
		{"unknown method", set([]any{"Pigeon"}, "dcv", "methods"), "spec.dcv.methods[0]"},
		{"no method", set([]any{}, "dcv", "methods"), "spec.dcv.methods"},
		{"unknown mode", set("Sometimes", "purchase", "mode"), "spec.purchase.mode"},
		{"budget without limit", set([]any{map[string]any{"window": "24h"}}, "purchase", "budgets"), "maxPurchases or maxAmount must be set"},
		{"bad money", set(map[string]any{"amount": "five"}, "purchase", "priceLimit"), "spec.purchase.priceLimit.amount"},
		{"long term", set(int64(61), "term", "months"), "spec.term.months"},
		{"no breaker", set(int64(0), "purchase", "loopBreaker", "maxPurchases"), "spec.purchase.loopBreaker.maxPurchases"},
		{"too many name servers", set(many(9, ".invalid:53"), "dcv", "propagation", "nameservers"), "spec.dcv.propagation.nameservers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			issuer := &v1alpha1.ResellerIssuer{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "refused"}, Spec: s.settings(productSingle)}
			wrong := object(t, issuer, "ResellerIssuer")
			test.spoil(wrong.Object["spec"].(map[string]any))
			err := s.c.Create(t.Context(), wrong, client.DryRunAll, client.FieldValidation("Strict"))
			require.Error(t, err)
			assert.True(t, apierrors.IsInvalid(err) || apierrors.IsBadRequest(err), "%v", err)
			assert.ErrorContains(t, err, test.text)
		})
	}
}

// TestAPIRefusesClusterIssuers has what must be stated of an issuer for many.
func TestAPIRefusesClusterIssuers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tests := []struct {
		name  string
		spoil func(spec map[string]any)
		text  string
	}{
		{"no namespaces", drop("allowedNamespaces"), "spec.allowedNamespaces: Required value"},
		{"empty namespaces", set([]any{}, "allowedNamespaces"), "spec.allowedNamespaces"},
		{"no names", drop("allowedNames"), "spec.allowedNames: Required value"},
		{"empty name", set([]any{""}, "allowedNames"), "spec.allowedNames[0]"},
		{"too many names", set(many(1001, ".example.com"), "allowedNames"), "spec.allowedNames"},
		{"name twice", set([]any{"a.example.com", "a.example.com"}, "allowedNames"), "Duplicate value"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			issuer := &v1alpha1.ResellerClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}, Spec: v1alpha1.ResellerClusterIssuerSpec{
				ResellerIssuerSpec: s.settings(productSingle), AllowedNamespaces: []string{"*"}, AllowedNames: []string{"*"},
			}}
			wrong := object(t, issuer, "ResellerClusterIssuer")
			test.spoil(wrong.Object["spec"].(map[string]any))
			err := s.c.Create(t.Context(), wrong, client.DryRunAll)
			require.Error(t, err)
			assert.ErrorContains(t, err, test.text)
		})
	}
}

// TestAPIDefaults has an issuer with the least that must be said.
func TestAPIDefaults(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productSingle)
	settings.DCV, settings.RateLimit = v1alpha1.DCV{}, nil
	issuer := &v1alpha1.ResellerIssuer{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "least"}, Spec: settings}
	require.NoError(t, s.c.Create(t.Context(), issuer, client.DryRunAll))
	spec := issuer.Spec
	assert.EqualValues(t, 12, spec.Term.Months)
	assert.Equal(t, []v1alpha1.DCVMethod{v1alpha1.DCVMethodCNAME, v1alpha1.DCVMethodTXT, v1alpha1.DCVMethodFile}, spec.DCV.Methods)
	assert.Equal(t, v1alpha1.CAAEnforce, spec.DCV.CAAPolicy)
	assert.Equal(t, v1alpha1.PropagationAuthoritative, spec.DCV.Propagation.Check)
	assert.Equal(t, v1alpha1.PropagationWait, spec.DCV.Propagation.OnTimeout)
	assert.Equal(t, "1m0s", spec.DCV.Propagation.SettleTime.Duration.String())
	assert.Equal(t, v1alpha1.PurchaseLive, spec.Purchase.Mode)
	require.Len(t, spec.Purchase.Budgets, 1)
	assert.EqualValues(t, 10, *spec.Purchase.Budgets[0].MaxPurchases)
	assert.Equal(t, "24h0m0s", spec.Purchase.Budgets[0].Window.Duration.String())
	assert.EqualValues(t, 2, spec.Purchase.LoopBreaker.MaxPurchases)
	assert.EqualValues(t, 5, spec.Purchase.LoopBreaker.MaxReissues)
	assert.Equal(t, v1alpha1.ReissueWhenSafe, spec.Purchase.Reissue)
	assert.Equal(t, v1alpha1.BareRequestsAllow, spec.Purchase.BareRequests)
	assert.Equal(t, "1080h0m0s", spec.Purchase.MinimumLifetime.Duration.String())
}
