package rfc2136

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

const spf = "v=spf1 -all"

// onEach runs a test on each kind of name server.
func onEach(t *testing.T, test func(t *testing.T, s *dnstest.Server)) {
	t.Helper()
	for name, software := range map[string]dnstest.Software{"BIND": dnstest.BIND, "Knot": dnstest.Knot} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, serve(t, software, ""))
		})
	}
}

// serve starts a server with one zone that has an SPF record at the apex, a foreign CNAME,
// a host, a delegation, and wildcards.
func serve(t *testing.T, software dnstest.Software, algorithm string) *dnstest.Server {
	t.Helper()
	key := dnstest.NewKey("dcv")
	key.Algorithm = algorithm
	return dnstest.Run(t, dnstest.Options{Software: software, Key: key, Zones: []dnstest.ZoneSpec{{
		Name: "example.com",
		Records: []string{
			`@ 1800 TXT "` + spf + `"`,
			"taken 300 CNAME elsewhere.example.net.",
			"www 300 A 127.0.0.1",
			"child NS ns.child",
			"ns.child A 127.0.0.9",
			"*.aliased 300 CNAME elsewhere.example.net.",
			`*.texts 300 TXT "from the wildcard"`,
		},
	}}})
}

func hookFor(t *testing.T, s *dnstest.Server, change func(*Config)) *Hook {
	t.Helper()
	c := Config{Nameserver: s.Addr(), TSIGKeyName: s.Key().Name, TSIGSecret: dcv.NewSecret(s.Key().Secret)}
	if change != nil {
		change(&c)
	}
	h, err := New(c)
	require.NoError(t, err)
	return h
}

func request(t *testing.T, typ dcv.RecordType, name, value string) dcv.Request {
	t.Helper()
	r, err := dcv.NewRecord(typ, name, value)
	require.NoError(t, err)
	return dcv.Request{Record: r}
}

// held is what the server has: type and values at the name, and the TTL.
func held(t *testing.T, s *dnstest.Server, name string, qtype uint16) (values []string, ttl uint32) {
	t.Helper()
	client := &resolver.Client{}
	reply, err := client.Ask(t.Context(), s.Addr(), resolver.Question(name, qtype, false))
	require.NoError(t, err)
	for _, rr := range reply.Answer {
		if rr.Header().Rrtype == qtype {
			values, ttl = append(values, value(rr)), rr.Header().Ttl
		}
	}
	return values, ttl
}

func TestPresentAndCleanUpAreIdempotent(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *dnstest.Server) {
		tests := []struct {
			name   string
			change func(*Config)
			req    dcv.Request
			qtype  uint16
		}{
			{"txt", nil, request(t, dcv.TXT, "_dnsauth.example.com", "token-1"), dns.TypeTXT},
			{"txt with configured zone", func(c *Config) { c.Zone = "Example.COM" }, request(t, dcv.TXT, "_z.example.com", "t"), dns.TypeTXT},
			{"txt over udp", func(c *Config) { c.Transport = UDP }, request(t, dcv.TXT, "_udp.example.com", "t"), dns.TypeTXT},
			{"txt with quotes", nil, request(t, dcv.TXT, "_q.example.com", `a "b" \c;d ü`), dns.TypeTXT},
			{"long txt", nil, request(t, dcv.TXT, "_long.example.com", strings.Repeat("0123456789", 70)), dns.TypeTXT},
			{"long txt over udp", func(c *Config) { c.Transport = UDP }, request(t, dcv.TXT, "_longudp.example.com", strings.Repeat("x", 1500)), dns.TypeTXT},
			{"cname", nil, request(t, dcv.CNAME, "_abc.example.com", "abc.sectigo.com"), dns.TypeCNAME},
			{"cname with dot", nil, request(t, dcv.CNAME, "_dot.example.com", "abc.sectigo.com."), dns.TypeCNAME},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				h := hookFor(t, s, tt.change)
				name := tt.req.Record.FQDN
				for range 2 {
					state, err := h.Present(t.Context(), tt.req)
					require.NoError(t, err)
					assert.Equal(t, dcv.State{Phase: dcv.Done}, state)
					values, ttl := held(t, s, name, tt.qtype)
					require.Len(t, values, 1)
					assert.True(t, tt.req.Record.Matches(values[0]), values)
					assert.EqualValues(t, 60, ttl)
				}
				for range 2 {
					require.NoError(t, h.CleanUp(t.Context(), tt.req))
					values, _ := held(t, s, name, tt.qtype)
					assert.Empty(t, values)
				}
			})
		}
	})
}

func TestApexKeepsOtherValuesAndTheirTTL(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *dnstest.Server) {
		h := hookFor(t, s, nil)
		req := request(t, dcv.TXT, "example.com", "token")

		_, err := h.Present(t.Context(), req)
		require.NoError(t, err)
		values, ttl := held(t, s, "example.com", dns.TypeTXT)
		assert.ElementsMatch(t, []string{spf, "token"}, values)
		assert.EqualValues(t, 1800, ttl)

		require.NoError(t, h.CleanUp(t.Context(), request(t, dcv.TXT, "example.com", "someone else's")))
		require.NoError(t, h.CleanUp(t.Context(), req))
		values, ttl = held(t, s, "example.com", dns.TypeTXT)
		assert.Equal(t, []string{spf}, values)
		assert.EqualValues(t, 1800, ttl)
	})
}

func TestTTLOfRecordIsUsed(t *testing.T) {
	t.Parallel()
	s := serve(t, dnstest.BIND, "")
	req := request(t, dcv.TXT, "_ttl.example.com", "t")
	req.Record.TTL = 2 * time.Minute
	_, err := hookFor(t, s, nil).Present(t.Context(), req)
	require.NoError(t, err)
	_, ttl := held(t, s, "_ttl.example.com", dns.TypeTXT)
	assert.EqualValues(t, 120, ttl)
}

func TestCleanUpRemovesAValueSplitElsewhere(t *testing.T) {
	t.Parallel()
	s := dnstest.Run(t, dnstest.Options{Zones: []dnstest.ZoneSpec{{Name: "example.com", Records: []string{`_x TXT "to" "ken"`}}}})
	h := hookFor(t, s, nil)
	req := request(t, dcv.TXT, "_x.example.com", "token")
	state, err := h.Present(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, dcv.Done, state.Phase)
	require.NoError(t, h.CleanUp(t.Context(), req))
	values, _ := held(t, s, "_x.example.com", dns.TypeTXT)
	assert.Empty(t, values)
}

func TestTerminalErrors(t *testing.T) {
	t.Parallel()
	s := serve(t, dnstest.BIND, "")
	readOnly := dnstest.Run(t, dnstest.Options{Key: s.Key(), Zones: []dnstest.ZoneSpec{{
		Name: "example.com", Policy: []string{`grant "dcv" name allowed.example.com TXT`},
	}}})
	wrongSecret := dcv.NewSecret(dnstest.NewKey("x").Secret)
	tests := []struct {
		name   string
		server *dnstest.Server
		change func(*Config)
		req    dcv.Request
		want   error
		says   []string
	}{
		{"cname over other cname", s, nil, request(t, dcv.CNAME, "taken.example.com", "abc.sectigo.com"), dcv.ErrConflict, []string{"taken.example.com.", "elsewhere.example.net.", "abc.sectigo.com."}},
		{"txt over cname", s, nil, request(t, dcv.TXT, "taken.example.com", "token"), dcv.ErrConflict, []string{"taken.example.com.", "elsewhere.example.net."}},
		{"cname over address", s, nil, request(t, dcv.CNAME, "www.example.com", "abc.sectigo.com"), dcv.ErrConflict, []string{"www.example.com.", "other records (A)"}},
		{"cname at apex", s, nil, request(t, dcv.CNAME, "example.com", "abc.sectigo.com"), dcv.ErrConflict, []string{"example.com.", "other records (TXT, NS)"}},
		{"wrong secret", s, func(c *Config) { c.TSIGSecret = wrongSecret }, request(t, dcv.TXT, "_a.example.com", "t"), dcv.ErrDenied, []string{"another secret", "dcv."}},
		{"unknown key", s, func(c *Config) { c.TSIGKeyName = "nobody" }, request(t, dcv.TXT, "_a.example.com", "t"), dcv.ErrDenied, []string{"does not know TSIG key nobody."}},
		{"wrong algorithm", s, func(c *Config) { c.TSIGAlgorithm = "hmac-sha512" }, request(t, dcv.TXT, "_a.example.com", "t"), dcv.ErrDenied, []string{"hmac-sha512"}},
		{"refused by policy", readOnly, nil, request(t, dcv.TXT, "_a.example.com", "t"), dcv.ErrDenied, []string{"zone example.com.", "key dcv.", "update policy"}},
		{"no key", s, func(c *Config) { c.TSIGKeyName, c.TSIGSecret = "", dcv.Secret{} }, request(t, dcv.TXT, "_a.example.com", "t"), dcv.ErrDenied, []string{"without a TSIG key"}},
		{"zone not served", s, nil, request(t, dcv.TXT, "_a.example.org", "t"), dcv.ErrDenied, []string{"_a.example.org.", "authoritative"}},
		{"delegated", s, nil, request(t, dcv.TXT, "_a.child.example.com", "t"), dcv.ErrDenied, []string{"zone child.example.com. is delegated", "ns.child.example.com."}},
		{"outside configured zone", s, func(c *Config) { c.Zone = "example.com" }, request(t, dcv.TXT, "_a.badexample.com", "t"), dcv.ErrUnsupported, []string{"selector.dnsZones"}},
		{"empty record", s, nil, dcv.Request{Record: dcv.Record{FQDN: "a.example.com."}}, dcv.ErrUnsupported, []string{"a.example.com."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := hookFor(t, tt.server, tt.change)
			_, err := h.Present(t.Context(), tt.req)
			require.ErrorIs(t, err, tt.want)
			for _, s := range tt.says {
				require.ErrorContains(t, err, s)
			}
			assert.NotContains(t, err.Error(), tt.server.Key().Secret)
		})
	}
}

func TestConflictsChangeNothing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *dnstest.Server) {
		h := hookFor(t, s, nil)
		for _, req := range []dcv.Request{
			request(t, dcv.CNAME, "taken.example.com", "abc.sectigo.com"),
			request(t, dcv.TXT, "taken.example.com", "token"),
		} {
			_, err := h.Present(t.Context(), req)
			require.ErrorIs(t, err, dcv.ErrConflict)
			require.NoError(t, h.CleanUp(t.Context(), req))
		}
		values, _ := held(t, s, "taken.example.com", dns.TypeCNAME)
		assert.Equal(t, []string{"elsewhere.example.net."}, values)
	})
}

func TestClockSkewIsReadable(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *dnstest.Server) {
		// Half a minute is for a machine that stands still between two looks at the clock.
		for want, offset := range map[string]time.Duration{"1h0m": time.Hour + 30*time.Second, "-59m": -time.Hour + 30*time.Second} {
			h := hookFor(t, s, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(offset) } })
			_, err := h.Present(t.Context(), request(t, dcv.TXT, "_skew.example.com", "t"))
			require.ErrorContains(t, err, "clock")
			require.ErrorContains(t, err, want)
			assert.NotErrorIs(t, err, dcv.ErrDenied)
		}
	})
}

// BIND holds at most 100 records in one set unless told otherwise (option
// max-records-per-type), hence several names.
func TestManyValuesAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *dnstest.Server) {
		const names, each = 4, 50
		h := hookFor(t, s, func(c *Config) { c.Timeout = time.Minute })
		var requests []dcv.Request
		for i := range names * each {
			name := fmt.Sprintf("_many%d.example.com", i%names)
			requests = append(requests, request(t, dcv.TXT, name, strings.Repeat("v", i+1)))
		}
		atOnce(t, requests, func(ctx context.Context, r dcv.Request) error {
			_, err := h.Present(ctx, r)
			return err
		})
		for i := range names {
			values, _ := held(t, s, fmt.Sprintf("_many%d.example.com", i), dns.TypeTXT)
			assert.Len(t, values, each)
		}
		atOnce(t, requests[1:], h.CleanUp)
		values, _ := held(t, s, "_many0.example.com", dns.TypeTXT)
		assert.Equal(t, []string{"v"}, values)
		values, _ = held(t, s, "_many1.example.com", dns.TypeTXT)
		assert.Empty(t, values)
	})
}

func TestManyNamesAtOnce(t *testing.T) {
	t.Parallel()
	const names = 200
	onEach(t, func(t *testing.T, s *dnstest.Server) {
		h := hookFor(t, s, func(c *Config) { c.Timeout = time.Minute })
		requests := make([]dcv.Request, names)
		for i := range requests {
			requests[i] = request(t, dcv.CNAME, fmt.Sprintf("_n%d.example.com", i), fmt.Sprintf("v%d.sectigo.com", i))
		}
		atOnce(t, requests, func(ctx context.Context, r dcv.Request) error {
			_, err := h.Present(ctx, r)
			return err
		})
		for i, r := range requests {
			values, _ := held(t, s, r.Record.FQDN, dns.TypeCNAME)
			assert.Equal(t, []string{fmt.Sprintf("v%d.sectigo.com.", i)}, values)
		}
		atOnce(t, requests, h.CleanUp)
		values, _ := held(t, s, requests[names-1].Record.FQDN, dns.TypeCNAME)
		assert.Empty(t, values)
	})
}

// atOnce runs f for all requests at the same time.
func atOnce(t *testing.T, requests []dcv.Request, f func(context.Context, dcv.Request) error) {
	t.Helper()
	errs := make(chan error, len(requests))
	for _, r := range requests {
		go func() { errs <- f(t.Context(), r) }()
	}
	for range requests {
		require.NoError(t, <-errs)
	}
}

// TestWildcardIsNoConflict has names that only a wildcard answers for: a record may stand
// there, and the wildcard's own stays.
func TestWildcardIsNoConflict(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *dnstest.Server) {
		h := hookFor(t, s, nil)
		for _, req := range []dcv.Request{
			request(t, dcv.TXT, "_a.aliased.example.com", "token"),
			request(t, dcv.CNAME, "_b.aliased.example.com", "abc.sectigo.com"),
			request(t, dcv.TXT, "_c.texts.example.com", "token"),
			request(t, dcv.CNAME, "_d.texts.example.com", "abc.sectigo.com"),
		} {
			qtype := dns.StringToType[string(req.Record.Type)]
			before, _ := held(t, s, req.Record.FQDN, qtype)
			state, err := h.Present(t.Context(), req)
			require.NoError(t, err)
			assert.Equal(t, dcv.Done, state.Phase)
			values, _ := held(t, s, req.Record.FQDN, qtype)
			require.Len(t, values, 1)
			assert.True(t, req.Record.Matches(values[0]), values)
			require.NoError(t, h.CleanUp(t.Context(), req))
			after, _ := held(t, s, req.Record.FQDN, qtype)
			assert.Equal(t, before, after)
		}
	})
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"} {
		for name, software := range map[string]dnstest.Software{"BIND": dnstest.BIND, "Knot": dnstest.Knot} {
			t.Run(algorithm+" "+name, func(t *testing.T) {
				t.Parallel()
				s := serve(t, software, algorithm)
				h := hookFor(t, s, func(c *Config) { c.TSIGAlgorithm = strings.ToUpper(strings.ReplaceAll(algorithm, "-", "")) })
				state, err := h.Present(t.Context(), request(t, dcv.TXT, "_a.example.com", "token"))
				require.NoError(t, err)
				assert.Equal(t, dcv.Done, state.Phase)
			})
		}
	}
}

// TestKnotRefuses has the errors that Knot gives in its own way.
func TestKnotRefuses(t *testing.T) {
	t.Parallel()
	s := serve(t, dnstest.Knot, "")
	tests := map[string]struct {
		change func(*Config)
		req    dcv.Request
		want   error
	}{
		"cname over other cname": {nil, request(t, dcv.CNAME, "taken.example.com", "abc.sectigo.com"), dcv.ErrConflict},
		"txt over cname":         {nil, request(t, dcv.TXT, "taken.example.com", "token"), dcv.ErrConflict},
		"cname over address":     {nil, request(t, dcv.CNAME, "www.example.com", "abc.sectigo.com"), dcv.ErrConflict},
		"cname at apex":          {nil, request(t, dcv.CNAME, "example.com", "abc.sectigo.com"), dcv.ErrConflict},
		"wrong secret":           {func(c *Config) { c.TSIGSecret = dcv.NewSecret(dnstest.NewKey("x").Secret) }, request(t, dcv.TXT, "_a.example.com", "t"), dcv.ErrDenied},
		"unknown key":            {func(c *Config) { c.TSIGKeyName = "nobody" }, request(t, dcv.TXT, "_a.example.com", "t"), dcv.ErrDenied},
		"no key":                 {func(c *Config) { c.TSIGKeyName, c.TSIGSecret = "", dcv.Secret{} }, request(t, dcv.TXT, "_a.example.com", "t"), dcv.ErrDenied},
		"zone not served":        {nil, request(t, dcv.TXT, "_a.example.org", "t"), dcv.ErrDenied},
		"delegated":              {nil, request(t, dcv.TXT, "_a.child.example.com", "t"), dcv.ErrDenied},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := hookFor(t, s, tt.change).Present(t.Context(), tt.req)
			require.ErrorIs(t, err, tt.want)
		})
	}
}
