package propagation

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
)

// twoServers are the records of a zone with name servers on 127.0.0.1 and 127.0.0.2.
var twoServers = []string{
	"example.com. 300 NS ns1.example.com.",
	"example.com. 300 NS ns2.example.com.",
	"ns1.example.com. 300 A 127.0.0.1",
	"ns2.example.com. 300 A 127.0.0.2",
}

const (
	txt   = `_dnsauth.example.com. 60 TXT "token"`
	cname = "_dnsauth.example.com. 60 CNAME abc.sectigo.com."
)

// zone is example.com with two name servers and more records.
func zone(records ...string) dns.HandlerFunc {
	return dnstest.Zone("example.com.", append(append([]string{}, twoServers...), records...)...)
}

// world serves handlers as the two (or more) name servers on one port; the
// first is the recursor as well.
func world(t *testing.T, change func(*Config), handlers ...dns.HandlerFunc) *Checker {
	t.Helper()
	fakes := dnstest.RunFakes(t, handlers...)
	c := Config{
		Recursors:         []string{fakes[0].Addr},
		AuthoritativePort: uint16(fakes[0].Port()),
		QueryTimeout:      time.Second,
	}
	if change != nil {
		change(&c)
	}
	checker, err := New(c)
	require.NoError(t, err)
	return checker
}

func record(t *testing.T, typ dcv.RecordType, name, value string) dcv.Record {
	t.Helper()
	r, err := dcv.NewRecord(typ, name, value)
	require.NoError(t, err)
	return r
}

func look(t *testing.T, c *Checker, r dcv.Record) Observation {
	t.Helper()
	o, err := c.Check(t.Context(), r)
	require.NoError(t, err)
	assert.NotEmpty(t, o.Message)
	assert.Equal(t, o.Propagated, o.RetryAfter == 0, "retry after %s", o.RetryAfter)
	return o
}

func TestAuthoritative(t *testing.T) {
	t.Parallel()
	token := record(t, dcv.TXT, "_dnsauth.example.com", "token")
	target := record(t, dcv.CNAME, "_dnsauth.example.com", "ABC.sectigo.com")
	tests := []struct {
		name       string
		record     dcv.Record
		first      dns.HandlerFunc
		second     dns.HandlerFunc
		propagated bool
		says       string
		warns      string
	}{
		{"txt on both", token, zone(txt), zone(txt), true, "all 2 servers", ""},
		{"txt among others", token, zone(txt, `_dnsauth.example.com. 60 TXT "old"`), zone(txt), true, "all 2 servers", ""},
		{"txt in two strings", token, zone(`_dnsauth.example.com. 60 TXT "tok" "en"`), zone(txt), true, "all 2 servers", ""},
		{"txt in another case", token, zone(`_dnsauth.example.com. 60 TXT "TOKEN"`), zone(txt), false, `"TOKEN"`, ""},
		{"cname on both, other case", target, zone(cname), zone(cname), true, "all 2 servers", ""},
		{"cname elsewhere", target, zone(cname), zone("_dnsauth.example.com. 60 CNAME old.example."), false, "ns2.example.com. 127.0.0.2:", ""},
		{"cname is not followed", target, zone("_dnsauth.example.com. 60 CNAME b.example.com.", "b.example.com. 60 CNAME abc.sectigo.com."), zone(cname), false, "b.example.com.", ""},
		{"second lags, nxdomain", token, zone(txt), zone(), false, "(NXDOMAIN)", ""},
		{"second lags, no data", token, zone(txt), zone("_dnsauth.example.com. 60 A 127.0.0.1"), false, "(no TXT record)", ""},
		{"second lags, a cname", token, zone(txt), zone(cname), false, "(CNAME abc.sectigo.com.)", ""},
		{"none has it", token, zone(), zone(), false, "split horizon", ""},
		{"second is dead", token, zone(txt), dnstest.Silence, true, "all 1 servers", "ns2.example.com. gives no usable answer: no answer in time"},
		{"second refuses", token, zone(txt), dnstest.Rcode(dns.RcodeRefused), true, "all 1 servers", "REFUSED"},
		{"second is a resolver", token, zone(txt), notAuthoritative(zone(txt)), true, "all 1 servers", "not authoritative"},
		{"second truncates", token, zone(txt), truncating(zone(txt)), true, "all 2 servers", ""},
		{"second answers something else", token, zone(txt), otherQuestion, true, "all 1 servers", "does not match"},
		{"name is not in a zone", record(t, dcv.TXT, "_a.example.org", "token"), dnstest.Zones(nil), zone(), false, "not in any delegated zone", ""},
		{"recursor fails", token, dnstest.Rcode(dns.RcodeServerFailure), zone(txt), false, "cannot be found: SERVFAIL", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := look(t, world(t, nil, tt.first, tt.second), tt.record)
			assert.Equal(t, tt.propagated, o.Propagated, o.Message)
			assert.Contains(t, o.Message, tt.says)
			if tt.warns == "" {
				assert.Empty(t, o.Warnings)
			} else {
				require.Len(t, o.Warnings, 1)
				assert.Contains(t, o.Warnings[0], tt.warns)
			}
		})
	}
}

func notAuthoritative(h dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, m *dns.Msg) {
		h(rewriter{w, func(m *dns.Msg) { m.Authoritative = false }}, m)
	}
}

// truncating answers over UDP with TC and nothing else.
func truncating(h dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, m *dns.Msg) {
		if w.RemoteAddr().Network() == "udp" {
			w = rewriter{w, func(m *dns.Msg) { m.Answer, m.Truncated = nil, true }}
		}
		h(w, m)
	}
}

func otherQuestion(w dns.ResponseWriter, m *dns.Msg) {
	reply := new(dns.Msg).SetReply(m)
	reply.Question[0].Name = "elsewhere.example."
	_ = w.WriteMsg(reply) // the client has gone
}

// rewriter changes replies on their way out.
type rewriter struct {
	dns.ResponseWriter
	change func(*dns.Msg)
}

func (r rewriter) WriteMsg(m *dns.Msg) error {
	r.change(m)
	return r.ResponseWriter.WriteMsg(m)
}

func TestNoServerAnswers(t *testing.T) {
	t.Parallel()
	recursor := dnstest.RunFakes(t, zone())[0]
	silent := dnstest.RunFakes(t, dnstest.Silence, dnstest.Silence)
	c, err := New(Config{Recursors: []string{recursor.Addr}, AuthoritativePort: uint16(silent[0].Port()), QueryTimeout: 100 * time.Millisecond})
	require.NoError(t, err)
	o := look(t, c, record(t, dcv.TXT, "_dnsauth.example.com", "token"))
	assert.False(t, o.Propagated)
	assert.Contains(t, o.Message, "no name server answers for TXT _dnsauth.example.com.")
	assert.Contains(t, o.Message, "Recursive or Off")
	assert.Len(t, o.Warnings, 2)
}

func TestEveryAddressIsAsked(t *testing.T) {
	t.Parallel()
	records := []string{
		"example.com. 300 NS ns.example.com.", "ns.example.com. 300 A 127.0.0.1", "ns.example.com. 300 A 127.0.0.2",
		"ns.example.com. 300 A 127.0.0.9", "ns.example.com. 300 A 169.254.1.1", "ns.example.com. 300 AAAA fe80::1",
	}
	full, empty := dnstest.Zone("example.com.", append(records, txt)...), dnstest.Zone("example.com.", records...)
	token := record(t, dcv.TXT, "_dnsauth.example.com", "token")

	o := look(t, world(t, nil, full, empty), token)
	assert.False(t, o.Propagated, "the second address lags")
	assert.Len(t, o.Servers, 3, "link-local addresses are left out")

	o = look(t, world(t, nil, full, full), token)
	assert.True(t, o.Propagated)
	assert.Empty(t, o.Warnings, "one address of the name answers")
}

func TestNameServerWithoutAddressIsAWarning(t *testing.T) {
	t.Parallel()
	z := zone(txt, "example.com. 300 NS gone.example.com.")
	o := look(t, world(t, nil, z, z), record(t, dcv.TXT, "_dnsauth.example.com", "token"))
	assert.True(t, o.Propagated)
	require.Len(t, o.Warnings, 1)
	assert.Contains(t, o.Warnings[0], "gone.example.com. gives no usable answer: it has no usable address")
}

func TestNegativeTTL(t *testing.T) {
	t.Parallel()
	token := record(t, dcv.TXT, "_dnsauth.example.com", "token")
	for _, h := range []dns.HandlerFunc{zone(), zone(txt)} {
		o := look(t, world(t, nil, h, h), token)
		assert.Equal(t, time.Minute, o.NegativeTTL)
	}
}

func TestRecursorsAreNotAskedForTheRecordTooEarly(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	spy := func(w dns.ResponseWriter, m *dns.Msg) {
		mu.Lock()
		defer mu.Unlock()
		if m.RecursionDesired {
			asked = append(asked, m.Question[0].Name)
		}
		zone()(w, m)
	}
	c := world(t, func(c *Config) { c.Concurrency, c.Confirm = 1, c.Recursors }, spy, zone())
	o := look(t, c, record(t, dcv.TXT, "_dnsauth._sub.example.com", "token"))
	assert.False(t, o.Propagated)
	mu.Lock()
	defer mu.Unlock()
	require.NotEmpty(t, asked)
	for _, name := range asked {
		assert.False(t, strings.HasPrefix(name, "_"), name)
	}
}

func TestOff(t *testing.T) {
	t.Parallel()
	c, err := New(Config{Mode: Off})
	require.NoError(t, err)
	o := look(t, c, record(t, dcv.TXT, "_dnsauth.example.com", "token"))
	assert.True(t, o.Propagated)
	assert.Contains(t, o.Message, "off")
}

func TestCheckErrors(t *testing.T) {
	t.Parallel()
	c := world(t, nil, zone(), zone())
	_, err := c.Check(t.Context(), dcv.Record{Type: dcv.TXT, FQDN: "Not Absolute"})
	require.ErrorIs(t, err, dcv.ErrUnsupported)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Check(ctx, record(t, dcv.TXT, "_dnsauth.example.com", "token"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestDeadlineBoundsACheck(t *testing.T) {
	t.Parallel()
	c := world(t, func(c *Config) { c.QueryTimeout, c.Deadline = time.Hour, 200*time.Millisecond }, dnstest.Silence)
	o := look(t, c, record(t, dcv.TXT, "_dnsauth.example.com", "token"))
	assert.Contains(t, o.Message, "no answer in time")
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"mode":              {Mode: "Sometimes"},
		"plain http":        {Recursors: []string{"http://dns.example/dns-query"}},
		"no host":           {Recursors: []string{":53"}},
		"confirm":           {Recursors: []string{"127.0.0.1"}, Confirm: []string{"a b"}},
		"authoritative":     {Recursors: []string{"127.0.0.1"}, AuthoritativeServers: []string{"ns1:99999"}},
		"negative deadline": {Recursors: []string{"127.0.0.1"}, Deadline: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(c)
			assert.Error(t, err)
		})
	}
}
