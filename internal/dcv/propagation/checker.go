package propagation

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

const (
	// maxAliases is how many CNAMEs are followed to a TXT record, as many as
	// common resolvers do.
	maxAliases = 8
	// minRetry keeps callers from asking name servers in a hot loop.
	minRetry = 10 * time.Second
	// maxRetry is when to look again even if a resolver remembers for longer:
	// a farm of resolvers has many memories.
	maxRetry = 10 * time.Minute
	// atOnce is how many records are looked for at a time.
	atOnce = 16
)

// Observation is what one Check saw.
type Observation struct {
	// Propagated: every server that answers has the record, and one does.
	Propagated bool
	// Servers are the answers, in a stable order.
	Servers []ServerResult
	// Warnings are about servers that give no usable answer. They do not
	// prevent propagation, but a certificate authority may meet them too.
	Warnings []string
	// RetryAfter is how long another look is pointless; zero once propagated.
	RetryAfter time.Duration
	// NegativeTTL is how long a resolver that asks now remembers the absence
	// of the record, as far as the answers tell. After a certificate authority
	// has missed a record, wait this long before it looks again.
	NegativeTTL time.Duration
	// Message says in one sentence what was seen and what to do about it.
	Message string
}

// ServerResult is the answer of one address.
type ServerResult struct {
	// Name is the name server's name; empty for a configured server.
	Name string
	// Address is host:port, or https://host; empty if Name has none.
	Address string
	// Answered: the server gave an answer that settles the question. An
	// authoritative server must have authority for the name.
	Answered bool
	// Found: the answer holds the record.
	Found bool
	// Detail is the answer in a few words, such as "NXDOMAIN".
	Detail string
}

// Check looks once, within the configured deadline, without sleeping or
// retrying later; the caller does that, no sooner than RetryAfter. Failures of
// the DNS are part of the observation. The error is about an invalid record or
// the end of ctx.
func (c *Checker) Check(ctx context.Context, r dcv.Record) (Observation, error) {
	all, err := c.CheckAll(ctx, []dcv.Record{r})
	if err != nil {
		return Observation{}, err
	}
	return all[0], nil
}

// CheckAll is Check for several records, one observation for each, all within one
// deadline. What they have in common, such as zones and the addresses of name servers,
// is looked up once, and a server that did not answer once is not waited for again.
func (c *Checker) CheckAll(ctx context.Context, records []dcv.Record) ([]Observation, error) {
	for _, r := range records {
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("propagation: %w", err)
		}
	}
	observations := make([]Observation, len(records))
	if c.config.Mode == Off {
		for i, r := range records {
			observations[i] = Observation{Propagated: true, Message: r.Key() + " is taken for propagated: the propagation check is off"}
		}
		return observations, nil
	}
	bounded, cancel := context.WithTimeout(ctx, c.config.Deadline)
	defer cancel()
	v := c.survey()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, r := range records {
		group.Go(func() error {
			observations[i] = v.observe(bounded, r)
			return nil
		})
	}
	_ = group.Wait() // the functions return no error
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("propagation: check %d record(s): %w", len(records), err)
	}
	return observations, nil
}

func (v *survey) observe(ctx context.Context, r dcv.Record) Observation {
	if v.config.Mode == Recursive {
		return v.recursive(ctx, r, v.config.Recursors)
	}
	o := v.authoritative(ctx, r)
	if !o.Propagated || len(v.config.Confirm) == 0 {
		return o
	}
	return confirmed(o, v.recursive(ctx, r, v.config.Confirm))
}

// authoritative asks the servers of the zone that the record lies in, or for a
// TXT record of the zone to which CNAMEs lead.
func (v *survey) authoritative(ctx context.Context, r dcv.Record) Observation {
	name := r.FQDN
	for step := range maxAliases + 1 {
		zone, answers, err := v.askZone(ctx, r, name, step == 0)
		if err != nil {
			return unlocated(r, name, err)
		}
		target := commonAlias(answers)
		if target == "" || r.Type == dcv.CNAME {
			o := judge(r, name, answers)
			o.NegativeTTL = max(o.NegativeTTL, zone.NegativeTTL)
			return o
		}
		name = target
	}
	return Observation{
		RetryAfter: minRetry,
		Message:    fmt.Sprintf("%s leads through more than %d CNAME records: shorten the chain", r.Key(), maxAliases),
	}
}

// askZone asks all authoritative servers for name, down the delegations that
// they refer to. The configured servers stand in for those of the first name.
func (v *survey) askZone(ctx context.Context, r dcv.Record, name string, first bool) (resolver.Zone, []answer, error) {
	zone, servers, err := v.locate(ctx, name, first)
	if err != nil {
		return zone, nil, err
	}
	for {
		answers := v.askAll(ctx, r, name, servers)
		child, nameservers := delegation(answers, zone.Name)
		if child == "" {
			return zone, answers, nil
		}
		zone = resolver.Zone{Name: child}
		servers = v.addresses(ctx, nameservers)
	}
}

// recursive asks recursive servers for the record.
func (v *survey) recursive(ctx context.Context, r dcv.Record, list []string) Observation {
	servers := make([]endpoint, 0, len(list))
	for _, addr := range list {
		servers = append(servers, endpoint{addr: addr, recursive: true})
	}
	answers := v.askAll(ctx, r, r.FQDN, servers)
	o := judge(r, r.FQDN, answers)
	if o.Propagated {
		return o
	}
	for _, a := range answers {
		if a.Answered && !a.Found {
			o.RetryAfter = min(max(o.RetryAfter, a.remembered), maxRetry)
		}
	}
	return o
}

// confirmed adds what recursors say to a record that is on all authoritative
// servers. Only a recursor that answers without the record counts against it.
func confirmed(o, recursors Observation) Observation {
	o.Servers = append(o.Servers, recursors.Servers...)
	o.Warnings = append(o.Warnings, recursors.Warnings...)
	for _, s := range recursors.Servers {
		if s.Answered && !s.Found {
			o.Propagated = false
			o.RetryAfter = recursors.RetryAfter
			o.Message = "all authoritative servers agree, but " + recursors.Message
		}
	}
	return o
}
