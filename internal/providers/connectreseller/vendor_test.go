package connectreseller

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const testKey = "k3y-of-the-account"

// vendor is an API that decrypts requests, keeps them and answers what the test tells it.
type vendor struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	replies  map[string][]string
	requests []string
}

// newVendor answers each operation with its replies in turn, the last one for ever. A reply is
// a text to encrypt, or "plain STATUS text".
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
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	line := r.Method + " " + r.URL.RequestURI()
	if len(body) > 0 {
		text, err := vectorCipher(v.t).decrypt(body)
		assert.NoError(v.t, err)
		line += " " + r.Header.Get("Content-Type") + " " + string(text)
	}
	v.mu.Lock()
	v.requests = append(v.requests, line)
	list := v.replies[name]
	if len(list) > 1 {
		v.replies[name] = list[1:]
	}
	v.mu.Unlock()
	if len(list) == 0 {
		http.NotFound(w, r)
		return
	}
	plain, ok := strings.CutPrefix(list[0], "plain ")
	if !ok {
		_, _ = w.Write(vectorCipher(v.t).encrypt([]byte(list[0])))
		return
	}
	status, text, _ := strings.Cut(plain, " ")
	code, err := strconv.Atoi(status)
	assert.NoError(v.t, err)
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

// sent are the requests so far to an operation, to all if it is empty.
func (v *vendor) sent(name string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []string
	for _, request := range v.requests {
		if name == "" || strings.Contains(request, "/"+name+"?") {
			found = append(found, request)
		}
	}
	return found
}

// testNow is the clock of all tests here: the moment of the samples of the API document.
func testNow() time.Time { return time.UnixMilli(1684223841387).UTC() }

func testConfig(endpoint string) Config {
	return Config{
		Endpoint: endpoint, ResellerID: 26, CustomerID: 129, APIKey: testKey, Passphrase: "correct horse battery staple",
		Salt: "00112233445566778899aabbccddeeff", IV: "0f0e0d0c0b0a09080706050403020100", Product: Product{ID: "5"},
		HTTPClient: providers.NewHTTPClient(providers.Options{AllowLoopback: true}), Now: testNow,
	}
}

// provider is one for the vendor and a product.
func (v *vendor) provider(code string) *Provider {
	v.t.Helper()
	config := testConfig(v.server.URL + "/ESHOP/")
	config.Product.ID = code
	v.t.Cleanup(config.HTTPClient.CloseIdleConnections)
	p, err := New(config)
	require.NoError(v.t, err)
	return p
}

func testIntent(kind providers.OperationKind) *providers.Intent {
	return providers.NewIntent(kind, "test", "", testNow(), testNow)
}

func kindOf(t *testing.T, err error) providers.Kind {
	t.Helper()
	var failure *providers.Error
	require.ErrorAs(t, err, &failure)
	for _, secret := range []string{testKey, "horse", "00112233", "0f0e0d0c"} {
		assert.NotContains(t, err.Error(), secret)
	}
	return failure.Kind
}

func fieldOf(t *testing.T, err error) string {
	t.Helper()
	var failure *providers.Error
	require.ErrorAs(t, err, &failure)
	return failure.Field
}

// good is a successful answer around responseData.
func good(data string) []string {
	return []string{`{"responseMsg":{"message":"done","statusCode":200},"responseData":` + data + `,"timestamp":1684157155970}`}
}

// bad is a refusal.
func bad(code string) []string {
	return []string{`{"responseMsg":{"message":"no","statusCode":400},"responseData":{"msgCode":"` + code + `"},"timestamp":1}`}
}

// pair is a CSR and a certificate for its key, with its issuer.
type pair struct {
	csr, leaf, issuer string
	record            string // Sectigo's
	key               string
}

func newPair(t testing.TB, name string) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
	}
	issuer := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, NotAfter: leaf.NotAfter,
	}
	sign := func(template *x509.Certificate) string {
		der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), key)
		require.NoError(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	label, target := tokens(csr)
	return pair{
		csr:  string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
		leaf: sign(leaf), issuer: sign(issuer), record: label + ". " + strings.TrimPrefix(name, "*.") + " & " + strings.ToUpper(target) + ".sectigo.com",
		key: digestOf(public),
	}
}

// delivery is responseData of SSLCertificate; nobody knows the leaf's field.
func (p pair) delivery(t testing.TB) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"successCode": 0, "caBundle": []string{p.issuer}, "x": map[string]any{"y": p.leaf}})
	require.NoError(t, err)
	return string(text)
}

func (p pair) request(method providers.Method, name string) providers.Request {
	request := providers.Request{CSR: []byte(p.csr), CommonName: name, Names: []string{name}, Method: method, TermMonths: 12}
	if method == providers.MethodEmail {
		request.Emails = map[string]string{name: "admin@" + name}
	}
	return request
}
