package resello

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	testKey  = "k3y-of-the-account"
	testUser = "shop"
	testPlan = "3f7830c3-3fa4-404d-908f-35daaa1cd17b"
	testID   = "0c1f2a9e-8d4b-4b7e-9a55-3a1d6f0b7c11"
)

var testIDs = providers.IDs{orderID: testID}

// vendor is an API that answers what the test tells it and keeps the requests.
type vendor struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	replies  map[string][]string
	requests []string
}

// newVendor answers each "VERB path" with its replies in turn, the last one for ever. A reply
// is a body, or "STATUS body". An empty list of replies drops the connection.
func newVendor(t *testing.T, replies map[string][]string) *vendor {
	t.Helper()
	v := &vendor{t: t, replies: replies}
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
	user, key, _ := r.BasicAuth()
	line := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), "/api/v1")
	if len(body) > 0 || r.Header.Get("Content-Type") != "" {
		line += " " + r.Header.Get("Content-Type") + " " + string(body)
	}
	v.mu.Lock()
	v.requests = append(v.requests, line)
	name := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v1")
	list, known := v.replies[name]
	if len(list) > 1 {
		v.replies[name] = list[1:]
	}
	v.mu.Unlock()
	switch {
	case user != testUser || key != testKey:
		w.WriteHeader(http.StatusUnauthorized)
	case !known:
		http.NotFound(w, r)
	case len(list) == 0:
		panic(http.ErrAbortHandler)
	default:
		v.answer(w, list[0])
	}
}

func (v *vendor) answer(w http.ResponseWriter, reply string) {
	status := http.StatusOK
	if n, err := fmt.Sscanf(reply, "%d ", &status); err == nil && n == 1 {
		_, reply, _ = strings.Cut(reply, " ")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, reply)
}

// sent are the requests so far that begin so.
func (v *vendor) sent(begin string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []string
	for _, request := range v.requests {
		if strings.HasPrefix(request, begin) {
			found = append(found, request)
		}
	}
	return found
}

// testNow is the clock of all tests here.
func testNow() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

func testConfig(endpoint string) Config {
	return Config{
		Endpoint: endpoint, Username: testUser, APIKey: testKey, Product: Product{ID: testPlan},
		HTTPClient: providers.NewHTTPClient(providers.Options{AllowLoopback: true}), Now: testNow,
	}
}

// provider is one for the vendor; change may be nil.
func (v *vendor) provider(change func(*Config)) *Provider {
	v.t.Helper()
	config := testConfig(v.server.URL + "/api/v1/")
	if change != nil {
		change(&config)
	}
	v.t.Cleanup(config.HTTPClient.CloseIdleConnections)
	made, err := New(config)
	require.NoError(v.t, err)
	if computing, ok := made.(Computing); ok {
		return computing.Provider
	}
	return made.(*Provider)
}

func testIntent(kind providers.OperationKind) *providers.Intent {
	return providers.NewIntent(kind, "test", "ri-77", testNow(), testNow)
}

// sampleCSR is short: nothing here parses it.
const sampleCSR = "-----BEGIN CERTIFICATE REQUEST-----\nMII+/=\n-----END CERTIFICATE REQUEST-----\n"

func testRequest(method providers.Method) providers.Request {
	request := providers.Request{
		CSR: []byte(sampleCSR), CommonName: "example.com", Names: []string{"example.com"}, Method: method, TermMonths: 12,
	}
	if method == providers.MethodEmail {
		request.Emails = map[string]string{"example.com": "john.doe@example.com"}
	}
	return request
}

func kindOf(t *testing.T, err error) providers.Kind {
	t.Helper()
	var failure *providers.Error
	require.ErrorAs(t, err, &failure)
	assert.NotContains(t, err.Error(), testKey)
	return failure.Kind
}

func fieldOfError(t *testing.T, err error) string {
	t.Helper()
	var failure *providers.Error
	require.ErrorAs(t, err, &failure)
	return failure.Field
}

// ok is a successful envelope around a result.
func ok(result string) []string { return []string{`{"success":true,"result":` + result + `}`} }

// no is a refusal.
func no(code string) []string {
	return []string{`{"success":false,"error":{"code":"` + code + `","message":"no"}}`}
}
