package cloudflare

import (
	"fmt"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// zone is a zone as the API has it.
type zone struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"` // active, pending, moved and others
	Type   string `json:"type"`   // full, partial, secondary
}

// record is a DNS record as the API has it.
type record struct {
	ID      string `json:"id,omitempty"`
	Type    string `json:"type"`
	Name    string `json:"name"` // without trailing dot
	Content string `json:"content"`
	TTL     int    `json:"ttl"` // seconds; 1 is automatic
	Proxied bool   `json:"proxied"`
	Comment string `json:"comment,omitempty"`
}

// newRecord is the record to create beside what was found at its name. Proxied is always
// sent as false: behind the proxy a CNAME isn't visible as one.
func newRecord(req dcv.Request, found []record) record {
	r := req.Record
	created := record{
		Type: string(r.Type), Name: strings.TrimSuffix(r.FQDN, "."),
		Content: content(r), TTL: int(defaultTTL / time.Second),
	}
	if r.TTL > 0 {
		created.TTL = int(max(r.TTL, defaultTTL) / time.Second)
	}
	for _, other := range found {
		if other.Type == created.Type {
			created.TTL = other.TTL
		}
	}
	comment := "domain validation by reseller-issuer " + req.ID
	created.Comment = strings.TrimSpace(comment[:min(len(comment), maxComment)])
	return created
}

func content(r dcv.Record) string {
	if r.Type == dcv.CNAME {
		return strings.TrimSuffix(r.Value, ".")
	}
	return resolver.QuoteTXT(r.Value)
}

// is reports whether the record has the type and value of r; the name was compared before.
func (c record) is(r dcv.Record) bool {
	if c.Type != string(r.Type) {
		return false
	}
	return r.Matches(c.Content) || r.Type == dcv.TXT && r.Matches(resolver.UnquoteTXT(c.Content))
}

// judge reports whether r is among the records at its name; the error names what keeps it
// from being added.
func judge(found []record, r dcv.Record) (there bool, err error) {
	for _, existing := range found {
		switch {
		case existing.is(r) && existing.Proxied:
			return false, fmt.Errorf("%w: %s has the CNAME, but proxied, so that nobody sees it: set it to DNS only", dcv.ErrConflict, r.FQDN)
		case existing.is(r):
			return true, nil
		}
	}
	for _, existing := range found {
		if r.Type == dcv.CNAME || existing.Type == string(dcv.CNAME) {
			return false, fmt.Errorf("%w: %s has a %s record with %q, next to which no %s may stand: remove it, or use another validation method",
				dcv.ErrConflict, r.FQDN, dcv.ForeignText(existing.Type), dcv.ForeignText(existing.Content), r.Type)
		}
	}
	return false, nil
}

// sameName compares names in any spelling.
func sameName(a, b string) bool {
	a, errA := dcv.Normalise(a)
	b, errB := dcv.Normalise(b)
	return errA == nil && errB == nil && a == b
}
