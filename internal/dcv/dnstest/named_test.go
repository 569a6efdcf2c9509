package dnstest

import (
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// ask returns the response code and the number of answers.
func ask(t *testing.T, addr, name string, qtype uint16) (rcode, answers int) {
	t.Helper()
	reply, err := new(resolver.Client).Ask(t.Context(), addr, resolver.Question(name, qtype, true))
	require.NoError(t, err)
	return reply.Rcode, len(reply.Answer)
}

func TestStartServesZonesAndNothingElse(t *testing.T) {
	t.Parallel()
	s := Run(t, Options{Zones: []ZoneSpec{{Name: "example.com", Records: []string{"www A 192.0.2.1"}}, {Name: "example.org."}}})
	tests := []struct {
		name           string
		qtype          uint16
		rcode, answers int
	}{
		{"www.example.com", dns.TypeA, dns.RcodeSuccess, 1},
		{"example.com", dns.TypeNS, dns.RcodeSuccess, 1},
		{"ns1.example.org", dns.TypeA, dns.RcodeSuccess, 1},
		{"missing.example.com", dns.TypeA, dns.RcodeNameError, 0},
		{"com", dns.TypeCAA, dns.RcodeNameError, 0},
		{"elsewhere.example", dns.TypeA, dns.RcodeNameError, 0},
	}
	for _, tt := range tests {
		rcode, answers := ask(t, s.Addr(), tt.name, tt.qtype)
		assert.Equal(t, tt.rcode, rcode, tt.name)
		assert.Equal(t, tt.answers, answers, tt.name)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Options{Zones: []ZoneSpec{{Name: "example.com"}}})
	require.NoError(t, err)
	assert.DirExists(t, s.dir)
	require.NoError(t, s.Stop())
	require.NoError(t, s.Stop(), "again")
	assert.NoDirExists(t, s.dir)
	_, err = new(resolver.Client).Ask(t.Context(), s.Addr(), resolver.Question("example.com", dns.TypeSOA, false))
	assert.Error(t, err)
}

func TestStartReportsWhatNamedSays(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{Zones: []ZoneSpec{{Name: "example.com", Policy: []string{"nonsense"}}}})
	require.ErrorContains(t, err, "named has ended")
	assert.ErrorContains(t, err, "nonsense")
}

func TestStartRefusesPublicAddresses(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{Host: "0.0.0.0"})
	assert.ErrorContains(t, err, "not a loopback address")
}

func TestMissingServerSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	for software, says := range map[Software]string{BIND: "named is not installed: apt-get install bind9", Knot: "knotd is not installed: apt-get install knot"} {
		_, err := software.findIn(t.TempDir())
		require.ErrorIs(t, err, ErrNotInstalled)
		assert.ErrorContains(t, err, says)
	}
}

func TestSecondaryLagsUntilTransfer(t *testing.T) {
	t.Parallel()
	primary, secondary := RunPair(t, []ZoneSpec{{Name: "example.com", Policy: []string{`grant "dcv" zonesub ANY`}}})
	assert.Equal(t, primary.Port(), secondary.Port())
	add(t, primary, `new.example.com. 60 TXT "x"`)

	rcode, _ := ask(t, primary.Addr(), "new.example.com", dns.TypeTXT)
	assert.Equal(t, dns.RcodeSuccess, rcode)
	rcode, _ = ask(t, secondary.Addr(), "new.example.com", dns.TypeTXT)
	assert.Equal(t, dns.RcodeNameError, rcode)

	require.NoError(t, secondary.Transfer(t.Context(), primary, "example.com"))
	rcode, _ = ask(t, secondary.Addr(), "new.example.com", dns.TypeTXT)
	assert.Equal(t, dns.RcodeSuccess, rcode)
}

// add updates the zone example.com with the server's own key.
func add(t *testing.T, s *Server, record string) {
	t.Helper()
	rr, err := dns.NewRR(record)
	require.NoError(t, err)
	m := new(dns.Msg).SetUpdate("example.com.")
	m.Insert([]dns.RR{rr})
	key := dns.Fqdn(s.Key().Name)
	m.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
	client := dns.Client{Net: "tcp", TsigSecret: map[string]string{key: s.Key().Secret}}
	reply, _, err := client.ExchangeContext(t.Context(), m, s.Addr())
	require.NoError(t, err)
	require.Equal(t, dns.RcodeSuccess, reply.Rcode)
}

func TestLogTailIsBounded(t *testing.T) {
	t.Parallel()
	s := &Server{dir: t.TempDir()}
	require.NoError(t, os.WriteFile(s.logFile(), make([]byte, 3*logTail), 0o600))
	assert.Len(t, s.LogTail(), logTail)
	assert.Contains(t, (&Server{dir: "/nonexistent"}).LogTail(), "no such file")
}
