package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// manifests decodes a directory of config/, strictly: a field that doesn't exist is an error.
func manifests(t *testing.T, directory string) []runtime.Object {
	t.Helper()
	scheme, err := newScheme()
	require.NoError(t, err)
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, rbacv1.AddToScheme, networkingv1.AddToScheme} {
		require.NoError(t, add(scheme))
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	files, err := filepath.Glob(filepath.Join("..", "..", "config", directory, "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var objects []runtime.Object
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for document := range strings.SplitSeq(string(content), "\n---\n") {
			object, _, err := decoder.Decode([]byte(document), nil, nil)
			require.NoError(t, err, file)
			objects = append(objects, object)
		}
	}
	return objects
}

func ofType[T runtime.Object](objects []runtime.Object) []T {
	var found []T
	for _, object := range objects {
		if typed, ok := object.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

func TestSamples(t *testing.T) {
	t.Parallel()
	objects := manifests(t, "samples")
	namespaced, cluster := ofType[*v1alpha1.ResellerIssuer](objects), ofType[*v1alpha1.ResellerClusterIssuer](objects)
	require.NotEmpty(t, namespaced)
	require.NotEmpty(t, cluster)
	require.NotEmpty(t, ofType[*cmapi.Certificate](objects))
	require.NotEmpty(t, ofType[*networkingv1.Ingress](objects))

	secrets := map[string]*corev1.Secret{}
	for _, secret := range ofType[*corev1.Secret](objects) {
		secrets[secret.Namespace+"/"+secret.Name] = secret
	}
	used := func(namespace string, spec v1alpha1.ResellerIssuerSpec) {
		assert.Equal(t, v1alpha1.PurchaseDryRun, spec.Purchase.Mode, "a sample buys nothing")
		assert.Contains(t, secrets, namespace+"/"+spec.Reseller.CyberSSL.CredentialsSecretRef.Name)
		require.NoError(t, endpoints{prefixes: vendorEndpoints}.permit(spec.Reseller.CyberSSL.Endpoint))
	}
	for _, issuer := range namespaced {
		used(issuer.Namespace, issuer.Spec)
	}
	for _, issuer := range cluster {
		used("reseller-issuer", issuer.Spec.ResellerIssuerSpec)
	}
}

// ofController are the roles that nobody else has.
var ofController = map[string]bool{"reseller-issuer-controller": true, "reseller-issuer-cluster": true, "reseller-issuer-secrets": true}

// Who could write orders or purchases could have money spent.
func TestRolesAreNarrow(t *testing.T) {
	t.Parallel()
	for _, role := range ofType[*rbacv1.ClusterRole](manifests(t, "rbac")) {
		for _, rule := range role.Rules {
			for _, list := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs} {
				assert.NotContains(t, list, "*", role.Name)
			}
			if ofController[role.Name] || !writes(rule.Verbs) {
				continue
			}
			for _, resource := range rule.Resources {
				assert.NotContains(t, resource, "resellerorders", role.Name)
				assert.NotContains(t, resource, "resellerpurchases", role.Name)
			}
		}
	}
}

func writes(verbs []string) bool {
	for _, verb := range verbs {
		if verb != "get" && verb != "list" && verb != "watch" {
			return true
		}
	}
	return false
}

// The Deployment's flags exist, and its grace period covers a paying call.
func TestDeployment(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "reseller-issuer")
	deployments := ofType[*appsv1.Deployment](manifests(t, "manager"))
	require.Len(t, deployments, 1)
	pod := deployments[0].Spec.Template.Spec
	_, err := parse(pod.Containers[0].Args, io.Discard)
	require.NoError(t, err)
	assert.Greater(t, float64(*pod.TerminationGracePeriodSeconds), shutdownTimeout.Seconds())
}
