package suites

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"net"
	"net/url"
	"strings"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// unsuitable is a request that can never get a certificate, and what is said of it.
type unsuitable struct {
	name   string
	spoil  func(template *x509.CertificateRequest)
	key    func() (crypto.Signer, error)
	usages []cmapi.KeyUsage
	isCA   bool
	texts  []string
}

func ecKey(curve elliptic.Curve) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
}

// unsuitables are for a product with one name and without wildcards.
func unsuitables(domain string) []unsuitable {
	return []unsuitable{
		{name: "ip", spoil: func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} }, texts: []string{"spec.ipAddresses"}},
		{name: "email", spoil: func(r *x509.CertificateRequest) { r.EmailAddresses = []string{"ada@example.com"} }, texts: []string{"spec.emailAddresses"}},
		{name: "uri", spoil: func(r *x509.CertificateRequest) { r.URIs = []*url.URL{{Scheme: "spiffe", Host: domain}} }, texts: []string{"spec.uris"}},
		{name: "clientauth", usages: []cmapi.KeyUsage{cmapi.UsageServerAuth, cmapi.UsageClientAuth}, texts: []string{"spec.usages", "client auth"}},
		{name: "codesigning", usages: []cmapi.KeyUsage{cmapi.UsageCodeSigning}, texts: []string{"spec.usages", "server auth"}},
		{name: "ca", isCA: true, usages: []cmapi.KeyUsage{cmapi.UsageCertSign}, texts: []string{"spec.isCA"}},
		{name: "rsa1024", key: func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 1024) }, texts: []string{"spec.privateKey.size", "1024"}},
		{name: "p521", key: ecKey(elliptic.P521()), texts: []string{"spec.privateKey", "P-521"}},
		{name: "nocn", spoil: func(r *x509.CertificateRequest) { r.Subject.CommonName = "" }, texts: []string{"spec.commonName", "cert-manager.io/common-name"}},
		{name: "personascn", spoil: func(r *x509.CertificateRequest) { r.Subject.CommonName = "Ada Example" }, texts: []string{"spec.commonName"}},
		{name: "wildcard", spoil: func(r *x509.CertificateRequest) {
			r.Subject.CommonName, r.DNSNames = "*."+domain, []string{"*." + domain}
		}, texts: []string{"spec.dnsNames", "wildcard"}},
		{name: "toomany", spoil: func(r *x509.CertificateRequest) {
			r.DNSNames = append(r.DNSNames, "second."+domain, "third."+domain)
		}, texts: []string{"spec.dnsNames", "3 names"}},
		{name: "underscore", spoil: func(r *x509.CertificateRequest) { r.DNSNames = append(r.DNSNames, "a_b."+domain) }, texts: []string{"spec.dnsNames", "a_b"}},
		{name: "singlelabel", spoil: func(r *x509.CertificateRequest) {
			r.Subject.CommonName, r.DNSNames = "localhost", []string{"localhost"}
		}, texts: []string{"localhost"}},
	}
}

// TestUnsuitableRequests fail at once with the field to change, and cost nothing.
func TestUnsuitableRequests(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	t.Run("requests", func(t *testing.T) {
		for _, test := range unsuitables(s.domain) {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				s := s.with(t)
				message := s.awaitFailed(s.unsuitable(issuer, test))
				for _, text := range test.texts {
					assert.Contains(t, message, text)
				}
			})
		}
	})
	s.nothingBought()
	assert.Empty(t, s.orders(t), "no order is made for them")
}

// unsuitable creates the request of a test.
func (s *scene) unsuitable(issuer client.Object, test unsuitable) *cmapi.CertificateRequest {
	s.t.Helper()
	template := csrTemplate(test.name + "." + s.domain)
	if test.spoil != nil {
		test.spoil(template)
	}
	generate := test.key
	if generate == nil {
		generate = ecKey(elliptic.P256())
	}
	key, err := generate()
	require.NoError(s.t, err)
	request := s.request(test.name, issuer, template)
	request.Spec.Request, request.Spec.Usages, request.Spec.IsCA = signCSR(s.t, template, key), test.usages, test.isCA
	s.create(request)
	return request
}

// TestNotAllowed has a cluster issuer asked for names, or from a namespace, that its
// owner hasn't stated.
func TestNotAllowed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	stranger := s.namespace + "-stranger"
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: stranger}})
	issuer := s.clusterIssuer(s.settings(productSingle), s.namespace)
	elsewhere := "www.not-" + s.domain
	tests := []struct {
		namespace, name string
		texts           []string
	}{
		{s.namespace, elsewhere, []string{"spec.allowedNames", elsewhere}},
		{stranger, "www." + s.domain, []string{"spec.allowedNamespaces", stranger}},
	}
	for _, test := range tests {
		request := s.request("request", issuer, csrTemplate(test.name))
		request.Namespace = test.namespace
		s.create(request)
		message := s.awaitFailed(request)
		for _, text := range test.texts {
			assert.Contains(t, message, text)
		}
	}
	entries, err := world.Ledger(t.Context())
	require.NoError(t, err)
	for _, entry := range entries {
		assert.NotContains(t, strings.Join(entry.Names, " "), s.domain)
	}
}

// TestSigningRequestNotAllowed has a Kubernetes CertificateSigningRequest, which
// belongs to no namespace, for a cluster issuer that is not for all of them.
func TestSigningRequestNotAllowed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	csr := s.approvedCSR(s.clusterIssuer(s.settings(productSingle), s.namespace), "www."+s.domain)
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(t.Context(), client.ObjectKeyFromObject(csr), csr))
		var messages []string
		for _, condition := range csr.Status.Conditions {
			if condition.Type == certificatesv1.CertificateFailed {
				messages = append(messages, condition.Message)
			}
		}
		require.Len(c, messages, 1)
		assert.Contains(c, messages[0], "spec.allowedNamespaces")
	})
	s.nothingBought()
}

// TestBareRequestsDenied serves Certificates only.
func TestBareRequestsDenied(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productSingle)
	settings.Purchase.BareRequests = v1alpha1.BareRequestsDeny
	issuer := s.issuer(settings)
	request := s.request("bare", issuer, csrTemplate("www."+s.domain))
	s.create(request)
	assert.Contains(t, s.awaitFailed(request), "spec.purchase.bareRequests")
	s.nothingBought()
	s.obtain(s.certificate("site", issuer, "www."+s.domain))
	s.paidOnce()
}

// TestFailedCertificate shows the reason where users look.
func TestFailedCertificate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	certificate := s.certificate("site", issuer, "www."+s.domain, "second."+s.domain, "third."+s.domain)
	s.create(certificate)
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(t.Context(), client.ObjectKeyFromObject(certificate), certificate))
		i := indexOf(certificate.Status.Conditions, cmapi.CertificateConditionIssuing)
		require.GreaterOrEqual(c, i, 0)
		assert.Contains(c, certificate.Status.Conditions[i].Message, "spec.dnsNames: there are 3 names")
	})
	s.nothingBought()
}
