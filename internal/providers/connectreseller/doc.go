// Package connectreseller buys certificates at ConnectReseller
// (https://www.connectreseller.com).
//
// Authority for the wire is the vendor's document "SSL Certificate API" ("API document" in
// comments), and for the balance its domain API ("CR API Document V11"). Errors, the numbers
// of states and the delivery of the leaf are not documented; what is read of them is
// marked "assumption: unconfirmed on a live account".
//
// An order is paid without a CSR (Buy) and enrolled with one in a second step (Enrol).
// Bodies are encrypted with secrets of the account. Nothing can be searched: an order
// whose number was never told can't be found, so an unclear purchase stops until a person
// decides. For products of Sectigo the validation data prove whose CSR an order has.
package connectreseller
