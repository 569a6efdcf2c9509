package ispmanager

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func trace() providers.Trace {
	return providers.Trace{
		Kind: providers.Purchase, Reference: "ri-reference", CSR: []byte(testCSR), CommonName: "example.com", Names: []string{"example.com"},
		Before: &providers.Snapshot{OrderIDs: []string{"1"}}, Since: testNow(),
	}
}

func editing(id, more string) string {
	return `{"elid":"` + id + `","CN":"example.com","item_status":"5","service_status":"3"` + more + `}`
}

func TestFind(t *testing.T) {
	t.Parallel()
	row := func(id, created string) string {
		return `{"id":"` + id + `","CN":"Example.com","createdate":"` + created + `"}`
	}
	for name, test := range map[string]struct {
		list, edit string
		want       []providers.Evidence
	}{
		"nothing":                 {`{}`, "", nil},
		"the order of before":     {`{"elem":` + row("1", "2026-12-01") + `}`, "", nil},
		"an old order":            {`{"elem":` + row("2", "2026-11-01") + `}`, "", nil},
		"another name":            {`{"elem":{"id":"2","CN":"www.example.com"}}`, "", nil},
		"by its CSR":              {`{"elem":` + row("2", "2026-12-01") + `}`, editing("2", `,"csr":"`+oneLineCSR+`"`), []providers.Evidence{providers.EvidenceCSR}},
		"another CSR":             {`{"elem":` + row("2", "") + `}`, editing("2", `,"csr":"T1RIRVI="`), nil},
		"by the reference":        {`{"elem":` + row("2", "") + `}`, editing("2", `,"remoteid":"ri-reference"`), []providers.Evidence{providers.EvidenceReference}},
		"another reference":       {`{"elem":` + row("2", "") + `}`, editing("2", `,"remoteid":"ri-other"`), []providers.Evidence{providers.EvidenceNames}},
		"an order that tells nil": {`{"elem":` + row("2", "") + `}`, editing("2", ""), []providers.Evidence{providers.EvidenceNames}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, map[string][]string{"certificate": {test.list}, "certificate.edit": {test.edit}})
			found, err := v.provider(nil).Find(t.Context(), trace())
			require.NoError(t, err)
			var got []providers.Evidence
			for _, f := range found {
				got = append(got, f.Evidence)
				assert.Equal(t, providers.IDs{elid: "2"}, f.Order.IDs)
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// TestFindNeverSaysNothing where it can't know.
func TestFindNeverSaysNothing(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range maxCandidates + 1 {
		many = append(many, fmt.Sprintf(`{"id":%d,"CN":"example.com"}`, i+2))
	}
	for name, replies := range map[string]map[string][]string{
		"too many":         {"certificate": {`{"elem":[` + strings.Join(many, ",") + `]}`}},
		"a longer list":    {"certificate": {`{"elem":{"id":1,"CN":"example.com"},"p_elems":"2"}`}},
		"no number":        {"certificate": {`{"elem":{"CN":"example.com"}}`}},
		"unknown order":    {"certificate": {`{"elem":{"id":2,"CN":"example.com"}}`}, "certificate.edit": {refusing("missed", "elid")}},
		"list unreadable":  {"certificate": {"<html>"}},
		"order unreadable": {"certificate": {`{"elem":{"id":2,"CN":"example.com"}}`}, "certificate.edit": {"<html>"}},
	} {
		_, err := newVendor(t, replies).provider(nil).Find(t.Context(), trace())
		assert.Equal(t, providers.Unavailable, providers.KindOf(err), name)
	}
}

// TestFindReissue: the order itself tells, and one that says nothing is not enough to adopt.
func TestFindReissue(t *testing.T) {
	t.Parallel()
	lost := trace()
	lost.Kind, lost.IDs, lost.Before = providers.Reissue, order777, nil
	for more, want := range map[string][]providers.Evidence{
		`,"csr":"` + oneLineCSR + `"`: {providers.EvidenceCSR}, `,"csr":"T1RIRVI="`: nil, `,"remoteid":"ri-reference"`: {providers.EvidenceNames},
	} {
		v := newVendor(t, map[string][]string{"certificate.edit": {editing("777", more)}})
		found, err := v.provider(nil).Find(t.Context(), lost)
		require.NoError(t, err)
		var got []providers.Evidence
		for _, f := range found {
			got = append(got, f.Evidence)
		}
		assert.Equal(t, want, got, more)
	}
}

func TestFindDeleted(t *testing.T) {
	t.Parallel()
	lost := trace()
	lost.Kind, lost.IDs = providers.Cancel, order777
	for answer, want := range map[string]int{
		refusing("missed", "elid"): 1, `{"CN":"example.com","item_status":"4"}`: 1, editing("777", ""): 0,
	} {
		found, err := newVendor(t, map[string][]string{"certificate.edit": {answer}}).provider(nil).Find(t.Context(), lost)
		require.NoError(t, err)
		assert.Len(t, found, want, answer)
	}
}
