package ispmanager

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const testPassword = "pa55-of-the-account"

// vendor is a BILLmanager that answers what the test tells it and keeps the requests.
type vendor struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	replies  map[string][]string
	requests []url.Values
}

// newVendor answers each func with its replies in turn, the last one for ever. A reply is a
// body, or "STATUS body".
func newVendor(t *testing.T, replies map[string][]string) *vendor {
	t.Helper()
	done := []string{`{"ok":true}`}
	v := &vendor{t: t, replies: map[string][]string{
		"whoami":                              {`{"user":{"balance":"12.50 EUR"}}`},
		"pricelist.export":                    {`{"pricelist":[{"id":"3541","name":"PositiveSSL","price":{"period":[{"type":"month","length":12,"cost":"10"}]}}]}`},
		"certificate.order.csr":               {`{"field_country":[{"k":"182","v":"Russia"}]}`},
		"certificate.order.param":             {`{"ok":true,"id":"777"}`},
		"certificate.reissue.step2":           done,
		"certificate.delete":                  done,
		"certificate.dns_verify":              done,
		"certificate.domain_validation_email": done,
		"certificate":                         {`{}`},
		"certificate.edit":                    {`{"elid":"777","CN":"example.com","item_status":"5","service_status":"3","csr":"` + oneLineCSR + `"}`},
	}}
	for function, list := range replies {
		v.replies[function] = list
	}
	v.server = httptest.NewServer(v)
	t.Cleanup(v.server.Close)
	return v
}

// ServeHTTP implements http.Handler.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	assert.Equal(v.t, http.MethodPost, r.Method)
	assert.Equal(v.t, "/billmgr", r.URL.RequestURI(), "nothing stands in the URL")
	assert.Equal(v.t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
	function := r.PostForm.Get("func")
	v.mu.Lock()
	v.requests = append(v.requests, r.PostForm)
	list := v.replies[function]
	if len(list) > 1 {
		v.replies[function] = list[1:]
	}
	v.mu.Unlock()
	if len(list) == 0 {
		http.NotFound(w, r)
		return
	}
	status, reply := http.StatusOK, list[0]
	if n, err := fmt.Sscanf(reply, "%d ", &status); err == nil && n == 1 {
		_, reply, _ = strings.Cut(reply, " ")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, reply)
}

// sent are the parameters of the requests of a func, encoded, without what is in all.
func (v *vendor) sent(function string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []string
	for _, form := range v.requests {
		if form.Get("func") != function {
			continue
		}
		assert.Equal(v.t, "shop@example.com:"+testPassword, form.Get("authinfo"))
		assert.Equal(v.t, "bjson", form.Get("out"))
		assert.Equal(v.t, "en", form.Get("lang"))
		rest := url.Values{}
		for name, value := range form {
			switch name {
			case "authinfo", "out", "lang", "func":
			default:
				rest[name] = value
			}
		}
		found = append(found, rest.Encode())
	}
	return found
}

// testNow is the clock of all tests here.
func testNow() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

func testConfig(endpoint string) Config {
	return Config{
		Endpoint: endpoint, Email: "shop@example.com", Password: testPassword, Product: Product{ID: "3541"},
		Contacts: Contacts{Admin: Contact{
			FirstName: "Ada", LastName: "Lovelace", Title: "Analyst", Email: "ada@example.com", Phone: "+44 20",
		}},
		HTTPClient: providers.NewHTTPClient(providers.Options{AllowLoopback: true}), Now: testNow,
	}
}

// provider is one for the vendor; change may be nil.
func (v *vendor) provider(change func(*Config)) *Provider {
	v.t.Helper()
	config := testConfig(v.server.URL)
	if change != nil {
		change(&config)
	}
	v.t.Cleanup(config.HTTPClient.CloseIdleConnections)
	p, err := New(config)
	require.NoError(v.t, err)
	return p
}

func testIntent(kind providers.OperationKind) *providers.Intent {
	return providers.NewIntent(kind, "test", "ri-reference", testNow(), testNow)
}

const (
	testCSR    = "-----BEGIN CERTIFICATE REQUEST-----\nQ1NS\n-----END CERTIFICATE REQUEST-----\n"
	oneLineCSR = "-----BEGIN CERTIFICATE REQUEST-----Q1NS-----END CERTIFICATE REQUEST-----"
	otherCSR   = "-----BEGIN CERTIFICATE REQUEST-----\nT1RIRVI=\n-----END CERTIFICATE REQUEST-----\n"
)

func testRequest(names ...string) providers.Request {
	return providers.Request{
		CSR: []byte(testCSR), CommonName: names[0], Names: names, Method: providers.MethodCNAME, TermMonths: 12,
	}
}

func byEmail(request providers.Request) providers.Request {
	request.Method, request.Emails = providers.MethodEmail, map[string]string{}
	for _, name := range request.Names {
		request.Emails[name] = "admin@" + name
	}
	return request
}
