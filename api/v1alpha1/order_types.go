package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// IssuerReference names an issuer.
type IssuerReference struct {
	// Kind is ResellerIssuer or ResellerClusterIssuer.
	// +required
	// +kubebuilder:validation:Enum=ResellerIssuer;ResellerClusterIssuer
	Kind string `json:"kind"`
	// Namespace of a ResellerIssuer; empty for a ResellerClusterIssuer.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// Name of the issuer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// ResellerOrderSpec says what is supplied, and which request is served now. It is
// written by the controller only, but for command.
type ResellerOrderSpec struct {
	// IssuerRef is the issuer that supplies.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="issuerRef can't be changed"
	IssuerRef IssuerReference `json:"issuerRef"`

	// Key identifies what is supplied: a digest of namespace, issuer, and the name of
	// the Certificate or the names of a bare request. The ledger is searched by it.
	// +required
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{32}$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="key can't be changed"
	Key string `json:"key"`

	// CertificateName is the Certificate that is supplied; empty for bare requests.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	CertificateName string `json:"certificateName,omitempty"`

	// Request is served now. It only moves forward.
	// +optional
	Request *OrderRequest `json:"request,omitempty"`

	// Command is a person's request about this order. The controller carries it out once,
	// writes the answer into status.answers, and removes it.
	// +optional
	Command *OrderCommand `json:"command,omitempty"`
}

// RequestKind is the kind of a request.
// +kubebuilder:validation:Enum=CertificateRequest;CertificateSigningRequest
type RequestKind string

// The kinds of requests.
const (
	RequestKindCertificateRequest        RequestKind = "CertificateRequest"
	RequestKindCertificateSigningRequest RequestKind = "CertificateSigningRequest"
)

// OrderRequest is a copy of a request.
type OrderRequest struct {
	// Kind of the request.
	// +required
	Kind RequestKind `json:"kind"`
	// Name of the request; a CertificateRequest is in the order's namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// UID of the request.
	// +required
	UID types.UID `json:"uid"`
	// CreatedAt is the request's creation time.
	// +required
	CreatedAt metav1.Time `json:"createdAt"`
	// CertificateUID is the UID of the Certificate that owns the request.
	// +optional
	CertificateUID types.UID `json:"certificateUID,omitempty"`
	// CSR is the certificate signing request in PEM.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	CSR []byte `json:"csr"`
	// CSRDigest is the SHA-256 of the CSR's DER in hexadecimal digits.
	// +required
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	CSRDigest string `json:"csrDigest"`
	// CommonName of the CSR.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	CommonName string `json:"commonName,omitempty"`
	// Names are all DNS names of the CSR, lower case, in A-labels, sorted.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=250
	// +kubebuilder:validation:items:MaxLength=255
	Names []string `json:"names"`
	// Labels of the Certificate, or of a bare request, that solver selectors look at.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`
	// RenewBefore of the Certificate, where it states one.
	// +optional
	RenewBefore *metav1.Duration `json:"renewBefore,omitempty"`
}

// OrderState is what an order is doing.
// +kubebuilder:validation:Enum=Preflight;Publishing;Ordering;Validating;Issuing;Issued;Held;Failed;Idle
type OrderState string

// The states of an order.
const (
	// OrderPreflight checks everything that can be checked before money is spent.
	OrderPreflight OrderState = "Preflight"
	// OrderPublishing publishes validation data that is known before paying.
	OrderPublishing OrderState = "Publishing"
	// OrderOrdering buys, renews or reissues.
	OrderOrdering OrderState = "Ordering"
	// OrderValidating waits until the names are validated.
	OrderValidating OrderState = "Validating"
	// OrderIssuing waits for the certificate.
	OrderIssuing OrderState = "Issuing"
	// OrderIssued has a certificate for the request.
	OrderIssued OrderState = "Issued"
	// OrderHeld waits for a person.
	OrderHeld OrderState = "Held"
	// OrderFailed can't serve the request; nothing was paid for it.
	OrderFailed OrderState = "Failed"
	// OrderIdle has no request.
	OrderIdle OrderState = "Idle"
)

// Condition types of orders.
const (
	// ConditionPaid is True while a paid term serves the order.
	ConditionPaid = "Paid"
	// ConditionValidated is True once the reseller has accepted the validation.
	ConditionValidated = "Validated"
	// ConditionReady is True when the request of spec has its certificate.
	ConditionReady = "Ready"
	// ConditionHeld is True while a person has to decide.
	ConditionHeld = "Held"
	// ConditionIdle is True without a request.
	ConditionIdle = "Idle"
	// ConditionOverdue is True when a request waits longer than is usual.
	ConditionOverdue = "Overdue"
)

// OrderCertificate is the newest certificate of an order.
type OrderCertificate struct {
	// CSRDigest tells for which CSR it was issued.
	// +required
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	CSRDigest string `json:"csrDigest"`
	// RequestUID is the request to which it was or is handed; empty if it was issued for
	// a request that is gone.
	// +optional
	RequestUID types.UID `json:"requestUID,omitempty"`
	// Chain is leaf and intermediates in PEM, kept until the request has it.
	// +optional
	// +kubebuilder:validation:MaxLength=131072
	Chain []byte `json:"chain,omitempty"`
	// SHA256 of the leaf's DER.
	// +required
	// +kubebuilder:validation:MaxLength=64
	SHA256 string `json:"sha256"`
	// Serial number of the leaf in hexadecimal digits.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Serial string `json:"serial"`
	// NotBefore of the leaf.
	// +required
	NotBefore metav1.Time `json:"notBefore"`
	// NotAfter of the leaf.
	// +required
	NotAfter metav1.Time `json:"notAfter"`
}

// ResellerOrderStatus is the working state.
type ResellerOrderStatus struct {
	// State is what the order is doing.
	// +optional
	State OrderState `json:"state,omitempty"`
	// Message is one sentence about that.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// Purchase is the name of the ResellerPurchase that pays now.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Purchase string `json:"purchase,omitempty"`
	// PaidUntil is the end of the paid term.
	// +optional
	PaidUntil *metav1.Time `json:"paidUntil,omitempty"`
	// Issuance is the way to the next certificate.
	// +optional
	Issuance *Issuance `json:"issuance,omitempty"`
	// Certificate is the newest certificate.
	// +optional
	Certificate *OrderCertificate `json:"certificate,omitempty"`
	// Records are published, or about to be.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	Records []PublishedRecord `json:"records,omitempty"`
	// Solvers are the settings with which the records were published.
	// +optional
	// +listType=map
	// +listMapKey=hash
	// +kubebuilder:validation:MaxItems=64
	Solvers []SolverSnapshot `json:"solvers,omitempty"`
	// Waiting tells what the order waits for and what a person should do.
	// +optional
	Waiting *Waiting `json:"waiting,omitempty"`
	// NextAttemptAt is when the next step is due.
	// +optional
	NextAttemptAt *metav1.Time `json:"nextAttemptAt,omitempty"`
	// Failures in a row.
	// +optional
	Failures int32 `json:"failures,omitempty"`
	// IssuerGeneration is the issuer's generation at the last step; a changed issuer is
	// tried at once.
	// +optional
	IssuerGeneration int64 `json:"issuerGeneration,omitempty"`
	// NextCleanupAt is when removing records is tried again.
	// +optional
	NextCleanupAt *metav1.Time `json:"nextCleanupAt,omitempty"`
	// NextPollAt is when an order without a request is looked at again.
	// +optional
	NextPollAt *metav1.Time `json:"nextPollAt,omitempty"`
	// ReissueAskedAt is when a person asked that the next certificate be a reissue; empty
	// once it is there.
	// +optional
	ReissueAskedAt *metav1.Time `json:"reissueAskedAt,omitempty"`
	// Answers to requests of people, newest last.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=16
	Answers []CommandAnswer `json:"answers,omitempty"`
	// Conditions tell what is done and what a person has to do.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ResellerOrder is the working state of one Certificate's supply by one issuer. It is
// made by the controller and for people to look at.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ro,categories=cert-manager
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Certificate",type=string,JSONPath=`.spec.certificateName`
// +kubebuilder:printcolumn:name="Issuer",type=string,JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Paid until",type=date,JSONPath=`.status.paidUntil`,priority=1
// +kubebuilder:printcolumn:name="Expires",type=string,format=date-time,JSONPath=`.status.certificate.notAfter`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ResellerOrder struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says what is supplied.
	// +required
	Spec ResellerOrderSpec `json:"spec"`
	// Status is the working state.
	// +optional
	Status ResellerOrderStatus `json:"status,omitzero"`
}

// ResellerOrderList is a list of ResellerOrder.
// +kubebuilder:object:root=true
type ResellerOrderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ResellerOrder `json:"items"`
}

// LabelOrderKey is the label with the order key on orders and purchases;
// LabelAccount, on purchases, is a digest of the account.
const (
	LabelOrderKey = "reseller-issuer.io/order-key"
	LabelAccount  = "reseller-issuer.io/account"
)

// FinalizerRecords keeps an order until its published records are removed.
const FinalizerRecords = "reseller-issuer.io/published-records"

// FinalizerUnissued keeps an order whose purchase has no certificate yet, until its
// deletion is written into the ledger as the issuer's deletion policy says.
const FinalizerUnissued = "reseller-issuer.io/unissued-order"
