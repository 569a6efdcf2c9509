package dcv

import (
	"cmp"
	"slices"
	"strings"
)

// Selector says which names a solver is for. All parts that are set must match;
// a selector without parts matches everything. Fields and meaning are those of
// cert-manager's CertificateDNSNameSelector.
type Selector struct {
	// MatchLabels must all be on the certificate.
	MatchLabels map[string]string
	// DNSNames are compared as they are written; a wildcard only matches the
	// same wildcard.
	DNSNames []string
	// DNSZones match themselves and everything below, wildcards included,
	// without regard to case. They have no trailing dot: one with it never matches.
	DNSZones []string
}

// Solver is one entry of an issuer's ordered list of solvers.
type Solver struct {
	Selector Selector
	// Skip leaves the solver out, for example because it cannot publish what
	// is needed. The others keep their index.
	Skip bool
}

// Select returns the index of the solver for dnsName on a certificate with the
// given labels, as cert-manager's ACME orders pick theirs: a match by DNSNames
// beats any other; then the DNSZones match with more labels; then the selector
// with more MatchLabels; then the earlier in the list.
func Select(solvers []Solver, labels map[string]string, dnsName string) (index int, ok bool) {
	var best weight
	for i, s := range solvers {
		w, matches := s.Selector.match(labels, dnsName)
		if s.Skip || !matches {
			continue
		}
		if !ok || w.compare(best) > 0 {
			index, best, ok = i, w, true
		}
	}
	return index, ok
}

// weight is how specific a match is.
type weight struct {
	names  int // 1 for a match by DNSNames
	zone   int // labels of the longest matching zone
	labels int // number of MatchLabels
}

func (w weight) compare(other weight) int {
	return cmp.Or(
		cmp.Compare(w.names, other.names),
		cmp.Compare(w.zone, other.zone),
		cmp.Compare(w.labels, other.labels),
	)
}

func (s Selector) match(labels map[string]string, dnsName string) (weight, bool) {
	w := weight{labels: len(s.MatchLabels)}
	for k, want := range s.MatchLabels {
		if have, ok := labels[k]; !ok || have != want {
			return weight{}, false
		}
	}
	if len(s.DNSNames) > 0 {
		if !slices.Contains(s.DNSNames, dnsName) {
			return weight{}, false
		}
		w.names = 1
	}
	for _, zone := range s.DNSZones {
		w.zone = max(w.zone, zoneLabels(zone, dnsName))
	}
	return w, len(s.DNSZones) == 0 || w.zone > 0
}

// zoneLabels is the number of labels of zone if name is at or below it, else 0.
func zoneLabels(zone, name string) int {
	zone, name = strings.ToLower(zone), strings.ToLower(name)
	if zone == "" || (name != zone && !strings.HasSuffix(name, "."+zone)) {
		return 0
	}
	return strings.Count(zone, ".") + 1
}
