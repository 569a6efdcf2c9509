package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/libdns/route53"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestLoad(t *testing.T) {
	t.Setenv("TEST_HOOK_AZURE", "azure-hunter2")
	path := write(t, "config.yaml", `
accounts:
- zones: [Example.com, shop.example.com.]
  provider: route53
  settings: {region: eu-central-1, max_retries: 3, access_key_id: id}
  secretFiles: {secret_access_key: `+write(t, "key", "hunter2\n")+`}
- zones: [example.net]
  provider: azure
  settings: {subscription_id: s, resource_group_name: g, tenant_id: t, client_id: c}
  secretEnv: {client_secret: TEST_HOOK_AZURE}
`)
	zones, secrets, err := load(path)
	require.NoError(t, err)
	assert.Equal(t, "example.com., shop.example.com., example.net.", zones.names())
	assert.Equal(t, &route53.Provider{Region: "eu-central-1", MaxRetries: 3, AccessKeyId: "id", SecretAccessKey: "hunter2"}, zones.zones[0].backend)
	assert.Same(t, zones.zones[0].backend, zones.zones[1].backend)
	assert.True(t, zones.zones[2].kind.wholeSets)
	assert.False(t, zones.Capabilities().MultiValue)
	assert.Equal(t, "token *** and ***", dcv.ForeignText("token hunter2 and azure-hunter2", secrets[1], secrets[0]))
	for name, want := range map[string]string{"_a.shop.example.com": "shop.example.com.", "_a.www.example.com": "example.com.", "example.net": "example.net."} {
		z, err := zones.zoneOf(request(t, dcv.TXT, name, "v").Record)
		require.NoError(t, err)
		assert.Equal(t, want, z.name)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	secret := write(t, "key", "hunter2")
	for says, config := range map[string]string{
		"accounts: want at least one":                                 `accounts: []`,
		`unknown field "account"`:                                     `account: []`,
		`accounts[0]: provider "bind": want one of azure, cloudflare`: `accounts: [{zones: [a.example], provider: bind}]`,
		"accounts[0]: zones: want at least one":                       `accounts: [{provider: route53}]`,
		"zones[0]":                                                    `accounts: [{zones: ["a..b"], provider: route53}]`,
		"accounts[1].zones: a.example. is there twice":                `accounts: [{zones: [a.example], provider: route53}, {zones: [A.example], provider: route53}]`,
		"settings.secret_access_key is a credential":                  `accounts: [{zones: [a.example], provider: route53, settings: {secret_access_key: hunter2}}]`,
		`hetzner: the setting "api_token" is missing`:                 `accounts: [{zones: [a.example], provider: hetzner}]`,
		`cloudflare: the setting "api_token" is missing or`:           `accounts: [{zones: [a.example], provider: cloudflare, secretEnv: {api_token: TEST_HOOK_UNSET}}]`,
		"secretFiles.api_token":                                       `accounts: [{zones: [a.example], provider: hetzner, secretFiles: {api_token: /nonexistent}}]`,
		`unknown field "regoin"`:                                      `accounts: [{zones: [a.example], provider: route53, settings: {regoin: x}}]`,
		"cannot unmarshal":                                            `accounts: [{zones: [a.example], provider: route53, secretFiles: {max_retries: ` + secret + `}}]`,
	} {
		_, _, err := load(write(t, "config.yaml", config))
		require.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	_, _, err := load("/nonexistent")
	require.ErrorContains(t, err, "configuration")
}

// TestKinds has every provider take its own settings, by the names of its library.
func TestKinds(t *testing.T) {
	t.Parallel()
	for name, k := range kinds {
		settings := map[string]any{}
		for _, field := range append(k.required, k.secret...) {
			settings[field] = "x"
		}
		assert.NoError(t, fill(k.new(), settings), name)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	good := write(t, "token", token+"\n")
	short := write(t, "token", "secret")
	for says, args := range map[string][]string{
		"unexpected argument":                    {"--token-file=" + good, "--listen=127.0.0.1:0", "extra"},
		"--tls-cert-file: it is needed":          {"--token-file=" + good, "--listen=:8080"},
		"want both or none":                      {"--token-file=" + good, "--tls-cert-file=x"},
		"--tls-cert-file, --tls-key-file: open":  {"--token-file=" + good, "--tls-cert-file=/nonexistent", "--tls-key-file=/nonexistent"},
		"--token-file: open":                     {"--token-file=/nonexistent", "--listen=127.0.0.1:0"},
		"want at least 16 characters":            {"--token-file=" + short, "--listen=127.0.0.1:0"},
		"flag provided but not defined: -listne": {"--listne=x"},
	} {
		_, err := parse(args, none)
		require.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), token)
	}
	o, err := parse([]string{"--listen=127.0.0.1:2"}, func(name string) string {
		return map[string]string{"DCV_HOOK_TOKEN_FILE": good, "DCV_HOOK_LISTEN": "127.0.0.1:1"}[name]
	})
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:2", o.listen, "a flag beats the environment")
	assert.Nil(t, o.certificate())
	_, err = parse(nil, func(name string) string { return map[string]string{"DCV_HOOK_VERSION": "maybe"}[name] })
	require.ErrorContains(t, err, "DCV_HOOK_VERSION")
}

// pair writes a new self-signed certificate for 127.0.0.1 over the files.
func pair(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	changed := time.Now().Add(time.Duration(serial) * time.Minute)
	require.NoError(t, os.Chtimes(certFile, changed, changed))
	return certFile, keyFile
}

// TestServe runs the server over TLS, with a certificate that is renewed meanwhile.
func TestServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := pair(t, dir, 1)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }), ReadHeaderTimeout: time.Second}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, server, listener, &keyFiles{cert: certFile, key: keyFile}) }()
	serial := func() int64 {
		conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", listener.Addr().String())
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	assert.EqualValues(t, 1, serial())
	pair(t, dir, 2)
	assert.EqualValues(t, 2, serial())
	require.NoError(t, os.WriteFile(certFile, []byte("half a file"), 0o600))
	assert.EqualValues(t, 2, serial(), "the last good one")
	cancel()
	require.NoError(t, <-done)
}

func TestRun(t *testing.T) {
	t.Parallel()
	key := write(t, "key", "secret")
	config := write(t, "config.yaml", `accounts: [{zones: [a.example], provider: hetzner, secretFiles: {api_token: `+key+`}}]`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	args := []string{"--listen=127.0.0.1:0", "--token-file=" + write(t, "token", token), "--config=" + config}
	require.NoError(t, run(ctx, args, func(string) string { return "" }), "told to stop")
	require.ErrorContains(t, run(t.Context(), append(args, "--config=/nonexistent"), func(string) string { return "" }), "configuration")
}
