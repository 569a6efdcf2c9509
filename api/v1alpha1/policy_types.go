package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Money is an amount of money.
type Money struct {
	// Amount as a decimal number, for example "5.20".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=24
	// +kubebuilder:validation:Pattern=`^[0-9]+(\.[0-9]+)?$`
	Amount string `json:"amount"`
	// Currency is an ISO 4217 code. Where a reseller tells no currency, the account's
	// currency is meant and this is for people.
	// +optional
	// +kubebuilder:validation:Pattern=`^[A-Z]{3}$`
	Currency string `json:"currency,omitempty"`
}

// PurchaseMode is the main switch.
// +kubebuilder:validation:Enum=Live;DryRun;Hold
type PurchaseMode string

// The purchase modes.
const (
	// PurchaseLive buys.
	PurchaseLive PurchaseMode = "Live"
	// PurchaseDryRun says what would be bought and for how much, and buys nothing.
	PurchaseDryRun PurchaseMode = "DryRun"
	// PurchaseHold makes no call that costs or changes anything.
	PurchaseHold PurchaseMode = "Hold"
)

// ReissuePolicy says when the paid term is used for a further certificate.
// +kubebuilder:validation:Enum=WhenSafe;Always;Never
type ReissuePolicy string

// The reissue policies.
const (
	ReissueWhenSafe ReissuePolicy = "WhenSafe"
	ReissueAlways   ReissuePolicy = "Always"
	ReissueNever    ReissuePolicy = "Never"
)

// UnclaimedOrders says what happens with a paid order at the reseller that stands in no
// ResellerPurchase.
// +kubebuilder:validation:Enum=Ignore;Hold;Adopt
type UnclaimedOrders string

// What happens with unclaimed orders.
const (
	UnclaimedIgnore UnclaimedOrders = "Ignore"
	UnclaimedHold   UnclaimedOrders = "Hold"
	UnclaimedAdopt  UnclaimedOrders = "Adopt"
)

// ChangedNames says how a Certificate gets a certificate after its names were changed.
// +kubebuilder:validation:Enum=Purchase;Reissue
type ChangedNames string

// The ways to a certificate with changed names.
const (
	ChangedNamesPurchase ChangedNames = "Purchase"
	ChangedNamesReissue  ChangedNames = "Reissue"
)

// BareRequests says what happens to requests that no Certificate owns.
// +kubebuilder:validation:Enum=Allow;Deny
type BareRequests string

// What happens to bare requests.
const (
	BareRequestsAllow BareRequests = "Allow"
	BareRequestsDeny  BareRequests = "Deny"
)

// DeletionPolicy says what the deletion of a ResellerOrder does at the reseller.
// +kubebuilder:validation:Enum=Retain;CancelUnissued
type DeletionPolicy string

// The deletion policies.
const (
	// DeletionRetain leaves what is paid alone: it is found again.
	DeletionRetain DeletionPolicy = "Retain"
	// DeletionCancelUnissued cancels an order for which no certificate was issued.
	DeletionCancelUnissued DeletionPolicy = "CancelUnissued"
)

// PurchasePolicy limits what is bought.
type PurchasePolicy struct {
	// Mode is the main switch: Live buys, DryRun says what would be bought, Hold makes
	// no call that costs or changes anything.
	// +optional
	// +kubebuilder:default=Live
	Mode PurchaseMode `json:"mode,omitempty"`

	// Budgets hold an order before it pays. They are counted from the ledger in rolling
	// windows.
	// +optional
	// +listType=atomic
	// +kubebuilder:default={{window: "24h", maxPurchases: 10}}
	// +kubebuilder:validation:MaxItems=8
	Budgets []Budget `json:"budgets,omitempty"`

	// LoopBreaker stops purchases and reissues of the same names that follow each
	// other too closely.
	// +optional
	// +kubebuilder:default={}
	LoopBreaker LoopBreaker `json:"loopBreaker,omitzero"`

	// PriceLimit holds an order whose price is above it or can't be known.
	// +optional
	PriceLimit *Money `json:"priceLimit,omitempty"`

	// MinimumLifetime is the shortest certificate worth a reissue: nearer to the end of
	// the paid term, a new term is bought. At least 1.5 times the Certificate's
	// renewBefore and at most half the longest validity apply.
	// +optional
	// +kubebuilder:default="1080h"
	MinimumLifetime *metav1.Duration `json:"minimumLifetime,omitempty"`

	// Reissue says when the paid term is used for a further certificate. WhenSafe does it
	// if the reseller keeps the certificate in use valid, Always also if that one is
	// revoked by it. Never buys for each renewal. A paid term whose newest certificate
	// nobody got is always used.
	// +optional
	// +kubebuilder:default=WhenSafe
	Reissue ReissuePolicy `json:"reissue,omitempty"`

	// ChangedNames says what happens when the names of a Certificate change while a term
	// is paid. Purchase buys a certificate for the new names; the paid term of the old
	// ones stays, and is found again when the names are changed back. Reissue puts the new
	// names into the paid term at no cost, where the reseller takes them: CAs revoke the
	// certificates with the old names then, within hours or days, also where they are
	// still in use elsewhere. It needs a certificate that was issued, and Reissue other
	// than Never.
	// +optional
	// +kubebuilder:default=Purchase
	ChangedNames ChangedNames `json:"changedNames,omitempty"`

	// UnclaimedOrders says what happens when, before a purchase, the reseller lists a paid
	// order for exactly these names that stands in no ResellerPurchase, for example one
	// that was bought by hand. Hold waits until a person imports it or decides otherwise.
	// Adopt uses it if it certainly belongs to this order, by the reference that this
	// cluster has sent or by the request's own CSR; an order that only has the same names
	// is held as with Hold, because somebody else may use it. Ignore buys.
	// Not every reseller lists orders.
	// +optional
	// +kubebuilder:default=Hold
	UnclaimedOrders UnclaimedOrders `json:"unclaimedOrders,omitempty"`

	// BareRequests says whether CertificateRequests without a Certificate are served.
	// +optional
	// +kubebuilder:default=Allow
	BareRequests BareRequests `json:"bareRequests,omitempty"`

	// DeletionPolicy says what the deletion of a ResellerOrder does at the reseller: Retain
	// leaves everything as it is, CancelUnissued cancels what is paid and has no certificate
	// yet, where the reseller can. The deletion of a Certificate or of a namespace never
	// cancels anything.
	// +optional
	// +kubebuilder:default=Retain
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// BudgetScope says whose purchases a budget counts.
// +kubebuilder:validation:Enum=Issuer;Namespace
type BudgetScope string

// The scopes of a budget.
const (
	BudgetPerIssuer    BudgetScope = "Issuer"
	BudgetPerNamespace BudgetScope = "Namespace"
)

// Budget is a limit in a rolling window.
// +kubebuilder:validation:XValidation:rule="has(self.maxPurchases) || has(self.maxAmount)",message="maxPurchases or maxAmount must be set"
type Budget struct {
	// Window over which is counted, for example "24h" or "720h".
	// +required
	Window metav1.Duration `json:"window"`

	// Scope says whether all purchases of the issuer count together, or those of each
	// namespace by themselves.
	// +optional
	// +kubebuilder:default=Issuer
	Scope BudgetScope `json:"scope,omitempty"`

	// MaxPurchases in the window; 0 allows none.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxPurchases *int32 `json:"maxPurchases,omitempty"`

	// MaxAmount of money in the window. An order whose price can't be known is held.
	// +optional
	MaxAmount *Money `json:"maxAmount,omitempty"`
}

// LoopBreaker limits by set of names.
type LoopBreaker struct {
	// MaxPurchases of the same names in 30 days.
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	MaxPurchases int32 `json:"maxPurchases,omitempty"`

	// MaxReissues of the same names in 7 days.
	// +optional
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=1
	MaxReissues int32 `json:"maxReissues,omitempty"`
}
