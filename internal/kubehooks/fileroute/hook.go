// Package fileroute brings requests for validation files to the controller, which serves
// them itself (package httpfile): by an HTTPRoute or an Ingress for each file, or by a
// route that the administrator has made once for all.
package fileroute

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks"
)

// The kinds of routes.
var (
	HTTPRoute = kubehooks.Kind{
		GroupVersionKind: schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"},
		Resource:         "httproutes",
		Origin:           "the CRDs of the Gateway API",
	}
	Ingress = kubehooks.Kind{
		GroupVersionKind: schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
		Resource:         "ingresses",
		Origin:           "Kubernetes 1.19 or later",
	}
)

// Backend is the Service in front of all replicas of the controller, in the namespace in
// which routes are made: then neither a ReferenceGrant nor an ExternalName is needed.
type Backend struct {
	Namespace string
	Service   string
	Port      int32
}

// Parent is a Gateway. Namespace and SectionName may be empty.
type Parent struct {
	Name, Namespace, SectionName string
}

// Config is the way of the files. Without Parents and IngressClass nothing is made: the
// administrator has a route.
type Config struct {
	Backend      Backend
	Parents      []Parent
	IngressClass string
}

// Hook makes routes.
type Hook struct {
	config  Config
	objects *kubehooks.Objects // nil without routes
}

var (
	_ dcv.Hook   = (*Hook)(nil)
	_ dcv.Prober = (*Hook)(nil)
)

// New makes no call. The client must read unstructured objects past the cache.
func New(c Config, api client.Client) *Hook {
	h := &Hook{config: c}
	switch {
	case len(c.Parents) > 0:
		h.objects = &kubehooks.Objects{Client: api, Kind: HTTPRoute}
	case c.IngressClass != "":
		h.objects = &kubehooks.Objects{Client: api, Kind: Ingress}
	}
	return h
}

// Capabilities implements dcv.Hook.
func (h *Hook) Capabilities() dcv.Capabilities { return dcv.Capabilities{File: true} }

// Probe implements dcv.Prober. It asks for the permissions and changes nothing.
func (h *Hook) Probe(ctx context.Context) error {
	if h.objects == nil {
		return nil
	}
	if err := h.objects.Probe(ctx, h.config.Backend.Namespace); err != nil {
		return fmt.Errorf("fileroute: %w", err)
	}
	return nil
}

// Present implements dcv.Hook. Done means that the route is stored: whether a Gateway or
// an ingress controller has taken it up can only be seen from outside.
func (h *Hook) Present(ctx context.Context, r dcv.Request) (dcv.State, error) {
	if err := h.present(ctx, r.File); err != nil {
		return dcv.State{}, fmt.Errorf("fileroute: present %s: %w", r.File.URL(), err)
	}
	return dcv.State{Phase: dcv.Done}, nil
}

func (h *Hook) present(ctx context.Context, f dcv.File) error {
	if err := f.Validate(); err != nil || h.objects == nil {
		return err
	}
	key := h.key(f)
	found, err := h.objects.Get(ctx, key)
	if err != nil {
		return err
	}
	object := h.objects.New(key)
	if found != nil {
		object.SetResourceVersion(found.GetResourceVersion())
	}
	if h.objects.Kind == HTTPRoute {
		object.Object["spec"] = h.httpRoute(f)
	} else {
		object.Object["spec"] = h.ingress(f)
	}
	return h.objects.Apply(ctx, object)
}

// CleanUp implements dcv.Hook.
func (h *Hook) CleanUp(ctx context.Context, r dcv.Request) error {
	if h.objects == nil {
		return nil
	}
	key := h.key(r.File)
	found, err := h.objects.Get(ctx, key)
	if err == nil && found != nil {
		err = h.objects.Delete(ctx, found)
	}
	if err != nil && !kubehooks.Absent(err) {
		return fmt.Errorf("fileroute: clean up %s: %w", r.File.URL(), err)
	}
	return nil
}

func (h *Hook) key(f dcv.File) types.NamespacedName {
	return types.NamespacedName{Namespace: h.config.Backend.Namespace, Name: kubehooks.Name("File", f.Host, f.Path)}
}

// httpRoute is the spec of an HTTPRoute for exactly one file of one host.
func (h *Hook) httpRoute(f dcv.File) map[string]any {
	parents := make([]any, len(h.config.Parents))
	for i, p := range h.config.Parents {
		parent := map[string]any{"group": HTTPRoute.Group, "kind": "Gateway", "name": p.Name}
		if p.Namespace != "" {
			parent["namespace"] = p.Namespace
		}
		if p.SectionName != "" {
			parent["sectionName"] = p.SectionName
		}
		parents[i] = parent
	}
	backend := map[string]any{"group": "", "kind": "Service", "name": h.config.Backend.Service, "port": int64(h.config.Backend.Port), "weight": int64(1)}
	return map[string]any{
		"parentRefs": parents,
		"hostnames":  []any{f.Host},
		"rules": []any{map[string]any{
			"matches":     []any{map[string]any{"path": map[string]any{"type": "Exact", "value": f.Path}}},
			"backendRefs": []any{backend},
		}},
	}
}

// ingress is the spec of an Ingress for exactly one file of one host.
func (h *Hook) ingress(f dcv.File) map[string]any {
	backend := map[string]any{"service": map[string]any{
		"name": h.config.Backend.Service, "port": map[string]any{"number": int64(h.config.Backend.Port)},
	}}
	return map[string]any{
		"ingressClassName": h.config.IngressClass,
		"rules": []any{map[string]any{
			"host": f.Host,
			"http": map[string]any{"paths": []any{map[string]any{"path": f.Path, "pathType": "Exact", "backend": backend}}},
		}},
	}
}
