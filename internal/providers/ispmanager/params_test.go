package ispmanager

import (
	"context"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// second drops a result.
func second[T any](_ T, err error) error { return err }

var order777 = providers.IDs{elid: "777"}

type operationCase struct {
	name     string
	config   func(*Config)
	replies  map[string][]string
	do       func(context.Context, *Provider) error
	function string
	want     []url.Values
}

// one is a form with single values.
func one(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

func with(values url.Values, pairs ...string) url.Values {
	for name, value := range one(pairs...) {
		values[name] = value
	}
	return values
}

// ordered is the API page's request for an own CSR.
func ordered() url.Values {
	return one("sok", "ok", "skipbasket", "on", "crt_type", "manual", "period", "12", "pricelist", "3541",
		"adm_fname", "Ada", "adm_lname", "Lovelace", "adm_jtitle", "Analyst", "adm_email", "ada@example.com", "adm_phone", "+44 20",
		"tech_fname", "Ada", "tech_lname", "Lovelace", "tech_jtitle", "Analyst", "tech_email", "ada@example.com", "tech_phone", "+44 20",
		"approver_email_1", "admin@example.com", "csr", testCSR, "approver_method", "auth_cname", "remoteid", "ri-reference")
}

func buy(request providers.Request) func(context.Context, *Provider) error {
	return func(ctx context.Context, p *Provider) error {
		return second(p.Buy(ctx, testIntent(providers.Purchase), request))
	}
}

func several(c *Config) {
	c.Product.MaxNames, c.AddonID, c.AddonPrice = 3, "55364", "4.50"
}

func orderCases() []operationCase {
	yes := true
	reissue := func(request providers.Request) func(context.Context, *Provider) error {
		return func(ctx context.Context, p *Provider) error {
			return second(p.Reissue(ctx, testIntent(providers.Reissue), order777, request))
		}
	}
	newKey := testRequest("example.com")
	newKey.CSR = []byte(otherCSR)
	newKeyAndName := byEmail(testRequest("example.com", "example1.com"))
	newKeyAndName.CSR = []byte(otherCSR)
	two := testRequest("example.com")
	two.TermMonths = 24
	return []operationCase{
		{name: "order", function: "certificate.order.param", do: buy(testRequest("example.com")), want: []url.Values{ordered()}},
		{
			name: "order by e-mail", function: "certificate.order.param", do: buy(byEmail(testRequest("example.com"))),
			want: []url.Values{with(ordered(), "approver_method", "auth_email")},
		},
		{
			name: "order for two years and a technical contact", function: "certificate.order.param", do: buy(two),
			config: func(c *Config) {
				c.Contacts.Technical = &Contact{FirstName: "B", LastName: "C", Title: "D", Email: "e@f.gh", Phone: "1"}
			},
			want: []url.Values{with(ordered(), "period", "24", "tech_fname", "B", "tech_lname", "C", "tech_jtitle", "D", "tech_email", "e@f.gh", "tech_phone", "1")},
		},
		{
			name: "order for several names, without the included www", function: "certificate.order.param",
			config: func(c *Config) { several(c); c.Product.IncludedWWW = &yes },
			do:     buy(byEmail(testRequest("example.com", "example1.com", "example2.com", "www.example.com"))),
			want: []url.Values{with(ordered(), "approver_method", "auth_email", "approver_email_2", "admin@example1.com", "approver_email_3", "admin@example2.com",
				"altname", "example1.com example2.com", "altname_input", "example1.com example2.com", "addon_55364", "2")},
		},
		{
			name: "order for a wildcard", function: "certificate.order.param", do: buy(testRequest("*.example.com")),
			config: func(c *Config) { c.Product.Wildcard = &yes }, want: []url.Values{ordered()},
		},
		{
			name: "reissue for the CSR of before", function: "certificate.reissue.step2", do: reissue(byEmail(testRequest("example.com"))),
			want: []url.Values{one("sok", "ok", "elid", "777", "crt_type", "oldrequest", "approver_method", "auth_email", "approver_email_1", "admin@example.com")},
		},
		{
			name: "reissue for a new CSR", function: "certificate.reissue.step2", do: reissue(byEmail(newKey)),
			want: []url.Values{one("sok", "ok", "elid", "777", "crt_type", "manual", "csr", otherCSR, "approver_method", "auth_email", "approver_email_1", "admin@example.com")},
		},
		{
			name: "reissue for other names", function: "certificate.reissue.step2", config: several,
			do: reissue(byEmail(testRequest("example.com", "example1.com", "example2.com"))),
			want: []url.Values{one("sok", "ok", "elid", "777", "crt_type", "altname", "altname", "example1.com example2.com", "approver_method", "auth_email",
				"approver_email_1", "admin@example.com", "approver_email_2", "admin@example1.com", "approver_email_3", "admin@example2.com")},
		},
		{
			name: "reissue for a new CSR with other names", function: "certificate.reissue.step2", config: several, do: reissue(newKeyAndName),
			want: []url.Values{one("sok", "ok", "elid", "777", "crt_type", "manual", "csr", otherCSR, "altname", "example1.com", "approver_method", "auth_email",
				"approver_email_1", "admin@example.com", "approver_email_2", "admin@example1.com")},
		},
	}
}

func otherCases() []operationCase {
	check := func(ctx context.Context, p *Provider) error { return second(p.Check(ctx)) }
	challenges := []providers.Challenge{
		{Domain: "example.com", Method: providers.MethodCNAME},
		{Domain: "example.com", Method: providers.MethodTXT},
		{Domain: "done.com", Method: providers.MethodTXT, Done: true},
		{Domain: "mail.com", Method: providers.MethodEmail},
		{Domain: "file.com", Method: providers.MethodFile},
		{Domain: "*.example.com", Method: providers.MethodTXT},
	}
	withFile := map[string][]string{
		"certificate.edit": {`{"elid":"777","CN":"example.com","item_status":"5","service_status":"3","approver_method":"auth_file","auth_file_name":"a.txt"}`},
		"certificate.file": {"token"},
	}
	issued := map[string][]string{
		"certificate.edit": {`{"elid":"777","CN":"example.com","item_status":"2","service_status":"5"}`}, "certificate.file": {"PEM"},
	}
	read := func(ctx context.Context, p *Provider) error { return second(p.Order(ctx, order777)) }
	return []operationCase{
		{name: "whoami", function: "whoami", do: check, want: []url.Values{{}}},
		{name: "countries", function: "certificate.order.csr", do: check, want: []url.Values{one("period", "12", "pricelist", "3541")}},
		{
			name: "price list", function: "pricelist.export",
			do:   func(ctx context.Context, p *Provider) error { return second(p.Price(ctx, testRequest("example.com"))) },
			want: []url.Values{one("itemtype", "certificate", "onlyavailable", "yes", "project", "1")},
		},
		{name: "validation data", function: "certificate.edit", do: read, want: []url.Values{one("elid", "777")}},
		{name: "validation file", function: "certificate.file", replies: withFile, do: read, want: []url.Values{one("elid", "777", "type", "auth_file")}},
		{name: "download", function: "certificate.file", replies: issued, do: read, want: []url.Values{one("elid", "777", "type", "crt")}},
		{
			name: "list of a name", function: "certificate", want: []url.Values{one("filter", "on", "CN", "example.com", "p_cnt", "1000")},
			do: func(ctx context.Context, p *Provider) error {
				return second(p.Snapshot(ctx, testRequest("example.com")))
			},
		},
		{
			name: "list", function: "certificate", want: []url.Values{one("p_cnt", "1000")},
			do: func(ctx context.Context, p *Provider) error { return second(p.Orders(ctx)) },
		},
		{
			name: "dns_verify for each name once", function: "certificate.dns_verify",
			do: func(ctx context.Context, p *Provider) error { return p.Validate(ctx, order777, challenges) },
			want: []url.Values{
				one("sok", "ok", "elid", "777", "domains", "example.com"), one("sok", "ok", "elid", "777", "domains", "*.example.com"),
			},
		},
		{
			name: "domain_validation_email", function: "certificate.domain_validation_email",
			replies: map[string][]string{"certificate.edit": {`{"CN":"example.com","altname":"example1.com","approver_email_2":"webmaster@example1.com"}`}},
			do:      func(ctx context.Context, p *Provider) error { return p.ResendEmail(ctx, order777, "example.com") },
			want:    []url.Values{one("sok", "ok", "elid", "777", "approver_email_1", "admin@example.com", "approver_email_2", "webmaster@example1.com")},
		},
		{
			name: "delete", function: "certificate.delete", want: []url.Values{one("sok", "ok", "elid", "777")},
			do: func(ctx context.Context, p *Provider) error {
				return p.Cancel(ctx, testIntent(providers.Cancel), order777)
			},
		},
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	for _, group := range [][]operationCase{orderCases(), otherCases()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				v := newVendor(t, c.replies)
				require.NoError(t, c.do(t.Context(), v.provider(c.config)))
				var want []string
				for _, form := range c.want {
					want = append(want, form.Encode())
				}
				assert.Equal(t, want, v.sent(c.function))
			})
		}
	}
}

// TestKeysStayHere: the reseller must never make the private key.
func TestKeysStayHere(t *testing.T) {
	t.Parallel()
	v := newVendor(t, nil)
	p := v.provider(nil)
	for _, c := range orderCases() {
		if c.config == nil {
			require.NoError(t, c.do(t.Context(), p), c.name)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, form := range v.requests {
		assert.NotEqual(t, "generate", form.Get("crt_type"))
		assert.NotContains(t, form, "key")
	}
}

func TestPrice(t *testing.T) {
	t.Parallel()
	v := newVendor(t, nil)
	price, err := v.provider(several).Price(t.Context(), testRequest("example.com", "a.org", "b.org"))
	require.NoError(t, err)
	assert.Equal(t, "19.00", price.String(), "the add-on twice")
	two := testRequest("example.com")
	two.TermMonths = 24
	_, err = v.provider(nil).Price(t.Context(), two)
	assert.Equal(t, providers.Invalid, providers.KindOf(err))
	_, err = v.provider(func(c *Config) { c.Product.ID = "1" }).Price(t.Context(), testRequest("example.com"))
	assert.Equal(t, providers.Invalid, providers.KindOf(err))
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"": LiveEndpoint, "https://api-eu.ispmanager.com": LiveEndpoint, "https://api-eu.ispmanager.com/billmgr/": LiveEndpoint,
		"https://my.example.com/manager": "https://my.example.com/manager/billmgr",
	} {
		p, err := New(testConfig(given))
		require.NoError(t, err)
		assert.Equal(t, providers.Account{Reseller: "ispmanager", Endpoint: want, Name: "shop@example.com"}, p.Account())
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*Config){
		"spec.reseller.ispmanager.endpoint":        func(c *Config) { c.Endpoint = "https://h/billmgr?x=y" },
		"email in the Secret":                      func(c *Config) { c.Email = "a:b" },
		"password in the Secret":                   func(c *Config) { c.Password = "" },
		"spec.reseller.ispmanager.product.id":      func(c *Config) { c.Product.ID = " " },
		"spec.reseller.ispmanager.product.methods": func(c *Config) { c.Product.Methods = []providers.Method{"Post"} },
		"spec.reseller.ispmanager.addonID":         func(c *Config) { c.Product.MaxNames = 2 },
		"it must be digits only":                   func(c *Config) { c.AddonID = "55x" },
		"spec.reseller.ispmanager.addonPrice":      func(c *Config) { c.AddonID = "55" },
		"spec.contacts.admin.title":                func(c *Config) { c.Contacts.Admin.Title = "" },
		"spec.contacts.technical.phone":            func(c *Config) { t := c.Contacts.Admin; t.Phone = ""; c.Contacts.Technical = &t },
		"no HTTP client":                           func(c *Config) { c.HTTPClient = nil },
	} {
		config := testConfig(LiveEndpoint)
		change(&config)
		_, err := New(config)
		require.Equal(t, providers.Invalid, providers.KindOf(err), field)
		assert.ErrorContains(t, err, field)
		assert.NotContains(t, err.Error(), testPassword)
	}
}

// The API page takes mailboxes at the very domain that is ordered only.
func TestApprover(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, wished, want string }{
		{"example.com", "admin@example.com", "admin@example.com"},
		{"shop.example.com", "admin@example.com", "admin@shop.example.com"},
		{"*.shop.example.com", "webmaster@example.com", "webmaster@shop.example.com"},
		{"example.com", "ada@example.com", "admin@example.com"},
	} {
		assert.Equal(t, tc.want, approver(tc.name, tc.wished))
	}
}
