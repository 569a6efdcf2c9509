package caa

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// TestDNSSEC asks a real BIND that validates, in front of one that signs.
func TestDNSSEC(t *testing.T) {
	t.Parallel()
	caa := []string{`@ CAA 0 issue "sectigo.com"`}
	server := dnstest.Run(t, dnstest.Options{Zones: []dnstest.ZoneSpec{
		{Name: "signed.example", DNSSEC: dnstest.Signed, Records: caa},
		{Name: "expired.example", DNSSEC: dnstest.Expired, Records: caa},
		{Name: "stale.example", DNSSEC: dnstest.Signed},
		{Name: "plain.example"},
	}})
	var anchors []string
	for _, zone := range []string{"signed.example", "expired.example"} {
		anchor, err := server.TrustAnchor(t.Context(), zone)
		require.NoError(t, err)
		anchors = append(anchors, anchor)
	}
	// The registry still has the key of an earlier provider.
	stale, err := dnstest.WrongAnchor("stale.example")
	require.NoError(t, err)
	validating := dnstest.Run(t, dnstest.Options{ForwardTo: server.Addr(), TrustAnchors: append(anchors, stale)})

	for name, want := range map[string]Verdict{
		"signed.example": Allowed, "www.signed.example": Allowed, "*.signed.example": Allowed,
		"expired.example": Bogus, "www.expired.example": Bogus,
		"stale.example": Bogus, "a.b.stale.example": Bogus,
		"plain.example": Allowed,
	} {
		// A server that doesn't validate must not hide what another one finds.
		for _, servers := range [][]string{{validating.Addr()}, {validating.Addr(), server.Addr()}} {
			c := New(&resolver.Resolver{Client: &resolver.Client{}, Servers: servers})
			for _, identities := range [][]string{{"sectigo.com"}, nil} {
				r := c.Check(t.Context(), Question{DNSName: name, Identities: identities})
				assert.Equal(t, want, r.Verdict, "%s: %s", name, r.Message)
				if want == Bogus {
					assert.Contains(t, r.Message, "DNSSEC is broken")
					assert.Contains(t, r.Message, name)
				}
			}
		}
		// Without validation nothing is known.
		r := New(&resolver.Resolver{Client: &resolver.Client{}, Servers: []string{server.Addr()}}).Check(t.Context(), Question{DNSName: name})
		assert.Equal(t, Allowed, r.Verdict)
	}
}

// TestServerThatFailsIsNotBogus ends the authoritative server: that is an outage.
func TestServerThatFailsIsNotBogus(t *testing.T) {
	t.Parallel()
	server := dnstest.Run(t, dnstest.Options{Zones: []dnstest.ZoneSpec{{Name: "signed.example", DNSSEC: dnstest.Signed}}})
	validating := dnstest.RunValidating(t, server, "signed.example")
	require.NoError(t, server.Stop())
	c := New(&resolver.Resolver{Client: &resolver.Client{}, Servers: []string{validating.Addr()}})
	r := c.Check(t.Context(), Question{DNSName: "new.signed.example"})
	assert.Equal(t, Unknown, r.Verdict, r.Message)
}
