package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Store keeps objects and all their versions. It is safe for concurrent use.
type Store struct {
	scheme *runtime.Scheme
	now    func() time.Time

	mu       sync.Mutex
	revision int64
	uids     int64
	kinds    map[schema.GroupKind]map[types.NamespacedName][]version
	// indexes of caches by kind and field.
	indexes map[schema.GroupKind]map[string]client.IndexerFunc
	watch   []func(Change)
}

// version of an object; one without object is its deletion.
type version struct {
	revision int64
	object   client.Object
}

// Change is one write: an object that appeared has no Old, one that went has no New.
type Change struct {
	Revision int64
	Old, New client.Object
}

// New makes an empty store for the types of a scheme. Kinds whose Go type has a field Status
// have the sub-resource.
func New(scheme *runtime.Scheme, now func() time.Time) *Store {
	return &Store{
		scheme: scheme, now: now,
		kinds:   map[schema.GroupKind]map[types.NamespacedName][]version{},
		indexes: map[schema.GroupKind]map[string]client.IndexerFunc{},
	}
}

// Revision is the number of the latest write.
func (s *Store) Revision() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// OnChange has a function called after each write, with the store unlocked. The objects are
// shared and must not be changed.
func (s *Store) OnChange(do func(Change)) { s.watch = append(s.watch, do) }

// latest is the version at a revision, nil for none.
func latest(versions []version, at int64) client.Object {
	for _, v := range slices.Backward(versions) {
		if v.revision <= at {
			return v.object
		}
	}
	return nil
}

func (s *Store) kindOf(object runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(object, s.scheme)
}

func resource(gvk schema.GroupVersionKind) schema.GroupResource {
	return schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}
}

// get copies an object as it was at a revision.
func (s *Store) get(key client.ObjectKey, into client.Object, at int64) error {
	gvk, err := s.kindOf(into)
	if err != nil {
		return err
	}
	s.mu.Lock()
	found := latest(s.kinds[gvk.GroupKind()][key], at)
	s.mu.Unlock()
	if found == nil {
		return apierrors.NewNotFound(resource(gvk), key.Name)
	}
	copyInto(into, found)
	return nil
}

// list returns the objects of a kind as they were at a revision, sorted by namespace and name.
func (s *Store) list(kind schema.GroupKind, at int64, keep func(client.Object) bool) []client.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []client.Object
	for _, versions := range s.kinds[kind] {
		if object := latest(versions, at); object != nil && keep(object) {
			found = append(found, object)
		}
	}
	slices.SortFunc(found, func(a, b client.Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return found
}

// change makes the next version of an object. Edit gets the present one, nil for none, and
// returns the next one, nil to remove it, or the very same one to change nothing.
func (s *Store) change(gvk schema.GroupVersionKind, key client.ObjectKey, edit func(present client.Object) (client.Object, error)) (client.Object, error) {
	next, change, err := s.apply(gvk, key, edit)
	if err != nil || change == nil {
		return next, err
	}
	for _, told := range s.watch {
		told(*change)
	}
	return next, nil
}

func (s *Store) apply(gvk schema.GroupVersionKind, key client.ObjectKey, edit func(client.Object) (client.Object, error)) (client.Object, *Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	objects := s.kinds[gvk.GroupKind()]
	if objects == nil {
		objects = map[types.NamespacedName][]version{}
		s.kinds[gvk.GroupKind()] = objects
	}
	present := latest(objects[key], s.revision)
	next, err := edit(present)
	if err != nil || next == present {
		return next, nil, err
	}
	s.revision++
	if next != nil {
		next.SetResourceVersion(fmt.Sprint(s.revision))
	}
	objects[key] = append(objects[key], version{revision: s.revision, object: next})
	return next, &Change{Revision: s.revision, Old: present, New: next}, nil
}

// stored is an object as the API server gives it back: through its JSON, which cuts times off
// and drops what is empty.
func (s *Store) stored(object client.Object, gvk schema.GroupVersionKind) (client.Object, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	made, err := s.scheme.New(gvk)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, made); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return made.(client.Object), nil
}

func copyInto(into, from client.Object) {
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(from.DeepCopyObject()).Elem())
}

// part is a field of an object, such as Spec; invalid if the type has none.
func part(object client.Object, field string) reflect.Value {
	return reflect.ValueOf(object).Elem().FieldByName(field)
}

// keepPart gives an object the field of another one.
func keepPart(object, from client.Object, field string) {
	if value := part(object, field); value.IsValid() {
		value.Set(part(from.DeepCopyObject().(client.Object), field))
	}
}

func (s *Store) newUID() types.UID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uids++
	return types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", s.uids))
}

func (s *Store) timestamp() metav1.Time { return metav1.NewTime(s.now().UTC().Truncate(time.Second)) }
