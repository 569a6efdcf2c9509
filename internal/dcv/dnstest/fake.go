package dnstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Fake is a DNS server in this process, for misbehaviour that BIND cannot be
// talked into. It serves UDP and TCP on one loopback address.
type Fake struct {
	// Addr is host:port.
	Addr string

	mu      sync.RWMutex
	handler dns.HandlerFunc
	servers []*dns.Server
}

// StartFake serves handler on host, a loopback address. Port 0 is a free one.
func StartFake(ctx context.Context, host string, port int, handler dns.HandlerFunc) (*Fake, error) {
	packet, stream, err := listen(ctx, host, port)
	if err != nil {
		return nil, err
	}
	f := &Fake{Addr: packet.LocalAddr().String(), handler: handler}
	f.servers = []*dns.Server{
		{PacketConn: packet, Handler: f, MsgAcceptFunc: acceptAll},
		{Listener: stream, Handler: f, MsgAcceptFunc: acceptAll},
	}
	for _, s := range f.servers {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }() // ends with Close
		<-started
	}
	return f, nil
}

// acceptAll lets dynamic updates through, which the library drops by default.
func acceptAll(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }

// listen takes one port for both protocols. It picks free ports below those
// that the kernel gives to clients, so that no client takes a port between its
// discovery and its use by another process.
func listen(ctx context.Context, host string, port int) (net.PacketConn, net.Listener, error) {
	const lowest, count, attempts = 20000, 12000, 50
	if port != 0 {
		return listenOn(ctx, hostPort(host, port))
	}
	var errs []error
	for range attempts {
		n, err := rand.Int(rand.Reader, big.NewInt(count))
		if err != nil {
			return nil, nil, fmt.Errorf("dnstest: %w", err)
		}
		packet, stream, err := listenOn(ctx, hostPort(host, lowest+int(n.Int64())))
		if err == nil {
			return packet, stream, nil
		}
		errs = append(errs, err)
	}
	return nil, nil, errors.Join(errs...)
}

func listenOn(ctx context.Context, addr string) (net.PacketConn, net.Listener, error) {
	var lc net.ListenConfig
	packet, err := lc.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, nil, fmt.Errorf("dnstest: %w", err)
	}
	stream, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("dnstest: %w", err), packet.Close())
	}
	return packet, stream, nil
}

// ServeDNS implements dns.Handler.
func (f *Fake) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	f.mu.RLock()
	handler := f.handler
	f.mu.RUnlock()
	handler(w, m)
}

// Handle replaces the handler.
func (f *Fake) Handle(handler dns.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handler = handler
}

// Port is the port, for UDP and TCP.
func (f *Fake) Port() int { return portOf(f.Addr) }

// Close stops the server. It may be called again.
func (f *Fake) Close() error {
	var errs []error
	for _, s := range f.servers {
		errs = append(errs, s.Shutdown())
	}
	f.servers = nil
	return errors.Join(errs...)
}

// Zone answers from a list of records in zone file syntax, absolute names only,
// as an authoritative server does: CNAMEs are followed inside the zone, NS
// records below the apex delegate. It panics on a record that does not parse.
func Zone(apex string, records ...string) dns.HandlerFunc {
	z := zone{apex: apex}
	soa := apex + " 300 SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 60"
	for _, text := range append([]string{soa}, records...) {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(fmt.Sprintf("dnstest: %q: %v", text, err))
		}
		z.records = append(z.records, rr)
	}
	return z.serve
}

type zone struct {
	apex    string
	records []dns.RR
}

func (z zone) serve(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	name, qtype := dns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype
	switch {
	case !dns.IsSubDomain(z.apex, name):
		m.Rcode = dns.RcodeRefused
	case z.delegate(m, name):
	default:
		m.Authoritative = true
		z.answer(m, name, qtype)
	}
	_ = w.WriteMsg(m) // the client has gone
}

func (z zone) delegate(m *dns.Msg, name string) bool {
	for _, rr := range z.records {
		if ns, ok := rr.(*dns.NS); ok && ns.Hdr.Name != z.apex && dns.IsSubDomain(ns.Hdr.Name, name) {
			m.Ns = append(m.Ns, ns)
		}
	}
	return len(m.Ns) > 0
}

func (z zone) answer(m *dns.Msg, name string, qtype uint16) {
	exists := false
	for range 10 {
		var alias string
		for _, rr := range z.records {
			exists = exists || dns.IsSubDomain(name, rr.Header().Name)
			if !strings.EqualFold(rr.Header().Name, name) {
				continue
			}
			cname, isAlias := rr.(*dns.CNAME)
			if isAlias && qtype != dns.TypeCNAME {
				alias = cname.Target
			}
			if isAlias || rr.Header().Rrtype == qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
		if alias == "" || !dns.IsSubDomain(z.apex, alias) {
			break
		}
		name = alias
	}
	if len(m.Answer) == 0 {
		m.Ns = append(m.Ns, z.records[0])
		if !exists {
			m.Rcode = dns.RcodeNameError
		}
	}
}

// Zones hands each question to the zone nearest to its name. Names outside all
// zones do not exist; that answer names the root as its zone.
func Zones(zones map[string]dns.HandlerFunc) dns.HandlerFunc {
	root := Zone(".")
	return func(w dns.ResponseWriter, m *dns.Msg) {
		best, handler := "", root
		for apex, h := range zones {
			if dns.IsSubDomain(apex, m.Question[0].Name) && len(apex) > len(best) {
				best, handler = apex, h
			}
		}
		handler(w, m)
	}
}

// Rcode answers every question with one response code and nothing else.
func Rcode(code int) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(q, code)) // the client has gone
	}
}

// Silence never answers.
func Silence(dns.ResponseWriter, *dns.Msg) {}

// Relay passes messages on to the server at addr and replies back. Where that
// server does not answer, neither does Relay.
func Relay(addr string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, m *dns.Msg) {
		client := dns.Client{Net: w.RemoteAddr().Network()}
		if reply, _, err := client.Exchange(m, addr); err == nil {
			_ = w.WriteMsg(reply) // the client has gone
		}
	}
}
