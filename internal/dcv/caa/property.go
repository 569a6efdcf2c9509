package caa

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// critical is the flag of RFC 8659, section 4.1: bit 0, the highest.
const critical = 0x80

// known are the tags that a public authority understands: RFC 8659, RFC 9495
// (issuemail), and the contacts of the Baseline Requirements, appendix A.1.
var known = map[string]bool{
	"issue": true, "issuewild": true, "iodef": true, "issuemail": true, "issuevmc": true,
	"contactemail": true, "contactphone": true,
}

// property is a parsed CAA record.
type property struct {
	text     string // flag, tag and value
	tag      string // lower case
	critical bool
	// issuer is empty for "nobody" and for a value that breaks the grammar,
	// which RFC 8659, section 4.2 says is the same.
	issuer string
	// methods are the validationmethods of RFC 8657, nil if there are none stated.
	methods []string
	// parameters are those of RFC 8657 that the record has, by their tags.
	parameters []string
	// impossible: the parameters contradict each other (RFC 8657, section 3).
	impossible bool
}

func parse(rr *dns.CAA) property {
	p := property{
		text:     fmt.Sprintf("%d %s %q", rr.Flag, rr.Tag, rr.Value),
		tag:      strings.ToLower(rr.Tag),
		critical: rr.Flag&critical != 0,
	}
	if p.tag == "issue" || p.tag == "issuewild" {
		p.parseValue(rr.Value)
	}
	return p
}

// parseValue reads "issuer; tag=value; tag=value" with blanks between the parts.
func (p *property) parseValue(value string) {
	parts := strings.Split(value, ";")
	issuer := trim(parts[0])
	if len(parts) > 1 && trim(parts[len(parts)-1]) == "" {
		parts = parts[:len(parts)-1] // "issuer;" and ";" have no parameters
	}
	var methods [][]string
	for _, part := range parts[min(1, len(parts)):] {
		tag, v, ok := strings.Cut(part, "=")
		tag, v = strings.ToLower(trim(tag)), trim(v)
		if !ok || !isLabel(tag) || strings.ContainsFunc(v, notVisible) {
			return
		}
		if tag == "validationmethods" {
			methods = append(methods, strings.Split(v, ","))
		}
		if tag == "validationmethods" || tag == "accounturi" {
			p.parameters = append(p.parameters, tag)
		}
	}
	if !isDomain(issuer) {
		return
	}
	p.issuer = strings.ToLower(issuer)
	p.impossible = len(methods) > 1
	if len(methods) > 0 {
		p.methods = methods[0]
	}
}

// names reports whether the record is about one of the identities.
func (p property) names(identities []string) bool {
	return p.issuer != "" && slices.ContainsFunc(identities, func(identity string) bool {
		return strings.EqualFold(strings.TrimSuffix(identity, "."), p.issuer)
	})
}

// permits reports whether one of the methods may be used; none means that the
// question does not arise.
func (p property) permits(methods []string) bool {
	if len(methods) == 0 {
		return true
	}
	if p.impossible {
		return false
	}
	return p.methods == nil || slices.ContainsFunc(methods, func(m string) bool { return slices.Contains(p.methods, m) })
}

func trim(s string) string { return strings.Trim(s, " \t") }

func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// isLabel follows the grammar of RFC 8659, section 4.2, for both domain labels
// and the tags of parameters.
func isLabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-'
	})
}

// notVisible is what a parameter value must not contain.
func notVisible(c rune) bool { return c < '!' || c > '~' }
