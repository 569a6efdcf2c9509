// Package cyberssl buys certificates at CyberSSL (https://www.cyberssl.com).
//
// Authority for the wire are the vendor's page https://cyberssl.com/help/api_methods
// ("API page" in comments) and, for four operations that the page lacks, the
// vendor's PHP client https://github.com/cyberssl/api-php ("PHP client"). What
// neither tells is marked "assumption: unconfirmed on a live account".
//
// The API has no client reference: a lost order is found by comparing my_orders
// with the list before the purchase, and by the CSR that order_status echoes. It
// can't cancel, refund, revoke or replace the CSR of an order that isn't issued.
package cyberssl
