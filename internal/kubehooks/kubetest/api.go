// Package kubetest is a Kubernetes API in memory for the tests of hooks.
package kubetest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/internal/kubehooks"
)

// API is what a hook sees of the cluster.
type API struct {
	client.Client
	// Denied are the verbs that access reviews don't allow.
	Denied []string
	// Reviews are the access reviews that were asked for.
	Reviews []authorizationv1.ResourceAttributes
	// Before is called before each get, apply and delete with its name; an error of it
	// is the answer.
	Before func(call string) error
}

// New is an API that has some kinds installed.
func New(t *testing.T, kinds ...kubehooks.Kind) *API {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, authorizationv1.AddToScheme(scheme))
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range kinds {
		mapper.AddSpecific(kind.GroupVersionKind, kind.GroupVersion().WithResource(kind.Resource), kind.GroupVersion().WithResource(kind.Resource), meta.RESTScopeNamespace)
		scheme.AddKnownTypeWithName(kind.GroupVersionKind, &unstructured.Unstructured{})
	}
	a := &API{}
	inner := fake.NewClientBuilder().WithScheme(scheme).WithRESTMapper(mapper).
		WithTypeConverters(managedfields.NewDeducedTypeConverter()).Build()
	a.Client = interceptor.NewClient(inner, interceptor.Funcs{
		Create: a.create,
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if err := a.before("get", c, object); err != nil {
				return err
			}
			return c.Get(ctx, key, object, options...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, object runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			if err := a.before("apply", c, nil); err != nil {
				return err
			}
			return c.Apply(ctx, object, options...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			if err := a.before("delete", c, nil); err != nil {
				return err
			}
			return c.Delete(ctx, object, options...)
		},
	})
	return a
}

// before also tells that a kind is not installed, which the client of a cluster finds out
// before each call.
func (a *API) before(call string, c client.WithWatch, object client.Object) error {
	if object != nil {
		kind := object.GetObjectKind().GroupVersionKind()
		if _, err := c.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version); err != nil {
			return err
		}
	}
	if a.Before == nil {
		return nil
	}
	return a.Before(call)
}

// create answers access reviews.
func (a *API) create(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
	review, ok := object.(*authorizationv1.SelfSubjectAccessReview)
	if !ok {
		return c.Create(ctx, object, options...)
	}
	if a.Before != nil {
		if err := a.Before("review"); err != nil {
			return err
		}
	}
	a.Reviews = append(a.Reviews, *review.Spec.ResourceAttributes)
	review.Status.Allowed = !slices.Contains(a.Denied, review.Spec.ResourceAttributes.Verb)
	return nil
}

// All are the objects of a kind.
func (a *API) All(t *testing.T, kind kubehooks.Kind) []unstructured.Unstructured {
	t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	require.NoError(t, a.List(t.Context(), list))
	return list.Items
}

// Zones has one zone.
type Zones string

// Zone implements kubehooks.Zones.
func (z Zones) Zone(context.Context, string) (string, error) { return string(z), nil }
