package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/miekg/dns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// zone is the zone to update for name.
func (h *Hook) zone(ctx context.Context, name string) (string, error) {
	if zone := h.config.Zone; zone != "" {
		if !dns.IsSubDomain(zone, name) {
			return "", fmt.Errorf("%w: %s is not in the configured zone %s: restrict the solver by selector.dnsZones", dcv.ErrUnsupported, name, zone)
		}
		return zone, nil
	}
	zone, err := resolver.FindZone(ctx, name, h.query)
	if err != nil {
		return "", err
	}
	if zone.Name == "." {
		return "", h.notServed(name)
	}
	return zone.Name, nil
}

// query asks the server itself, never for recursion, and signed: many servers
// choose the view of a zone by key.
func (h *Hook) query(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	reply, err := h.exchange(ctx, h.config.Transport, resolver.Question(name, qtype, false))
	if err == nil && reply.Truncated && h.config.Transport == UDP {
		reply, err = h.exchange(ctx, TCP, resolver.Question(name, qtype, false))
	}
	if err != nil {
		return nil, err
	}
	if zone, servers := resolver.Referral(reply, name); zone != "" {
		return nil, fmt.Errorf("%w: zone %s is delegated to %v and not served by %s: use a solver for that zone", dcv.ErrDenied, zone, servers, h.config.Nameserver)
	}
	switch {
	case reply.Rcode == dns.RcodeRefused, reply.Rcode == dns.RcodeNotAuth:
		return nil, h.notServed(name)
	case reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
		return nil, &resolver.RcodeError{Server: h.config.Nameserver, Rcode: reply.Rcode}
	case !reply.Authoritative:
		return nil, h.notServed(name)
	}
	return reply, nil
}

func (h *Hook) notServed(name string) error {
	return fmt.Errorf("%w: %s does not answer for %s%s: it must be authoritative for the zone and allow queries by this key", dcv.ErrDenied, h.config.Nameserver, name, h.keyNote())
}

// update sends an update. taken reports that a prerequisite was not met: the
// name has records that exclude the new one.
func (h *Hook) update(ctx context.Context, m *dns.Msg) (taken bool, err error) {
	zone := m.Question[0].Name
	reply, err := h.exchange(ctx, h.config.Transport, m)
	if err != nil {
		return false, err
	}
	server := h.config.Nameserver
	switch reply.Rcode {
	case dns.RcodeSuccess:
		return false, nil
	case dns.RcodeYXDomain, dns.RcodeYXRrset:
		return true, nil
	case dns.RcodeRefused:
		return false, fmt.Errorf("%w: %s refuses the change in zone %s%s: allow it in the server's update policy", dcv.ErrDenied, server, zone, h.keyNote())
	case dns.RcodeNotAuth:
		return false, fmt.Errorf("%w: %s is not the primary of zone %s: correct the name server or the zone", dcv.ErrDenied, server, zone)
	case dns.RcodeNotZone:
		return false, fmt.Errorf("%w: %s says that the name is not in zone %s: correct the zone", dcv.ErrUnsupported, server, zone)
	case dns.RcodeNotImplemented:
		return false, fmt.Errorf("%w: %s takes no updates", dcv.ErrUnsupported, server)
	default:
		return false, &resolver.RcodeError{Server: server, Rcode: reply.Rcode}
	}
}

func (h *Hook) keyNote() string {
	if h.config.TSIGKeyName == "" {
		return " without a TSIG key"
	}
	return " with TSIG key " + h.config.TSIGKeyName
}

// exchange signs and sends one message. The reply is checked to be signed too.
func (h *Hook) exchange(ctx context.Context, transport Transport, m *dns.Msg) (*dns.Msg, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	c := h.config
	client := dns.Client{Net: "tcp", Timeout: c.Timeout, Dialer: resolver.Dialer(c.Timeout)}
	if transport == UDP {
		client.Net = "udp"
	}
	if c.TSIGKeyName != "" {
		client.TsigSecret = map[string]string{c.TSIGKeyName: c.TSIGSecret.Reveal()}
		m.SetTsig(c.TSIGKeyName, c.TSIGAlgorithm, fudge, c.Now().Unix())
	}
	reply, _, err := client.ExchangeContext(ctx, m, c.Nameserver)
	// A reply that says what is wrong with the key cannot always be verified.
	if reply != nil && reply.Id == m.Id {
		if err := h.tsigError(reply); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Nameserver, err)
	}
	if c.TSIGKeyName != "" && reply.IsTsig() == nil && decisive(reply.Rcode) {
		return nil, fmt.Errorf("%s: the reply is not signed", c.Nameserver)
	}
	return reply, nil
}

// decisive codes are acted upon, so anybody could forge them without TSIG. A
// server that cannot or will not sign sends others.
func decisive(rcode int) bool {
	return slices.Contains([]int{dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeYXDomain, dns.RcodeYXRrset}, rcode)
}

// tsigError explains the extended errors of RFC 8945, section 5.2.
func (h *Hook) tsigError(reply *dns.Msg) error {
	tsig := reply.IsTsig()
	if tsig == nil {
		return nil
	}
	c := h.config
	switch int(tsig.Error) {
	case dns.RcodeSuccess:
		return nil
	case dns.RcodeBadKey:
		return fmt.Errorf("%w: %s does not know TSIG key %s with %s: correct the key name or algorithm", dcv.ErrDenied, c.Nameserver, c.TSIGKeyName, c.TSIGAlgorithm)
	case dns.RcodeBadSig:
		return fmt.Errorf("%w: %s has another secret for TSIG key %s: correct the secret", dcv.ErrDenied, c.Nameserver, c.TSIGKeyName)
	case dns.RcodeBadTime:
		return fmt.Errorf("%s: %w", c.Nameserver, skew(tsig))
	default:
		return fmt.Errorf("%s: TSIG error %s", c.Nameserver, dns.RcodeToString[int(tsig.Error)])
	}
}

// skew explains BADTIME. It heals when a clock is set, so it is not terminal.
func skew(tsig *dns.TSIG) error {
	server, err := strconv.ParseInt(tsig.OtherData, 16, 64)
	if err != nil {
		return errors.New("the clocks differ by more than 5 minutes: set the clock here or on the name server")
	}
	signed := time.Unix(int64(tsig.TimeSigned), 0)
	ahead := signed.Sub(time.Unix(server, 0))
	return fmt.Errorf("the clock here is %s ahead of the name server's (negative: behind), more than 5 minutes: set one of them", ahead)
}
