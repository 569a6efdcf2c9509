package resolver

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// Zone is a zone that a name lies in.
type Zone struct {
	// Name is the apex: absolute, lower case.
	Name string
	// NegativeTTL is how long a resolver remembers that a name is absent.
	NegativeTTL time.Duration
}

// LookupFunc asks for a name and type and returns a NOERROR or NXDOMAIN answer.
type LookupFunc func(ctx context.Context, name string, qtype uint16) (*dns.Msg, error)

// FindZone finds the zone that name lies in by asking for SOA at name and its
// parents. The zone of a name that is not delegated at all is a top-level
// domain or ".".
func FindZone(ctx context.Context, name string, lookup LookupFunc) (Zone, error) {
	for _, n := range dcv.Climb(dns.CanonicalName(name)) {
		reply, err := lookup(ctx, n, dns.TypeSOA)
		if err != nil {
			return Zone{}, err
		}
		if soa := soaFor(reply, n); soa != nil {
			return Zone{Name: dns.CanonicalName(soa.Hdr.Name), NegativeTTL: negativeTTL(soa)}, nil
		}
	}
	return Zone{}, fmt.Errorf("dns: no name server knows the zone of %s", name)
}

// soaFor returns the SOA of the zone of name: either the answer itself, or the
// authority of a negative answer. Behind a CNAME the authority is that of the
// target, so it says nothing about name.
func soaFor(reply *dns.Msg, name string) *dns.SOA {
	for _, rr := range reply.Answer {
		if soa, ok := rr.(*dns.SOA); ok && dns.CanonicalName(soa.Hdr.Name) == name {
			return soa
		}
	}
	if len(reply.Answer) > 0 {
		return nil
	}
	soa := authority(reply)
	if soa == nil || !dns.IsSubDomain(soa.Hdr.Name, name) {
		return nil
	}
	return soa
}

func authority(reply *dns.Msg) *dns.SOA {
	for _, rr := range reply.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa
		}
	}
	return nil
}

// negativeTTL follows RFC 2308, section 5.
func negativeTTL(soa *dns.SOA) time.Duration {
	return time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
}

// NegativeTTL is how long the absence that reply states may be remembered; zero
// if reply does not say.
func NegativeTTL(reply *dns.Msg) time.Duration {
	soa := authority(reply)
	if soa == nil {
		return 0
	}
	return negativeTTL(soa)
}

// Referral returns the zone that a server without authority for name delegates
// it to, and the names of the servers of that zone.
func Referral(reply *dns.Msg, name string) (zone string, servers []string) {
	if reply.Authoritative || reply.Rcode != dns.RcodeSuccess || len(reply.Answer) > 0 {
		return "", nil
	}
	for _, rr := range reply.Ns {
		ns, ok := rr.(*dns.NS)
		if !ok || ns.Hdr.Name == "." || !dns.IsSubDomain(ns.Hdr.Name, name) {
			continue
		}
		zone = dns.CanonicalName(ns.Hdr.Name)
		servers = append(servers, dns.CanonicalName(ns.Ns))
	}
	return zone, servers
}
