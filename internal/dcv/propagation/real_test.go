package propagation

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/rfc2136"
)

// publisher changes the zones of a BIND.
func publisher(t *testing.T, s *dnstest.Server) *rfc2136.Hook {
	t.Helper()
	hook, err := rfc2136.New(rfc2136.Config{
		Nameserver: s.Addr(), TSIGKeyName: s.Key().Name, TSIGSecret: dcv.NewSecret(s.Key().Secret),
	})
	require.NoError(t, err)
	return hook
}

func publish(t *testing.T, s *dnstest.Server, r dcv.Record) {
	t.Helper()
	_, err := publisher(t, s).Present(t.Context(), dcv.Request{Record: r})
	require.NoError(t, err)
}

func newChecker(t *testing.T, c Config) *Checker {
	t.Helper()
	c.QueryTimeout = time.Second
	checker, err := New(c)
	require.NoError(t, err)
	return checker
}

// TestIPv6Only has a name server that is reached by IPv6; its IPv4 address is dead, which
// is no reason to warn.
func TestIPv6Only(t *testing.T) {
	t.Parallel()
	server := dnstest.Run(t, dnstest.Options{Host: "::1", Zones: []dnstest.ZoneSpec{{Name: "example.com", Records: []string{"ns1 A 127.0.0.1"}}}})
	c := newChecker(t, Config{Recursors: []string{server.Addr()}, AuthoritativePort: uint16(server.Port())})
	r := record(t, dcv.TXT, "_dnsauth.example.com", "token")
	before := look(t, c, r)
	assert.False(t, before.Propagated)
	assert.Contains(t, before.Message, "ns1.example.com. [::1]:")
	publish(t, server, r)
	o := look(t, c, r)
	assert.True(t, o.Propagated, o.Message)
	assert.Empty(t, o.Warnings)
	assert.Len(t, o.Servers, 2)
}

// TestTCPOnly has a firewall that drops UDP before a BIND.
func TestTCPOnly(t *testing.T) {
	t.Parallel()
	server := dnstest.Run(t, dnstest.Options{Zones: []dnstest.ZoneSpec{{Name: "example.com"}}})
	relay := dnstest.Relay(server.Addr())
	wall := dnstest.RunFakes(t, func(w dns.ResponseWriter, m *dns.Msg) {
		if w.RemoteAddr().Network() == "tcp" {
			relay(w, m)
		}
	})[0]
	c, err := New(Config{
		Recursors: []string{server.Addr()}, AuthoritativePort: uint16(wall.Port()), QueryTimeout: 500 * time.Millisecond,
	})
	require.NoError(t, err)
	r := record(t, dcv.TXT, "_dnsauth.example.com", "token")
	publish(t, server, r)
	o := look(t, c, r)
	assert.True(t, o.Propagated, o.Message)
}

// TestNegativeCache asks a BIND that remembers absences: an early question spoils it for
// as long as the SOA says, and the observation knows for how long.
func TestNegativeCache(t *testing.T) {
	t.Parallel()
	server := dnstest.Run(t, dnstest.Options{Zones: []dnstest.ZoneSpec{{Name: "example.com"}}})
	recursor := dnstest.Run(t, dnstest.Options{ForwardTo: server.Addr()})
	r := record(t, dcv.TXT, "_dnsauth.example.com", "token")
	config := Config{Recursors: []string{recursor.Addr()}, AuthoritativePort: uint16(server.Port())}

	patient := config
	patient.Confirm = config.Recursors
	first := look(t, newChecker(t, patient), r)
	assert.False(t, first.Propagated)
	publish(t, server, r)
	o := look(t, newChecker(t, patient), r)
	assert.True(t, o.Propagated, "looking at the authoritative servers first has spoilt nothing: "+o.Message)

	hasty := config
	hasty.Mode = Recursive
	r = record(t, dcv.TXT, "_early.example.com", "token")
	early := look(t, newChecker(t, hasty), r)
	assert.False(t, early.Propagated)
	publish(t, server, r)
	for _, c := range []Config{hasty, patient} {
		o := look(t, newChecker(t, c), r)
		assert.False(t, o.Propagated)
		assert.Contains(t, o.Message, "NXDOMAIN")
		assert.Greater(t, o.RetryAfter, 30*time.Second, "the zone's negative TTL is a minute")
		assert.LessOrEqual(t, o.RetryAfter, time.Minute)
	}
}

// TestBogusZone has a zone that no validating resolver believes.
func TestBogusZone(t *testing.T) {
	t.Parallel()
	server := dnstest.Run(t, dnstest.Options{Zones: []dnstest.ZoneSpec{
		{Name: "expired.example", DNSSEC: dnstest.Expired, Records: []string{`_dnsauth TXT "token"`}},
		{Name: "signed.example", DNSSEC: dnstest.Signed, Records: []string{`_dnsauth TXT "token"`}},
	}})
	validating := dnstest.RunValidating(t, server, "expired.example", "signed.example")
	for _, mode := range []Config{
		{Mode: Recursive, Recursors: []string{validating.Addr()}},
		{Recursors: []string{validating.Addr()}},
		{Recursors: []string{server.Addr()}, Confirm: []string{validating.Addr()}},
	} {
		mode.AuthoritativePort = uint16(server.Port())
		c := newChecker(t, mode)
		o := look(t, c, record(t, dcv.TXT, "_dnsauth.expired.example", "token"))
		assert.False(t, o.Propagated)
		assert.Contains(t, o.Message, "DNSSEC validation fails")
		o = look(t, c, record(t, dcv.TXT, "_dnsauth.signed.example", "token"))
		assert.True(t, o.Propagated, o.Message)
	}
}

// TestTarget follows the delegation of a record into another zone on a real BIND.
func TestTarget(t *testing.T) {
	t.Parallel()
	server := dnstest.Run(t, dnstest.Options{Zones: []dnstest.ZoneSpec{
		{Name: "example.com", Records: []string{
			"_dnsauth CNAME shop.dcv.example.net.", "_twice CNAME _dnsauth", "_loop CNAME _loop2", "_loop2 CNAME _loop", "www A 192.0.2.1",
		}},
		{Name: "dcv.example.net"},
	}})
	for _, mode := range []Mode{Authoritative, Recursive, Off} {
		c := newChecker(t, Config{Mode: mode, Recursors: []string{server.Addr()}, AuthoritativePort: uint16(server.Port())})
		for name, want := range map[string]string{
			"_dnsauth.Example.com.": "shop.dcv.example.net.", "_twice.example.com.": "shop.dcv.example.net.",
			"_none.example.com.": "_none.example.com.", "www.example.com.": "www.example.com.",
		} {
			got, err := c.Target(t.Context(), name)
			require.NoError(t, err, "%s %s", mode, name)
			assert.Equal(t, want, got, "%s %s", mode, name)
		}
		_, err := c.Target(t.Context(), "_loop.example.com.")
		assert.ErrorContains(t, err, "more than 8 CNAME records")
	}
	c := newChecker(t, Config{Recursors: []string{server.Addr()}, AuthoritativePort: uint16(server.Port())})
	r := record(t, dcv.TXT, "shop.dcv.example.net", "token")
	publish(t, server, r)
	o := look(t, c, record(t, dcv.TXT, "_dnsauth.example.com", "token"))
	assert.True(t, o.Propagated, o.Message)
}

func TestTargetNeedsAgreement(t *testing.T) {
	t.Parallel()
	aliased := zone("_dnsauth.example.com. 60 CNAME a.example.com.")
	for name, tt := range map[string]struct {
		first, second dns.HandlerFunc
		says          string
	}{
		"one lags":     {aliased, zone(), "don't agree"},
		"they differ":  {aliased, zone("_dnsauth.example.com. 60 CNAME b.example.com."), "don't agree"},
		"none answers": {onlyRecursive(zone()), dnstest.Rcode(dns.RcodeRefused), "none of its name servers answers"},
		"no zone":      {dnstest.Rcode(dns.RcodeServerFailure), zone(), "SERVFAIL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := world(t, nil, tt.first, tt.second).Target(t.Context(), "_dnsauth.example.com.")
			require.ErrorContains(t, err, "_dnsauth.example.com.")
			assert.ErrorContains(t, err, tt.says)
		})
	}
}

// onlyRecursive refuses questions for authoritative servers.
func onlyRecursive(h dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, m *dns.Msg) {
		if !m.RecursionDesired {
			h = dnstest.Rcode(dns.RcodeRefused)
		}
		h(w, m)
	}
}

func TestZone(t *testing.T) {
	t.Parallel()
	c := world(t, nil, dnstest.Zones(map[string]dns.HandlerFunc{"example.com.": zone(), "sub.example.com.": dnstest.Zone("sub.example.com.")}))
	for name, want := range map[string]string{
		"example.com.": "example.com.", "_dnsauth.example.com.": "example.com.", "www.sub.Example.com.": "sub.example.com.", "sub.example.com": "sub.example.com.",
	} {
		got, err := c.Zone(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := world(t, nil, dnstest.Rcode(dns.RcodeRefused)).Zone(t.Context(), "example.com.")
	assert.ErrorContains(t, err, "zone of example.com.")
}

// TestManyNames looks for 250 records of one zone, one of whose servers is dead: the zone is
// looked up once, and the dead server delays nobody but those who meet it first.
func TestManyNames(t *testing.T) {
	t.Parallel()
	var records []dcv.Record
	texts := append([]string{}, twoServers...)
	for i := range 250 {
		name := fmt.Sprintf("_dnsauth.n%d.example.com.", i)
		records = append(records, record(t, dcv.TXT, name, "token"))
		if i != 7 {
			texts = append(texts, name+` 60 TXT "token"`)
		}
	}
	var lookups, atSecond atomic.Int32
	served := dnstest.Zone("example.com.", texts...)
	c := world(t, func(c *Config) { c.QueryTimeout, c.Deadline = 300*time.Millisecond, 20*time.Second },
		func(w dns.ResponseWriter, m *dns.Msg) {
			if m.RecursionDesired && m.Question[0].Qtype != dns.TypeSOA {
				lookups.Add(1)
			}
			served(w, m)
		},
		func(dns.ResponseWriter, *dns.Msg) { atSecond.Add(1) })
	all, err := c.CheckAll(t.Context(), records)
	require.NoError(t, err)
	require.Len(t, all, 250)
	for i, o := range all {
		assert.Equal(t, i != 7, o.Propagated, o.Message)
		assert.Contains(t, o.Message, records[i].FQDN)
	}
	assert.Equal(t, int32(5), lookups.Load(), "NS once, A and AAAA once for each of two servers")
	assert.Less(t, atSecond.Load(), int32(100), "a silent server is not asked for every name")
}

// TestDeadlineBoundsManyNames ends a look at servers that drag their feet.
func TestDeadlineBoundsManyNames(t *testing.T) {
	t.Parallel()
	var records []dcv.Record
	for i := range 250 {
		records = append(records, record(t, dcv.TXT, fmt.Sprintf("_a.n%d.example.com", i), "token"))
	}
	c := world(t, func(c *Config) { c.QueryTimeout, c.Deadline = time.Hour, 300*time.Millisecond }, dnstest.Silence)
	begin := time.Now()
	all, err := c.CheckAll(t.Context(), records)
	require.NoError(t, err)
	assert.Less(t, time.Since(begin), 10*time.Second)
	for _, o := range all {
		assert.False(t, o.Propagated)
		assert.Contains(t, o.Message, "no answer in time")
		assert.Positive(t, o.RetryAfter)
	}
}

func TestCheckAllErrors(t *testing.T) {
	t.Parallel()
	c := world(t, nil, zone(), zone())
	_, err := c.CheckAll(t.Context(), []dcv.Record{record(t, dcv.TXT, "a.example.com", "x"), {Type: dcv.TXT, FQDN: "Bad"}})
	require.ErrorIs(t, err, dcv.ErrUnsupported)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.CheckAll(ctx, []dcv.Record{record(t, dcv.TXT, "a.example.com", "x")})
	require.ErrorIs(t, err, context.Canceled)
	all, err := c.CheckAll(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, all)
}
