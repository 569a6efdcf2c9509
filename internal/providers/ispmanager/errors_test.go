package ispmanager

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func refusing(kind, object string) string {
	return `{"error":{"type":"` + kind + `","object":"` + object + `","msg":"Ошибка ` + testPassword + ` <b>x</b>"}}`
}

type errorCase struct {
	function, answer string
	want             providers.Kind
	field            string
}

const (
	readCall    = "certificate.edit"
	orderCall   = "certificate.order.param"
	reissueCall = "certificate.reissue.step2"
)

// errorCases tell what an answer means, for a read, an order and a reissue.
func errorCases() map[string]errorCase {
	return map[string]errorCase{
		"login refused":                     {readCall, refusing("auth", "badpassword"), providers.Auth, "credentialsSecretRef"},
		"login refused, wrapped":            {readCall, `{"doc":{"error":{"$type":"auth","$object":"badpassword","msg":{"$":"x"}}}}`, providers.Auth, ""},
		"login refused at an order":         {orderCall, refusing("auth", "badpassword"), providers.Auth, ""},
		"access refused":                    {readCall, refusing("access", ""), providers.Auth, ""},
		"order unknown":                     {readCall, refusing("missed", "elid"), providers.NotFound, ""},
		"order of a reissue unknown":        {reissueCall, refusing("missed", "elid"), providers.NotFound, ""},
		"order of a reissue in other state": {reissueCall, refusing("value", "elid"), providers.Invalid, ""},
		"busy":                              {readCall, refusing("busy", ""), providers.Throttled, ""},
		"busy at an order":                  {orderCall, refusing("busy", ""), providers.Ambiguous, ""},
		"unknown type":                      {readCall, refusing("frozen", ""), providers.Unavailable, ""},
		"unknown type at an order":          {orderCall, refusing("frozen", ""), providers.Ambiguous, ""},
		"a parameter of the order":          {orderCall, refusing("value", "adm_phone"), providers.Invalid, "spec.contacts.admin.phone"},
		"the product of the order":          {orderCall, refusing("value", "pricelist"), providers.Invalid, "spec.reseller.ispmanager.product.id"},
		"an approver of the order":          {orderCall, refusing("value", "approver_email_1"), providers.Invalid, "spec.dcv.methods"},
		"a value that wasn't sent":          {orderCall, refusing("value", "balance"), providers.Ambiguous, ""},
		"funds":                             {orderCall, refusing("sandbox_funds", "balance"), providers.Funds, ""},
		"an error in one word":              {readCall, `{"error":"auth"}`, providers.Auth, ""},
		"HTML":                              {readCall, "<html>", providers.Unavailable, ""},
		"HTML at an order":                  {orderCall, "<html>captcha", providers.Ambiguous, ""},
		"a list":                            {readCall, "[]", providers.Unavailable, ""},
		"a form instead of an order":        {orderCall, `{"model":{"csr":"x"}}`, providers.Ambiguous, ""},
		"an order without a number":         {orderCall, `{"ok":true}`, providers.Ambiguous, ""},
		"an order with an odd number":       {orderCall, `{"ok":true,"id":"a/b"}`, providers.Ambiguous, ""},
		"a server error with an answer":     {orderCall, `500 {"ok":true,"id":"7"}`, providers.Ambiguous, ""},
		"another order":                     {readCall, `{"elid":"778","CN":"example.com"}`, providers.Unavailable, ""},
		"nothing about the order":           {readCall, `{"elid":"777"}`, providers.Unavailable, ""},
		"throttled":                         {orderCall, "429 ", providers.Throttled, ""},
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for name, test := range errorCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, map[string][]string{test.function: {test.answer}})
			p := v.provider(nil)
			var err error
			switch test.function {
			case readCall:
				_, err = p.Order(t.Context(), order777)
			case orderCall:
				_, err = p.Buy(t.Context(), testIntent(providers.Purchase), testRequest("example.com"))
			default:
				_, err = p.Reissue(t.Context(), testIntent(providers.Reissue), order777, testRequest("example.com"))
			}
			require.Equal(t, test.want, providers.KindOf(err), "%v", err)
			failure, ok := errors.AsType[*providers.Error](err)
			require.True(t, ok)
			assert.LessOrEqual(t, len(failure.Message), 300)
			assert.NotContains(t, err.Error(), testPassword)
			assert.NotContains(t, err.Error(), "<b>")
			if test.field != "" {
				assert.Contains(t, failure.Field, test.field)
			}
			if test.want == providers.Throttled {
				assert.Positive(t, failure.RetryAfter)
			}
		})
	}
}

// TestReissueWithoutANumber: the order keeps its own.
func TestReissueWithoutANumber(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{`{"ok":true}`: "777", `{"doc":{"ok":{"$":""},"id":{"$":"778"}}}`: "778"} {
		v := newVendor(t, map[string][]string{"certificate.reissue.step2": {answer}})
		placed, err := v.provider(nil).Reissue(t.Context(), testIntent(providers.Reissue), order777, testRequest("example.com"))
		require.NoError(t, err)
		assert.Equal(t, providers.IDs{elid: want}, placed.IDs)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		replies map[string][]string
		want    providers.Kind
	}{
		"well":              {nil, ""},
		"unknown product":   {map[string][]string{"certificate.order.csr": {refusing("value", "pricelist")}}, providers.Invalid},
		"no wizard":         {map[string][]string{"certificate.order.csr": {refusing("wizard_unavailable", "")}}, providers.Invalid},
		"wrong password":    {map[string][]string{"whoami": {refusing("auth", "badpassword")}}, providers.Auth},
		"no user":           {map[string][]string{"whoami": {`{}`}}, providers.Unavailable},
		"form not readable": {map[string][]string{"certificate.order.csr": {"<html>"}}, providers.Unavailable},
	} {
		info, err := newVendor(t, test.replies).provider(nil).Check(t.Context())
		require.Equal(t, test.want, providers.KindOf(err), name)
		if err == nil {
			assert.Equal(t, "12.50 EUR", info.Balance.String())
		}
	}
}
