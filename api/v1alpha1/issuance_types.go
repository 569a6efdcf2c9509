package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Operation is how an issuance gets its certificate.
// +kubebuilder:validation:Enum=Purchase;Renew;Reissue;Resume
type Operation string

// The operations.
const (
	// OperationPurchase buys a new term.
	OperationPurchase Operation = "Purchase"
	// OperationRenew buys a term that follows an earlier one.
	OperationRenew Operation = "Renew"
	// OperationReissue gets a further certificate under a paid term.
	OperationReissue Operation = "Reissue"
	// OperationResume goes on with what was ordered before.
	OperationResume Operation = "Resume"
)

// Issuance is the way to one certificate.
type Issuance struct {
	// RequestUID is the request for which it was started.
	// +required
	RequestUID types.UID `json:"requestUID"`
	// Operation is how the certificate is got.
	// +required
	Operation Operation `json:"operation"`
	// Purchase is the name of the ResellerPurchase that pays for it, once known.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Purchase string `json:"purchase,omitempty"`
	// CSR that is being issued. It may be an earlier one than that of the request: an
	// order that was paid is finished first, and then reissued.
	// +required
	// +kubebuilder:validation:MaxLength=65536
	CSR []byte `json:"csr"`
	// CSRDigest is the SHA-256 of the CSR's DER.
	// +required
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	CSRDigest string `json:"csrDigest"`
	// CommonName of the CSR.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	CommonName string `json:"commonName,omitempty"`
	// Names of the CSR.
	// +required
	// +listType=set
	// +kubebuilder:validation:MaxItems=250
	// +kubebuilder:validation:items:MaxLength=255
	Names []string `json:"names"`
	// State of the issuance.
	// +required
	State OrderState `json:"state"`
	// Since is when the state began.
	// +required
	Since metav1.Time `json:"since"`
	// StartedAt is when the issuance began.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// Method of validation.
	// +optional
	Method DCVMethod `json:"method,omitempty"`
	// Unsuited are methods that turned out not to work for these names.
	// +optional
	// +listType=map
	// +listMapKey=method
	// +kubebuilder:validation:MaxItems=4
	Unsuited []UnsuitedMethod `json:"unsuited,omitempty"`
	// UnsuitedFor is the generation of the issuer for which Unsuited holds.
	// +optional
	UnsuitedFor int64 `json:"unsuitedFor,omitempty"`
	// Provisioned is true if the reseller publishes the records itself.
	// +optional
	Provisioned bool `json:"provisioned,omitempty"`
	// Price that the reseller told before paying.
	// +optional
	Price *Money `json:"price,omitempty"`
	// CheckedAt is when price, CAA records and the rest of what is checked before paying
	// were last found good.
	// +optional
	CheckedAt *metav1.Time `json:"checkedAt,omitempty"`
	// Prepared is the reseller's own data between preparing and buying.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	Prepared []byte `json:"prepared,omitempty"`
	// Challenges to meet.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=500
	Challenges []OrderChallenge `json:"challenges,omitempty"`
	// EnrolmentDue is true while the order is paid and the reseller waits for the second
	// step that hands the CSR to the CA.
	// +optional
	EnrolmentDue bool `json:"enrolmentDue,omitempty"`
	// PropagatedAt is when all records were seen on all servers.
	// +optional
	PropagatedAt *metav1.Time `json:"propagatedAt,omitempty"`
	// NegativeTTL is how long resolvers remember that a record is absent. The CA is not
	// asked to look again before.
	// +optional
	NegativeTTL *metav1.Duration `json:"negativeTTL,omitempty"`
	// ValidationAskedAt is when the reseller was last asked to validate.
	// +optional
	ValidationAskedAt *metav1.Time `json:"validationAskedAt,omitempty"`
	// MethodsGivenUp are those that were left after ordering, because their data can't be
	// published.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	MethodsGivenUp []DCVMethod `json:"methodsGivenUp,omitempty"`
	// EmailResentAt is when the message to the approver was last sent again.
	// +optional
	EmailResentAt *metav1.Time `json:"emailResentAt,omitempty"`
	// Attempts since the state began.
	// +optional
	Attempts int32 `json:"attempts,omitempty"`
}

// UnsuitedMethod is a validation method and why it can't be used.
type UnsuitedMethod struct {
	// Method that can't be used.
	// +required
	Method DCVMethod `json:"method"`
	// Message says why.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message"`
}

// Waiting is a reason and what to do about it.
type Waiting struct {
	// Reason is one word for machines.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason"`
	// Message is for a person.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message"`
	// Since when.
	// +required
	Since metav1.Time `json:"since"`
}

// OrderChallenge is what must be published for one name.
type OrderChallenge struct {
	// Domain being validated.
	// +required
	// +kubebuilder:validation:MaxLength=255
	Domain string `json:"domain"`
	// Method of validation.
	// +required
	Method DCVMethod `json:"method"`
	// RecordName of a CNAME or TXT record, absolute.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	RecordName string `json:"recordName,omitempty"`
	// RecordValue verbatim.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	RecordValue string `json:"recordValue,omitempty"`
	// PublishName is where the record is published instead: the name to which a CNAME at
	// RecordName leads, if the solver follows it.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	PublishName string `json:"publishName,omitempty"`
	// TargetUnknown is true while it can't be found out where that CNAME leads.
	// +optional
	TargetUnknown bool `json:"targetUnknown,omitempty"`
	// URLs at which a file is looked for.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=1024
	URLs []string `json:"urls,omitempty"`
	// Body of the file.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Body string `json:"body,omitempty"`
	// Email is the mailbox that is asked to approve.
	// +optional
	// +kubebuilder:validation:MaxLength=254
	Email string `json:"email,omitempty"`
	// Emails are the mailboxes that may approve.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=254
	Emails []string `json:"emails,omitempty"`
	// Solver is the hash of the solver in status.solvers.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Solver string `json:"solver,omitempty"`
	// Seen is true once the data was seen by the propagation check.
	// +optional
	Seen bool `json:"seen,omitempty"`
	// Validated is true once the reseller says so.
	// +optional
	Validated bool `json:"validated,omitempty"`
}

// PublishedRecord is validation data that was, or is about to be, published. It stays
// here until it is removed.
type PublishedRecord struct {
	// Name of the record; of a file its URL, such as
	// http://example.com/.well-known/pki-validation/A1.txt.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Name string `json:"name"`
	// Type of the record, or File.
	// +required
	Type DCVMethod `json:"type"`
	// Value of the record, or the content of the file.
	// +required
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value"`
	// Domain for which it is.
	// +required
	// +kubebuilder:validation:MaxLength=255
	Domain string `json:"domain"`
	// Solver is the hash of the solver in status.solvers.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Solver string `json:"solver"`
	// Presented is true once the solver has done its part.
	// +optional
	Presented bool `json:"presented,omitempty"`
	// CleanupSince is when the first attempt to remove it was made.
	// +optional
	CleanupSince *metav1.Time `json:"cleanupSince,omitempty"`
	// CleanupMessage tells why it could not be removed.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	CleanupMessage string `json:"cleanupMessage,omitempty"`
}

// SolverSnapshot is a solver as it was when it published, so that it can clean up after
// the issuer was changed.
type SolverSnapshot struct {
	// Hash of the settings.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Hash string `json:"hash"`
	// SecretNamespace is where its Secrets are.
	// +required
	// +kubebuilder:validation:MaxLength=63
	SecretNamespace string `json:"secretNamespace"`
	// Solver is the settings.
	// +required
	Solver Solver `json:"solver"`
}
