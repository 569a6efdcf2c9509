package resolver_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

var zone = dnstest.Zone("example.com.", `example.com. 60 TXT "v=spf1 -all"`, "www.example.com. 60 CNAME example.com.", "sub.example.com. 60 NS ns.sub.example.com.")

func TestAskFallsBackToTCP(t *testing.T) {
	t.Parallel()
	tests := map[string]dns.HandlerFunc{
		"truncated": func(w dns.ResponseWriter, m *dns.Msg) {
			reply := new(dns.Msg).SetReply(m)
			reply.Truncated = true
			_ = w.WriteMsg(reply) // the client has gone
		},
		"lost": dnstest.Silence,
	}
	for name, overUDP := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var datagrams atomic.Int32
			server := dnstest.RunFakes(t, func(w dns.ResponseWriter, m *dns.Msg) {
				if w.RemoteAddr().Network() == "udp" {
					datagrams.Add(1)
					overUDP(w, m)
					return
				}
				zone(w, m)
			})[0]
			c := &resolver.Client{Timeout: time.Second}
			reply, err := c.Ask(t.Context(), server.Addr, resolver.Question("example.com", dns.TypeTXT, false))
			require.NoError(t, err)
			assert.Equal(t, []string{"v=spf1 -all"}, resolver.Texts(reply, "example.com."))
			assert.EqualValues(t, 1, datagrams.Load())
		})
	}
}

func TestQuestionsAreOfTheirKind(t *testing.T) {
	t.Parallel()
	for _, recursive := range []bool{true, false} {
		m := resolver.Question("Example.com", dns.TypeTXT, recursive)
		assert.Equal(t, recursive, m.RecursionDesired)
		assert.Equal(t, "Example.com.", m.Question[0].Name)
		require.NotNil(t, m.IsEdns0())
		assert.EqualValues(t, 1232, m.IsEdns0().UDPSize())
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	silent := dnstest.RunFakes(t, dnstest.Silence)[0]
	closed := dnstest.RunFakes(t, dnstest.Silence)[0]
	require.NoError(t, closed.Close())
	c := &resolver.Client{Timeout: 50 * time.Millisecond}
	for server, want := range map[string]string{silent.Addr: "no answer in time", closed.Addr: "connection refused"} {
		_, err := c.Ask(t.Context(), server, resolver.Question("example.com", dns.TypeTXT, true))
		require.Error(t, err)
		assert.Equal(t, want, resolver.Reason(err))
	}
	assert.Equal(t, "SERVFAIL", resolver.Reason(&resolver.RcodeError{Server: "x", Rcode: dns.RcodeServerFailure}))
}

func TestUnusableAddressesAreRefused(t *testing.T) {
	t.Parallel()
	c := &resolver.Client{Timeout: time.Second}
	for _, server := range []string{"169.254.169.254:53", "[fe80::1]:53", "0.0.0.0:53", "224.0.0.251:53", "[::ffff:169.254.169.254]:53", "https://169.254.169.254/dns-query"} {
		_, err := c.Ask(t.Context(), server, resolver.Question("example.com", dns.TypeTXT, true))
		assert.ErrorContains(t, err, "are refused", server)
	}
}

func TestLookupTriesTheNextServer(t *testing.T) {
	t.Parallel()
	good := dnstest.RunFakes(t, zone)[0].Addr
	broken := dnstest.RunFakes(t, dnstest.Rcode(dns.RcodeServerFailure))[0].Addr
	silent := dnstest.RunFakes(t, dnstest.Silence)[0].Addr
	r := &resolver.Resolver{Client: &resolver.Client{Timeout: 500 * time.Millisecond}, Servers: []string{broken, silent, good}}

	reply, err := r.Lookup(t.Context(), "missing.example.com", dns.TypeTXT)
	require.NoError(t, err)
	assert.Equal(t, dns.RcodeNameError, reply.Rcode, "NXDOMAIN settles the question")

	r.Servers = []string{broken, silent}
	_, err = r.Lookup(t.Context(), "example.com", dns.TypeTXT)
	require.ErrorContains(t, err, broken)
	require.ErrorContains(t, err, silent)

	r.Servers = nil
	_, err = r.Lookup(t.Context(), "example.com", dns.TypeTXT)
	assert.ErrorContains(t, err, "no recursive name server")
}

func TestFindZone(t *testing.T) {
	t.Parallel()
	server := dnstest.RunFakes(t, dnstest.Zones(map[string]dns.HandlerFunc{"example.com.": zone}))[0].Addr
	r := &resolver.Resolver{Client: &resolver.Client{}, Servers: []string{server}}
	for name, want := range map[string]string{
		"example.com.":         "example.com.",
		"a.b.Example.com.":     "example.com.",
		"www.example.com.":     "example.com.", // a CNAME to the apex
		"sub.example.com.":     "example.com.", // this server only refers
		"nowhere.example.org.": ".",
	} {
		zone, err := resolver.FindZone(t.Context(), name, r.Lookup)
		require.NoError(t, err, name)
		assert.Equal(t, want, zone.Name, name)
		assert.Equal(t, time.Minute, zone.NegativeTTL)
	}
	_, err := resolver.FindZone(t.Context(), ".", r.Lookup)
	assert.Error(t, err)
}

func TestHTTPSRefusals(t *testing.T) {
	t.Parallel()
	const message = "application/dns-message"
	tests := map[string]struct {
		handler http.HandlerFunc
		says    string
	}{
		"status": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "http status 403"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "http status 307"},
		"content type": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, "content type"},
		"garbage": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", message)
			_, _ = w.Write([]byte("garbage"))
		}, "unpack reply"},
		"too long": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", message)
			_, _ = w.Write(bytes.Repeat([]byte{0xff}, 1<<20))
		}, "unpack reply"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewTLSServer(tt.handler)
			t.Cleanup(server.Close)
			client := server.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			c := &resolver.Client{HTTP: client}
			_, err := c.Ask(t.Context(), server.URL+"/secret-token", resolver.Question("example.com", dns.TypeTXT, true))
			require.ErrorContains(t, err, tt.says)
			assert.NotContains(t, err.Error(), "secret-token")
		})
	}
}

func TestTXTOnTheWire(t *testing.T) {
	t.Parallel()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, value := range []string{"", "token", `a"b\c;d`, `\123`, strings.Repeat("x", 255), strings.Repeat("y", 1000), string(all)} {
		assert.Equal(t, value, throughTheWire(t, value))
	}
}

func FuzzTXT(f *testing.F) {
	for _, s := range []string{"", `\`, `\0`, `"`, "\x00\xff", `\1234`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > 4096 {
			return
		}
		if got := throughTheWire(t, value); got != value {
			t.Fatalf("%q became %q", value, got)
		}
	})
}

func throughTheWire(t *testing.T, value string) string {
	t.Helper()
	rr := &dns.TXT{Hdr: dns.RR_Header{Name: "x.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: resolver.SplitTXT(value)}
	packed, err := (&dns.Msg{Answer: []dns.RR{rr}}).Pack()
	require.NoError(t, err)
	m := new(dns.Msg)
	require.NoError(t, m.Unpack(packed))
	return strings.Join(resolver.Texts(m, "x."), "?")
}
