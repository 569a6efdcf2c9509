package suites

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

func (s *scene) awaitIssuerReady(issuer *v1alpha1.ResellerIssuer) {
	s.t.Helper()
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(issuer), issuer))
		assert.True(c, meta.IsStatusConditionTrue(issuer.Status.Conditions, "Ready"), "%+v", issuer.Status.Conditions)
	})
}

// TestWrongCredentials has an issuer that heals when its Secret is corrected, and a
// Certificate that waits meanwhile.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	account := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: credentials}}
	const wrong = "not-the-key-of-any-account"
	s.change(account, func() { account.StringData = map[string]string{"apikey": wrong} })
	issuer := s.issuer(s.settings(productSingle))
	certificate := s.certificate("site", issuer, "www."+s.domain)
	s.create(certificate)
	s.awaitNotReady(issuer, "credentials", "Secret")
	ready := meta.FindStatusCondition(issuer.Status.Conditions, "Ready")
	assert.NotContains(t, ready.Message, wrong)
	s.nothingBought()

	s.change(account, func() { account.StringData = map[string]string{"apikey": sandbox.DefaultAPIKey} })
	s.awaitIssuerReady(issuer)
	s.awaitReady(certificate)
	s.paidOnce()
	for _, condition := range []string{v1alpha1.IssuerReachable, v1alpha1.IssuerFunded} {
		assert.True(t, meta.IsStatusConditionTrue(issuer.Status.Conditions, condition), condition)
	}
	log, err := world.Log()
	require.NoError(t, err)
	assert.NotContains(t, log, wrong)
}

// TestUnusableIssuer has settings that are wrong in a way that the API can't see:
// the issuer says which field, and a Certificate waits.
func TestUnusableIssuer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(*v1alpha1.ResellerIssuerSpec)
		texts []string
	}{
		{"missingsecret", func(i *v1alpha1.ResellerIssuerSpec) { i.Reseller.CyberSSL.CredentialsSecretRef.Name = "absent" }, []string{"spec.reseller.cyberssl.credentialsSecretRef", "absent"}},
		{"missingkey", func(i *v1alpha1.ResellerIssuerSpec) { i.Reseller.CyberSSL.CredentialsSecretRef.Name = dnsKey }, []string{"spec.reseller.cyberssl", dnsKey, "apikey"}},
		{"unknownproduct", func(i *v1alpha1.ResellerIssuerSpec) { i.Reseller.CyberSSL.Product.ID = "9999" }, []string{"spec.reseller.cyberssl.product.id", "9999"}},
		{"missingtsig", func(i *v1alpha1.ResellerIssuerSpec) { i.DCV.Solvers[0].RFC2136.TSIGSecretSecretRef.Name = "absent" }, []string{"spec.dcv.solvers[0]", "absent"}},
		{"missingtsigkey", func(i *v1alpha1.ResellerIssuerSpec) { i.DCV.Solvers[0].RFC2136.TSIGSecretSecretRef.Key = "absent" }, []string{"spec.dcv.solvers[0]", "absent"}},
		{"foreignendpoint", func(i *v1alpha1.ResellerIssuerSpec) { i.Reseller.CyberSSL.Endpoint = "https://reseller.invalid/v1" }, []string{"endpoint", "--allowed-endpoints"}},
		{"organization", func(i *v1alpha1.ResellerIssuerSpec) { i.Reseller.CyberSSL.Product.ID = "21" }, []string{"spec.contacts.organization"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			settings := s.settings(productSingle)
			test.spoil(&settings)
			issuer := s.issuer(settings)
			s.create(s.certificate("site", issuer, "www."+s.domain))
			s.awaitNotReady(issuer, test.texts...)
			s.nothingBought()
		})
	}
}

// TestForeignSecrets has namespaced issuers that name Secrets which exist in the
// cluster resource namespace only. There is no field for a namespace, and their own
// is the only one that is looked at.
func TestForeignSecrets(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(issuer *v1alpha1.ResellerIssuerSpec, foreign string)
		field string
	}{
		"account": {func(i *v1alpha1.ResellerIssuerSpec, foreign string) {
			i.Reseller.CyberSSL.CredentialsSecretRef.Name = foreign
		}, "spec.reseller.cyberssl.credentialsSecretRef"},
		"hook": {func(i *v1alpha1.ResellerIssuerSpec, foreign string) {
			i.DCV.Solvers[0].RFC2136.TSIGSecretSecretRef.Name = foreign
		}, "spec.dcv.solvers[0]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			foreign := s.namespace + "-foreign"
			both := secret(lab.Namespace, foreign, "apikey", sandbox.DefaultAPIKey)
			both.StringData["secret"] = world.TSIGKey().Secret
			s.create(both)
			settings := s.settings(productSingle)
			test.spoil(&settings, foreign)
			issuer := s.issuer(settings)
			s.create(s.certificate("site", issuer, "www."+s.domain))
			s.awaitNotReady(issuer, test.field, s.namespace+"/"+foreign)
			s.nothingBought()
			assert.Empty(t, s.records(t))
		})
	}
}
