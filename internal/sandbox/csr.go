package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net"
	"regexp"
	"slices"
	"strings"
)

const (
	minRSABits = 2048
	maxRSABits = 8192
)

// CSR is a certificate signing request that the simulated CA accepts on its own,
// without regard to a product.
type CSR struct {
	// PEM as the client sent it.
	PEM     string
	Request *x509.CertificateRequest
	// CommonName in lower case.
	CommonName string
	// SANs are the DNS names of the extension, lower case.
	SANs []string
	Key  KeyType
	// KeyBits is the size of the key.
	KeyBits int
}

// Digest is the SHA-256 of the CSR's DER form in lower-case hex.
func (c CSR) Digest() string {
	sum := sha256.Sum256(c.Request.Raw)
	return hex.EncodeToString(sum[:])
}

// ParseCSR reads one PEM certificate signing request and applies the checks that
// every reseller's CA makes: signature, key, common name, DNS names only.
func ParseCSR(text string) (CSR, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || !slices.Contains([]string{"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}, block.Type) {
		return CSR{}, refuse(ErrCSR, "the CSR is not a PEM certificate request")
	}
	if strings.TrimSpace(string(rest)) != "" {
		return CSR{}, refuse(ErrCSR, "there is something behind the CSR")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return CSR{}, refuse(ErrCSR, "the CSR cannot be read")
	}
	if err := request.CheckSignature(); err != nil {
		return CSR{}, refuse(ErrCSR, "the signature of the CSR is wrong")
	}
	csr := CSR{PEM: text, Request: request, CommonName: strings.ToLower(request.Subject.CommonName)}
	if csr.Key, csr.KeyBits, err = publicKey(request.PublicKey); err != nil {
		return CSR{}, err
	}
	if csr.SANs, err = subjectAltNames(request); err != nil {
		return CSR{}, err
	}
	if csr.CommonName == "" {
		return CSR{}, refuse(ErrCSR, "the CSR has no common name")
	}
	return csr, checkName(csr.CommonName)
}

func publicKey(key any) (KeyType, int, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits >= minRSABits && bits <= maxRSABits {
			return KeyRSA, bits, nil
		}
		return "", 0, refuse(ErrCSR, "an RSA key must have %d to %d bits", minRSABits, maxRSABits)
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return KeyECDSA, k.Curve.Params().BitSize, nil
		}
		return "", 0, refuse(ErrCSR, "an ECDSA key must be on P-256 or P-384")
	default:
		return "", 0, refuse(ErrCSR, "the key type of the CSR is not supported")
	}
}

func subjectAltNames(request *x509.CertificateRequest) ([]string, error) {
	if len(request.IPAddresses)+len(request.EmailAddresses)+len(request.URIs) > 0 {
		return nil, refuse(ErrCSR, "IP addresses, e-mail addresses and URIs cannot be certified")
	}
	var names []string
	for _, name := range request.DNSNames {
		name = strings.ToLower(name)
		if err := checkName(name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// label is one part of a host name. Underscores are refused in certificates since
// 2018 (CA/Browser Forum ballot SC-012).
var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

var digits = regexp.MustCompile(`^[0-9]+$`)

// checkName accepts lower-case host names of two labels or more, in A-labels, the
// first of which may be "*".
func checkName(name string) error {
	if net.ParseIP(name) != nil {
		return refuse(ErrNames, "%q is an IP address", name)
	}
	labels := strings.Split(strings.TrimPrefix(name, "*."), ".")
	bad := func(l string) bool { return !label.MatchString(l) }
	if len(name) > 253 || len(labels) < 2 || slices.ContainsFunc(labels, bad) || digits.MatchString(labels[len(labels)-1]) {
		return refuse(ErrNames, "%q is not a domain name that can be certified", name)
	}
	return nil
}

func isWildcard(name string) bool { return strings.HasPrefix(name, "*.") }

// baseName is the domain that is validated for a name.
func baseName(name string) string { return strings.TrimPrefix(name, "*.") }

// freeName is the name that a product with WWWIncluded adds to a common name.
func freeName(commonName string) string {
	switch {
	case isWildcard(commonName):
		return baseName(commonName)
	case strings.HasPrefix(commonName, "www."):
		return strings.TrimPrefix(commonName, "www.")
	default:
		return "www." + commonName
	}
}

// namesFor are the names that a CSR and further names stand for under a product:
// common name first, the rest in the order given, without repetitions and without
// what the product includes for free. room is how many names may be used.
//
// Names in the CSR's extension count only where the reseller's protocol passes
// them on as further names; a single-name product refuses a CSR that has others.
func namesFor(product Product, csr CSR, further []string, room int) ([]string, error) {
	if !slices.Contains(product.Keys, csr.Key) {
		return nil, refuse(ErrCSR, "product %s does not take %s keys", product.ID, csr.Key)
	}
	names := []string{csr.CommonName}
	for _, name := range further {
		name = strings.ToLower(strings.TrimSpace(name))
		if err := checkName(name); err != nil {
			return nil, err
		}
		free := product.WWWIncluded && name == freeName(csr.CommonName)
		if !free && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > room {
		return nil, refuse(ErrNames, "%d names are asked for, the order has room for %d", len(names), room)
	}
	return names, checkProductNames(product, csr, names)
}

func checkProductNames(product Product, csr CSR, names []string) error {
	if i := slices.IndexFunc(names, isWildcard); i >= 0 && !product.Wildcard {
		return refuse(ErrNames, "product %s does not take the wildcard name %q", product.ID, names[i])
	}
	if product.MultiDomain() {
		return nil
	}
	if product.Wildcard && !isWildcard(csr.CommonName) {
		return refuse(ErrNames, "product %s wants a wildcard as common name", product.ID)
	}
	for _, name := range csr.SANs {
		if name != csr.CommonName && (!product.WWWIncluded || name != freeName(csr.CommonName)) {
			return refuse(ErrNames, "product %s certifies one name, the CSR also has %q", product.ID, name)
		}
	}
	return nil
}
