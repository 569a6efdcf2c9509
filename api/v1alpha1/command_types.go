package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PurchaseVerb is what a person asks the controller to do with a purchase.
// +kubebuilder:validation:Enum=Cancel;Revoke;AddNames;Refresh;Move
type PurchaseVerb string

// What can be asked of a purchase.
const (
	// PurchaseCancel ends the order at the reseller. What that does to a certificate that
	// was issued, and what is paid back, differs by reseller and is told in the answer.
	PurchaseCancel PurchaseVerb = "Cancel"
	// PurchaseRevoke revokes one certificate.
	PurchaseRevoke PurchaseVerb = "Revoke"
	// PurchaseAddNames buys room for further names. It costs money.
	PurchaseAddNames PurchaseVerb = "AddNames"
	// PurchaseRefresh reads the order at the reseller and brings the ledger up to date.
	PurchaseRefresh PurchaseVerb = "Refresh"
	// PurchaseMove hands what is paid to another Certificate, whose name, namespace or
	// issuer has changed. It changes nothing at the reseller.
	PurchaseMove PurchaseVerb = "Move"
)

// PurchaseDestination is the Certificate that a purchase is for from now on.
type PurchaseDestination struct {
	// Namespace of the Certificate.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`
	// CertificateName is its name; the Certificate need not exist yet.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	CertificateName string `json:"certificateName"`
	// IssuerRef is the issuer that the Certificate names; the purchase's own if empty. It must
	// be the same account.
	// +optional
	IssuerRef *IssuerReference `json:"issuerRef,omitempty"`
}

// PurchaseCommand is a person's request about one purchase. It is carried out once.
// +kubebuilder:validation:XValidation:rule="has(self.serial) == (self.verb == 'Revoke')",message="serial is for Revoke, which needs it"
// +kubebuilder:validation:XValidation:rule="has(self.count) == (self.verb == 'AddNames')",message="count is for AddNames, which needs it"
// +kubebuilder:validation:XValidation:rule="has(self.to) == (self.verb == 'Move')",message="to is for Move, which needs it"
type PurchaseCommand struct {
	// ID is chosen by who asks. One that has an answer is not carried out again.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`
	// Verb is what is to be done: Cancel, Revoke, AddNames, Refresh or Move.
	// +required
	Verb PurchaseVerb `json:"verb"`
	// Serial number of the certificate to revoke, in hexadecimal digits as in
	// spec.certificates.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9a-fA-F]+$`
	Serial string `json:"serial,omitempty"`
	// Count of names for which to buy room.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=249
	Count int32 `json:"count,omitempty"`
	// To is the Certificate to which what is paid is handed.
	// +optional
	To *PurchaseDestination `json:"to,omitempty"`
	// By is who asks, for the records.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	By string `json:"by,omitempty"`
}

// OrderVerb is what a person asks the controller to do with an order.
// +kubebuilder:validation:Enum=Retry;Reissue;ChangeMethod;ResendEmail
type OrderVerb string

// What can be asked of an order. Nothing of it costs money.
const (
	// OrderRetry takes the step that is waited with at once. No rule about money is
	// overridden.
	OrderRetry OrderVerb = "Retry"
	// OrderReissue makes the next certificate a reissue under the paid term, even where
	// the issuer's policy WhenSafe would buy.
	OrderReissue OrderVerb = "Reissue"
	// OrderChangeMethod moves names of an order that is placed to another validation
	// method.
	OrderChangeMethod OrderVerb = "ChangeMethod"
	// OrderResendEmail has the message to the approver sent again, once an hour at most.
	OrderResendEmail OrderVerb = "ResendEmail"
)

// OrderCommand is a person's request about one order. It is carried out once.
// +kubebuilder:validation:XValidation:rule="has(self.method) == (self.verb == 'ChangeMethod')",message="method is for ChangeMethod, which needs it"
// +kubebuilder:validation:XValidation:rule="!has(self.domain) || self.verb in ['ChangeMethod', 'ResendEmail']",message="domain is for ChangeMethod and ResendEmail"
// +kubebuilder:validation:XValidation:rule="!has(self.email) || has(self.method) && self.method == 'Email'",message="email is for the method Email"
type OrderCommand struct {
	// ID is chosen by who asks. One that has an answer is not carried out again.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`
	// Verb is what is to be done: Retry, Reissue, ChangeMethod or ResendEmail.
	// +required
	Verb OrderVerb `json:"verb"`
	// Domain limits ChangeMethod and ResendEmail to one name of status.issuance.challenges;
	// all that are not validated if empty.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Domain string `json:"domain,omitempty"`
	// Method to change to.
	// +optional
	Method DCVMethod `json:"method,omitempty"`
	// Email is the mailbox that is to approve; one that CAs accept if empty.
	// +optional
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:Pattern=`^[^@\s]+@[^@\s]+$`
	Email string `json:"email,omitempty"`
	// By is who asks, for the records.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	By string `json:"by,omitempty"`
}

// CommandOutcome is what became of a request.
// +kubebuilder:validation:Enum=Done;Refused;Failed
type CommandOutcome string

// The outcomes of a request.
const (
	// CommandDone: it had its effect.
	CommandDone CommandOutcome = "Done"
	// CommandRefused: it is not possible or not permitted; nothing was done.
	CommandRefused CommandOutcome = "Refused"
	// CommandFailed: it was tried and certainly had no effect.
	CommandFailed CommandOutcome = "Failed"
)

// CommandAnswer tells what became of a request.
type CommandAnswer struct {
	// ID of the request.
	// +required
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`
	// Verb of the request.
	// +required
	// +kubebuilder:validation:MaxLength=32
	Verb string `json:"verb"`
	// Outcome of the request.
	// +required
	Outcome CommandOutcome `json:"outcome"`
	// Message says what was done, or why not.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// By is who asked.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	By string `json:"by,omitempty"`
	// FinishedAt is when the outcome was known.
	// +required
	FinishedAt metav1.Time `json:"finishedAt"`
}

// PurchaseAddition is room for further names that was bought under a purchase. Budgets
// count it.
type PurchaseAddition struct {
	// ID of the operation that bought it.
	// +required
	// +kubebuilder:validation:MaxLength=64
	ID string `json:"id"`
	// Count of names.
	// +required
	// +kubebuilder:validation:Minimum=1
	Count int32 `json:"count"`
	// At is when the intent was written.
	// +required
	At metav1.Time `json:"at"`
	// Price that was paid, or is expected until that is known.
	// +optional
	Price *Money `json:"price,omitempty"`
}
