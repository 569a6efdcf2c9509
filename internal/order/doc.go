// Package order supplies certificates: it decides what to do next for a ResellerOrder
// and does it, one step at a time.
//
// The decision is pure: next looks at the order, the purchases of the ledger and
// a few facts, and returns one [Action]. The [Reconciler] carries the action out and
// writes the order's status once. Whatever costs money or can't be repeated goes
// through the ledger, which stores the intent before the call is made.
package order
