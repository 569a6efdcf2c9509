package controlplane_test

import (
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestBackoff fails a request as an external issuer would; by default
// cert-manager would not ask again for an hour.
func TestBackoff(t *testing.T) {
	t.Parallel()
	plane := sharedPlane(t)
	c := newClient(t, plane)
	namespace := newNamespace(t, plane)
	certificate := newCertificate(namespace, "unlucky", "unlucky.example.test")
	certificate.Spec.IssuerRef = cmmeta.IssuerReference{Name: "absent", Kind: "BackoffIssuer", Group: "backoff.example.test"}
	require.NoError(t, c.Create(t.Context(), certificate))

	first := awaitRequest(t, c, namespace, "")
	now := metav1.Now()
	first.Status.FailureTime = &now
	first.Status.Conditions = append(first.Status.Conditions, cmapi.CertificateRequestCondition{
		Type: cmapi.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, LastTransitionTime: &now,
		Reason: cmapi.CertificateRequestReasonFailed, Message: "refused for the test",
	})
	require.NoError(t, c.Status().Update(t.Context(), first))
	second := awaitRequest(t, c, namespace, first.UID)
	assert.NotEqual(t, first.Spec.Request, second.Spec.Request, "a failed request loses its key")
}

// awaitRequest waits for a request in the namespace with a UID other than not.
func awaitRequest(t *testing.T, c client.Client, namespace string, not types.UID) *cmapi.CertificateRequest {
	t.Helper()
	var found *cmapi.CertificateRequest
	eventually(t, func(e *assert.CollectT) {
		var list cmapi.CertificateRequestList
		require.NoError(e, c.List(t.Context(), &list, client.InNamespace(namespace)))
		require.Len(e, list.Items, 1)
		require.NotEqual(e, not, list.Items[0].UID)
		found = &list.Items[0]
	})
	return found
}
