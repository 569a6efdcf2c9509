package controlplane_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	cmutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
)

const selfSigned = "self-signed"

func applySelfSigned(t *testing.T, plane *controlplane.ControlPlane) {
	t.Helper()
	apply(t, plane, fmt.Sprintf(`{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: %s}, spec: {selfSigned: {}}}`, selfSigned))
}

func newCertificate(namespace, name, dnsName string) *cmapi.Certificate {
	return &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: cmapi.CertificateSpec{
			SecretName: name,
			DNSNames:   []string{dnsName},
			IssuerRef:  cmmeta.IssuerReference{Name: selfSigned, Kind: "ClusterIssuer"},
		},
	}
}

// awaitLeaf waits for the Secret of a Certificate and returns its leaf.
func awaitLeaf(t *testing.T, c client.Client, certificate *cmapi.Certificate) *x509.Certificate {
	t.Helper()
	var leaf *x509.Certificate
	eventually(t, func(e *assert.CollectT) {
		var secret corev1.Secret
		key := client.ObjectKey{Namespace: certificate.Namespace, Name: certificate.Spec.SecretName}
		require.NoError(e, c.Get(t.Context(), key, &secret))
		block, _ := pem.Decode(secret.Data[corev1.TLSCertKey])
		require.NotNil(e, block)
		parsed, err := x509.ParseCertificate(block.Bytes)
		require.NoError(e, err)
		leaf = parsed
	})
	return leaf
}

func TestCertManagerIssues(t *testing.T) {
	t.Parallel()
	plane := sharedPlane(t)
	c := newClient(t, plane)
	applySelfSigned(t, plane)
	certificate := newCertificate(newNamespace(t, plane), "site", "www.example.test")
	require.NoError(t, c.Create(t.Context(), certificate))
	assert.Equal(t, []string{"www.example.test"}, awaitLeaf(t, c, certificate).DNSNames)
}

func TestWebhookRefuses(t *testing.T) {
	t.Parallel()
	plane := sharedPlane(t)
	certificate := newCertificate(newNamespace(t, plane), "nameless", "")
	certificate.Spec.DNSNames = nil
	err := newClient(t, plane).Create(t.Context(), certificate)
	require.Error(t, err)
	assert.True(t, apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err), "got %v", err)
	assert.ErrorContains(t, err, `admission webhook "webhook.cert-manager.io" denied the request`)
}

func TestGatewayGetsACertificate(t *testing.T) {
	t.Parallel()
	plane := sharedPlane(t)
	applySelfSigned(t, plane)
	namespace := newNamespace(t, plane)
	apply(t, plane, fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: %s, annotations: {cert-manager.io/cluster-issuer: %s}}
spec:
  gatewayClassName: none
  listeners:
  - {name: https, hostname: gw.example.test, port: 443, protocol: HTTPS, tls: {mode: Terminate, certificateRefs: [{name: edge}]}}
`, namespace, selfSigned))
	leaf := awaitLeaf(t, newClient(t, plane), newCertificate(namespace, "edge", ""))
	assert.Equal(t, []string{"gw.example.test"}, leaf.DNSNames)
}

// TestForeignSignerNeedsApproval has an issuer kind that cert-manager's chart
// knows nothing of.
func TestForeignSignerNeedsApproval(t *testing.T) {
	t.Parallel()
	plane := sharedPlane(t)
	c := newClient(t, plane)
	namespace := newNamespace(t, plane)
	apply(t, plane, exampleCRD("ForeignIssuer", "foreignissuers"))
	request := newRequest(t, namespace)
	require.NoError(t, c.Create(t.Context(), request))

	const refusal = "does not have permissions to set approved/denied conditions for issuer {foreign ForeignIssuer example.test}"
	eventually(t, func(e *assert.CollectT) {
		log, err := os.ReadFile(filepath.Join(plane.Dir(), controlplane.CertManagerController+".log"))
		require.NoError(e, err)
		assert.Contains(e, string(log), refusal)
	})
	require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(request), request))
	assert.False(t, cmutil.CertificateRequestIsApproved(request))

	apply(t, plane, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: approve-foreign}
rules: [{apiGroups: [cert-manager.io], resources: [signers], verbs: [approve], resourceNames: [foreignissuers.example.test/*]}]
`)
	apply(t, plane, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: approve-foreign}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: approve-foreign}
subjects: [{kind: ServiceAccount, namespace: cert-manager, name: cert-manager}]
`)
	eventually(t, func(e *assert.CollectT) {
		require.NoError(e, c.Get(t.Context(), client.ObjectKeyFromObject(request), request))
		assert.True(e, cmutil.CertificateRequestIsApproved(request))
	})
}

func newRequest(t *testing.T, namespace string) *cmapi.CertificateRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"foreign.example.test"}}, key)
	require.NoError(t, err)
	return &cmapi.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bare"},
		Spec: cmapi.CertificateRequestSpec{
			Request:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}),
			IssuerRef: cmmeta.IssuerReference{Name: "foreign", Kind: "ForeignIssuer", Group: "example.test"},
		},
	}
}

// TestRestartCertManager is not parallel: no other test may miss cert-manager.
func TestRestartCertManager(t *testing.T) {
	plane := sharedPlane(t)
	c := newClient(t, plane)
	applySelfSigned(t, plane)
	require.NoError(t, plane.StopCertManager())
	require.ErrorContains(t, plane.StopCertManager(), "not running")
	certificate := newCertificate(newNamespace(t, plane), "patient", "later.example.test")
	require.NoError(t, c.Create(t.Context(), certificate), "the webhook stays")
	require.NoError(t, plane.StartCertManager(t.Context()))
	assert.Equal(t, []string{"later.example.test"}, awaitLeaf(t, c, certificate).DNSNames)
	require.NoError(t, plane.Restart(t.Context(), controlplane.CertManagerController))
}
