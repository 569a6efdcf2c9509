package chain

import (
	"crypto/x509"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// Names returns the set of DNS names that a CSR asks for: common name and DNS SANs in lower case,
// as A-labels, without trailing dots, sorted. A common name that is no DNS name is kept (in lower
// case), so that a check of the names can refuse it.
func Names(csr *x509.CertificateRequest) []string {
	if csr == nil {
		return nil
	}
	var names []string
	for _, name := range append([]string{csr.Subject.CommonName}, csr.DNSNames...) {
		if name = normalise(name); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// maxName is more than any DNS name in Unicode has; converting longer text only costs time.
const maxName = 1024

// normalise returns the lower-case A-label form of a DNS name, which may be a wildcard.
func normalise(name string) string {
	name = strings.TrimSuffix(strings.TrimSpace(name), ".")
	if len(name) > maxName {
		return strings.ToLower(name)
	}
	base, wildcard := strings.CutPrefix(name, "*.")
	ascii, err := idna.Lookup.ToASCII(base)
	if err != nil {
		return strings.ToLower(name)
	}
	if wildcard {
		return "*." + ascii
	}
	return ascii
}

// uncovered returns the names that none of the SANs covers, sorted.
func uncovered(sans, names []string) []string {
	have := make(map[string]bool, len(sans))
	for _, san := range sans {
		have[normalise(san)] = true
	}
	var missing []string
	for _, name := range names {
		if name = normalise(name); !have[name] && !have[wildcardOver(name)] {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// wildcardOver returns the only wildcard that covers name: the asterisk stands for exactly the
// leftmost label (RFC 6125 section 6.4.3). A wildcard is covered by itself alone.
func wildcardOver(name string) string {
	label, parent, ok := strings.Cut(name, ".")
	if !ok || label == "" || label == "*" || parent == "" {
		return ""
	}
	return "*." + parent
}
