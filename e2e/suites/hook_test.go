package suites

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

const (
	hookName = "dcv-hook-libdns"
	// hookToken must not appear in anything that the controller writes.
	hookToken = "b7c1e2f0a9d84c3e8f65-hook-token"
)

// startHook runs the libdns program over the lab's name server, with TLS, and returns its
// URL and its certificate.
func startHook(t *testing.T) (url string, authority []byte) {
	t.Helper()
	module, err := controlplane.ModuleDir()
	require.NoError(t, err)
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	authority, key := selfSigned(t)
	config, err := json.Marshal(map[string]any{"accounts": []any{map[string]any{
		"zones": []string{zone}, "provider": "rfc2136",
		"settings":    map[string]string{"server": world.Nameserver(), "key_name": world.TSIGKey().Name, "key_alg": "hmac-sha256"},
		"secretFiles": map[string]string{"key": file("tsig", world.TSIGKey().Secret)},
	}}})
	require.NoError(t, err)
	port, err := process.FreePort(t.Context())
	require.NoError(t, err)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(authority))
	hook, err := process.Start(t.Context(), process.Spec{
		Name: hookName, Path: filepath.Join(filepath.Dir(module), "bin", hookName),
		Args: []string{
			"--listen=" + address, "--config=" + file("config.yaml", string(config)), "--token-file=" + file("token", hookToken),
			"--tls-cert-file=" + file("tls.crt", string(authority)), "--tls-key-file=" + file("tls.key", string(key)),
		},
		LogFile: filepath.Join(dir, "log"),
		Ready:   process.HTTPReady("https://"+address+"/healthz", &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}),
	})
	require.NoError(t, err, "`make build-hook` builds it")
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(hook.LogTail())
		}
		assert.NoError(t, hook.Stop())
	})
	return "https://" + address + "/v1", authority
}

func selfSigned(t *testing.T) (certificate, private []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// TestHTTPSolver has names validated by a program of the user's own, the libdns one. The
// issuer isn't ready while the program refuses its token, and heals with the Secret.
func TestHTTPSolver(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	url, authority := startHook(t)
	token := secret(s.namespace, "hook", "token", "not-the-token-of-the-hook")
	s.create(token)
	settings := s.settings(productMulti)
	settings.DCV.Solvers = []v1alpha1.Solver{{HTTP: &v1alpha1.SolverHTTP{
		URL: url, CABundle: authority, AuthSecretRef: v1alpha1.SecretKeyReference{Name: "hook", Key: "token"},
	}}}
	issuer := s.issuer(settings)
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(t.Context(), client.ObjectKeyFromObject(issuer), issuer))
		var message string
		for _, condition := range issuer.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == metav1.ConditionFalse {
				message = condition.Message
			}
		}
		assert.Contains(c, message, "correct the token in the Secret")
	})
	s.change(token, func() { token.StringData = map[string]string{"token": hookToken} })

	leaf := s.obtain(s.certificate("site", issuer, s.domain, "www."+s.domain, "*."+s.domain))
	assert.ElementsMatch(t, []string{s.domain, "www." + s.domain, "*." + s.domain}, leaf.DNSNames)
	s.awaitNoRecords()
	s.paidOnce()
}
