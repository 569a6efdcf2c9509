package resello

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

type findCase struct {
	trace providers.Trace
	list  []string
	// orders are the reply of GET by id and of download-csr.
	orders   map[string][2]string
	want     []string
	evidence providers.Evidence
	fails    bool
}

// one is a reply of GET by id.
func one(id, status string) string { return ok(`{"id":"` + id + `","status":"` + status + `"}`)[0] }

func TestFind(t *testing.T) {
	t.Parallel()
	ours, other := newPair(t, "example.com").csr, newPair(t, "example.com").csr
	trace := func(kind providers.OperationKind, id string) providers.Trace {
		trace := providers.Trace{
			Kind: kind, Reference: "ri-77", CSR: []byte(ours), CommonName: "example.com", Names: []string{"example.com"}, Since: testNow(),
		}
		if id != "" {
			trace.IDs = providers.IDs{orderID: id}
		}
		return trace
	}
	mine, foreign, bare := `{"id":"m","client_reference":"ri-77"}`, `{"id":"f","client_reference":"ri-1"}`, `{"id":"b","status":"pending"}`
	null, old := `{"id":"n","client_reference":null}`, `{"id":"o","created_at":"2026-01-01"}`
	silent := no("x")[0]
	for name, test := range map[string]findCase{
		"our reference":                     {trace: trace(providers.Purchase, ""), list: []string{mine}, want: []string{"m"}, evidence: providers.EvidenceReference},
		"two with our reference":            {trace: trace(providers.Purchase, ""), list: []string{mine, `{"id":"m2","client_reference":"ri-77"}`}, want: []string{"m", "m2"}, evidence: providers.EvidenceReference},
		"the filter is ignored":             {trace: trace(providers.Purchase, ""), list: []string{foreign, mine, null}, want: []string{"m"}, evidence: providers.EvidenceReference},
		"nothing":                           {trace: trace(providers.Purchase, "")},
		"others only":                       {trace: trace(providers.Purchase, ""), list: []string{foreign, null}},
		"no reference told, our CSR":        {trace: trace(providers.Purchase, ""), list: []string{bare}, orders: map[string][2]string{"b": {one("b", "pending"), ours}}, want: []string{"b"}, evidence: providers.EvidenceCSR},
		"no reference told, another CSR":    {trace: trace(providers.Purchase, ""), list: []string{bare}, orders: map[string][2]string{"b": {one("b", "pending"), other}}},
		"no reference and no CSR told":      {trace: trace(providers.Purchase, ""), list: []string{bare}, orders: map[string][2]string{"b": {one("b", "pending"), silent}}, want: []string{"b"}, evidence: providers.EvidenceNames},
		"no reference told, but long ago":   {trace: trace(providers.Purchase, ""), list: []string{old}},
		"a listed order isn't known":        {trace: trace(providers.Purchase, ""), list: []string{bare}, orders: map[string][2]string{"b": {"404 " + silent, silent}}, fails: true},
		"a listed order isn't readable":     {trace: trace(providers.Purchase, ""), list: []string{bare}, orders: map[string][2]string{"b": {"502 x", silent}}, fails: true},
		"a row without an id":               {trace: trace(providers.Purchase, ""), list: []string{`{"client_reference":"ri-77"}`}, fails: true},
		"reissue under its id":              {trace: trace(providers.Reissue, "m"), orders: map[string][2]string{"m": {one("m", "active"), ours}}, want: []string{"m"}, evidence: providers.EvidenceCSR},
		"reissue under another id":          {trace: trace(providers.Reissue, "x"), list: []string{mine}, orders: map[string][2]string{"x": {one("x", "active"), other}, "m": {one("m", "pending"), ours}}, want: []string{"m"}, evidence: providers.EvidenceCSR},
		"reissue, the old one is gone":      {trace: trace(providers.Reissue, "x"), list: []string{mine}, orders: map[string][2]string{"x": {"404 " + silent, ""}, "m": {one("m", "pending"), ours}}, want: []string{"m"}, evidence: providers.EvidenceCSR},
		"reissue didn't happen":             {trace: trace(providers.Reissue, "m"), list: []string{mine}, orders: map[string][2]string{"m": {one("m", "active"), other}}},
		"a reference alone is no reissue":   {trace: trace(providers.Reissue, "x"), list: []string{mine}, orders: map[string][2]string{"x": {one("x", "active"), other}, "m": {one("m", "active"), other}}},
		"renewal at work, old data":         {trace: trace(providers.Renew, "m"), list: []string{mine}, orders: map[string][2]string{"m": {one("m", "pending"), other}}, want: []string{"m"}, evidence: providers.EvidenceNames},
		"renewal, no CSR told":              {trace: trace(providers.Renew, "m"), orders: map[string][2]string{"m": {one("m", "active"), silent}}, want: []string{"m"}, evidence: providers.EvidenceNames},
		"renewal without an id":             {trace: trace(providers.Renew, ""), list: []string{mine}, orders: map[string][2]string{"m": {one("m", "active"), ours}}, want: []string{"m"}, evidence: providers.EvidenceCSR},
		"renewal, the order isn't readable": {trace: trace(providers.Renew, "m"), orders: map[string][2]string{"m": {"502 x", ""}}, fails: true},
		"cancelled and gone":                {trace: trace(providers.Cancel, "m"), orders: map[string][2]string{"m": {"404 " + silent, ""}}, want: []string{"m"}, evidence: providers.EvidenceReference},
		"cancelled":                         {trace: trace(providers.Cancel, "m"), orders: map[string][2]string{"m": {one("m", "deleted"), ""}}, want: []string{"m"}, evidence: providers.EvidenceReference},
		"not cancelled":                     {trace: trace(providers.Cancel, "m"), orders: map[string][2]string{"m": {one("m", "active"), ""}}},
		"cancelled, nobody knows":           {trace: trace(providers.Cancel, "m"), orders: map[string][2]string{"m": {"502 x", ""}}, fails: true},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test.run(t) })
	}
}

func (c findCase) run(t *testing.T) {
	t.Helper()
	replies := map[string][]string{"GET " + certificates: ok("[" + strings.Join(c.list, ",") + "]")}
	for id, order := range c.orders {
		replies["GET "+item(id)] = []string{order[0]}
		replies["GET "+item(id, "download-csr")] = []string{order[1]}
	}
	v := newVendor(t, replies)
	found, err := v.provider(nil).Find(t.Context(), c.trace)
	if c.fails {
		assert.Equal(t, providers.Unavailable, kindOf(t, err))
		assert.Empty(t, found)
		return
	}
	require.NoError(t, err)
	var ids []string
	for _, f := range found {
		ids = append(ids, f.Order.IDs[orderID])
		assert.Equal(t, c.evidence, f.Evidence)
	}
	assert.Equal(t, c.want, ids)
}

// TestFindGivesUpOnTooMany: "nothing" needs all candidates to be compared.
func TestFindGivesUpOnTooMany(t *testing.T) {
	t.Parallel()
	var list []string
	for i := range maxCandidates + 1 {
		list = append(list, fmt.Sprintf(`{"id":"%d"}`, i))
	}
	v := newVendor(t, map[string][]string{"GET " + certificates: ok("[" + strings.Join(list, ",") + "]")})
	_, err := v.provider(nil).Find(t.Context(), providers.Trace{Kind: providers.Purchase, Reference: "ri-77", Since: testNow()})
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
	assert.Len(t, v.sent(""), 1)
}

// TestFindTrustsNoClock: a time without a zone may be half a day off.
func TestFindTrustsNoClock(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "example.com")
	for age, want := range map[time.Duration]int{47 * time.Hour: 1, 49 * time.Hour: 0} {
		created := testNow().Add(-age).Format(time.DateTime)
		v := newVendor(t, map[string][]string{
			"GET " + certificates: ok(`[{"id":"b","created_at":"` + created + `"}]`),
			"GET " + item("b"):    {one("b", "pending")}, "GET " + item("b", "download-csr"): {pair.csr},
		})
		found, err := v.provider(nil).Find(t.Context(), providers.Trace{Kind: providers.Purchase, Reference: "r", CSR: []byte(pair.csr), Since: testNow()})
		require.NoError(t, err)
		assert.Len(t, found, want)
	}
}
