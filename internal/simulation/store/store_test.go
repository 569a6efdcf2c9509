package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/simulation/store"
	"github.com/reseller-issuer/reseller-issuer/internal/simulation/storetest"
)

func newStore(t *testing.T) *store.Store {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	return store.New(scheme, time.Now)
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newStore(t).Client(), "team")
}

func newOrder(name string) *v1alpha1.ResellerOrder {
	return &v1alpha1.ResellerOrder{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name}}
}

// names lists the orders that a reader sees.
func names(t *testing.T, reader client.Reader, options ...client.ListOption) []string {
	t.Helper()
	var list v1alpha1.ResellerOrderList
	require.NoError(t, reader.List(t.Context(), &list, options...))
	var names []string
	for _, order := range list.Items {
		names = append(names, order.Name)
	}
	return names
}

func TestCacheIsBehind(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	c := s.Client()
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, c.Create(t.Context(), newOrder(name)))
	}
	fresh, behind, empty := s.Cache(0), s.Cache(1), s.Cache(1000)
	assert.Equal(t, []string{"a", "b", "c"}, names(t, fresh.Client()))
	assert.Equal(t, []string{"a", "b"}, names(t, behind.Client()))
	assert.Empty(t, names(t, empty.Client()))

	require.NoError(t, c.Create(t.Context(), newOrder("d")))
	assert.Equal(t, []string{"a", "b", "c"}, names(t, behind.Client()))
	behind.Lag(3)
	assert.Equal(t, []string{"a", "b", "c"}, names(t, behind.Client()), "never backwards")
	require.Error(t, behind.Client().Get(t.Context(), client.ObjectKeyFromObject(newOrder("d")), newOrder("")))
	behind.Lag(0)
	assert.Equal(t, []string{"a", "b", "c", "d"}, names(t, behind.Client()))

	require.NoError(t, c.Delete(t.Context(), newOrder("a")))
	assert.Equal(t, []string{"b", "c", "d"}, names(t, behind.Client()))
}

// A write through a cached client is seen by its own cache only when that has caught up.
func TestOwnWritesAreSeenLate(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	cache := s.Cache(1)
	require.NoError(t, cache.Client().Create(t.Context(), newOrder("a")))
	assert.Empty(t, names(t, cache.Client()))
	assert.Equal(t, []string{"a"}, names(t, s.Client()))
}

func TestIndexes(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.NoError(t, s.IndexField(t.Context(), &v1alpha1.ResellerOrder{}, "first", func(o client.Object) []string { return []string{o.GetName()[:1]} }))
	for _, name := range []string{"a1", "a2", "b1"} {
		require.NoError(t, s.Client().Create(t.Context(), newOrder(name)))
	}
	assert.Equal(t, []string{"a1", "a2"}, names(t, s.Cache(0).Client(), client.MatchingFields{"first": "a"}))
}

func TestChangesAreTold(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var told []store.Change
	s.OnChange(func(c store.Change) { told = append(told, c) })
	order := newOrder("a")
	require.NoError(t, s.Client().Create(t.Context(), order))
	require.NoError(t, s.Client().Update(t.Context(), order))
	require.NoError(t, s.Client().Delete(t.Context(), order))
	require.Len(t, told, 2, "writing nothing is no change")
	assert.Nil(t, told[0].Old)
	assert.Nil(t, told[1].New)
	assert.Less(t, told[0].Revision, told[1].Revision)
}
