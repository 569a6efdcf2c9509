package chain

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func FuzzParse(f *testing.F) {
	d := newDelivery(f)
	all := list(d.leaf, d.inter.cert, d.root.cert)
	for _, seed := range [][]byte{
		nil, []byte("PK\x03\x04"), []byte("\x30\x80\x00\x00"), []byte("-----BEGIN CERTIFICATE-----"),
		certPEM(all...), derOf(all...), p7DER(f, all...), p7BER(all...), p7PEM(f, "PKCS7", all...),
		b64(derOf(d.leaf)), zipOf(f, certPEM(all...)), b64(zipOf(f, p7DER(f, all...))),
		bytes.ReplaceAll(certPEM(all...), []byte("\n"), nil),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := Parse(data)
		if err != nil {
			var failure *Error
			require.ErrorAs(t, err, &failure)
			assert.Empty(t, certs)
			return
		}
		require.NotEmpty(t, certs)
		require.LessOrEqual(t, len(certs), maxCertificates)
		again, err := Parse(certPEM(certs...))
		require.NoError(t, err)
		assert.Equal(t, derOf(certs...), derOf(again...))

		got, err := Build(certs, d.requirement())
		if err == nil {
			assert.True(t, SameKey(got.Leaf.PublicKey, d.csr.PublicKey))
		} else {
			assert.LessOrEqual(t, len(err.Error()), 2*maxMessage)
		}
	})
}

func FuzzParseCSR(f *testing.F) {
	csr := newCSR(f, ecKey(f), "example.com", "*.example.com")
	for _, seed := range []string{
		"", "-----BEGIN CERTIFICATE REQUEST-----", CSRPEM(csr), CSRThreeLines(csr), CSRBase64(csr),
		strings.ReplaceAll(CSRPEM(csr), "\n", ""), strings.ReplaceAll(CSRPEM(csr), "CERT", "NEW CERT"),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		csr, err := ParseCSR(data)
		if err != nil {
			var failure *Error
			require.ErrorAs(t, err, &failure)
			return
		}
		require.NoError(t, csr.CheckSignature())
		assert.IsNonDecreasing(t, append([]string{""}, Names(csr)...))
		again, err := ParseCSR([]byte(CSRThreeLines(csr)))
		require.NoError(t, err)
		assert.Equal(t, Digest(csr), Digest(again))
	})
}
