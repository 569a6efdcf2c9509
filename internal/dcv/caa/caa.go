// Package caa answers before anything is paid whether the CAA records of a name
// (RFC 8659) let a certificate authority issue for it, and whether they pass DNSSEC,
// without which an authority must not use them.
package caa

import (
	"context"
	"fmt"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// atOnce is how many names are looked up at a time.
const atOnce = 16

// Verdict is what the records say.
type Verdict int

// The verdicts. An authority treats Unknown as Forbidden, but it is worth
// another try, because it comes from a failed lookup. Bogus lasts until somebody
// repairs the zone: the answer does not pass DNSSEC, which authorities have to
// validate since 2026-03-15 (ballot SC-085).
const (
	Unknown Verdict = iota
	Allowed
	Forbidden
	Bogus
)

// String implements fmt.Stringer.
func (v Verdict) String() string {
	switch v {
	case Allowed:
		return "Allowed"
	case Forbidden:
		return "Forbidden"
	case Bogus:
		return "Bogus"
	case Unknown:
		return "Unknown"
	default:
		return fmt.Sprintf("Verdict(%d)", int(v))
	}
}

// Question is one name of a certificate.
type Question struct {
	// DNSName is the name as in the certificate, also a wildcard.
	DNSName string
	// Identities are the domains by which the authority recognises itself,
	// such as "sectigo.com"; one of them in a record is enough. Without any, the
	// records are looked up but not judged: the verdict is Bogus, Unknown or Allowed.
	Identities []string
	// Methods are the labels of the validation methods that may be used
	// (RFC 8657). A record that excludes all of them does not count as
	// permission. Empty: the parameter is ignored, as authorities that are
	// not bound to RFC 8657 yet do.
	Methods []string
}

// Result is the verdict and its reason.
type Result struct {
	Verdict Verdict
	// Name is where the deciding records stand: absolute, the name itself or
	// a parent; empty if there are none.
	Name string
	// Records are those records, as in a zone file from the flag on.
	Records []string
	// Message is one sentence for a person: why, and what to do about it.
	Message string
	// Warning is about a record that permits now and may not for ever; empty if
	// there is none.
	Warning string
}

// Checker looks up and judges CAA records. It remembers nothing and is safe for
// concurrent use.
type Checker struct {
	lookup resolver.LookupFunc
}

// New returns a Checker that asks recursive servers with r.
func New(r *resolver.Resolver) *Checker { return &Checker{lookup: r.Lookup} }

// Check climbs from the name towards the root until a name has CAA records, and
// judges those (RFC 8659, section 3). CNAMEs are followed at each step, by the
// recursive server. One lookup per label at most; each is bounded by the
// time-out of the resolver, all together by ctx.
func (c *Checker) Check(ctx context.Context, q Question) Result { return check(ctx, c.lookup, q) }

// CheckAll is Check for several names, one result for each. Parents that they share are
// looked up once. What ctx leaves no time for is Unknown.
func (c *Checker) CheckAll(ctx context.Context, questions []Question) []Result {
	results := make([]Result, len(questions))
	lookup := resolver.Memo(c.lookup, atOnce)
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, q := range questions {
		group.Go(func() error {
			results[i] = check(ctx, lookup, q)
			return nil
		})
	}
	_ = group.Wait() // the functions return no error
	return results
}

func check(ctx context.Context, lookup resolver.LookupFunc, q Question) Result {
	name, err := dcv.Normalise(q.DNSName)
	if err != nil {
		return Result{Verdict: Unknown, Message: err.Error()}
	}
	for _, n := range dcv.Climb(dcv.WildcardBase(name) + ".") {
		reply, err := lookup(ctx, n, dns.TypeCAA)
		if resolver.IsBogus(err) {
			return Result{
				Verdict: Bogus,
				Name:    n,
				Message: fmt.Sprintf("DNSSEC is broken at %s, and certificate authorities have to refuse %s while it is: %s; correct the DS record at the registry, or the signatures of the zone", n, name, resolver.Reason(err)),
			}
		}
		if err != nil {
			return Result{
				Verdict: Unknown,
				Name:    n,
				Message: fmt.Sprintf("the CAA records of %s, needed for %s, cannot be looked up: %s; the certificate authority will refuse while that lasts", n, name, resolver.Reason(err)),
			}
		}
		if records := recordsIn(reply); len(records) > 0 && len(q.Identities) > 0 {
			return judge(name, n, records, q)
		}
	}
	return Result{Verdict: Allowed, Message: "no CAA records restrict " + name}
}

func recordsIn(reply *dns.Msg) []property {
	var records []property
	for _, rr := range reply.Answer {
		if caa, ok := rr.(*dns.CAA); ok {
			records = append(records, parse(caa))
		}
	}
	return records
}

// judge applies RFC 8659, section 4 to the records at one name.
func judge(dnsName, at string, records []property, q Question) Result {
	r := Result{Name: at}
	for _, p := range records {
		r.Records = append(r.Records, p.text)
	}
	for _, p := range records {
		if p.critical && !known[p.tag] {
			return r.forbid(fmt.Sprintf("the CAA record %q at %s is critical and unknown, which forbids every issuance: remove it", p.text, at))
		}
	}
	relevant := ofTag(records, relevantTag(dnsName, records))
	if len(relevant) == 0 {
		r.Verdict, r.Message = Allowed, fmt.Sprintf("the CAA records at %s do not restrict who may issue for %s", at, dnsName)
		return r
	}
	named := ""
	for _, p := range relevant {
		if !p.names(q.Identities) {
			continue
		}
		if p.permits(q.Methods) {
			r.allow(dnsName, p)
		}
		named = p.text
	}
	if r.Verdict == Allowed {
		return r
	}
	if named != "" {
		return r.forbid(fmt.Sprintf("the CAA record %q at %s allows only other validation methods for %s than %s: add the method to it", named, at, dnsName, strings.Join(q.Methods, ", ")))
	}
	return r.forbid(fmt.Sprintf("the CAA record %q at %s does not allow %s for %s: add a record %q there", relevant[0].text, at, strings.Join(q.Identities, " or "), dnsName, advice(relevant[0].tag, q.Identities)))
}

// allow notes a record that permits. The parameters of RFC 8657 are looked at by
// all authorities from 2027-03-15 on (ballot SC-098v2); which account and method names
// hold for orders that come through a reseller, only the authority's CPS tells. A
// record without them is permission enough.
func (r *Result) allow(dnsName string, p property) {
	if r.Verdict == Allowed && r.Warning == "" {
		return
	}
	r.Verdict, r.Warning = Allowed, ""
	r.Message = fmt.Sprintf("the CAA record %q at %s allows %s", p.text, r.Name, dnsName)
	if len(p.parameters) > 0 {
		r.Warning = fmt.Sprintf("the CAA record %q at %s limits issuance for %s by %s, which all certificate authorities have to obey from 2027-03-15: make sure that it allows orders through the reseller, or add a record without it", p.text, r.Name, dnsName, strings.Join(p.parameters, " and "))
	}
}

func (r Result) forbid(message string) Result {
	r.Verdict, r.Message = Forbidden, message
	return r
}

// relevantTag is the tag that decides: for a wildcard "issuewild" if there is
// any such record, "issue" for all else.
func relevantTag(dnsName string, records []property) string {
	if dcv.IsWildcard(dnsName) && len(ofTag(records, "issuewild")) > 0 {
		return "issuewild"
	}
	return "issue"
}

func ofTag(records []property, tag string) []property {
	var matching []property
	for _, p := range records {
		if p.tag == tag {
			matching = append(matching, p)
		}
	}
	return matching
}

func advice(tag string, identities []string) string {
	identity := "CA"
	if len(identities) > 0 {
		identity = identities[0]
	}
	return fmt.Sprintf(`0 %s "%s"`, tag, identity)
}
