package connectreseller

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

func TestErrorMapping(t *testing.T) {
	t.Parallel()
	status := func(outer, data string) string {
		return `{"responseMsg":{"message":"no","statusCode":` + outer + `},"responseData":` + data + `}`
	}
	const order = `{"orderID":7,"sslid":7,"ssldeletionDate":"x"}`
	for name, test := range map[string]struct {
		reply     string
		read, buy providers.Kind // empty: no error
		field     string
	}{
		"success 200":               {reply: status("200", order)},
		"success 0":                 {reply: status("0", order)},
		"success as text":           {reply: status(`"200"`, order)},
		"success, null message":     {reply: `{"responseMsg":null,"responseData":` + order + `}`},
		"success, plain JSON":       {reply: "plain 200 " + status("200", order)},
		"success, byte order mark":  {reply: "plain 200 \ufeff" + status("200", order)},
		"statusCode 400":            {reply: status("400", order), read: providers.Unavailable, buy: providers.Ambiguous},
		"statusCode 400 inside":     {reply: status("200", `{"statusCode":400,"message":"no"}`), read: providers.Unavailable, buy: providers.Ambiguous},
		"successCode 1":             {reply: status("200", `{"successCode":1,"orderID":7}`), read: providers.Unavailable, buy: providers.Ambiguous},
		"msgCode":                   {reply: status("200", `{"msgcode":"300"}`), read: providers.Unavailable, buy: providers.Ambiguous},
		"statusCode 401":            {reply: status("401", "null"), read: providers.Auth, buy: providers.Ambiguous, field: fieldCredentials},
		"statusCode 403 inside":     {reply: status("200", `{"statusCode":403}`), read: providers.Auth, buy: providers.Ambiguous, field: fieldCredentials},
		"statusCode 404":            {reply: status("404", "null"), read: providers.NotFound, buy: providers.Ambiguous},
		"HTTP 401":                  {reply: "plain 401 " + status("400", "null"), read: providers.Auth, buy: providers.Ambiguous, field: fieldCredentials},
		"no data":                   {reply: status("200", "null"), read: providers.Unavailable, buy: providers.Ambiguous},
		"nothing in it":             {reply: `{}`, read: providers.Unavailable, buy: providers.Ambiguous},
		"data without identifiers":  {reply: status("200", `{}`), read: providers.Unavailable, buy: providers.Ambiguous},
		"data is a text":            {reply: status("200", `"x"`), read: providers.Unavailable, buy: providers.Ambiguous},
		"no JSON":                   {reply: "hello", read: providers.Unavailable, buy: providers.Ambiguous},
		"a page":                    {reply: "plain 200 <html>", read: providers.Unavailable, buy: providers.Ambiguous},
		"not encrypted":             {reply: "plain 200 Invalid request", read: providers.Unavailable, buy: providers.Ambiguous},
		"server error":              {reply: "plain 502 <html>", read: providers.Unavailable, buy: providers.Ambiguous},
		"success in a server error": {reply: "plain 500 " + status("200", order), read: providers.Unavailable, buy: providers.Ambiguous},
		"sandbox code in an error":  {reply: "plain 500 " + status("400", `{"msgCode":"1006"}`), read: providers.Unavailable, buy: providers.Ambiguous},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, map[string][]string{"SSLDetails": {test.reply}, "SSLOrder": {test.reply}})
			p := v.provider("5")
			_, err := p.Order(t.Context(), sampleIDs)
			_, bought := p.Buy(t.Context(), testIntent(providers.Purchase), newPair(t, "a.com").request(providers.MethodCNAME, "a.com"))
			if test.read == "" {
				require.NoError(t, err)
				require.NoError(t, bought)
				return
			}
			assert.Equal(t, test.read, kindOf(t, err))
			assert.Equal(t, test.field, fieldOf(t, err))
			assert.Equal(t, test.buy, kindOf(t, bought))
			assert.Len(t, v.sent("SSLOrder"), 1)
		})
	}
}

// TestCodesOfTheSandbox mean nothing at the vendor's own hosts.
func TestCodesOfTheSandbox(t *testing.T) {
	t.Parallel()
	for code, want := range sandboxCodes {
		v := newVendor(t, map[string][]string{"SSLDetails": bad(code), "SSLOrder": bad(code)})
		request := newPair(t, "a.com").request(providers.MethodCNAME, "a.com")
		p := v.provider("5")
		_, err := p.Buy(t.Context(), testIntent(providers.Purchase), request)
		assert.Equal(t, want.kind, kindOf(t, err), code)
		assert.Equal(t, want.field, fieldOf(t, err), code)
		p.client.vendor = true
		_, err = p.Buy(t.Context(), testIntent(providers.Purchase), request)
		assert.Equal(t, providers.Ambiguous, kindOf(t, err), code)
		_, err = p.Order(t.Context(), sampleIDs)
		assert.Equal(t, providers.Unavailable, kindOf(t, err), code)
	}
}

func TestRefusalTextIsClean(t *testing.T) {
	t.Parallel()
	v := newVendor(t, map[string][]string{"SSLDetails": {
		`{"responseMsg":{"message":"<b>bad</b> ` + testKey + ` 00112233445566778899aabbccddeeff","statusCode":400},"responseData":{}}`,
	}})
	_, err := v.provider("5").Order(t.Context(), sampleIDs)
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
	assert.Contains(t, err.Error(), "code 400: bad *** ***")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	balance := `plain 200 {"responseMsg":{"statusCode":200},"responseData":"7.5"}`
	for name, test := range map[string]struct {
		balance, details string
		code             string
		kind             providers.Kind
		field            string
		warns            bool
	}{
		"refusal is fine":      {balance: balance, details: bad("1007")[0]},
		"answer is fine":       {balance: balance, details: good(sampleDetails)[0]},
		"unknown product":      {balance: balance, details: bad("x")[0], code: "7", warns: true},
		"wrong key":            {balance: `plain 200 {"responseMsg":{"statusCode":401},"responseData":null}`, kind: providers.Auth, field: fieldCredentials},
		"wrong passphrase":     {balance: balance, details: "plain 200 " + wrongHash, kind: providers.Auth, field: fieldCredentials},
		"plain complaint":      {balance: balance, details: "plain 400 Bad padding", kind: providers.Auth, field: fieldCredentials},
		"key for balance only": {balance: balance, details: bad("1101")[0], kind: providers.Auth, field: fieldCredentials},
		"a page":               {balance: balance, details: "plain 200 <html>", kind: providers.Unavailable},
		"down":                 {balance: balance, details: "plain 502 oops", kind: providers.Unavailable},
		"no balance":           {balance: `plain 200 {"responseMsg":{"statusCode":0},"responseData":{}}`, kind: providers.Unavailable},
		"balance in letters":   {balance: `plain 200 {"responseMsg":{"statusCode":0},"responseData":"much"}`, kind: providers.Unavailable},
	} {
		v := newVendor(t, map[string][]string{"availablefund": {test.balance}, "SSLDetails": {test.details}})
		code := test.code
		if code == "" {
			code = "5"
		}
		info, err := v.provider(code).Check(t.Context())
		if test.kind != "" {
			assert.Equal(t, test.kind, kindOf(t, err), name)
			assert.Equal(t, test.field, fieldOf(t, err), name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, "7.50", info.Balance.String())
		assert.Equal(t, test.warns, len(info.Warnings) == 1, name)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*Config)
		field  string
	}{
		"endpoint":    {func(c *Config) { c.Endpoint = "https://x?APIKey=y" }, "spec.reseller.connectreseller.endpoint"},
		"reseller":    {func(c *Config) { c.ResellerID = 0 }, "spec.reseller.connectreseller.resellerID"},
		"customer":    {func(c *Config) { c.CustomerID = -1 }, "spec.reseller.connectreseller.customerID"},
		"category":    {func(c *Config) { c.BusinessCategory = "BusinessEntity" }, "spec.reseller.connectreseller.businessCategory"},
		"key":         {func(c *Config) { c.APIKey = " " }, fieldCredentials},
		"client":      {func(c *Config) { c.HTTPClient = nil }, ""},
		"product":     {func(c *Config) { c.Product.ID = "Positive SSL" }, fieldProduct},
		"product 0":   {func(c *Config) { c.Product.ID = "0" }, fieldProduct},
		"methods":     {func(c *Config) { c.Product.Methods = []providers.Method{providers.MethodTXT} }, "spec.reseller.connectreseller.product.methods"},
		"salt":        {func(c *Config) { c.Salt = "salt" }, fieldCredentials},
		"iv":          {func(c *Config) { c.IV = "00" }, fieldCredentials},
		"no secrets":  {func(c *Config) { c.Passphrase = "" }, fieldCredentials},
		"no endpoint": {func(c *Config) { c.Endpoint = "://" }, "spec.reseller.connectreseller.endpoint"},
	} {
		config := testConfig("")
		test.change(&config)
		_, err := New(config)
		assert.Equal(t, providers.Invalid, kindOf(t, err), name)
		assert.Equal(t, test.field, fieldOf(t, err), name)
	}
}

func TestProviderPrintsNoCredentials(t *testing.T) {
	t.Parallel()
	config := testConfig("")
	p, err := New(config)
	require.NoError(t, err)
	assert.Equal(t, providers.Account{Reseller: "connectreseller", Endpoint: LiveEndpoint, Name: "26"}, p.Account())
	assert.True(t, p.client.vendor)
	data, err := json.Marshal(config.Passphrase)
	require.NoError(t, err)
	for _, shown := range []string{fmt.Sprintf("%v", p), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", p), fmt.Sprintf("%+v", config), string(data)} {
		for _, secret := range []string{testKey, "horse", "00112233", "0f0e0d0c"} {
			assert.NotContains(t, shown, secret)
		}
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	certum, sectigo := factsOf(1).profile(Product{ID: "1"}), factsOf(5).profile(Product{ID: "5"})
	assert.Equal(t, []providers.Method{providers.MethodTXT, providers.MethodFile}, certum.Methods)
	assert.Equal(t, []string{"certum.pl"}, certum.CAAIdentities)
	assert.Equal(t, providers.Profile{
		Product: "5", Name: "Positive SSL DV", MaxNames: 1, WWWIncluded: true, Methods: []providers.Method{providers.MethodCNAME, providers.MethodEmail},
		RSABits: [2]int{2048, 8192}, Curves: []string{"P-256", "P-384"}, CommonNameRequired: true, TermsMonths: []int{12},
		MaxValidity: 199 * 24 * time.Hour, CAAIdentities: []string{"sectigo.com"}, ReissueKeepsOld: true, ReissueValidates: true,
		CSRAtEnrolment: true, CancelEffect: cancelEffect, RevokeEffect: revokeEffect,
		CallTimeout: 2 * time.Minute, VisibilityDelay: 5 * time.Minute,
	}, sectigo)
	for code, want := range map[int]providers.Profile{
		2: {OrganizationRequired: true}, 3: {Wildcard: true}, 4: {Wildcard: true, OrganizationRequired: true}, 6: {Wildcard: true},
		8: {}, 9: {Wildcard: true}, 10: {OrganizationRequired: true}, 11: {Wildcard: true, OrganizationRequired: true},
	} {
		got := factsOf(code).profile(Product{})
		assert.Equal(t, want.Wildcard, got.Wildcard, code)
		assert.Equal(t, want.OrganizationRequired, got.OrganizationRequired, code)
		assert.NotEmpty(t, got.Name)
		assert.Equal(t, !want.Wildcard && code <= 4, contains(got.Methods, providers.MethodFile), code)
	}
	assert.False(t, factsOf(7).known)
	assert.True(t, factsOf(631).certum, "the older numbers of the samples")
	corrected := factsOf(631).profile(Product{
		ID: "631", Wildcard: &yes, IncludedWWW: &no, ECDSA: &no, MaxNames: 1, Methods: []providers.Method{providers.MethodTXT},
		CAAIdentities: []string{"certum.eu"}, MaxValidity: time.Hour,
	})
	assert.True(t, corrected.Wildcard)
	assert.False(t, corrected.WWWIncluded)
	assert.Empty(t, corrected.Curves)
	assert.Equal(t, []string{"certum.eu"}, corrected.CAAIdentities)
	assert.Equal(t, time.Hour, corrected.MaxValidity)
}

func contains(methods []providers.Method, method providers.Method) bool {
	for _, m := range methods {
		if m == method {
			return true
		}
	}
	return false
}

// TestAnOldIntentSendsNothing for every call with an effect.
func TestAnOldIntentSendsNothing(t *testing.T) {
	t.Parallel()
	v := newVendor(t, answers())
	p := v.provider("1")
	request := newPair(t, "dsfdegdfg.com").request(providers.MethodTXT, "dsfdegdfg.com")
	for kind, call := range map[providers.OperationKind]func(context.Context, *providers.Intent) error{
		providers.Purchase: func(ctx context.Context, i *providers.Intent) error { return second(p.Buy(ctx, i, request)) },
		providers.Enrol: func(ctx context.Context, i *providers.Intent) error {
			return second(p.Enrol(ctx, i, sampleIDs, request))
		},
		providers.Renew: func(ctx context.Context, i *providers.Intent) error {
			return second(p.Renew(ctx, i, sampleIDs, request))
		},
		providers.Reissue: func(ctx context.Context, i *providers.Intent) error {
			return second(p.Reissue(ctx, i, sampleIDs, request))
		},
		providers.Cancel: func(ctx context.Context, i *providers.Intent) error { return p.Cancel(ctx, i, sampleIDs) },
	} {
		old := providers.NewIntent(kind, "old", "", testNow().Add(-time.Minute), testNow)
		for _, intent := range []*providers.Intent{nil, old} {
			v.mu.Lock()
			v.replies["SSLDetails"] = good(sampleDetails)
			v.mu.Unlock()
			require.ErrorIs(t, call(t.Context(), intent), providers.ErrIntentSpent, kind)
		}
	}
	for _, operation := range []string{"SSLOrder", "SSLIssue", "SSLRenew", "reissueCertificate", "cancelOrder"} {
		assert.Empty(t, v.sent(operation))
	}
}
