package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// RcodeError is an answer that settles nothing, such as SERVFAIL or REFUSED.
type RcodeError struct {
	Server string
	Rcode  int
}

func (e *RcodeError) Error() string {
	return fmt.Sprintf("dns: %s answers %s", e.Server, dns.RcodeToString[e.Rcode])
}

// Resolver asks recursive servers.
type Resolver struct {
	Client *Client
	// Servers are asked in this order until one answers; see [ParseServer].
	Servers []string
}

// Lookup returns the first answer that settles the question: NOERROR, with or
// without records, or NXDOMAIN. A [*BogusError] of one server settles it as well:
// the others may not validate, but certificate authorities do. Any other error
// joins what every server said.
func (r *Resolver) Lookup(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	var errs []error
	for _, server := range r.Servers {
		reply, err := r.Client.lookup(ctx, server, name, qtype)
		if err == nil {
			return reply, nil
		}
		if IsBogus(err) {
			return nil, err
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(errs) == 0 {
		return nil, errors.New("dns: no recursive name server is configured")
	}
	return nil, errors.Join(errs...)
}

func (c *Client) lookup(ctx context.Context, server, name string, qtype uint16) (*dns.Msg, error) {
	reply, err := c.Ask(ctx, server, Question(name, qtype, true))
	if err != nil {
		return nil, err
	}
	if bogus := c.Bogus(ctx, server, reply); bogus != nil {
		return nil, bogus
	}
	return reply, settled(server, reply)
}

func settled(server string, reply *dns.Msg) error {
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		return &RcodeError{Server: Display(server), Rcode: reply.Rcode}
	}
	return nil
}

// ParseServer returns the address of a name server in the form that [Client.Ask]
// takes: "host:port", where the port is 53 unless given, or an https URL (DNS
// over HTTPS, RFC 8484).
func ParseServer(s string) (string, error) {
	if strings.Contains(s, "://") {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return "", errors.New("dns: name server: want host, host:port or https://host/path")
		}
		return s, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = strings.Trim(s, "[]"), "53"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("dns: name server %q: the port is not a number between 1 and 65535", s)
	}
	if _, err := netip.ParseAddr(host); err != nil {
		if _, ok := dns.IsDomainName(host); !ok || host == "" || strings.ContainsAny(host, ":/ ") {
			return "", fmt.Errorf("dns: name server %q: want host, host:port or https://host/path", s)
		}
	}
	return net.JoinHostPort(host, port), nil
}

// Display is a server as it may be shown: of a URL only the host, because the
// path of some services is an account token.
func Display(server string) string {
	if u, err := url.Parse(server); err == nil && u.Scheme == "https" {
		return "https://" + u.Host
	}
	return server
}

// ParseServers applies [ParseServer] to a list.
func ParseServers(list []string) ([]string, error) {
	servers := make([]string, 0, len(list))
	for _, s := range list {
		server, err := ParseServer(s)
		if err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
	return servers, nil
}

// FromFile returns the name servers of a file in the format of /etc/resolv.conf.
func FromFile(path string) ([]string, error) {
	conf, err := dns.ClientConfigFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("dns: read %s: %w", path, err)
	}
	servers := make([]string, 0, len(conf.Servers))
	for _, host := range conf.Servers {
		servers = append(servers, net.JoinHostPort(host, conf.Port))
	}
	return servers, nil
}
