package propagation

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
)

func TestTXTFollowsAliases(t *testing.T) {
	t.Parallel()
	const alias = "_dnsauth.example.com. 60 CNAME _x.example.net."
	net1 := []string{"example.net. 60 NS ns2.example.com."}
	parent := func(records ...string) dns.HandlerFunc {
		return dnstest.Zones(map[string]dns.HandlerFunc{
			"example.com.": zone(records...),
			"example.net.": dnstest.Zone("example.net.", net1...),
		})
	}
	target := func(records ...string) dns.HandlerFunc {
		return dnstest.Zones(map[string]dns.HandlerFunc{
			"example.com.": zone(alias),
			"example.net.": dnstest.Zone("example.net.", append(records, net1...)...),
		})
	}
	token := record(t, dcv.TXT, "_dnsauth.example.com", "token")

	t.Run("to another zone", func(t *testing.T) {
		t.Parallel()
		o := look(t, world(t, nil, parent(alias), target(`_x.example.net. 60 TXT "token"`)), token)
		assert.True(t, o.Propagated, o.Message)
		assert.Contains(t, o.Message, "by CNAME: _x.example.net.")
	})
	t.Run("and finds nothing", func(t *testing.T) {
		t.Parallel()
		o := look(t, world(t, nil, parent(alias), target()), token)
		assert.False(t, o.Propagated)
		assert.Contains(t, o.Message, "_x.example.net.")
	})
	t.Run("and the servers disagree about the alias", func(t *testing.T) {
		t.Parallel()
		o := look(t, world(t, nil, parent("_dnsauth.example.com. 60 CNAME _old.example.net."), target(`_x.example.net. 60 TXT "token"`)), token)
		assert.False(t, o.Propagated)
		assert.Contains(t, o.Message, "CNAME _old.example.net.")
	})
	t.Run("but not for ever", func(t *testing.T) {
		t.Parallel()
		loop := zone("_dnsauth.example.com. 60 CNAME _y.example.com.", "_y.example.com. 60 CNAME _dnsauth.example.com.")
		o := look(t, world(t, nil, loop, loop), token)
		assert.False(t, o.Propagated)
		assert.Contains(t, o.Message, "8 CNAME")
	})
}

func TestDelegatedUnderscoreName(t *testing.T) {
	t.Parallel()
	delegating := zone("_dnsauth.example.com. 60 NS ns3.example.com.", "ns3.example.com. 60 A 127.0.0.3")
	child := func(records ...string) dns.HandlerFunc { return dnstest.Zone("_dnsauth.example.com.", records...) }
	token := record(t, dcv.TXT, "_dnsauth.example.com", "token")

	o := look(t, world(t, nil, delegating, delegating, child(txt)), token)
	assert.True(t, o.Propagated, o.Message)
	require.Len(t, o.Servers, 1)
	assert.Equal(t, "ns3.example.com.", o.Servers[0].Name)

	o = look(t, world(t, nil, delegating, delegating, child()), token)
	assert.False(t, o.Propagated)
	assert.Contains(t, o.Message, "ns3.example.com.")
}

func TestRecursive(t *testing.T) {
	t.Parallel()
	token := record(t, dcv.TXT, "_dnsauth.example.com", "token")
	followed := zone("_dnsauth.example.com. 60 CNAME _x.example.com.", `_x.example.com. 60 TXT "token"`)
	tests := []struct {
		name       string
		record     dcv.Record
		handler    dns.HandlerFunc
		propagated bool
		retry      time.Duration
		says       string
	}{
		{"found", token, zone(txt), true, 0, "all 1 servers"},
		{"found without authority", token, notAuthoritative(zone(txt)), true, 0, "all 1 servers"},
		{"found behind an alias", token, followed, true, 0, "all 1 servers"},
		{"cname", record(t, dcv.CNAME, "_dnsauth.example.com", "abc.sectigo.com"), zone(cname), true, 0, "all 1 servers"},
		{"absence is remembered", token, zone(), false, time.Minute, "(NXDOMAIN)"},
		{"an old value is remembered", token, zone(`_dnsauth.example.com. 7200 TXT "old"`), false, 10 * time.Minute, `"old"`},
		{"no answer", token, dnstest.Rcode(dns.RcodeServerFailure), false, 10 * time.Second, "SERVFAIL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := look(t, world(t, func(c *Config) { c.Mode = Recursive }, tt.handler), tt.record)
			assert.Equal(t, tt.propagated, o.Propagated, o.Message)
			assert.Equal(t, tt.retry, o.RetryAfter)
			assert.Contains(t, o.Message, tt.says)
		})
	}
}

func TestConfirmByRecursors(t *testing.T) {
	t.Parallel()
	token := record(t, dcv.TXT, "_dnsauth.example.com", "token")
	tests := []struct {
		name       string
		confirm    dns.HandlerFunc
		propagated bool
		warnings   int
	}{
		{"has it", zone(txt), true, 0},
		{"remembers the absence", zone(), false, 0},
		{"does not answer", dnstest.Rcode(dns.RcodeServerFailure), true, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			confirm := dnstest.RunFakes(t, tt.confirm)[0].Addr
			o := look(t, world(t, func(c *Config) { c.Confirm = []string{confirm} }, zone(txt), zone(txt)), token)
			assert.Equal(t, tt.propagated, o.Propagated, o.Message)
			assert.Len(t, o.Warnings, tt.warnings)
			assert.Len(t, o.Servers, 3)
			if !tt.propagated {
				assert.Contains(t, o.Message, "all authoritative servers agree, but TXT _dnsauth.example.com.")
				assert.Equal(t, time.Minute, o.RetryAfter)
			}
		})
	}
}

func TestConfiguredAuthoritativeServers(t *testing.T) {
	t.Parallel()
	token := record(t, dcv.TXT, "_dnsauth.example.com", "token")
	silent := dnstest.RunFakes(t, dnstest.Silence)[0].Addr
	for _, h := range []dns.HandlerFunc{zone(txt), zone()} {
		server := dnstest.RunFakes(t, h)[0].Addr
		c, err := New(Config{Recursors: []string{silent}, AuthoritativeServers: []string{server}})
		require.NoError(t, err)
		o := look(t, c, token)
		require.Len(t, o.Servers, 1)
		assert.Equal(t, server, o.Servers[0].Address)
		assert.Equal(t, o.Servers[0].Found, o.Propagated)
	}
}

// doh serves a handler as RFC 8484 and returns its URL and a client that trusts it.
func doh(t *testing.T, handler dns.HandlerFunc) (string, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		m := new(dns.Msg)
		if err != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/dns-message" || m.Unpack(body) != nil {
			http.Error(w, "bad question", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/dns-message")
		handler(httpWriter{w: w}, m)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL + "/dns-query", server.Client()
}

// httpWriter writes replies as the body of an HTTP response.
type httpWriter struct {
	dns.ResponseWriter
	w http.ResponseWriter
}

func (h httpWriter) RemoteAddr() net.Addr { return &net.TCPAddr{} }

func (h httpWriter) WriteMsg(m *dns.Msg) error {
	packed, err := m.Pack()
	if err != nil {
		return err
	}
	_, err = h.w.Write(packed)
	return err
}

func TestOverHTTPS(t *testing.T) {
	t.Parallel()
	token := record(t, dcv.TXT, "_dnsauth.example.com", "token")
	url, client := doh(t, zone(txt))
	use := func(mode Mode) func(*Config) {
		return func(c *Config) {
			c.Mode, c.Recursors, c.HTTP, c.QueryTimeout = mode, []string{url}, client, 10*time.Second
		}
	}
	for _, mode := range []Mode{Recursive, Authoritative} {
		o := look(t, world(t, use(mode), zone(txt), zone(txt)), token)
		assert.True(t, o.Propagated, o.Message)
	}
	c := world(t, func(c *Config) { use(Recursive)(c); c.HTTP = nil }, zone())
	o := look(t, c, token)
	assert.Contains(t, o.Message, "certificate", "an unknown certificate is not trusted")
	assert.NotContains(t, o.Message, "dns-query", "the path may be a token")
}
