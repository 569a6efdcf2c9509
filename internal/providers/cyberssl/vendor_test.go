package cyberssl

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

	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	testKey   = "k3y-of-the-account"
	testToken = "t0ken-of-the-session"
)

// vendor is an API that answers what the test tells it and keeps the requests.
type vendor struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	replies  map[string][]string
	requests []string
}

// newVendor answers each path with its replies in turn, the last one for ever. A reply is
// a body, or "STATUS body".
func newVendor(t *testing.T, replies map[string][]string) *vendor {
	t.Helper()
	v := &vendor{t: t, replies: map[string][]string{
		"auth":        {`{"success":true,"token":"` + testToken + `"}`},
		"get_balance": {`{"success":true,"balance":"100.00"}`},
	}}
	for path, list := range replies {
		v.replies[path] = list
	}
	v.server = httptest.NewServer(v)
	t.Cleanup(v.server.Close)
	return v
}

// ServeHTTP implements http.Handler.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	line := r.Method + " " + r.URL.RequestURI()
	if len(body) > 0 || r.Method == http.MethodPost {
		line += " " + r.Header.Get("Content-Type") + " " + string(body)
	}
	v.mu.Lock()
	v.requests = append(v.requests, line)
	list := v.replies[path]
	if len(list) > 1 {
		v.replies[path] = list[1:]
	}
	v.mu.Unlock()
	if len(list) == 0 {
		http.NotFound(w, r)
		return
	}
	v.answer(w, list[0])
}

func (v *vendor) answer(w http.ResponseWriter, reply string) {
	status := http.StatusOK
	if n, err := fmt.Sscanf(reply, "%d ", &status); err == nil && n == 1 {
		_, reply, _ = strings.Cut(reply, " ")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, reply)
}

// sent are the requests to a path so far.
func (v *vendor) sent(path string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []string
	for _, request := range v.requests {
		if strings.Contains(request, " /v1/"+path+"?") || strings.Contains(request, " /v1/"+path+" ") || strings.HasSuffix(request, "/v1/"+path) {
			found = append(found, request)
		}
	}
	return found
}

// testNow is the clock of all tests here.
func testNow() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

func testConfig(endpoint string) Config {
	return Config{
		Endpoint: endpoint, AccountName: "shop", APIKey: testKey, Product: Product{ID: "17"},
		Contacts: Contacts{Admin: Contact{
			FirstName: "John", LastName: "Smith", Phone: "0042321313", Title: "IT manager", Email: "admin@john.com",
		}},
		HTTPClient: providers.NewHTTPClient(providers.Options{AllowLoopback: true}), Now: testNow,
	}
}

// provider is one for the vendor; change may be nil.
func (v *vendor) provider(change func(*Config)) *Provider {
	v.t.Helper()
	config := testConfig(v.server.URL + "/v1/")
	if change != nil {
		change(&config)
	}
	v.t.Cleanup(config.HTTPClient.CloseIdleConnections)
	p, err := New(config)
	require.NoError(v.t, err)
	return p
}

func testIntent(kind providers.OperationKind) *providers.Intent {
	return providers.NewIntent(kind, "test", "", testNow(), testNow)
}

func testRequest(names ...string) providers.Request {
	return providers.Request{
		CSR: []byte("CSR+/=\n"), CommonName: names[0], Names: names, Method: providers.MethodCNAME, TermMonths: 12,
	}
}

// values reads a query or form back, to check that encoding loses nothing.
func values(t *testing.T, text string) url.Values {
	t.Helper()
	v, err := url.ParseQuery(text)
	require.NoError(t, err)
	return v
}
