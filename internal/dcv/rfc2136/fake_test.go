package rfc2136

import (
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
)

// updates answers queries from a fixed zone and updates with a response code.
func updates(rcode int, records ...string) dns.HandlerFunc {
	queries := dnstest.Zone("example.com.", records...)
	return func(w dns.ResponseWriter, m *dns.Msg) {
		if m.Opcode == dns.OpcodeUpdate {
			dnstest.Rcode(rcode)(w, m)
			return
		}
		queries(w, m)
	}
}

func present(t *testing.T, handler dns.HandlerFunc, change func(*Config)) (dcv.State, error) {
	t.Helper()
	c := Config{Nameserver: dnstest.RunFakes(t, handler)[0].Addr, Timeout: 5 * time.Second}
	if change != nil {
		change(&c)
	}
	h, err := New(c)
	require.NoError(t, err)
	return h.Present(t.Context(), request(t, dcv.TXT, "_a.example.com", "token"))
}

func TestUpdateAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		rcode int
		want  error
		says  string
	}{
		{"no updates", dns.RcodeNotImplemented, dcv.ErrUnsupported, "takes no updates"},
		{"not the primary", dns.RcodeNotAuth, dcv.ErrDenied, "not the primary of zone example.com."},
		{"other zone", dns.RcodeNotZone, dcv.ErrUnsupported, "correct the zone"},
		{"prerequisite", dns.RcodeYXDomain, dcv.ErrConflict, "_a.example.com."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := present(t, updates(tt.rcode), nil)
			require.ErrorIs(t, err, tt.want)
			assert.ErrorContains(t, err, tt.says)
		})
	}
}

func TestServerFailureIsTransient(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]dns.HandlerFunc{
		"update": updates(dns.RcodeServerFailure),
		"query":  dnstest.Rcode(dns.RcodeServerFailure),
		"silent": dnstest.Silence,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := present(t, handler, func(c *Config) { c.Timeout = 200 * time.Millisecond })
			require.Error(t, err)
			for _, terminal := range []error{dcv.ErrConflict, dcv.ErrDenied, dcv.ErrUnsupported} {
				assert.NotErrorIs(t, err, terminal)
			}
		})
	}
}

func TestAcceptedButNotServedIsPending(t *testing.T) {
	t.Parallel()
	state, err := present(t, updates(dns.RcodeSuccess), nil)
	require.NoError(t, err)
	assert.Equal(t, dcv.Pending, state.Phase)
	assert.Positive(t, state.RetryAfter)
	assert.Contains(t, state.Message, "TXT _a.example.com.")
}

func TestUnsignedSuccessIsRefused(t *testing.T) {
	t.Parallel()
	_, err := present(t, updates(dns.RcodeSuccess), func(c *Config) {
		c.TSIGKeyName, c.TSIGSecret = "dcv", dcv.NewSecret(dnstest.NewKey("dcv").Secret)
	})
	assert.ErrorContains(t, err, "not signed")
}

func TestRootIsNeverUpdated(t *testing.T) {
	t.Parallel()
	_, err := present(t, dnstest.Zone("."), nil)
	assert.ErrorIs(t, err, dcv.ErrDenied)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	secret := dcv.NewSecret("c2VjcmV0LXNlY3JldA==")
	valid := Config{Nameserver: "10.0.0.53", TSIGKeyName: "Key", TSIGSecret: secret}
	tests := []struct {
		name   string
		change func(*Config)
		fails  string
	}{
		{"defaults", func(*Config) {}, ""},
		{"no key", func(c *Config) { c.TSIGKeyName, c.TSIGSecret = "", dcv.Secret{} }, ""},
		{"cert-manager's spelling", func(c *Config) { c.TSIGAlgorithm = "HMACSHA512" }, ""},
		{"sha1 forced", func(c *Config) { c.TSIGAlgorithm, c.AllowWeakTSIG = "hmac-sha1", true }, ""},
		{"no server", func(c *Config) { c.Nameserver = "" }, "nameserver"},
		{"url", func(c *Config) { c.Nameserver = "https://dns.example" }, "nameserver"},
		{"bad port", func(c *Config) { c.Nameserver = "10.0.0.53:0" }, "port"},
		{"bad zone", func(c *Config) { c.Zone = "a..b" }, "zone"},
		{"key without secret", func(c *Config) { c.TSIGSecret = dcv.Secret{} }, "both or none"},
		{"secret without key", func(c *Config) { c.TSIGKeyName = "" }, "both or none"},
		{"secret not base64", func(c *Config) { c.TSIGSecret = dcv.NewSecret("%%hidden%%") }, "base64"},
		{"md5", func(c *Config) { c.TSIGAlgorithm, c.AllowWeakTSIG = "HMACMD5", true }, "hmac-md5 is broken"},
		{"sha1", func(c *Config) { c.TSIGAlgorithm = "HMACSHA1" }, "hmac-sha1 is weak"},
		{"unknown algorithm", func(c *Config) { c.TSIGAlgorithm = "rot13" }, "rot13"},
		{"unknown transport", func(c *Config) { c.Transport = "QUIC" }, "QUIC"},
		{"negative", func(c *Config) { c.TTL = -time.Second }, "negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := valid
			tt.change(&c)
			h, err := New(c)
			if tt.fails != "" {
				require.ErrorContains(t, err, tt.fails)
				assert.NotContains(t, err.Error(), "hidden")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "10.0.0.53:53", h.config.Nameserver)
			assert.Equal(t, time.Minute, h.config.TTL)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", h, h.config, *h), "c2Vj")
		})
	}
}
