package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/manual"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/rfc2136"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/cyberssl"
)

var errAPI = errors.New("connection refused")

func reader(t *testing.T, objects ...client.Object) client.Reader {
	t.Helper()
	scheme, err := newScheme()
	require.NoError(t, err)
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

func tsigSecret(value string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "tsig"}, Data: map[string][]byte{"key": []byte(value)}}
}

func TestSolvers(t *testing.T) {
	t.Parallel()
	signed := v1alpha1.Solver{RFC2136: &v1alpha1.SolverRFC2136{
		Nameserver: "ns1.example.com", TSIGKeyName: "name", TSIGAlgorithm: "HMACSHA512",
		TSIGSecretSecretRef: &v1alpha1.SecretKeyReference{Name: "tsig", Key: "key"},
	}}
	cases := map[string]struct {
		solver v1alpha1.Solver
		secret *corev1.Secret
		text   string
	}{
		"manual":        {solver: v1alpha1.Solver{Manual: &v1alpha1.SolverManual{}}},
		"unsigned":      {solver: v1alpha1.Solver{RFC2136: &v1alpha1.SolverRFC2136{Nameserver: "192.0.2.1:53"}}},
		"signed":        {solver: signed, secret: tsigSecret("c2VjcmV0\n")},
		"nothing":       {text: "no solver is set"},
		"no Secret":     {solver: signed, text: "rfc2136.tsigSecretSecretRef: configuration: Secret team/tsig does not exist"},
		"no key":        {solver: signed, secret: tsigSecret(" \n"), text: `has no value for key "key"`},
		"not base64":    {solver: signed, secret: tsigSecret("%%%"), text: "not base64"},
		"no nameserver": {solver: v1alpha1.Solver{RFC2136: &v1alpha1.SolverRFC2136{Nameserver: "a b"}}, text: "nameserver"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := solvers{secrets: reader(t), now: time.Now}
			if tc.secret != nil {
				s.secrets = reader(t, tc.secret)
			}
			err := s.check(t.Context(), tc.solver, "team")
			if tc.text == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, order.ErrConfiguration)
			require.ErrorContains(t, err, tc.text)
			assert.NotContains(t, err.Error(), "%%%", "no Secret's value")
		})
	}
}

func TestHookOfEachSolver(t *testing.T) {
	t.Parallel()
	s := solvers{secrets: reader(t), now: time.Now}
	hook, err := s.hook(t.Context(), v1alpha1.Solver{Manual: &v1alpha1.SolverManual{}}, "team")
	require.NoError(t, err)
	assert.IsType(t, manual.Hook{}, hook)
	hook, err = s.hook(t.Context(), v1alpha1.Solver{RFC2136: &v1alpha1.SolverRFC2136{Nameserver: "192.0.2.1"}}, "team")
	require.NoError(t, err)
	assert.IsType(t, &rfc2136.Hook{}, hook)
}

// Trouble of the Kubernetes API is none of the configuration.
func TestSolverWithoutKubernetes(t *testing.T) {
	t.Parallel()
	failing := interceptor.NewClient(reader(t).(client.WithWatch), interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errAPI
		},
	})
	s := solvers{secrets: failing, now: time.Now}
	err := s.check(t.Context(), v1alpha1.Solver{RFC2136: &v1alpha1.SolverRFC2136{
		Nameserver: "192.0.2.1", TSIGSecretSecretRef: &v1alpha1.SecretKeyReference{Name: "tsig", Key: "key"},
	}}, "team")
	require.ErrorIs(t, err, errAPI)
	require.NotErrorIs(t, err, order.ErrConfiguration)
}

func cyberSSLSpec() *v1alpha1.ResellerIssuerSpec {
	return &v1alpha1.ResellerIssuerSpec{
		Reseller: v1alpha1.Reseller{CyberSSL: &v1alpha1.CyberSSL{
			ResellerAccess: v1alpha1.ResellerAccess{Product: v1alpha1.Product{
				ID: "99", Wildcard: v1alpha1.Supported, ECDSA: v1alpha1.Unsupported, MaxNames: 7,
				Methods:       []v1alpha1.DCVMethod{v1alpha1.DCVMethodTXT},
				CAAIdentities: []string{"ca.example"}, MaxValidity: &metav1.Duration{Duration: 47 * 24 * time.Hour},
			}},
			AccountName: "me",
		}},
		Contacts: v1alpha1.Contacts{
			Admin:        v1alpha1.Contact{FirstName: "A", LastName: "B", Email: "a@example.com", Phone: "+1.2", Title: "T"},
			Technical:    &v1alpha1.Contact{FirstName: "C"},
			Organization: &v1alpha1.Organization{Name: "O", Country: "DE"},
		},
	}
}

func TestCyberSSL(t *testing.T) {
	t.Parallel()
	c := connection{http: providers.NewHTTPClient(providers.Options{}), allowed: endpoints{prefixes: vendorEndpoints}, now: time.Now}
	driver := c.resellers()[cyberssl.Name]
	spec := cyberSSLSpec()
	assert.Same(t, &spec.Reseller.CyberSSL.ResellerAccess, driver.Access(&spec.Reseller))
	assert.Nil(t, driver.Access(&v1alpha1.Reseller{}))

	provider, err := driver.New(spec, map[string][]byte{"apikey": []byte(" key\n")})
	require.NoError(t, err)
	assert.Equal(t, providers.Account{Reseller: "cyberssl", Endpoint: cyberssl.LiveEndpoint, Name: "me"}, provider.Account())
	profile := provider.Profile()
	assert.Equal(t, "99", profile.Product)
	assert.True(t, profile.Wildcard)
	assert.Empty(t, profile.Curves)
	assert.Equal(t, 7, profile.MaxNames)
	assert.Equal(t, []providers.Method{providers.MethodTXT}, profile.Methods)
	assert.Equal(t, []string{"ca.example"}, profile.CAAIdentities)
	assert.Equal(t, 47*24*time.Hour, profile.MaxValidity)

	_, err = driver.New(spec, map[string][]byte{"apikey": []byte("\n"), "apiKey": []byte("key")})
	require.ErrorIs(t, err, errNoCredential)
	require.ErrorContains(t, err, `key "apikey"`)

	spec.Reseller.CyberSSL.Endpoint = "https://evil.test/v1"
	_, err = driver.New(spec, map[string][]byte{"apikey": []byte("key")})
	require.ErrorContains(t, err, "endpoint: https://evil.test/v1 is not in the controller's --allowed-endpoints")
}

func TestCyberSSLContacts(t *testing.T) {
	t.Parallel()
	got := cyberSSLContacts(&cyberSSLSpec().Contacts)
	assert.Equal(t, cyberssl.Contact{FirstName: "A", LastName: "B", Title: "T", Email: "a@example.com", Phone: "+1.2"}, got.Admin)
	assert.Equal(t, "C", got.Technical.FirstName)
	assert.Equal(t, "DE", got.Organization.Country)
	alone := cyberSSLContacts(&v1alpha1.Contacts{})
	assert.Nil(t, alone.Technical)
	assert.Nil(t, alone.Organization)
}

func TestClusterID(t *testing.T) {
	t.Parallel()
	system := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: "cluster-uid"}}
	id, err := clusterID(t.Context(), reader(t, system), "")
	require.NoError(t, err)
	assert.Equal(t, "cluster-uid", id)
	id, err = clusterID(t.Context(), reader(t), "mine")
	require.NoError(t, err)
	assert.Equal(t, "mine", id)
	_, err = clusterID(t.Context(), reader(t), "")
	require.ErrorContains(t, err, "--cluster-id")
}

func TestDNS(t *testing.T) {
	t.Parallel()
	d, err := newDNS(config{nameservers: []string{"192.0.2.1"}, authoritativePort: 53})
	require.NoError(t, err)
	assert.Equal(t, []string{"192.0.2.1:53"}, d.recursors)
	checker, err := d.caa(v1alpha1.Propagation{})
	require.NoError(t, err)
	assert.NotNil(t, checker)
	_, err = d.caa(v1alpha1.Propagation{Nameservers: []string{"a b"}})
	require.ErrorContains(t, err, "name server")
	observer, err := d.observer(v1alpha1.Propagation{Check: v1alpha1.PropagationAuthoritative, Nameservers: []string{"192.0.2.2:5353"}})
	require.NoError(t, err)
	assert.NotNil(t, observer)
	_, err = d.observer(v1alpha1.Propagation{Check: "Sometimes"})
	require.Error(t, err)
	_, err = newDNS(config{nameservers: []string{":::"}})
	require.ErrorContains(t, err, "recursive name servers")
}

func TestCollectorStopsWithTheLeader(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	calls := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- collector(func(context.Context) (int, error) {
			calls <- struct{}{}
			return 1, errAPI
		})(ctx)
	}()
	<-calls
	cancel()
	require.NoError(t, <-done)
}
