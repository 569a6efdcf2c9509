package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libdns/libdns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// memory is a provider that, like the careless ones, reads all, changes it and writes it
// back without a lock: concurrent changes would lose values.
type memory struct {
	mu      sync.Mutex
	records []libdns.Record
	lists   int
	// fail makes a call fail: "list", "append" or "delete".
	fail map[string]error
	// lose is applied to what is written.
	lose func([]libdns.Record) []libdns.Record
	// block delays listings until it is closed.
	block chan struct{}
}

func (m *memory) read(operation string) ([]libdns.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records), m.fail[operation]
}

func (m *memory) write(records []libdns.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lose != nil {
		records = m.lose(records)
	}
	m.records = records
}

func (m *memory) GetRecords(ctx context.Context, _ string) ([]libdns.Record, error) {
	if m.block != nil {
		select {
		case <-m.block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	m.mu.Lock()
	m.lists++
	m.mu.Unlock()
	return m.read("list")
}

func (m *memory) AppendRecords(_ context.Context, _ string, added []libdns.Record) ([]libdns.Record, error) {
	records, err := m.read("append")
	if err != nil {
		return nil, err
	}
	m.write(append(records, added...))
	return added, nil
}

func (m *memory) DeleteRecords(_ context.Context, _ string, gone []libdns.Record) ([]libdns.Record, error) {
	records, err := m.read("delete")
	if err != nil {
		return nil, err
	}
	m.write(slices.DeleteFunc(records, func(r libdns.Record) bool { return slices.Contains(gone, r) }))
	return gone, nil
}

func (m *memory) held() []string {
	records, _ := m.read("")
	var list []string
	for _, r := range records {
		rr := r.RR()
		list = append(list, fmt.Sprintf("%s %s %s %s", rr.Name, rr.Type, rr.Data, rr.TTL))
	}
	slices.Sort(list)
	return list
}

func zoneOver(m *memory, k kind) *zone {
	return &zone{name: "example.com.", backend: m, kind: k, patience: 10 * time.Second}
}

func request(t *testing.T, kind dcv.RecordType, name, value string) dcv.Request {
	t.Helper()
	r, err := dcv.NewRecord(kind, name, value)
	require.NoError(t, err)
	return dcv.Request{ID: "team/site", Record: r}
}

func existing() []libdns.Record {
	return []libdns.Record{
		libdns.RR{Name: "@", Type: "SOA", Data: "ns1 hostmaster 1 2 3 4 5", TTL: time.Hour},
		libdns.NS{Name: "@", Target: "ns1.example.com.", TTL: time.Hour},
		libdns.TXT{Name: "@", Text: "v=spf1 -all", TTL: 30 * time.Minute},
		libdns.CNAME{Name: "taken", Target: "elsewhere.example.net.", TTL: time.Hour},
		libdns.RR{Name: "www", Type: "A", Data: "192.0.2.1", TTL: time.Hour},
		libdns.NS{Name: "child", Target: "ns.child.example.com.", TTL: time.Hour},
	}
}

func TestPresentAndCleanUp(t *testing.T) {
	t.Parallel()
	for held, req := range map[string]dcv.Request{
		"_a TXT token 1m0s":              request(t, dcv.TXT, "_a.example.com", "token"),
		"@ TXT token 30m0s":              request(t, dcv.TXT, "example.com", "token"),
		"_a CNAME abc.sectigo.com. 1m0s": request(t, dcv.CNAME, "_a.example.com", "ABC.sectigo.com"),
	} {
		m := &memory{records: existing()}
		before := m.held()
		z := zoneOver(m, kind{})
		for range 2 {
			state, err := z.Present(t.Context(), req)
			require.NoError(t, err)
			assert.Equal(t, dcv.State{}, state)
			assert.ElementsMatch(t, append([]string{held}, before...), m.held())
		}
		for range 2 {
			require.NoError(t, z.CleanUp(t.Context(), req))
			assert.Equal(t, before, m.held(), "nothing else was touched")
		}
	}
}

// TestForms has a provider that lists values in other forms than they were written.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, r := range []libdns.Record{
		libdns.TXT{Name: "_a", Text: `"token"`},
		libdns.TXT{Name: "_A", Text: "token"},
		libdns.RR{Name: "_a", Type: "txt", Data: `"to" "ken"`},
	} {
		m := &memory{records: append(existing(), r)}
		z := zoneOver(m, kind{})
		req := request(t, dcv.TXT, "_a.example.com", "token")
		_, err := z.Present(t.Context(), req)
		require.NoError(t, err)
		assert.Len(t, m.held(), 7, "it was there already: %v", r)
		require.NoError(t, z.CleanUp(t.Context(), req))
		assert.Len(t, m.held(), 6, "removed in the provider's form: %v", r)
	}
}

func TestObstacles(t *testing.T) {
	t.Parallel()
	long := fmt.Sprintf("%0256d", 7)
	tests := map[string]struct {
		kind kind
		req  dcv.Request
		want error
		says string
	}{
		"cname over cname":   {kind{}, request(t, dcv.CNAME, "taken.example.com", "x.example.org"), dcv.ErrConflict, `CNAME record with "elsewhere.example.net."`},
		"txt over cname":     {kind{}, request(t, dcv.TXT, "taken.example.com", "v"), dcv.ErrConflict, "elsewhere.example.net."},
		"cname over address": {kind{}, request(t, dcv.CNAME, "www.example.com", "x.example.org"), dcv.ErrConflict, `A record with "192.0.2.1"`},
		"cname at apex":      {kind{}, request(t, dcv.CNAME, "example.com", "x.example.org"), dcv.ErrConflict, "example.com."},
		"delegated":          {kind{}, request(t, dcv.TXT, "_a.child.example.com", "v"), dcv.ErrDenied, "child.example.com. is delegated"},
		"quotes":             {kind{}, request(t, dcv.TXT, "_a.example.com", `"v"`), dcv.ErrUnsupported, "plain characters"},
		"semicolon":          {kind{}, request(t, dcv.TXT, "_a.example.com", "v;w"), dcv.ErrUnsupported, "plain characters"},
		"long":               {kind{}, request(t, dcv.TXT, "_a.example.com", long), dcv.ErrUnsupported, "longer than 255"},
		"whole sets":         {kind{wholeSets: true}, request(t, dcv.TXT, "example.com", "v"), dcv.ErrUnsupported, `"v=spf1 -all"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{records: existing()}
			before := m.held()
			_, err := zoneOver(m, tt.kind).Present(t.Context(), tt.req)
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.says)
			assert.Equal(t, before, m.held())
		})
	}
}

func TestWholeSetIsRemovedOnlyIfNothingElseIsInIt(t *testing.T) {
	t.Parallel()
	m := &memory{records: existing()}
	z := zoneOver(m, kind{wholeSets: true})
	req := request(t, dcv.TXT, "_a.example.com", "v")
	_, err := z.Present(t.Context(), req)
	require.NoError(t, err)
	m.write(append(m.records, libdns.TXT{Name: "_a", Text: "someone else's"}))
	err = z.CleanUp(t.Context(), req)
	require.ErrorIs(t, err, dcv.ErrUnsupported)
	require.ErrorContains(t, err, "by hand")
	assert.Len(t, m.held(), 8)
	assert.False(t, z.Capabilities().MultiValue)
}

func TestFailures(t *testing.T) {
	t.Parallel()
	outage := errors.New("outage")
	for operation, says := range map[string]string{"list": "list the records", "append": "add _a.example.com."} {
		m := &memory{records: existing(), fail: map[string]error{operation: outage}}
		_, err := zoneOver(m, kind{}).Present(t.Context(), request(t, dcv.TXT, "_a.example.com", "v"))
		require.ErrorIs(t, err, outage)
		require.ErrorContains(t, err, says)
		require.NotErrorIs(t, err, dcv.ErrDenied)
	}
	m := &memory{records: existing(), fail: map[string]error{"delete": errors.New(`dns response error code "REFUSED" (5)`)}}
	err := zoneOver(m, kind{}).CleanUp(t.Context(), request(t, dcv.TXT, "example.com", "v=spf1 -all"))
	require.ErrorIs(t, err, dcv.ErrDenied)
	_, err = zoneOver(&memory{}, kind{neverEmpty: true}).Present(t.Context(), request(t, dcv.TXT, "_a.example.com", "v"))
	require.ErrorContains(t, err, "not even its SOA")
}

// TestReadBack has a provider that says yes and does something else.
func TestReadBack(t *testing.T) {
	t.Parallel()
	req := request(t, dcv.TXT, "example.com", "v")
	dropped := &memory{records: existing(), lose: func(r []libdns.Record) []libdns.Record { return r[:len(r)-1] }}
	state, err := zoneOver(dropped, kind{}).Present(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, dcv.Pending, state.Phase)
	assert.Contains(t, state.Message, "doesn't list it yet")

	overwriting := &memory{records: existing(), lose: func(r []libdns.Record) []libdns.Record {
		return slices.DeleteFunc(r, func(r libdns.Record) bool { return r.RR().Data == "v=spf1 -all" })
	}}
	_, err = zoneOver(overwriting, kind{}).Present(t.Context(), req)
	require.ErrorContains(t, err, `example.com. TXT with "v=spf1 -all" is gone`)

	keeping := &memory{records: existing()}
	keeping.lose = func([]libdns.Record) []libdns.Record { return keeping.records }
	err = zoneOver(keeping, kind{}).CleanUp(t.Context(), request(t, dcv.TXT, "example.com", "v=spf1 -all"))
	require.ErrorContains(t, err, "still lists")
}

// TestManyNamesAtOnce changes 200 names of one zone over a provider that would lose values
// to concurrent changes.
func TestManyNamesAtOnce(t *testing.T) {
	t.Parallel()
	const names = 200
	m := &memory{records: existing(), block: make(chan struct{})}
	before := m.held()
	z := zoneOver(m, kind{})
	var requests []dcv.Request
	for i := range names {
		requests = append(requests, request(t, dcv.TXT, fmt.Sprintf("_n%d.example.com", i/2), fmt.Sprint("v", i)))
	}
	errs := atOnce(t, requests, func(ctx context.Context, r dcv.Request) error {
		_, err := z.Present(ctx, r)
		return err
	})
	close(m.block)
	for range names {
		require.NoError(t, <-errs)
	}
	assert.Len(t, m.held(), len(before)+names)
	assert.Less(t, m.lists, names, "changes that wait share a listing")
	errs = atOnce(t, requests, z.CleanUp)
	for range names {
		require.NoError(t, <-errs)
	}
	assert.Equal(t, before, m.held())
}

func atOnce(t *testing.T, requests []dcv.Request, f func(context.Context, dcv.Request) error) <-chan error {
	t.Helper()
	errs := make(chan error, len(requests))
	for _, r := range requests {
		go func() { errs <- f(t.Context(), r) }()
	}
	return errs
}

func TestSlowServiceIsPending(t *testing.T) {
	t.Parallel()
	m := &memory{records: existing(), block: make(chan struct{})}
	z := zoneOver(m, kind{})
	z.patience = time.Millisecond
	req := request(t, dcv.TXT, "_a.example.com", "v")
	state, err := z.Present(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, dcv.Pending, state.Phase)
	require.ErrorIs(t, z.CleanUp(t.Context(), request(t, dcv.TXT, "_b.example.com", "v")), errWorking)
	close(m.block)
	z.patience = 10 * time.Second
	state, err = z.Present(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, dcv.Done, state.Phase, "the work went on")
}

func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	m := &memory{records: existing(), block: make(chan struct{})}
	t.Cleanup(func() { close(m.block) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := zoneOver(m, kind{}).Present(ctx, request(t, dcv.TXT, "_a.example.com", "v"))
	require.ErrorIs(t, err, context.Canceled)
}
