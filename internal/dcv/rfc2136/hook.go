package rfc2136

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

const (
	// settleDelay is for servers that store an update after acknowledging it.
	settleDelay = 5 * time.Second
	// maxExchanges is how many messages one hook has under way. BIND queues 10
	// new connections (option tcp-listen-queue) and 100 updates (update-quota)
	// and lets the rest time out.
	maxExchanges = 8
)

// Hook updates one name server. It adds and removes single records, never sets
// of records, and reads back what it wrote, because RFC 2136, section 3.4.2.2
// lets a server drop an addition silently and still report success. Keep one Hook
// per server: it bounds how many messages are under way.
type Hook struct {
	config Config
	slots  chan struct{} // one per message under way
}

var _ dcv.Hook = (*Hook)(nil)

// New checks the configuration; it makes no call.
func New(c Config) (*Hook, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	return &Hook{config: c, slots: make(chan struct{}, maxExchanges)}, nil
}

// Capabilities implements dcv.Hook.
func (h *Hook) Capabilities() dcv.Capabilities {
	return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT, dcv.CNAME}, Apex: true, MultiValue: true}
}

// Present implements dcv.Hook.
func (h *Hook) Present(ctx context.Context, req dcv.Request) (dcv.State, error) {
	state, err := h.present(ctx, req.Record)
	if err != nil {
		return dcv.State{}, fmt.Errorf("rfc2136: present %s: %w", req.Record, err)
	}
	return state, nil
}

// CleanUp implements dcv.Hook.
func (h *Hook) CleanUp(ctx context.Context, req dcv.Request) error {
	if err := h.cleanUp(ctx, req.Record); err != nil {
		return fmt.Errorf("rfc2136: clean up %s: %w", req.Record, err)
	}
	return nil
}

func (h *Hook) present(ctx context.Context, r dcv.Record) (dcv.State, error) {
	if err := r.Validate(); err != nil {
		return dcv.State{}, err
	}
	zone, err := h.zone(ctx, r.FQDN)
	if err != nil {
		return dcv.State{}, err
	}
	found, err := h.read(ctx, r)
	if err != nil || len(found.matching) > 0 {
		return dcv.State{}, err
	}
	// What excludes the record is left to the update's prerequisite: an answer may come
	// from a wildcard, next to which the record may well stand.
	taken, err := h.update(ctx, addition(zone, r, h.ttl(r, found)))
	if err != nil {
		return dcv.State{}, err
	}
	return h.readBack(ctx, r, taken)
}

// readBack judges an update by what the server holds afterwards. taken says
// that a prerequisite of the update was not met.
func (h *Hook) readBack(ctx context.Context, r dcv.Record, taken bool) (dcv.State, error) {
	found, err := h.read(ctx, r)
	if err != nil || len(found.matching) > 0 {
		return dcv.State{}, err
	}
	if taken {
		return dcv.State{}, h.conflict(ctx, r, found.alias)
	}
	return dcv.State{
		Phase:      dcv.Pending,
		RetryAfter: settleDelay,
		Message:    h.config.Nameserver + " has accepted " + r.Key() + " but does not serve it yet",
	}, nil
}

// cleanUp removes the records that hold the value, in the very form in which
// the server has them: a TXT value may be split in other places than ours.
func (h *Hook) cleanUp(ctx context.Context, r dcv.Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	zone, err := h.zone(ctx, r.FQDN)
	if err != nil {
		return err
	}
	found, err := h.read(ctx, r)
	if err != nil || len(found.matching) == 0 {
		return err
	}
	m := new(dns.Msg).SetUpdate(zone)
	m.Remove(found.matching)
	_, err = h.update(ctx, m)
	return err
}

// ttl keeps the TTL of an existing set, because a set has one TTL and a server
// gives it that of the last addition.
func (h *Hook) ttl(r dcv.Record, found contents) uint32 {
	switch {
	case len(found.others) > 0:
		return found.others[0].Header().Ttl
	case r.TTL > 0:
		return uint32(r.TTL / time.Second)
	default:
		return uint32(h.config.TTL / time.Second)
	}
}

// addition is the update that adds r. Its prerequisite turns the additions that
// a server would drop or, for a CNAME, use to overwrite another, into errors.
func addition(zone string, r dcv.Record, ttl uint32) *dns.Msg {
	m := new(dns.Msg).SetUpdate(zone)
	header := dns.RR_Header{Name: r.FQDN, Class: dns.ClassINET, Ttl: ttl}
	if r.Type == dcv.CNAME {
		header.Rrtype = dns.TypeCNAME
		m.NameNotUsed([]dns.RR{&dns.ANY{Hdr: header}})
		m.Insert([]dns.RR{&dns.CNAME{Hdr: header, Target: dns.Fqdn(r.Value)}})
		return m
	}
	header.Rrtype = dns.TypeTXT
	m.RRsetNotUsed([]dns.RR{&dns.CNAME{Hdr: dns.RR_Header{Name: r.FQDN, Rrtype: dns.TypeCNAME}}})
	m.Insert([]dns.RR{&dns.TXT{Hdr: header, Txt: resolver.SplitTXT(r.Value)}})
	return m
}

// contents is what a server holds at the name of a record.
type contents struct {
	matching []dns.RR // of the type and value of the record
	others   []dns.RR // of its type with another value
	alias    string   // target of the CNAME at the name
}

// read asks the server for what it holds at the name of r.
func (h *Hook) read(ctx context.Context, r dcv.Record) (contents, error) {
	qtype := dns.StringToType[string(r.Type)]
	reply, err := h.query(ctx, r.FQDN, qtype)
	if err != nil {
		return contents{}, err
	}
	found := contents{alias: resolver.Alias(reply, r.FQDN)}
	for _, rr := range reply.Answer {
		if rr.Header().Rrtype != qtype || !strings.EqualFold(rr.Header().Name, r.FQDN) {
			continue
		}
		if r.Matches(value(rr)) {
			found.matching = append(found.matching, rr)
		} else {
			found.others = append(found.others, rr)
		}
	}
	return found, nil
}

// value is what [dcv.Record.Matches] compares with.
func value(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.TXT:
		return resolver.JoinTXT(rr.Txt)
	case *dns.CNAME:
		return rr.Target
	default:
		return ""
	}
}

// common are types that stand at a name for which a CNAME is asked.
var common = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeMX, dns.TypeNS, dns.TypeCAA, dns.TypeSRV}

// conflict names what stands where r should. It asks for each type, because servers answer
// a question for all of them as they like (RFC 8482).
func (h *Hook) conflict(ctx context.Context, r dcv.Record, alias string) error {
	if alias != "" {
		return fmt.Errorf("%w: %s is a CNAME to %s: remove that record, or use another validation method", dcv.ErrConflict, r.FQDN, alias)
	}
	var types []string
	for _, qtype := range common {
		reply, err := h.query(ctx, r.FQDN, qtype)
		if err == nil && len(reply.Answer) > 0 {
			types = append(types, dns.TypeToString[qtype])
		}
	}
	what := "other records"
	if len(types) > 0 {
		what = "other records (" + strings.Join(types, ", ") + ")"
	}
	return fmt.Errorf("%w: %s has %s, next to which no %s may stand: remove them, or use another validation method", dcv.ErrConflict, r.FQDN, what, r.Type)
}
