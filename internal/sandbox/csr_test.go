package sandbox_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

func TestParseCSRAccepts(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		key  crypto.Signer
		want sandbox.KeyType
		bits int
	}{
		"RSA 2048": {rsaKey, sandbox.KeyRSA, 2048},
		"P-256":    {newKey(t), sandbox.KeyECDSA, 256},
		"P-384":    {p384, sandbox.KeyECDSA, 384},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			csr, err := sandbox.ParseCSR(signCSR(t, test.key, &x509.CertificateRequest{
				Subject: pkix.Name{CommonName: "Example.COM"}, DNSNames: []string{"WWW.example.com"},
			}))
			require.NoError(t, err)
			assert.Equal(t, "example.com", csr.CommonName)
			assert.Equal(t, []string{"www.example.com"}, csr.SANs)
			assert.Equal(t, test.want, csr.Key)
			assert.Equal(t, test.bits, csr.KeyBits)
			assert.Len(t, csr.Digest(), 64)
		})
	}
}

func TestParseCSRRefuses(t *testing.T) {
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	cn := pkix.Name{CommonName: "example.com"}
	good := newCSR(t, "example.com")
	for name, test := range map[string]struct {
		csr  string
		kind sandbox.ErrorKind
	}{
		"empty":          {"", sandbox.ErrCSR},
		"not PEM":        {"hello", sandbox.ErrCSR},
		"other PEM":      {strings.ReplaceAll(good, "CERTIFICATE REQUEST", "CERTIFICATE"), sandbox.ErrCSR},
		"garbage in PEM": {"-----BEGIN CERTIFICATE REQUEST-----\naGVsbG8=\n-----END CERTIFICATE REQUEST-----\n", sandbox.ErrCSR},
		"two":            {good + good, sandbox.ErrCSR},
		"bad signature":  {badSignature(t, good), sandbox.ErrCSR},
		"Ed25519":        {signCSR(t, ed, &x509.CertificateRequest{Subject: cn}), sandbox.ErrCSR},
		"P-521":          {signCSR(t, p521, &x509.CertificateRequest{Subject: cn}), sandbox.ErrCSR},
		"no common name": {newCSR(t, "", "example.com"), sandbox.ErrCSR},
		"IP address":     {signCSR(t, newKey(t), &x509.CertificateRequest{Subject: cn, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}}), sandbox.ErrCSR},
		"e-mail":         {signCSR(t, newKey(t), &x509.CertificateRequest{Subject: cn, EmailAddresses: []string{"a@example.com"}}), sandbox.ErrCSR},
		"URI":            {signCSR(t, newKey(t), &x509.CertificateRequest{Subject: cn, URIs: []*url.URL{{Scheme: "spiffe", Host: "x"}}}), sandbox.ErrCSR},
		"IP as CN":       {newCSR(t, "192.0.2.1"), sandbox.ErrNames},
		"one label":      {newCSR(t, "localhost"), sandbox.ErrNames},
		"underscore":     {newCSR(t, "a_b.example.com"), sandbox.ErrNames},
		"inner wildcard": {newCSR(t, "a.*.example.com"), sandbox.ErrNames},
		"trailing dot":   {newCSR(t, "example.com."), sandbox.ErrNames},
		"bad SAN":        {newCSR(t, "example.com", "-a.example.com"), sandbox.ErrNames},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sandbox.ParseCSR(test.csr)
			refused(t, err, test.kind)
		})
	}
}

func TestParseCSRRefusesShortRSA(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	_, err = sandbox.ParseCSR(signCSR(t, key, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "example.com"}}))
	refused(t, err, sandbox.ErrCSR)
}

func badSignature(t *testing.T, csr string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(csr))
	require.NotNil(t, block)
	request, err := x509.ParseCertificateRequest(block.Bytes)
	require.NoError(t, err)
	// One bit of the public key is somewhere in the middle of the signed part.
	at := strings.Index(string(block.Bytes), string(request.RawTBSCertificateRequest)) + 20
	block.Bytes[at] ^= 1
	return string(pem.EncodeToMemory(block))
}

func TestNamesAgainstProducts(t *testing.T) {
	t.Parallel()
	engine, _ := newEngine(t, sandbox.Config{})
	for name, test := range map[string]struct {
		product string
		csr     string
		further []string
		want    []string
		kind    sandbox.ErrorKind
	}{
		"single":                   {"17", newCSR(t, "example.com"), nil, []string{"example.com"}, ""},
		"single with free www":     {"17", newCSR(t, "example.com", "example.com", "www.example.com"), []string{"www.example.com"}, []string{"example.com"}, ""},
		"single with bare name":    {"17", newCSR(t, "www.example.com", "example.com"), nil, []string{"www.example.com"}, ""},
		"single, second in CSR":    {"17", newCSR(t, "example.com", "a.example.com"), nil, nil, sandbox.ErrNames},
		"single, second asked":     {"17", newCSR(t, "example.com"), []string{"a.example.com"}, nil, sandbox.ErrNames},
		"single, wildcard":         {"17", newCSR(t, "*.example.com"), nil, nil, sandbox.ErrNames},
		"wildcard":                 {"18", newCSR(t, "*.example.com", "example.com"), nil, []string{"*.example.com"}, ""},
		"wildcard, plain name":     {"18", newCSR(t, "example.com"), nil, nil, sandbox.ErrNames},
		"multi":                    {"19", newCSR(t, "example.com"), []string{"B.example.com", "example.com"}, []string{"example.com", "b.example.com"}, ""},
		"multi, CSR names ignored": {"19", newCSR(t, "example.com", "c.example.com"), nil, []string{"example.com"}, ""},
		"multi, wildcard":          {"19", newCSR(t, "example.com"), []string{"*.example.com"}, nil, sandbox.ErrNames},
		"multi wildcard":           {"20", newCSR(t, "example.com"), []string{"*.example.com"}, []string{"example.com", "*.example.com"}, ""},
		"bad further name":         {"19", newCSR(t, "example.com"), []string{"10.0.0.1"}, nil, sandbox.ErrNames},
		"key type":                 {"22", newCSR(t, "example.com"), nil, nil, sandbox.ErrCSR},
		"unknown product":          {"99", newCSR(t, "example.com"), nil, nil, sandbox.ErrProduct},
		"any product":              {"", newCSR(t, "*.example.com"), []string{"a.org"}, []string{"*.example.com", "a.org"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, challenges, err := engine.Check(sandbox.DefaultAccount, test.product, test.csr, test.further)
			if test.kind != "" {
				refused(t, err, test.kind)
				return
			}
			require.NoError(t, err)
			var names []string
			for _, challenge := range challenges {
				names = append(names, challenge.Name)
			}
			assert.Equal(t, test.want, names)
		})
	}
}
