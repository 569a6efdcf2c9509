package sandbox_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// resello is a client that does what it is told.
type resello struct {
	t      *testing.T
	engine *sandbox.Engine
	base   string
	user   string
	key    string
	media  string
}

func newResello(t *testing.T, cfg sandbox.Config, options sandbox.ReselloOptions) *resello {
	t.Helper()
	engine, _ := newEngine(t, cfg)
	server := httptest.NewServer(sandbox.NewServer(engine, nil, sandbox.NewResello(engine, options)))
	t.Cleanup(server.Close)
	return &resello{
		t: t, engine: engine, base: server.URL + "/resello/api/v1/",
		user: sandbox.DefaultAccount, key: sandbox.DefaultAPIKey, media: "application/json",
	}
}

// send makes a call; the body is nil, a string or something for JSON.
func (c *resello) send(verb, path string, body any) (int, http.Header, []byte) {
	c.t.Helper()
	var content io.Reader = http.NoBody
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		require.NoError(c.t, err)
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(c.t.Context(), verb, c.base+path, content)
	require.NoError(c.t, err)
	request.SetBasicAuth(c.user, c.key)
	request.Header.Set("Content-Type", c.media)
	response, err := http.DefaultClient.Do(request)
	require.NoError(c.t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, response.Body.Close())
	return response.StatusCode, response.Header, text
}

// must makes a call that succeeds and returns the whole answer.
func (c *resello) must(verb, path string, body any) map[string]any {
	c.t.Helper()
	status, _, text := c.send(verb, path, body)
	require.Equal(c.t, http.StatusOK, status, string(text))
	var answer map[string]any
	require.NoError(c.t, json.Unmarshal(text, &answer), string(text))
	require.Equal(c.t, true, answer["success"], string(text))
	return answer
}

func (c *resello) object(verb, path string, body any) map[string]any {
	c.t.Helper()
	return c.must(verb, path, body)["result"].(map[string]any)
}

// fails makes a call that is refused.
func (c *resello) fails(status int, code, verb, path string, body any) string {
	c.t.Helper()
	got, _, text := c.send(verb, path, body)
	require.Equal(c.t, status, got, string(text))
	var answer struct {
		Success bool
		Error   struct {
			Code    string
			Message any
		}
	}
	require.NoError(c.t, json.Unmarshal(text, &answer), string(text))
	require.False(c.t, answer.Success)
	require.Equal(c.t, code, answer.Error.Code, string(text))
	return string(text)
}

type reselloBody map[string]any

func reselloOrder(csr string, change reselloBody) reselloBody {
	body := reselloBody{"csr": csr, "dcv_type": "DNS", "plan": sandbox.ReselloPlan("17"), "client_reference": "#123"}
	for name, value := range change {
		if value == nil {
			delete(body, name)
			continue
		}
		body[name] = value
	}
	return body
}

func TestReselloOrderFromPurchaseToCertificate(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	c := newResello(t, sandbox.Config{Validator: zone}, sandbox.ReselloOptions{})
	csr := newCSR(t, "example.com")
	created := c.object(post, "ssl-certificate", reselloOrder(csr, nil))
	assert.Equal(t, "pending", created["status"])
	assert.Equal(t, "#123", created["client_reference"])
	item := "ssl-certificate/" + created["id"].(string)
	details := c.object(get, item+"/validation-details", nil)["domains"].([]any)[0].(map[string]any)
	assert.Equal(t, "pending", details["status"])
	assert.Equal(t, "CNAME", details["record"].(map[string]any)["type"])
	c.fails(http.StatusOK, "invalid_state", get, item+"/download-crt", nil)

	o, err := c.engine.Order("", created["id"].(string))
	require.NoError(t, err, "the admin API knows the vendor's id")
	zone.publishOrder(o)
	c.must(post, item+"/validate", reselloBody{"dcv_type": "DNS", "domain": "example.com"})
	c.engine.Tick(t.Context())
	assert.Equal(t, "active", c.object(get, item, nil)["status"])
	_, header, leaf := c.send(get, item+"/download-crt", nil)
	assert.Equal(t, "application/octet-stream", header.Get("Content-Type"))
	assert.Equal(t, []string{"example.com", "www.example.com"}, parse(t, string(leaf))[0].DNSNames)
	_, _, ca := c.send(get, item+"/download-ca", nil)
	require.NoError(t, parse(t, string(leaf))[0].CheckSignatureFrom(parse(t, string(ca))[0]))
	_, _, back := c.send(get, item+"/download-csr", nil)
	assert.Equal(t, csr, string(back))
	_, _, packed := c.send(get, item+"/download-pkcs7", nil)
	assert.Contains(t, string(packed), string(parse(t, string(leaf))[0].Raw))
	_, _, archive := c.send(get, item+"/download-zip", nil)
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	assert.Len(t, files.File, 2)
}

func TestReselloReissueInvalidatesTheOldOne(t *testing.T) {
	t.Parallel()
	c := newResello(t, sandbox.Config{}, sandbox.ReselloOptions{})
	id := c.object(post, "ssl-certificate", reselloOrder(newCSR(t, "example.com"), nil))["id"].(string)
	_, _, first := c.send(get, "ssl-certificate/"+id+"/download-crt", nil)
	again := reselloOrder(newCSR(t, "example.com"), reselloBody{"plan": nil, "client_reference": nil})
	c.object(post, "ssl-certificate/"+id+"/reissue", again)
	o, err := c.engine.Order("", id)
	require.NoError(t, err)
	assert.False(t, o.Issuances[0].Certificate.RevokedAt.IsZero())
	assert.True(t, o.Issuances[1].Certificate.RevokedAt.IsZero())
	_, _, second := c.send(get, "ssl-certificate/"+id+"/download-crt", nil)
	assert.NotEqual(t, first, second)
	c.fails(http.StatusOK, "request_validation_failed", post, "ssl-certificate/"+id+"/reissue", reselloOrder(newCSR(t, "example.com"), nil))
	assert.Equal(t, "#123", c.object(get, "ssl-certificate/"+id, nil)["client_reference"])
}

func TestReselloRenewAnswersWithTheOldState(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	c := newResello(t, sandbox.Config{Validator: zone}, sandbox.ReselloOptions{})
	id := c.object(post, "ssl-certificate", reselloOrder(newCSR(t, "example.com"), nil))["id"].(string)
	_, err := c.engine.Approve(id)
	require.NoError(t, err)
	body := reselloOrder(newCSR(t, "example.com"), reselloBody{"client_reference": "#124"})
	assert.Equal(t, "active", c.object(post, "ssl-certificate/"+id+"/renew", body)["status"])
	renewed := c.object(get, "ssl-certificate/"+id, nil)
	assert.Equal(t, "pending", renewed["status"])
	assert.Equal(t, "#124", renewed["client_reference"])
	status, _, _ := c.send(get, "ssl-certificate/"+id+"/download-crt", nil)
	assert.Equal(t, http.StatusOK, status, "a renewal leaves the old certificate valid")
	assert.Len(t, c.engine.Ledger(sandbox.EntryRenewal), 1)
}

func TestReselloDelete(t *testing.T) {
	t.Parallel()
	c := newResello(t, sandbox.Config{Validator: neverValid}, sandbox.ReselloOptions{})
	id := c.object(post, "ssl-certificate", reselloOrder(newCSR(t, "example.com"), nil))["id"].(string)
	assert.Equal(t, "cancelled", c.object(http.MethodDelete, "ssl-certificate/"+id, nil)["status"])
	assert.Len(t, c.engine.Ledger(sandbox.EntryRefund), 1)
	c.fails(http.StatusOK, "invalid_state", http.MethodDelete, "ssl-certificate/"+id, nil)
	c.fails(http.StatusNotFound, "not_found", http.MethodDelete, "ssl-certificate/x", nil)
}

func TestReselloLists(t *testing.T) {
	t.Parallel()
	c := newResello(t, sandbox.Config{}, sandbox.ReselloOptions{})
	for _, reference := range []string{"a", "b", "b"} {
		c.object(post, "ssl-certificate", reselloOrder(newCSR(t, "example.com"), reselloBody{"client_reference": reference}))
	}
	count := func(query string) int { return len(c.must(get, "ssl-certificate"+query, nil)["result"].([]any)) }
	assert.Equal(t, 3, count(""))
	assert.Equal(t, 2, count("?client_reference=b"))
	assert.Equal(t, 0, count("?client_reference=c"))
	assert.Equal(t, 3, count("?plan="+sandbox.ReselloPlan("17")))
	assert.Equal(t, 1, count("?limit=2&offset=2"))
	assert.Equal(t, 0, count("?offset=3"))
	assert.InDelta(t, 3, c.must(get, "ssl-certificate?limit=1", nil)["total"], 0)
	c.fails(http.StatusOK, "request_validation_failed", get, "ssl-certificate?reference=b", nil)
	c.fails(http.StatusOK, "request_validation_failed", get, "ssl-certificate?limit=101", nil)
	plans := len(c.must(get, "ssl-certificate-plan", nil)["result"].([]any))
	assert.Equal(t, len(sandbox.DefaultProducts()), plans)
	assert.Len(t, c.must(get, "ssl-certificate-plan?id="+sandbox.ReselloPlan("17")+","+sandbox.ReselloPlan("18"), nil)["result"], 2)
	assert.Len(t, c.must(get, "ssl-certificate-plan?name=rapid", nil)["result"], 1)
	assert.Equal(t, "Sectigo PositiveSSL", c.object(get, "ssl-certificate-plan/"+sandbox.ReselloPlan("17"), nil)["name"])
	c.fails(http.StatusNotFound, "not_found", get, "ssl-certificate-plan/x", nil)
}

func TestReselloValidate(t *testing.T) {
	t.Parallel()
	c := newResello(t, sandbox.Config{Validator: neverValid}, sandbox.ReselloOptions{ZoneLines: true})
	id := c.object(post, "ssl-certificate", reselloOrder(newCSR(t, "example.com"), nil))["id"].(string)
	item := "ssl-certificate/" + id
	domain := func() map[string]any {
		return c.object(get, item+"/validation-details", nil)["domains"].([]any)[0].(map[string]any)
	}
	assert.Contains(t, domain()["instruction"], " 3600 IN CNAME ")
	c.must(post, item+"/validate", reselloBody{"dcv_type": "FILE"})
	assert.Contains(t, domain()["file"].(map[string]any)["filename"], ".txt")
	c.must(post, item+"/validate", reselloBody{"dcv_type": "EMAIL", "email_address": "admin@example.com", "domain": "example.com"})
	assert.Equal(t, "admin@example.com", domain()["email_address"])
	for _, wrong := range []reselloBody{
		{"dcv_type": "dns"},
		{"dcv_type": "EMAIL"},
		{"dcv_type": "DNS", "domain": "other.com"},
		{"dcv_type": "EMAIL", "email_address": "me@example.com"},
		{"dcv_type": "DNS", "email": "x"},
	} {
		c.fails(http.StatusOK, "request_validation_failed", post, item+"/validate", wrong)
	}
}

func TestReselloChecksRequests(t *testing.T) {
	t.Parallel()
	c := newResello(t, sandbox.Config{}, sandbox.ReselloOptions{})
	csr := newCSR(t, "example.com")
	for parameter, change := range map[string]reselloBody{
		"csr": {"csr": nil}, "dcv_type": {"dcv_type": "CNAME"}, "plan": {"plan": nil}, "approver_email_address": {"dcv_type": "EMAIL"},
		"body": {"client_ref": "x"}, "approver_first_name": {"plan": sandbox.ReselloPlan("21")},
	} {
		answer := c.fails(http.StatusOK, "request_validation_failed", post, "ssl-certificate", reselloOrder(csr, change))
		assert.Contains(t, answer, parameter)
	}
	c.fails(http.StatusOK, "request_validation_failed", post, "ssl-certificate", reselloOrder("nonsense", nil))
	c.fails(http.StatusOK, "request_validation_failed", post, "ssl-certificate", "not JSON")
	c.fails(http.StatusMethodNotAllowed, "method_not_allowed", http.MethodPut, "ssl-certificate", nil)
	c.fails(http.StatusNotFound, "not_found", get, "ssl-certificates", nil)
	c.fails(http.StatusNotFound, "not_found", get, "ssl-certificate/a/b/c/d/e", nil)
	c.media = "application/x-www-form-urlencoded"
	c.fails(http.StatusUnsupportedMediaType, "unsupported_media_type", post, "ssl-certificate", reselloOrder(csr, nil))
	c.media = "application/json"
	require.NoError(t, c.engine.SetBalance(sandbox.DefaultAccount, 1))
	c.fails(http.StatusOK, "insufficient_funds", post, "ssl-certificate", reselloOrder(csr, nil))
	c.key = "wrong"
	c.fails(http.StatusUnauthorized, "authentication_failed", get, "ssl-certificate", nil)
	c.key, c.user = sandbox.DefaultAPIKey, "somebody"
	c.fails(http.StatusUnauthorized, "authentication_failed", get, "ssl-certificate", nil)
	assert.Empty(t, c.engine.Ledger())
}

func TestReselloOrganization(t *testing.T) {
	t.Parallel()
	c := newResello(t, sandbox.Config{}, sandbox.ReselloOptions{Sparse: true, NoDetails: true})
	created := c.object(post, "ssl-certificate", reselloOrder(newCSR(t, "example.com"), reselloBody{
		"plan": sandbox.ReselloPlan("21"), "chamber_of_commerce": "1", "department": "IT", "approver_first_name": "A", "approver_last_name": "B",
	}))
	assert.Equal(t, []string{"id", "status"}, keys(created))
	assert.Empty(t, c.object(get, "ssl-certificate/"+created["id"].(string)+"/validation-details", nil))
	o, err := c.engine.Order("", created["id"].(string))
	require.NoError(t, err)
	assert.Regexp(t, `^[0-9a-f]{32}\.[0-9a-f]{32}\.sectigo\.com\.$`, o.Current().Domains[0].Challenge.RecordValue, "no unique value")
}
