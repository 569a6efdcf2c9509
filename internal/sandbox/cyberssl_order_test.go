package sandbox_test

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// buy places an order and returns its number and reply.
func (w *wire) buy(csr string, more params) (string, map[string]any) {
	w.t.Helper()
	answer := w.must(post, "add_ssl_order", orderParams(csr, more))
	return strconv.Itoa(int(answer["order_id"].(float64))), answer
}

func TestCyberSSLOrderFromPurchaseToCertificate(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	w := newWire(t, sandbox.Config{Validator: zone}, sandbox.CyberSSLOptions{})
	csr := newCSR(t, "example.com")
	id, answer := w.buy(csr, params{"tech_title": "ref-1"})
	options := answer["dv_options"].(map[string]any)
	assert.Equal(t, []string{"dns", "http", "https"}, keys(options))
	record := options["dns"].(map[string]any)["example.com"].(map[string]any)["record"].(string)
	assert.Regexp(t, `^_[0-9A-F]{32}\.example\.com\. CNAME [0-9a-f]{32}\.[0-9a-f]{32}\.s[0-9a-f]{15}\.sectigo\.com\.$`, record)
	file := options["http"].(map[string]any)["example.com"].(map[string]any)
	assert.Equal(t, "http://example.com/.well-known/pki-validation/"+file["filename"].(string), file["link"])
	assert.Regexp(t, `^[0-9a-f]{64}\nsectigo\.com\ns[0-9a-f]{15}$`, file["content"])

	status := w.must(get, "order_status", params{"order_id": id})
	assert.Equal(t, "Awaiting Validation", status["status"])
	assert.Equal(t, csr, status["csr"])
	assert.Empty(t, status["certificate"])
	assert.Empty(t, status["valid_from"])
	assert.Equal(t, "ref-1", status["contacts"].(map[string]any)["tech_title"])
	assert.Equal(t, "Ada", status["contacts"].(map[string]any)["tech_firstname"], "the technical contact is the administrative one")

	o, err := w.engine.Order("", id)
	require.NoError(t, err)
	zone.publishOrder(o)
	w.must(get, "revalidate", params{"order_id": id, "domain_name": "example.com"})
	w.engine.Tick(t.Context())
	status = w.must(get, "order_status", params{"order_id": id})
	assert.Equal(t, "Activated", status["status"])
	assert.Equal(t, "2026-12-01", status["valid_from"])
	assert.Equal(t, "2027-06-18", status["valid_till"])
	assert.Equal(t, "5.00", status["amount"])
	assert.Equal(t, "1", status["period"])
	assert.Equal(t, "dns", status["dv_method"])
	assert.Equal(t, "example.com", status["domains_included"])
	leaf := parse(t, status["certificate"].(string))
	require.Len(t, leaf, 1)
	assert.Equal(t, []string{"example.com", "www.example.com"}, leaf[0].DNSNames)
	chain := parse(t, status["certificate_chain"].(string))
	require.Len(t, chain, 1)
	require.NoError(t, leaf[0].CheckSignatureFrom(chain[0]))
	w.fails(124, get, "revalidate", params{"order_id": id, "domain_name": "other.example.com"})
	w.fails(102, get, "revalidate", params{"order_id": id, "domain": "example.com"})
}

func TestCyberSSLStatusVariants(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{WrapStatus: true, TermDates: true, ListID: "id"})
	id, _ := w.buy(newCSR(t, "example.com"), nil)
	status := w.must(get, "order_status", params{"order_id": id})["order"].(map[string]any)
	assert.Equal(t, "2027-12-01", status["valid_till"], "the end of the paid term")
	row := w.must(get, "my_orders", nil)["ssl_orders"].([]any)[0].(map[string]any)
	assert.Equal(t, id, row["id"])
	assert.NotContains(t, row, "order_id")
}

func TestCyberSSLMyOrders(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	assert.Equal(t, []any{}, w.must(get, "my_orders", nil)["ssl_orders"], "an empty PHP array")
	first, _ := w.buy(newCSR(t, "a.example.com"), nil)
	second, _ := w.buy(newCSR(t, "b.example.com"), nil)
	rows := w.must(get, "my_orders", nil)["ssl_orders"].([]any)
	require.Len(t, rows, 2)
	for i, want := range []struct{ id, name string }{{first, "a.example.com"}, {second, "b.example.com"}} {
		row := rows[i].(map[string]any)
		assert.Equal(t, want.id, row["order_id"])
		assert.Equal(t, want.name, row["primary_domain"])
		assert.Equal(t, "Activated", row["status"])
	}
}

func TestCyberSSLReissueAndRenew(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	id, _ := w.buy(newCSR(t, "example.com"), nil)
	first := w.must(get, "order_status", params{"order_id": id})["certificate"]
	answer := w.must(post, "reissue_ssl_order", params{"order_id": id, "dv_method": "dns", "csr": newCSR(t, "example.com")})
	assert.Equal(t, id, answer["order_id"])
	assert.Contains(t, answer, "dv_options")
	assert.NotEqual(t, first, w.must(get, "order_status", params{"order_id": id})["certificate"])
	w.fails(102, post, "reissue_ssl_order", params{"order_id": id, "dv_method": "dns"})
	w.fails(124, post, "reissue_ssl_order", params{"order_id": "1", "dv_method": "dns", "csr": newCSR(t, "example.com")})

	require.NoError(t, w.engine.Inject(sandbox.Fault{Kind: sandbox.FaultNewOrderID}))
	answer = w.must(post, "reissue_ssl_order", params{"order_id": id, "dv_method": "dns", "csr": newCSR(t, "example.com")})
	assert.NotEqual(t, id, answer["order_id"])
	assert.Equal(t, "Duplicate Certificate", w.must(get, "order_status", params{"order_id": id})["status"])

	renewed, _ := w.buy(newCSR(t, "example.com"), params{"order_type": "renew", "period": "2"})
	assert.NotEqual(t, id, renewed)
	var kinds []sandbox.EntryKind
	for _, entry := range w.engine.Ledger() {
		kinds = append(kinds, entry.Kind)
	}
	assert.Equal(t, []sandbox.EntryKind{
		sandbox.EntryPurchase, sandbox.EntryReissue, sandbox.EntryReissue, sandbox.EntryRenewal,
	}, kinds)
	assert.Equal(t, "9985.00", w.must(get, "get_balance", nil)["balance"])
}

func TestCyberSSLExtraDomains(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{get, post} {
		w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
		id, _ := w.buy(newCSR(t, "example.com"), params{"product_id": "19", "addon_domains": "a.example.com,b.example.com"})
		answer := w.must(verb, "order_extra_domains", params{"order_id": id, "extra_domains_nr": "2"})
		assert.Equal(t, "8.00", answer["amount"])
		assert.Equal(t, id, answer["order_id"])
		assert.Len(t, w.engine.Ledger(sandbox.EntryExtraNames), 1)
		w.must(post, "reissue_ssl_order", params{
			"order_id": id, "dv_method": "dns", "csr": newCSR(t, "example.com"),
			"addon_domains": "a.example.com,b.example.com,c.example.com,d.example.com",
		})
		w.fails(102, verb, "order_extra_domains", params{"order_id": id, "extra_domains_nr": "0"})
	}
}

func TestCyberSSLEmailValidation(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{Validator: neverValid}, sandbox.CyberSSLOptions{})
	id, answer := w.buy(newCSR(t, "example.com"), params{"dv_method": "email:admin@example.com"})
	assert.NotContains(t, answer, "dv_options", "only for http, https and dns")
	options := w.must(get, "get_dv_options", params{"order_id": id, "dv_method": "email"})["dv_options"].(map[string]any)
	assert.Contains(t, options["email"].(map[string]any)["example.com"], "postmaster@example.com")
	w.must(get, "resend_dv_email", params{"order_id": id})
	_, err := w.engine.Approve(id)
	require.NoError(t, err)
	assert.Equal(t, "Activated", w.must(get, "order_status", params{"order_id": id})["status"])
	w.fails(125, get, "resend_dv_email", params{"order_id": id})
}

func TestCyberSSLChangeMethod(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{Validator: neverValid}, sandbox.CyberSSLOptions{})
	id, _ := w.buy(newCSR(t, "example.com"), params{"product_id": "19", "addon_domains": "a.example.com"})
	answer := w.must(post, "change_dv_method", params{"order_id": id, "dv_method": "http"})
	assert.Contains(t, answer["dv_options"].(map[string]any)["http"], "a.example.com")
	w.must(post, "change_dv_method", params{"order_id": id, "dv_method": "email", "domain": "a.example.com", "email": "admin@a.example.com"})
	o, err := w.engine.Order("", id)
	require.NoError(t, err)
	assert.Equal(t, sandbox.MethodHTTP, o.Current().Domains[0].Method)
	assert.Equal(t, "admin@a.example.com", o.Current().Domains[1].Email)
	w.fails(102, post, "change_dv_method", params{"order_id": id, "dv_method": "email"})
	w.fails(123, post, "change_dv_method", params{"order_id": id, "dv_method": "fax"})
	w.fails(124, post, "change_dv_method", params{"order_id": id, "dv_method": "dns", "domain": "b.example.com"})
}

func TestCyberSSLWildcardOptions(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{Validator: neverValid}, sandbox.CyberSSLOptions{})
	id, _ := w.buy(newCSR(t, "*.example.com"), params{"product_id": "18"})
	options := w.must(get, "get_dv_options", params{"order_id": id, "dv_method": "all"})["dv_options"].(map[string]any)
	assert.Equal(t, []any{}, options["http"], "an empty PHP array")
	assert.Contains(t, options["dns"].(map[string]any)["*.example.com"].(map[string]any)["record"], ".example.com. CNAME ")
	w.fails(123, get, "get_dv_options", params{"order_id": id, "dv_method": "published"})
}

func TestCyberSSLActivation(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	require.NoError(t, w.engine.Inject(sandbox.Fault{Kind: sandbox.FaultUnconfigured}))
	id, answer := w.buy(newCSR(t, "example.com"), nil)
	assert.NotContains(t, answer, "dv_options")
	assert.Equal(t, "Awaiting Activation", w.must(get, "order_status", params{"order_id": id})["status"])
	w.fails(125, get, "get_dv_options", params{"order_id": id, "dv_method": "all"})
	w.must(post, "activate_ssl_order", params{"order_id": id, "dv_method": "dns", "csr": newCSR(t, "example.com")})
	assert.Equal(t, "Activated", w.must(get, "order_status", params{"order_id": id})["status"])
}

func TestCyberSSLFundsAndOrganization(t *testing.T) {
	t.Parallel()
	w := newWire(t, sandbox.Config{}, sandbox.CyberSSLOptions{})
	require.NoError(t, w.engine.SetBalance(sandbox.DefaultAccount, 499))
	w.fails(126, post, "add_ssl_order", orderParams(newCSR(t, "example.com"), nil))
	require.NoError(t, w.engine.SetBalance(sandbox.DefaultAccount, 3000))
	w.buy(newCSR(t, "example.com"), params{
		"product_id": "21", "org_name": "Example", "org_division": "IT", "org_addressline": "1 Road", "org_city": "Town",
		"org_country": "DE", "org_phone": "+49.1", "org_postalcode": "1", "org_region": "X",
	})
	assert.Equal(t, "0.00", w.must(get, "get_balance", nil)["balance"])
}
