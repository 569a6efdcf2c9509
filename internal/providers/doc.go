// Package providers is the contract between the order engine and the SSL resellers.
//
// A reseller is one directory below this one. It implements [Provider] and those
// of the one-method interfaces of optional.go that its API offers; the order
// engine finds them by type assertion. Vendor words (status names, error texts,
// parameter names) never leave a reseller's directory.
//
// # Rules for every implementation
//
//   - Safe for concurrent use. No goroutines, no state that outlives the process,
//     except a login token.
//   - Every method does what its name says once: no retries, no sleeping, no
//     waiting in a queue. The order engine decides when to call again.
//   - A method that takes an [*Intent] has an effect that can't be repeated. It
//     sends at most one request that carries the effect and never sends it again,
//     not after a time-out, not after an expired login.
//   - Every error is an [*Error]. What isn't understood is [Ambiguous] on a call
//     that takes an Intent, and [Unavailable] on any other.
//   - Credentials never appear in an error; texts of the vendor go through the
//     redactor of the transport.
package providers
