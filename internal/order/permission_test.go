package order

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

func TestPermits(t *testing.T) {
	t.Parallel()
	const (
		namespaces = "ResellerClusterIssuer spec.allowedNamespaces"
		dnsNames   = "ResellerClusterIssuer spec.allowedNames"
	)
	team := &Allowed{Namespaces: []string{"team"}, Names: []string{"example.com", "*.Example.org", "bücher.example"}}
	everyone := &Allowed{Namespaces: []string{"*"}, Names: []string{"*"}}
	cases := map[string]struct {
		allowed   *Allowed
		namespace string
		names     []string
		field     string
	}{
		"namespaced issuer":      {namespace: "any", names: []string{"any.example"}},
		"everything":             {allowed: everyone, namespace: "any", names: []string{"*.any.example"}},
		"no namespace, all":      {allowed: everyone, names: []string{"any.example"}},
		"exact":                  {allowed: team, namespace: "team", names: []string{"example.com"}},
		"below":                  {allowed: team, namespace: "team", names: []string{"a.example.org", "a.b.example.org"}},
		"wildcard":               {allowed: team, namespace: "team", names: []string{"*.example.org", "*.a.example.org"}},
		"listed in Unicode":      {allowed: team, namespace: "team", names: []string{"xn--bcher-kva.example"}},
		"other namespace":        {allowed: team, namespace: "other", names: []string{"example.com"}, field: namespaces},
		"no namespace":           {allowed: team, names: []string{"example.com"}, field: namespaces},
		"nothing allowed":        {allowed: &Allowed{}, namespace: "team", names: []string{"example.com"}, field: namespaces},
		"below an exact name":    {allowed: team, namespace: "team", names: []string{"a.example.com"}, field: dnsNames},
		"wildcard of exact name": {allowed: team, namespace: "team", names: []string{"*.example.com"}, field: dnsNames},
		"base of a wildcard":     {allowed: team, namespace: "team", names: []string{"example.org"}, field: dnsNames},
		"similar name":           {allowed: team, namespace: "team", names: []string{"badexample.org"}, field: dnsNames},
		"one of two":             {allowed: team, namespace: "team", names: []string{"example.com", "example.net"}, field: dnsNames},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Permits(tc.allowed, tc.namespace, tc.names)
			if tc.field == "" {
				require.NoError(t, err)
				return
			}
			var unsuitable *UnsuitableError
			require.ErrorAs(t, err, &unsuitable)
			assert.Equal(t, tc.field, unsuitable.Field)
		})
	}
}

func TestPermitsBare(t *testing.T) {
	t.Parallel()
	for _, allow := range []v1alpha1.BareRequests{"", v1alpha1.BareRequestsAllow} {
		require.NoError(t, PermitsBare(v1alpha1.PurchasePolicy{BareRequests: allow}))
	}
	var unsuitable *UnsuitableError
	require.ErrorAs(t, PermitsBare(v1alpha1.PurchasePolicy{BareRequests: v1alpha1.BareRequestsDeny}), &unsuitable)
	assert.Equal(t, "issuer spec.purchase.bareRequests", unsuitable.Field)
}
