package autodns

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func refusing(code string, reasons ...string) string {
	var messages []string
	for _, reason := range reasons {
		messages = append(messages, `{"code":"`+reason+`","text":"Fehler `+testPassword+` <b>hier</b>"}`)
	}
	return `{"stid":"1","status":{"code":"` + code + `","type":"ERROR"},"messages":[` + strings.Join(messages, ",") + `],"data":[]}`
}

// TestErrors is the table of what an answer means, for a read, a preparation and an order.
func TestErrors(t *testing.T) {
	t.Parallel()
	const read, prepare, order = "GET job/1", "POST certificate/_prepareOrder", "POST certificate"
	for name, test := range map[string]struct {
		key, answer string
		want        providers.Kind
	}{
		"login refused":                 {read, "401 " + refusing("E0000", "EF1"), providers.Auth},
		"login refused without words":   {read, "401 ", providers.Auth},
		"right missing":                 {prepare, "403 " + refusing("E400110", "EF1"), providers.Auth},
		"login refused at an order":     {order, "401 " + refusing("E400101"), providers.Auth},
		"a proxy's 403 at an order":     {order, "403 <html>", providers.Ambiguous},
		"job unknown":                   {read, "404 " + refusing("E300114"), providers.NotFound},
		"job unknown by code":           {read, "400 " + refusing("E300114", "EF900007"), providers.NotFound},
		"unknown code at a read":        {read, "400 " + refusing("E300114", "EF1"), providers.Unavailable},
		"nothing offered":               {prepare, `{"status":{"type":"SUCCESS"},"data":[]}`, providers.Unavailable},
		"unknown code at a preparation": {prepare, "400 " + refusing("E400110", "EF1"), providers.Invalid},
		"unknown reason at an order":    {order, "400 " + refusing("E400101", "EF1"), providers.Invalid},
		"no reason at an order":         {order, "400 " + refusing("E400101"), providers.Invalid},
		"refused with status 200":       {order, refusing("E400101", "EF1"), providers.Invalid},
		"other task's code at an order": {order, "400 " + refusing("E400102", "EF1"), providers.Ambiguous},
		"server error at an order":      {order, "500 " + refusing("E400101", "EF1"), providers.Ambiguous},
		"funds":                         {order, "400 " + refusing("E400101", "EF0", "EF900006"), providers.Funds},
		"the CA can't validate":         {order, "400 " + refusing("E400101", "EF400139"), providers.Invalid},
		"nested reason": {order, `400 {"status":{"resultCode":"E400101","type":"error"},
			"messages":[{"text":"x","messages":{"code":"EF900006"}}]}`, providers.Funds},
		"success without a number":     {order, success(`{"name":"x"}`), providers.Ambiguous},
		"success without data":         {order, `{"status":{"type":"NOTIFY"}}`, providers.Ambiguous},
		"success with a server error":  {order, "502 " + started("1"), providers.Ambiguous},
		"an unknown kind of answer":    {order, `{"status":{"type":"NOTICE"},"data":[{"id":1}]}`, providers.Ambiguous},
		"an unknown kind at a read":    {read, `{"status":{"type":"NOTICE"},"data":[]}`, providers.Unavailable},
		"HTML":                         {read, "<html>", providers.Unavailable},
		"a read's success without job": {read, success(""), providers.Unavailable},
		"another job":                  {read, success(`{"job":{"id":2,"status":"WAIT"}}`), providers.Unavailable},
		"throttled":                    {order, "429 ", providers.Throttled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, map[string][]string{test.key: {test.answer}, "GET job/history/1": {`404 {"status":{"code":"E1","type":"ERROR"}}`}})
			p := v.provider(nil)
			var err error
			switch test.key {
			case read:
				_, err = p.Order(t.Context(), providers.IDs{jobID: "1"})
			case prepare:
				_, _, err = p.Prepare(t.Context(), testRequest("example.com"))
			default:
				_, err = p.Buy(t.Context(), testIntent(providers.Purchase), testRequest("example.com"))
			}
			require.Equal(t, test.want, providers.KindOf(err), "%v", err)
			assert.NotContains(t, err.Error(), testPassword)
			assert.NotContains(t, err.Error(), "<b>")
			failure, ok := errors.AsType[*providers.Error](err)
			require.True(t, ok)
			assert.LessOrEqual(t, len(failure.Message), 300)
		})
	}
}

// TestSandboxCodesMeanNothingAtTheVendor: funds must not be read into a code that is ours.
func TestSandboxCodesMeanNothingAtTheVendor(t *testing.T) {
	t.Parallel()
	for endpoint, known := range map[string]bool{LiveEndpoint: false, DemoEndpoint: false, "https://127.0.0.1/v1": true} {
		config := testConfig(endpoint)
		p, err := New(config)
		require.NoError(t, err)
		_, ok := p.client.judge([]string{"EF900006"})
		assert.Equal(t, known, ok, endpoint)
		_, ok = p.client.judge([]string{"EF400139"})
		assert.True(t, ok, endpoint)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	v := newVendor(t, nil)
	p := v.provider(func(c *Config) { c.Limiter = rate.NewLimiter(0.1, 1) })
	_, err := p.balance(t.Context())
	require.NoError(t, err)
	intent := testIntent(providers.Purchase)
	err = p.client.once(t.Context(), opBuy, intent, providers.Purchase, request{}, nil)
	failure, ok := errors.AsType[*providers.Error](err)
	require.True(t, ok)
	assert.Equal(t, providers.Throttled, failure.Kind)
	assert.Positive(t, failure.RetryAfter)
	assert.False(t, intent.Spent(), "whoever waits too long has not sent anything")
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*Config){
		"spec.reseller.autodns.endpoint":        func(c *Config) { c.Endpoint = "https://u:p@h/v1" },
		"user in the Secret":                    func(c *Config) { c.User = " " },
		"password in the Secret":                func(c *Config) { c.Password = "" },
		"a user name has no colon":              func(c *Config) { c.User = "a:b" },
		"spec.reseller.autodns.product.id":      func(c *Config) { c.Product.ID = "" },
		"spec.reseller.autodns.product.methods": func(c *Config) { c.Product.Methods = []providers.Method{"Post"} },
		"spec.reseller.autodns.software":        func(c *Config) { c.Software = "NGINX" },
		"spec.contacts.admin.phone":             func(c *Config) { fromContacts(c); c.Contacts.Admin.Phone = "" },
		"no HTTP client":                        func(c *Config) { c.HTTPClient = nil },
	} {
		config := testConfig(LiveEndpoint)
		change(&config)
		_, err := New(config)
		require.Equal(t, providers.Invalid, providers.KindOf(err), field)
		assert.ErrorContains(t, err, field)
		assert.NotContains(t, err.Error(), testPassword)
	}
	p, err := New(testConfig(""))
	require.NoError(t, err)
	assert.Equal(t, providers.Account{Reseller: "autodns", Endpoint: LiveEndpoint, Name: "shop/9"}, p.Account())
}
