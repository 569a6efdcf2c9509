// Package store is a Kubernetes API server in memory, as far as the controller can tell: it
// hands out UIDs and resourceVersions, refuses what is stale or exists, keeps spec and status
// apart, and remembers every version, so that a [Cache] can show any state of the past.
//
// controller-runtime's fake client is not used for simulations: it serialises whole objects at
// each read, gives no UIDs and generations, and has no past. A contract test in storetest holds
// this store to what the real API server does. Not checked is the schema of objects, which the
// end-to-end tests do.
package store
