package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ResellerIssuerSpec describes an account at one SSL reseller, what to buy there, how
// to prove control of names, and what may be spent.
type ResellerIssuerSpec struct {
	// Reseller is the account and the product: exactly one member must be set.
	// +required
	Reseller Reseller `json:"reseller"`

	// Term is how long one purchase is paid for. Certificates live shorter than that
	// and are reissued under the same purchase.
	// +optional
	// +kubebuilder:default={months: 12}
	Term Term `json:"term,omitzero"`

	// Contacts are sent to the reseller with each purchase.
	// +required
	Contacts Contacts `json:"contacts"`

	// Intermediates complete a chain for which the reseller delivers only the leaf.
	// +optional
	Intermediates *Intermediates `json:"intermediates,omitempty"`

	// DCV is how control of the names is proven.
	// +optional
	// +kubebuilder:default={}
	DCV DCV `json:"dcv,omitzero"`

	// Purchase limits what is bought. The defaults protect against loops.
	// +optional
	// +kubebuilder:default={}
	Purchase PurchasePolicy `json:"purchase,omitzero"`

	// RateLimit of calls to the reseller; 120 a minute if absent. All issuers of an account
	// share it, and the one that was checked last sets it.
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`
}

// Term is a length of a paid order.
type Term struct {
	// Months of the term. The reseller's product must offer it.
	// +optional
	// +kubebuilder:default=12
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60
	Months int32 `json:"months,omitempty"`
}

// Contacts of a purchase.
type Contacts struct {
	// Admin is the person responsible for the certificates.
	// +required
	Admin Contact `json:"admin"`

	// Technical is the technical contact; the admin contact if absent.
	// +optional
	Technical *Contact `json:"technical,omitempty"`

	// Organization is needed for organization-validated products only.
	// +optional
	Organization *Organization `json:"organization,omitempty"`
}

// Contact is a person.
type Contact struct {
	// FirstName of the person.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	FirstName string `json:"firstName"`
	// LastName of the person.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	LastName string `json:"lastName"`
	// Email address of the person.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:Pattern=`^[^@\s]+@[^@\s]+$`
	Email string `json:"email"`
	// Phone number with country code, for example "+49.123456789".
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=32
	Phone string `json:"phone"`
	// Title is the job title.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Title string `json:"title"`
}

// Organization is the legal entity in organization-validated certificates.
type Organization struct {
	// Name is the full legal name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name"`
	// Division or department.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Division string `json:"division,omitempty"`
	// Address is street and number.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Address string `json:"address"`
	// PostalCode of the address.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	PostalCode string `json:"postalCode"`
	// City of the address.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	City string `json:"city"`
	// Region, state or province.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Region string `json:"region"`
	// Country is the ISO 3166-1 code of two letters.
	// +required
	// +kubebuilder:validation:Pattern=`^[A-Z]{2}$`
	Country string `json:"country"`
	// Phone number with country code.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=32
	Phone string `json:"phone"`
	// RegistrationNumber is the number in the commercial register or at the chamber of
	// commerce. Resello needs it.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	RegistrationNumber string `json:"registrationNumber,omitempty"`
}

// Intermediates tells where missing intermediate certificates come from.
type Intermediates struct {
	// PEM holds intermediate certificates.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	PEM string `json:"pem,omitempty"`

	// AIAHosts are the hosts, or ".suffix" of hosts, from which the intermediate named
	// in a leaf may be fetched. Empty: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=253
	AIAHosts []string `json:"aiaHosts,omitempty"`
}

// RateLimit bounds calls to the reseller per account.
type RateLimit struct {
	// RequestsPerMinute to the reseller.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=6000
	RequestsPerMinute int32 `json:"requestsPerMinute"`
}

// ResellerIssuerStatus is the observed state of an issuer.
type ResellerIssuerStatus struct {
	// Conditions of the issuer: Ready is set by the check of credentials and product,
	// Reachable and Funded tell of passing trouble.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Condition types of issuers beside Ready.
const (
	// IssuerReachable is False while the reseller's API doesn't answer.
	IssuerReachable = "Reachable"
	// IssuerFunded is False while the account lacks money.
	IssuerFunded = "Funded"
	// IssuerReusesPaidTerm is False while every renewal is a purchase, by the issuer's policy
	// or because the reseller can't do otherwise. It is absent where that never was so.
	IssuerReusesPaidTerm = "ReusesPaidTerm"
)

// ResellerIssuer is an account at an SSL reseller for the Certificates of its own
// namespace. Secrets are read from that namespace only.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ri,categories=cert-manager
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.purchase.mode`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ResellerIssuer struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the wanted state.
	// +required
	Spec ResellerIssuerSpec `json:"spec"`
	// Status is the observed state.
	// +optional
	Status ResellerIssuerStatus `json:"status,omitzero"`
}

// ResellerIssuerList is a list of ResellerIssuer.
// +kubebuilder:object:root=true
type ResellerIssuerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ResellerIssuer `json:"items"`
}

// ResellerClusterIssuerSpec is an issuer for many namespaces. Who may use it must be
// stated.
type ResellerClusterIssuerSpec struct {
	ResellerIssuerSpec `json:",inline"`

	// AllowedNamespaces are the namespaces whose requests are served; "*" means all.
	// Kubernetes CertificateSigningRequests belong to no namespace and need "*".
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	AllowedNamespaces []string `json:"allowedNamespaces"`

	// AllowedNames are the DNS names that may be requested: "example.com" is that name,
	// "*.example.com" every name below it (and the wildcard itself), "*" all.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	AllowedNames []string `json:"allowedNames"`
}

// ResellerClusterIssuer is an account at an SSL reseller for many namespaces. Its
// Secrets are read from the cluster resource namespace of the controller.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=rci,categories=cert-manager
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.purchase.mode`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ResellerClusterIssuer struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the wanted state.
	// +required
	Spec ResellerClusterIssuerSpec `json:"spec"`
	// Status is the observed state.
	// +optional
	Status ResellerIssuerStatus `json:"status,omitzero"`
}

// ResellerClusterIssuerList is a list of ResellerClusterIssuer.
// +kubebuilder:object:root=true
type ResellerClusterIssuerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ResellerClusterIssuer `json:"items"`
}

// GetConditions implements the issuer interface of issuer-lib.
func (i *ResellerIssuer) GetConditions() []metav1.Condition { return i.Status.Conditions }

// GetIssuerTypeIdentifier is the prefix of signer names of this kind.
func (i *ResellerIssuer) GetIssuerTypeIdentifier() string {
	return "resellerissuers." + GroupVersion.Group
}

// GetConditions implements the issuer interface of issuer-lib.
func (i *ResellerClusterIssuer) GetConditions() []metav1.Condition { return i.Status.Conditions }

// GetIssuerTypeIdentifier is the prefix of signer names of this kind, as in the
// signerName resellerclusterissuers.reseller-issuer.io/NAME of a Kubernetes
// CertificateSigningRequest.
func (i *ResellerClusterIssuer) GetIssuerTypeIdentifier() string {
	return "resellerclusterissuers." + GroupVersion.Group
}
