package fileroute_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/fileroute"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks/kubetest"
)

var (
	backend = fileroute.Backend{Namespace: "issuer", Service: "files", Port: 80}
	byRoute = fileroute.Config{Backend: backend, Parents: []fileroute.Parent{{Name: "public", Namespace: "infra", SectionName: "http"}, {Name: "other"}}}
	byClass = fileroute.Config{Backend: backend, IngressClass: "nginx"}
)

func request(host string) dcv.Request {
	return dcv.Request{ID: "team/web", DNSName: host, File: dcv.File{Host: host, Path: dcv.FilePrefix + "A1.txt", Body: "token"}}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		config fileroute.Config
		kind   kubehooks.Kind
		want   map[string]any
	}{
		"HTTPRoute": {byRoute, fileroute.HTTPRoute, map[string]any{
			"parentRefs": []any{
				map[string]any{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "infra", "sectionName": "http"},
				map[string]any{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "other"},
			},
			"hostnames": []any{"example.com"},
			"rules": []any{map[string]any{
				"matches":     []any{map[string]any{"path": map[string]any{"type": "Exact", "value": "/.well-known/pki-validation/A1.txt"}}},
				"backendRefs": []any{map[string]any{"group": "", "kind": "Service", "name": "files", "port": int64(80), "weight": int64(1)}},
			}},
		}},
		"Ingress": {byClass, fileroute.Ingress, map[string]any{
			"ingressClassName": "nginx",
			"rules": []any{map[string]any{
				"host": "example.com",
				"http": map[string]any{"paths": []any{map[string]any{
					"path": "/.well-known/pki-validation/A1.txt", "pathType": "Exact",
					"backend": map[string]any{"service": map[string]any{"name": "files", "port": map[string]any{"number": int64(80)}}},
				}}},
			}},
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := kubetest.New(t, tc.kind)
			hook := fileroute.New(tc.config, api)
			r := request("example.com")
			for range 2 { // idempotent
				state, err := hook.Present(t.Context(), r)
				require.NoError(t, err)
				assert.Equal(t, dcv.State{Phase: dcv.Done}, state)
				objects := api.All(t, tc.kind)
				require.Len(t, objects, 1)
				assert.Equal(t, tc.want, objects[0].Object["spec"])
				assert.Equal(t, "issuer", objects[0].GetNamespace())
			}
			_, err := hook.Present(t.Context(), request("www.example.com"))
			require.NoError(t, err)
			assert.Len(t, api.All(t, tc.kind), 2, "each host has its own")
			for range 2 {
				require.NoError(t, hook.CleanUp(t.Context(), r))
				assert.Len(t, api.All(t, tc.kind), 1)
			}
		})
	}
}

// Somebody else's object under our name is left alone, and a missing permission is told.
func TestForeignRoutes(t *testing.T) {
	t.Parallel()
	for kind, config := range map[kubehooks.Kind]fileroute.Config{fileroute.HTTPRoute: byRoute, fileroute.Ingress: byClass} {
		t.Run(kind.Kind, func(t *testing.T) {
			t.Parallel()
			api := kubetest.New(t, kind)
			hook := fileroute.New(config, api)
			_, err := hook.Present(t.Context(), request("example.com"))
			require.NoError(t, err)
			object := api.All(t, kind)[0]
			object.SetLabels(nil)
			require.NoError(t, api.Update(t.Context(), &object))
			_, err = hook.Present(t.Context(), request("example.com"))
			require.ErrorIs(t, err, dcv.ErrConflict)
			require.ErrorContains(t, err, object.GetName())
			require.ErrorIs(t, hook.CleanUp(t.Context(), request("example.com")), dcv.ErrConflict)
			assert.Len(t, api.All(t, kind), 1)

			require.NoError(t, hook.Probe(t.Context()))
			api.Denied = []string{"patch"}
			err = hook.Probe(t.Context())
			require.ErrorIs(t, err, dcv.ErrDenied)
			require.ErrorContains(t, err, kind.Resource)
		})
	}
}

func TestStaticRoute(t *testing.T) {
	t.Parallel()
	api := kubetest.New(t)
	api.Before = func(call string) error { return errors.New("unexpected " + call) }
	hook := fileroute.New(fileroute.Config{Backend: backend}, api)
	assert.Equal(t, dcv.Capabilities{File: true}, hook.Capabilities())
	require.NoError(t, hook.Probe(t.Context()))
	_, err := hook.Present(t.Context(), request("example.com"))
	require.NoError(t, err)
	require.NoError(t, hook.CleanUp(t.Context(), request("example.com")))
}

func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	hook := fileroute.New(fileroute.Config{Backend: backend}, kubetest.New(t))
	for _, host := range []string{"*.example.com", "example.com:8080", "Example.com", ""} {
		_, err := hook.Present(t.Context(), request(host))
		require.ErrorIs(t, err, dcv.ErrUnsupported, host)
	}
	r := request("example.com")
	r.File.Path = "/index.html"
	_, err := hook.Present(t.Context(), r)
	require.ErrorIs(t, err, dcv.ErrUnsupported)
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	hook := fileroute.New(byRoute, kubetest.New(t))
	_, err := hook.Present(t.Context(), request("example.com"))
	require.ErrorIs(t, err, dcv.ErrUnsupported)
	require.ErrorContains(t, err, "install the CRDs of the Gateway API")
	require.NoError(t, hook.CleanUp(t.Context(), request("example.com")), "without the kind there are no objects")

	api := kubetest.New(t, fileroute.Ingress)
	resource := schema.GroupResource{Group: "networking.k8s.io", Resource: "ingresses"}
	api.Before = func(string) error { return apierrors.NewForbidden(resource, "x", errors.New("no")) }
	hook = fileroute.New(byClass, api)
	_, err = hook.Present(t.Context(), request("example.com"))
	require.ErrorIs(t, err, dcv.ErrDenied)
	require.ErrorContains(t, err, "namespace issuer")
	require.ErrorIs(t, hook.CleanUp(t.Context(), request("example.com")), dcv.ErrDenied)
}
