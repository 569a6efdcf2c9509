// Package externaldns publishes validation records as DNSEndpoint objects, which
// external-dns brings into the DNS (https://kubernetes-sigs.github.io/external-dns,
// source "crd").
//
// TXT records need external-dns v0.22 or later, which is the first to update and delete
// them, run with --managed-record-types=TXT besides the types in use. CNAME records are
// managed by every version without further flags.
package externaldns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks"
)

// Endpoint is the kind of the objects.
var Endpoint = kubehooks.Kind{
	GroupVersionKind: schema.GroupVersionKind{Group: "externaldns.k8s.io", Version: "v1alpha1", Kind: "DNSEndpoint"},
	Resource:         "dnsendpoints",
	Origin:           "the CRD of external-dns",
}

const (
	defaultTTL = time.Minute
	// notProxied is a property of one provider. It keeps Cloudflare from answering with its own addresses in place of a CNAME.
	notProxied = "external-dns.alpha.kubernetes.io/cloudflare-proxied"
	// maxAttempts is how often an object is read and written when others write it too.
	maxAttempts = 5
)

// Config is where and how the objects are made.
type Config struct {
	// Namespace of the objects.
	Namespace string
	// Labels and Annotations are for the filters of external-dns.
	Labels, Annotations map[string]string
	// TTL of the records; default one minute. Whole seconds.
	TTL time.Duration
	// QuoteTXT puts quotation marks around TXT values, for DNS providers that want the
	// form of a zone file, such as Route 53 (external-dns issue 4792).
	QuoteTXT bool
}

// Hook keeps one object for each name and type. All values that are wanted at the name are
// in it, because older versions of external-dns take only one of several objects for a name.
type Hook struct {
	config  Config
	objects kubehooks.Objects
	zones   kubehooks.Zones
}

var (
	_ dcv.Hook   = (*Hook)(nil)
	_ dcv.Prober = (*Hook)(nil)
)

// New makes no call. The client must read unstructured objects past the cache.
func New(c Config, api client.Client, zones kubehooks.Zones) (*Hook, error) {
	if c.Namespace == "" {
		return nil, errors.New("externaldns: namespace: it must not be empty")
	}
	if _, taken := c.Labels[kubehooks.LabelManagedBy]; taken {
		return nil, fmt.Errorf("externaldns: labels: %s is the controller's own", kubehooks.LabelManagedBy)
	}
	if c.TTL == 0 {
		c.TTL = defaultTTL
	}
	return &Hook{config: c, objects: kubehooks.Objects{Client: api, Kind: Endpoint}, zones: zones}, nil
}

// Capabilities implements dcv.Hook. TXT at the apex is refused: the name under which
// external-dns notes the owner of a record would lie outside the zone, and a set of TXT
// values without owner, such as SPF, is one that external-dns does not touch.
func (h *Hook) Capabilities() dcv.Capabilities {
	return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT, dcv.CNAME}, MultiValue: true}
}

// Probe implements dcv.Prober. It asks for the permissions and changes nothing.
func (h *Hook) Probe(ctx context.Context) error {
	if err := h.objects.Probe(ctx, h.config.Namespace); err != nil {
		return fmt.Errorf("externaldns: %w", err)
	}
	return nil
}

// Present implements dcv.Hook. Done means that the object is stored: what external-dns and
// the DNS provider make of it can only be seen in the DNS.
func (h *Hook) Present(ctx context.Context, r dcv.Request) (dcv.State, error) {
	if err := h.present(ctx, r.Record); err != nil {
		return dcv.State{}, fmt.Errorf("externaldns: present %s: %w", r.Record, err)
	}
	return dcv.State{Phase: dcv.Done}, nil
}

// CleanUp implements dcv.Hook.
func (h *Hook) CleanUp(ctx context.Context, r dcv.Request) error {
	err := h.change(ctx, r.Record, func(targets []string, value string) ([]string, error) {
		return slices.DeleteFunc(targets, func(t string) bool { return t == value }), nil
	})
	if err != nil && !kubehooks.Absent(err) && !errors.Is(err, dcv.ErrConflict) {
		return fmt.Errorf("externaldns: clean up %s: %w", r.Record, err)
	}
	return nil
}

func (h *Hook) present(ctx context.Context, r dcv.Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if err := h.refuseApex(ctx, r); err != nil {
		return err
	}
	return h.change(ctx, r, func(targets []string, value string) ([]string, error) {
		switch {
		case slices.Contains(targets, value):
			return targets, nil
		case r.Type == dcv.CNAME && len(targets) > 0:
			return nil, fmt.Errorf("%w: another order has a CNAME to %s at this name: wait until it is issued", dcv.ErrConflict, targets[0])
		}
		return append(targets, value), nil
	})
}

// refuseApex asks for the zone of names that may be an apex.
func (h *Hook) refuseApex(ctx context.Context, r dcv.Record) error {
	if r.Type != dcv.TXT || strings.HasPrefix(r.FQDN, "_") {
		return nil
	}
	zone, err := h.zones.Zone(ctx, r.FQDN)
	if err != nil {
		return err
	}
	return h.Capabilities().Check(r, zone == r.FQDN)
}

// change reads the values at the name of r, and writes what edit makes of them. Without
// values the object goes.
func (h *Hook) change(ctx context.Context, r dcv.Record, edit func(targets []string, value string) ([]string, error)) error {
	var err error
	for range maxAttempts {
		if err = h.tryChange(ctx, r, edit); !kubehooks.IsConflict(err) {
			return err
		}
	}
	return err
}

func (h *Hook) tryChange(ctx context.Context, r dcv.Record, edit func(targets []string, value string) ([]string, error)) error {
	key := types.NamespacedName{Namespace: h.config.Namespace, Name: kubehooks.Name(string(r.Type), r.FQDN)}
	found, err := h.objects.Get(ctx, key)
	if err != nil {
		return err
	}
	targets := targetsOf(found)
	wanted, err := edit(slices.Clone(targets), h.target(r))
	switch {
	case err != nil:
		return err
	case len(wanted) > 0:
		return h.objects.Apply(ctx, h.object(key, r, wanted, found))
	case found != nil:
		return h.objects.Delete(ctx, found)
	}
	return nil
}

// object is the whole of what we want to be in the object, for a server-side apply.
func (h *Hook) object(key types.NamespacedName, r dcv.Record, targets []string, found *unstructured.Unstructured) *unstructured.Unstructured {
	object := h.objects.New(key)
	labels := object.GetLabels()
	maps.Copy(labels, h.config.Labels)
	object.SetLabels(labels)
	object.SetAnnotations(h.config.Annotations)
	if found != nil {
		object.SetResourceVersion(found.GetResourceVersion())
	}
	list := make([]any, len(targets))
	for i, target := range targets {
		list[i] = target
	}
	endpoint := map[string]any{
		"dnsName": strings.TrimSuffix(r.FQDN, "."), "recordType": string(r.Type),
		"recordTTL": int64(h.config.TTL / time.Second), "targets": list,
	}
	if r.Type == dcv.CNAME {
		endpoint["providerSpecific"] = []any{map[string]any{"name": notProxied, "value": "false"}}
	}
	object.Object["spec"] = map[string]any{"endpoints": []any{endpoint}}
	return object
}

// target is the value as external-dns wants it: a CNAME without the last dot, which older
// versions drop with a warning at every look.
func (h *Hook) target(r dcv.Record) string {
	switch {
	case r.Type == dcv.CNAME:
		return strings.TrimSuffix(dcv.CanonicalTarget(r.Value), ".")
	case h.config.QuoteTXT:
		return quote(r.Value)
	}
	return r.Value
}

// quote writes a TXT value as in a zone file.
func quote(value string) string {
	return `"` + strings.Join(resolver.SplitTXT(value), `" "`) + `"`
}

// targetsOf are the values in an object of ours.
func targetsOf(object *unstructured.Unstructured) []string {
	if object == nil {
		return nil
	}
	endpoints, _, _ := unstructured.NestedSlice(object.Object, "spec", "endpoints")
	if len(endpoints) == 0 {
		return nil
	}
	endpoint, _ := endpoints[0].(map[string]any)
	targets, _, _ := unstructured.NestedStringSlice(endpoint, "targets")
	return targets
}
