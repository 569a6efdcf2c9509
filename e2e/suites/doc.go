// Package suites has the end-to-end tests: the controller as users run it, on a
// real API server with the real cert-manager, BIND and the sandbox reseller. All
// tests share one lab; each has its own namespace, account and names.
//
// A test that stops the controller or cert-manager, or has the sandbox fail for
// everybody, is not parallel: go test runs those before all others.
package suites
