// Package resello buys certificates at Resello's ResellerPlatform, formerly HostControl
// (https://www.resello.com).
//
// Authority for the wire are the vendor's pages on the resources ssl-certificate and
// ssl-certificate-plan at https://resello.gitlab.io/resellerplatform-api-docs/ ("API page" in
// comments) and, for base URL, login and envelope, the public client
// https://github.com/duct-tape/resello ("public client"). The pages describe requests
// only; what is read from answers beyond the envelope, "pending" and "active" is
// marked "assumption: unconfirmed on a live account".
//
// Each order carries our client reference, by which a lost one is found again. A reissue
// makes the certificate in use invalid at once, so it is never the way to renew a
// certificate that somebody serves.
package resello
