package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// ispWire is a client of the simulated BILLmanager.
type ispWire struct {
	t      *testing.T
	engine *sandbox.Engine
	base   string
	login  string
}

func newISPWire(t *testing.T, cfg sandbox.Config, options sandbox.ISPmanagerOptions) *ispWire {
	t.Helper()
	engine, _ := newEngine(t, cfg)
	server := httptest.NewServer(sandbox.NewServer(engine, nil, sandbox.NewISPmanager(engine, options)))
	t.Cleanup(server.Close)
	return &ispWire{
		t: t, engine: engine, base: server.URL + "/ispmanager/billmgr",
		login: sandbox.DefaultAccount + ":" + sandbox.DefaultAPIKey,
	}
}

// raw is the body of an answer, whose status is always 200.
func (w *ispWire) raw(verb, function string, p params) string {
	w.t.Helper()
	values := url.Values{"func": {function}, "authinfo": {w.login}, "out": {"bjson"}}
	for name, value := range p {
		values.Set(name, value)
	}
	target, body := w.base, io.Reader(http.NoBody)
	if verb == get {
		target += "?" + values.Encode()
	} else {
		body = strings.NewReader(values.Encode())
	}
	r, err := http.NewRequestWithContext(w.t.Context(), verb, target, body)
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, response.Body.Close())
	assert.Equal(w.t, http.StatusOK, response.StatusCode)
	return string(text)
}

func (w *ispWire) call(function string, p params) map[string]any {
	w.t.Helper()
	answer := map[string]any{}
	require.NoError(w.t, json.Unmarshal([]byte(w.raw(post, function, p)), &answer))
	return answer
}

func (w *ispWire) must(function string, p params) map[string]any {
	w.t.Helper()
	answer := w.call(function, p)
	require.NotContains(w.t, answer, "error")
	return answer
}

// fails wants an error of a type about a parameter.
func (w *ispWire) fails(kind, object, function string, p params) {
	w.t.Helper()
	failed, ok := w.call(function, p)["error"].(map[string]any)
	require.True(w.t, ok, function)
	assert.Equal(w.t, kind, failed["type"], failed["msg"])
	if object != "" {
		assert.Equal(w.t, object, failed["object"], failed["msg"])
	}
}

// ispOrder is the API page's order with an own CSR.
func ispOrder(csr string, more params) params {
	p := params{
		"sok": "ok", "skipbasket": "on", "crt_type": "manual", "period": "12", "pricelist": "17", "csr": csr,
		"approver_email_1": "admin@example.com",
	}
	for _, role := range []string{"adm_", "tech_"} {
		for _, field := range []string{"fname", "lname", "jtitle", "email", "phone"} {
			p[role+field] = "x"
		}
	}
	for name, value := range more {
		p[name] = value
	}
	return p
}

func TestISPmanagerLogin(t *testing.T) {
	t.Parallel()
	w := newISPWire(t, sandbox.Config{}, sandbox.ISPmanagerOptions{})
	assert.Equal(t, "10000.00 USD", w.must("whoami", nil)["user"].(map[string]any)["balance"])
	assert.Contains(t, w.raw(get, "whoami", nil), "10000.00", "GET takes the same parameters")
	for _, login := range []string{"", "sandbox", "sandbox:wrong", "other:" + sandbox.DefaultAPIKey} {
		w.fails("auth", "badpassword", "whoami", params{"authinfo": login})
	}
	w.fails("missed", "func", "no.such.function", nil)
	assert.Contains(t, w.raw(http.MethodPut, "whoami", nil), "access")
	w.base = strings.Replace(w.base, "/billmgr", "/manager/billmgr", 1)
	w.must("whoami", nil)
}

func TestISPmanagerShapes(t *testing.T) {
	t.Parallel()
	w := newISPWire(t, sandbox.Config{}, sandbox.ISPmanagerOptions{})
	id := w.must("certificate.order.param", ispOrder(newCSR(t, "example.com"), nil))["id"].(string)
	assert.Contains(t, w.raw(post, "certificate.edit", params{"elid": id, "out": "text"}), "CN=example.com\n")
	assert.Contains(t, w.raw(post, "certificate.edit", params{"elid": id, "out": "xml"}), "<CN>example.com</CN>")
	wrapped := w.must("whoami", params{"out": "json"})["doc"].(map[string]any)
	assert.Equal(t, map[string]any{"$name": "sandbox", "$balance": "9995.00 USD"}, wrapped["user"])
	assert.Contains(t, w.raw(post, "whoami", params{"out": "json", "authinfo": "x"}), `"$type":"auth"`)
	assert.Contains(t, w.raw(post, "whoami", params{"out": ""}), "<html>")
	assert.IsType(t, map[string]any{}, w.must("certificate", nil)["elem"], "a lone row is no list")
	w.must("certificate.order.param", ispOrder(newCSR(t, "example.org"), params{"approver_email_1": "admin@example.org"}))
	assert.IsType(t, []any{}, w.must("certificate", nil)["elem"])
	assert.IsType(t, map[string]any{}, w.must("certificate", params{"filter": "on", "CN": "example.org"})["elem"])
	assert.NotContains(t, w.must("certificate", params{"filter": "on", "CN": "example.net"}), "elem")
}

func TestISPmanagerChecksOrders(t *testing.T) {
	t.Parallel()
	w := newISPWire(t, sandbox.Config{}, sandbox.ISPmanagerOptions{})
	csr := newCSR(t, "example.com")
	for _, name := range []string{"crt_type", "period", "pricelist", "approver_email_1", "csr", "adm_phone", "tech_jtitle"} {
		w.fails("value", name, "certificate.order.param", ispOrder(csr, params{name: ""}))
	}
	for object, more := range map[string]params{
		"crt_type": {"crt_type": "generate"}, "period": {"period": "7"}, "pricelist": {"pricelist": "4711"}, "csr": {"csr": "x"},
		"aprover_method": {"aprover_method": "auth_cname"}, "approver_method": {"approver_method": "auth_dnstxt"},
		"altname_input": {"altname": "a.org", "altname_input": "b.org"}, "altname": {"altname": "a.org", "addon_5517": "1", "approver_email_2": "admin@a.org"},
		"approver_email_2": {"pricelist": "19", "altname": "a.org", "addon_5519": "1"},
		"addon_5519":       {"pricelist": "19", "altname": "a.org", "addon_5519": "2", "approver_email_2": "admin@a.org"},
	} {
		w.fails("value", object, "certificate.order.param", ispOrder(csr, more))
	}
	w.fails("wizard_unavailable", "pricelist", "certificate.order.param", params{"sok": ""})
	w.must("certificate.order.param", ispOrder(csr, params{"sok": ""}))
	assert.NotContains(t, w.must("certificate.order.param", ispOrder(csr, params{"skipbasket": ""})), "id", "it lies in the basket")
	w.fails("value", "pricelist", "certificate.order.csr", params{"period": "12", "pricelist": "4711"})
	w.fails("value", "crt_type", "certificate.order.csr", params{"period": "12", "pricelist": "17", "sok": "ok"})
	assert.NotEmpty(t, w.must("certificate.order.csr", params{"period": "12", "pricelist": "17"})["field_country"])
	require.NoError(t, w.engine.SetBalance(sandbox.DefaultAccount, 1))
	w.fails("sandbox_funds", "balance", "certificate.order.param", ispOrder(csr, nil))
	assert.Empty(t, w.engine.Ledger())
}

func TestISPmanagerFromOrderToCertificate(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	w := newISPWire(t, sandbox.Config{Validator: zone}, sandbox.ISPmanagerOptions{})
	csr := newCSR(t, "example.com")
	more := params{"approver_method": "auth_dnstxt", "pricelist": "23", "altname": "a.org", "altname_input": "a.org", "addon_5523": "1", "remoteid": "ri-1"}
	id := w.must("certificate.order.param", ispOrder(csr, more))["id"].(string)
	told := w.must("certificate.edit", params{"elid": id})
	assert.Equal(t, []any{strings.TrimSpace(csr), "a.org", "ri-1", "3"}, []any{told["csr"], told["altname"], told["remoteid"], told["service_status"]})
	o, err := w.engine.Order("", id)
	require.NoError(t, err)
	assert.Equal(t, "example.com.", o.Current().Domains[0].Challenge.RecordName, "GlobalSign's record stands at the name")
	assert.Equal(t, o.Current().Domains[0].Challenge.RecordValue, told["auth_dnstxt_value"])
	w.fails("missed", "file", "certificate.file", params{"elid": id, "type": "crt"})
	zone.publishOrder(o)
	w.must("certificate.dns_verify", params{"sok": "ok", "elid": id, "domains": "example.com"})
	w.fails("missed", "elid", "certificate.dns_verify", params{"sok": "ok", "elid": id, "domains": "b.org"})
	w.fails("value", "elid", "certificate.domain_validation_email", params{"sok": "ok", "elid": id, "approver_email_1": "admin@example.com"})
	w.engine.Tick(t.Context())
	assert.Equal(t, "5", w.must("certificate.edit", params{"elid": id})["service_status"])
	assert.Len(t, parse(t, w.raw(post, "certificate.file", params{"elid": id, "type": "crt"})), 2)
	w.fails("value", "type", "certificate.file", params{"elid": id, "type": "key"})
	w.fails("missed", "elid", "certificate.edit", params{"elid": "1"})
	w.must("certificate.delete", params{"sok": "ok", "elid": id})
	assert.Equal(t, "4", w.must("certificate.edit", params{"elid": id})["item_status"])
}

func TestISPmanagerReissues(t *testing.T) {
	t.Parallel()
	w := newISPWire(t, sandbox.Config{}, sandbox.ISPmanagerOptions{})
	emails := params{"approver_email_2": "admin@a.org", "approver_email_3": "admin@b.org"}
	more := params{"pricelist": "19", "altname": "a.org b.org", "altname_input": "a.org b.org", "addon_5519": "2"}
	for name, value := range emails {
		more[name] = value
	}
	id := w.must("certificate.order.param", ispOrder(newCSR(t, "example.com"), more))["id"].(string)
	reissue := func(p params) params {
		all := params{"sok": "ok", "elid": id, "approver_method": "auth_email", "approver_email_1": "admin@example.com"}
		for name, value := range emails {
			all[name] = value
		}
		for name, value := range p {
			all[name] = value
		}
		return all
	}
	names := func() []string {
		o, err := w.engine.Order("", id)
		require.NoError(t, err)
		return o.Current().Names
	}
	w.must("certificate.reissue.step2", reissue(params{"crt_type": "oldrequest"}))
	w.must("certificate.reissue.step2", reissue(params{"crt_type": "manual", "csr": newCSR(t, "example.com")}))
	assert.Equal(t, []string{"example.com", "a.org", "b.org"}, names())
	w.must("certificate.reissue.step2", reissue(params{"crt_type": "altname", "altname": "b.org", "approver_email_2": "admin@b.org", "approver_email_3": ""}))
	assert.Equal(t, []string{"example.com", "b.org"}, names())
	for object, p := range map[string]params{
		"csr": {"crt_type": "manual"}, "altname": {"crt_type": "altname"}, "crt_type": {"crt_type": "new"}, "approver_method": {"crt_type": "oldrequest", "approver_method": ""},
	} {
		w.fails("value", object, "certificate.reissue.step2", reissue(p))
	}
	assert.Len(t, w.engine.Ledger(sandbox.EntryReissue), 3)
}

func TestISPmanagerEmail(t *testing.T) {
	t.Parallel()
	w := newISPWire(t, sandbox.Config{Validator: neverValid}, sandbox.ISPmanagerOptions{ZIP: true})
	id := w.must("certificate.order.param", ispOrder(newCSR(t, "example.com"), nil))["id"].(string)
	told := w.must("certificate.edit", params{"elid": id})
	assert.Equal(t, []any{"auth_email", "admin@example.com"}, []any{told["approver_method"], told["approver_email_1"]})
	resend := params{"sok": "ok", "elid": id, "approver_email_1": "admin@example.com"}
	w.must("certificate.domain_validation_email", resend)
	resend["approver_email_1"] = "me@example.com"
	w.fails("value", "approver_email_1", "certificate.domain_validation_email", resend)
	_, err := w.engine.Approve(id)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(w.raw(post, "certificate.file", params{"elid": id, "type": "crt"}), "PK\x03\x04"))
}

func TestISPmanagerFile(t *testing.T) {
	t.Parallel()
	w := newISPWire(t, sandbox.Config{Validator: neverValid}, sandbox.ISPmanagerOptions{ListStatus: true})
	id := w.must("certificate.order.param", ispOrder(newCSR(t, "example.com"), params{"approver_method": "auth_file"}))["id"].(string)
	told := w.must("certificate.edit", params{"elid": id})
	assert.NotContains(t, told, "service_status")
	assert.Equal(t, told["auth_file_value"], w.raw(post, "certificate.file", params{"elid": id, "type": "auth_file"}))
	assert.Len(t, w.must("pricelist.export", params{"itemtype": "certificate"})["pricelist"], len(sandbox.DefaultProducts()))
	w.fails("value", "itemtype", "pricelist.export", params{"itemtype": "vds"})
}
