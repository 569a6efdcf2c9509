package cyberssl

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	dnsOptions  = `{"success":true,"dv_options":{"dns":{"test.com":{"record":"_a.test.com. CNAME b.sectigo.com."}}}}`
	mailOptions = `{"success":true,"dv_options":{"email":{"test.com":["admin@test.com","webmaster@test.com"]}}}`
	badOptions  = `{"success":true,"dv_options":{"dns":{"test.com":{"record":"_a.test.com. MX 1 b."}}}}`
	unknownNo   = `{"success":false,"error_code":"?","error_message":"no"}`
)

func TestOrderWithChallenges(t *testing.T) {
	t.Parallel()
	const waits, works = `{"success":true,"status":"Awaiting Validation","dv_method":"dns"}`, `{"success":true,"status":"Processing","dv_method":"dns"}`
	for name, test := range map[string]struct {
		status, options string
		state           providers.State
		challenges      int
		fails           providers.Kind
	}{
		"waiting":                      {waits, dnsOptions, providers.StateAwaitingValidation, 1, ""},
		"waiting, options refused":     {waits, unknownNo, "", 0, providers.Unavailable},
		"waiting, options unreadable":  {waits, badOptions, "", 0, providers.Unavailable},
		"working":                      {works, dnsOptions, providers.StateIssuing, 1, ""},
		"working, options refused":     {works, unknownNo, providers.StateIssuing, 0, ""},
		"working, options fail":        {works, "500 <html>", "", 0, providers.Unavailable},
		"ended, options never asked":   {`{"success":true,"status":"Expired"}`, "500 <html>", providers.StateExpired, 0, ""},
		"another order":                {`{"success":true,"status":"Expired","order_id":7}`, dnsOptions, "", 0, providers.Unavailable},
		"no status":                    {`{"success":true,"order_id":9999}`, dnsOptions, "", 0, providers.Unavailable},
		"the number isn't echoed":      {`{"success":true,"order":{"status":"Expired"}}`, dnsOptions, providers.StateExpired, 0, ""},
		"the API doesn't answer JSON":  {"<html>", dnsOptions, "", 0, providers.Unavailable},
		"the API knows no such order":  {`{"success":false,"error_code":124}`, dnsOptions, "", 0, providers.NotFound},
		"a refusal nobody understands": {unknownNo, dnsOptions, "", 0, providers.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, map[string][]string{"order_status": {test.status}, "get_dv_options": {test.options}})
			order, err := v.provider(nil).Order(t.Context(), order9999)
			if test.fails != "" {
				assert.Equal(t, test.fails, kindOf(t, err))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, order9999, order.IDs)
			assert.Equal(t, test.state, order.State)
			assert.Len(t, order.Challenges, test.challenges)
		})
	}
}

func TestChosenMailbox(t *testing.T) {
	t.Parallel()
	v := newVendor(t, map[string][]string{
		"order_status":   {`{"success":true,"status":"Awaiting Validation","dv_method":"email:a@b.com, webmaster@test.com"}`},
		"get_dv_options": {mailOptions},
	})
	order, err := v.provider(nil).Order(t.Context(), order9999)
	require.NoError(t, err)
	assert.Equal(t, []providers.Challenge{{
		Domain: "test.com", Method: providers.MethodEmail,
		Emails: []string{"admin@test.com", "webmaster@test.com"}, Chosen: "webmaster@test.com",
	}}, order.Challenges)
}

// TestPrepareWithoutTheCall: the live API may not know get_dv_options_csr.
func TestPrepareWithoutTheCall(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]providers.Kind{
		unknownNo: "", "404 <html>": "", `{"success":false,"error_code":100}`: "", `404 {"success":false}`: "",
		`{"success":true}`: "", `{"success":true,"dv_options":[]}`: "",
		`{"success":false,"error_code":"invalid csr"}`: providers.Invalid, `{"success":false,"error_code":121}`: providers.Invalid,
		"500 <html>": providers.Unavailable, badOptions: providers.Unavailable, "429 ": providers.Throttled,
	} {
		v := newVendor(t, map[string][]string{"get_dv_options_csr": {reply}})
		challenges, prepared, err := v.provider(nil).Prepare(t.Context(), testRequest("test.com"))
		assert.Empty(t, challenges, reply)
		assert.Nil(t, prepared)
		if want == "" {
			require.NoError(t, err, reply)
			continue
		}
		assert.Equal(t, want, kindOf(t, err), reply)
	}
}

func TestValidateGoesOnAfterARefusal(t *testing.T) {
	t.Parallel()
	challenges := []providers.Challenge{
		{Domain: "a.com", Method: providers.MethodCNAME}, {Domain: "b.com", Method: providers.MethodCNAME},
	}
	v := newVendor(t, map[string][]string{"revalidate": {unknownNo, `{"success":true}`}})
	assert.Equal(t, providers.Unavailable, kindOf(t, v.provider(nil).Validate(t.Context(), order9999, challenges)))
	assert.Len(t, v.sent("revalidate"), 2)

	v = newVendor(t, map[string][]string{"revalidate": {"500 <html>"}})
	assert.Equal(t, providers.Unavailable, kindOf(t, v.provider(nil).Validate(t.Context(), order9999, challenges)))
	assert.Len(t, v.sent("revalidate"), 1, "a dead API isn't asked again")
}

func TestChangeMethodRefuses(t *testing.T) {
	t.Parallel()
	v := newVendor(t, map[string][]string{"change_dv_method": {dnsOptions}})
	p := v.provider(nil)
	for name, do := range map[string]func() ([]providers.Challenge, error){
		"a file for a wildcard": func() ([]providers.Challenge, error) {
			return p.ChangeMethod(t.Context(), order9999, "*.test.com", providers.MethodFile, "")
		},
		"an unknown method": func() ([]providers.Challenge, error) {
			return p.ChangeMethod(t.Context(), order9999, "test.com", "Post", "")
		},
		"no mailbox": func() ([]providers.Challenge, error) {
			return p.ChangeMethod(t.Context(), order9999, "test.com", providers.MethodEmail, "")
		},
		"no order": func() ([]providers.Challenge, error) {
			return p.ChangeMethod(t.Context(), nil, "test.com", providers.MethodCNAME, "")
		},
	} {
		_, err := do()
		assert.Equal(t, providers.Invalid, kindOf(t, err), name)
	}
	assert.Empty(t, v.sent("change_dv_method"))
	_, err := p.ChangeMethod(t.Context(), order9999, "other.com", providers.MethodCNAME, "")
	assert.Equal(t, providers.Unavailable, kindOf(t, err), "the reply tells nothing of the domain")
}

// TestEnrolLeavesOthersAlone: only an order that waits for its CSR gets one.
func TestEnrolLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	ours, other := newPair(t, false), newPair(t, false)
	request := testRequest("test.com")
	request.CSR = []byte(ours.csr)
	for csr, want := range map[string]providers.Kind{ours.csr: "", other.csr: providers.Invalid} {
		replies := answers()
		replies["order_status"] = []string{echo(t, "Awaiting Validation", csr, "test.com")}
		v := newVendor(t, replies)
		intent := testIntent(providers.Enrol)
		placed, err := v.provider(nil).Enrol(t.Context(), intent, order9999, request)
		assert.False(t, intent.Spent())
		assert.Empty(t, v.sent("activate_ssl_order"))
		if want != "" {
			assert.Equal(t, want, kindOf(t, err))
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, order9999, placed.IDs)
		assert.NotEmpty(t, placed.Challenges)
	}
}

func TestCallsWithoutAnOrderNumber(t *testing.T) {
	t.Parallel()
	v := newVendor(t, answers())
	p, none, request := v.provider(nil), providers.IDs{"other": "1"}, testRequest("test.com")
	for name, err := range map[string]error{
		"Order":       second(p.Order(t.Context(), none)),
		"Enrol":       second(p.Enrol(t.Context(), testIntent(providers.Enrol), none, request)),
		"Reissue":     second(p.Reissue(t.Context(), testIntent(providers.Reissue), none, request)),
		"Renew":       second(p.Renew(t.Context(), testIntent(providers.Renew), none, request)),
		"AddNames":    second(p.AddNames(t.Context(), testIntent(providers.AddNames), none, 1)),
		"no names":    second(p.AddNames(t.Context(), testIntent(providers.AddNames), order9999, 0)),
		"Validate":    p.Validate(t.Context(), none, nil),
		"ResendEmail": p.ResendEmail(t.Context(), none, "test.com"),
		"odd term":    second(p.Price(t.Context(), providers.Request{TermMonths: 13})),
	} {
		assert.Equal(t, providers.Invalid, kindOf(t, err), name)
	}
	assert.Empty(t, v.requests, "nothing was sent")
}

func TestIncludedName(t *testing.T) {
	t.Parallel()
	for commonName, want := range map[string]string{
		"test.com": "www.test.com", "www.test.com": "test.com", "*.test.com": "test.com", "*.www.test.com": "www.test.com",
	} {
		assert.Equal(t, want, includedName(commonName))
	}
}
