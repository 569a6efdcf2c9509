package chart

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

const (
	root     = "../.."
	chartDir = root + "/charts/reseller-issuer"
	name     = "reseller-issuer"
)

// matrix are the installations that testdata describes, by name.
func matrix(t *testing.T) map[string]Release {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	cases := map[string]Release{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		release := Release{Name: name, Namespace: name}
		require.NoError(t, yaml.UnmarshalStrict(content, &release.Values))
		cases[strings.TrimSuffix(filepath.Base(file), ".yaml")] = release
	}
	return cases
}

func forEach(t *testing.T, check func(t *testing.T, release Release, objects []*unstructured.Unstructured)) {
	t.Helper()
	for title, release := range matrix(t) {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			objects, err := Render(chartDir, release)
			require.NoError(t, err)
			require.NotEmpty(t, objects)
			check(t, release, objects)
		})
	}
}

// rendered is the chart with values in YAML.
func rendered(t *testing.T, values string) []*unstructured.Unstructured {
	t.Helper()
	release := Release{Name: name, Namespace: name}
	require.NoError(t, yaml.UnmarshalStrict([]byte(values), &release.Values))
	objects, err := Render(chartDir, release)
	require.NoError(t, err)
	return objects
}

// typed are the objects of a kind.
func typed[T any](t *testing.T, objects []*unstructured.Unstructured, kind string) []T {
	t.Helper()
	var found []T
	for _, object := range objects {
		if object.GetKind() != kind {
			continue
		}
		var converted T
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &converted, true), object.GetName())
		found = append(found, converted)
	}
	return found
}

func TestLint(t *testing.T) {
	t.Parallel()
	for title, release := range matrix(t) {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			for _, message := range lint.RunAll(chartDir, release.Values, release.Namespace).Messages {
				if strings.Contains(message.Error(), "icon is recommended") {
					continue
				}
				assert.Less(t, message.Severity, support.InfoSev, "%s", message)
			}
		})
	}
}

func TestObjectsAreWellFormed(t *testing.T) {
	t.Parallel()
	cluster := []string{"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "ResellerClusterIssuer"}
	forEach(t, func(t *testing.T, _ Release, objects []*unstructured.Unstructured) {
		seen := map[string]bool{}
		for _, object := range objects {
			id := fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName())
			assert.False(t, seen[id], "%s is there twice", id)
			seen[id] = true
			assert.Equal(t, slices.Contains(cluster, object.GetKind()), object.GetNamespace() == "", id)
			if !strings.HasSuffix(object.GetName(), "-extra") {
				assert.Equal(t, "Helm", object.GetLabels()["app.kubernetes.io/managed-by"], id)
			}
		}
	})
}

func TestLedgerIsKept(t *testing.T) {
	t.Parallel()
	annotation := func(values string) (kept int) {
		for _, object := range rendered(t, values) {
			if object.GetKind() == "CustomResourceDefinition" && object.GetAnnotations()["helm.sh/resource-policy"] == "keep" {
				kept++
			}
		}
		return kept
	}
	assert.GreaterOrEqual(t, annotation("{}"), 4)
	assert.Zero(t, annotation("crds: {keep: false}"))
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		"replicas: 3":                                                 "replicas",
		"config: {leaderelect: false}":                                "leaderelect",
		"config: {secretWatch: false}":                                "/config/secretWatch",
		"config: {secretWatch: Sometimes}":                            "/config/secretWatch",
		"config: {overdueAfter: 1 day}":                               "/config/overdueAfter",
		"config: {namespaces: [\"a,b\"]}":                             "/config/namespaces/0",
		"config: {leaderElect: false}":                                "config.leaderElect: it must not be false with more than one replica",
		"replicaCount: -1":                                            "/replicaCount",
		"image: {digest: latest}":                                     "/image/digest",
		"image: {pullPolicy: Sometimes}":                              "/image/pullPolicy",
		"terminationGracePeriodSeconds: 30":                           "/terminationGracePeriodSeconds",
		"proxy: {https: \"http://me:secret@proxy:3128\"}":             "/proxy/https",
		"caBundle: {configMap: a, secret: b}":                         "caBundle: set configMap or secret, not both",
		"serviceAccount: {create: false}":                             "serviceAccount.name: it must be set",
		"rbac: {secretNamespaces: [\"*\"]}":                           "/rbac/secretNamespaces/0",
		"{rbac: {secretNamespaces: [a]}, config: {namespaces: [b]}}":  "rbac.secretNamespaces: config.namespaces limits",
		"{rbac: {secretNamespaces: [a]}, config: {secretWatch: All}}": "config.secretWatch: All needs the right",
		"{metrics: {serviceMonitor: {enabled: true}}, config: {metricsBindAddress: \"0\"}}": "config.metricsBindAddress is 0",
		"podDisruptionBudget: {minAvailable: 1, maxUnavailable: 1}":                         "podDisruptionBudget: set minAvailable or maxUnavailable",
	} {
		release := Release{Name: name, Namespace: name}
		require.NoError(t, yaml.UnmarshalStrict([]byte(values), &release.Values))
		_, err := Render(chartDir, release)
		require.ErrorContains(t, err, want, values)
	}
}

// controller is the container of the controller.
func controller(t *testing.T, objects []*unstructured.Unstructured) corev1.Container {
	t.Helper()
	for _, deployment := range typed[appsv1.Deployment](t, objects, "Deployment") {
		if container := deployment.Spec.Template.Spec.Containers[0]; container.Name == "controller" {
			return container
		}
	}
	require.Fail(t, "no controller")
	return corev1.Container{}
}

func arguments(t *testing.T, objects []*unstructured.Unstructured) []string {
	t.Helper()
	return controller(t, objects).Args
}

// containerPort is 0 if the controller has no port of the name.
func containerPort(t *testing.T, objects []*unstructured.Unstructured, name string) int32 {
	t.Helper()
	for _, port := range controller(t, objects).Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	return 0
}

func TestFlags(t *testing.T) {
	t.Parallel()
	values, err := os.ReadFile("testdata/everything.yaml")
	require.NoError(t, err)
	args := arguments(t, rendered(t, string(values)))
	for _, want := range []string{
		"--cluster-id=blue", "--kube-api-qps=1000000", "--concurrency=4", "--overdue-after=12h", "--secret-watch=Off",
		"--dns-recursive-nameservers=https://dns.example/dns-query,192.0.2.53:53", "--metrics-bind-address=:8080",
		"--ca-bundle=/etc/reseller-issuer/sandbox/ca.crt,/etc/reseller-issuer/ca/bundle.pem",
	} {
		assert.Contains(t, args, want)
	}
	assert.Equal(t, "--log-format=text", args[len(args)-1], "extra arguments come last")
	for _, arg := range args {
		assert.NotContains(t, arg, "leader-elect=", "what has no value is left to the flag's default")
		assert.NotContains(t, arg, "null")
		assert.NotContains(t, arg, "%!")
	}
	assert.Contains(t, arguments(t, rendered(t, "{replicaCount: 1, config: {leaderElect: false, pollInterval: \"0\"}}")), "--leader-elect=false")
}

// reach are the places where a role is bound to the controller: "*" for the whole cluster.
func reach(t *testing.T, objects []*unstructured.Unstructured, role string) []string {
	t.Helper()
	var places []string
	for _, binding := range typed[rbacv1.ClusterRoleBinding](t, objects, "ClusterRoleBinding") {
		if binding.RoleRef.Name == name+"-"+role {
			places = append(places, "*")
		}
	}
	for _, binding := range typed[rbacv1.RoleBinding](t, objects, "RoleBinding") {
		if binding.RoleRef.Name == name+"-"+role {
			assert.Equal(t, name, binding.Subjects[0].Namespace)
			places = append(places, binding.Namespace)
		}
	}
	return places
}

func TestReachOfPermissions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values                               string
		controller, cluster, secrets, leases []string
	}{
		{"{}", []string{"*"}, []string{"*"}, []string{"*"}, []string{name}},
		{"config: {namespaces: [a, b]}", []string{name, "a", "b"}, []string{"*"}, []string{name, "a", "b"}, []string{name}},
		{"config: {namespaces: [a], clusterResourceNamespace: a, leaderElectionNamespace: b}", []string{"a"}, []string{"*"}, []string{"a"}, []string{"b"}},
		{"rbac: {secretNamespaces: [a]}", []string{"*"}, []string{"*"}, []string{name, "a"}, []string{name}},
		{"rbac: {create: false}", nil, nil, nil, nil},
	} {
		objects := rendered(t, test.values)
		assert.Equal(t, test.controller, reach(t, objects, "controller"), test.values)
		assert.Equal(t, test.cluster, reach(t, objects, "cluster"), test.values)
		assert.Equal(t, test.secrets, reach(t, objects, "secrets"), test.values)
		assert.Equal(t, test.leases, reach(t, objects, "leader-election"), test.values)
	}
	assert.Equal(t, []string{"a", "b"}, reach(t, rendered(t, "rbac: {externalDNSNamespaces: [a, b]}"), "external-dns"))
	assert.Empty(t, reach(t, rendered(t, "{}"), "external-dns"))
}

func rulesOf(t *testing.T, objects []*unstructured.Unstructured, role string) []rbacv1.PolicyRule {
	t.Helper()
	for _, found := range typed[rbacv1.ClusterRole](t, objects, "ClusterRole") {
		if found.Name == name+"-"+role {
			return found.Rules
		}
	}
	return nil
}

// Without the right to watch, Secrets are only read, and the flag says so.
func TestSecretsAreOnlyRead(t *testing.T) {
	t.Parallel()
	for values, verbs := range map[string][]string{
		"{}":                             {"get", "list", "watch"},
		"config: {secretWatch: \"Off\"}": {"get"},
		"rbac: {secretNamespaces: [a]}":  {"get"},
		"{rbac: {secretNamespaces: [a]}, config: {secretWatch: Namespaces}}": {"get", "list", "watch"},
	} {
		objects := rendered(t, values)
		rules := rulesOf(t, objects, "secrets")
		require.Len(t, rules, 1, values)
		assert.Equal(t, verbs, rules[0].Verbs, values)
		assert.Equal(t, len(verbs) == 1, slices.Contains(arguments(t, objects), "--secret-watch=Off"), values)
	}
}

func TestApprover(t *testing.T) {
	t.Parallel()
	bindings := typed[rbacv1.ClusterRoleBinding](t, rendered(t, "approver: {serviceAccount: {name: cm, namespace: security}}"), "ClusterRoleBinding")
	var subjects []rbacv1.Subject
	for _, binding := range bindings {
		if binding.RoleRef.Name == name+"-approver" {
			subjects = binding.Subjects
		}
	}
	assert.Equal(t, []rbacv1.Subject{{Kind: "ServiceAccount", Name: "cm", Namespace: "security"}}, subjects)
	assert.Nil(t, rulesOf(t, rendered(t, "approver: {enabled: false}"), "approver"))
}

// Whoever could write orders or purchases could have money spent.
func TestRolesAreNarrow(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, _ Release, objects []*unstructured.Unstructured) {
		roles := typed[rbacv1.ClusterRole](t, objects, "ClusterRole")
		require.NotEmpty(t, roles)
		for _, role := range roles {
			for _, rule := range role.Rules {
				for _, list := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs} {
					assert.NotContains(t, list, "*", role.Name)
				}
				if aggregated(role) {
					assert.False(t, writesMoney(rule), "%s: %v", role.Name, rule)
				}
			}
		}
	})
}

func aggregated(role rbacv1.ClusterRole) bool {
	for label := range role.Labels {
		if strings.HasPrefix(label, "rbac.authorization.k8s.io/aggregate-to-") {
			return true
		}
	}
	return false
}

func writesMoney(rule rbacv1.PolicyRule) bool {
	writes := slices.ContainsFunc(rule.Verbs, func(verb string) bool { return verb != "get" && verb != "list" && verb != "watch" })
	money := slices.ContainsFunc(rule.Resources, func(resource string) bool {
		return strings.HasPrefix(resource, "resellerorders") || strings.HasPrefix(resource, "resellerpurchases")
	})
	return writes && money
}

// The kinds of the Prometheus operator, which the control plane of the tests doesn't serve.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	objects, err := Render(chartDir, matrix(t)["everything"])
	require.NoError(t, err)
	monitors := typed[monitoringv1.ServiceMonitor](t, objects, "ServiceMonitor")
	require.Len(t, monitors, 1)
	var ports []string
	for _, service := range typed[corev1.Service](t, objects, "Service") {
		if labels.SelectorFromSet(monitors[0].Spec.Selector.MatchLabels).Matches(labels.Set(service.Labels)) {
			ports = append(ports, service.Spec.Ports[0].Name)
		}
	}
	assert.Contains(t, ports, monitors[0].Spec.Endpoints[0].Port)

	for _, rule := range typed[monitoringv1.PrometheusRule](t, objects, "PrometheusRule") {
		assert.NotEmpty(t, rule.Spec.Groups, rule.Name)
	}
	assert.Len(t, typed[monitoringv1.PrometheusRule](t, objects, "PrometheusRule"), count(t, "rules/*.yaml"))
	dashboards := 0
	for _, config := range typed[corev1.ConfigMap](t, objects, "ConfigMap") {
		for file, content := range config.Data {
			dashboards++
			assert.Equal(t, "1", config.Labels["grafana_dashboard"])
			assert.True(t, json.Valid([]byte(content)), file)
		}
	}
	assert.Equal(t, count(t, "dashboards/*.json"), dashboards)
}

func count(t *testing.T, pattern string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartDir, "files", pattern))
	require.NoError(t, err)
	return len(files)
}
