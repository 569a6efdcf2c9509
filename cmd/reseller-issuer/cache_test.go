package main

import (
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

func described() metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "team", Name: "web", UID: "uid", ResourceVersion: "7",
		Labels: map[string]string{"a": "b"}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "x"}},
	}
}

func bareIdentity() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "team", Name: "web", UID: "uid", ResourceVersion: "7"}
}

func trimmedRequest(t *testing.T, group string, conditions ...cmapi.CertificateRequestCondition) *cmapi.CertificateRequest {
	t.Helper()
	got, err := trimRequest(&cmapi.CertificateRequest{
		ObjectMeta: described(),
		Spec:       cmapi.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Group: group, Name: "issuer"}, Request: []byte("csr")},
		Status:     cmapi.CertificateRequestStatus{Conditions: conditions, Certificate: []byte("certificate"), CA: []byte("ca")},
	})
	require.NoError(t, err)
	return got.(*cmapi.CertificateRequest)
}

func TestTrimRequest(t *testing.T) {
	t.Parallel()
	foreign := trimmedRequest(t, "cert-manager.io")
	assert.Equal(t, bareIdentity(), foreign.ObjectMeta)
	assert.Empty(t, foreign.Spec.Request)
	assert.Equal(t, "issuer", foreign.Spec.IssuerRef.Name)

	approved := cmapi.CertificateRequestCondition{Type: cmapi.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue}
	ready := cmapi.CertificateRequestCondition{Type: cmapi.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue}
	waits := trimmedRequest(t, "reseller-issuer.io", approved)
	assert.NotEmpty(t, waits.Spec.Request, "Sign needs it")
	assert.Empty(t, waits.ManagedFields)
	assert.NotEmpty(t, waits.Labels)

	done := trimmedRequest(t, "reseller-issuer.io", approved, ready)
	assert.Empty(t, done.Spec.Request)
	assert.Empty(t, done.Status.Certificate)
	assert.Equal(t, order.RequestReady, order.StateOfRequest(done))
}

func TestTrimSigningRequest(t *testing.T) {
	t.Parallel()
	trim := func(signer string) *certificatesv1.CertificateSigningRequest {
		got, err := trimSigningRequest(&certificatesv1.CertificateSigningRequest{
			ObjectMeta: described(),
			Spec:       certificatesv1.CertificateSigningRequestSpec{SignerName: signer, Request: []byte("csr")},
			Status:     certificatesv1.CertificateSigningRequestStatus{Certificate: []byte("certificate")},
		})
		require.NoError(t, err)
		return got.(*certificatesv1.CertificateSigningRequest)
	}
	for _, signer := range []string{"kubernetes.io/kubelet-serving", "resellerissuers.reseller-issuer.io/team.issuer", ""} {
		foreign := trim(signer)
		assert.Equal(t, bareIdentity(), foreign.ObjectMeta)
		assert.Empty(t, foreign.Spec.Request)
		assert.Equal(t, signer, foreign.Spec.SignerName)
	}
	ours := trim("resellerclusterissuers.reseller-issuer.io/issuer")
	assert.NotEmpty(t, ours.Spec.Request)
	assert.Equal(t, order.RequestReady, order.StateOfCSR(ours), "a finished one must stay finished")
	assert.Empty(t, ours.ManagedFields)
}

func TestTrimSecret(t *testing.T) {
	t.Parallel()
	got, err := trimSecret(&metav1.PartialObjectMetadata{ObjectMeta: described()})
	require.NoError(t, err)
	assert.Equal(t, bareIdentity(), got.(*metav1.PartialObjectMetadata).ObjectMeta)
}

// The cache hands over other things too, such as markers of missed deletions.
func TestTrimLeavesOtherThingsAlone(t *testing.T) {
	t.Parallel()
	for _, trim := range []func(any) (any, error){trimRequest, trimSigningRequest, trimSecret} {
		got, err := trim("marker")
		require.NoError(t, err)
		assert.Equal(t, "marker", got)
	}
}

func TestSecretWatch(t *testing.T) {
	t.Parallel()
	c := config{secretWatch: watchAll, clusterResourceNamespace: "own"}
	assert.Nil(t, secretNamespaces(c))
	c.secretWatch = watchNamespaces
	assert.Equal(t, map[string]cache.Config{"own": {}}, secretNamespaces(c))
	c.namespaces = []string{"a", "own"}
	assert.Equal(t, map[string]cache.Config{"own": {}, "a": {}}, secretNamespaces(c))
	assert.Nil(t, cacheOptions(config{}).DefaultNamespaces)
	assert.Len(t, cacheOptions(c).DefaultNamespaces, 2)
}

func TestSchemeKnowsAllKinds(t *testing.T) {
	t.Parallel()
	scheme, err := newScheme()
	require.NoError(t, err)
	_, _, err = scheme.ObjectKinds(&corev1.Secret{})
	require.NoError(t, err)
	_, _, err = scheme.ObjectKinds(&cmapi.Certificate{})
	require.NoError(t, err)
}
