package suites

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"os"
	"testing"

	cmutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// TestRestoredBackup restores a backup into a fresh cluster as Velero does it by default: no
// status, no CertificateRequests, new UIDs, no owner references. Nothing is bought or
// reissued before an admin has taken the purchases over, and the first cluster, which still
// runs, doesn't work against the second one after that.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	certificate := s.certificate("site", s.issuer(s.settings(productSingle)), "www."+s.domain)
	s.obtain(certificate)
	backup := s.backup()
	before := s.charges()

	second, err := world.Sibling(t.Context(), os.Stderr)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, second.Stop()) })
	restore(t, second, backup)
	require.NoError(t, second.StartController(t.Context()))
	there := *s
	there.c = second.Client()
	request := there.ask(certificate, "site-restored")

	order := there.awaitHeld("ForeignCluster")
	assert.Contains(t, order.Status.Message, "spec.clusterID")
	assert.Equal(t, before, s.charges(), "nothing that costs or changes anything")

	for _, purchase := range there.purchases(order) {
		there.change(&purchase, func() { purchase.Spec.ClusterID = there.ownClusterID() })
	}
	there.eventually(func(c *assert.CollectT) {
		require.NoError(c, there.c.Get(t.Context(), client.ObjectKeyFromObject(request), request))
		assert.True(c, cmutil.CertificateRequestHasCondition(request, cmapi.CertificateRequestCondition{
			Type: cmapi.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue,
		}), "%+v", request.Status.Conditions)
	})
	there.checkChain(request.Status.Certificate, certificate.Spec.DNSNames)
	assert.Len(t, s.charges(sandbox.EntryReissue), 1)
	s.paidOnce()

	s.trigger(certificate)
	s.awaitHeld("OrderMismatch")
	assert.Len(t, s.charges(), 2, "the first cluster keeps its hands off")
}

// backup has the scene's objects as they are stored, oldest kinds first.
func (s *scene) backup() []client.Object {
	s.t.Helper()
	objects := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}}
	for _, list := range []client.ObjectList{
		&corev1.SecretList{}, &v1alpha1.ResellerIssuerList{}, &cmapi.CertificateList{}, &v1alpha1.ResellerOrderList{},
	} {
		require.NoError(s.t, s.c.List(s.t.Context(), list, client.InNamespace(s.namespace)))
		objects = append(objects, itemsOf(s.t, list)...)
	}
	for _, purchase := range s.purchases(s.order(s.t)) {
		objects = append(objects, &purchase)
	}
	return objects
}

func itemsOf(t *testing.T, list client.ObjectList) []client.Object {
	t.Helper()
	items, err := apimeta.ExtractList(list)
	require.NoError(t, err)
	objects := make([]client.Object, len(items))
	for i, item := range items {
		objects[i] = item.(client.Object)
	}
	return objects
}

// restore creates what a backup has, stripped of what the API server makes.
func restore(t *testing.T, cluster *lab.Lab, backup []client.Object) {
	t.Helper()
	for _, object := range backup {
		kind, err := cluster.Client().GroupVersionKindFor(object)
		require.NoError(t, err)
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		require.NoError(t, err)
		stripped := &unstructured.Unstructured{Object: content}
		stripped.SetGroupVersionKind(kind)
		unstructured.RemoveNestedField(stripped.Object, "status")
		for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences", "finalizers"} {
			unstructured.RemoveNestedField(stripped.Object, "metadata", field)
		}
		require.NoError(t, cluster.Client().Create(t.Context(), stripped), "%s %s", kind.Kind, object.GetName())
	}
}

// ask does what cert-manager does for a Certificate that needs another certificate.
func (s *scene) ask(certificate *cmapi.Certificate, name string) *cmapi.CertificateRequest {
	s.t.Helper()
	owner := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: certificate.Name}}
	s.get(owner)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(s.t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: owner.Spec.CommonName}, DNSNames: owner.Spec.DNSNames,
	}, key)
	require.NoError(s.t, err)
	request := &cmapi.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.namespace, Name: name,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, cmapi.SchemeGroupVersion.WithKind(cmapi.CertificateKind))},
		},
		Spec: cmapi.CertificateRequestSpec{
			Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), IssuerRef: owner.Spec.IssuerRef,
		},
	}
	s.create(request)
	cmutil.SetCertificateRequestCondition(request, cmapi.CertificateRequestConditionApproved, cmmeta.ConditionTrue, "Test", "approved")
	require.NoError(s.t, s.c.Status().Update(s.t.Context(), request))
	return request
}

// ownClusterID is the default of --cluster-id.
func (s *scene) ownClusterID() string {
	s.t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system"}}
	s.get(namespace)
	return string(namespace.UID)
}
