package resello

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// errorCase is an answer and what it means.
type errorCase struct {
	reply     string
	read, buy providers.Kind
	// vendor is what the purchase means at the vendor's own host, if it differs.
	vendor providers.Kind
	field  string
}

const nestedProblem = `{"success":false,"error":{"code":"request_validation_failed","message":{"field":{"csr":[{"message":"bad","code":"invalid_choice"}]}}}}`

func errorCases() map[string]errorCase {
	return map[string]errorCase{
		"validation, nested":        {reply: nestedProblem, read: providers.Invalid, buy: providers.Invalid, field: "spec.request"},
		"validation, by attribute":  {reply: `{"success":false,"error":{"code":"request_validation_failed","message":{"plan":["gone"]}}}`, read: providers.Invalid, buy: providers.Invalid, field: "spec.reseller.resello.product.id"},
		"validation, plain":         {reply: no(validationFailed)[0], read: providers.Invalid, buy: providers.Invalid},
		"validation, server error":  {reply: "500 " + nestedProblem, read: providers.Invalid, buy: providers.Ambiguous, field: "spec.request"},
		"401":                       {reply: "401 " + no("x")[0], read: providers.Auth, buy: providers.Auth, field: fieldCredentials},
		"403":                       {reply: "403 " + no("x")[0], read: providers.Auth, buy: providers.Auth, field: fieldCredentials},
		"401 without envelope":      {reply: "401 <html>", read: providers.Auth, buy: providers.Ambiguous, field: fieldCredentials},
		"404":                       {reply: "404 " + no("x")[0], read: providers.NotFound, buy: providers.NotFound},
		"404 without envelope":      {reply: "404 <html>", read: providers.Unavailable, buy: providers.Ambiguous},
		"sandbox: authentication":   {reply: no("authentication_failed")[0], read: providers.Auth, buy: providers.Auth, vendor: providers.Ambiguous, field: fieldCredentials},
		"sandbox: funds":            {reply: no("insufficient_funds")[0], read: providers.Funds, buy: providers.Funds, vendor: providers.Ambiguous},
		"sandbox: not found":        {reply: no("not_found")[0], read: providers.NotFound, buy: providers.NotFound, vendor: providers.Ambiguous},
		"sandbox: state":            {reply: no("invalid_state")[0], read: providers.Invalid, buy: providers.Invalid, vendor: providers.Ambiguous},
		"sandbox: method":           {reply: no("method_not_allowed")[0], read: providers.Invalid, buy: providers.Invalid, vendor: providers.Ambiguous},
		"sandbox: content type":     {reply: no("unsupported_media_type")[0], read: providers.Invalid, buy: providers.Invalid, vendor: providers.Ambiguous},
		"unknown code":              {reply: no("oops")[0], read: providers.Unavailable, buy: providers.Ambiguous},
		"no code":                   {reply: `{"success":false}`, read: providers.Unavailable, buy: providers.Ambiguous},
		"error is a text":           {reply: `{"success":false,"error":"no"}`, read: providers.Unavailable, buy: providers.Ambiguous},
		"success is a number":       {reply: `{"success":0,"error":{}}`, read: providers.Unavailable, buy: providers.Ambiguous},
		"server error":              {reply: "502 <html>", read: providers.Unavailable, buy: providers.Ambiguous},
		"success in a server error": {reply: `500 {"success":true,"result":{"id":"x","status":"active"}}`, read: providers.Unavailable, buy: providers.Ambiguous},
		"a redirect":                {reply: "302 moved", read: providers.Unavailable, buy: providers.Ambiguous},
		"neither yes nor no":        {reply: `{"success":"perhaps"}`, read: providers.Unavailable, buy: providers.Ambiguous},
		"no success":                {reply: `{"result":{"id":"x","status":"active"}}`, read: providers.Unavailable, buy: providers.Ambiguous},
		"no result":                 {reply: `{"success":true}`, read: providers.Unavailable, buy: providers.Ambiguous},
		"result without id":         {reply: `{"success":true,"result":{}}`, read: providers.Unavailable, buy: providers.Ambiguous},
		"a list":                    {reply: `{"success":true,"result":["x"]}`, read: providers.Unavailable, buy: providers.Ambiguous},
		"nothing":                   {reply: " ", read: providers.Unavailable, buy: providers.Ambiguous},
	}
}

func TestErrorMapping(t *testing.T) {
	t.Parallel()
	for name, test := range errorCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, vendorHost := range []bool{false, true} {
				replies := answers()
				replies["GET "+certificates+"/"+testID], replies["POST "+certificates] = []string{test.reply}, []string{test.reply}
				v := newVendor(t, replies)
				p := v.provider(nil)
				p.client.vendor = vendorHost
				if !vendorHost {
					_, err := p.Order(t.Context(), testIDs)
					assert.Equal(t, test.read, kindOf(t, err), "read")
					assert.Equal(t, test.field, fieldOfError(t, err))
				}
				_, err := p.Buy(t.Context(), testIntent(providers.Purchase), testRequest(providers.MethodTXT))
				want := test.buy
				if vendorHost && test.vendor != "" {
					want = test.vendor
				}
				assert.Equal(t, want, kindOf(t, err), "purchase")
				assert.Len(t, v.sent("POST"), 1)
			}
		})
	}
}

func TestRefusalsNameTheParameters(t *testing.T) {
	t.Parallel()
	replies := map[string][]string{"GET " + plans: {
		`{"success":false,"error":{"code":"request_validation_failed","message":{"field":{"zip_code":[{"message":"is <b>` + testKey + `</b>","code":"bad"}]}}}}`,
	}}
	_, err := newVendor(t, replies).provider(nil).Check(t.Context())
	assert.Equal(t, "spec.contacts.organization.postalCode", fieldOfError(t, err))
	assert.Contains(t, err.Error(), "zip_code")
	assert.Contains(t, err.Error(), "***")
	assert.NotContains(t, err.Error(), "<b>")
	assert.Equal(t, providers.Invalid, kindOf(t, err))
}

func TestVendorHosts(t *testing.T) {
	t.Parallel()
	for endpoint, vendor := range map[string]bool{
		"": true, "https://BACKOFFICE.hostcontrol.com/api/v1": true, "https://hostcontrol.com.example.org": false, "https://proxy.example.com/x/": false,
	} {
		made, err := New(testConfig(endpoint))
		require.NoError(t, err)
		assert.Equal(t, vendor, made.(*Provider).client.vendor, endpoint)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*Config)
		field  string
	}{
		"endpoint":       {func(c *Config) { c.Endpoint = "https://user:pw@x" }, "spec.reseller.resello.endpoint"},
		"no endpoint":    {func(c *Config) { c.Endpoint = "rp01" }, "spec.reseller.resello.endpoint"},
		"no user":        {func(c *Config) { c.Username = " " }, fieldCredentials},
		"user and colon": {func(c *Config) { c.Username = "a:b" }, fieldCredentials},
		"no key":         {func(c *Config) { c.APIKey = "" }, fieldCredentials},
		"no plan":        {func(c *Config) { c.Product.ID = "" }, fieldProduct},
		"odd plan":       {func(c *Config) { c.Product.ID = testPlan + "/x" }, fieldProduct},
		"odd method":     {func(c *Config) { c.Product.Methods = []providers.Method{"Post"} }, "spec.reseller.resello.product.methods"},
		"no client":      {func(c *Config) { c.HTTPClient = nil }, ""},
	} {
		config := testConfig("")
		test.change(&config)
		_, err := New(config)
		assert.Equal(t, providers.Invalid, kindOf(t, err), name)
		assert.Equal(t, test.field, fieldOfError(t, err), name)
	}
}

func TestProviderPrintsNoCredentials(t *testing.T) {
	t.Parallel()
	for _, computed := range []bool{false, true} {
		config := testConfig("")
		config.ComputedCNAME = computed
		p, err := New(config)
		require.NoError(t, err)
		data, err := json.Marshal(config.APIKey)
		require.NoError(t, err)
		for _, shown := range []string{fmt.Sprintf("%v", p), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", p), fmt.Sprintf("%+v", config), string(data)} {
			assert.NotContains(t, shown, testKey)
		}
		assert.Equal(t, providers.Account{Reseller: "resello", Endpoint: LiveEndpoint, Name: testUser}, p.Account())
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	assert.Equal(t, providers.Profile{
		Product: testPlan, MaxNames: 1, RSABits: [2]int{2048, 8192}, CommonNameRequired: true, TermsMonths: []int{12},
		Methods:     []providers.Method{providers.MethodCNAME, providers.MethodFile, providers.MethodEmail},
		MaxValidity: 199 * 24 * time.Hour, ReissueValidates: true,
		CancelEffect: cancelEffect,
		CallTimeout:  time.Minute, VisibilityDelay: 30 * time.Minute, AbsenceKnowable: true,
	}, profile(Product{ID: testPlan}, 12))
	corrected := profile(Product{
		ID: testPlan, Wildcard: &yes, IncludedWWW: &no, ECDSA: &yes, MaxNames: 3, Methods: []providers.Method{providers.MethodTXT},
		CAAIdentities: []string{"digicert.com"}, MaxValidity: time.Hour,
	}, 24)
	assert.True(t, corrected.Wildcard)
	assert.False(t, corrected.WWWIncluded)
	assert.Equal(t, []string{"P-256", "P-384"}, corrected.Curves)
	assert.Equal(t, 3, corrected.MaxNames)
	assert.Equal(t, []providers.Method{providers.MethodTXT}, corrected.Methods)
	assert.Equal(t, []string{"digicert.com"}, corrected.CAAIdentities)
	assert.Equal(t, time.Hour, corrected.MaxValidity)
	assert.Equal(t, []int{24}, corrected.TermsMonths)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plans string
		warns bool
		kind  providers.Kind
		field string
	}{
		"as configured":         {plans: `[{"id":"` + testPlan + `","interval":"12"}]`},
		"by id":                 {plans: `{"a":{"id":"` + testPlan + `","interval":12}}`},
		"another term":          {plans: `[{"id":"` + testPlan + `","interval":24}]`, warns: true},
		"interval in words":     {plans: `[{"id":"` + testPlan + `","interval":"year"}]`},
		"the filter is ignored": {plans: `[{"id":"other"}]`, kind: providers.Invalid, field: fieldProduct},
		"no plan":               {plans: `[]`, kind: providers.Invalid, field: fieldProduct},
		"no list":               {plans: `"x"`, kind: providers.Unavailable},
	} {
		v := newVendor(t, map[string][]string{"GET " + plans: ok(test.plans)})
		info, err := v.provider(nil).Check(t.Context())
		assert.Equal(t, []string{"GET /ssl-certificate-plan?id=" + testPlan}, v.sent("GET"))
		if test.kind != "" {
			assert.Equal(t, test.kind, kindOf(t, err), name)
			assert.Equal(t, test.field, fieldOfError(t, err), name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, test.warns, len(info.Warnings) == 1, name)
		assert.Nil(t, info.Balance)
	}
}

func TestProducts(t *testing.T) {
	t.Parallel()
	list := `[{"id":"a","name":"Comodo Wildcard","interval":12,"price":"9.50"},{"id":"b","name":"X","interval":"?","price":1}]`
	own := ok(`{"id":"` + testPlan + `","name":"Mine","interval":24,"price":{}}`)
	v := newVendor(t, map[string][]string{"GET " + plans: ok(list), "GET " + plans + "/" + testPlan: own})
	products, err := v.provider(nil).Products(t.Context())
	require.NoError(t, err)
	require.Len(t, products, 3)
	assert.True(t, products[0].Wildcard)
	assert.Equal(t, "9.50", products[0].Prices[12].String())
	assert.Empty(t, products[1].Prices)
	assert.Equal(t, "Mine", products[2].Name)
	assert.Empty(t, products[2].Prices)
	for reply, fails := range map[string]bool{no("not_found")[0]: false, "502 <html>": true} {
		v := newVendor(t, map[string][]string{"GET " + plans: ok(`[]`), "GET " + plans + "/" + testPlan: {reply}})
		products, err := v.provider(nil).Products(t.Context())
		assert.Equal(t, fails, err != nil)
		assert.Empty(t, products)
	}
}

// TestAnOldIntentSendsNothing for every call with an effect.
func TestAnOldIntentSendsNothing(t *testing.T) {
	t.Parallel()
	v := newVendor(t, answers())
	p := v.provider(nil)
	request := testRequest(providers.MethodTXT)
	for kind, call := range map[providers.OperationKind]func(context.Context, *providers.Intent) error{
		providers.Renew: func(ctx context.Context, i *providers.Intent) error { return second(p.Renew(ctx, i, testIDs, request)) },
		providers.Reissue: func(ctx context.Context, i *providers.Intent) error {
			return second(p.Reissue(ctx, i, testIDs, request))
		},
		providers.Cancel: func(ctx context.Context, i *providers.Intent) error { return p.Cancel(ctx, i, testIDs) },
	} {
		old := providers.NewIntent(kind, "old", "", testNow().Add(-time.Minute), testNow)
		for _, intent := range []*providers.Intent{nil, old} {
			require.ErrorIs(t, call(t.Context(), intent), providers.ErrIntentSpent, kind)
		}
	}
	assert.Empty(t, v.sent(""))
}
