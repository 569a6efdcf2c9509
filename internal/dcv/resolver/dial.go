package resolver

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

var errAddress = errors.New("link-local, multicast and unspecified addresses are refused")

// Usable leaves out the addresses that no name server on a network can have.
// Neither the DNS of a stranger nor a tenant's configuration may direct
// messages at, say, a cloud's metadata service.
func Usable(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsValid() && !addr.IsUnspecified() && !addr.IsMulticast() && !addr.IsLinkLocalUnicast()
}

// Dialer connects to [Usable] addresses only, whatever a name resolves to.
func Dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		addr, err := netip.ParseAddrPort(address)
		if err != nil || !Usable(addr.Addr()) {
			return errAddress
		}
		return nil
	}}
}

// guarded keeps questions over HTTPS at the server that was configured.
var guarded = &http.Client{
	Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            Dialer(DefaultTimeout).DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    DefaultTimeout,
		IdleConnTimeout:        time.Minute,
		MaxIdleConnsPerHost:    2,
		MaxResponseHeaderBytes: 16 << 10,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
