package resolver

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// BogusError is an answer that a validating recursive server withholds because it
// does not pass DNSSEC. Certificate authorities have to validate in the same way since
// 2026-03-15 (CA/Browser Forum ballot SC-085) and refuse to issue.
type BogusError struct {
	// Server is the recursive server, as [Display] shows it.
	Server string
	// Name and Type are what was asked for.
	Name, Type string
	// Detail is what the server says is wrong (RFC 8914), such as "Signature
	// Expired"; empty if it says nothing.
	Detail string
}

// Error implements error.
func (e *BogusError) Error() string {
	return fmt.Sprintf("dns: %s %s: %s", e.Type, e.Name, e.Reason())
}

// Reason says in a few words what is wrong.
func (e *BogusError) Reason() string {
	if e.Detail == "" {
		return "DNSSEC validation fails at " + e.Server
	}
	return "DNSSEC validation fails at " + e.Server + " (" + e.Detail + ")"
}

// IsBogus reports whether err is or wraps a [*BogusError].
func IsBogus(err error) bool {
	_, ok := errors.AsType[*BogusError](err)
	return ok
}

// Bogus tells whether a recursive server answered SERVFAIL because of DNSSEC: then it
// has an answer once it is told not to check (CD=1), and still fails when it is asked
// as before. The last question tells this from trouble that has passed meanwhile. A
// server that does not validate never gives a reason to complain. It returns nil for
// any other reply.
func (c *Client) Bogus(ctx context.Context, server string, reply *dns.Msg) *BogusError {
	if reply.Rcode != dns.RcodeServerFailure || len(reply.Question) != 1 {
		return nil
	}
	q := reply.Question[0]
	unchecked := Question(q.Name, q.Qtype, true)
	unchecked.CheckingDisabled = true
	known, failure := c.Ask(ctx, server, unchecked)
	if failure != nil || settled(server, known) != nil {
		return nil //nolint:nilerr // trouble of another kind, which is told elsewhere
	}
	again, failure := c.Ask(ctx, server, Question(q.Name, q.Qtype, true))
	if failure != nil || again.Rcode != dns.RcodeServerFailure {
		return nil //nolint:nilerr // it has passed meanwhile
	}
	return &BogusError{
		Server: Display(server), Name: dns.CanonicalName(q.Name), Type: dns.TypeToString[q.Qtype],
		Detail: extendedError(again),
	}
}

// extendedError is the first reason of RFC 8914 in a reply. The text beside it comes
// from strangers and is left out.
func extendedError(reply *dns.Msg) string {
	opt := reply.IsEdns0()
	if opt == nil {
		return ""
	}
	for _, option := range opt.Option {
		if ede, ok := option.(*dns.EDNS0_EDE); ok {
			return dns.ExtendedErrorCodeToString[ede.InfoCode]
		}
	}
	return ""
}
