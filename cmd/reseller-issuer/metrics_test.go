package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// selfSigned makes a certificate that is its own CA, and writes it and its key as a mounted
// Secret has them.
func selfSigned(t *testing.T, dir string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "metrics"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tls.crt"), certificate, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tls.key"), private, 0o600))
	pair, err := tls.X509KeyPair(certificate, private)
	require.NoError(t, err)
	return pair
}

// TestMetricsForClientsWithACertificate serves metrics over HTTPS to whom the CA has signed
// for, and to nobody else.
func TestMetricsForClientsWithACertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	known, stranger := selfSigned(t, dir), selfSigned(t, t.TempDir())
	options, err := metricsOptions(config{metricsAddress: "127.0.0.1:0", metricsCertDir: dir, metricsClientCA: filepath.Join(dir, "tls.crt")})
	require.NoError(t, err)
	server, err := metricsserver.NewServer(options, &rest.Config{}, http.DefaultClient)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	address := ""
	require.Eventually(t, func() bool {
		address = server.(interface{ GetBindAddr() string }).GetBindAddr()
		return address != ""
	}, 10*time.Second, 10*time.Millisecond)

	roots := x509.NewCertPool()
	roots.AddCert(known.Leaf)
	ask := func(certificates ...tls.Certificate) (*http.Response, error) {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", http.NoBody)
		require.NoError(t, err)
		return client.Do(request)
	}
	response, err := ask(known)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	_, err = ask()
	require.Error(t, err, "without a certificate")
	_, err = ask(stranger)
	require.Error(t, err, "with a certificate of somebody else")
}

func TestMetricsOptions(t *testing.T) {
	t.Parallel()
	plain, err := metricsOptions(config{metricsAddress: ":1"})
	require.NoError(t, err)
	assert.False(t, plain.SecureServing)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	_, err = metricsOptions(config{metricsCertDir: "/tls", metricsClientCA: ca})
	require.ErrorContains(t, err, "--metrics-client-ca")
	require.NoError(t, os.WriteFile(ca, []byte("none"), 0o600))
	_, err = metricsOptions(config{metricsCertDir: "/tls", metricsClientCA: ca})
	require.ErrorContains(t, err, "has no certificate")
}
