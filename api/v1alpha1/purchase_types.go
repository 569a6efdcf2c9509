package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PurchaseKind is what was paid for.
// +kubebuilder:validation:Enum=Purchase;Renewal;Import
type PurchaseKind string

// The kinds of purchases.
const (
	PurchaseNew     PurchaseKind = "Purchase"
	PurchaseRenewal PurchaseKind = "Renewal"
	// PurchaseImport was bought by others: by hand, or by a ledger that was lost.
	PurchaseImport PurchaseKind = "Import"
)

// PurchaseState is how far a purchase got.
// +kubebuilder:validation:Enum=Importing;Intended;Bought;Refused;Absent;Rejected;Cancelled;Expired;GivenUp
type PurchaseState string

// The states of a purchase.
const (
	// PurchaseImporting: a person names an order that was bought by other means; the
	// controller reads it and fills in what it finds.
	PurchaseImporting PurchaseState = "Importing"
	// PurchaseIntended: the paying call is about to be made, under way, or its outcome is
	// not known. It counts at full price.
	PurchaseIntended PurchaseState = "Intended"
	// PurchaseBought: the reseller took the order and the money.
	PurchaseBought PurchaseState = "Bought"
	// PurchaseRefused: the reseller refused the call; nothing was paid.
	PurchaseRefused PurchaseState = "Refused"
	// PurchaseAbsent: the call certainly had no effect.
	PurchaseAbsent PurchaseState = "Absent"
	// PurchaseRejected: the order was taken and then refused by the CA or the reseller.
	PurchaseRejected PurchaseState = "Rejected"
	// PurchaseCancelled: the order was ended.
	PurchaseCancelled PurchaseState = "Cancelled"
	// PurchaseExpired: the paid term is over.
	PurchaseExpired PurchaseState = "Expired"
	// PurchaseGivenUp: a person doesn't want it used any more. The money is spent: it
	// counts in the budgets.
	PurchaseGivenUp PurchaseState = "GivenUp"
)

// OperationKind is a call under an existing purchase that can't be repeated.
// +kubebuilder:validation:Enum=Reissue;Enrol;AddNames;Cancel;Revoke
type OperationKind string

// The kinds of operations.
const (
	PurchaseOperationReissue  OperationKind = "Reissue"
	PurchaseOperationEnrol    OperationKind = "Enrol"
	PurchaseOperationAddNames OperationKind = "AddNames"
	PurchaseOperationCancel   OperationKind = "Cancel"
	PurchaseOperationRevoke   OperationKind = "Revoke"
)

// OperationOutcome is how an operation ended.
// +kubebuilder:validation:Enum=Intended;Done;Refused;Absent
type OperationOutcome string

// The outcomes of an operation.
const (
	OperationIntended OperationOutcome = "Intended"
	OperationDone     OperationOutcome = "Done"
	OperationRefused  OperationOutcome = "Refused"
	OperationAbsent   OperationOutcome = "Absent"
)

// PurchaseAccount is the account that pays.
type PurchaseAccount struct {
	// Reseller is the kind of the reseller, for example "cyberssl".
	// +required
	// +kubebuilder:validation:MaxLength=32
	Reseller string `json:"reseller"`
	// Endpoint is the base URL of the API.
	// +required
	// +kubebuilder:validation:MaxLength=512
	Endpoint string `json:"endpoint"`
	// Name of the account at the reseller.
	// +required
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`
}

// OrderID is one of the identifiers under which the reseller knows the order.
type OrderID struct {
	// Name of the identifier in the reseller's API.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Name string `json:"name"`
	// Value of the identifier.
	// +required
	// +kubebuilder:validation:MaxLength=255
	Value string `json:"value"`
}

// PurchaseSnapshot is what the account looked like before the paying call.
type PurchaseSnapshot struct {
	// OrderIDs that existed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:MaxLength=255
	OrderIDs []string `json:"orderIDs,omitempty"`
	// Balance of the account.
	// +optional
	Balance *Money `json:"balance,omitempty"`
}

// PurchaseOperation is a call under this purchase that can't be repeated. It is written
// before it is made.
type PurchaseOperation struct {
	// ID is new for each operation.
	// +required
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`
	// Kind of the call.
	// +required
	Kind OperationKind `json:"kind"`
	// Reference is the client reference that was sent, where the reseller's API has one.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reference string `json:"reference,omitempty"`
	// CSR that was sent, if any.
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	CSR []byte `json:"csr,omitempty"`
	// CSRDigest of that CSR.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	CSRDigest string `json:"csrDigest,omitempty"`
	// Names in that CSR, where they aren't those of the purchase: it has them once the
	// operation is done.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=250
	// +kubebuilder:validation:items:MaxLength=255
	Names []string `json:"names,omitempty"`
	// CommonName in that CSR, beside names.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	CommonName string `json:"commonName,omitempty"`
	// Method of validation that was asked for.
	// +optional
	Method DCVMethod `json:"method,omitempty"`
	// Serial number of the certificate that is revoked, in hexadecimal digits.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Serial string `json:"serial,omitempty"`
	// Command is the request of a person that it carries out, if any; its answer is written
	// with the outcome.
	// +optional
	Command *PurchaseCommand `json:"command,omitempty"`
	// IntendedAt is when it was written.
	// +required
	IntendedAt metav1.MicroTime `json:"intendedAt"`
	// Outcome of the call.
	// +required
	Outcome OperationOutcome `json:"outcome"`
	// Message about the outcome.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// FinishedAt is when the outcome was known.
	// +optional
	FinishedAt *metav1.MicroTime `json:"finishedAt,omitempty"`
}

// PurchasedCertificate is a certificate got under a purchase.
type PurchasedCertificate struct {
	// CSRDigest tells for which CSR.
	// +required
	// +kubebuilder:validation:MaxLength=64
	CSRDigest string `json:"csrDigest"`
	// Serial number in hexadecimal digits.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Serial string `json:"serial"`
	// NotAfter of the certificate.
	// +required
	NotAfter metav1.Time `json:"notAfter"`
	// IssuedAt is when it was fetched.
	// +required
	IssuedAt metav1.Time `json:"issuedAt"`
	// HandedOver is True if a living request got it.
	// +optional
	// +kubebuilder:validation:Enum="True";"False"
	HandedOver metav1.ConditionStatus `json:"handedOver,omitempty"`
	// RevokedAt is when it was revoked on request.
	// +optional
	RevokedAt *metav1.Time `json:"revokedAt,omitempty"`
}

// ResellerPurchaseSpec is everything that is known of a purchase.
// +kubebuilder:validation:XValidation:rule="self.state == 'Importing' ? has(self.orderIDs) : (has(self.clusterID) && has(self.account) && has(self.names) && has(self.csrDigest) && has(self.reference) && has(self.intendedAt))",message="a purchase that is to be imported needs orderIDs; any other needs clusterID, account, names, csrDigest, reference and intendedAt"
type ResellerPurchaseSpec struct {
	// Key of the order that it pays for.
	// +required
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{32}$`
	Key string `json:"key"`
	// ClusterID is the cluster that made it. Another cluster only reads it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ClusterID string `json:"clusterID,omitempty"`
	// OrderNamespace and OrderName are the ResellerOrder.
	// +required
	// +kubebuilder:validation:MaxLength=63
	OrderNamespace string `json:"orderNamespace"`
	// OrderName is the name of the ResellerOrder.
	// +required
	// +kubebuilder:validation:MaxLength=253
	OrderName string `json:"orderName"`
	// IssuerRef is the issuer by whose rules it was bought.
	// +required
	IssuerRef IssuerReference `json:"issuerRef"`
	// Account that pays.
	// +optional
	Account PurchaseAccount `json:"account,omitzero"`
	// Kind of the purchase.
	// +required
	Kind PurchaseKind `json:"kind"`
	// Renews is the name of the purchase that this one follows.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Renews string `json:"renews,omitempty"`
	// Product that is bought.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Product string `json:"product,omitempty"`
	// TermMonths is the paid term.
	// +required
	// +kubebuilder:validation:Minimum=1
	TermMonths int32 `json:"termMonths"`
	// Names in the certificate.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=250
	// +kubebuilder:validation:items:MaxLength=255
	Names []string `json:"names,omitempty"`
	// CommonName in the certificate.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	CommonName string `json:"commonName,omitempty"`
	// CSR in PEM that was sent. That of an imported order is missing where the reseller
	// doesn't tell it.
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	CSR []byte `json:"csr,omitempty"`
	// CSRDigest is the SHA-256 of the CSR's DER, or, without a CSR, that of the
	// certificate's public key.
	// +optional
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	CSRDigest string `json:"csrDigest,omitempty"`
	// Reference is the client reference, where the reseller's API has one.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reference string `json:"reference,omitempty"`
	// Method of validation that was asked for.
	// +optional
	Method DCVMethod `json:"method,omitempty"`
	// IntendedAt is when the intent was written, or when an imported order was placed.
	// +optional
	IntendedAt metav1.MicroTime `json:"intendedAt,omitzero"`
	// ExpectedPrice is the price told before; budgets count it until the real one is
	// known.
	// +optional
	ExpectedPrice *Money `json:"expectedPrice,omitempty"`
	// PriceLimit in force.
	// +optional
	PriceLimit *Money `json:"priceLimit,omitempty"`
	// Before is the account before the call.
	// +optional
	Before *PurchaseSnapshot `json:"before,omitempty"`

	// State is how far it got.
	// +required
	State PurchaseState `json:"state"`
	// Message about the state.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// FinishedAt is when the outcome of the paying call was known.
	// +optional
	FinishedAt *metav1.MicroTime `json:"finishedAt,omitempty"`
	// OrderIDs under which the reseller knows the order.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	OrderIDs []OrderID `json:"orderIDs,omitempty"`
	// Price that was paid.
	// +optional
	Price *Money `json:"price,omitempty"`
	// PaidUntil is the end of the paid term.
	// +optional
	PaidUntil *metav1.Time `json:"paidUntil,omitempty"`
	// Operation is the newest call on the way to a certificate under this purchase that
	// can't be repeated: Reissue or Enrol.
	// +optional
	Operation *PurchaseOperation `json:"operation,omitempty"`
	// CommandOperation is the newest call that a person asked for and that can't be
	// repeated: Cancel, Revoke or AddNames. It stands by itself, so that it doesn't
	// overwrite what is known of a reissue.
	// +optional
	CommandOperation *PurchaseOperation `json:"commandOperation,omitempty"`
	// Reissues are the times of reissues, newest last.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Reissues []metav1.Time `json:"reissues,omitempty"`
	// Additions are room for further names, newest last.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Additions []PurchaseAddition `json:"additions,omitempty"`
	// Certificates got under this purchase, newest last.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Certificates []PurchasedCertificate `json:"certificates,omitempty"`
	// Resolution is a person's word where the outcome isn't known.
	// +optional
	Resolution *PurchaseResolution `json:"resolution,omitempty"`
	// Command is a person's request about this purchase. The controller removes it when it
	// begins to carry it out, and writes the answer into spec.answers.
	// +optional
	Command *PurchaseCommand `json:"command,omitempty"`
	// Answers to requests, newest last.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=16
	Answers []CommandAnswer `json:"answers,omitempty"`
}

// ResellerPurchase is one entry of the ledger. Only the controller and cluster admins
// write it. It is kept for 400 days beyond the paid term.
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=rp,categories=cert-manager
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.spec.state`
// +kubebuilder:printcolumn:name="Name",type=string,JSONPath=`.spec.commonName`
// +kubebuilder:printcolumn:name="Product",type=string,JSONPath=`.spec.product`
// +kubebuilder:printcolumn:name="Price",type=string,JSONPath=`.spec.price.amount`
// +kubebuilder:printcolumn:name="Currency",type=string,JSONPath=`.spec.price.currency`
// +kubebuilder:printcolumn:name="Paid until",type=string,format=date-time,JSONPath=`.spec.paidUntil`
// +kubebuilder:printcolumn:name="Namespace",type=string,JSONPath=`.spec.orderNamespace`
// +kubebuilder:printcolumn:name="Order",type=string,JSONPath=`.spec.orderName`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ResellerPurchase struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is everything that is known.
	// +required
	Spec ResellerPurchaseSpec `json:"spec"`
}

// ResellerPurchaseList is a list of ResellerPurchase.
// +kubebuilder:object:root=true
type ResellerPurchaseList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ResellerPurchase `json:"items"`
}
