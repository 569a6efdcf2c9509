package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// autoWire is a client of the simulated InterNetX.
type autoWire struct {
	t      *testing.T
	engine *sandbox.Engine
	clock  *clock
	base   string
	change func(*http.Request)
}

func newAutoWire(t *testing.T, cfg sandbox.Config, options sandbox.AutoDNSOptions) *autoWire {
	t.Helper()
	engine, c := newEngine(t, cfg)
	server := httptest.NewServer(sandbox.NewServer(engine, nil, sandbox.NewAutoDNS(engine, options)))
	t.Cleanup(server.Close)
	return &autoWire{t: t, engine: engine, clock: c, base: server.URL + "/autodns/v1/"}
}

// call returns status and answer.
func (w *autoWire) call(verb, path string, body any) (int, map[string]any) {
	w.t.Helper()
	var text []byte
	if body != nil {
		var err error
		text, err = json.Marshal(body)
		require.NoError(w.t, err)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), verb, w.base+path, bytes.NewReader(text))
	require.NoError(w.t, err)
	r.SetBasicAuth(sandbox.DefaultAccount, sandbox.DefaultAPIKey)
	r.Header.Set("X-Domainrobot-Context", "9")
	r.Header.Set("X-Domainrobot-Ctid", "reference-1")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if w.change != nil {
		w.change(r)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, response.Body.Close()) }()
	answer := map[string]any{}
	content, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		require.NoError(w.t, json.Unmarshal(content, &answer))
	}
	return response.StatusCode, answer
}

// must wants success and returns the elements of data.
func (w *autoWire) must(verb, path string, body any) []any {
	w.t.Helper()
	status, answer := w.call(verb, path, body)
	require.Equal(w.t, http.StatusOK, status, answer)
	assert.Equal(w.t, "reference-1", answer["ctid"])
	return answer["data"].([]any)
}

// fails wants a refusal with an EF code.
func (w *autoWire) fails(code, verb, path string, body any) {
	w.t.Helper()
	status, answer := w.call(verb, path, body)
	assert.GreaterOrEqual(w.t, status, http.StatusBadRequest)
	require.Equal(w.t, "ERROR", answer["status"].(map[string]any)["type"])
	assert.Equal(w.t, code, answer["messages"].([]any)[0].(map[string]any)["code"], answer["messages"])
}

type fields = map[string]any

// oneLine is a CSR as the vendor's SDKs send it.
func oneLine(csr string) string {
	lines := strings.Split(strings.TrimSpace(csr), "\n")
	return lines[0] + "\r\n" + strings.Join(lines[1:len(lines)-1], "") + "\r\n" + lines[len(lines)-1]
}

// order is a complete body for a CSR that was prepared, by one of the prepared methods.
func (w *autoWire) order(csr, name, product, method string) fields {
	w.t.Helper()
	prepared := w.must(post, "certificate/_prepareOrder", fields{"plain": oneLine(csr), "product": product})[0].(fields)
	var chosen fields
	for _, element := range prepared["authentication"].([]any) {
		if element.(fields)["method"] == method {
			chosen = element.(fields)
		}
	}
	if method == "EMAIL" {
		chosen["approverEmails"] = []string{"admin@" + name}
	}
	if len(w.must(post, "sslcontact/_search", fields{})) == 0 {
		w.must(post, "sslcontact", fields{"fname": "John", "lname": "Doe", "phone": "+49-123-12345", "email": "john.doe@example.com", "address": "123 Main Street"})
	}
	return fields{
		"adminContact": fields{"id": 100}, "technicalContact": fields{"id": 100}, "name": name,
		"lifetime": fields{"unit": "MONTH", "period": 12}, "software": "APACHESSL", "csr": oneLine(csr), "product": product,
		"authentication": chosen,
	}
}

func number(data []any) string {
	return strings.TrimSuffix(string(mustJSON(data[0].(fields)["id"])), ".0")
}

func mustJSON(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

func TestAutoDNSLogin(t *testing.T) {
	t.Parallel()
	w := newAutoWire(t, sandbox.Config{}, sandbox.AutoDNSOptions{})
	w.must(get, "hello", nil)
	account := w.must(get, "account", nil)[0].(fields)
	assert.InDelta(t, 10000.0, account["currentAccountBalance"], 0)
	for name, change := range map[string]func(*http.Request){
		"no login":       func(r *http.Request) { r.Header.Del("Authorization") },
		"wrong user":     func(r *http.Request) { r.SetBasicAuth("x", sandbox.DefaultAPIKey) },
		"wrong password": func(r *http.Request) { r.SetBasicAuth(sandbox.DefaultAccount, "x") },
		"wrong context":  func(r *http.Request) { r.Header.Set("X-Domainrobot-Context", "4") },
	} {
		w.change = change
		status, _ := w.call(get, "hello", nil)
		assert.Equal(t, http.StatusUnauthorized, status, name)
	}
	w.change = func(r *http.Request) { r.Header.Set("User-Agent", "") }
	w.fails("EF900001", get, "hello", nil)
}

func TestAutoDNSRoutes(t *testing.T) {
	t.Parallel()
	w := newAutoWire(t, sandbox.Config{}, sandbox.AutoDNSOptions{})
	for verb, path := range map[string]string{
		get: "certificate", post: "certificate/prepareOrder", "PUT": "poll/x", "DELETE": "job/1", "PATCH": "hello",
	} {
		status, _ := w.call(verb, path, nil)
		assert.Equal(t, http.StatusNotFound, status, path)
	}
	w.base = strings.TrimSuffix(w.base, "v1/") + "v2/"
	status, _ := w.call(get, "hello", nil)
	assert.Equal(t, http.StatusNotFound, status)
	old := newAutoWire(t, sandbox.Config{}, sandbox.AutoDNSOptions{OldPaths: true})
	old.must(post, "certificate/prepareOrder", fields{"plain": oneLine(newCSR(t, "example.com")), "product": "QUICKSSLPREMIUM"})
}

func TestAutoDNSChecksOrders(t *testing.T) {
	t.Parallel()
	w := newAutoWire(t, sandbox.Config{}, sandbox.AutoDNSOptions{})
	csr := newCSR(t, "example.com")
	good := func() fields { return w.order(csr, "example.com", "QUICKSSLPREMIUM", "DNS") }
	with := func(name string, value any) fields {
		body := good()
		body[name] = value
		return body
	}
	for code, bodies := range map[string][]fields{
		"EF900001": {
			with("adminContact", fields{"id": 1}), with("technicalContact", nil), with("lifetime", fields{"unit": "YEAR", "period": 1}),
			with("lifetime", nil), with("software", "NGINX"), with("authentication", nil), with("misspelt", "x"),
		},
		"EF900002": {with("csr", csr), with("csr", "x")},
		"EF900003": {with("name", "www.example.com"), with("subjectAlternativeNames", []fields{{"name": "example.org"}})},
		"EF900004": {with("product", "NO_SUCH")},
		"EF900005": {
			with("authentication", fields{"method": "DNS", "dns": `example.com. IN TXT "made up"`}), with("authentication", fields{"method": "FILE"}),
			with("authentication", fields{"method": "EMAIL", "approverEmails": []string{"me@example.com"}}), with("authentication", fields{"method": "ORG"}),
		},
	} {
		for _, body := range bodies {
			w.fails(code, post, "certificate", body)
		}
	}
	w.change = func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }
	w.fails("EF900001", post, "certificate", fields{})
	w.change = nil
	require.NoError(t, w.engine.SetBalance(sandbox.DefaultAccount, 1))
	w.fails("EF900006", post, "certificate", good())
	assert.Empty(t, w.engine.Ledger())
	for _, body := range []fields{
		{"plain": oneLine(csr), "product": "QUICKSSLPREMIUM", "businessCase": "BUY"}, {"plain": oneLine(csr), "product": "QUICKSSLPREMIUM", "csr": "x"},
	} {
		w.fails("EF900001", post, "certificate/_prepareOrder", body)
	}
	w.fails("EF900001", post, "sslcontact", fields{"fname": "John"})
}

// TestAutoDNSTokens: each preparation makes a new token, and an order has that of the one it
// sends back.
func TestAutoDNSTokens(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	w := newAutoWire(t, sandbox.Config{Validator: zone}, sandbox.AutoDNSOptions{})
	csr := newCSR(t, "example.com")
	first, second := w.order(csr, "example.com", "QUICKSSLPREMIUM", "DNS"), w.order(csr, "example.com", "QUICKSSLPREMIUM", "DNS")
	line := first["authentication"].(fields)["dns"].(string)
	assert.Regexp(t, `^example\.com\.\t\t300\tIN\tTXT\t\t"[0-9a-z]{48}"$`, line)
	assert.NotEqual(t, line, second["authentication"].(fields)["dns"])
	job := number(w.must(post, "certificate", first))
	o, err := w.engine.Order("", job)
	require.NoError(t, err, "the admin API knows jobs too")
	assert.Contains(t, line, o.Current().Domains[0].Challenge.RecordValue)
	assert.NotEqual(t, job, o.ID)
	told := w.must(get, "job/"+job, nil)[0].(fields)
	assert.Equal(t, "WAIT", told["job"].(fields)["status"])
	assert.Equal(t, line, told["object"].(fields)["data"].(fields)["authentication"].(fields)["dns"])
}

func TestAutoDNSFromOrderToCertificate(t *testing.T) {
	t.Parallel()
	w := newAutoWire(t, sandbox.Config{Validator: neverValid}, sandbox.AutoDNSOptions{History: true})
	job := number(w.must(post, "certificate", w.order(newCSR(t, "example.com"), "example.com", "QUICKSSLPREMIUM", "EMAIL")))
	w.must(http.MethodPut, "job/"+job+"/_resendApproverEmail", nil)
	search := fields{"filters": []fields{{"key": "object", "value": "example.com", "operator": "EQUAL"}}, "view": fields{"limit": 5}}
	require.Len(t, w.must(post, "job/_search", search), 1)
	assert.Empty(t, w.must(get, "poll", nil))
	_, err := w.engine.Approve(job)
	require.NoError(t, err)
	assert.Empty(t, w.must(post, "job/_search", search), "the job has left the list")
	w.fails("EF900007", get, "job/"+job, nil)
	w.fails("EF900001", post, "job/history/_search", search)
	search["view"] = fields{"from": "2026-12-01T00:00:00.000+0000", "to": "2026-12-02T00:00:00.000+0000"}
	require.Len(t, w.must(post, "job/history/_search", search), 1)
	data := w.must(get, "job/history/"+job, nil)[0].(fields)["object"].(fields)["data"].(fields)
	id := string(mustJSON(data["id"]))
	message := w.must(get, "poll", nil)
	require.Len(t, message, 1)
	assert.Equal(t, "reference-1", message[0].(fields)["ctid"])
	w.must(http.MethodPut, "poll/"+number(message), nil)
	assert.Empty(t, w.must(get, "poll", nil))
	w.fails("EF900007", http.MethodPut, "poll/"+number(message), nil)

	certificate := w.must(get, "certificate/"+id, nil)[0].(fields)
	leaf := parse(t, certificate["server"].(string))
	authority := certificate["certificationAuthority"].([]any)[0].(fields)
	require.NoError(t, leaf[0].CheckSignatureFrom(parse(t, authority["caCertificate"].(string))[0]))
	assert.Equal(t, "2027-12-01T12:00:00.000+0000", certificate["payable"])
	require.Len(t, w.must(post, "certificate/_search", fields{"orders": []fields{{"key": "id", "type": "ASC"}}}), 1)
	w.must(post, "certificate/"+id+"/_revoke", fields{"serialNumber": certificate["serialNumber"]})
	require.Len(t, w.engine.Ledger(sandbox.EntryRevoke), 1)
}

func TestAutoDNSReissueRenewAndDelete(t *testing.T) {
	t.Parallel()
	w := newAutoWire(t, sandbox.Config{}, sandbox.AutoDNSOptions{})
	job := number(w.must(post, "certificate", w.order(newCSR(t, "example.com"), "example.com", "QUICKSSLPREMIUM", "FILE")))
	o, err := w.engine.Order("", job)
	require.NoError(t, err)
	again := w.order(newCSR(t, "example.com"), "example.com", "QUICKSSLPREMIUM", "DNS")
	w.must(http.MethodPut, "certificate/"+o.ID, again)
	w.must(http.MethodPut, "certificate/"+o.ID+"/_renew", w.order(newCSR(t, "example.com"), "example.com", "QUICKSSLPREMIUM", "DNS"))
	renewed, err := w.engine.Order("", o.ID)
	require.NoError(t, err)
	assert.Equal(t, o.PaidUntil.Add(365*day), renewed.PaidUntil, "the new term follows the present one")
	require.Len(t, renewed.Jobs(), 3)
	require.Len(t, w.engine.Ledger(sandbox.EntryRenewal), 1)
	again["product"] = "RAPIDSSL"
	w.fails("EF900004", http.MethodPut, "certificate/"+o.ID, again)
	w.must(http.MethodDelete, "certificate/"+o.ID, nil)
	w.fails("EF900008", http.MethodDelete, "certificate/"+o.ID, nil)
	w.fails("EF900007", http.MethodPut, "job/1/_cancel", nil)
}

func TestAutoDNSProvisioning(t *testing.T) {
	t.Parallel()
	w := newAutoWire(t, sandbox.Config{Validator: neverValid}, sandbox.AutoDNSOptions{})
	body := w.order(newCSR(t, "example.com"), "example.com", "QUICKSSLPREMIUM", "DNS")
	body["authentication"].(fields)["provisioning"] = true
	job := number(w.must(post, "certificate", body))
	assert.Equal(t, "SUCCESS", w.must(get, "job/"+job, nil)[0].(fields)["job"].(fields)["status"])
	w.fails("EF900008", http.MethodPut, "job/"+job+"/_cancel", nil)
	w.fails("EF900008", http.MethodPut, "job/"+job+"/_resendApproverEmail", nil)
}

func TestAutoDNSLimit(t *testing.T) {
	t.Parallel()
	w := newAutoWire(t, sandbox.Config{}, sandbox.AutoDNSOptions{PerSecond: 3})
	for range 3 {
		w.must(get, "hello", nil)
	}
	status, _ := w.call(get, "hello", nil)
	assert.Equal(t, http.StatusTooManyRequests, status)
	w.clock.Advance(time.Second)
	w.must(get, "hello", nil)
}

func TestAutoDNSSearchIsStrict(t *testing.T) {
	t.Parallel()
	w := newAutoWire(t, sandbox.Config{}, sandbox.AutoDNSOptions{})
	w.must(post, "certificate", w.order(newCSR(t, "example.com"), "example.com", "QUICKSSLPREMIUM", "DNS"))
	filter := func(key, operator string) fields {
		return fields{"filters": []fields{{"key": key, "value": "%example%", "operator": operator}}}
	}
	assert.Len(t, w.must(post, "job/_search", filter("object", "LIKE")), 1)
	assert.Empty(t, w.must(post, "job/_search", filter("object", "EQUAL")))
	w.fails("EF900001", post, "job/_search", filter("name", "EQUAL"))
	w.fails("EF900001", post, "job/_search", filter("object", "equals"))
	w.fails("EF900001", post, "job/history/_search", fields{"view": fields{"from": "yesterday", "to": "today"}})
}
