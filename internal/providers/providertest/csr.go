package providertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// newCSR has a fresh key of a type that the product takes.
func newCSR(t testing.TB, profile providers.Profile, names []string) []byte {
	t.Helper()
	var (
		key crypto.Signer
		err error
	)
	if len(profile.Curves) > 0 {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	require.NoError(t, err)
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: names[0]}, DNSNames: names}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// parseAll reads all blobs of an order; one that can't be read is a failure.
func parseAll(t testing.TB, blobs [][]byte) []*x509.Certificate {
	t.Helper()
	var all []*x509.Certificate
	for _, blob := range blobs {
		certificates, err := chain.Parse(blob)
		require.NoError(t, err)
		all = append(all, certificates...)
	}
	return all
}
