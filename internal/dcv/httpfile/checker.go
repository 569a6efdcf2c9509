package httpfile

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

const (
	fetchTimeout   = 10 * time.Second
	connectTimeout = 5 * time.Second
	maxRedirects   = 5
	maxAddresses   = 4
	// maxBody is more than any validation file has.
	maxBody   = 16 << 10
	maxHeader = 16 << 10
)

var (
	errContent = errors.New("other content than expected")
	errAddress = errors.New("no certificate authority can reach this address")
	errPort    = errors.New("a redirect leads to a port other than 80 and 443")
)

// Checker fetches files as a certificate authority does: the host is resolved by recursive
// name servers and not by the cluster's own names, redirects are followed between ports 80 and 443,
// and certificates are not looked at, because the host may have none yet.
type Checker struct {
	canary Canary
	client *http.Client
}

// CheckerOptions say how to fetch.
type CheckerOptions struct {
	Canary Canary
	// Resolver asks recursive name servers.
	Resolver *resolver.Resolver
	// Port is where files are looked for; zero is 80. For tests.
	Port uint16
	// AllowPrivate permits loopback and private addresses, for tests and for networks
	// that see other addresses than the world does.
	AllowPrivate bool
}

// NewChecker makes no call.
func NewChecker(o CheckerOptions) *Checker {
	d := dialer{options: o, net: net.Dialer{Timeout: connectTimeout}}
	d.net.ControlContext = d.control
	return &Checker{canary: o.Canary, client: &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			DialContext: d.dial,
			// The host is what gets a certificate; nothing is sent to it, and what it says
			// is compared with what we know.
			TLSClientConfig:        &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // see above
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeader,
		},
	}}
}

// Fetch returns nil if the world gets the file as it is published. The error says in a few
// words what it gets; it never repeats a body.
func (c *Checker) Fetch(ctx context.Context, f dcv.File) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL(), http.NoBody)
	if err != nil {
		return fmt.Errorf("httpfile: %s: not a URL", f.URL())
	}
	response, err := c.client.Do(request)
	if err != nil {
		return fmt.Errorf("httpfile: %s: %w", f.URL(), cause(err))
	}
	defer response.Body.Close() //nolint:errcheck // nothing is lost with it
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("httpfile: %s: status %d", f.URL(), response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("httpfile: %s: %w", f.URL(), cause(err))
	}
	if string(body) != f.Body {
		return fmt.Errorf("httpfile: %s: %w", f.URL(), errContent)
	}
	return nil
}

// Canary returns nil if requests of the world for a host arrive at this installation.
func (c *Checker) Canary(ctx context.Context, host string) error {
	return c.Fetch(ctx, c.canary.File(host))
}

// cause drops the URL from the errors of package http: redirects may carry anything.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// checkRedirect follows what the Baseline Requirements let a certificate authority follow.
func checkRedirect(req *http.Request, via []*http.Request) error {
	status := req.Response.StatusCode
	switch {
	case len(via) > maxRedirects, status == http.StatusSeeOther, status == http.StatusMultipleChoices:
		return http.ErrUseLastResponse
	case req.URL.Port() != "" && req.URL.Port() != "80" && req.URL.Port() != "443":
		return errPort
	}
	req.Header.Del("Referer")
	return nil
}

// dialer connects to what the DNS of the world says.
type dialer struct {
	options CheckerOptions
	net     net.Dialer
}

// dial tries a few addresses of a name.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if port == "80" && d.options.Port != 0 {
		port = strconv.Itoa(int(d.options.Port))
	}
	addresses, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, addr := range addresses[:min(len(addresses), maxAddresses)] {
		conn, err := d.net.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		problems = append(problems, err)
	}
	return nil, errors.Join(problems...)
}

// resolve asks for both kinds of addresses. Those of version 4 come first: every authority
// uses them.
func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if literal, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{literal}, nil
	}
	var addresses []netip.Addr
	var problems []error
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		reply, err := d.options.Resolver.Lookup(ctx, host, kind)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		addresses = append(addresses, addressesIn(reply)...)
	}
	if len(addresses) == 0 {
		return nil, errors.Join(append(problems, fmt.Errorf("the DNS has no address for %s", host))...)
	}
	return addresses, nil
}

func addressesIn(reply *dns.Msg) []netip.Addr {
	var list []netip.Addr
	for _, rr := range reply.Answer {
		var text string
		switch rr := rr.(type) {
		case *dns.A:
			text = rr.A.String()
		case *dns.AAAA:
			text = rr.AAAA.String()
		}
		if addr, err := netip.ParseAddr(text); err == nil {
			list = append(list, addr)
		}
	}
	return list
}

// control sees each address right before the connection is made.
func (d *dialer) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return errAddress
	}
	addr := target.Addr().Unmap()
	private := addr.IsLoopback() || addr.IsPrivate()
	if !resolver.Usable(addr) || private && !d.options.AllowPrivate {
		return fmt.Errorf("%w: %s", errAddress, addr)
	}
	return nil
}

// Hosts are the names at which a file for a name has to be, where the certificate
// authority adds the www name, or the name without www, by itself: it leaves that name out
// of the certificate if the file is not there.
func Hosts(name string) []string {
	if bare, ok := strings.CutPrefix(name, "www."); ok {
		return []string{name, bare}
	}
	return []string{name, "www." + name}
}
