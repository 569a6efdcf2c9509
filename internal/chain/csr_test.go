package chain

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseCSRForms(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsaKey()
	require.NoError(t, err)
	for name, csr := range map[string]string{
		"ecdsa": CSRPEM(newCSR(t, ecKey(t), "example.com", "www.example.com")),
		"rsa":   CSRPEM(newCSR(t, rsaKey, "example.com")),
	} {
		want, err := ParseCSR([]byte(csr))
		require.NoError(t, err)
		forms := map[string]string{
			"lines of 64":   csr,
			"CRLF":          strings.ReplaceAll(csr, "\n", "\r\n"),
			"three lines":   CSRThreeLines(want),
			"glued":         strings.ReplaceAll(csr, "\n", ""),
			"spaces":        strings.ReplaceAll(csr, "\n", " "),
			"old label":     strings.ReplaceAll(csr, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
			"text around":   "Certificate Request:\n    Data:\n" + csr + "\nthe end",
			"second block":  string(certPEM(newRoot(t, "Root").cert)) + csr,
			"broken before": "-----BEGIN CERTIFICATE REQUEST-----\n!!\n-----END CERTIFICATE REQUEST-----\n" + csr,
		}
		for form, text := range forms {
			t.Run(name+"/"+form, func(t *testing.T) {
				t.Parallel()
				got, err := ParseCSR([]byte(text))
				require.NoError(t, err)
				assert.Equal(t, want.Raw, got.Raw)
				assert.Equal(t, Digest(want), Digest(got))
			})
		}
	}
}

func TestParseCSRRefuses(t *testing.T) {
	t.Parallel()
	csr := newCSR(t, ecKey(t), "example.com")
	forged := bytes.Clone(csr.Raw)
	forged[len(forged)-1] ^= 1
	block := func(der []byte) string {
		return "-----BEGIN CERTIFICATE REQUEST-----" + base64.StdEncoding.EncodeToString(der) + "-----END CERTIFICATE REQUEST-----"
	}
	for name, tt := range map[string]struct {
		text   string
		reason Reason
	}{
		"empty":         {"", ReasonUnparsable},
		"a certificate": {string(certPEM(newRoot(t, "Root").cert)), ReasonUnparsable},
		"no footer":     {"-----BEGIN CERTIFICATE REQUEST-----\n" + CSRBase64(csr), ReasonUnparsable},
		"other footer":  {"-----BEGIN CERTIFICATE REQUEST-----\n" + CSRBase64(csr) + "\n-----END CERTIFICATE-----", ReasonUnparsable},
		"cut":           {block(csr.Raw[:len(csr.Raw)-4]), ReasonUnparsable},
		"signature":     {block(forged), ReasonBadSignature},
		"too large":     {CSRPEM(csr) + strings.Repeat(" ", maxCSRSize), ReasonUnparsable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseCSR([]byte(tt.text))
			requireReason(t, err, tt.reason)
		})
	}
}

func TestCSRForms(t *testing.T) {
	t.Parallel()
	csr := newCSR(t, ecKey(t), "example.com")
	lines := strings.Split(CSRThreeLines(csr), "\r\n")
	assert.Equal(t, []string{"-----BEGIN CERTIFICATE REQUEST-----", CSRBase64(csr), "-----END CERTIFICATE REQUEST-----"}, lines)
	der, err := base64.StdEncoding.DecodeString(CSRBase64(csr))
	require.NoError(t, err)
	assert.Equal(t, csr.Raw, der)
	assert.Len(t, Digest(csr), 64)
}

func TestSameKey(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsaKey()
	require.NoError(t, err)
	a, b := ecKey(t), ecKey(t)
	assert.True(t, SameKey(a.Public(), a.Public()))
	assert.True(t, SameKey(rsaKey.Public(), rsaKey.Public()))
	assert.False(t, SameKey(a.Public(), b.Public()))
	assert.False(t, SameKey(a.Public(), rsaKey.Public()))
	assert.False(t, SameKey(nil, nil))
	assert.False(t, SameKey("key", "key"))
}
