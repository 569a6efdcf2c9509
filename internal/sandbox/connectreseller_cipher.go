package sandbox

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// bodyCipher is AES-128 in CBC mode with a fixed initialisation vector; the key comes from
// PBKDF2 with HMAC-SHA256 and 1000 iterations, as in the vendor's Java and PHP samples.
type bodyCipher struct {
	block cipher.Block
	iv    []byte
}

func newBodyCipher(passphrase, salt, iv string) (bodyCipher, error) {
	salted, err := hex.DecodeString(salt)
	if err != nil {
		return bodyCipher{}, fmt.Errorf("sandbox: the salt is not hex: %w", err)
	}
	vector, err := hex.DecodeString(iv)
	if err != nil || len(vector) != aes.BlockSize {
		return bodyCipher{}, errors.New("sandbox: the IV is not hex of 16 bytes")
	}
	key, err := pbkdf2.Key(sha256.New, passphrase, salted, 1000, aes.BlockSize)
	if err != nil {
		return bodyCipher{}, fmt.Errorf("sandbox: derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	return bodyCipher{block: block, iv: vector}, err
}

// lineLength is where MIME breaks base64.
const lineLength = 76

// encrypt pads, encrypts and encodes in lines.
func (c bodyCipher) encrypt(text []byte) []byte {
	missing := aes.BlockSize - len(text)%aes.BlockSize
	padded := append(bytes.Clone(text), bytes.Repeat([]byte{byte(missing)}, missing)...)
	cipher.NewCBCEncrypter(c.block, c.iv).CryptBlocks(padded, padded)
	encoded := base64.StdEncoding.EncodeToString(padded)
	var lines []string
	for len(encoded) > lineLength {
		lines, encoded = append(lines, encoded[:lineLength]), encoded[lineLength:]
	}
	return []byte(strings.Join(append(lines, encoded), "\r\n"))
}

// decrypt undoes encrypt for a body without line breaks.
func (c bodyCipher) decrypt(body []byte) ([]byte, error) {
	text, err := base64.StdEncoding.DecodeString(string(body))
	if err != nil {
		return nil, err
	}
	if len(text) == 0 || len(text)%aes.BlockSize != 0 {
		return nil, errors.New("sandbox: the body has no whole blocks")
	}
	cipher.NewCBCDecrypter(c.block, c.iv).CryptBlocks(text, text)
	missing := int(text[len(text)-1])
	if missing < 1 || missing > aes.BlockSize || !bytes.HasSuffix(text, bytes.Repeat([]byte{byte(missing)}, missing)) {
		return nil, errors.New("sandbox: the padding is wrong")
	}
	return text[:len(text)-missing], nil
}
