package resolver_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// withholding is a validating resolver that has an answer only for those that don't
// want it checked; detail is what it says about the reason.
func withholding(detail uint16) dns.HandlerFunc {
	return func(w dns.ResponseWriter, m *dns.Msg) {
		if m.CheckingDisabled {
			zone(w, m)
			return
		}
		reply := new(dns.Msg).SetRcode(m, dns.RcodeServerFailure)
		if detail != 0 {
			reply.SetEdns0(1232, false)
			reply.IsEdns0().Option = append(reply.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: detail, ExtraText: "secret words"})
		}
		_ = w.WriteMsg(reply) // the client has gone
	}
}

func TestBogus(t *testing.T) {
	t.Parallel()
	// Fails at first, and not when it is asked again.
	failures := 1
	passing := func(w dns.ResponseWriter, m *dns.Msg) {
		if failures > 0 {
			failures--
			dnstest.Rcode(dns.RcodeServerFailure)(w, m)
			return
		}
		zone(w, m)
	}
	for name, tt := range map[string]struct {
		handler dns.HandlerFunc
		bogus   bool
		says    string
	}{
		"withheld":                {withholding(0), true, "DNSSEC validation fails at 127.0.0.1:"},
		"withheld, with a reason": {withholding(dns.ExtendedErrorCodeSignatureExpired), true, "(Signature Expired)"},
		"an outage":               {dnstest.Rcode(dns.RcodeServerFailure), false, "SERVFAIL"},
		"refused":                 {dnstest.Rcode(dns.RcodeRefused), false, "REFUSED"},
		"trouble that passes":     {passing, false, "SERVFAIL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := dnstest.RunFakes(t, tt.handler)[0].Addr
			good := dnstest.RunFakes(t, zone)[0].Addr
			r := &resolver.Resolver{Client: &resolver.Client{}, Servers: []string{server}}
			_, err := r.Lookup(t.Context(), "example.com", dns.TypeTXT)
			require.Error(t, err)
			assert.Equal(t, tt.bogus, resolver.IsBogus(err))
			assert.Contains(t, resolver.Reason(fmt.Errorf("wrapped: %w", err)), tt.says)
			assert.NotContains(t, err.Error(), "secret words")
			if name == "trouble that passes" {
				return
			}
			r.Servers = append(r.Servers, good)
			_, err = r.Lookup(t.Context(), "example.com", dns.TypeTXT)
			assert.Equal(t, tt.bogus, err != nil, "another server is no way around validation")
		})
	}
	assert.False(t, resolver.IsBogus(errors.New("else")))
}
