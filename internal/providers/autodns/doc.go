// Package autodns buys certificates at InterNetX through AutoDNS / SSL Manager
// (https://www.internetx.com).
//
// Authority for the wire are the vendor's guide "Automation of certificate ordering"
// (https://help.internetx.com/display/APIPROCESSEN, "guide" in comments), its OpenAPI
// file (https://github.com/InterNetX/domainrobot-api, "OpenAPI") and its SDKs
// (https://github.com/InterNetX/php-domainrobot-sdk and js-domainrobot-sdk, "SDKs").
// What none tells is marked "assumption: unconfirmed on a live account".
//
// An order is a job, and the certificate gets a number of its own when the job has
// succeeded: that is why an order here has two identifiers. What to publish is told
// by _prepareOrder before anything is paid, and sent back unchanged with the order.
// A lost order is found among the jobs of its name by its CSR.
package autodns
