package order

import (
	"context"
	"fmt"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/propagation"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/rfc2136"
)

// withRecords is an order that is to publish a value at each of many names.
func withRecords(count int, value string) *scope {
	order := &v1alpha1.ResellerOrder{}
	order.Status.Solvers = []v1alpha1.SolverSnapshot{{Hash: "hash"}}
	for i := range count {
		order.Status.Records = append(order.Status.Records, v1alpha1.PublishedRecord{
			Name: fmt.Sprintf("n%d.example.com.", i), Type: v1alpha1.DCVMethodTXT, Value: fmt.Sprintf("%s %d", value, i), Solver: "hash",
		})
	}
	return &scope{order: order}
}

// TestManyRecordsInOneZone publishes 200 names of one zone on a real BIND, two orders at the
// same time that share every name but no value, as a Certificate and its copy in another
// namespace do. No value is lost, each order removes only its own, and SPF stays.
func TestManyRecordsInOneZone(t *testing.T) {
	t.Parallel()
	const count = 200
	server := dnstest.Run(t, dnstest.Options{Zones: []dnstest.ZoneSpec{{Name: "example.com", Records: []string{`n7 TXT "v=spf1 -all"`}}}})
	hook, err := rfc2136.New(rfc2136.Config{
		Nameserver: server.Addr(), TSIGKeyName: server.Key().Name, TSIGSecret: dcv.NewSecret(server.Key().Secret),
	})
	require.NoError(t, err)
	r := &Reconciler{Hooks: func(context.Context, v1alpha1.Solver, string) (dcv.Hook, error) { return hook, nil }}
	orders := []*scope{withRecords(count, "one"), withRecords(count, "two")}
	done := make(chan []error)
	all := func(s *scope, call hookFunc) {
		open := map[string]bool{}
		for _, record := range s.order.Status.Records {
			open[record.Name] = true
		}
		for range 1000 {
			failures := r.eachRecord(t.Context(), s, func(record *v1alpha1.PublishedRecord) bool { return open[record.Name] }, call,
				func(record *v1alpha1.PublishedRecord) { delete(open, record.Name) })
			if len(failures) == 0 || failures[0] != errRecordBusy { //nolint:errorlint // only the very error is nothing
				done <- failures
				return
			}
		}
		done <- []error{errRecordBusy}
	}
	for _, s := range orders {
		go all(s, present)
	}
	for range orders {
		require.Empty(t, <-done)
	}
	checker, err := propagation.New(propagation.Config{Recursors: []string{server.Addr()}, AuthoritativePort: uint16(server.Port())})
	require.NoError(t, err)
	look := func(s *scope) (seen int) {
		var records []dcv.Record
		for _, record := range s.order.Status.Records {
			records = append(records, dcv.Record{Type: dcv.TXT, FQDN: record.Name, Value: record.Value})
		}
		observations, err := checker.CheckAll(t.Context(), records)
		require.NoError(t, err)
		for _, o := range observations {
			if o.Propagated {
				seen++
			}
		}
		return seen
	}
	assert.Equal(t, count, look(orders[0]))
	assert.Equal(t, count, look(orders[1]))

	go all(orders[0], func(ctx context.Context, hook dcv.Hook, request dcv.Request) error { return hook.CleanUp(ctx, request) })
	require.Empty(t, <-done)
	assert.Zero(t, look(orders[0]))
	assert.Equal(t, count, look(orders[1]))
	reply, err := dns.Exchange(new(dns.Msg).SetQuestion("n7.example.com.", dns.TypeTXT), server.Addr())
	require.NoError(t, err)
	assert.Len(t, reply.Answer, 2, "SPF stays beside the other order's value")
}
