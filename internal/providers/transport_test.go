package providers

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// direct is the configuration of most tests: this machine, whatever the environment's proxy.
func direct() Options {
	return Options{AllowLoopback: true, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
}

func newRequest(t *testing.T, method, address string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	require.NoError(t, err)
	return req
}

func get(t *testing.T, client *http.Client, address string) (Response, error) {
	t.Helper()
	return Do(t.Context(), client, newRequest(t, http.MethodGet, address, nil), Call{Provider: "test", Operation: "read"})
}

func newServer(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// newTLSServer serves https with its own CA and keeps handshake errors out of the test's output.
func newTLSServer(t *testing.T, config *tls.Config) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = config
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	pool, err := CertPool(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	require.NoError(t, err)
	return server, pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		version uint16
		trusted bool
		want    Kind
	}{
		"1.3":        {tls.VersionTLS13, true, ""},
		"1.2":        {tls.VersionTLS12, true, ""},
		"1.1":        {tls.VersionTLS11, true, Unavailable},
		"unknown CA": {tls.VersionTLS13, false, Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, pool := newTLSServer(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tt.version})
			options := direct()
			if tt.trusted {
				options.RootCAs = pool
			}
			client := NewHTTPClient(options)
			t.Cleanup(client.CloseIdleConnections)
			_, err := get(t, client, server.URL)
			assert.Equal(t, tt.want, KindOf(err))
		})
	}
}

func TestCertPool(t *testing.T) {
	t.Parallel()
	_, err := CertPool([]byte("no PEM"))
	require.Error(t, err)
}

func TestAddressPolicy(t *testing.T) {
	t.Parallel()
	never := []string{
		"169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
		"0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1",
		"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254", "::ffff:0.0.0.0",
	}
	loopback := []string{"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"}
	private := []string{"10.0.0.1", "172.16.0.1", "192.168.1.1", "fd12::1", "100.64.0.1"}
	public := []string{"192.0.2.1", "8.8.8.8", "2001:db8::1", "64:ff9b::808:808"}

	for _, tt := range []struct {
		policy  addressPolicy
		allowed [][]string
		refused [][]string
	}{
		{addressPolicy{}, [][]string{private, public}, [][]string{never, loopback}},
		{addressPolicy{loopback: true}, [][]string{private, public, loopback}, [][]string{never}},
		{addressPolicy{refusePrivate: true}, [][]string{public}, [][]string{never, loopback, private}},
	} {
		for _, list := range tt.allowed {
			for _, text := range list {
				assert.NoError(t, tt.policy.check(netip.MustParseAddr(text)), text)
			}
		}
		for _, list := range tt.refused {
			for _, text := range list {
				assert.ErrorIs(t, tt.policy.check(netip.MustParseAddr(text)), ErrAddress, text)
			}
		}
	}
}

func TestRefusedURLs(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	server := newServer(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	proxy := func(*http.Request) (*url.URL, error) { return url.Parse(server.URL) }
	for name, tt := range map[string]struct {
		options Options
		address string
	}{
		"plain http":                    {Options{}, "http://192.0.2.1/"},
		"plain http, loopback allowed":  {direct(), "http://192.0.2.1/"},
		"loopback":                      {Options{}, "https://127.0.0.1" + port},
		"loopback by name":              {Options{}, "https://localhost" + port},
		"loopback, http allowed":        {Options{AllowHTTP: true}, "http://127.0.0.1" + port},
		"localhost, http allowed":       {Options{AllowHTTP: true}, "http://localhost" + port},
		"metadata":                      {direct(), "https://169.254.169.254/"},
		"metadata through a proxy":      {Options{Proxy: proxy}, "https://169.254.169.254/"},
		"unspecified reaches this host": {direct(), "https://0.0.0.0" + port},
		"other scheme":                  {direct(), "ftp://127.0.0.1/"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.options.Proxy == nil {
				tt.options.Proxy = direct().Proxy
			}
			req := newRequest(t, http.MethodPost, tt.address, strings.NewReader("body"))
			_, err := Do(t.Context(), NewHTTPClient(tt.options), req, Call{OneShot: true})
			assert.Equal(t, Unavailable, KindOf(err))
			require.ErrorIs(t, err, ErrAddress)
			assert.Zero(t, hits.Load())
		})
	}
}

func TestPlainHTTPAllowed(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(http.ResponseWriter, *http.Request) {})
	for _, options := range []Options{direct(), {AllowLoopback: true, AllowHTTP: true, Proxy: direct().Proxy}} {
		client := NewHTTPClient(options)
		t.Cleanup(client.CloseIdleConnections)
		got, err := get(t, client, strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, got.Status)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := newServer(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Get("Referer"))
		switch r.URL.Path {
		case "/same":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/other":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		}
	})
	client := NewHTTPClient(direct())
	t.Cleanup(client.CloseIdleConnections)
	for name, tt := range map[string]struct {
		method, path string
		oneShot      bool
		want         int
	}{
		"same host":          {http.MethodGet, "/same?key=k", false, http.StatusOK},
		"other host":         {http.MethodGet, "/other", false, http.StatusTemporaryRedirect},
		"endless":            {http.MethodGet, "/loop", false, http.StatusFound},
		"POST":               {http.MethodPost, "/same", false, http.StatusTemporaryRedirect},
		"POST to other host": {http.MethodPost, "/other", true, http.StatusTemporaryRedirect},
		"one-shot GET":       {http.MethodGet, "/same", true, http.StatusTemporaryRedirect},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Do(t.Context(), client, newRequest(t, tt.method, server.URL+tt.path, nil), Call{OneShot: tt.oneShot})
			require.NoError(t, err)
			assert.Equal(t, tt.want, got.Status)
			assert.Zero(t, elsewhere.Load())
		})
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	var connects atomic.Int32
	proxy := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodConnect, r.Method)
		connects.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	})
	// A proxy on this machine, such as a sidecar, works without AllowLoopback.
	client := NewHTTPClient(Options{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }})
	req := newRequest(t, http.MethodPost, "https://api.example/order", strings.NewReader("body"))
	_, err := Do(t.Context(), client, req, Call{OneShot: true})
	assert.Equal(t, Unavailable, KindOf(err), "the vendor was never reached")
	assert.EqualValues(t, 1, connects.Load())
}

func TestProxySettingsDoNotLeak(t *testing.T) {
	t.Parallel()
	client := NewHTTPClient(Options{Proxy: func(*http.Request) (*url.URL, error) {
		return nil, errors.New(`invalid proxy address "http://user:hunter2@proxy"`)
	}})
	_, err := get(t, client, "https://api.example/")
	assert.Equal(t, Unavailable, KindOf(err))
	assert.NotContains(t, err.Error(), "hunter2")
}

// network is a reseller in this process.
type network func(*http.Request) (*http.Response, error)

func (n network) RoundTrip(req *http.Request) (*http.Response, error) { return n(req) }

func TestNetworkTakesThePlaceOfConnections(t *testing.T) {
	t.Parallel()
	calls := 0
	client := NewHTTPClient(Options{Network: network(func(req *http.Request) (*http.Response, error) {
		calls++
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(req.URL.Path))}, nil
	})})
	defer client.CloseIdleConnections()
	for _, call := range []Call{{}, {OneShot: true}} {
		answer, err := Do(t.Context(), client, newRequest(t, http.MethodPost, "https://reseller.test/buy", nil), call)
		require.NoError(t, err)
		assert.Equal(t, "/buy", string(answer.Body))
	}
	assert.Equal(t, 2, calls)
	_, err := get(t, client, "https://169.254.169.254/")
	require.ErrorIs(t, err, ErrAddress, "what may be called is the same")
}
