package propagation

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// answer is a ServerResult with what decides where to go on.
type answer struct {
	ServerResult
	alias       string        // the CNAME at the name
	child       string        // the zone that the server refers to
	nameservers []string      // of child
	negativeTTL time.Duration // of an authoritative absence
	remembered  time.Duration // how long a recursor goes on giving this answer
}

// askAll asks all servers at the same time, within the limit of the survey.
func (v *survey) askAll(ctx context.Context, r dcv.Record, name string, servers []endpoint) []answer {
	answers := make([]answer, len(servers))
	var group errgroup.Group
	for i, s := range servers {
		group.Go(func() error {
			answers[i] = v.askOne(ctx, r, name, s)
			return nil
		})
	}
	_ = group.Wait() // the functions return no error
	return answers
}

func (v *survey) askOne(ctx context.Context, r dcv.Record, name string, s endpoint) answer {
	a := answer{ServerResult: ServerResult{Name: s.name, Address: resolver.Display(s.addr)}}
	if s.addr == "" {
		a.Detail = s.missing
		return a
	}
	m := resolver.Question(name, dns.StringToType[string(r.Type)], s.recursive)
	reply, err := v.ask(ctx, s, m)
	switch {
	case resolver.IsBogus(err):
		// Certificate authorities validate: to them there is no record.
		a.Answered, a.Detail = true, resolver.Reason(err)
		return a
	case err != nil:
		a.Detail = resolver.Reason(err)
		return a
	}
	a.read(r, name, reply, s.recursive)
	return a
}

// read takes from reply what it says about r at name.
func (a *answer) read(r dcv.Record, name string, reply *dns.Msg, recursive bool) {
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		a.Detail = dns.RcodeToString[reply.Rcode]
		return
	}
	if !recursive && !reply.Authoritative {
		a.child, a.nameservers = resolver.Referral(reply, name)
		a.Detail = "not authoritative"
		return
	}
	a.Answered = true
	values := a.values(r, name, reply, recursive)
	for _, v := range values {
		a.Found = a.Found || r.Matches(v)
	}
	a.negativeTTL = resolver.NegativeTTL(reply)
	a.remembered = a.negativeTTL
	if len(reply.Answer) > 0 {
		a.remembered = time.Duration(reply.Answer[len(reply.Answer)-1].Header().Ttl) * time.Second
	}
	switch {
	case len(values) > 0:
		a.Detail = show(r.Type, values)
	case a.alias != "":
		a.Detail = "CNAME " + a.alias
	case reply.Rcode == dns.RcodeNameError:
		a.Detail = "NXDOMAIN"
	default:
		a.Detail = "no " + string(r.Type) + " record"
	}
}

// values are what reply holds of the type of r. A recursor has followed the
// CNAMEs to a TXT record itself. Those of a CNAME record are never followed.
func (a *answer) values(r dcv.Record, name string, reply *dns.Msg, recursive bool) []string {
	alias := resolver.Alias(reply, name)
	a.alias = alias
	switch {
	case r.Type == dcv.CNAME && alias != "":
		return []string{alias}
	case r.Type == dcv.CNAME:
		return nil
	case recursive:
		return resolver.Texts(reply, resolver.FollowAlias(reply, name, maxAliases))
	default:
		return resolver.Texts(reply, name)
	}
}

// show quotes up to three values, the tokens of others included: they are
// public, and the usual mistake is an old one left behind.
func show(t dcv.RecordType, values []string) string {
	const most, length = 3, 80
	var parts []string
	for _, v := range values[:min(most, len(values))] {
		if len(v) > length {
			v = v[:length] + "…"
		}
		if t == dcv.TXT {
			v = strconv.Quote(v)
		}
		parts = append(parts, v)
	}
	if more := len(values) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// commonAlias is the CNAME target that every answer gives, or "".
func commonAlias(answers []answer) string {
	alias := ""
	for _, a := range answers {
		switch {
		case !a.Answered:
		case a.alias == "" || (alias != "" && alias != a.alias):
			return ""
		default:
			alias = a.alias
		}
	}
	return alias
}

// delegation is the zone below zone that a server refers to. Another server may
// have answered for that zone as well, but the zone has servers of its own.
func delegation(answers []answer, zone string) (child string, nameservers []string) {
	for _, a := range answers {
		if a.child != "" && a.child != zone && dns.IsSubDomain(zone, a.child) {
			return a.child, a.nameservers
		}
	}
	return "", nil
}
