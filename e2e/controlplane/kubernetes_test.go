package controlplane_test

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
)

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	plane, err := controlplane.Start(t.Context(), controlplane.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, plane.Stop()) })
	programs := plane.Processes()
	var names []string
	for _, p := range programs {
		names = append(names, p.Name())
	}
	assert.Equal(t, []string{controlplane.Etcd, controlplane.APIServer, controlplane.Controllers}, names)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, plane.WriteKubeconfig(kubeconfig))
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(t, err)
	kube, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	body, err := kube.RESTClient().Get().AbsPath("/readyz").DoRaw(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "ok", string(body))
	version, err := kube.Discovery().ServerVersion()
	require.NoError(t, err)
	assert.Equal(t, "v1.36.3", version.GitVersion)

	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "settings"}}
	require.NoError(t, newClient(t, plane).Create(t.Context(), settings))
	require.NoError(t, plane.Restart(t.Context(), controlplane.APIServer))
	assert.False(t, isGone(t, newClient(t, plane), settings), "the data outlive a restart")
	assert.ErrorContains(t, plane.Restart(t.Context(), controlplane.CertManagerWebhook), "not running")

	programs = plane.Processes()
	require.NoError(t, plane.Stop())
	for _, p := range programs {
		assert.ErrorIs(t, syscall.Kill(p.PID(), 0), syscall.ESRCH, "%s still runs", p.Name())
	}
	assert.NoDirExists(t, plane.Dir())
	assert.Empty(t, plane.Processes())
	assert.NoError(t, plane.Stop(), "a second Stop")
}

func TestStartReportsTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := controlplane.Start(t.Context(), controlplane.Options{
		Dir:           dir,
		APIServerArgs: []string{"--no-such-flag"},
	})
	require.ErrorContains(t, err, "start kube-apiserver")
	assert.ErrorContains(t, err, "unknown flag: --no-such-flag")
	assert.FileExists(t, filepath.Join(dir, "kube-apiserver.log"), "a directory of the caller's is kept")
	assert.NoFileExists(t, filepath.Join(dir, "kube-controllers.log"))
}

func TestServiceAccountHasOnlyItsOwnRights(t *testing.T) {
	t.Parallel()
	plane := sharedPlane(t)
	path, err := plane.ServiceAccountConfig(t.Context(), newNamespace(t, plane), "robot")
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	require.NoError(t, err)
	robot, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)

	review, err := robot.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	require.NoError(t, err)
	assert.Equal(t, "system:serviceaccount:testserviceaccounthasonlyitsownrights:robot", review.Status.UserInfo.Username)
	_, err = robot.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
	assert.True(t, apierrors.IsForbidden(err), "got %v", err)
}

func TestNamespaceDeletion(t *testing.T) {
	t.Parallel()
	plane := sharedPlane(t)
	c := newClient(t, plane)
	namespace := newNamespace(t, plane)
	content := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "content"}}
	require.NoError(t, c.Create(t.Context(), content))
	require.NoError(t, c.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
	eventually(t, func(e *assert.CollectT) {
		assert.True(e, isGone(t, c, content), "content")
		assert.True(e, isGone(t, c, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}), "namespace")
	})
}

// TestGarbageCollection has an owner whose CRD is younger than the collector.
func TestGarbageCollection(t *testing.T) {
	t.Parallel()
	plane := sharedPlane(t)
	c := newClient(t, plane)
	namespace := newNamespace(t, plane)
	apply(t, plane, exampleCRD("Owner", "owners"))
	owner := object(t, fmt.Sprintf(`{apiVersion: example.test/v1, kind: Owner, metadata: {name: owner, namespace: %s}}`, namespace))
	require.NoError(t, c.Create(t.Context(), owner))
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: "owned",
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, owner.GroupVersionKind())},
	}}
	require.NoError(t, c.Create(t.Context(), owned))

	require.NoError(t, c.Delete(t.Context(), owner))
	eventually(t, func(e *assert.CollectT) { assert.True(e, isGone(t, c, owned)) })
}

// exampleCRD is a CRD of group example.test that takes any content.
func exampleCRD(kind, plural string) string {
	return fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[2]s.example.test}
spec:
  group: example.test
  scope: Namespaced
  names: {kind: %[1]s, listKind: %[1]sList, plural: %[2]s, singular: one%[2]s}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`, kind, plural)
}

func isGone(t *testing.T, c client.Client, o client.Object) bool {
	t.Helper()
	err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o)
	return apierrors.IsNotFound(err)
}
