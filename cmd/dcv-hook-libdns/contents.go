package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/libdns/libdns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// defaultTTL of new record sets: the shortest that all of the services take.
const defaultTTL = time.Minute

// entry is a record of a zone.
type entry struct {
	fqdn   string // absolute, lower case
	kind   string // such as TXT
	value  string // TXT without quotes, CNAME absolute and in lower case
	ttl    time.Duration
	record libdns.Record // as the provider gave it
}

// newEntry also evens out the forms of values: some providers give TXT with its quotes.
func newEntry(r libdns.Record, zone string) entry {
	rr := r.RR()
	name := strings.ToLower(libdns.AbsoluteName(rr.Name, zone))
	e := entry{fqdn: strings.TrimSuffix(name, ".") + ".", kind: strings.ToUpper(rr.Type), value: rr.Data, ttl: rr.TTL, record: r}
	switch e.kind {
	case string(dcv.TXT):
		e.value = resolver.UnquoteTXT(rr.Data)
	case string(dcv.CNAME):
		e.value = dcv.CanonicalTarget(rr.Data)
	}
	return e
}

// is reports whether the entry is r.
func (e entry) is(r dcv.Record) bool {
	return e.fqdn == r.FQDN && e.kind == string(r.Type) && r.Matches(e.value)
}

// contents are the records of a zone by owner name.
type contents map[string][]entry

func (c contents) at(fqdn string) []entry { return c[fqdn] }

func (c contents) add(e entry) { c[e.fqdn] = append(c[e.fqdn], e) }

func (c contents) drop(r dcv.Record) {
	c[r.FQDN] = slices.DeleteFunc(slices.Clone(c[r.FQDN]), func(e entry) bool { return e.is(r) })
}

func (c contents) copy() contents {
	clone := maps.Clone(c)
	for name, list := range clone {
		clone[name] = slices.Clip(list)
	}
	return clone
}

func (c contents) holds(r dcv.Record) bool {
	return slices.ContainsFunc(c.at(r.FQDN), func(e entry) bool { return e.is(r) })
}

// has reports whether an entry is there, whatever its TTL.
func (c contents) has(wanted entry) bool {
	return slices.ContainsFunc(c.at(wanted.fqdn), func(e entry) bool { return e.kind == wanted.kind && e.value == wanted.value })
}

// others are the records of the same set with other values.
func (c contents) others(r dcv.Record) []entry {
	var list []entry
	for _, e := range c.at(r.FQDN) {
		if e.kind == string(r.Type) && !e.is(r) {
			list = append(list, e)
		}
	}
	return list
}

// ttl keeps that of an existing set, because a set has only one.
func (c contents) ttl(r dcv.Record) time.Duration {
	if others := c.others(r); len(others) > 0 {
		return others[0].ttl
	}
	return max(r.TTL, defaultTTL)
}

// newRecord is r for a provider.
func newRecord(r dcv.Record, zone string, ttl time.Duration) libdns.Record {
	name := libdns.RelativeName(r.FQDN, zone)
	if r.Type == dcv.CNAME {
		// Without the dot, some providers take the target as relative to the zone.
		return libdns.CNAME{Name: name, TTL: ttl, Target: dcv.CanonicalTarget(r.Value)}
	}
	return libdns.TXT{Name: name, TTL: ttl, Text: r.Value}
}

// maxString is the longest TXT value that needs no splitting, which not every library does.
const maxString = 255

// obstacle is why a record can't be added safely.
func (z *zone) obstacle(found contents, r dcv.Record) error {
	if r.Type == dcv.TXT && (len(r.Value) > maxString || strings.ContainsFunc(r.Value, unsafe)) {
		return fmt.Errorf("%w: the value of %s is longer than %d bytes or has other than plain characters, which the libraries for DNS services quote in different ways", dcv.ErrUnsupported, r.Key(), maxString)
	}
	if delegated := z.delegated(found, r.FQDN); delegated != "" {
		return fmt.Errorf("%w: %s is delegated to other name servers: use a solver for that zone", dcv.ErrDenied, delegated)
	}
	for _, e := range found.at(r.FQDN) {
		if r.Type == dcv.CNAME || e.kind == string(dcv.CNAME) {
			return fmt.Errorf("%w: %s has a %s record with %q, next to which no %s may stand: remove it, or use another validation method", dcv.ErrConflict, r.FQDN, e.kind, e.value, r.Type)
		}
	}
	if r.Type == dcv.CNAME && r.FQDN == z.name {
		return fmt.Errorf("%w: %s is the apex of a zone, where no CNAME may stand: use another validation method", dcv.ErrConflict, r.FQDN)
	}
	if others := found.others(r); len(others) > 0 && z.kind.wholeSets {
		return fmt.Errorf("%w: %s has the %s value %q, and the library for this DNS service rewrites all values of a name: use a CNAME, another name, or another solver", dcv.ErrUnsupported, r.FQDN, r.Type, others[0].value)
	}
	return nil
}

// unsafe are characters that some libraries drop, trim or fail to escape.
func unsafe(c rune) bool {
	return c < ' ' || c > '~' || strings.ContainsRune(`"\;`, c)
}

// delegated is the name at or above fqdn, below the apex, that has name servers of its own.
func (z *zone) delegated(found contents, fqdn string) string {
	for _, name := range dcv.Climb(fqdn) {
		if name == z.name {
			break
		}
		if slices.ContainsFunc(found.at(name), func(e entry) bool { return e.kind == "NS" }) {
			return name
		}
	}
	return ""
}
