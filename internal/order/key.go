package order

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// maxNameLength keeps names of orders usable as label values.
const maxNameLength = 63

// CertificateKey identifies the supply of one Certificate by one issuer. The name
// and not the UID counts: a Certificate that is deleted and created again finds
// what was paid for it.
func CertificateKey(namespace string, issuer v1alpha1.IssuerReference, certificate string) string {
	return digest("certificate", namespace, issuer.Kind, issuer.Namespace, issuer.Name, certificate)
}

// NamesKey identifies the supply of requests that no Certificate owns.
func NamesKey(namespace string, issuer v1alpha1.IssuerReference, names []string) string {
	sorted := slices.Sorted(slices.Values(names))
	return digest(append([]string{"names", namespace, issuer.Kind, issuer.Namespace, issuer.Name}, sorted...)...)
}

// Name of an order: the readable part, shortened, and eight digits of the key.
func Name(readable, key string) string {
	readable = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		case r == '*':
			return 'x'
		default:
			return '-'
		}
	}, strings.ToLower(readable))
	readable = strings.Trim(readable[:min(len(readable), maxNameLength-9)], "-.")
	if readable == "" {
		readable = "order"
	}
	return readable + "-" + key[:8]
}

// NamesDigest identifies a set of names whatever their order.
func NamesDigest(names []string) string {
	return digest(slices.Sorted(slices.Values(names))...)
}

// digest is 32 hexadecimal digits over the parts; a byte that is in no name keeps
// the parts apart.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
