package cyberssl

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// rows is a reply of my_orders.
func rows(rows ...string) []string {
	return []string{`{"success":true,"ssl_orders":[` + strings.Join(rows, ",") + `]}`}
}

// echo is a reply of order_status with a CSR.
func echo(t *testing.T, status, csr, names string) string {
	t.Helper()
	text, err := json.Marshal(csr)
	require.NoError(t, err)
	return fmt.Sprintf(`{"success":true,"status":%q,"csr":%s,"primary_domain":"test.com","domains_included":%q}`, status, text, names)
}

func before(balance string, ids ...string) *providers.Snapshot {
	snapshot := &providers.Snapshot{OrderIDs: ids}
	if money, err := providers.ParseMoney(balance, ""); err == nil {
		snapshot.Balance = &money
	}
	return snapshot
}

type findCase struct {
	trace    providers.Trace
	list     []string
	statuses []string // in the order of asking
	// want are the order numbers found; evidence that of all of them.
	want     []string
	evidence providers.Evidence
	fails    bool
}

func TestFind(t *testing.T) {
	t.Parallel()
	ours, other := newPair(t, false), newPair(t, false)
	purchase := func(snapshot *providers.Snapshot) providers.Trace {
		return providers.Trace{
			Kind: providers.Purchase, CSR: []byte(ours.csr), CommonName: "test.com", Names: []string{"test.com"}, Before: snapshot,
		}
	}
	change := func(kind providers.OperationKind, snapshot *providers.Snapshot) providers.Trace {
		trace := purchase(snapshot)
		trace.Kind, trace.IDs = kind, providers.IDs{orderID: "1"}
		return trace
	}
	mine, theirs := echo(t, "Processing", ours.csr, "test.com"), echo(t, "Processing", other.csr, "test.com")
	silent, foreign := echo(t, "Processing", "", "test.com"), echo(t, "Processing", "", "test.com,else.com")
	waiting := echo(t, "Awaiting Activation", "", "")
	const old, fresh, second = `{"order_id":1}`, `{"order_id":2}`, `{"order_id":3,"primary_domain":"test.com"}`
	for name, test := range map[string]findCase{
		"new order with our CSR":        {trace: purchase(before("", "1")), list: rows(old, fresh), statuses: []string{mine}, want: []string{"2"}, evidence: providers.EvidenceCSR},
		"likely orders are read first":  {trace: purchase(before("", "1")), list: rows(old, fresh, second), statuses: []string{mine}, want: []string{"3"}, evidence: providers.EvidenceCSR},
		"ours is the second one":        {trace: purchase(before("", "1")), list: rows(second, fresh), statuses: []string{theirs, mine}, want: []string{"2"}, evidence: providers.EvidenceCSR},
		"somebody else's order":         {trace: purchase(before("100.00", "1")), list: rows(old, fresh), statuses: []string{theirs}},
		"no new order, same balance":    {trace: purchase(before("100.00", "1")), list: rows(old)},
		"no new order, less money":      {trace: purchase(before("100.01", "1")), list: rows(old), fails: true},
		"no CSR, same names":            {trace: purchase(before("", "1")), list: rows(old, fresh), statuses: []string{silent}, want: []string{"2"}, evidence: providers.EvidenceNames},
		"no CSR, two with our names":    {trace: purchase(before("")), list: rows(fresh, second), statuses: []string{silent, silent}, want: []string{"3", "2"}, evidence: providers.EvidenceNames},
		"no CSR, other names":           {trace: purchase(before("", "1")), list: rows(old, fresh), statuses: []string{foreign}},
		"no CSR, no names":              {trace: purchase(before("", "1")), list: rows(old, fresh), statuses: []string{waiting}, want: []string{"2"}, evidence: providers.EvidenceNames},
		"no snapshot, other main name":  {trace: purchase(nil), list: rows(`{"id":5,"domain":"else.com"}`)},
		"no snapshot, our main name":    {trace: purchase(nil), list: rows(second), statuses: []string{mine}, want: []string{"3"}, evidence: providers.EvidenceCSR},
		"a listed order isn't known":    {trace: purchase(before("", "1")), list: rows(fresh), statuses: []string{`{"success":false,"error_code":124}`}, fails: true},
		"a listed order isn't readable": {trace: purchase(before("", "1")), list: rows(fresh), statuses: []string{`oops`}, fails: true},
		"list isn't readable":           {trace: purchase(before("", "1")), list: []string{`oops`}, fails: true},
		"bare order numbers":            {trace: purchase(before("", "1")), list: rows(`1`, `"2"`), statuses: []string{mine}, want: []string{"2"}, evidence: providers.EvidenceCSR},
		"renewal leaves the old one":    {trace: change(providers.Renew, before("")), list: rows(old)},
		"reissue under the number":      {trace: change(providers.Reissue, nil), statuses: []string{mine}, want: []string{"1"}, evidence: providers.EvidenceCSR},
		"reissue under a new number":    {trace: change(providers.Reissue, before("", "1")), list: rows(old, fresh), statuses: []string{theirs, mine}, want: []string{"2"}, evidence: providers.EvidenceCSR},
		"reissue didn't happen":         {trace: change(providers.Reissue, before("", "1")), list: rows(old), statuses: []string{theirs}},
		"reissue, no CSR told":          {trace: change(providers.Reissue, before("", "1")), list: rows(old), statuses: []string{silent}, want: []string{"1"}, evidence: providers.EvidenceNames},
		"reissue, old number is gone":   {trace: change(providers.Reissue, before("", "1")), list: rows(fresh), statuses: []string{`{"success":false,"error_code":124}`, mine}, want: []string{"2"}, evidence: providers.EvidenceCSR},
		"reissue, old isn't readable":   {trace: change(providers.Reissue, before("", "1")), statuses: []string{`oops`}, fails: true},
		"enrolment happened":            {trace: change(providers.Enrol, nil), statuses: []string{mine}, want: []string{"1"}, evidence: providers.EvidenceCSR},
		"enrolment didn't happen":       {trace: change(providers.Enrol, nil), list: rows(old), statuses: []string{waiting}},
		"names may have been added":     {trace: change(providers.AddNames, before("", "1")), list: rows(old), statuses: []string{mine}, want: []string{"1"}, evidence: providers.EvidenceNames},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test.run(t) })
	}
}

func (c findCase) run(t *testing.T) {
	t.Helper()
	replies := map[string][]string{"my_orders": c.list}
	if len(c.statuses) > 0 {
		replies["order_status"] = c.statuses
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
	assert.Len(t, v.sent("order_status"), len(c.statuses), "orders that were read")
}

// TestFindGivesUpOnTooMany: "nothing" needs all candidates to be compared.
func TestFindGivesUpOnTooMany(t *testing.T) {
	t.Parallel()
	ours, other := newPair(t, false), newPair(t, false)
	var list []string
	for id := range maxCandidates + 1 {
		list = append(list, fmt.Sprint(id+1))
	}
	v := newVendor(t, map[string][]string{"my_orders": rows(list...), "order_status": {echo(t, "Processing", other.csr, "test.com")}})
	trace := providers.Trace{Kind: providers.Purchase, CSR: []byte(ours.csr), CommonName: "test.com", Before: before("")}
	_, err := v.provider(nil).Find(t.Context(), trace)
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
	assert.Len(t, v.sent("order_status"), maxCandidates)
	assert.Contains(t, v.sent("order_status")[0], "order_id=51&", "newest first")
}

func TestOrderLists(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]map[string]providers.State{
		`[]`: {}, `null`: {}, `""`: {}, `{}`: {}, `false`: {},
		`[{"order_id":1,"status":"Activated"},{"id":"2","status":"Duplicate Certificate"}]`: {"1": providers.StateIssued, "2": providers.StateIssued},
		`{"7":{"order_id":"7","status":"Processing"}}`:                                      {"7": providers.StateIssuing},
		`[{"order_id":1},2]`: {},
	} {
		v := newVendor(t, map[string][]string{"my_orders": {`{"success":true,"ssl_orders":` + body + `}`}})
		orders, err := v.provider(nil).Orders(t.Context())
		require.NoError(t, err, body)
		got := map[string]providers.State{}
		for _, order := range orders {
			got[order.IDs[orderID]] = order.State
		}
		assert.Equal(t, want, got, body)
	}
}

func TestSnapshotHasOrdersWithoutStatus(t *testing.T) {
	t.Parallel()
	v := newVendor(t, map[string][]string{"my_orders": rows(`{"order_id":1}`, `2`)})
	snapshot, err := v.provider(nil).Snapshot(t.Context(), testRequest("test.com"))
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2"}, snapshot.OrderIDs)
	assert.Equal(t, "100.00", snapshot.Balance.String())
}
