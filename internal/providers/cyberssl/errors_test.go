package cyberssl

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func kindOf(t *testing.T, err error) providers.Kind {
	t.Helper()
	var failure *providers.Error
	require.ErrorAs(t, err, &failure)
	assert.NotContains(t, err.Error(), testKey)
	assert.NotContains(t, err.Error(), testToken)
	return failure.Kind
}

func TestCodesOfTheSandbox(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]verdict{
		`100`: {kind: providers.Unavailable}, `101`: {kind: providers.Invalid}, `"102"`: {kind: providers.Invalid},
		`110`: {kind: providers.Auth}, `"111"`: {kind: providers.Auth},
		`120`: {kind: providers.Invalid, field: "spec.request"},
		`121`: {kind: providers.Invalid, field: "spec.dnsNames"},
		`122`: {kind: providers.Invalid, field: "spec.reseller.cyberssl.product.id"},
		`123`: {kind: providers.Invalid, field: "spec.dcv.methods"},
		`124`: {kind: providers.NotFound}, `125`: {kind: providers.Invalid}, `126`: {kind: providers.Funds},
	} {
		refused := []string{`{"success":false,"error_code":` + code + `,"error_message":"no"}`}
		v := newVendor(t, map[string][]string{"order_status": refused, "add_ssl_order": refused})
		p := v.provider(nil)
		_, read := p.Order(t.Context(), order9999)
		assert.Equal(t, want.kind, kindOf(t, read), code)
		_, bought := p.Buy(t.Context(), testIntent(providers.Purchase), testRequest("test.com"))
		assert.Equal(t, want.kind, kindOf(t, bought), code)
		failure, ok := errors.AsType[*providers.Error](bought)
		require.True(t, ok)
		assert.Equal(t, want.field, failure.Field, code)

		// The same numbers mean nothing at the vendor's own host.
		v = newVendor(t, map[string][]string{"order_status": refused, "add_ssl_order": refused})
		p = v.provider(nil)
		p.client.vendor = true
		_, read = p.Order(t.Context(), order9999)
		assert.Equal(t, providers.Unavailable, kindOf(t, read), code)
		_, bought = p.Buy(t.Context(), testIntent(providers.Purchase), testRequest("test.com"))
		assert.Equal(t, providers.Ambiguous, kindOf(t, bought), code)
		assert.Len(t, v.sent("add_ssl_order"), 1)
	}
}

func TestCodesInWords(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]providers.Kind{
		"INVALID_TOKEN": providers.Auth, "wrong-apikey": providers.Auth, "unauthorized": providers.Auth,
		"insufficient_balance": providers.Funds, "order-not-found": providers.NotFound,
		"bad CSR": providers.Invalid, "missing_param": providers.Invalid, "E_DOMAIN": providers.Invalid,
		"": providers.Unavailable, "17": providers.Unavailable, "oops": providers.Unavailable,
	} {
		refused := []string{`{"success":false,"error_code":"` + code + `","error_message":"csr token balance"}`}
		v := newVendor(t, map[string][]string{"order_status": refused, "add_ssl_order": refused})
		p := v.provider(nil)
		_, err := p.Order(t.Context(), order9999)
		assert.Equal(t, want, kindOf(t, err), code)
		_, err = p.Buy(t.Context(), testIntent(providers.Purchase), testRequest("test.com"))
		assert.Equal(t, providers.Ambiguous, kindOf(t, err), "words decide nothing about money: %s", code)
	}
}

// TestRefusalsWithAMeaning: some calls ask a question, and a refusal is the answer.
func TestRefusalsWithAMeaning(t *testing.T) {
	t.Parallel()
	refused := []string{`{"success":false,"error_code":"product_not_found","error_message":"no"}`}
	v := newVendor(t, map[string][]string{"validate_csr": refused, "get_ssl_product_details": refused})
	p := v.provider(nil)
	assert.Equal(t, providers.Invalid, kindOf(t, p.CheckCSR(t.Context(), testRequest("test.com"))))
	_, err := p.Check(t.Context())
	assert.Equal(t, providers.Invalid, kindOf(t, err))

	v = newVendor(t, map[string][]string{"auth": {`{"success":false,"error_code":"?","error_message":"no ` + testKey + `"}`}})
	_, err = v.provider(nil).Check(t.Context())
	assert.Equal(t, providers.Auth, kindOf(t, err))
	assert.Len(t, v.sent("auth"), 1)
	assert.Empty(t, v.sent("get_balance"))
}

// TestAnswers: what isn't a clear yes or no is Unavailable for a read and Ambiguous for a
// purchase, whatever the HTTP status.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const list, bought = `{"success":true,"ssl_orders":[]}`, `{"success":true,"order_id":1}`
	for name, test := range map[string]struct {
		read, buy      string
		readOK, buysOK bool
	}{
		"yes":                       {list, bought, true, true},
		"yes as a number":           {`{"success":1,"ssl_orders":[]}`, `{"success":1,"order_id":1}`, true, true},
		"yes as a text":             {`{"success":"true","ssl_orders":[]}`, `{"success":"1","order_id":"1"}`, true, true},
		"byte order mark":           {"\ufeff" + list, "\ufeff" + bought, true, true},
		"yes with an odd status":    {"404 " + list, "404 " + bought, true, true},
		"neither yes nor no":        {`{"success":"perhaps","ssl_orders":[]}`, `{"success":"perhaps","order_id":1}`, false, false},
		"success is null":           {`{"success":null}`, `{"success":null,"order_id":1}`, false, false},
		"success is missing":        {`{"ssl_orders":[]}`, `{"order_id":1}`, false, false},
		"no object":                 {`[]`, `[1]`, false, false},
		"nothing":                   {" ", " ", false, false},
		"something behind":          {list + "<br>", bought + "<br>", false, false},
		"HTML":                      {"<html>", "<html>", false, false},
		"HTML with a server error":  {"502 <html>", "502 <html>", false, false},
		"a redirect":                {"302 moved", "302 moved", false, false},
		"yes without the answer":    {`{"success":true}`, `{"success":true}`, false, false},
		"an order without a number": {`{"success":true,"ssl_orders":[{"status":"Activated"}]}`, `{"success":true,"order_id":""}`, false, false},
		"a list that is none":       {`{"success":true,"ssl_orders":"error"}`, `{"success":true,"order_id":[]}`, false, false},
		"no in a server error":      {`500 {"success":false,"error_code":120}`, `500 {"success":false,"error_code":120}`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, map[string][]string{"my_orders": {test.read}, "add_ssl_order": {test.buy}})
			p := v.provider(nil)
			_, err := p.Orders(t.Context())
			if test.readOK {
				require.NoError(t, err)
			} else if kind := kindOf(t, err); name != "no in a server error" {
				assert.Equal(t, providers.Unavailable, kind)
			}
			_, err = p.Buy(t.Context(), testIntent(providers.Purchase), testRequest("test.com"))
			if test.buysOK {
				require.NoError(t, err)
			} else {
				assert.Equal(t, providers.Ambiguous, kindOf(t, err))
			}
			assert.Len(t, v.sent("add_ssl_order"), 1)
		})
	}
}

// TestUnreadableChallengesAreNoError: the order is bought, Order tells them later.
func TestUnreadableChallengesAreNoError(t *testing.T) {
	t.Parallel()
	v := newVendor(t, map[string][]string{"add_ssl_order": {`{"success":true,"order_id":7,"dv_options":{"dns":{"test.com":{"record":"?"}}}}`}})
	placed, err := v.provider(nil).Buy(t.Context(), testIntent(providers.Purchase), testRequest("test.com"))
	require.NoError(t, err)
	assert.Equal(t, providers.IDs{orderID: "7"}, placed.IDs)
	assert.Empty(t, placed.Challenges)
}

func TestHTTPStatusOfARefusal(t *testing.T) {
	t.Parallel()
	refused := []string{`403 {"success":false,"error_code":"?"}`}
	v := newVendor(t, map[string][]string{"order_status": refused, "add_ssl_order": refused})
	_, err := v.provider(nil).Order(t.Context(), order9999)
	assert.Equal(t, providers.Auth, kindOf(t, err))
	assert.Len(t, v.sent("auth"), 1, "a token of this very call isn't suspected")
	assert.Len(t, v.sent("order_status"), 1)
	_, err = v.provider(nil).Buy(t.Context(), testIntent(providers.Purchase), testRequest("test.com"))
	assert.Equal(t, providers.Ambiguous, kindOf(t, err), "no HTTP status tells that nothing was bought")
}

// TestSuspectedToken: at a refusal that nobody understands, an older token is renewed once,
// one that worked a moment ago is not.
func TestSuspectedToken(t *testing.T) {
	t.Parallel()
	now := testNow()
	replies := map[string][]string{"order_status": {`{"success":false,"error_code":"?"}`, `{"success":true,"status":"Rejected"}`}}
	for age, want := range map[time.Duration]int{trustToken - time.Second: 1, trustToken: 2} {
		v := newVendor(t, map[string][]string{"order_status": replies["order_status"], "my_orders": {`{"success":true,"ssl_orders":null}`}})
		clock := now
		p := v.provider(func(c *Config) { c.Now = func() time.Time { return clock } })
		_, err := p.Orders(t.Context())
		require.NoError(t, err)
		clock = now.Add(age)
		_, err = p.Order(t.Context(), order9999)
		assert.Equal(t, want == 1, err != nil, age)
		assert.Len(t, v.sent("auth"), want, age)
		assert.Len(t, v.sent("order_status"), want, age)
	}
}

func TestSessionLockEndsWithContext(t *testing.T) {
	t.Parallel()
	s := newSession()
	unlock, err := s.lock(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.lock(ctx)
	require.ErrorIs(t, err, context.Canceled)
	unlock()
	unlock, err = s.lock(t.Context())
	require.NoError(t, err)
	unlock()
}

func TestSessionKeepsTheNewerToken(t *testing.T) {
	t.Parallel()
	s := newSession()
	s.set("old")
	s.mark("old", testNow())
	s.set("new")
	assert.False(t, s.worked("new", testNow()), "a new token isn't proven by an old one")
	s.drop("old")
	s.mark("old", testNow())
	token, ok := s.current()
	assert.True(t, ok)
	assert.Equal(t, providers.Secret("new"), token)
	assert.False(t, s.worked("new", testNow()))
	s.drop("new")
	_, ok = s.current()
	assert.False(t, ok)
}
