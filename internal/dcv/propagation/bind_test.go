package propagation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/rfc2136"
)

// TestLaggingSecondary publishes by DNS UPDATE on a real primary, whose
// secondary has the zone from before.
func TestLaggingSecondary(t *testing.T) {
	t.Parallel()
	zones := []dnstest.ZoneSpec{{Name: "example.com", Nameservers: []string{"127.0.0.1", "127.0.0.2"}}}
	primary, secondary := dnstest.RunPair(t, zones)
	hook, err := rfc2136.New(rfc2136.Config{
		Nameserver: primary.Addr(), TSIGKeyName: primary.Key().Name, TSIGSecret: dcv.NewSecret(primary.Key().Secret),
	})
	require.NoError(t, err)
	checker, err := New(Config{
		Recursors:         []string{primary.Addr()},
		AuthoritativePort: uint16(primary.Port()),
		QueryTimeout:      2 * time.Second,
	})
	require.NoError(t, err)

	for _, r := range []dcv.Record{
		record(t, dcv.TXT, "_dnsauth.example.com", "token"),
		record(t, dcv.TXT, "example.com", "token"),
		record(t, dcv.CNAME, "_0a1b.www.example.com", "c.d.sectigo.com"),
	} {
		before := look(t, checker, r)
		assert.False(t, before.Propagated)
		assert.Contains(t, before.Message, "is not published")

		_, err = hook.Present(t.Context(), dcv.Request{Record: r})
		require.NoError(t, err)
		lagging := look(t, checker, r)
		assert.False(t, lagging.Propagated)
		assert.Contains(t, lagging.Message, "is on 1 servers, but not yet on ns2.example.com. "+secondary.Addr())

		require.NoError(t, secondary.Transfer(t.Context(), primary, "example.com"))
		after := look(t, checker, r)
		assert.True(t, after.Propagated, after.Message)
		assert.Empty(t, after.Warnings)
		assert.Equal(t, time.Minute, after.NegativeTTL)
	}

	require.NoError(t, secondary.Stop())
	alone := look(t, checker, record(t, dcv.TXT, "_dnsauth.example.com", "token"))
	assert.True(t, alone.Propagated, alone.Message)
	require.Len(t, alone.Warnings, 1)
	assert.Contains(t, alone.Warnings[0], "ns2.example.com. gives no usable answer")
}
