// Package metrics is what the controller tells Prometheus.
//
// There are two sources. [Collector] counts orders, purchases and issuers at each scrape:
// their objects are the truth, so there is nothing to keep in step and nothing to lose in
// a restart. [Activity] counts what this process does: requests to resellers, calls of
// solvers, steps of orders. How long a phase took is measured from times that are stored
// in the order, so that a restart within it doesn't shorten it.
//
// All labels are bounded: words of the code, and the names of issuers. Nothing is labelled
// with an order, a Certificate, a DNS name or an account.
package metrics
