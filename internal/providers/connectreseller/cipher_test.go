package connectreseller

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// vectorCipher has the secrets of a vector on which Go, OpenSSL 3.0, OpenJDK 17 and
// crypto-js 4.2.0 agree.
func vectorCipher(t testing.TB) bodyCipher {
	t.Helper()
	c, err := newCipher("correct horse battery staple", "00112233445566778899aabbccddeeff", "0f0e0d0c0b0a09080706050403020100")
	require.NoError(t, err)
	return c
}

const (
	vectorText = `{"resellerId":26,"orderId":279805,"timestamp":"1684223841387"}`
	vectorBody = "5dhF7eY93bZPIOPOoOFyxldD3YPewoZNSQqIDCwINyD0HEUHWmGZooisMdBzPIqHR2qmOqFhN6RfN+6ECfBeNw=="
	// wrongHash is the same with a key by HMAC-SHA1, which crypto-js before 4.2.0 took.
	wrongHash = "cdm0qKGrrn5J40T62/XfZib+9IPlKdcKw58pfPp2w9HDHihmWNEt0wkVXtEylZ8B90QIiir5t3XyN1NtvloTmQ=="
)

func TestCipherVector(t *testing.T) {
	t.Parallel()
	c := vectorCipher(t)
	assert.Equal(t, vectorBody, string(c.encrypt([]byte(vectorText))))
	for _, form := range []string{vectorBody, vectorBody[:40] + "\r\n" + vectorBody[40:] + "\n", " " + strings.Join(strings.Split(vectorBody, ""), "\n")} {
		text, err := c.decrypt([]byte(form))
		require.NoError(t, err)
		assert.Equal(t, vectorText, string(text)) //nolint:testifylint // byte for byte
	}
	_, err := c.decrypt([]byte(wrongHash))
	require.ErrorIs(t, err, errNotEncrypted)
}

// TestCipherLengths: 142 bytes make 192 characters, as in the vendor's sample of SSLOrder.
func TestCipherLengths(t *testing.T) {
	t.Parallel()
	c := vectorCipher(t)
	for length, want := range map[int]int{0: 24, 15: 24, 16: 44, 142: 192, 339: 472} {
		body := c.encrypt([]byte(strings.Repeat("x", length)))
		assert.Len(t, body, want)
		text, err := c.decrypt(body)
		require.NoError(t, err)
		assert.Len(t, text, length)
	}
}

// TestDecryptRefuses odd lengths and every wrong byte of a padding.
func TestDecryptRefuses(t *testing.T) {
	t.Parallel()
	c := vectorCipher(t)
	for _, body := range []string{"", "x", "<html>", vectorBody[:84], vectorBody[:87], "AAAA"} {
		_, err := c.decrypt([]byte(body))
		assert.ErrorIs(t, err, errNotEncrypted, body)
	}
	for missing := 2; missing <= 16; missing++ {
		// The vector's mode lets a changed bit of one block change the same bit of the next.
		body, err := base64.StdEncoding.DecodeString(string(c.encrypt([]byte(strings.Repeat("x", 48-missing)))))
		require.NoError(t, err)
		body[16+16-missing] ^= 1
		_, err = c.decrypt([]byte(base64.StdEncoding.EncodeToString(body)))
		assert.ErrorIs(t, err, errNotEncrypted, missing)
	}
}

func TestNewCipherRefuses(t *testing.T) {
	t.Parallel()
	const hex = "00112233445566778899aabbccddeeff"
	for name, secrets := range map[string][3]providers.Secret{
		"passphrase": {"", hex, hex}, "salt": {"secret-p", "secret-salt", hex}, "no salt": {"secret-p", "", hex},
		"iv": {"secret-p", hex, "secret-iv"}, "short iv": {"secret-p", hex, "0011"},
	} {
		_, err := newCipher(secrets[0], secrets[1], secrets[2])
		assert.Equal(t, providers.Invalid, kindOf(t, err), name)
		assert.Equal(t, fieldCredentials, fieldOf(t, err))
		assert.NotContains(t, err.Error(), "secret")
	}
	_, err := newCipher("p", " "+hex+"\n", hex+"\n")
	require.NoError(t, err, "white space around is never meant")
}
