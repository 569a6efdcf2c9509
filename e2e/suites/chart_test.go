package suites

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/reseller-issuer/reseller-issuer/e2e/chart"
)

// TestChartIsAccepted lets the API server look at all that the chart makes of the values in
// e2e/chart/testdata: strictly, so that a field that doesn't exist is an error, and with its pods
// under the pod security standard "restricted".
func TestChartIsAccepted(t *testing.T) {
	t.Parallel()
	timed(t)
	files, err := filepath.Glob("../chart/testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	const namespace = "chart-is-accepted"
	for _, name := range []string{namespace, "issuers", "shop", "blog", "leases"} {
		// The others may be there already: the documentation speaks of them, too.
		require.NoError(t, client.IgnoreAlreadyExists(world.Client().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		}})))
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		release := chart.Release{Name: "accepted", Namespace: namespace}
		require.NoError(t, yaml.UnmarshalStrict(content, &release.Values))
		objects, err := chart.Render(world.Chart(), release)
		require.NoError(t, err, file)
		for _, object := range objects {
			if object.GroupVersionKind().Group == "monitoring.coreos.com" {
				continue // e2e/chart holds them against the operator's types
			}
			assert.NoError(t, tryToCreate(t, object), "%s: %s %s", file, object.GetKind(), object.GetName())
			if object.GetKind() == "Deployment" {
				assert.NoError(t, tryToCreate(t, podOf(t, object)), "%s: pod of %s", file, object.GetName())
			}
		}
	}
	err = tryToCreate(t, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "lax", Namespace: namespace},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "lax", Image: "lax"}}},
	})
	assert.ErrorContains(t, err, "violates PodSecurity", "the API server does enforce the standard")
}

// tryToCreate lets the API server do everything but store the object. What the lab has
// installed is there already, which is told after all other checks.
func tryToCreate(t *testing.T, object client.Object) error {
	t.Helper()
	err := world.Client().Create(t.Context(), object, client.DryRunAll, &client.CreateOptions{Raw: &metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// podOf is the pod that a Deployment's controller would make.
func podOf(t *testing.T, object *unstructured.Unstructured) *corev1.Pod {
	t.Helper()
	var deployment appsv1.Deployment
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &deployment))
	pod := &corev1.Pod{ObjectMeta: deployment.Spec.Template.ObjectMeta, Spec: deployment.Spec.Template.Spec}
	pod.Name, pod.Namespace = strings.ToLower(deployment.Name)+"-0", deployment.Namespace
	return pod
}
