package cyberssl

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"": LiveEndpoint, "https://api.cyberssl.com/v1/": LiveEndpoint, SandboxEndpoint: SandboxEndpoint,
		"https://proxy.example.com/cyber//": "https://proxy.example.com/cyber",
	} {
		config := testConfig(endpoint)
		config.Now = nil
		p, err := New(config)
		require.NoError(t, err, endpoint)
		assert.Equal(t, providers.Account{Reseller: "cyberssl", Endpoint: want, Name: "shop"}, p.Account())
		assert.Equal(t, want == LiveEndpoint || want == SandboxEndpoint, p.client.vendor)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*Config){
		"spec.reseller.cyberssl.endpoint":             func(c *Config) { c.Endpoint = "https://user:pw@api.cyberssl.com/v1" },
		"spec.reseller.cyberssl.accountName":          func(c *Config) { c.AccountName = " " },
		"spec.reseller.cyberssl.credentialsSecretRef": func(c *Config) { c.APIKey = "" },
		"spec.reseller.cyberssl.product.id":           func(c *Config) { c.Product.ID = "" },
		"spec.reseller.cyberssl.product.methods":      func(c *Config) { c.Product.Methods = []providers.Method{"Post"} },
		"spec.contacts.admin.firstName":               func(c *Config) { c.Contacts.Admin.FirstName = "" },
		"spec.contacts.admin.lastName":                func(c *Config) { c.Contacts.Admin.LastName = "" },
		"spec.contacts.admin.phone":                   func(c *Config) { c.Contacts.Admin.Phone = "" },
		"spec.contacts.admin.title":                   func(c *Config) { c.Contacts.Admin.Title = "" },
		"spec.contacts.admin.email":                   func(c *Config) { c.Contacts.Admin.Email = "" },
		"":                                            func(c *Config) { c.HTTPClient = nil },
	} {
		config := testConfig("")
		change(&config)
		_, err := New(config)
		failure, ok := errors.AsType[*providers.Error](err)
		require.True(t, ok, field)
		assert.Equal(t, providers.Invalid, failure.Kind)
		assert.Equal(t, field, failure.Field)
	}
	for _, endpoint := range []string{"api.cyberssl.com/v1", "https://api.cyberssl.com/v1?x=1", "https://a/#f", "://", "https://"} {
		_, err := New(testConfig(endpoint))
		assert.Equal(t, providers.Invalid, providers.KindOf(err), endpoint)
	}
}

func TestProviderPrintsNoCredentials(t *testing.T) {
	t.Parallel()
	v := newVendor(t, answers())
	p := v.provider(nil)
	_, err := p.Check(t.Context())
	require.NoError(t, err)
	data, err := json.Marshal(p.config.APIKey)
	require.NoError(t, err)
	for _, shown := range []string{fmt.Sprintf("%v", p), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", p), fmt.Sprintf("%s", p), fmt.Sprintf("%+v", p.config), string(data)} {
		assert.NotContains(t, shown, testKey)
		assert.NotContains(t, shown, testToken)
	}
	assert.Contains(t, fmt.Sprint(p), "shop")
}

func TestProfile(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	unknown := profile(Product{ID: "500"})
	assert.Equal(t, providers.Profile{
		Product: "500", MaxNames: 1, RSABits: [2]int{2048, 8192}, Curves: []string{"P-256", "P-384"},
		Methods:            []providers.Method{providers.MethodCNAME, providers.MethodFile, providers.MethodEmail},
		CommonNameRequired: true, TermsMonths: []int{12, 24, 36}, MaxValidity: 199 * 24 * time.Hour,
		ReissueKeepsOld: true, ReissueValidates: true,
		CallTimeout: time.Minute, VisibilityDelay: 5 * time.Minute, AbsenceKnowable: true,
	}, unknown)
	known := profile(Product{ID: "17"})
	assert.Equal(t, "Sectigo PositiveSSL", known.Name)
	assert.True(t, known.WWWIncluded)
	assert.Equal(t, []string{"sectigo.com"}, known.CAAIdentities)
	corrected := profile(Product{
		ID: "17", Wildcard: &yes, IncludedWWW: &no, ECDSA: &no, MaxNames: 7, Methods: []providers.Method{providers.MethodTXT},
		CAAIdentities: []string{"digicert.com"}, MaxValidity: time.Hour,
	})
	assert.True(t, corrected.Wildcard)
	assert.False(t, corrected.WWWIncluded)
	assert.Empty(t, corrected.Curves)
	assert.Equal(t, 7, corrected.MaxNames)
	assert.Equal(t, []providers.Method{providers.MethodTXT}, corrected.Methods)
	assert.Equal(t, []string{"digicert.com"}, corrected.CAAIdentities)
	assert.Equal(t, time.Hour, corrected.MaxValidity)
}

func TestCheckComparesTheProduct(t *testing.T) {
	t.Parallel()
	const setting = "by CyberSSL's description of product 17, spec.reseller.cyberssl.product."
	for name, test := range map[string]struct {
		product string
		want    []string
	}{
		// The example of the API page, as PHP encodes it.
		"as configured": {`{"product_id":"17","name":"Sectigo PositiveSSL","type":"SSL","brand":"sectigo","price_for_1year":"5",
			"validation_type":"dv","is_trial":"","is_multi_domain":"","is_wildcard":"","www_included":1,"multidomains_maximum":"1"}`, nil},
		"wildcard":      {`{"product_id":17,"is_wildcard":true,"www_included":"1"}`, []string{setting + "wildcard should be Supported"}},
		"without www":   {`{"product_id":17,"www_included":0}`, []string{setting + "includedWWW should be Unsupported"}},
		"several names": {`{"www_included":1,"is_multi_domain":1,"multidomains_maximum":"250"}`, []string{setting + "maxNames should be 250"}},
		"odd maximum":   {`{"www_included":1,"is_multi_domain":1,"multidomains_maximum":""}`, nil},
		"trial":         {`{"www_included":1,"is_trial":1}`, []string{"product 17 is a trial"}},
	} {
		v := newVendor(t, map[string][]string{"get_ssl_product_details": {`{"success":true,"product":` + test.product + `}`}})
		info, err := v.provider(nil).Check(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, test.want, info.Warnings, name)
		assert.Equal(t, "100.00", info.Balance.String())
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		details, balance string
		want             providers.Kind
		field            string
	}{
		"no such product":      {`{"success":true,"product":[]}`, "1", providers.Invalid, "spec.reseller.cyberssl.product.id"},
		"another product":      {`{"success":true,"product":{"product_id":18}}`, "1", providers.Unavailable, ""},
		"an OV product":        {`{"success":true,"product":{"organization_required":1}}`, "1", providers.Invalid, "spec.contacts.organization"},
		"a balance in letters": {`{"success":true,"product":{}}`, `"much"`, providers.Unavailable, ""},
	} {
		v := newVendor(t, map[string][]string{
			"get_ssl_product_details": {test.details}, "get_balance": {`{"success":true,"balance":` + test.balance + `}`},
		})
		_, err := v.provider(nil).Check(t.Context())
		assert.Equal(t, test.want, kindOf(t, err), name)
		failure, ok := errors.AsType[*providers.Error](err)
		require.True(t, ok)
		assert.Equal(t, test.field, failure.Field, name)
	}
}

func TestCheckComparesTheSoftware(t *testing.T) {
	t.Parallel()
	for servers, warned := range map[string]bool{
		`{"success":true,"webservers":[{"software_id":"2"}]}`: false,
		`{"success":true,"webservers":{"a":{"id":2}}}`:        false,
		`{"success":true,"webservers":[{"software_id":3}]}`:   true,
		`{"success":true,"webservers":[]}`:                    false,
		`{"success":false,"error_code":"unknown method"}`:     false,
		`404 <html>`: false,
	} {
		replies := answers()
		replies["get_ssl_web_soft"] = []string{servers}
		info, err := newVendor(t, replies).provider(func(c *Config) { c.SoftwareID = 2 }).Check(t.Context())
		require.NoError(t, err, servers)
		assert.Equal(t, warned, len(info.Warnings) == 1, servers)
	}
	replies := answers()
	replies["get_ssl_web_soft"] = []string{"500 <html>"}
	_, err := newVendor(t, replies).provider(func(c *Config) { c.SoftwareID = 2 }).Check(t.Context())
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
}

func TestProductsAreCompletedFromThePublicList(t *testing.T) {
	t.Parallel()
	v := newVendor(t, map[string][]string{
		"list_products": {`{"success":true,"ssl_products":[{"id":18,"price_for_1year":"60.00","price_for_2year":""},{"name":"no id"},"odd"]}`},
		"ssl_certificates": {
			`{"success":true,"ssl_products":{"a":{"product_id":"18","name":"Wild","brand":"sectigo","validation_type":"dv","is_wildcard":1,"price_for_1year":"99"}}}`,
			`{"success":false}`, `<html>`,
		},
	})
	p := v.provider(nil)
	all, err := p.Products(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, "60.00", all[0].Prices[12].String(), "the account's price")
	assert.Len(t, all[0].Prices, 1)
	assert.Equal(t, providers.Product{
		ID: "18", Name: "Wild", Brand: "sectigo", Validation: "dv", Wildcard: true, MaxNames: 1, Prices: all[0].Prices,
	}, all[0])
	all, err = p.Products(t.Context())
	require.NoError(t, err, "the public list is an extra")
	assert.Empty(t, all[0].Name)
	_, err = p.Products(t.Context())
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
}

func TestCheckCSRComparesTheCommonName(t *testing.T) {
	t.Parallel()
	v := newVendor(t, map[string][]string{"validate_csr": {
		`{"success":true,"csr":{"common_name":"Test.com"}}`, `{"success":true,"csr":[]}`, `{"success":true,"csr":{"common_name":"x\u0001.com"}}`,
	}})
	p := v.provider(nil)
	require.NoError(t, p.CheckCSR(t.Context(), testRequest("test.com")))
	require.NoError(t, p.CheckCSR(t.Context(), testRequest("test.com")))
	assert.Equal(t, providers.Invalid, kindOf(t, p.CheckCSR(t.Context(), testRequest("test.com"))))
}
