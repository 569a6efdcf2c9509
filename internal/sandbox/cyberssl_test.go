package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

const (
	get  = http.MethodGet
	post = http.MethodPost
)

func TestCyberSSLSessions(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{TokenTTL: time.Minute}, sandbox.CyberSSLOptions{})
	w.must(get, "get_balance", nil)
	w.fails(110, get, "auth", params{"apikey": "wrong", "token": ""})
	w.fails(102, get, "auth", params{"token": ""})
	w.fails(102, get, "get_balance", params{"token": ""})
	w.fails(111, get, "get_balance", params{"token": "made-up"})
	w.clock.Advance(time.Minute)
	w.fails(111, get, "get_balance", nil)
	w.token = ""
	w.login()
	w.must(get, "get_balance", nil)
	w.engine.ExpireTokens()
	w.fails(111, get, "my_orders", nil)
}

func TestCyberSSLPaths(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	root := w.base[:len(w.base)-len("v1/")]
	for _, prefix := range []string{"v1/", "sandbox/v1/", "cyberssl/v1/", "cyberssl/sandbox/v1/"} {
		w.base = root + prefix
		w.must(get, "get_balance", nil)
	}
	w.fails(100, get, "get_money", nil)
	w.base = root + "v2/"
	w.fails(100, get, "get_balance", nil)
}

func TestCyberSSLCatalogue(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	product := w.must(get, "get_ssl_product_details", params{"product_id": "17"})["product"]
	assert.Equal(t, map[string]any{
		"product_id": "17", "name": "Sectigo PositiveSSL", "type": "SSL", "brand": "sectigo",
		"price_for_1year": "5.00", "price_for_2year": "10.00", "price_for_3year": "20.00",
		"validation_type": "dv", "is_trial": "", "is_multi_domain": "", "is_wildcard": "", "warranty": "10000",
		"www_included": 1.0, "multidomains_maximum": "1", "multidomains_included": "0",
		"unlimited_server": 1.0, "organization_required": "",
	}, product)
	w.fails(122, get, "get_ssl_product_details", params{"product_id": "1"})
	list := w.must(get, "list_products", nil)["ssl_products"]
	assert.Len(t, list, len(sandbox.DefaultProducts()))
	assert.Contains(t, list, product)
	w.token = ""
	assert.Equal(t, list, w.must(get, "ssl_certificates", nil)["ssl_products"], "the public list needs no token")
}

func TestCyberSSLPriceAndBalance(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	assert.Equal(t, "10000.00", w.must(get, "get_balance", nil)["balance"])
	for _, test := range []struct{ product, period, domains, amount string }{
		{"17", "1", "", "5.00"}, {"17", "3", "1", "20.00"}, {"19", "1", "3", "15.00"}, {"19", "1", "5", "23.00"}, {"19", "2", "5", "44.00"},
	} {
		p := params{"product_id": test.product, "period": test.period, "nr_domains": test.domains}
		assert.Equal(t, test.amount, w.must(get, "get_ssl_product_price", p)["amount"])
	}
	w.fails(102, get, "get_ssl_product_price", params{"product_id": "17", "period": "4"})
	w.fails(102, get, "get_ssl_product_price", params{"product_id": "17", "period": "one"})
	w.fails(121, get, "get_ssl_product_price", params{"product_id": "17", "period": "1", "nr_domains": "2"})
	w.fails(122, get, "get_ssl_product_price", params{"product_id": "x", "period": "1"})
	assert.Len(t, w.must(get, "get_ssl_web_soft", nil)["webservers"], 4)
}

func TestCyberSSLChecksRequests(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	csr := newCSR(t, "example.com")
	verbs := map[string]string{
		"auth": post, "list_products": post, "get_balance": post, "order_status": post, "my_orders": post, "revalidate": post,
		"get_dv_options": post, "validate_csr": get, "get_dv_options_csr": get, "add_ssl_order": get, "reissue_ssl_order": get,
		"change_dv_method": get, "activate_ssl_order": get, "resend_dv_email": post,
	}
	for method, wrong := range verbs {
		w.fails(101, wrong, method, orderParams(csr, nil))
	}
	w.fails(101, http.MethodPut, "add_ssl_order", orderParams(csr, nil))
	for _, missing := range []string{"product_id", "order_type", "period", "dv_method", "csr", "admin_phone"} {
		w.fails(102, post, "add_ssl_order", orderParams(csr, params{missing: ""}))
	}
	w.fails(102, post, "add_ssl_order", orderParams(csr, params{"addon_domain": "b.example.com"}))
	w.fails(102, post, "add_ssl_order", orderParams(csr, params{"csr": "", "csr_domain": "example.com"}))
	w.fails(102, post, "add_ssl_order", orderParams(csr, params{"order_type": "buy"}))
	w.fails(102, post, "add_ssl_order", orderParams(csr, params{"period": "0"}))
	w.fails(122, post, "add_ssl_order", orderParams(csr, params{"product_id": "1"}))
	w.fails(120, post, "add_ssl_order", orderParams("nonsense", nil))
	w.fails(123, post, "add_ssl_order", orderParams(csr, params{"dv_method": "email"}))
	w.fails(123, post, "add_ssl_order", orderParams(csr, params{"dv_method": "dns:x"}))
	w.fails(123, post, "add_ssl_order", orderParams(csr, params{"dv_method": "email:me@example.com"}))
	w.fails(102, post, "add_ssl_order", orderParams(csr, params{"product_id": "21"}))
	w.fails(124, get, "order_status", params{"order_id": "1"})
	assert.Empty(t, w.engine.Ledger())
}

func TestCyberSSLContentType(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	w.client.Transport = contentType("application/json")
	w.fails(101, post, "validate_csr", params{"csr": newCSR(t, "example.com")})
	w.client.Transport = contentType("application/x-www-form-urlencoded; charset=utf-8")
	w.must(post, "validate_csr", params{"csr": newCSR(t, "example.com")})
}

type contentType string

func (c contentType) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Content-Type", string(c))
	return http.DefaultTransport.RoundTrip(r)
}

func TestCyberSSLValidateCSR(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	csr := newCSR(t, "example.com", "www.example.com")
	assert.Equal(t, map[string]any{
		"common_name": "example.com", "organization": "", "department": "", "city": "", "state": "", "country": "", "email": "",
		"san": "www.example.com", "type": "ECDSA", "keysize": "256", "total_domains": 2.0,
	}, w.must(post, "validate_csr", params{"csr": csr, "product_id": "19", "addon_domains": "a.example.com, "})["csr"])
	w.must(post, "validate_csr", params{"csr": csr})
	w.fails(121, post, "validate_csr", params{"csr": csr, "product_id": "17", "addon_domains": "a.example.com"})
	w.fails(120, post, "validate_csr", params{"csr": "x"})
}

func TestCyberSSLChallengesBeforePaying(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{Validator: neverValid}, sandbox.CyberSSLOptions{})
	csr := newCSR(t, "example.com")
	prepared := w.must(post, "get_dv_options_csr", params{"csr": csr, "product_id": "17", "dv_method": "dns"})["dv_options"].(map[string]any)
	assert.Equal(t, []string{"dns"}, keys(prepared))
	assert.Empty(t, w.engine.Ledger())
	placed := w.must(post, "add_ssl_order", orderParams(csr, nil))["dv_options"].(map[string]any)
	assert.Equal(t, prepared["dns"], placed["dns"], "what was prepared holds for the order")
	w.fails(123, post, "get_dv_options_csr", params{"csr": csr, "product_id": "17", "dv_method": "published"})
	w.fails(122, post, "get_dv_options_csr", params{"csr": csr, "product_id": "1", "dv_method": "dns"})
}
