// Package kubehooks has what the hooks share that publish validation data through the
// Kubernetes API. The hooks themselves are in the packages below it. They know the
// vocabulary of package dcv, and neither orders nor resellers.
package kubehooks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// Manager owns the fields that are applied, and is the value of [LabelManagedBy].
const (
	Manager        = "reseller-issuer"
	LabelManagedBy = "app.kubernetes.io/managed-by"
)

// Name is a name for the object of a record or file: the same for the same parts.
func Name(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "dcv-" + hex.EncodeToString(sum[:16])
}

// Kind is a kind of objects that hooks make.
type Kind struct {
	schema.GroupVersionKind
	// Resource is the plural in the API.
	Resource string
	// Origin says to a person what brings the kind into a cluster.
	Origin string
}

// Verbs are those that hooks need for the objects that they make.
var Verbs = []string{"get", "create", "patch", "delete"}

// Objects reads and writes objects of one kind. An object that lacks the label of ours is
// somebody else's and never touched.
type Objects struct {
	// Client must read unstructured objects past the cache.
	Client client.Client
	Kind   Kind
}

// New is an object of the kind, labelled as ours.
func (o Objects) New(key types.NamespacedName) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(o.Kind.GroupVersionKind)
	object.SetNamespace(key.Namespace)
	object.SetName(key.Name)
	object.SetLabels(map[string]string{LabelManagedBy: Manager})
	return object
}

// Get returns nil where there is no such object. One that is not ours is a
// [dcv.ErrConflict].
func (o Objects) Get(ctx context.Context, key types.NamespacedName) (*unstructured.Unstructured, error) {
	object := o.New(key)
	err := o.Client.Get(ctx, key, object)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, o.explain(err, key)
	case object.GetLabels()[LabelManagedBy] != Manager:
		return nil, fmt.Errorf("%w: %s %s was not made by this controller: remove it", dcv.ErrConflict, o.Kind.Kind, key)
	}
	return object, nil
}

// Apply creates the object, or takes over the fields that are set in it. With a
// resourceVersion it fails with a conflict when somebody has written in between.
func (o Objects) Apply(ctx context.Context, object *unstructured.Unstructured) error {
	err := o.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(Manager), client.ForceOwnership)
	return o.explain(err, client.ObjectKeyFromObject(object))
}

// Delete removes the object as it was read; one that is gone is fine.
func (o Objects) Delete(ctx context.Context, object *unstructured.Unstructured) error {
	uid, version := object.GetUID(), object.GetResourceVersion()
	err := o.Client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version})
	return o.explain(client.IgnoreNotFound(err), client.ObjectKeyFromObject(object))
}

// Probe reports, without changing anything, why objects can't be written in a namespace: the
// kind is not installed, or a permission is missing.
func (o Objects) Probe(ctx context.Context, namespace string) error {
	_, err := o.Client.RESTMapper().RESTMapping(o.Kind.GroupKind(), o.Kind.Version)
	if err != nil {
		return o.explain(err, types.NamespacedName{Namespace: namespace})
	}
	for _, verb := range Verbs {
		allowed, err := Allowed(ctx, o.Client, authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Group: o.Kind.Group, Resource: o.Kind.Resource,
		})
		if err != nil {
			return err
		}
		if !allowed {
			return o.denied(namespace)
		}
	}
	return nil
}

// Allowed asks the API server whether this process may do something.
func Allowed(ctx context.Context, c client.Client, attributes authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &attributes},
	}
	if err := c.Create(ctx, review); err != nil {
		return false, fmt.Errorf("ask for permissions: %w", err)
	}
	return review.Status.Allowed, nil
}

// Absent reports whether an error says that an object, its kind or its namespace is not there.
func Absent(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }

// explain says what a person should do about errors that do not pass by themselves.
func (o Objects) explain(err error, key types.NamespacedName) error {
	switch {
	case err == nil:
		return nil
	case meta.IsNoMatchError(err):
		return fmt.Errorf("%w: the cluster has no %s of %s: install %s: %w", dcv.ErrUnsupported, o.Kind.Kind, o.Kind.GroupVersion(), o.Kind.Origin, err)
	case apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return o.denied(key.Namespace)
	case apierrors.IsInvalid(err):
		return fmt.Errorf("%w: %s %s: %w", dcv.ErrUnsupported, o.Kind.Kind, key, err)
	}
	return fmt.Errorf("%s %s: %w", o.Kind.Kind, key, err)
}

// denied names the rule that is missing.
func (o Objects) denied(namespace string) error {
	rule := Rule(o.Kind.Group, o.Kind.Resource, Verbs...)
	return fmt.Errorf("%w: the controller's service account needs, in namespace %s, the RBAC rule %s", dcv.ErrDenied, namespace, rule)
}

// Rule is an RBAC rule as it stands in a manifest.
func Rule(group, resource string, verbs ...string) string {
	return fmt.Sprintf("{apiGroups: [%s], resources: [%s], verbs: [%s]}", group, resource, strings.Join(verbs, ", "))
}

// IsConflict reports whether somebody else has written in between: reading again helps.
func IsConflict(err error) bool { return apierrors.IsConflict(err) }

// Zones finds zones in the DNS.
type Zones interface {
	// Zone returns the apex of the zone of an absolute name, absolute as well.
	Zone(ctx context.Context, fqdn string) (string, error)
}
