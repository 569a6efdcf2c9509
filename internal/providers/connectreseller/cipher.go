package connectreseller

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The vendor's parameters (API document, section 6). The hash is SHA-256, as the Java and PHP
// samples say; the Angular sample names none and means its library's default.
const (
	iterations = 1000
	keyBytes   = 16
)

// bodyCipher encrypts bodies by AES-128 in CBC mode with PKCS#7 padding and an
// initialisation vector that is always the same. There is no authentication: integrity rests
// on TLS alone.
type bodyCipher struct {
	block cipher.Block
	iv    []byte
}

func newCipher(passphrase, salt, iv providers.Secret) (bodyCipher, error) {
	if passphrase.Reveal() == "" {
		return bodyCipher{}, invalid("configure", fieldCredentials, "key passphrase is empty")
	}
	salted, err := unhex(salt)
	if err != nil || len(salted) == 0 {
		return bodyCipher{}, invalid("configure", fieldCredentials, "key salt must be hexadecimal digits")
	}
	vector, err := unhex(iv)
	if err != nil || len(vector) != aes.BlockSize {
		return bodyCipher{}, invalid("configure", fieldCredentials, "key iv must be 32 hexadecimal digits")
	}
	key, err := pbkdf2.Key(sha256.New, passphrase.Reveal(), salted, iterations, keyBytes)
	if err != nil {
		return bodyCipher{}, invalid("configure", fieldCredentials, "no key can be made of passphrase and salt")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return bodyCipher{}, invalid("configure", fieldCredentials, "no key can be made of passphrase and salt")
	}
	return bodyCipher{block: block, iv: vector}, nil
}

func unhex(secret providers.Secret) ([]byte, error) {
	return hex.DecodeString(strings.TrimSpace(secret.Reveal()))
}

// encrypt gives standard base64 in one line.
func (c bodyCipher) encrypt(text []byte) []byte {
	missing := aes.BlockSize - len(text)%aes.BlockSize
	padded := append(bytes.Clone(text), bytes.Repeat([]byte{byte(missing)}, missing)...)
	cipher.NewCBCEncrypter(c.block, c.iv).CryptBlocks(padded, padded)
	return []byte(base64.StdEncoding.EncodeToString(padded))
}

var errNotEncrypted = errors.New("the answer can't be decrypted")

// decrypt takes base64 with or without line breaks.
func (c bodyCipher) decrypt(body []byte) ([]byte, error) {
	text, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(body), nil)))
	if err != nil || len(text) == 0 || len(text)%aes.BlockSize != 0 {
		return nil, errNotEncrypted
	}
	cipher.NewCBCDecrypter(c.block, c.iv).CryptBlocks(text, text)
	missing := int(text[len(text)-1])
	if missing < 1 || missing > aes.BlockSize || !bytes.HasSuffix(text, bytes.Repeat([]byte{byte(missing)}, missing)) {
		return nil, errNotEncrypted
	}
	return text[:len(text)-missing], nil
}
