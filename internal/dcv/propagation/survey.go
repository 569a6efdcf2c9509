package propagation

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/miekg/dns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// survey is one check of one or more records. It bounds the questions that are under way
// and keeps what need not be asked twice.
type survey struct {
	*Checker
	slots chan struct{}
	// lookup asks the recursors about zones and name servers, once for each.
	lookup resolver.LookupFunc
	// silent has the addresses that gave no answer in time, with the error.
	silent sync.Map
}

func (c *Checker) survey() *survey {
	return &survey{
		Checker: c, slots: make(chan struct{}, c.config.Concurrency),
		lookup: resolver.Memo(c.recursors.Lookup, c.config.Concurrency),
	}
}

// ask sends a question to one server, unless it was silent before.
func (v *survey) ask(ctx context.Context, s endpoint, m *dns.Msg) (*dns.Msg, error) {
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err, known := v.silent.Load(s.addr); known {
		return nil, err.(error)
	}
	reply, err := v.client.Ask(ctx, s.addr, m)
	if err != nil {
		if ctx.Err() == nil && resolver.IsTimeout(err) {
			v.silent.Store(s.addr, err)
		}
		return nil, err
	}
	if s.recursive {
		if bogus := v.client.Bogus(ctx, s.addr, reply); bogus != nil {
			return nil, bogus
		}
	}
	return reply, nil
}

var (
	errDisagree = errors.New("its name servers don't agree on the CNAME")
	errNoAnswer = errors.New("none of its name servers answers")
	errTooMany  = fmt.Errorf("more than %d CNAME records", maxAliases)
)

// Target is the name to which the CNAMEs at a name lead: absolute, in lower case, and
// the name itself where there is none. The authoritative servers are asked where the
// mode says so, else the recursors.
func (c *Checker) Target(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Deadline)
	defer cancel()
	v := c.survey()
	name = dns.CanonicalName(name)
	for step := range maxAliases + 1 {
		alias, err := v.aliasOf(ctx, name, step == 0)
		if err != nil {
			return "", fmt.Errorf("propagation: CNAME at %s: %w", name, err)
		}
		if alias == "" {
			return name, nil
		}
		name = alias
	}
	return "", fmt.Errorf("propagation: CNAME at %s: %w", name, errTooMany)
}

func (v *survey) aliasOf(ctx context.Context, name string, first bool) (string, error) {
	if v.config.Mode != Authoritative {
		reply, err := v.lookup(ctx, name, dns.TypeCNAME)
		if err != nil {
			return "", err
		}
		return resolver.Alias(reply, name), nil
	}
	_, answers, err := v.askZone(ctx, dcv.Record{Type: dcv.CNAME, FQDN: name}, name, first)
	if err != nil {
		return "", err
	}
	alias := commonAlias(answers)
	answered := false
	for _, a := range answers {
		answered = answered || a.Answered
		if a.Answered && a.alias != alias {
			return "", errDisagree
		}
	}
	if !answered {
		return "", errNoAnswer
	}
	return alias, nil
}

// Zone is the apex of the zone that a name lies in, absolute and in lower case, as far
// as the recursors know: they are not asked about labels with an underscore in front.
func (c *Checker) Zone(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Deadline)
	defer cancel()
	zone, err := resolver.FindZone(ctx, withoutUnderscores(dns.CanonicalName(name)), c.recursors.Lookup)
	if err != nil {
		return "", fmt.Errorf("propagation: zone of %s: %w", name, err)
	}
	return zone.Name, nil
}
