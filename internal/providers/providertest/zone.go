package providertest

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// zone is a name server that knows what was published.
type zone struct {
	address string

	mu      sync.Mutex
	records map[string][]dns.RR // by lower-case name
}

func newZone(t testing.TB) *zone {
	t.Helper()
	var config net.ListenConfig
	conn, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	z := &zone{address: conn.LocalAddr().String(), records: map[string][]dns.RR{}}
	started, stopped := make(chan struct{}), make(chan error, 1)
	server := &dns.Server{PacketConn: conn, Handler: z, NotifyStartedFunc: func() { close(started) }}
	go func() { stopped <- server.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		require.NoError(t, server.Shutdown())
		require.NoError(t, <-stopped)
	})
	return z
}

// add publishes one record.
func (z *zone) add(name string, method providers.Method, value string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	header := dns.RR_Header{Name: name, Class: dns.ClassINET, Ttl: 60, Rrtype: dns.TypeTXT}
	var record dns.RR = &dns.TXT{Hdr: header, Txt: []string{value}}
	if method == providers.MethodCNAME {
		header.Rrtype = dns.TypeCNAME
		record = &dns.CNAME{Hdr: header, Target: dns.Fqdn(value)}
	}
	key := strings.ToLower(name)
	z.records[key] = append(z.records[key], record)
}

// ServeDNS implements dns.Handler.
func (z *zone) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	reply := new(dns.Msg)
	reply.SetReply(query)
	z.mu.Lock()
	for _, record := range z.records[strings.ToLower(query.Question[0].Name)] {
		if record.Header().Rrtype == query.Question[0].Qtype {
			reply.Answer = append(reply.Answer, record)
		}
	}
	z.mu.Unlock()
	if len(reply.Answer) == 0 {
		reply.Rcode = dns.RcodeNameError
	}
	_ = w.WriteMsg(reply) // a client that has gone asks again
}

// files is a web server that knows what was published, whatever its host is called.
type files struct {
	address string

	mu     sync.Mutex
	bodies map[string]string // by host and path
}

func newFiles(t testing.TB) *files {
	t.Helper()
	f := &files{bodies: map[string]string{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.address = server.Listener.Addr().String()
	return f
}

// add publishes one file at an http URL.
func (f *files) add(t testing.TB, target, body string) {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bodies[u.Host+u.Path] = body
}

// ServeHTTP implements http.Handler.
func (f *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	body, ok := f.bodies[r.Host+r.URL.Path]
	f.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = fmt.Fprint(w, body) // a client that has gone asks again
}
