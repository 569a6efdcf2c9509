package propagation

import (
	"fmt"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// most is how many servers a message names.
const most = 3

// judge turns answers about name, where r is or where CNAMEs have led to, into
// an observation.
func judge(r dcv.Record, name string, answers []answer) Observation {
	var o Observation
	var found, lacking, silent []ServerResult
	for _, a := range answers {
		o.Servers = append(o.Servers, a.ServerResult)
		o.NegativeTTL = max(o.NegativeTTL, a.negativeTTL)
		switch {
		case a.Found:
			found = append(found, a.ServerResult)
		case a.Answered:
			lacking = append(lacking, a.ServerResult)
		default:
			silent = append(silent, a.ServerResult)
		}
	}
	o.Warnings = warnings(o.Servers)
	what := r.Key()
	if name != r.FQDN {
		what += " (by CNAME: " + name + ")"
	}
	switch {
	case len(found) > 0 && len(lacking) == 0:
		o.Propagated = true
		o.Message = fmt.Sprintf("%s is on all %d servers that answer", what, len(found))
		return o
	case len(found) > 0:
		o.Message = fmt.Sprintf("%s is on %d servers, but not yet on %s: wait, or repair the transfer of the zone to them", what, len(found), list(lacking))
	case len(lacking) > 0:
		o.Message = fmt.Sprintf("%s is not published with the expected value: %s; if it is elsewhere, this network sees other data than the Internet (split horizon): set the propagation check to Recursive or Off", what, list(lacking))
	default:
		o.Message = fmt.Sprintf("no name server answers for %s: %s; allow DNS to them from here, or set the propagation check to Recursive or Off", what, list(silent))
	}
	o.RetryAfter = minRetry
	return o
}

// unlocated is the observation where the servers of name cannot be found.
func unlocated(r dcv.Record, name string, err error) Observation {
	return Observation{
		RetryAfter: minRetry,
		Message:    fmt.Sprintf("the name servers for %s, needed to check %s, cannot be found: %s", name, r.Key(), resolver.Reason(err)),
	}
}

// warnings names the name servers none of whose addresses gives an answer. One
// that fails on IPv6 only, say, is not worth a warning.
func warnings(servers []ServerResult) []string {
	answered := map[string]bool{}
	for _, s := range servers {
		answered[label(s)] = answered[label(s)] || s.Answered
	}
	var texts []string
	for _, s := range servers {
		if l := label(s); !answered[l] {
			answered[l] = true // once
			texts = append(texts, fmt.Sprintf("name server %s gives no usable answer: %s", l, s.Detail))
		}
	}
	return texts
}

func label(s ServerResult) string {
	if s.Name != "" {
		return s.Name
	}
	return s.Address
}

func list(servers []ServerResult) string {
	var parts []string
	for _, s := range servers[:min(most, len(servers))] {
		where := s.Address
		if s.Name != "" {
			where = strings.TrimSpace(s.Name + " " + s.Address)
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", where, s.Detail))
	}
	if more := len(servers) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", ")
}
