package httpfile_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/httpfile"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// world has a name server, and a web server on a loopback address.
func world(t *testing.T, handler http.Handler, records ...string) httpfile.CheckerOptions {
	t.Helper()
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	_, port, err := net.SplitHostPort(web.Listener.Addr().String())
	require.NoError(t, err)
	number, err := strconv.ParseUint(port, 10, 16)
	require.NoError(t, err)
	fake, err := dnstest.StartFake(context.WithoutCancel(t.Context()), "127.0.0.1", 0, dnstest.Zone("example.com.", records...))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, fake.Close()) })
	return httpfile.CheckerOptions{
		Canary:   httpfile.Canary{Key: "cluster"},
		Resolver: &resolver.Resolver{Client: &resolver.Client{}, Servers: []string{fake.Addr}},
		Port:     uint16(number), AllowPrivate: true,
	}
}

// foreign is what a web server says that knows nothing of the file.
const foreign = "somebody else's page"

// sites are hosts that serve the file, or something else.
func sites() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(dcv.FilePrefix, httpfile.Handler{
		Files: published{"example.com" + path: "token\n", "www.example.com" + path: foreign, "target.example.com" + path: "token\n"},
	})
	mux.HandleFunc("moved.example.com/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://target.example.com"+r.URL.Path, http.StatusMovedPermanently)
	})
	mux.HandleFunc("other.example.com/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://target.example.com"+r.URL.Path, http.StatusSeeOther)
	})
	mux.HandleFunc("port.example.com/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://target.example.com:8443"+r.URL.Path, http.StatusFound)
	})
	mux.HandleFunc("inside.example.com/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254"+r.URL.Path, http.StatusFound)
	})
	mux.HandleFunc("loop.example.com/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://loop.example.com"+r.URL.Path, http.StatusFound)
	})
	mux.HandleFunc("huge.example.com/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("token\n" + strings.Repeat("a", 1<<20)))
	})
	return mux
}

func TestFetch(t *testing.T) {
	t.Parallel()
	options := world(t, sites(),
		"example.com. 60 A 127.0.0.1", "www.example.com. 60 A 127.0.0.1", "none.example.com. 60 TXT x",
		"moved.example.com. 60 A 127.0.0.1", "other.example.com. 60 A 127.0.0.1", "port.example.com. 60 A 127.0.0.1",
		"inside.example.com. 60 A 127.0.0.1", "loop.example.com. 60 A 127.0.0.1", "target.example.com. 60 CNAME example.com.",
		"huge.example.com. 60 A 127.0.0.1", "local.example.com. 60 A 169.254.169.254", "any.example.com. 60 A 0.0.0.0",
		"two.example.com. 60 A 169.254.1.1", "two.example.com. 60 A 127.0.0.1",
	)
	checker := httpfile.NewChecker(options)
	for host, text := range map[string]string{
		"example.com":          "",
		"moved.example.com":    "",
		"www.example.com":      "other content than expected",
		"two.example.com":      "status 404", // the good address is tried, too
		"other.example.com":    "status 303",
		"port.example.com":     "port other than 80 and 443",
		"inside.example.com":   "no certificate authority can reach this address: 169.254.169.254",
		"loop.example.com":     "status 302",
		"huge.example.com":     "other content than expected",
		"local.example.com":    "no certificate authority can reach this address: 169.254.169.254",
		"any.example.com":      "no certificate authority can reach this address: 0.0.0.0",
		"none.example.com":     "the DNS has no address for none.example.com",
		"missing.example.com":  "the DNS has no address for missing.example.com",
		"target.example.com":   "",
		"servfail.example.org": "REFUSED",
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			err := checker.Fetch(t.Context(), dcv.File{Host: host, Path: path, Body: "token\n"})
			if text == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, text)
			require.ErrorContains(t, err, host)
			assert.NotContains(t, err.Error(), foreign)
		})
	}
}

func TestCanaryFromOutside(t *testing.T) {
	t.Parallel()
	handler := httpfile.Handler{Files: published{}, Canary: httpfile.Canary{Key: "cluster"}}
	options := world(t, handler, "example.com. 60 A 127.0.0.1")
	require.NoError(t, httpfile.NewChecker(options).Canary(t.Context(), "example.com"))
	options.Canary.Key = "other"
	require.ErrorContains(t, httpfile.NewChecker(options).Canary(t.Context(), "example.com"), "other content")
}

// In production an address that no CA can reach is refused.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	options := world(t, http.NotFoundHandler(),
		"one.example.com. 60 A 127.0.0.1", "two.example.com. 60 A 10.0.0.1", "three.example.com. 60 A 192.168.1.1", "four.example.com. 60 AAAA fd00::1")
	options.AllowPrivate = false
	checker := httpfile.NewChecker(options)
	for _, host := range []string{"one", "two", "three", "four"} {
		err := checker.Fetch(t.Context(), dcv.File{Host: host + ".example.com", Path: path, Body: "x"})
		require.ErrorContains(t, err, "no certificate authority can reach this address", host)
	}
}
