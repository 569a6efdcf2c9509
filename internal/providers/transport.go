package providers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	connectTimeout = 10 * time.Second
	headerTimeout  = 30 * time.Second
	maxRedirects   = 3
	maxHeader      = 64 << 10
)

// ErrAddress is wrapped where a URL or the address behind a name is one that is never called.
var ErrAddress = errors.New("the address is not allowed")

// Options of an HTTP client for resellers. The zero value is the right one for production.
type Options struct {
	// RootCAs replaces the system's CAs; see [CertPool].
	RootCAs *x509.CertPool
	// AllowLoopback permits this machine, and plain http to it. For development and tests.
	AllowLoopback bool
	// AllowHTTP permits plain http to any host: for downloads of intermediates (AIA), which are
	// believed by their signature only.
	AllowHTTP bool
	// RefusePrivate refuses private and carrier-grade NAT ranges: for endpoints that a tenant names.
	RefusePrivate bool
	// HeaderTimeout bounds the wait for the first byte of an answer to a read, 30 s by default. A
	// one-shot call waits until its deadline, because its late answer still matters.
	HeaderTimeout time.Duration
	// Proxy chooses the proxy, by default from the environment (HTTPS_PROXY, NO_PROXY). A proxy
	// resolves names itself, so addresses behind names are then its own responsibility.
	Proxy func(*http.Request) (*url.URL, error)
	// Observer learns of each request that [Do] makes, nil for nobody.
	Observer Observer
	// Network, when set, takes the place of all connections: a simulated reseller in this process. It
	// must send each request at most once.
	Network http.RoundTripper
}

// NewHTTPClient returns the client for one account or for many: https with TLS 1.2 or later and
// HTTP/1.1, within a connect time-out of 10 s, never to link-local, multicast, unspecified or
// cloud-metadata addresses, whatever a name resolves to. Redirects are followed only for GET and
// HEAD reads on the same scheme and host; any other redirect is returned as the answer. The total
// time is bounded by the context, which [Do] takes care of.
//
// The client has two transports. Reads share connections. One-shot calls get a connection of their
// own each, because package net/http silently sends a request again when a connection that was
// used before breaks (GET and HEAD always, any method before the first byte).
func NewHTTPClient(o Options) *http.Client {
	t := &transport{policy: addressPolicy{loopback: o.AllowLoopback, refusePrivate: o.RefusePrivate}, allowHTTP: o.AllowHTTP, observer: o.Observer}
	if t.shared, t.single = o.Network, o.Network; o.Network == nil {
		t.shared, t.single = t.newTransports(o)
	}
	return &http.Client{Transport: t, CheckRedirect: checkRedirect}
}

// CertPool returns the system's CAs and those of a PEM bundle.
func CertPool(bundle []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("providers: system CAs: %w", err)
	}
	if !pool.AppendCertsFromPEM(bundle) {
		return nil, errors.New("providers: the CA bundle holds no certificate")
	}
	return pool, nil
}

type oneShotKey struct{}

func isOneShot(ctx context.Context) bool { return ctx.Value(oneShotKey{}) != nil }

// transport checks URLs and keeps one-shot calls off shared connections.
type transport struct {
	policy         addressPolicy
	allowHTTP      bool
	observer       Observer
	shared, single http.RoundTripper
	proxies        sync.Map // addresses of proxies in use, "host:port"
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.checkURL(req.URL); err != nil {
		if req.Body != nil {
			err = errors.Join(err, req.Body.Close())
		}
		return nil, err
	}
	if isOneShot(req.Context()) {
		return t.single.RoundTrip(req)
	}
	return t.shared.RoundTrip(req)
}

// CloseIdleConnections is called by http.Client's method of the same name.
func (t *transport) CloseIdleConnections() {
	if network, ok := t.shared.(interface{ CloseIdleConnections() }); ok {
		network.CloseIdleConnections()
	}
}

// newTransports makes that for reads and that for one-shot calls.
func (t *transport) newTransports(o Options) (shared, single http.RoundTripper) {
	reads, once := t.newTransport(o), t.newTransport(o)
	reads.ResponseHeaderTimeout = o.HeaderTimeout
	if o.HeaderTimeout == 0 {
		reads.ResponseHeaderTimeout = headerTimeout
	}
	once.DisableKeepAlives = true
	return reads, once
}

func (t *transport) newTransport(o Options) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2 repeats requests too, when a server winds a connection down
	proxy := o.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	return &http.Transport{
		Proxy:                  t.rememberProxy(proxy),
		DialContext:            t.dial,
		Protocols:              protocols,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    connectTimeout,
		MaxIdleConns:           20,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// rememberProxy notes the proxy's address, which is the administrator's choice and exempt from the
// address policy. Errors of the proxy settings quote them with their password, so they are dropped.
func (t *transport) rememberProxy(choose func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(req *http.Request) (*url.URL, error) {
		proxy, err := choose(req)
		if err != nil {
			return nil, errors.New("the proxy settings are malformed")
		}
		if proxy != nil {
			port := proxy.Port()
			if port == "" {
				port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[proxy.Scheme]
			}
			t.proxies.Store(net.JoinHostPort(proxy.Hostname(), port), true)
		}
		return proxy, nil
	}
}

// dial checks each address after the name was resolved, right before it connects: nothing can
// change in between.
func (t *transport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: connectTimeout}
	if _, proxy := t.proxies.Load(address); !proxy {
		dialer.ControlContext = func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(resolved)
			if err != nil {
				return ErrAddress
			}
			return t.policy.check(target.Addr())
		}
	}
	return dialer.DialContext(ctx, network, address)
}

// checkURL sees literal addresses even where a proxy connects to them.
func (t *transport) checkURL(u *url.URL) error {
	addr, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	loopback := u.Hostname() == "localhost" || literal && addr.Unmap().IsLoopback()
	switch {
	case u.Scheme == "https", u.Scheme == "http" && t.allowHTTP, u.Scheme == "http" && t.policy.loopback && loopback:
	default:
		return fmt.Errorf("%w: only https is", ErrAddress)
	}
	if literal {
		return t.policy.check(addr)
	}
	return nil
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	read := first.Method == http.MethodGet || first.Method == http.MethodHead
	if !read || isOneShot(req.Context()) || len(via) > maxRedirects ||
		req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host {
		return http.ErrUseLastResponse
	}
	req.Header.Del("Referer") // it would repeat the query, where some APIs want their key
	return nil
}

// addressPolicy decides which addresses may be called.
type addressPolicy struct {
	loopback, refusePrivate bool
}

var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052, IPv4 inside IPv6

	// neverCalled adds to what net/netip knows: metadata services outside link-local ranges, and
	// ranges that are no hosts.
	neverCalled = prefixes(
		"0.0.0.0/8", "240.0.0.0/4",
		"100.100.100.200/32", // Alibaba Cloud
		"168.63.129.16/32",   // Azure
		"192.0.0.192/32",     // Oracle Cloud, classic
		"fd00:ec2::/32",      // AWS
		"fd20:ce::254/128",   // Google Cloud
	)
	carrierGrade = prefixes("100.64.0.0/10") // RFC 6598
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func (p addressPolicy) check(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	if nat64.Contains(addr) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	within := func(prefix netip.Prefix) bool { return prefix.Contains(addr) }
	switch {
	case addr.IsLoopback() && p.loopback:
		return nil
	case addr.IsLoopback(), addr.IsUnspecified(), addr.IsMulticast(), addr.IsLinkLocalUnicast(),
		slices.ContainsFunc(neverCalled, within),
		p.refusePrivate && (addr.IsPrivate() || slices.ContainsFunc(carrierGrade, within)):
		return fmt.Errorf("%w: %s", ErrAddress, addr)
	}
	return nil
}
