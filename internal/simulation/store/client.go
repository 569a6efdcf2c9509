package store

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Direct is a client that reads and writes the present state. What the controller doesn't use,
// such as Apply and DeleteAllOf, panics.
type Direct struct {
	client.Client // nil
	store         *Store
}

// Client returns a client without a cache.
func (s *Store) Client() *Direct { return &Direct{store: s} }

// Scheme implements client.Client.
func (d *Direct) Scheme() *runtime.Scheme { return d.store.scheme }

// Get implements client.Reader.
func (d *Direct) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	return d.store.get(key, into, d.store.Revision())
}

// List implements client.Reader. As the API server does, it knows labels and pages, but none
// of the cache's indexes.
func (d *Direct) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	return d.store.listInto(into, d.store.Revision(), nil, options)
}

// Create implements client.Writer.
func (d *Direct) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	return d.store.create(object)
}

// Update implements client.Writer.
func (d *Direct) Update(_ context.Context, object client.Object, _ ...client.UpdateOption) error {
	return d.store.update(object, false)
}

// Patch implements client.Writer.
func (d *Direct) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return d.store.patch(object, patch, false)
}

// Delete implements client.Writer.
func (d *Direct) Delete(_ context.Context, object client.Object, options ...client.DeleteOption) error {
	settings := (&client.DeleteOptions{}).ApplyOptions(options)
	return d.store.remove(object, settings.Preconditions)
}

// Status implements client.StatusClient.
func (d *Direct) Status() client.SubResourceWriter { return statusWriter{store: d.store} }

type statusWriter struct {
	client.SubResourceWriter // nil
	store                    *Store
}

// Update implements client.SubResourceWriter.
func (w statusWriter) Update(_ context.Context, object client.Object, _ ...client.SubResourceUpdateOption) error {
	return w.store.update(object, true)
}

// Patch implements client.SubResourceWriter.
func (w statusWriter) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	return w.store.patch(object, patch, true)
}

// listInto fills a list from the state at a revision, or from that which its continue token
// names, so that pages belong together.
func (s *Store) listInto(into client.ObjectList, at int64, index map[string]client.IndexerFunc, options []client.ListOption) error {
	settings := (&client.ListOptions{}).ApplyOptions(options)
	gvk, err := s.kindOf(into)
	if err != nil {
		return err
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	if err := selectable(settings, index); err != nil {
		return err
	}
	at, offset, err := position(settings.Continue, at)
	if err != nil {
		return err
	}
	found := s.list(gvk.GroupKind(), at, func(object client.Object) bool { return selects(settings, object, index) })
	found = found[min(offset, len(found)):]
	token := ""
	if limit := int(settings.Limit); limit > 0 && len(found) > limit {
		found, token = found[:limit], fmt.Sprintf("%d/%d", at, offset+limit)
	}
	fill(into, found)
	into.SetContinue(token)
	into.SetResourceVersion(strconv.FormatInt(at, 10))
	return nil
}

func position(token string, at int64) (int64, int, error) {
	if token == "" {
		return at, 0, nil
	}
	revision, offset, ok := strings.Cut(token, "/")
	since, err := strconv.ParseInt(revision, 10, 64)
	n, errOffset := strconv.Atoi(offset)
	if !ok || err != nil || errOffset != nil {
		return 0, 0, apierrors.NewBadRequest("the continue token is not valid")
	}
	return since, n, nil
}

// fill sets the items of a typed list to copies.
func fill(into client.ObjectList, objects []client.Object) {
	items := reflect.ValueOf(into).Elem().FieldByName("Items")
	list := reflect.MakeSlice(items.Type(), len(objects), len(objects))
	for i, object := range objects {
		list.Index(i).Set(reflect.ValueOf(object.DeepCopyObject()).Elem())
	}
	items.Set(list)
}

// GroupVersionKindFor implements client.Client.
func (d *Direct) GroupVersionKindFor(object runtime.Object) (schema.GroupVersionKind, error) {
	return d.store.kindOf(object)
}

// RESTMapper implements client.Client. There is none.
func (d *Direct) RESTMapper() meta.RESTMapper { return nil }
