package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/libdns/rfc2136"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// overBIND is a zone on a real name server, through libdns.
func overBIND(t *testing.T, records ...string) (*zone, *dnstest.Server) {
	t.Helper()
	s := dnstest.Run(t, dnstest.Options{Zones: []dnstest.ZoneSpec{{Name: "example.com", Records: records}}})
	k := kinds["rfc2136"]
	provider := k.new().(*rfc2136.Provider)
	require.NoError(t, fill(provider, map[string]any{"server": s.Addr(), "key_name": s.Key().Name, "key_alg": "hmac-sha256", "key": s.Key().Secret}))
	return &zone{name: "example.com.", backend: provider, kind: k, patience: time.Minute}, s
}

func served(t *testing.T, s *dnstest.Server, name string, qtype uint16) *dns.Msg {
	t.Helper()
	reply, err := new(resolver.Client).Ask(t.Context(), s.Addr(), resolver.Question(name, qtype, false))
	require.NoError(t, err)
	return reply
}

func TestBIND(t *testing.T) {
	t.Parallel()
	z, s := overBIND(t, `@ 1800 TXT "v=spf1 -all"`, "taken CNAME elsewhere.example.net.", "www A 127.0.0.1")
	txt, cname := request(t, dcv.TXT, "example.com", "token"), request(t, dcv.CNAME, "_abc.example.com", "abc.sectigo.com")
	for range 2 {
		for _, req := range []dcv.Request{txt, cname} {
			state, err := z.Present(t.Context(), req)
			require.NoError(t, err)
			assert.Equal(t, dcv.State{}, state)
		}
	}
	reply := served(t, s, "example.com", dns.TypeTXT)
	assert.ElementsMatch(t, []string{"token", "v=spf1 -all"}, resolver.Texts(reply, "example.com."))
	assert.EqualValues(t, 1800, reply.Answer[0].Header().Ttl, "SPF keeps its TTL")
	assert.Equal(t, "abc.sectigo.com.", resolver.Alias(served(t, s, "_abc.example.com", dns.TypeCNAME), "_abc.example.com."))

	_, err := z.Present(t.Context(), request(t, dcv.CNAME, "taken.example.com", "abc.sectigo.com"))
	require.ErrorIs(t, err, dcv.ErrConflict)
	_, err = z.Present(t.Context(), request(t, dcv.CNAME, "www.example.com", "abc.sectigo.com"))
	require.ErrorIs(t, err, dcv.ErrConflict)
	for range 2 {
		require.NoError(t, z.CleanUp(t.Context(), txt))
		require.NoError(t, z.CleanUp(t.Context(), cname))
	}
	assert.Equal(t, []string{"v=spf1 -all"}, resolver.Texts(served(t, s, "example.com", dns.TypeTXT), "example.com."))
	assert.Equal(t, dns.RcodeNameError, served(t, s, "_abc.example.com", dns.TypeCNAME).Rcode)
	assert.Equal(t, "elsewhere.example.net.", resolver.Alias(served(t, s, "taken.example.com", dns.TypeCNAME), "taken.example.com."))
}

// TestBINDManyNamesAtOnce sends 200 names through the protocol to one zone.
func TestBINDManyNamesAtOnce(t *testing.T) {
	t.Parallel()
	const names = 200
	z, s := overBIND(t)
	hook, _ := program(t, token, z)
	requests := make([]dcv.Request, names)
	for i := range requests {
		requests[i] = request(t, dcv.TXT, fmt.Sprintf("_n%d.example.com", i), fmt.Sprint("v", i))
	}
	errs := atOnce(t, requests, func(ctx context.Context, r dcv.Request) error {
		state, err := hook.Present(ctx, r)
		if err == nil && state.Phase != dcv.Done {
			return fmt.Errorf("%s: %s", r.Record, state.Message)
		}
		return err
	})
	for range names {
		require.NoError(t, <-errs)
	}
	for i, r := range requests {
		assert.Equal(t, []string{fmt.Sprint("v", i)}, resolver.Texts(served(t, s, r.Record.FQDN, dns.TypeTXT), r.Record.FQDN))
	}
	errs = atOnce(t, requests, hook.CleanUp)
	for range names {
		require.NoError(t, <-errs)
	}
	assert.Equal(t, dns.RcodeNameError, served(t, s, requests[names-1].Record.FQDN, dns.TypeTXT).Rcode)
}

func TestBINDRefuses(t *testing.T) {
	t.Parallel()
	z, _ := overBIND(t)
	z.backend.(*rfc2136.Provider).Key = dnstest.NewKey("x").Secret
	_, err := z.Present(t.Context(), request(t, dcv.TXT, "_a.example.com", "v"))
	require.ErrorIs(t, err, dcv.ErrDenied)
}
