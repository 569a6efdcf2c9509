package dnstest

import (
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestValidatingRecursor has BIND as a validating resolver in front of zones that are
// signed rightly, signed with another key than the world knows, signed long ago, and
// not signed.
func TestValidatingRecursor(t *testing.T) {
	t.Parallel()
	recursor := RunValidating(t, Run(t, Options{Zones: []ZoneSpec{
		{Name: "signed.example", DNSSEC: Signed},
		{Name: "expired.example", DNSSEC: Expired},
		{Name: "plain.example"},
	}}), "signed.example", "expired.example")
	for zone, want := range map[string]int{
		"signed.example": dns.RcodeSuccess, "expired.example": dns.RcodeServerFailure,
		"plain.example": dns.RcodeSuccess, "nowhere.example": dns.RcodeNameError,
	} {
		rcode, _ := ask(t, recursor.Addr(), zone, dns.TypeSOA)
		assert.Equal(t, want, rcode, zone)
	}
}

func TestWrongAnchor(t *testing.T) {
	t.Parallel()
	server := Run(t, Options{Zones: []ZoneSpec{{Name: "signed.example", DNSSEC: Signed}}})
	wrong, err := WrongAnchor("signed.example")
	require.NoError(t, err)
	right, err := server.TrustAnchor(t.Context(), "signed.example")
	require.NoError(t, err)
	require.NotEqual(t, wrong, right)
	for anchor, want := range map[string]int{right: dns.RcodeSuccess, wrong: dns.RcodeServerFailure} {
		recursor := Run(t, Options{ForwardTo: server.Addr(), TrustAnchors: []string{anchor}})
		rcode, _ := ask(t, recursor.Addr(), "missing.signed.example", dns.TypeTXT)
		if want == dns.RcodeSuccess {
			want = dns.RcodeNameError
		}
		assert.Equal(t, want, rcode)
	}
	_, err = server.TrustAnchor(t.Context(), ".")
	assert.ErrorContains(t, err, "no key")
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	server := Run(t, Options{Host: "::1", Zones: []ZoneSpec{{Name: "example.com"}}})
	rcode, answer := ask(t, server.Addr(), "ns1.example.com", dns.TypeAAAA)
	assert.Equal(t, dns.RcodeSuccess, rcode)
	assert.Equal(t, 1, answer)
}
