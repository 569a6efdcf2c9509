// Package signer is the face towards cert-manager, built on issuer-lib: Sign turns an
// approved request into the work of a ResellerOrder and hands the checked chain back,
// Check decides whether an issuer is ready.
//
// Sign never calls a reseller. It moves the order's spec.request forward and tells how
// far the order is; a watch on orders wakes it. This is the only package that names
// issuer-lib's error types.
package signer
