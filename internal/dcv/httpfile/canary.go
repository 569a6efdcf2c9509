package httpfile

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

const (
	canaryPrefix = "reseller-issuer-"
	canarySuffix = ".txt"
	nonceBytes   = 16
)

// Canary are files that every replica serves for every host without having been told of
// them: the content follows from the name. They show, before anything is bought, whether
// requests for a host arrive here. Name and content are never those that a certificate
// authority asks for.
type Canary struct {
	// Key is the same for all replicas, and no other installation has it.
	Key string
}

// File returns a canary for a host, with a new name each time.
func (c Canary) File(host string) dcv.File {
	nonce := make([]byte, nonceBytes)
	_, _ = rand.Read(nonce) // never fails
	name := canaryPrefix + hex.EncodeToString(nonce) + canarySuffix
	return dcv.File{Host: host, Path: dcv.FilePrefix + name, Body: c.body(host, name)}
}

// answer returns the content of a canary.
func (c Canary) answer(host, name string) (string, bool) {
	nonce, isCanary := strings.CutPrefix(name, canaryPrefix)
	nonce, ends := strings.CutSuffix(nonce, canarySuffix)
	if raw, err := hex.DecodeString(nonce); !isCanary || !ends || err != nil || len(raw) != nonceBytes {
		return "", false
	}
	return c.body(host, name), true
}

func (c Canary) body(host, name string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{c.Key, host, name}, "\x00")))
	return canaryPrefix + hex.EncodeToString(sum[:])
}
