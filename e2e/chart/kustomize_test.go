package chart

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
)

// kustomized is `kustomize build config/default`.
func kustomized(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), root+"/config/default")
	require.NoError(t, err)
	content, err := resources.AsYaml()
	require.NoError(t, err)
	objects, err := controlplane.Decode(content)
	require.NoError(t, err)
	return objects
}

// Kustomize and Helm install the same, apart from labels and what only one of them has.
func TestSameAsKustomize(t *testing.T) {
	t.Parallel()
	helm, kustomize := map[string]any{}, map[string]any{}
	for _, object := range rendered(t, "{}") {
		helm[object.GetKind()+" "+object.GetName()] = essence(t, object)
	}
	for _, object := range kustomized(t) {
		kustomize[object.GetKind()+" "+object.GetName()] = essence(t, object)
	}
	for _, only := range []string{"Service reseller-issuer-metrics", "PodDisruptionBudget reseller-issuer"} {
		assert.Contains(t, helm, only)
		delete(helm, only)
	}
	assert.Contains(t, kustomize, "Namespace reseller-issuer", "Helm has --create-namespace")
	delete(kustomize, "Namespace reseller-issuer")
	for name, want := range kustomize {
		assert.Equal(t, want, helm[name], name)
	}
	assert.Len(t, helm, len(kustomize))
}

// essence is an object without what may differ.
func essence(t *testing.T, object *unstructured.Unstructured) any {
	t.Helper()
	if object.GetKind() == "Deployment" {
		return pod(t, object)
	}
	content := object.DeepCopy().Object
	unstructured.RemoveNestedField(content, "spec", "selector") // of a Service
	content["metadata"] = map[string]any{"namespace": object.GetNamespace(), "aggregation": aggregation(object)}
	return content
}

func aggregation(object *unstructured.Unstructured) []string {
	var roles []string
	for label := range object.GetLabels() {
		if strings.HasPrefix(label, "rbac.authorization.k8s.io/") {
			roles = append(roles, label)
		}
	}
	slices.Sort(roles)
	return roles
}

// stated are flags whose defaults the chart states, because it may add to them.
var stated = []string{"--allowed-endpoints", "--allowed-hook-urls", "--http-file-service"}

// pod is a Deployment without labels, image, and the flags that have their defaults.
func pod(t *testing.T, object *unstructured.Unstructured) appsv1.DeploymentSpec {
	t.Helper()
	spec := typed[appsv1.Deployment](t, []*unstructured.Unstructured{object}, "Deployment")[0].Spec
	spec.Selector = nil
	spec.Template.Labels, spec.Template.Annotations = nil, nil
	spec.Template.Spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution[0].PodAffinityTerm.LabelSelector = nil
	container := &spec.Template.Spec.Containers[0]
	container.Image = ""
	container.Args = slices.DeleteFunc(slices.Clone(container.Args), func(arg string) bool {
		return slices.ContainsFunc(stated, func(flag string) bool { return strings.HasPrefix(arg, flag+"=") })
	})
	slices.Sort(container.Args)
	return spec
}
