package order

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The keys are made once: a key of 2048 bits takes a while.
var (
	rsa1024 = rsaKey(1024)
	rsa2048 = rsaKey(2048)
	p256    = sync.OnceValue(func() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p521    = sync.OnceValue(func() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
	ed      = sync.OnceValue(func() crypto.Signer {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)
	})
)

func rsaKey(bits int) func() crypto.Signer {
	return sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, bits)) })
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// product takes one name and its www, RSA and P-256, and wants a common name.
func product() providers.Profile {
	return providers.Profile{
		Product: "p1", MaxNames: 1, WWWIncluded: true, CommonNameRequired: true,
		RSABits: [2]int{2048, 4096}, Curves: []string{"P-256"},
	}
}

func manyNames() providers.Profile {
	p := product()
	p.MaxNames, p.Wildcard = 3, true
	return p
}

func wildcard() providers.Profile {
	p := product()
	p.Wildcard = true
	return p
}

func names(commonName string, dnsNames ...string) *x509.CertificateRequest {
	return &x509.CertificateRequest{Subject: pkix.Name{CommonName: commonName}, DNSNames: dnsNames}
}

func signed(t *testing.T, template *x509.CertificateRequest, key crypto.Signer) *x509.CertificateRequest {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	require.NoError(t, err)
	csr, err := x509.ParseCertificateRequest(der)
	require.NoError(t, err)
	return csr
}

func extension(id asn1.ObjectIdentifier, value any) *x509.CertificateRequest {
	csr := names("example.com")
	csr.ExtraExtensions = []pkix.Extension{{Id: id, Value: must(asn1.Marshal(value))}}
	return csr
}

// suitabilityCase is a request and what is wrong with it; an empty field means nothing.
type suitabilityCase struct {
	profile   providers.Profile
	csr       *x509.CertificateRequest
	key       func() crypto.Signer
	candidate Candidate
	field     string
	message   string
}

func testSuitable(t *testing.T, cases map[string]suitabilityCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if reflect.ValueOf(tc.profile).IsZero() {
				tc.profile = product()
			}
			if tc.key == nil {
				tc.key = rsa2048
			}
			tc.candidate.CSR = signed(t, tc.csr, tc.key())
			err := Suitable(tc.profile, tc.candidate)
			if tc.field == "" {
				require.NoError(t, err)
				return
			}
			var unsuitable *UnsuitableError
			require.ErrorAs(t, err, &unsuitable)
			assert.Equal(t, tc.field, unsuitable.Field)
			assert.Contains(t, unsuitable.Message, tc.message)
			assert.Equal(t, tc.field+": "+unsuitable.Message, err.Error())
		})
	}
}

type constraints struct{ IsCA bool }

func TestSuitable(t *testing.T) {
	t.Parallel()
	testSuitable(t, map[string]suitabilityCase{
		"one name":               {csr: names("example.com", "example.com")},
		"only a common name":     {csr: names("example.com")},
		"upper case":             {csr: names("Example.COM", "EXAMPLE.com")},
		"included www":           {csr: names("example.com", "example.com", "www.example.com")},
		"included domain":        {profile: wildcard(), csr: names("*.example.com", "*.example.com", "example.com")},
		"included without www":   {csr: names("www.example.com", "example.com", "www.example.com")},
		"server auth":            {csr: names("example.com"), candidate: Candidate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}},
		"server auth in the CSR": {csr: extension(oidExtKeyUsage, []asn1.ObjectIdentifier{oidServerAuth})},
		"no CA in the CSR":       {csr: extension(oidBasicConstraints, constraints{})},
		"A-label":                {csr: names("xn--bcher-kva.example")},
		"elliptic key":           {csr: names("example.com"), key: p256},
		"several, wildcard too":  {profile: manyNames(), csr: names("example.com", "*.example.com", "a.b.example.com")},
		"no common name needed": {
			profile: providers.Profile{RSABits: [2]int{2048, 4096}}, csr: names("", "example.com"),
		},
	})
}

func TestUnsuitableUse(t *testing.T) {
	t.Parallel()
	oidClientAuth := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	testSuitable(t, map[string]suitabilityCase{
		"IP address": {csr: &x509.CertificateRequest{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}}, field: "spec.ipAddresses", message: "192.0.2.1"},
		"e-mail":     {csr: &x509.CertificateRequest{EmailAddresses: []string{"a@example.com"}}, field: "spec.emailAddresses", message: "a@example.com"},
		"URI": {
			csr:   &x509.CertificateRequest{URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com"}}},
			field: "spec.uris", message: "spiffe://example.com",
		},

		"CA":                     {csr: names("example.com"), candidate: Candidate{IsCA: true}, field: "spec.isCA"},
		"cert sign":              {csr: names("example.com"), candidate: Candidate{KeyUsage: x509.KeyUsageCertSign}, field: "spec.isCA"},
		"CA in the CSR":          {csr: extension(oidBasicConstraints, constraints{IsCA: true}), field: "spec.isCA"},
		"client auth":            {csr: names("example.com"), candidate: Candidate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, field: "spec.usages", message: "client auth"},
		"code signing":           {csr: names("example.com"), candidate: Candidate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, field: "spec.usages"},
		"client auth in the CSR": {csr: extension(oidExtKeyUsage, []asn1.ObjectIdentifier{oidServerAuth, oidClientAuth}), field: "spec.usages"},

		"RSA 1024": {csr: names("example.com"), key: rsa1024, field: "spec.privateKey.size", message: "1024 bits"},
		"P-521":    {csr: names("example.com"), key: p521, field: "spec.privateKey.algorithm", message: "P-521"},
		"Ed25519":  {csr: names("example.com"), key: ed, field: "spec.privateKey.algorithm", message: "Ed25519"},
		"no RSA": {
			profile: providers.Profile{Curves: []string{"P-384"}}, csr: names("", "example.com"),
			field: "spec.privateKey.algorithm", message: "use ECDSA on P-384",
		},
	})
}

func TestUnsuitableNames(t *testing.T) {
	t.Parallel()
	testSuitable(t, map[string]suitabilityCase{
		"no common name":           {csr: names("", "example.com"), field: "spec.commonName", message: "annotation cert-manager.io/common-name"},
		"common name is no name":   {csr: names("My service", "example.com"), field: "spec.commonName", message: "must be one of the DNS names"},
		"long common name":         {csr: names(strings.Repeat("a", 60)+".example.com", "example.com"), field: "spec.commonName", message: "72 bytes"},
		"Unicode common name":      {csr: names("bücher.example", "xn--bcher-kva.example"), field: "spec.commonName", message: "write xn--bcher-kva.example"},
		"common name is a address": {csr: names("192.0.2.1", "example.com"), field: "spec.commonName", message: "IP address"},

		"no names": {
			profile: providers.Profile{RSABits: [2]int{2048, 4096}}, csr: names(""), field: "spec.dnsNames", message: "no DNS name",
		},
		"underscore":      {csr: names("example.com", "a_b.example.com"), field: "spec.dnsNames", message: "underscore"},
		"single label":    {csr: names("example.com", "localhost"), field: "spec.dnsNames", message: "no domain"},
		"top level":       {profile: manyNames(), csr: names("example.com", "*.com"), field: "spec.dnsNames", message: "no domain"},
		"trailing dot":    {csr: names("example.com", "example.com."), field: "spec.dnsNames", message: "ends with a dot"},
		"empty label":     {csr: names("example.com", "a..example.com"), field: "spec.dnsNames", message: "not a valid"},
		"leading hyphen":  {csr: names("example.com", "-a.example.com"), field: "spec.dnsNames", message: "not a valid"},
		"broken A-label":  {csr: names("example.com", "xn--a-ecp.ru.example"), field: "spec.dnsNames", message: "not a valid"},
		"long label":      {csr: names("example.com", strings.Repeat("a", 64)+".example.com"), field: "spec.dnsNames", message: "not a valid"},
		"long name":       {csr: names("example.com", strings.Repeat("abcdefghi.", 26)+"com"), field: "spec.dnsNames", message: "longer than 253"},
		"inner asterisk":  {profile: manyNames(), csr: names("example.com", "a.*.example.com"), field: "spec.dnsNames", message: "asterisk"},
		"no wildcards":    {csr: names("*.example.com"), field: "spec.dnsNames", message: "no wildcard names"},
		"too many":        {csr: names("example.com", "a.example.com"), field: "spec.dnsNames", message: "2 names and product p1 takes 1"},
		"another www":     {csr: names("example.com", "www.example.org"), field: "spec.dnsNames", message: "2 names"},
		"too many in all": {profile: manyNames(), csr: names("a.example.com", "b.example.com", "c.example.com", "d.example.com"), field: "spec.dnsNames", message: "4 names"},
	})
}

// A stranger's text must not flood or colour a condition.
func TestQuotedIsBounded(t *testing.T) {
	t.Parallel()
	text := quoted("\x1b[31m" + strings.Repeat("é", 500))
	assert.Less(t, len(text), 150)
	assert.NotContains(t, text, "\x1b")
}
