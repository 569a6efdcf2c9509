package suites

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// hostZone has a host of every name, behind the reverse proxy.
const hostZone = "example.org"

// newHostScene is a scene whose names are hosts on the web.
func newHostScene(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	s.domain = s.namespace + "." + hostZone
	return s
}

// byFile has names validated by files that the controller serves.
func (s *scene) byFile(solver v1alpha1.SolverHTTPFile) v1alpha1.ResellerIssuerSpec {
	settings := s.settings(productSingle)
	settings.DCV.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodFile}
	settings.DCV.Solvers = []v1alpha1.Solver{{HTTPFile: &solver}}
	return settings
}

// patiently publishes, and buys only when the settle time of an hour is taken away.
func patiently(settings v1alpha1.ResellerIssuerSpec) v1alpha1.ResellerIssuerSpec {
	settings.DCV.Propagation.SettleTime = &metav1.Duration{Duration: time.Hour}
	return settings
}

func (s *scene) hurry(issuer *v1alpha1.ResellerClusterIssuer) {
	s.t.Helper()
	s.change(issuer, func() { issuer.Spec.DCV.Propagation.SettleTime = &metav1.Duration{} })
}

// awaitServed waits until the files of the test's only order are published and seen from outside.
func (s *scene) awaitServed() *v1alpha1.ResellerOrder {
	s.t.Helper()
	return s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		require.NotNil(c, order.Status.Issuance)
		assert.NotNil(c, order.Status.Issuance.PropagatedAt, order.Status.Message)
	})
}

// fetch gets a path of a host from a server.
func fetch(t *testing.T, server, host, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+path, http.NoBody)
	require.NoError(t, err)
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// fetched are the requests for a URL that the reverse proxy has answered.
func fetched(t *testing.T, url string) []string {
	t.Helper()
	lines, err := world.Fetches()
	require.NoError(t, err)
	var found []string
	for _, line := range lines {
		if strings.Contains(line, " "+url) {
			found = append(found, line)
		}
	}
	return found
}

// TestFile has a Certificate whose name the CA validates by a file: it fetches it through a
// reverse proxy with a static route. Every replica serves it, and nobody afterwards.
func TestFile(t *testing.T) {
	t.Parallel()
	s := newHostScene(t)
	issuer := s.clusterIssuer(patiently(s.byFile(v1alpha1.SolverHTTPFile{})), s.namespace)
	host := "www." + s.domain
	certificate := s.certificate("site", issuer, host)
	s.create(certificate)
	order := s.awaitServed()
	s.nothingBought()
	assert.Contains(t, order.Finalizers, v1alpha1.FinalizerRecords)
	require.Len(t, order.Status.Records, 2, "and one for the free name")
	file := order.Status.Records[1]
	path := strings.TrimPrefix(file.Name, "http://"+host)
	assert.True(t, strings.HasPrefix(path, dcv.FilePrefix), file.Name)
	assert.Equal(t, "http://"+s.domain+path, order.Status.Records[0].Name)

	standby, err := world.StartStandby(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, world.StopStandby()) })
	for _, server := range []string{world.ProxyURL(), standby} {
		for _, name := range []string{host, s.domain, strings.ToUpper(host) + ":80", "redirected.example.net"} {
			status, body := fetch(t, server, name, path)
			assert.Equal(t, http.StatusOK, status, name)
			assert.Equal(t, file.Value, body, name)
		}
		for _, other := range []string{dcv.FilePrefix, dcv.FilePrefix + "other.txt", path + "/"} {
			status, _ := fetch(t, server, host, other)
			assert.Equal(t, http.StatusNotFound, status, other)
		}
	}

	seen := len(fetched(t, file.Name))
	s.hurry(issuer)
	s.awaitReady(certificate)
	leaf := s.checkSecret(certificate)
	assert.Contains(t, leaf.DNSNames, host)
	s.paidOnce()
	assert.Greater(t, len(fetched(t, file.Name)), seen, "the CA itself has fetched it")
	canaries := fetched(t, "http://"+host+dcv.FilePrefix+"reseller-issuer-")
	require.NotEmpty(t, canaries, "a test file was fetched before anything was bought")
	assert.True(t, strings.HasPrefix(canaries[0], "200 "), canaries[0])

	s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		assert.Empty(c, order.Status.Records)
		assert.Empty(c, order.Finalizers)
	})
	s.eventually(func(c *assert.CollectT) {
		status, _ := fetch(t, world.ProxyURL(), host, path)
		assert.Equal(c, http.StatusNotFound, status)
	})
}

// routes are the routes that the controller has made for a host.
func (s *scene) routes(t require.TestingT, kind schema.GroupVersionKind, hosts func(*unstructured.Unstructured) []string, host string) []unstructured.Unstructured {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind)
	require.NoError(t, s.c.List(context.WithoutCancel(s.t.Context()), list, client.InNamespace(lab.Namespace)))
	var found []unstructured.Unstructured
	for _, item := range list.Items {
		for _, name := range hosts(&item) {
			if name == host {
				found = append(found, item)
			}
		}
	}
	return found
}

// TestFileHTTPRoute has a route of the Gateway API for each file.
func TestFileHTTPRoute(t *testing.T) {
	t.Parallel()
	s := newHostScene(t)
	issuer := s.clusterIssuer(patiently(s.byFile(v1alpha1.SolverHTTPFile{GatewayHTTPRoute: &v1alpha1.FileHTTPRoute{
		ParentRefs: []v1alpha1.FileParentRef{{Name: "public", Namespace: "infra", SectionName: "http"}},
	}})), s.namespace)
	certificate := s.certificate("site", issuer, s.domain)
	s.create(certificate)
	order := s.awaitServed()
	kind := schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}
	hostnames := func(route *unstructured.Unstructured) []string {
		names, _, _ := unstructured.NestedStringSlice(route.Object, "spec", "hostnames")
		return names
	}
	for _, host := range []string{s.domain, "www." + s.domain} {
		routes := s.routes(t, kind, hostnames, host)
		require.Len(t, routes, 1)
		parents, _, err := unstructured.NestedSlice(routes[0].Object, "spec", "parentRefs")
		require.NoError(t, err)
		assert.Equal(t, []any{map[string]any{
			"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "infra", "sectionName": "http",
		}}, parents)
		rules, _, err := unstructured.NestedSlice(routes[0].Object, "spec", "rules")
		require.NoError(t, err)
		assert.Equal(t, []any{map[string]any{
			"matches":     []any{map[string]any{"path": map[string]any{"type": "Exact", "value": strings.TrimPrefix(order.Status.Records[1].Name, "http://"+s.domain)}}},
			"backendRefs": []any{map[string]any{"group": "", "kind": "Service", "name": "reseller-issuer-files", "port": int64(80), "weight": int64(1)}},
		}}, rules)
	}
	s.hurry(issuer)
	s.awaitReady(certificate)
	s.eventually(func(c *assert.CollectT) {
		assert.Empty(c, s.routes(c, kind, hostnames, s.domain))
		assert.Empty(c, s.routes(c, kind, hostnames, "www."+s.domain))
	})
}

// TestFileIngress has an Ingress for each file. Its order is deleted while it is there.
func TestFileIngress(t *testing.T) {
	t.Parallel()
	s := newHostScene(t)
	issuer := s.clusterIssuer(patiently(s.byFile(v1alpha1.SolverHTTPFile{Ingress: &v1alpha1.FileIngress{IngressClassName: "public"}})), s.namespace)
	certificate := s.certificate("site", issuer, s.domain)
	s.create(certificate)
	order := s.awaitServed()
	kind := networkingv1.SchemeGroupVersion.WithKind("Ingress")
	hosts := func(ingress *unstructured.Unstructured) []string {
		rules, _, _ := unstructured.NestedSlice(ingress.Object, "spec", "rules")
		var names []string
		for _, rule := range rules {
			name, _, _ := unstructured.NestedString(rule.(map[string]any), "host")
			names = append(names, name)
		}
		return names
	}
	found := s.routes(t, kind, hosts, s.domain)
	require.Len(t, found, 1)
	class, _, err := unstructured.NestedString(found[0].Object, "spec", "ingressClassName")
	require.NoError(t, err)
	assert.Equal(t, "public", class)
	rules, _, err := unstructured.NestedSlice(found[0].Object, "spec", "rules")
	require.NoError(t, err)
	assert.Equal(t, []any{map[string]any{"host": s.domain, "http": map[string]any{"paths": []any{map[string]any{
		"path": strings.TrimPrefix(order.Status.Records[1].Name, "http://"+s.domain), "pathType": "Exact",
		"backend": map[string]any{"service": map[string]any{"name": "reseller-issuer-files", "port": map[string]any{"number": int64(80)}}},
	}}}}}, rules)

	s.remove(certificate)
	s.remove(order)
	s.eventually(func(c *assert.CollectT) {
		assert.Empty(c, s.routes(c, kind, hosts, s.domain))
		assert.Empty(c, s.routes(c, kind, hosts, "www."+s.domain))
	})
	s.nothingBought()
}

// TestFileForWildcard has a name for which no CA accepts a file.
func TestFileForWildcard(t *testing.T) {
	t.Parallel()
	s := newHostScene(t)
	settings := s.byFile(v1alpha1.SolverHTTPFile{})
	settings.Reseller.CyberSSL.Product = s.settings(productMulti).Reseller.CyberSSL.Product
	settings.Reseller.CyberSSL.Product.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodFile, v1alpha1.DCVMethodCNAME}
	s.create(s.certificate("wild", s.clusterIssuer(settings, s.namespace), s.domain, "*."+s.domain))
	order := s.awaitHeld("NoSolver")
	assert.Contains(t, order.Status.Message, "*."+s.domain+" is a wildcard, for which CAs accept no file")
	s.nothingBought()
}

// TestTenants has namespaced issuers that want what belongs to the cluster: they say what an
// administrator would have to permit, and publish nothing.
func TestTenants(t *testing.T) {
	t.Parallel()
	s := newHostScene(t)
	for kind, solver := range map[string]v1alpha1.Solver{
		"httpFile":           {HTTPFile: &v1alpha1.SolverHTTPFile{GatewayHTTPRoute: &v1alpha1.FileHTTPRoute{ParentRefs: []v1alpha1.FileParentRef{{Name: "public", Namespace: "infra"}}}}},
		"externalDNS":        {ExternalDNS: &v1alpha1.SolverExternalDNS{Namespace: "dns"}},
		"certManagerWebhook": {CertManagerWebhook: &v1alpha1.SolverCertManagerWebhook{GroupName: "acme.example.net", SolverName: "dns"}},
	} {
		spec := s.settings(productSingle)
		spec.DCV.Solvers = []v1alpha1.Solver{solver}
		issuer := &v1alpha1.ResellerIssuer{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: strings.ToLower(kind)}, Spec: spec}
		s.create(issuer)
		s.awaitNotReady(issuer, "spec.dcv.solvers[0]", "--allow-solver="+s.namespace+"/"+kind)
	}
	s.nothingBought()
}

// TestSolverUnion has exactly one way to publish.
func TestSolverUnion(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	both := v1alpha1.Solver{Manual: &v1alpha1.SolverManual{}, HTTPFile: &v1alpha1.SolverHTTPFile{}}
	routes := v1alpha1.Solver{HTTPFile: &v1alpha1.SolverHTTPFile{
		Ingress:          &v1alpha1.FileIngress{IngressClassName: "a"},
		GatewayHTTPRoute: &v1alpha1.FileHTTPRoute{ParentRefs: []v1alpha1.FileParentRef{{Name: "a"}}},
	}}
	noDot := v1alpha1.Solver{CertManagerWebhook: &v1alpha1.SolverCertManagerWebhook{GroupName: "apps", SolverName: "a"}}
	for text, solver := range map[string]v1alpha1.Solver{"exactly one of": both, "at most one of": routes, "groupName": noDot, "must be set": {}} {
		spec := s.settings(productSingle)
		spec.DCV.Solvers = []v1alpha1.Solver{solver}
		err := s.c.Create(t.Context(), &v1alpha1.ResellerIssuer{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "wrong"}, Spec: spec}, client.DryRunAll)
		require.ErrorContains(t, err, text)
	}
}
