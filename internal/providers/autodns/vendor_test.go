package autodns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const testPassword = "pa55-of-the-account"

// vendor is an API that answers what the test tells it and keeps the requests.
type vendor struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	replies  map[string][]string
	requests []string
	headers  []http.Header
}

// newVendor answers each "VERB path" with its replies in turn, the last one for ever. A reply
// is a body, or "STATUS body".
func newVendor(t *testing.T, replies map[string][]string) *vendor {
	t.Helper()
	v := &vendor{t: t, replies: map[string][]string{
		"GET hello":                      {success("")},
		"GET account":                    {success(`{"currentAccountBalance":12.5,"creditLimit":"100","currency":"EUR"}`)},
		"POST certificate/_prepareOrder": {success(prepared)},
		"POST sslcontact/_search":        {success("")},
		"POST sslcontact":                {success(`{"id":100}`)},
		"POST certificate":               {started("123456")},
		"POST certificate/_search":       {success("")},
		"POST job/_search":               {success("")},
		"POST job/history/_search":       {success("")},
		"GET job/123456":                 {success(`{"job":{"id":123456,"status":"SUCCESS"},"object":{"value":"example.com","data":{"id":570}}}`)},
		"PUT certificate/570":            {started("123457")},
		"PUT certificate/570/_renew":     {started("123458")},
		"DELETE certificate/570":         {started("123459")},
		"POST certificate/570/_revoke":   {success("")},
		"PUT job/1/_cancel":              {success("")},
		"PUT job/1/_resendApproverEmail": {success("")},
		"PUT job/123456/_cancel":         {success("")},
		"GET sslcontact/100":             {success(`{"id":100}`)},
		"GET sslcontact/101":             {success(`{"id":101}`)},
		"GET poll":                       {success("")},
		"GET job/history/99":             {`404 {"status":{"code":"E300117","type":"ERROR"}}`},
	}}
	for path, list := range replies {
		v.replies[path] = list
	}
	v.server = httptest.NewServer(v)
	t.Cleanup(v.server.Close)
	return v
}

// prepared is the data of the guide's answer to prepareOrder, its TXT line as it is there.
const prepared = `{"name":"example.com","authentication":[
	{"method":"EMAIL","approverEmails":["admin@example.com","webmaster@example.com"]},
	{"method":"DNS","dns":"example.com.\t\t300\tIN\tTXT\t\t\"20170407z34\"","provisioning":true},
	{"method":"FILE","fileName":"http://example.com/.well-known/pki-validation/fileauth.txt","fileContent":"20170407z34"}]}`

// success is an envelope with one element of data, or none.
func success(data string) string {
	return `{"stid":"1","status":{"code":"S1","text":"ok","type":"SUCCESS"},"data":[` + data + `]}`
}

func started(job string) string {
	return `{"stid":"1","status":{"code":"N400101","text":"ok","type":"NOTIFY"},"data":[{"id":` + job + `}]}`
}

// ServeHTTP implements http.Handler.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	key := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v1/")
	v.mu.Lock()
	v.requests = append(v.requests, strings.TrimSpace(key+" "+string(body)))
	v.headers = append(v.headers, r.Header)
	list := v.replies[key]
	if len(list) > 1 {
		v.replies[key] = list[1:]
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

// sent are the requests that begin with "VERB path", and the headers of the last one.
func (v *vendor) sent(key string) ([]string, http.Header) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []string
	var header http.Header
	for i, request := range v.requests {
		if request == key || strings.HasPrefix(request, key+" ") {
			found, header = append(found, request), v.headers[i]
		}
	}
	return found, header
}

// testNow is the clock of all tests here.
func testNow() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

func testConfig(endpoint string) Config {
	return Config{
		Endpoint: endpoint, User: "shop", Password: testPassword, Product: Product{ID: "QUICKSSLPREMIUM"},
		ContactIDs: &ContactIDs{Admin: 100, Technical: 101},
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
	return providers.NewIntent(kind, "test", "ri-reference", testNow(), testNow)
}

// testCSR is any base64: nothing here reads it.
const testCSR = "-----BEGIN CERTIFICATE REQUEST-----\nQ1NS\nQ1NS\n-----END CERTIFICATE REQUEST-----\n"

// sentCSR is how it must leave.
const sentCSR = `"-----BEGIN CERTIFICATE REQUEST-----\r\nQ1NSQ1NS\r\n-----END CERTIFICATE REQUEST-----"`

func testRequest(names ...string) providers.Request {
	return providers.Request{
		CSR: []byte(testCSR), CommonName: names[0], Names: names, Method: providers.MethodTXT, TermMonths: 12,
	}
}

// pair is a CSR and a certificate with the same key.
type pair struct{ csr, certificate string }

func newPair(t testing.TB) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "example.com"}}, key)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), BasicConstraintsValid: true, NotAfter: testNow()}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return pair{
		csr:         string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
		certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
	}
}
