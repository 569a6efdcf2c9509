package suites

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"

	cmutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// csrTemplate is a CSR for names, of which the first is the common name.
func csrTemplate(names ...string) *x509.CertificateRequest {
	return &x509.CertificateRequest{Subject: pkix.Name{CommonName: names[0]}, DNSNames: names}
}

// newCSR is a CSR in PEM, with a new ECDSA key.
func newCSR(t *testing.T, template *x509.CertificateRequest) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return signCSR(t, template, key)
}

func signCSR(t *testing.T, template *x509.CertificateRequest, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// request is a CertificateRequest that no Certificate owns.
func (s *scene) request(name string, issuer client.Object, template *x509.CertificateRequest) *cmapi.CertificateRequest {
	s.t.Helper()
	return &cmapi.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:       cmapi.CertificateRequestSpec{Request: newCSR(s.t, template), IssuerRef: reference(issuer)},
	}
}

// approvedCSR creates a Kubernetes CertificateSigningRequest called like the namespace,
// and approves it as an administrator.
func (s *scene) approvedCSR(issuer *v1alpha1.ResellerClusterIssuer, name string) *certificatesv1.CertificateSigningRequest {
	s.t.Helper()
	csr := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:    newCSR(s.t, csrTemplate(name)),
			SignerName: issuer.GetIssuerTypeIdentifier() + "/" + issuer.Name,
			Usages:     []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
		},
	}
	s.create(csr)
	csr.Status.Conditions = append(csr.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test", Message: "approved by the administrator",
	})
	require.NoError(s.t, s.c.SubResource("approval").Update(s.t.Context(), csr))
	return csr
}

// awaitIssued waits until a CertificateRequest has its certificate.
func (s *scene) awaitIssued(request *cmapi.CertificateRequest) {
	s.t.Helper()
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(request), request))
		ready := cmapi.CertificateRequestCondition{Type: cmapi.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue}
		assert.True(c, cmutil.CertificateRequestHasCondition(request, ready), "%+v", request.Status.Conditions)
	})
}

// awaitFailed waits until a CertificateRequest has failed for good, and returns why.
func (s *scene) awaitFailed(request *cmapi.CertificateRequest) string {
	s.t.Helper()
	var message string
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(request), request))
		ready := cmutil.GetCertificateRequestCondition(request, cmapi.CertificateRequestConditionReady)
		require.NotNil(c, ready)
		assert.Equal(c, cmapi.CertificateRequestReasonFailed, ready.Reason, ready.Message)
		message = ready.Message
	})
	return message
}
