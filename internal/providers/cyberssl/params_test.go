package cyberssl

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	form   = " application/x-www-form-urlencoded "
	token  = "token=t0ken-of-the-session"
	people = "admin_email=admin%40john.com&admin_firstname=John&admin_lastname=Smith&admin_phone=0042321313&admin_title=IT+manager"
	// encodedCSR is the CSR of testRequest: nothing of it may be lost on the way.
	encodedCSR = "csr=CSR%2B%2F%3D%0A"
)

// answers let every operation succeed.
func answers() map[string][]string {
	placed := []string{`{"success":true,"order_id":9999}`}
	options := []string{`{"success":true,"dv_options":{"dns":{"test.com":{"record":"_a.test.com. CNAME b.sectigo.com."}},
		"http":{"test.com":{"filename":"A.txt","content":"b","link":"http://test.com/A.txt"}}}}`}
	done := []string{`{"success":true}`}
	return map[string][]string{
		"add_ssl_order": placed, "reissue_ssl_order": placed, "activate_ssl_order": placed, "order_extra_domains": placed,
		"get_dv_options": options, "get_dv_options_csr": options, "change_dv_method": options,
		"revalidate": done, "resend_dv_email": done, "validate_csr": done,
		"order_status":            {`{"success":true,"status":"Awaiting Activation","order_id":"9999"}`},
		"my_orders":               {`{"success":true,"ssl_orders":[]}`},
		"list_products":           {`{"success":true,"ssl_products":[]}`},
		"ssl_certificates":        {`{"success":true,"ssl_products":[]}`},
		"get_ssl_product_details": {`{"success":true,"product":{"product_id":17,"www_included":1}}`},
		"get_ssl_product_price":   {`{"success":true,"amount":"5"}`},
		"get_ssl_web_soft":        {`{"success":true,"webservers":[{"software_id":"2"}]}`},
	}
}

type operationCase struct {
	name   string
	config func(*Config)
	do     func(context.Context, *Provider) error
	path   string
	want   []string
}

// second drops a result.
func second[T any](_ T, err error) error { return err }

var order9999 = providers.IDs{orderID: "9999"}

func readCases() []operationCase {
	withSoftware := func(c *Config) { c.SoftwareID = 2 }
	check := func(ctx context.Context, p *Provider) error { return second(p.Check(ctx)) }
	catalogue := func(ctx context.Context, p *Provider) error { return second(p.Products(ctx)) }
	challenges := []providers.Challenge{
		{Domain: "test.com", Method: providers.MethodCNAME},
		{Domain: "test.com", Method: providers.MethodFile},
		{Domain: "done.com", Method: providers.MethodCNAME, Done: true},
		{Domain: "mail.com", Method: providers.MethodEmail},
		{Domain: "*.test.com", Method: providers.MethodCNAME},
	}
	return []operationCase{
		{name: "auth", do: check, path: "auth", want: []string{"GET /v1/auth?apikey=k3y-of-the-account"}},
		{name: "get_balance", do: check, path: "get_balance", want: []string{"GET /v1/get_balance?" + token}},
		{
			name: "get_ssl_product_details", do: check, path: "get_ssl_product_details",
			want: []string{"GET /v1/get_ssl_product_details?product_id=17&" + token},
		},
		{name: "get_ssl_web_soft", config: withSoftware, do: check, path: "get_ssl_web_soft", want: []string{"GET /v1/get_ssl_web_soft?" + token}},
		{name: "get_ssl_web_soft without a software id", do: check, path: "get_ssl_web_soft"},
		{name: "list_products", do: catalogue, path: "list_products", want: []string{"GET /v1/list_products?" + token}},
		{name: "ssl_certificates without a token", do: catalogue, path: "ssl_certificates", want: []string{"GET /v1/ssl_certificates"}},
		{
			name: "get_ssl_product_price", path: "get_ssl_product_price",
			do:   func(ctx context.Context, p *Provider) error { return second(p.Price(ctx, testRequest("test.com"))) },
			want: []string{"GET /v1/get_ssl_product_price?period=1&product_id=17&" + token},
		},
		{
			name: "get_ssl_product_price for several names", path: "get_ssl_product_price",
			do: func(ctx context.Context, p *Provider) error {
				request := testRequest("test.com", "www.test.com", "other.com")
				request.TermMonths = 24
				return second(p.Price(ctx, request))
			},
			want: []string{"GET /v1/get_ssl_product_price?nr_domains=2&period=2&product_id=17&" + token},
		},
		{
			name: "my_orders", path: "my_orders",
			do:   func(ctx context.Context, p *Provider) error { return second(p.Orders(ctx)) },
			want: []string{"GET /v1/my_orders?" + token},
		},
		{
			name: "order_status", path: "order_status",
			do:   func(ctx context.Context, p *Provider) error { return second(p.Order(ctx, order9999)) },
			want: []string{"GET /v1/order_status?order_id=9999&" + token},
		},
		{
			name: "revalidate for each domain once", path: "revalidate",
			do: func(ctx context.Context, p *Provider) error { return p.Validate(ctx, order9999, challenges) },
			want: []string{
				"GET /v1/revalidate?domain_name=test.com&order_id=9999&" + token,
				"GET /v1/revalidate?domain_name=%2A.test.com&order_id=9999&" + token,
			},
		},
		{
			name: "resend_dv_email", path: "resend_dv_email",
			do:   func(ctx context.Context, p *Provider) error { return p.ResendEmail(ctx, order9999, "test.com") },
			want: []string{"GET /v1/resend_dv_email?order_id=9999&" + token},
		},
	}
}

func formCases() []operationCase {
	return []operationCase{
		{
			name: "validate_csr", path: "validate_csr",
			do:   func(ctx context.Context, p *Provider) error { return p.CheckCSR(ctx, testRequest("test.com")) },
			want: []string{"POST /v1/validate_csr" + form + encodedCSR + "&product_id=17&" + token},
		},
		{
			name: "get_dv_options_csr", path: "get_dv_options_csr",
			do: func(ctx context.Context, p *Provider) error {
				_, _, err := p.Prepare(ctx, testRequest("test.com"))
				return err
			},
			want: []string{"POST /v1/get_dv_options_csr" + form + encodedCSR + "&dv_method=dns&product_id=17&" + token},
		},
		{
			name: "change_dv_method", path: "change_dv_method",
			do: func(ctx context.Context, p *Provider) error {
				return second(p.ChangeMethod(ctx, order9999, "test.com", providers.MethodFile, ""))
			},
			want: []string{"POST /v1/change_dv_method" + form + "domain=test.com&dv_method=http&order_id=9999&" + token},
		},
		{
			name: "change_dv_method to e-mail", path: "change_dv_method",
			do: func(ctx context.Context, p *Provider) error {
				return second(p.ChangeMethod(ctx, order9999, "test.com", providers.MethodEmail, "admin@test.com"))
			},
			want: []string{"POST /v1/change_dv_method" + form + "domain=test.com&dv_method=email&email=admin%40test.com&order_id=9999&" + token},
		},
		{
			name: "order_extra_domains as POST", path: "order_extra_domains",
			do: func(ctx context.Context, p *Provider) error {
				return second(p.AddNames(ctx, testIntent(providers.AddNames), order9999, 2))
			},
			want: []string{"POST /v1/order_extra_domains" + form + "extra_domains_nr=2&order_id=9999&" + token},
		},
		{
			name: "reissue_ssl_order", path: "reissue_ssl_order",
			do: func(ctx context.Context, p *Provider) error {
				return second(p.Reissue(ctx, testIntent(providers.Reissue), order9999, testRequest("test.com")))
			},
			want: []string{"POST /v1/reissue_ssl_order" + form + encodedCSR + "&dv_method=dns&order_id=9999&" + token},
		},
		{
			name: "activate_ssl_order", path: "activate_ssl_order", config: func(c *Config) { c.SoftwareID = 2 },
			do: func(ctx context.Context, p *Provider) error {
				return second(p.Enrol(ctx, testIntent(providers.Enrol), order9999, testRequest("test.com")))
			},
			want: []string{"POST /v1/activate_ssl_order" + form + encodedCSR + "&dv_method=dns&order_id=9999&software_id=2&" + token},
		},
	}
}

func orderCases() []operationCase {
	buy := func(request providers.Request) func(context.Context, *Provider) error {
		return func(ctx context.Context, p *Provider) error {
			return second(p.Buy(ctx, testIntent(providers.Purchase), request))
		}
	}
	email := testRequest("test.com", "a.org", "www.test.com", "b.org")
	email.Method = providers.MethodEmail
	email.Emails = map[string]string{"test.com": "admin@test.com", "a.org": "webmaster@a.org", "b.org": "admin@b.org"}
	several := func(c *Config) { c.Product.MaxNames = 5 }
	organization := func(c *Config) {
		c.Contacts.Technical = &Contact{FirstName: "Eve", LastName: "Op", Phone: "1", Title: "SRE", Email: "e@j.com"}
		c.Contacts.Organization = &Organization{
			Name: "J & S", Division: "IT", Address: "Road 1", PostalCode: "4", City: "B", Region: "R", Country: "DE", Phone: "2",
		}
		c.SoftwareID = 2
	}
	const start = "POST /v1/add_ssl_order" + form
	return []operationCase{
		{
			name: "new", path: "add_ssl_order", do: buy(testRequest("test.com")),
			want: []string{start + people + "&" + encodedCSR + "&dv_method=dns&order_type=new&period=1&product_id=17&" + token},
		},
		{
			name: "new by e-mail, one address a name, without the included www", path: "add_ssl_order", config: several, do: buy(email),
			want: []string{start + "addon_domains=a.org%2Cb.org&" + people + "&" + encodedCSR +
				"&dv_method=email%3Aadmin%40test.com%2Cwebmaster%40a.org%2Cadmin%40b.org&order_type=new&period=1&product_id=17&" + token},
		},
		{
			name: "new with all contacts", path: "add_ssl_order", config: organization, do: buy(testRequest("test.com")),
			want: []string{start + people + "&" + encodedCSR + "&dv_method=dns&order_type=new" +
				"&org_addressline=Road+1&org_city=B&org_country=DE&org_division=IT&org_name=J+%26+S&org_phone=2&org_postalcode=4&org_region=R" +
				"&period=1&product_id=17&software_id=2" +
				"&tech_email=e%40j.com&tech_firstname=Eve&tech_lastname=Op&tech_phone=1&tech_title=SRE&" + token},
		},
		{
			name: "renew", path: "add_ssl_order",
			do: func(ctx context.Context, p *Provider) error {
				return second(p.Renew(ctx, testIntent(providers.Renew), order9999, testRequest("test.com")))
			},
			want: []string{start + people + "&" + encodedCSR + "&dv_method=dns&order_type=renew&period=1&product_id=17&" + token},
		},
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	for _, group := range [][]operationCase{readCases(), formCases(), orderCases()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				v := newVendor(t, answers())
				require.NoError(t, c.do(t.Context(), v.provider(c.config)))
				assert.Equal(t, c.want, v.sent(c.path))
			})
		}
	}
}

func TestCSRSurvivesTheForm(t *testing.T) {
	t.Parallel()
	v := newVendor(t, answers())
	_, err := v.provider(nil).Buy(t.Context(), testIntent(providers.Purchase), testRequest("test.com"))
	require.NoError(t, err)
	sent := v.sent("add_ssl_order")[0]
	form := values(t, sent[strings.LastIndex(sent, " ")+1:])
	assert.Equal(t, "CSR+/=\n", form.Get("csr"))
	for name := range form {
		assert.False(t, strings.HasPrefix(name, "csr_"), "%s: the reseller must not make the key", name)
	}
}

// TestOptionsAskedFor: get_dv_options asks for the method of the order, or for all.
func TestOptionsAskedFor(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]string{
		"dns": "dns", "HTTP": "http", "email:admin@test.com": "email", "": "all", "unheard-of": "all",
	} {
		replies := answers()
		replies["order_status"] = []string{`{"success":true,"status":"Awaiting Validation","dv_method":"` + method + `"}`}
		replies["get_dv_options"] = []string{`{"success":true,"dv_options":[]}`}
		v := newVendor(t, replies)
		_, err := v.provider(nil).Order(t.Context(), order9999)
		require.NoError(t, err)
		query := url.Values{"order_id": {"9999"}, "dv_method": {want}, "token": {testToken}}
		assert.Equal(t, []string{"GET /v1/get_dv_options?" + query.Encode()}, v.sent("get_dv_options"), method)
	}
}
