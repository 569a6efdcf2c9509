// Package providertest is a conformance kit: every provider passes the same scenarios
// against the simulated reseller of package sandbox, over real HTTP on 127.0.0.1,
// with records and files that its CA really looks up.
//
// A provider's test calls [Run]. It prints one table row for each reseller, validation
// method and operation:
//
//	| cyberssl | CNAME | issue | passed |
//
// Scenarios that need an optional interface which the provider lacks are listed as not
// offered. What the kit asks for is written in the contract of package providers;
// where a vendor leaves a choice, the kit takes every safe answer.
package providertest
