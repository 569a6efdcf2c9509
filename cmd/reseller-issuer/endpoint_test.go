package main

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func TestPermit(t *testing.T) {
	t.Parallel()
	production := endpoints{prefixes: []string{"https://api.example.com/v1", "https://other.example.com/"}}
	everything := endpoints{prefixes: []string{anyEndpoint}}
	development := endpoints{prefixes: []string{"http://127.0.0.1:8081", "http://api.example.com"}, loopback: true}
	cases := map[string]struct {
		allowed endpoints
		yes     bool
	}{
		"https://api.example.com/v1":          {production, true},
		"https://api.example.com/v1/":         {production, true},
		"https://API.example.com:443/v1/sub":  {production, true},
		"https://other.example.com/any":       {production, true},
		"https://api.example.com/v12":         {production, false},
		"https://api.example.com/v1/../v2":    {production, false},
		"https://api.example.com/v1/%2e%2e/x": {production, false},
		"https://api.example.com/v1%2fx":      {production, false},
		`https://api.example.com/v1/\x`:       {production, false},
		"https://api.example.com.evil.test/":  {production, false},
		"https://api.example.com@evil.test/":  {production, false},
		"https://api.example.com:8443/v1":     {production, false},
		"https://api.example.com/v1?key=x":    {production, false},
		"https://api.example.com/v1#x":        {production, false},
		"http://api.example.com/v1":           {production, false},
		"ftp://api.example.com/v1":            {production, false},
		"api.example.com/v1":                  {production, false},
		"https://":                            {production, false},
		"":                                    {production, false},
		"://":                                 {production, false},
		"https://anything.test/x":             {everything, true},
		"http://anything.test/x":              {everything, false},
		"http://127.0.0.1/":                   {everything, false},
		"http://127.0.0.1:8081/v1":            {development, true},
		"http://127.0.0.1:80/v1":              {development, false},
		"http://api.example.com/":             {development, false},
	}
	for endpoint, tc := range cases {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			err := tc.allowed.permit(endpoint)
			if tc.yes {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
			}
		})
	}
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"localhost", "127.0.0.1", "127.1.2.3", "::1"} {
		require.True(t, isLoopback(host), host)
	}
	for _, host := range []string{"localhost.evil.test", "10.0.0.1", "127.0.0.1.evil.test", ""} {
		require.False(t, isLoopback(host), host)
	}
}

func TestVendorEndpointsArePermitted(t *testing.T) {
	t.Parallel()
	c := defaults()
	for _, endpoint := range vendorEndpoints {
		require.NoError(t, endpoints{prefixes: c.allowedEndpoints}.permit(endpoint))
	}
}

func TestTrustedRoots(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	directory := t.TempDir()
	bundle, empty := filepath.Join(directory, "ca.crt"), filepath.Join(directory, "empty")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(bundle, certificate, 0o600))
	require.NoError(t, os.WriteFile(empty, []byte("no PEM"), 0o600))

	get := func(files ...string) error {
		roots, err := trustedRoots(files)
		require.NoError(t, err)
		client := providers.NewHTTPClient(providers.Options{RootCAs: roots, AllowLoopback: true})
		defer client.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, get(), &unknown)
	require.NoError(t, get(bundle))
	require.NoError(t, get(bundle, bundle))

	roots, err := trustedRoots([]string{bundle})
	require.NoError(t, err)
	system, err := x509.SystemCertPool()
	require.NoError(t, err)
	require.False(t, roots.Equal(system))
	system.AddCert(server.Certificate())
	require.True(t, roots.Equal(system), "the well-known CAs stay trusted")

	_, err = trustedRoots([]string{bundle, empty})
	require.EqualError(t, err, "--ca-bundle: "+empty+" has no certificate in PEM")
	_, err = trustedRoots([]string{filepath.Join(directory, "missing")})
	require.ErrorContains(t, err, "--ca-bundle: open ")
}
