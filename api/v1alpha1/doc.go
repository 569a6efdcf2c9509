// Package v1alpha1 contains the API of reseller-issuer, group reseller-issuer.io.
//
// A [ResellerIssuer] or [ResellerClusterIssuer] describes an account at one
// reseller. A [ResellerOrder] is the working state of one Certificate's supply. A
// [ResellerPurchase] is one entry of the ledger: creating it is the intent to
// spend money, and all of it is in spec, so that a backup without status loses
// nothing.
//
// +kubebuilder:object:generate=true
// +groupName=reseller-issuer.io
package v1alpha1
