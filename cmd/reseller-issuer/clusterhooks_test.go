package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/dns01webhook"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/externaldns"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/fileroute"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// adminNamespace is the cluster resource namespace of these tests.
const adminNamespace = "issuer"

// cluster has all kinds of objects that hooks make, and permits everything but a verb.
func cluster(t *testing.T, denied string, allowed ...string) solvers {
	t.Helper()
	scheme, err := newScheme()
	require.NoError(t, err)
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []kubehooks.Kind{externaldns.Endpoint, fileroute.HTTPRoute, fileroute.Ingress} {
		mapper.AddSpecific(kind.GroupVersionKind, kind.GroupVersion().WithResource(kind.Resource), kind.GroupVersion().WithResource(kind.Resource), meta.RESTScopeNamespace)
	}
	api := interceptor.NewClient(fake.NewClientBuilder().WithScheme(scheme).WithRESTMapper(mapper).Build(), interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
			review := object.(*authorizationv1.SelfSubjectAccessReview)
			review.Status.Allowed = review.Spec.ResourceAttributes.Verb != denied
			return nil
		},
	})
	return solvers{cluster: clusterHooks{
		api: api, adminNamespace: adminNamespace, allowed: allowed, serves: true,
		backend: fileroute.Backend{Namespace: adminNamespace, Service: "files", Port: 80},
	}}
}

func clusterSolvers() map[string]v1alpha1.Solver {
	return map[string]v1alpha1.Solver{
		kindExternalDNS: {ExternalDNS: &v1alpha1.SolverExternalDNS{Namespace: "dns", RecordTTL: 60}},
		kindWebhook: {CertManagerWebhook: &v1alpha1.SolverCertManagerWebhook{
			GroupName: "acme.example.net", SolverName: "dns", Config: &apiextensionsv1.JSON{Raw: []byte(`{}`)},
		}},
		kindHTTPFile: {HTTPFile: &v1alpha1.SolverHTTPFile{GatewayHTTPRoute: &v1alpha1.FileHTTPRoute{ParentRefs: []v1alpha1.FileParentRef{{Name: "public", Namespace: "infra"}}}}},
	}
}

func TestClusterHooks(t *testing.T) {
	t.Parallel()
	s := cluster(t, "")
	kinds := clusterSolvers()
	for kind, want := range map[string]dcv.Hook{kindExternalDNS: &externaldns.Hook{}, kindWebhook: &dns01webhook.Hook{}, kindHTTPFile: &fileroute.Hook{}} {
		hook, err := s.hook(t.Context(), kinds[kind], adminNamespace)
		require.NoError(t, err)
		assert.IsType(t, want, hook, kind)
		require.NoError(t, s.check(t.Context(), kinds[kind], adminNamespace), kind)
	}
	ingress := v1alpha1.Solver{HTTPFile: &v1alpha1.SolverHTTPFile{Ingress: &v1alpha1.FileIngress{IngressClassName: "nginx"}}}
	require.NoError(t, s.check(t.Context(), ingress, adminNamespace))
	require.NoError(t, s.check(t.Context(), v1alpha1.Solver{HTTPFile: &v1alpha1.SolverHTTPFile{}}, adminNamespace))
}

// A namespaced issuer reaches nothing outside of its namespace unless the administrator
// permits it: for its namespace, and for the very kind of solver.
func TestTenants(t *testing.T) {
	t.Parallel()
	for kind, solver := range clusterSolvers() {
		others := clusterSolvers()
		delete(others, kind)
		cases := map[string]struct {
			allowed   []string
			namespace string
			permitted bool
		}{
			"a tenant":                         {namespace: "team"},
			"an administrator":                 {namespace: adminNamespace, permitted: true},
			"permitted":                        {namespace: "team", allowed: []string{"team/" + kind}, permitted: true},
			"another namespace":                {namespace: "team", allowed: []string{"other/" + kind, "tea/" + kind, "team2/" + kind}},
			"another kind":                     {namespace: "team", allowed: prefixed("team/", others)},
			"every namespace":                  {namespace: "team", allowed: []string{"*/" + kind}, permitted: true},
			"another kind in every namespace":  {namespace: "team", allowed: prefixed("*/", others)},
			"a namespace that names the admin": {namespace: adminNamespace + "x"},
		}
		for name, tc := range cases {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				s := cluster(t, "", tc.allowed...)
				err := s.check(t.Context(), solver, tc.namespace)
				if tc.permitted {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, order.ErrConfiguration)
				require.ErrorIs(t, err, dcv.ErrDenied)
				require.ErrorContains(t, err, "--allow-solver="+tc.namespace+"/"+kind)
				hook, err := s.hook(t.Context(), solver, tc.namespace)
				require.NoError(t, err)
				_, err = hook.Present(t.Context(), dcv.Request{})
				require.ErrorIs(t, err, dcv.ErrDenied)
				require.ErrorContains(t, err, "--allow-solver=")
			})
		}
	}
}

func prefixed(prefix string, kinds map[string]v1alpha1.Solver) []string {
	var list []string
	for kind := range kinds {
		list = append(list, prefix+kind)
	}
	return list
}

// What was published while it was permitted is removed all the same.
func TestForbiddenHookCleansUp(t *testing.T) {
	t.Parallel()
	solver := v1alpha1.Solver{HTTPFile: &v1alpha1.SolverHTTPFile{}}
	hook, err := cluster(t, "").hook(t.Context(), solver, "team")
	require.NoError(t, err)
	assert.True(t, hook.Capabilities().File)
	require.NoError(t, hook.CleanUp(t.Context(), dcv.Request{}))
}

// Where no server runs, no file is promised.
func TestFilesAreSwitchedOff(t *testing.T) {
	t.Parallel()
	s := cluster(t, "")
	s.cluster.serves = false
	err := s.check(t.Context(), clusterSolvers()[kindHTTPFile], adminNamespace)
	require.ErrorIs(t, err, order.ErrConfiguration)
	require.ErrorContains(t, err, "--http-file-bind-address")
	require.NoError(t, s.check(t.Context(), clusterSolvers()[kindExternalDNS], adminNamespace))
}

// The webhook's Secrets and a DNSEndpoint's default namespace are the issuer's own.
func TestNamespacesOfClusterHooks(t *testing.T) {
	t.Parallel()
	s := cluster(t, "create", "*/externalDNS", "*/certManagerWebhook")
	err := s.check(t.Context(), v1alpha1.Solver{ExternalDNS: &v1alpha1.SolverExternalDNS{}}, "team")
	require.ErrorContains(t, err, "in namespace team, the RBAC rule")
	err = s.check(t.Context(), clusterSolvers()[kindExternalDNS], "team")
	require.ErrorContains(t, err, "in namespace dns, the RBAC rule")
	require.ErrorIs(t, err, order.ErrConfiguration)
	err = s.check(t.Context(), clusterSolvers()[kindHTTPFile], adminNamespace)
	require.ErrorContains(t, err, "in namespace issuer, the RBAC rule {apiGroups: [gateway.networking.k8s.io], resources: [httproutes]")
	err = s.check(t.Context(), clusterSolvers()[kindWebhook], adminNamespace)
	require.ErrorContains(t, err, "{apiGroups: [acme.example.net], resources: [dns], verbs: [create]}")
}

func TestWrongSettingsOfClusterHooks(t *testing.T) {
	t.Parallel()
	s := cluster(t, "")
	for text, solver := range map[string]v1alpha1.Solver{
		"certManagerWebhook: dns01webhook: groupName": {CertManagerWebhook: &v1alpha1.SolverCertManagerWebhook{GroupName: "rbac.authorization.k8s.io", SolverName: "roles"}},
		"externalDNS: externaldns: labels":            {ExternalDNS: &v1alpha1.SolverExternalDNS{Labels: map[string]string{kubehooks.LabelManagedBy: "x"}}},
	} {
		_, err := s.hook(t.Context(), solver, adminNamespace)
		require.ErrorIs(t, err, order.ErrConfiguration)
		require.ErrorContains(t, err, text)
	}
}
