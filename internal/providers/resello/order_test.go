package resello

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	getOne   = "GET " + certificates + "/" + testID
	getCSR   = getOne + "/download-csr"
	getLeaf  = getOne + "/download-crt"
	getCA    = getOne + "/download-ca"
	getPKCS7 = getOne + "/download-pkcs7"
	getZIP   = getOne + "/download-zip"
	getDCV   = getOne + "/validation-details"
)

func object(status string) []string { return ok(`{"id":"` + testID + `","status":"` + status + `"}`) }

func TestStatuses(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]providers.State{
		"pending": providers.StateAwaitingValidation, " Pending ": providers.StateAwaitingValidation,
		"failed": providers.StateRejected, "error": providers.StateRejected, "validation_failed": providers.StateRejected, "rejected": providers.StateRejected,
		"cancelled": providers.StateCancelled, "canceled": providers.StateCancelled, "deleted": providers.StateCancelled,
		"terminated": providers.StateCancelled, "inactive": providers.StateCancelled,
		"expired": providers.StateExpired, "suspended": providers.StateIssuing, "ACTIVE": providers.StateIssuing,
	} {
		v := newVendor(t, map[string][]string{
			getOne: object(word), getCSR: no("x"), getDCV: no("x"), getLeaf: no("x"), getCA: no("x"),
		})
		order, err := v.provider(nil).Order(t.Context(), testIDs)
		require.NoError(t, err, word)
		assert.Equal(t, want, order.State, word)
		assert.NotEmpty(t, order.Detail)
		assert.Empty(t, order.Certificates)
		assert.Empty(t, order.Reference, "nobody knows whose it is after a renewal")
	}
}

func TestOrderFields(t *testing.T) {
	t.Parallel()
	v := newVendor(t, map[string][]string{
		getOne: ok(`{"uuid":"` + testID + `","status":"expired","domain":"X.","common_name":"Example.COM.","created_at":"2026-11-01 10:00:00","expires_at":"2027-11-01"}`),
		getCSR: no("x"),
	})
	order, err := v.provider(nil).Order(t.Context(), testIDs)
	require.NoError(t, err)
	assert.Equal(t, []string{"example.com"}, order.Names)
	assert.Equal(t, time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC), order.Ordered)
	assert.Equal(t, time.Date(2027, 11, 1, 0, 0, 0, 0, time.UTC), order.PaidUntil)
	assert.Equal(t, testIDs, order.IDs)
}

func TestOrderRefuses(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string][]string{
		"no status": ok(`{"id":"` + testID + `"}`), "another one": ok(`{"id":"x","status":"active"}`), "no object": ok(`[]`),
	} {
		_, err := newVendor(t, map[string][]string{getOne: reply}).provider(nil).Order(t.Context(), testIDs)
		assert.Equal(t, providers.Unavailable, kindOf(t, err), name)
	}
	for _, broken := range []string{getCSR, getLeaf, getCA} {
		replies := map[string][]string{getOne: object("active"), getCSR: no("x"), getLeaf: {"PEM"}, getCA: {"PEM"}}
		replies[broken] = []string{"502 <html>"}
		_, err := newVendor(t, replies).provider(nil).Order(t.Context(), testIDs)
		assert.Equal(t, providers.Unavailable, kindOf(t, err), broken)
	}
	_, err := newVendor(t, map[string][]string{getOne: object("pending"), getCSR: no("x"), getDCV: {}}).provider(nil).Order(t.Context(), testIDs)
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
}

// TestDownloads: the CA file, or else one of the forms that hold all.
func TestDownloads(t *testing.T) {
	t.Parallel()
	ours, old := newPair(t, "example.com"), newPair(t, "example.com")
	all := ours.leaf + ours.issuer
	for name, test := range map[string]struct {
		leaf, ca, pkcs7, zip string
		csr                  string
		state                providers.State
		blobs, calls         int
	}{
		"leaf and CA":              {leaf: ours.leaf, ca: ours.issuer, csr: ours.csr, state: providers.StateIssued, blobs: 2, calls: 2},
		"CA before leaf":           {leaf: ours.issuer, ca: ours.leaf, csr: ours.csr, state: providers.StateIssued, blobs: 2, calls: 2},
		"all in the leaf file":     {leaf: all, ca: no("x")[0], csr: ours.csr, state: providers.StateIssued, blobs: 1, calls: 2},
		"no CA file":               {leaf: ours.leaf, ca: no("x")[0], pkcs7: all, csr: ours.csr, state: providers.StateIssued, blobs: 2, calls: 3},
		"empty CA file, no PKCS#7": {leaf: ours.leaf, ca: " ", pkcs7: no("x")[0], zip: all, csr: ours.csr, state: providers.StateIssued, blobs: 2, calls: 4},
		"nothing else":             {leaf: ours.leaf, ca: no("x")[0], pkcs7: no("x")[0], zip: no("x")[0], csr: ours.csr, state: providers.StateIssued, blobs: 1, calls: 4},
		"nothing yet":              {leaf: no("x")[0], ca: no("x")[0], csr: ours.csr, state: providers.StateIssuing, calls: 2},
		"before a renewal":         {leaf: old.leaf, ca: old.issuer, csr: ours.csr, state: providers.StateAwaitingValidation, calls: 2},
		"no CSR told":              {leaf: old.leaf, ca: old.issuer, csr: no("x")[0], state: providers.StateIssued, blobs: 2, calls: 2},
		"a CSR that can't be read": {leaf: ours.leaf, ca: ours.issuer, csr: "CSR", state: providers.StateIssued, blobs: 2, calls: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, map[string][]string{
				getOne: object("active"), getCSR: {test.csr}, getLeaf: {test.leaf}, getCA: {test.ca}, getPKCS7: {test.pkcs7}, getZIP: {test.zip},
				getDCV: ok(`[]`),
			})
			order, err := v.provider(nil).Order(t.Context(), testIDs)
			require.NoError(t, err)
			assert.Equal(t, test.state, order.State)
			assert.Len(t, order.Certificates, test.blobs)
			assert.Len(t, v.sent(getOne+"/download-"), test.calls+1)
		})
	}
}

// TestErrorsInPlaceOfAFile are no certificates.
func TestErrorsInPlaceOfAFile(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{`{"a":1}`, "<html>", "404 x", `{"success":true,"result":{}}`, "500 PEM"} {
		v := newVendor(t, map[string][]string{getOne: object("active"), getCSR: no("x"), getLeaf: {reply}})
		_, err := v.provider(nil).Order(t.Context(), testIDs)
		assert.Equal(t, providers.Unavailable, kindOf(t, err), reply)
	}
}

func TestValidateGoesOnAfterARefusal(t *testing.T) {
	t.Parallel()
	path := "POST " + certificates + "/" + testID + "/validate"
	both := []providers.Challenge{{Domain: "a.com", Method: providers.MethodTXT}, {Domain: "b.com", Method: providers.MethodTXT}}
	v := newVendor(t, map[string][]string{path: {no("x")[0], ok(`{}`)[0]}})
	assert.Equal(t, providers.Unavailable, kindOf(t, v.provider(nil).Validate(t.Context(), testIDs, both)))
	assert.Len(t, v.sent("POST"), 2)
	v = newVendor(t, map[string][]string{path: {"502 <html>"}})
	assert.Equal(t, providers.Unavailable, kindOf(t, v.provider(nil).Validate(t.Context(), testIDs, both)))
	assert.Len(t, v.sent("POST"), 1)
}

func TestChangeMethod(t *testing.T) {
	t.Parallel()
	record := `{"domain":"example.com","record":{"type":"TXT","name":"example.com","value":"x"}}`
	replies := map[string][]string{
		"POST " + certificates + "/" + testID + "/validate": ok(`{}`), getOne: object("pending"), getCSR: no("x"), getDCV: ok(record),
	}
	p := newVendor(t, replies).provider(nil)
	challenges, err := p.ChangeMethod(t.Context(), testIDs, "Example.com", providers.MethodCNAME, "")
	require.NoError(t, err, "the CA decides that DNS means TXT")
	assert.Equal(t, providers.MethodTXT, challenges[0].Method)
	_, err = p.ChangeMethod(t.Context(), testIDs, "other.com", providers.MethodCNAME, "")
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
	for _, wrong := range []struct {
		domain string
		method providers.Method
	}{{"*.example.com", providers.MethodFile}, {"example.com", "Post"}, {"example.com", providers.MethodEmail}} {
		_, err = p.ChangeMethod(t.Context(), testIDs, wrong.domain, wrong.method, "")
		assert.Equal(t, providers.Invalid, kindOf(t, err))
	}
	assert.Equal(t, providers.Invalid, kindOf(t, p.ResendEmail(t.Context(), testIDs, "example.com")), "no address is told")
	replies["POST "+certificates+"/"+testID+"/validate"] = no("x")
	_, err = newVendor(t, replies).provider(nil).ChangeMethod(t.Context(), testIDs, "example.com", providers.MethodTXT, "")
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
}
