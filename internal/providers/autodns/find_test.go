package autodns

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// jobRow is a job of a name with or without a CSR.
func jobRow(t *testing.T, id, status, created, csr string) string {
	t.Helper()
	data := map[string]string{"name": "example.com"}
	if csr != "" {
		data["csr"] = csr
	}
	text, err := json.Marshal(data)
	require.NoError(t, err)
	return `{"job":{"id":` + id + `,"status":"` + status + `","created":"` + created + `"},"object":{"value":"example.com","data":` + string(text) + `}}`
}

const (
	justNow   = "2026-12-01T12:00:00.000+0000"
	yesterday = "2026-11-30T12:00:00.000+0000"
)

func trace(csr string) providers.Trace {
	return providers.Trace{
		Kind: providers.Purchase, Reference: "ri-reference", CSR: []byte(csr), CommonName: "example.com",
		Names: []string{"example.com"}, Since: testNow(),
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	ours, other := newPair(t), newPair(t)
	certificateRow := func(csr string) string {
		text, err := json.Marshal(map[string]string{"id": "570", "name": "example.com", "created": "2026-12-01", "csr": csr, "server": ours.certificate})
		require.NoError(t, err)
		return success(string(text))
	}
	for name, test := range map[string]struct {
		replies map[string][]string
		want    []providers.Evidence
	}{
		"nothing": {nil, nil},
		"by its CSR": {map[string][]string{
			"POST job/_search": {success(jobRow(t, "1", "WAIT", justNow, ""))}, "GET job/1": {success(jobRow(t, "1", "WAIT", justNow, ours.csr))},
		}, []providers.Evidence{providers.EvidenceCSR}},
		"another CSR": {map[string][]string{
			"POST job/_search": {success(jobRow(t, "1", "WAIT", justNow, ""))}, "GET job/1": {success(jobRow(t, "1", "WAIT", justNow, other.csr))},
		}, nil},
		"a job that tells no CSR": {map[string][]string{
			"POST job/_search": {success(jobRow(t, "1", "WAIT", justNow, ""))}, "GET job/1": {success(jobRow(t, "1", "WAIT", justNow, ""))},
		}, []providers.Evidence{providers.EvidenceNames}},
		"a job of before": {map[string][]string{
			"POST job/_search": {success(jobRow(t, "1", "WAIT", yesterday, ""))},
		}, nil},
		"a failed job in the history": {map[string][]string{
			"POST job/history/_search": {success(jobRow(t, "1", "FAILED", justNow, ""))},
			"GET job/1":                {`404 {"status":{"type":"ERROR"}}`}, "GET job/history/1": {success(jobRow(t, "1", "FAILED", justNow, ours.csr))},
		}, []providers.Evidence{providers.EvidenceCSR}},
		"similar beside certain": {map[string][]string{
			"POST job/_search": {success(jobRow(t, "1", "WAIT", justNow, "") + "," + jobRow(t, "2", "WAIT", justNow, ""))},
			"GET job/1":        {success(jobRow(t, "1", "WAIT", justNow, ""))}, "GET job/2": {success(jobRow(t, "2", "WAIT", justNow, ours.csr))},
		}, []providers.Evidence{providers.EvidenceCSR}},
		"the certificate alone": {map[string][]string{
			"POST certificate/_search": {certificateRow("")}, "GET certificate/570": {certificateRow(ours.csr)},
		}, []providers.Evidence{providers.EvidenceCSR}},
		"another certificate": {map[string][]string{
			"POST certificate/_search": {certificateRow("")}, "GET certificate/570": {certificateRow(other.csr)},
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := newVendor(t, test.replies).provider(nil).Find(t.Context(), trace(ours.csr))
			require.NoError(t, err)
			var got []providers.Evidence
			for _, f := range found {
				got = append(got, f.Evidence)
				assert.NotEmpty(t, f.Order.IDs)
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// TestFindNeverSaysNothing where it can't know.
func TestFindNeverSaysNothing(t *testing.T) {
	t.Parallel()
	many := make([]string, maxCandidates)
	for i := range many {
		many[i] = jobRow(t, strconv.Itoa(i+1), "WAIT", justNow, "")
	}
	for name, replies := range map[string]map[string][]string{
		"too many jobs":              {"POST job/_search": {success(strings.Join(many, ","))}},
		"a job without a number":     {"POST job/_search": {success(`{"job":{"status":"WAIT"}}`)}},
		"an unknown job":             {"POST job/_search": {success(jobRow(t, "99", "WAIT", justNow, ""))}, "GET job/99": {`404 {"status":{"type":"ERROR"}}`}},
		"history not readable":       {"POST job/history/_search": {"500 <html>"}},
		"certificates not readable":  {"POST certificate/_search": {`{"status":{"type":"SUCCESS"}}`}},
		"certificate without number": {"POST certificate/_search": {success(`{"name":"example.com"}`)}},
	} {
		_, err := newVendor(t, replies).provider(nil).Find(t.Context(), trace(newPair(t).csr))
		assert.Equal(t, providers.Unavailable, providers.KindOf(err), name)
	}
	_, err := newVendor(t, nil).provider(nil).Find(t.Context(), providers.Trace{})
	assert.Equal(t, providers.Invalid, providers.KindOf(err))
}

// TestMessageQueue: messages of any kind are confirmed one by one, and the job whose message
// has our reference is the one.
func TestMessageQueue(t *testing.T) {
	t.Parallel()
	ours := newPair(t)
	replies := map[string][]string{
		"GET poll": {
			success(`{"id":1855680,"job":{"domain":{"name":"example.com"}}}`),
			success(`{"id":1405448,"ctid":"ri-reference","job":{"id":9218718,"type":"ssl"}}`), success(""),
		},
		"PUT poll/1855680": {success("")}, "PUT poll/1405448": {success("")},
		"GET job/9218718": {success(jobRow(t, "9218718", "WAIT", justNow, ""))},
	}
	v := newVendor(t, replies)
	found, err := v.provider(func(c *Config) { c.PollQueue = true }).Find(t.Context(), trace(ours.csr))
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, providers.EvidenceReference, found[0].Evidence)
	for _, key := range []string{"PUT poll/1855680", "PUT poll/1405448"} {
		sent, _ := v.sent(key)
		assert.Equal(t, []string{key}, sent)
	}
	v = newVendor(t, replies)
	_, err = v.provider(nil).Find(t.Context(), trace(ours.csr))
	require.NoError(t, err)
	sent, _ := v.sent("GET poll")
	assert.Empty(t, sent, "the queue is left alone unless the issuer says so")
}

func TestInboxIsBounded(t *testing.T) {
	t.Parallel()
	i := newInbox()
	i.add("", "1")
	i.add("first", "")
	for n := range maxInbox + 1 {
		i.add("reference "+strconv.Itoa(n), strconv.Itoa(n))
	}
	_, ok := i.job("reference 0")
	assert.False(t, ok)
	job, ok := i.job("reference 1000")
	assert.True(t, ok)
	assert.Equal(t, "1000", job)
	assert.Len(t, i.jobs, maxInbox)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ours := newPair(t)
	issued, err := json.Marshal(map[string]string{"id": "570", "server": ours.certificate})
	require.NoError(t, err)
	for name, test := range map[string]struct {
		status, key string
		kind        providers.Kind
	}{
		"a running job": {"WAIT", "PUT job/123456/_cancel", ""}, "an issued certificate": {"SUCCESS", "DELETE certificate/570", ""},
		"a failed job": {"FAILED", "", providers.Invalid},
	} {
		v := newVendor(t, map[string][]string{
			"GET job/123456":      {success(`{"job":{"id":123456,"status":"` + test.status + `"},"object":{"data":{"id":570}}}`)},
			"GET certificate/570": {success(string(issued))},
		})
		p, intent := v.provider(nil), testIntent(providers.Cancel)
		err := p.Cancel(t.Context(), intent, placed)
		assert.Equal(t, test.kind, providers.KindOf(err), name)
		assert.Equal(t, test.kind == "", intent.Spent(), name)
		if test.key != "" {
			sent, _ := v.sent(test.key)
			assert.Len(t, sent, 1, name)
			assert.ErrorIs(t, p.Cancel(t.Context(), intent, placed), providers.ErrIntentSpent, name)
		}
	}
}

// TestForgottenJob: an order is found by its certificate when the job is gone.
func TestForgottenJob(t *testing.T) {
	t.Parallel()
	ours := newPair(t)
	text, err := json.Marshal(map[string]string{"id": "570", "name": "example.com", "server": ours.certificate, "csr": ours.csr})
	require.NoError(t, err)
	gone := []string{`404 {"status":{"type":"ERROR"}}`}
	v := newVendor(t, map[string][]string{"GET job/1": gone, "GET job/history/1": gone, "GET certificate/570": {success(string(text))}})
	p := v.provider(nil)
	for _, ids := range []providers.IDs{{jobID: "1", certificateID: "570"}, {certificateID: "570"}} {
		order, err := p.Order(t.Context(), ids)
		require.NoError(t, err)
		assert.Equal(t, providers.StateIssued, order.State)
		assert.True(t, order.IDs.Equal(ids))
	}
	_, err = p.Order(t.Context(), providers.IDs{jobID: "1"})
	assert.Equal(t, providers.NotFound, providers.KindOf(err))
	_, err = p.Reissue(t.Context(), testIntent(providers.Reissue), providers.IDs{}, testRequest("example.com"))
	assert.Equal(t, providers.Invalid, providers.KindOf(err))
}

func TestClocksDiffer(t *testing.T) {
	t.Parallel()
	ours := newPair(t)
	created := testNow().Add(-earlier + time.Second).Format(timeLayout)
	v := newVendor(t, map[string][]string{
		"POST job/_search": {success(jobRow(t, "1", "WAIT", created, ""))}, "GET job/1": {success(jobRow(t, "1", "WAIT", created, ours.csr))},
	})
	found, err := v.provider(nil).Find(t.Context(), trace(ours.csr))
	require.NoError(t, err)
	assert.Len(t, found, 1)
}
