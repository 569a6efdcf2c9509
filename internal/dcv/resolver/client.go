// Package resolver asks DNS servers questions: one server over UDP, TCP or
// HTTPS, or a list of recursive servers until one answers.
package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

const (
	// DefaultTimeout bounds one attempt.
	DefaultTimeout = 3 * time.Second
	// ednsSize is the largest datagram that is not fragmented on any common
	// path (DNS flag day 2020).
	ednsSize = 1232
)

// errMismatch is a reply that does not belong to the question.
var errMismatch = errors.New("the reply does not match the question")

// Client asks one server one question. The zero value is ready to use and safe
// for concurrent use.
type Client struct {
	// Timeout bounds one attempt: a datagram and its reply, a TCP connection
	// or an HTTP request. Zero means DefaultTimeout.
	Timeout time.Duration
	// HTTP carries DNS over HTTPS. Nil means a client that follows no redirect
	// and connects to [Usable] addresses only.
	HTTP *http.Client
}

// Question is a message that asks for a name and type, with EDNS. The recursive
// form (RD=1) is for recursors, the other for authoritative servers.
func Question(name string, qtype uint16, recursive bool) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), qtype)
	m.RecursionDesired = recursive
	m.SetEdns0(ednsSize, false)
	return m
}

// Ask sends m to server, which [ParseServer] has returned. A truncated or
// missing reply over UDP is asked for again over TCP. Any reply that fits the
// question is returned, whatever its response code.
func (c *Client) Ask(ctx context.Context, server string, m *dns.Msg) (*dns.Msg, error) {
	reply, err := c.ask(ctx, server, m)
	if err != nil {
		return nil, fmt.Errorf("dns: ask %s: %w", Display(server), err)
	}
	return reply, nil
}

func (c *Client) ask(ctx context.Context, server string, m *dns.Msg) (*dns.Msg, error) {
	if strings.HasPrefix(server, "https://") {
		return c.overHTTPS(ctx, server, m)
	}
	reply, err := c.exchange(ctx, "udp", server, m)
	if IsTimeout(err) || (err == nil && reply.Truncated) {
		return c.exchange(ctx, "tcp", server, m)
	}
	return reply, err
}

func (c *Client) exchange(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error) {
	client := dns.Client{Net: network, Timeout: c.timeout(), Dialer: Dialer(c.timeout())}
	reply, _, err := client.ExchangeContext(ctx, m, server)
	if err != nil {
		return nil, err
	}
	return reply, matches(reply, m)
}

func (c *Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return DefaultTimeout
}

// matches refuses a reply to another question, which only a confused or
// spoofing server sends. Some servers leave the question out of an error.
func matches(reply, m *dns.Msg) error {
	if !reply.Response || len(reply.Question) > 1 {
		return errMismatch
	}
	if len(reply.Question) == 0 {
		if reply.Rcode == dns.RcodeSuccess {
			return errMismatch
		}
		return nil
	}
	have, want := reply.Question[0], m.Question[0]
	if !strings.EqualFold(have.Name, want.Name) || have.Qtype != want.Qtype || have.Qclass != want.Qclass {
		return errMismatch
	}
	return nil
}

// IsTimeout reports whether a server gave no answer in time.
func IsTimeout(err error) bool {
	netErr, ok := errors.AsType[net.Error](err)
	return ok && netErr.Timeout()
}

// Reason says in a few words why a server gave no answer.
func Reason(err error) string {
	rcode, isRcode := errors.AsType[*RcodeError](err)
	bogus, isBogus := errors.AsType[*BogusError](err)
	switch {
	case isBogus:
		return bogus.Reason()
	case isRcode:
		return dns.RcodeToString[rcode.Rcode]
	case IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "network unreachable"
	default:
		return strings.ReplaceAll(err.Error(), "\n", "; ")
	}
}
