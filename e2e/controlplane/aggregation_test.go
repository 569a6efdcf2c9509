package controlplane_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
)

// TestAggregatedAPI reaches a server of its own through the API server, the way
// that cert-manager's DNS01 webhooks are reached. It is not parallel: while its
// API is half there, discovery fails for everybody.
func TestAggregatedAPI(t *testing.T) {
	plane := sharedPlane(t)
	namespace := newNamespace(t, plane)
	certificate, bundle := newServerCertificate(t, "solver."+namespace+".svc")
	server := httptest.NewUnstartedServer(http.HandlerFunc(echoCaller))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequestClientCert,
		MinVersion:   tls.VersionTLS12,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)

	apply(t, plane, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: solver, namespace: %s}
spec: {type: ExternalName, externalName: localhost, ports: [{port: %s}]}
`, namespace, port))
	apply(t, plane, fmt.Sprintf(`
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1alpha1.solver.example.test}
spec:
  group: solver.example.test
  version: v1alpha1
  groupPriorityMinimum: 1000
  versionPriority: 15
  caBundle: %s
  service: {name: solver, namespace: %s, port: %s}
`, base64.StdEncoding.EncodeToString(bundle), namespace, port))

	kube, err := kubernetes.NewForConfig(plane.RESTConfig())
	require.NoError(t, err)
	t.Cleanup(func() {
		// A dead aggregated API would hold up every namespace deletion.
		err := kube.RESTClient().Delete().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.solver.example.test").Do(context.WithoutCancel(t.Context())).Error()
		assert.NoError(t, err)
	})
	eventually(t, func(e *assert.CollectT) {
		body, err := kube.RESTClient().Get().AbsPath("/apis/solver.example.test/v1alpha1/who").DoRaw(t.Context())
		require.NoError(e, err)
		assert.Equal(e, "front-proxy for admin", string(body))
	})
}

// echoCaller answers with the client certificate's name and the user it speaks for.
func echoCaller(w http.ResponseWriter, r *http.Request) {
	caller := "nobody"
	if len(r.TLS.PeerCertificates) > 0 {
		caller = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	_, _ = fmt.Fprintf(w, "%s for %s", caller, r.Header.Get("X-Remote-User"))
}

// newServerCertificate returns a self-signed certificate for dnsName, and itself in PEM.
func newServerCertificate(t *testing.T, dnsName string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		DNSNames:              []string{dnsName},
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
