package store

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	jsonpatch "github.com/evanphx/json-patch/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	spec   = "Spec"
	status = "Status"
)

func (s *Store) create(object client.Object) error {
	gvk, err := s.kindOf(object)
	if err != nil {
		return err
	}
	if object.GetResourceVersion() != "" {
		return apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	made, err := s.stored(object, gvk)
	if err != nil {
		return err
	}
	made.SetUID(s.newUID())
	made.SetCreationTimestamp(s.timestamp())
	made.SetDeletionTimestamp(nil)
	made.SetGeneration(1)
	if value := part(made, status); value.IsValid() {
		value.SetZero()
	}
	key := client.ObjectKeyFromObject(object)
	_, err = s.change(gvk, key, func(present client.Object) (client.Object, error) {
		if present != nil {
			return nil, apierrors.NewAlreadyExists(resource(gvk), key.Name)
		}
		return made, nil
	})
	if err != nil {
		return err
	}
	copyInto(object, made)
	return nil
}

// update replaces all but the status, or, for the sub-resource, nothing but that.
func (s *Store) update(object client.Object, onlyStatus bool) error {
	gvk, err := s.kindOf(object)
	if err != nil {
		return err
	}
	written := object
	if onlyStatus {
		written = statusOf(object)
	}
	wanted, err := s.stored(written, gvk)
	if err != nil {
		return err
	}
	next, err := s.change(gvk, client.ObjectKeyFromObject(object), func(present client.Object) (client.Object, error) {
		return updated(gvk, present, wanted, onlyStatus)
	})
	if err != nil {
		return err
	}
	if next == nil {
		next = wanted // its last finalizer is gone, and so is the object
	}
	copyInto(object, next)
	return nil
}

// statusOf is an object without all that a write of the status leaves alone.
func statusOf(object client.Object) client.Object {
	only := reflect.New(reflect.TypeOf(object).Elem()).Interface().(client.Object)
	only.SetNamespace(object.GetNamespace())
	only.SetName(object.GetName())
	only.SetUID(object.GetUID())
	only.SetResourceVersion(object.GetResourceVersion())
	part(only, status).Set(part(object, status))
	return only
}

// updated is the next version of an object that somebody writes.
func updated(gvk schema.GroupVersionKind, present, wanted client.Object, onlyStatus bool) (client.Object, error) {
	if present == nil {
		return nil, apierrors.NewNotFound(resource(gvk), wanted.GetName())
	}
	if err := matches(gvk, present, wanted); err != nil {
		return nil, err
	}
	if onlyStatus {
		if same(present, wanted, status) {
			return present, nil
		}
		next := present.DeepCopyObject().(client.Object)
		keepPart(next, wanted, status)
		return next, nil
	}
	next := wanted
	keepPart(next, present, status)
	next.SetUID(present.GetUID())
	next.SetCreationTimestamp(present.GetCreationTimestamp())
	next.SetDeletionTimestamp(present.GetDeletionTimestamp())
	next.SetGeneration(present.GetGeneration())
	next.SetResourceVersion(present.GetResourceVersion())
	switch sameSpec := same(present, next, spec); {
	case present.GetDeletionTimestamp() != nil && len(next.GetFinalizers()) == 0:
		return nil, nil
	case sameSpec && reflect.DeepEqual(next, present):
		return present, nil
	case !sameSpec:
		next.SetGeneration(present.GetGeneration() + 1)
	}
	return next, nil
}

// same compares a part of two objects that both went through [Store.stored].
func same(a, b client.Object, field string) bool {
	x, y := part(a, field), part(b, field)
	return !x.IsValid() || reflect.DeepEqual(x.Addr().Interface(), y.Addr().Interface())
}

// matches compares UID and resourceVersion; a write without the latter is refused, as for all
// custom resources.
func matches(gvk schema.GroupVersionKind, present, wanted client.Object) error {
	conflict := func(format string, args ...any) error {
		return apierrors.NewConflict(resource(gvk), wanted.GetName(), fmt.Errorf(format, args...))
	}
	if uid := wanted.GetUID(); uid != "" && uid != present.GetUID() {
		return conflict("UID in precondition: %s, UID in object meta: %s", uid, present.GetUID())
	}
	switch version := wanted.GetResourceVersion(); version {
	case present.GetResourceVersion():
		return nil
	case "":
		return apierrors.NewInvalid(gvk.GroupKind(), wanted.GetName(), field.ErrorList{
			field.Invalid(field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update"),
		})
	default:
		return conflict("the object has been modified; please apply your changes to the latest version and try again")
	}
}

// patch applies a merge patch; one that has a resourceVersion is conditional.
func (s *Store) patch(object client.Object, patch client.Patch, onlyStatus bool) error {
	gvk, err := s.kindOf(object)
	if err != nil {
		return err
	}
	if patch.Type() != types.MergePatchType {
		return apierrors.NewBadRequest("the store takes merge patches only, not " + string(patch.Type()))
	}
	data, err := patch.Data(object)
	if err != nil {
		return err
	}
	next, err := s.change(gvk, client.ObjectKeyFromObject(object), func(present client.Object) (client.Object, error) {
		if present == nil {
			return nil, apierrors.NewNotFound(resource(gvk), object.GetName())
		}
		wanted, err := s.merged(present, data, gvk)
		if err != nil {
			return nil, err
		}
		return updated(gvk, present, wanted, onlyStatus)
	})
	if err != nil {
		return err
	}
	if next != nil {
		copyInto(object, next)
	}
	return nil
}

func (s *Store) merged(present client.Object, patch []byte, gvk schema.GroupVersionKind) (client.Object, error) {
	document, err := json.Marshal(present)
	if err != nil {
		return nil, err
	}
	if document, err = jsonpatch.MergePatch(document, patch); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	made, err := s.scheme.New(gvk)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(document, made); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return made.(client.Object), nil
}

// remove deletes an object, or marks one for deletion that has finalizers.
func (s *Store) remove(object client.Object, preconditions *metav1.Preconditions) error {
	gvk, err := s.kindOf(object)
	if err != nil {
		return err
	}
	key := client.ObjectKeyFromObject(object)
	_, err = s.change(gvk, key, func(present client.Object) (client.Object, error) {
		if present == nil {
			return nil, apierrors.NewNotFound(resource(gvk), key.Name)
		}
		if p := preconditions; p != nil {
			if p.UID != nil && *p.UID != present.GetUID() || p.ResourceVersion != nil && *p.ResourceVersion != present.GetResourceVersion() {
				return nil, apierrors.NewConflict(resource(gvk), key.Name, fmt.Errorf("the precondition isn't met"))
			}
		}
		switch {
		case len(present.GetFinalizers()) == 0:
			return nil, nil
		case present.GetDeletionTimestamp() != nil:
			return present, nil
		}
		marked := present.DeepCopyObject().(client.Object)
		now := s.timestamp()
		marked.SetDeletionTimestamp(&now)
		marked.SetGeneration(present.GetGeneration() + 1)
		return marked, nil
	})
	return err
}

// selects reports whether an object is what a list asks for.
func selects(options *client.ListOptions, object client.Object, index map[string]client.IndexerFunc) bool {
	if options.Namespace != "" && object.GetNamespace() != options.Namespace {
		return false
	}
	if options.LabelSelector != nil && !options.LabelSelector.Matches(labels.Set(object.GetLabels())) {
		return false
	}
	if options.FieldSelector == nil {
		return true
	}
	return !slices.ContainsFunc(options.FieldSelector.Requirements(), func(r fields.Requirement) bool {
		return !slices.Contains(index[r.Field](object), r.Value)
	})
}

// selectable refuses fields that have no index, as the API server refuses all of ours.
func selectable(options *client.ListOptions, index map[string]client.IndexerFunc) error {
	if options.FieldSelector == nil {
		return nil
	}
	for _, requirement := range options.FieldSelector.Requirements() {
		if _, ok := index[requirement.Field]; !ok {
			return apierrors.NewBadRequest("field label not supported: " + requirement.Field)
		}
	}
	return nil
}
