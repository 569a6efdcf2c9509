package order

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
)

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

var (
	keyA = sync.OnceValue(newKey)
	keyB = sync.OnceValue(newKey)
)

// csrPEM asks for names; the first is the common name.
func csrPEM(t *testing.T, key func() *ecdsa.PrivateKey, names ...string) []byte {
	t.Helper()
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: names[0]}, DNSNames: names}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key())
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func digestOf(t *testing.T, csr []byte) string {
	t.Helper()
	parsed, err := chain.ParseCSR(csr)
	require.NoError(t, err)
	return chain.Digest(parsed)
}

// bare is a CSR as some APIs echo it: without header and footer.
func bare(csr []byte) []byte {
	block, _ := pem.Decode(csr)
	text := pem.EncodeToMemory(block)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[1:len(lines)-1], nil)
}

// testCA is a root, not delivered, and the intermediate that signs.
type testCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

var ca = sync.OnceValue(func() testCA {
	rootKey, key := newKey(), newKey()
	template := func(n int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign, NotBefore: testNow.AddDate(-5, 0, 0), NotAfter: testNow.AddDate(10, 0, 0),
		}
	}
	rootTemplate := template(1, "Test Root")
	root := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, rootTemplate, rootTemplate, rootKey.Public(), rootKey))))
	der := must(x509.CreateCertificate(rand.Reader, template(2, "Test Issuing CA"), root, key.Public(), rootKey))
	return testCA{cert: must(x509.ParseCertificate(der)), key: key, pem: certPEM(der)}
})

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// leafFor issues a certificate for a CSR at a time; edit may change the template.
func leafFor(csr []byte, serial int64, now time.Time, edits ...func(*x509.Certificate)) []byte {
	request := must(chain.ParseCSR(csr))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: request.Subject, DNSNames: request.DNSNames,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(199*testDay - time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, edit := range edits {
		edit(template)
	}
	return certPEM(must(x509.CreateCertificate(rand.Reader, template, ca().cert, request.PublicKey, ca().key)))
}
