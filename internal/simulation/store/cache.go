package store

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Cache shows a store as a process sees it through its watches: some writes late, never
// backwards, and with the indexes that are registered. It is safe for concurrent use.
type Cache struct {
	store *Store

	mu sync.Mutex
	// lag is by how many writes the cache is behind.
	lag int64
	// seen is the newest state that was shown of each kind.
	seen map[schema.GroupKind]int64
	// floor is the oldest state that is shown: that from which the process was started.
	floor int64
}

// Cache returns a cache that is behind by a number of writes, as a process finds it that
// begins now: its first list may come from a server which is behind itself.
func (s *Store) Cache(lag int64) *Cache {
	return &Cache{store: s, lag: lag, seen: map[schema.GroupKind]int64{}, floor: max(0, s.Revision()-lag)}
}

// Lag changes by how many writes the cache is behind from now on.
func (c *Cache) Lag(writes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lag = writes
}

// revision is what the cache shows of a kind now.
func (c *Cache) revision(kind schema.GroupKind) int64 {
	now := c.store.Revision()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[kind] = max(c.seen[kind], c.floor, now-c.lag)
	return c.seen[kind]
}

// IndexField implements client.FieldIndexer. Indexes are those of the store: all its caches
// have the same.
func (s *Store) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	gvk, err := s.kindOf(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.indexes[gvk.GroupKind()] == nil {
		s.indexes[gvk.GroupKind()] = map[string]client.IndexerFunc{}
	}
	s.indexes[gvk.GroupKind()][field] = values
	return nil
}

// Cached is a client that reads from a cache and writes directly, as a manager's does.
type Cached struct {
	*Direct
	cache *Cache
}

// Client returns the client of a process with this cache.
func (c *Cache) Client() *Cached { return &Cached{Direct: c.store.Client(), cache: c} }

// Get implements client.Reader.
func (c *Cached) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	gvk, err := c.store.kindOf(into)
	if err != nil {
		return err
	}
	return c.store.get(key, into, c.cache.revision(gvk.GroupKind()))
}

// List implements client.Reader.
func (c *Cached) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	gvk, err := c.store.kindOf(into)
	if err != nil {
		return err
	}
	kind := schema.GroupKind{Group: gvk.Group, Kind: gvk.Kind[:len(gvk.Kind)-len("List")]}
	return c.store.listInto(into, c.cache.revision(kind), c.store.indexes[kind], options)
}
