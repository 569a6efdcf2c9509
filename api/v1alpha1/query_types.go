package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// QueryAsk is what a query asks.
// +kubebuilder:validation:Enum=Products;Price;Balance;Orders;Check
type QueryAsk string

// What can be asked.
const (
	// AskProducts lists what the reseller sells to the account.
	AskProducts QueryAsk = "Products"
	// AskPrice asks what a certificate for spec.names would cost now.
	AskPrice QueryAsk = "Price"
	// AskBalance asks how much money the account has left.
	AskBalance QueryAsk = "Balance"
	// AskOrders lists the account's orders at the reseller, and which of them stand in the
	// ledger.
	AskOrders QueryAsk = "Orders"
	// AskCheck says what would stand in the way of a certificate for spec.names.
	AskCheck QueryAsk = "Check"
)

// QueryIssuerReference names an issuer from within a namespace.
type QueryIssuerReference struct {
	// Kind is ResellerIssuer, of the query's namespace, or ResellerClusterIssuer. Queries
	// about the latter are answered in the cluster resource namespace only.
	// +optional
	// +kubebuilder:default=ResellerIssuer
	// +kubebuilder:validation:Enum=ResellerIssuer;ResellerClusterIssuer
	Kind string `json:"kind,omitempty"`
	// Name of the issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// ResellerQuerySpec is the question.
// +kubebuilder:validation:XValidation:rule="has(self.issuerRef) != has(self.issuer)",message="exactly one of issuerRef, issuer must be set"
// +kubebuilder:validation:XValidation:rule="self.ask != 'Price' || has(self.names)",message="Price needs names"
type ResellerQuerySpec struct {
	// IssuerRef is the issuer that is asked about.
	// +optional
	IssuerRef *QueryIssuerReference `json:"issuerRef,omitempty"`

	// Issuer is the spec of an issuer that isn't applied yet. Its Secrets are read from the
	// query's namespace.
	// +optional
	Issuer *ResellerIssuerSpec `json:"issuer,omitempty"`

	// Ask is the question: Products, Price, Balance, Orders or Check.
	// +required
	Ask QueryAsk `json:"ask"`

	// Names for which a certificate would be wanted.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=250
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	Names []string `json:"names,omitempty"`

	// Namespace from which the certificate would be requested, for Check with a
	// ResellerClusterIssuer; the query's own if empty.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// Labels that the Certificate would have, for selectors of solvers.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`

	// CSR in PEM that would be sent; one with a key that is thrown away is made from names
	// if empty.
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	CSR []byte `json:"csr,omitempty"`
}

// QueryState is how far a query got.
// +kubebuilder:validation:Enum=Pending;Answered;Failed
type QueryState string

// The states of a query.
const (
	// QueryPending: the answer is on its way.
	QueryPending QueryState = "Pending"
	// QueryAnswered: the answer is in the status.
	QueryAnswered QueryState = "Answered"
	// QueryFailed: there is no answer, and the message says why.
	QueryFailed QueryState = "Failed"
)

// QueryProduct is a product on offer.
type QueryProduct struct {
	// ID for spec.reseller.*.product.id.
	// +required
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id"`
	// Name of the product.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name,omitempty"`
	// Brand of the CA.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Brand string `json:"brand,omitempty"`
	// Validation is the reseller's word for DV, OV or EV.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Validation string `json:"validation,omitempty"`
	// Wildcard says whether names may begin with "*.".
	// +optional
	Wildcard Support `json:"wildcard,omitempty"`
	// MaxNames is how many names one certificate may carry, where that is told.
	// +optional
	MaxNames int32 `json:"maxNames,omitempty"`
	// Prices by term.
	// +optional
	// +listType=map
	// +listMapKey=months
	// +kubebuilder:validation:MaxItems=16
	Prices []QueryProductPrice `json:"prices,omitempty"`
}

// QueryProductPrice is what a term costs.
type QueryProductPrice struct {
	// Months of the term.
	// +required
	Months int32 `json:"months"`
	// Price of the term.
	// +required
	Price Money `json:"price"`
}

// QueryOrder is an order at the reseller.
type QueryOrder struct {
	// OrderIDs as spec.orderIDs and spec.resolution.orderIDs of a ResellerPurchase have
	// them.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	OrderIDs []OrderID `json:"orderIDs"`
	// State of the order, the same words for all resellers.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	State string `json:"state,omitempty"`
	// Names in the order, where the list tells them; the first ten.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=255
	Names []string `json:"names,omitempty"`
	// PaidUntil is the end of the paid term, where the list tells it.
	// +optional
	PaidUntil *metav1.Time `json:"paidUntil,omitempty"`
	// Price that was paid, where the list tells it.
	// +optional
	Price *Money `json:"price,omitempty"`
	// Purchase is the ResellerPurchase in which the order stands; empty if it is in none.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Purchase string `json:"purchase,omitempty"`
}

// Severity says how much a finding matters.
// +kubebuilder:validation:Enum=Info;Warning;Error
type Severity string

// The severities.
const (
	// SeverityInfo: it is as it should be, or only worth knowing.
	SeverityInfo Severity = "Info"
	// SeverityWarning: it works, but something is odd.
	SeverityWarning Severity = "Warning"
	// SeverityError: no certificate would come.
	SeverityError Severity = "Error"
)

// Finding is one result of a check.
type Finding struct {
	// Subject is what was looked at, such as "credentials", "price" or "caa/example.com".
	// +required
	// +kubebuilder:validation:MaxLength=300
	Subject string `json:"subject"`
	// Severity says how much it matters.
	// +required
	Severity Severity `json:"severity"`
	// Message is for a person.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message"`
}

// ResellerQueryStatus is the answer.
type ResellerQueryStatus struct {
	// State is Pending, Answered or Failed.
	// +optional
	State QueryState `json:"state,omitempty"`
	// Message is one sentence about the answer, or why there is none.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// AnsweredAt is when the query was answered or failed.
	// +optional
	AnsweredAt *metav1.Time `json:"answeredAt,omitempty"`
	// Products on offer, for Products.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=500
	Products []QueryProduct `json:"products,omitempty"`
	// Orders of the account, for Orders.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=500
	Orders []QueryOrder `json:"orders,omitempty"`
	// Omitted is how many products or orders the lists had no room for.
	// +optional
	Omitted int32 `json:"omitted,omitempty"`
	// Price of a certificate, for Price and Check where the reseller tells it.
	// +optional
	Price *Money `json:"price,omitempty"`
	// Balance of the account, for Balance and Check where the reseller tells it.
	// +optional
	Balance *Money `json:"balance,omitempty"`
	// Findings of a check.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=600
	Findings []Finding `json:"findings,omitempty"`
}

// ResellerQuery is a question to a reseller that the controller asks and answers. It has
// no effect there, and is deleted an hour after it was made.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=resellerqueries,shortName=rq,categories=cert-manager
// +kubebuilder:printcolumn:name="Ask",type=string,JSONPath=`.spec.ask`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ResellerQuery struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the question.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a query can't be changed: make another one"
	Spec ResellerQuerySpec `json:"spec"`
	// Status is the answer.
	// +optional
	Status ResellerQueryStatus `json:"status,omitzero"`
}

// ResellerQueryList is a list of ResellerQuery.
// +kubebuilder:object:root=true
type ResellerQueryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ResellerQuery `json:"items"`
}
