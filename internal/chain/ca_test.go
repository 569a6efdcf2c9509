package chain

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	now    = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
)

// authority is a CA of the tests; a root is its own issuer.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func sign(t testing.TB, template *x509.Certificate, key crypto.PublicKey, issuer *x509.Certificate, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	if template.SerialNumber == nil {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
		require.NoError(t, err)
		template.SerialNumber = serial
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert
}

func caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.AddDate(-5, 0, 0),
		NotAfter:              now.AddDate(5, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
}

func newRoot(t testing.TB, name string) authority {
	t.Helper()
	key := ecKey(t)
	template := caTemplate(name)
	return authority{cert: sign(t, template, key.Public(), template, key), key: key}
}

// sub makes an intermediate CA; edit may change its template.
func (a authority) sub(t testing.TB, name string, edit ...func(*x509.Certificate)) authority {
	t.Helper()
	key := ecKey(t)
	return authority{cert: a.certify(t, name, key.Public(), edit...), key: key}
}

// certify makes a CA certificate for a key, such as a cross-signature.
func (a authority) certify(t testing.TB, name string, key crypto.PublicKey, edit ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := caTemplate(name)
	for _, change := range edit {
		change(template)
	}
	return sign(t, template, key, a.cert, a.key)
}

// leaf makes a server certificate for example.com and www.example.com; edit may change its template.
func (a authority) leaf(t testing.TB, key crypto.PublicKey, edit ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "example.com"},
		DNSNames:    []string{"example.com", "www.example.com"},
		NotBefore:   now.AddDate(0, 0, -1),
		NotAfter:    now.AddDate(0, 0, 198),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, change := range edit {
		change(template)
	}
	return sign(t, template, key, a.cert, a.key)
}

func newCSR(t testing.TB, key crypto.Signer, cn string, names ...string) *x509.CertificateRequest {
	t.Helper()
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: cn}, DNSNames: names}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	require.NoError(t, err)
	csr, err := x509.ParseCertificateRequest(der)
	require.NoError(t, err)
	return csr
}

func certPEM(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, cert := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
	}
	return out
}

// delivery is what most tests need: a CA of two levels and a leaf for a CSR.
type delivery struct {
	root, inter authority
	key         *ecdsa.PrivateKey
	csr         *x509.CertificateRequest
	leaf        *x509.Certificate
}

func newDelivery(t testing.TB) delivery {
	t.Helper()
	d := delivery{root: newRoot(t, "Root"), key: ecKey(t)}
	d.inter = d.root.sub(t, "Intermediate")
	d.csr = newCSR(t, d.key, "example.com", "example.com", "www.example.com")
	d.leaf = d.inter.leaf(t, d.key.Public())
	return d
}

func (d delivery) requirement() Requirement { return Requirement{CSR: d.csr, Now: now} }
