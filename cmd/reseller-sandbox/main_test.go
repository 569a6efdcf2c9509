package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// running is a sandbox in this process.
type running struct {
	api, admin, banner string
	logs               *buffer
	stop               func() error
}

// start runs the command and waits for its addresses.
func start(t *testing.T, args ...string) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	logs, done := &buffer{}, make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"--listen=127.0.0.1:0"}, args...), write, logs)
		_ = write.CloseWithError(io.EOF)
		done <- err
	}()
	r := running{logs: logs}
	r.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			return context.DeadlineExceeded
		}
	})
	t.Cleanup(func() { assert.NoError(t, r.stop()) })
	lines := bufio.NewScanner(read)
	for r.admin == "" && lines.Scan() {
		r.banner += lines.Text() + "\n"
		if url, ok := strings.CutPrefix(lines.Text(), "api: "); ok {
			r.api = url
		}
		if url, ok := strings.CutPrefix(lines.Text(), "admin: "); ok {
			r.admin = url
		}
	}
	require.NotEmpty(t, r.admin, logs.String())
	return r
}

// fetch GETs a URL.
func fetch(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := client.Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, "not-a-live-account", response.Header.Get("X-Reseller-Sandbox"))
	return string(text)
}

func TestServesAndStops(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "root.pem")
	r := start(t, "--validation=skip", "--root-out="+root, "--api-key=open-sesame", "--balance=7.5")
	assert.Contains(t, r.banner, "It buys nothing")
	assert.Contains(t, fetch(t, http.DefaultClient, r.api+"auth?apikey=open-sesame"), `"success":true`)
	assert.Contains(t, fetch(t, http.DefaultClient, r.api+"auth?apikey=wrong"), `"success":false`)
	assert.Contains(t, fetch(t, http.DefaultClient, r.admin+"healthz"), `"ok":true`)
	base := strings.TrimSuffix(r.admin, "admin/")
	assert.Contains(t, fetch(t, http.DefaultClient, base+"resello/api/v1/ssl-certificate"), "authentication_failed")
	assert.Contains(t, fetch(t, http.DefaultClient, base+"connectreseller/ConnectReseller/ESHOP/availablefund?APIKey=open-sesame&resellerId=26"), `"responseData": 7.50`)
	assert.Contains(t, fetch(t, http.DefaultClient, r.admin+"accounts"), `"7.50"`)
	written, err := os.ReadFile(root)
	require.NoError(t, err)
	assert.Equal(t, fetch(t, http.DefaultClient, r.admin+"ca"), string(written))
	require.NoError(t, r.stop())
	assert.NotContains(t, r.logs.String(), "open-sesame")
	assert.Contains(t, r.logs.String(), "shutting down")
}

func TestServesTLSAndASeparateAdmin(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "root.pem")
	r := start(t, "--tls", "--admin-listen=127.0.0.1:0", "--root-out="+root, "--resolver=127.0.0.1:1", "--tick=1ms")
	pool := x509.NewCertPool()
	text, err := os.ReadFile(root)
	require.NoError(t, err)
	require.True(t, pool.AppendCertsFromPEM(text))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	assert.True(t, strings.HasPrefix(r.api, "https://"))
	assert.Contains(t, fetch(t, client, r.admin+"healthz"), `"ok":true`)
	assert.Contains(t, fetch(t, client, strings.TrimSuffix(r.api, "v1/")+"admin/healthz"), "unknown method", "admin has its own listener")
}

// A certificate from files, as the Helm chart makes it.
func TestServesAGivenCertificate(t *testing.T) {
	t.Parallel()
	ca, err := sandbox.NewCA(time.Now())
	require.NoError(t, err)
	given, err := ca.ServerCertificate([]string{"127.0.0.1"}, time.Now())
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(given.PrivateKey)
	require.NoError(t, err)
	directory := t.TempDir()
	certFile, keyFile := filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key")
	var chain []byte
	for _, der := range given.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	require.NoError(t, os.WriteFile(certFile, chain, 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))

	r := start(t, "--tls-cert-file="+certFile, "--tls-key-file="+keyFile, "--validation=skip")
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	assert.Contains(t, fetch(t, &http.Client{Transport: transport}, r.admin+"healthz"), `"ok":true`)
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"--version"}, &text, io.Discard))
	assert.Equal(t, "reseller-sandbox unknown\n", text.String())
}

func TestRefusesBadFlags(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"argument":   {"start"},
		"flag":       {"--no-such-flag"},
		"validation": {"--validation=maybe"},
		"tick":       {"--tick=0s"},
		"key":        {"--api-key="},
		"balance":    {"--balance=much"},
		"half a TLS": {"--tls-cert-file=cert.pem"},
		"no TLS":     {"--tls-cert-file=no-such-file", "--tls-key-file=no-such-file", "--listen=127.0.0.1:0"},
		"salt":       {"--connectreseller-salt=salt"},
		"iv":         {"--connectreseller-iv=00"},
		"listen":     {"--listen=127.0.0.1:99999"},
		"admin":      {"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:99999"},
		"root":       {"--root-out=" + filepath.Join(t.TempDir(), "no", "such", "folder")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Error(t, run(t.Context(), append(args, "--resolver=127.0.0.1:1"), io.Discard, io.Discard))
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"--help"}, io.Discard, &text))
	for _, flag := range []string{"--listen", "--admin-listen", "--resolver", "--validation", "--max-validity", "--year", "--issue-delay", "--api-key", "--root-out", "--tls"} {
		assert.Contains(t, text.String(), flag)
	}
}
