package controlplane

import (
	"encoding/base64"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// certManagerChart is the real chart, out of the cache that Build fills.
func certManagerChart(t *testing.T) *chart {
	t.Helper()
	dir, err := certManagerHelper().build(t.Context(), io.Discard)
	require.NoError(t, err)
	c, err := loadChart(filepath.Join(dir, "chart"))
	require.NoError(t, err)
	return c
}

func byKindAndName(objects []*unstructured.Unstructured) map[string]*unstructured.Unstructured {
	index := map[string]*unstructured.Unstructured{}
	for _, o := range objects {
		index[o.GetKind()+" "+o.GetName()] = o
	}
	return index
}

func TestChartRBAC(t *testing.T) {
	objects, err := certManagerChart(t).rbac()
	require.NoError(t, err)
	index := byKindAndName(objects)
	for _, want := range []string{
		"ClusterRole cert-manager-controller-certificates",
		"ClusterRoleBinding cert-manager-controller-certificates",
		"ClusterRole cert-manager-controller-ingress-shim",
		"ClusterRole cert-manager-webhook:subjectaccessreviews",
		"ClusterRoleBinding cert-manager-webhook:subjectaccessreviews",
		"Role cert-manager-webhook:dynamic-serving",
	} {
		assert.Contains(t, index, want)
	}
	approve := index["ClusterRole cert-manager-controller-approve:cert-manager-io"]
	require.NotNil(t, approve)
	rules, _, err := unstructured.NestedSlice(approve.Object, "rules")
	require.NoError(t, err)
	assert.Equal(t, []any{map[string]any{
		"apiGroups":     []any{"cert-manager.io"},
		"resources":     []any{"signers"},
		"verbs":         []any{"approve"},
		"resourceNames": []any{"issuers.cert-manager.io/*", "clusterissuers.cert-manager.io/*"},
	}}, rules, "no foreign signer may be approved")
}

func TestChartWebhooks(t *testing.T) {
	objects, err := certManagerChart(t).webhooks(12345, []byte("the CA"))
	require.NoError(t, err)
	index := byKindAndName(objects)
	paths := map[string]string{
		"ValidatingWebhookConfiguration cert-manager-webhook": "/validate",
		"MutatingWebhookConfiguration cert-manager-webhook":   "/mutate",
	}
	assert.Len(t, index, len(paths))
	for name, path := range paths {
		require.Contains(t, index, name)
		hooks, _, err := unstructured.NestedSlice(index[name].Object, "webhooks")
		require.NoError(t, err)
		require.Len(t, hooks, 1)
		assert.Equal(t, map[string]any{
			"url":      "https://127.0.0.1:12345" + path,
			"caBundle": base64.StdEncoding.EncodeToString([]byte("the CA")),
		}, hooks[0].(map[string]any)["clientConfig"])
	}
}
