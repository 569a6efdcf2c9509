package resolver

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseServer(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"10.0.0.53":                     "10.0.0.53:53",
		"10.0.0.53:5353":                "10.0.0.53:5353",
		"::1":                           "[::1]:53",
		"[::1]":                         "[::1]:53",
		"[::1]:5353":                    "[::1]:5353",
		"ns1.example.com":               "ns1.example.com:53",
		"ns1.example.com:53":            "ns1.example.com:53",
		"https://dns.example/dns-query": "https://dns.example/dns-query",
	}
	for in, want := range tests {
		got, err := ParseServer(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got)
	}
	for _, in := range []string{"", ":53", "a b", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:dns", "http://dns.example", "https://", "https://u:p@dns.example", "tls://dns.example", "a/b"} {
		_, err := ParseServer(in)
		require.Error(t, err, "%q", in)
		assert.NotContains(t, err.Error(), "u:p")
	}
	_, err := ParseServers([]string{"10.0.0.1", ""})
	assert.Error(t, err)
}

func TestDisplayHidesThePath(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "https://dns.example:8443", Display("https://dns.example:8443/token/dns-query?key=1"))
	assert.Equal(t, "10.0.0.1:53", Display("10.0.0.1:53"))
}

func TestFromFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(path, []byte("search a.example\nnameserver 10.0.0.1\nnameserver ::1\n"), 0o600))
	servers, err := FromFile(path)
	require.NoError(t, err)
	assert.Equal(t, []string{"10.0.0.1:53", "[::1]:53"}, servers)
	_, err = FromFile(path + ".missing")
	assert.Error(t, err)
}

func reply(t *testing.T, rcode int, answer, authority []string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.Rcode = rcode
	for _, text := range answer {
		rr, err := dns.NewRR(text)
		require.NoError(t, err)
		m.Answer = append(m.Answer, rr)
	}
	for _, text := range authority {
		rr, err := dns.NewRR(text)
		require.NoError(t, err)
		m.Ns = append(m.Ns, rr)
	}
	return m
}

func TestSOAFor(t *testing.T) {
	t.Parallel()
	const soa = "example.com. 300 SOA ns.example.com. h.example.com. 1 2 3 4 60"
	tests := []struct {
		name              string
		answer, authority []string
		asked, want       string
	}{
		{"apex", []string{soa}, nil, "example.com.", "example.com."},
		{"below", nil, []string{soa}, "a.b.example.com.", "example.com."},
		{"not above", nil, []string{soa}, "example.org.", ""},
		{"nothing", nil, nil, "example.com.", ""},
		{"behind an alias", []string{"www.example.net. 60 CNAME x.example.com."}, []string{soa}, "www.example.net.", ""},
		{"apex of the alias target", []string{"www.example.net. 60 CNAME example.com.", soa}, nil, "www.example.net.", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := soaFor(reply(t, 0, tt.answer, tt.authority), tt.asked)
			if tt.want == "" {
				assert.Nil(t, got)
				return
			}
			require.NotNil(t, got)
			assert.Equal(t, tt.want, got.Hdr.Name)
		})
	}
}

func TestNegativeTTLIsTheSmaller(t *testing.T) {
	t.Parallel()
	for soa, want := range map[string]time.Duration{
		"example. 300 SOA ns.example. h.example. 1 2 3 4 60": time.Minute,
		"example. 30 SOA ns.example. h.example. 1 2 3 4 60":  30 * time.Second,
	} {
		assert.Equal(t, want, NegativeTTL(reply(t, dns.RcodeNameError, nil, []string{soa})))
	}
	assert.Zero(t, NegativeTTL(reply(t, 0, nil, nil)))
}

func TestReferral(t *testing.T) {
	t.Parallel()
	ns := []string{"sub.example.com. 60 NS NS1.example.net.", "sub.example.com. 60 NS ns2.example.net."}
	zone, servers := Referral(reply(t, 0, nil, ns), "_a.sub.example.com.")
	assert.Equal(t, "sub.example.com.", zone)
	assert.Equal(t, []string{"ns1.example.net.", "ns2.example.net."}, servers)

	authoritative := reply(t, 0, nil, ns)
	authoritative.Authoritative = true
	for name, m := range map[string]*dns.Msg{
		"authoritative": authoritative,
		"refused":       reply(t, dns.RcodeRefused, nil, ns),
		"to the root":   reply(t, 0, nil, []string{". 60 NS a.root-servers.net."}),
		"elsewhere":     reply(t, 0, nil, []string{"example.org. 60 NS ns.example.org."}),
	} {
		zone, _ := Referral(m, "_a.sub.example.com.")
		assert.Empty(t, zone, name)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	m := reply(t, 0, []string{"A.example. 60 CNAME b.example.", "b.example. 60 CNAME C.example.", `c.example. 60 TXT "x" "y"`, `c.example. 60 TXT "z"`}, nil)
	assert.Equal(t, "b.example.", Alias(m, "a.example."))
	assert.Equal(t, "c.example.", FollowAlias(m, "a.example.", 8))
	assert.Equal(t, "b.example.", FollowAlias(m, "a.example.", 1))
	assert.Equal(t, []string{"xy", "z"}, Texts(m, "c.example."))
	assert.Empty(t, Texts(m, "a.example."))
}
