package order

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// maxCommonName is ub-common-name of RFC 5280, appendix A.1; maxDNSName is the limit of
// RFC 1035 in presentation form.
const (
	maxCommonName = 64
	maxDNSName    = 253
)

// Candidate is what a request asks for.
type Candidate struct {
	// CSR with a checked signature, as [chain.ParseCSR] returns it.
	CSR *x509.CertificateRequest
	// KeyUsage, ExtKeyUsage and IsCA are those of the request's spec. What the CSR
	// itself asks for is looked at as well.
	KeyUsage    x509.KeyUsage
	ExtKeyUsage []x509.ExtKeyUsage
	IsCA        bool
}

// UnsuitableError says why a request can never get a certificate from its issuer.
type UnsuitableError struct {
	// Field to change: of the Certificate if it begins with "spec.", of the issuer if
	// it begins with the issuer's kind.
	Field string
	// Message says what is wrong and what to do about it.
	Message string
}

// Error is the message with the field in front of it.
func (e *UnsuitableError) Error() string { return e.Field + ": " + e.Message }

func unsuitable(field, format string, args ...any) error {
	return &UnsuitableError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// suitabilityChecks in the order in which a person would mend things.
var suitabilityChecks = []func(providers.Profile, Candidate) error{
	checkAuthority, checkUsages, checkOtherNames, checkCommonName, checkDNSNames, checkCount, checkKey,
}

// Suitable reports, before anything is paid, what the product can't do for a request. It
// returns nil or an [*UnsuitableError]. The wished duration never makes a request
// unsuitable.
func Suitable(profile providers.Profile, candidate Candidate) error {
	for _, check := range suitabilityChecks {
		if err := check(profile, candidate); err != nil {
			return err
		}
	}
	return nil
}

// ProfileFor is the profile by which a reissue under a paid purchase is judged. An issuer's
// other product applies from the next purchase; what the paid one takes isn't known any
// more, so that only what no product does is refused here, and the rest by the reseller, at
// no cost.
func ProfileFor(profile providers.Profile, paid *v1alpha1.ResellerPurchase) providers.Profile {
	if paid == nil || paid.Spec.Product == profile.Product {
		return profile
	}
	profile.Product, profile.Name = paid.Spec.Product, ""
	profile.Wildcard, profile.MaxNames, profile.CommonNameRequired = true, max(profile.MaxNames, len(paid.Spec.Names)), false
	return profile
}

var (
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidServerAuth       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
)

func checkAuthority(_ providers.Profile, c Candidate) error {
	signs := c.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0
	if !c.IsCA && !signs && !wantsCA(c.CSR) {
		return nil
	}
	return unsuitable("spec.isCA", "a publicly trusted certificate can't be a CA: remove isCA and the usages cert sign and crl sign")
}

func wantsCA(csr *x509.CertificateRequest) bool {
	for _, extension := range csr.Extensions {
		if !extension.Id.Equal(oidBasicConstraints) {
			continue
		}
		var constraints struct {
			IsCA       bool `asn1:"optional"`
			MaxPathLen int  `asn1:"optional,default:-1"`
		}
		_, err := asn1.Unmarshal(extension.Value, &constraints)
		return err != nil || constraints.IsCA
	}
	return false
}

func checkUsages(_ providers.Profile, c Candidate) error {
	client := slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	other := slices.ContainsFunc(c.ExtKeyUsage, func(u x509.ExtKeyUsage) bool { return u != x509.ExtKeyUsageServerAuth })
	switch {
	case client:
		return unsuitable("spec.usages", "client auth is not in publicly trusted TLS certificates any more: remove it, and use a private CA where it is needed")
	case other || wantsOtherUsages(c.CSR):
		return unsuitable("spec.usages", "the only extended key usage of a TLS certificate is server auth: remove the others")
	}
	return nil
}

func wantsOtherUsages(csr *x509.CertificateRequest) bool {
	for _, extension := range csr.Extensions {
		if !extension.Id.Equal(oidExtKeyUsage) {
			continue
		}
		var usages []asn1.ObjectIdentifier
		_, err := asn1.Unmarshal(extension.Value, &usages)
		return err != nil || slices.ContainsFunc(usages, func(id asn1.ObjectIdentifier) bool { return !id.Equal(oidServerAuth) })
	}
	return false
}

func checkOtherNames(_ providers.Profile, c Candidate) error {
	const format = "resellers sell certificates for DNS names only: remove %s"
	switch {
	case len(c.CSR.IPAddresses) > 0:
		return unsuitable("spec.ipAddresses", format, c.CSR.IPAddresses[0])
	case len(c.CSR.EmailAddresses) > 0:
		return unsuitable("spec.emailAddresses", format, quoted(c.CSR.EmailAddresses[0]))
	case len(c.CSR.URIs) > 0:
		return unsuitable("spec.uris", format, quoted(c.CSR.URIs[0].String()))
	}
	return nil
}

func checkCommonName(profile providers.Profile, c Candidate) error {
	name := c.CSR.Subject.CommonName
	switch {
	case name == "" && profile.CommonNameRequired:
		return unsuitable("spec.commonName", "the reseller takes the domain from the common name and there is none: set spec.commonName on the Certificate, or the annotation cert-manager.io/common-name on the Ingress or Gateway, to one of the DNS names")
	case name == "":
		return nil
	case len(name) > maxCommonName:
		return unsuitable("spec.commonName", "it has %d bytes and at most %d are possible: take a shorter one of the DNS names", len(name), maxCommonName)
	}
	if reason := badDNSName(name); reason != "" {
		return unsuitable("spec.commonName", "%s %s; the common name must be one of the DNS names", quoted(name), reason)
	}
	return nil
}

func checkDNSNames(profile providers.Profile, c Candidate) error {
	for _, name := range c.CSR.DNSNames {
		if reason := badDNSName(name); reason != "" {
			return unsuitable("spec.dnsNames", "%s %s", quoted(name), reason)
		}
	}
	names := chain.Names(c.CSR)
	if len(names) == 0 {
		return unsuitable("spec.dnsNames", "there is no DNS name")
	}
	wildcard := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "*.") })
	if wildcard >= 0 && !profile.Wildcard {
		return unsuitable("spec.dnsNames", "product %s has no wildcard names: remove %s, or let the issuer buy a wildcard product", profile.Product, names[wildcard])
	}
	return nil
}

// badDNSName says what is wrong with a DNS name, nothing if a public CA may certify it
// (CA/Browser Forum Baseline Requirements, sections 7.1.4.2.1 and 3.2.2.4).
func badDNSName(name string) string {
	base := strings.ToLower(strings.TrimPrefix(name, "*."))
	if ascii, err := idna.Lookup.ToASCII(base); err == nil && ascii != base {
		return "is not in A-labels: write " + ascii
	}
	switch _, err := idna.Registration.ToASCII(base); {
	case len(name) > maxDNSName:
		return fmt.Sprintf("is longer than %d characters", maxDNSName)
	case isAddress(base):
		return "is an IP address"
	case strings.Contains(base, "_"):
		return "contains an underscore, which public CAs must not certify"
	case strings.Contains(base, "*"):
		return "is not a wildcard that CAs know: an asterisk stands alone, as the first label"
	case strings.HasSuffix(base, "."):
		return "ends with a dot: remove it"
	case !strings.Contains(base, "."):
		return "has no domain: names of internal networks and top-level domains can't be certified"
	case err != nil, strings.ContainsFunc(base, notInName), slices.ContainsFunc(strings.Split(base, "."), notALabel):
		return "is not a valid DNS name"
	}
	return ""
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

func notALabel(label string) bool {
	return label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-")
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
}

func checkCount(profile providers.Profile, c Candidate) error {
	names, limit := chain.Names(c.CSR), max(profile.MaxNames, 1)
	count := len(names)
	if profile.WWWIncluded && slices.Contains(names, includedName(strings.ToLower(c.CSR.Subject.CommonName))) {
		count--
	}
	if count > limit {
		return unsuitable("spec.dnsNames", "there are %d names and product %s takes %d: split the Certificate, or let the issuer buy a product for more names", count, profile.Product, limit)
	}
	return nil
}

// includedName is what CAs add to a common name by themselves: the name with or without www, and
// the domain of a wildcard.
func includedName(commonName string) string {
	for _, prefix := range []string{"*.", "www."} {
		if base, ok := strings.CutPrefix(commonName, prefix); ok {
			return base
		}
	}
	return "www." + commonName
}

func checkKey(profile providers.Profile, c Candidate) error {
	switch key := c.CSR.PublicKey.(type) {
	case *rsa.PublicKey:
		smallest, largest := profile.RSABits[0], profile.RSABits[1]
		bits := key.N.BitLen()
		switch {
		case largest == 0:
			return unsuitable("spec.privateKey.algorithm", "product %s does not take RSA keys: use %s", profile.Product, accepted(profile))
		case bits < smallest || bits > largest:
			return unsuitable("spec.privateKey.size", "an RSA key of %d bits is not accepted: use %s", bits, accepted(profile))
		}
		return nil
	case *ecdsa.PublicKey:
		if !slices.Contains(profile.Curves, key.Curve.Params().Name) {
			return unsuitable("spec.privateKey.algorithm", "an ECDSA key on %s is not accepted: use %s", key.Curve.Params().Name, accepted(profile))
		}
		return nil
	default:
		return unsuitable("spec.privateKey.algorithm", "%s keys are not in publicly trusted certificates: use %s", c.CSR.PublicKeyAlgorithm, accepted(profile))
	}
}

// accepted lists the keys that a product takes.
func accepted(profile providers.Profile) string {
	var kinds []string
	if profile.RSABits[1] > 0 {
		kinds = append(kinds, fmt.Sprintf("RSA with %d to %d bits", profile.RSABits[0], profile.RSABits[1]))
	}
	if len(profile.Curves) > 0 {
		kinds = append(kinds, "ECDSA on "+strings.Join(profile.Curves, ", "))
	}
	if len(kinds) == 0 {
		return "another product"
	}
	return strings.Join(kinds, " or ")
}

// quoted makes text that a stranger wrote safe to show.
func quoted(s string) string {
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return fmt.Sprintf("%q", s)
}
