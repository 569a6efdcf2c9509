package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reseller is a union: exactly one member is set.
// +kubebuilder:validation:XValidation:rule="[has(self.autodns), has(self.connectreseller), has(self.cyberssl), has(self.ispmanager), has(self.resello)].filter(x, x).size() == 1",message="exactly one of autodns, connectreseller, cyberssl, ispmanager, resello must be set"
type Reseller struct {
	// AutoDNS is an account at InterNetX AutoDNS / SSL Manager.
	// +optional
	AutoDNS *AutoDNS `json:"autodns,omitempty"`
	// ConnectReseller is an account at ConnectReseller.
	// +optional
	ConnectReseller *ConnectReseller `json:"connectreseller,omitempty"`
	// CyberSSL is an account at CyberSSL.
	// +optional
	CyberSSL *CyberSSL `json:"cyberssl,omitempty"`
	// ISPmanager is an account in a BILLmanager of ISPmanager or one of its partners.
	// +optional
	ISPmanager *ISPmanager `json:"ispmanager,omitempty"`
	// Resello is an account at Resello / HostControl.
	// +optional
	Resello *Resello `json:"resello,omitempty"`
}

// ResellerAccess is common to all resellers.
type ResellerAccess struct {
	// Endpoint is the base URL of the API; the vendor's live API if empty. It must be
	// https, and is limited by the controller's flag --allowed-endpoints.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^https?://[^\s?#]+$`
	Endpoint string `json:"endpoint,omitempty"`

	// CredentialsSecretRef names the Secret with the account's credentials, in the
	// issuer's namespace (for a ResellerClusterIssuer in the cluster resource
	// namespace). The keys are in the page of each reseller.
	// +required
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef"`

	// Product is what to buy.
	// +required
	Product Product `json:"product"`
}

// SecretReference names a Secret in the namespace that applies.
type SecretReference struct {
	// Name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// SecretKeyReference names a key of a Secret in the namespace that applies.
type SecretKeyReference struct {
	// Name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Key in the Secret's data.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// Support says whether something is supported.
// +kubebuilder:validation:Enum=Supported;Unsupported
type Support string

// The values of Support.
const (
	Supported   Support = "Supported"
	Unsupported Support = "Unsupported"
)

// DCVMethod is a way to show control of a name.
// +kubebuilder:validation:Enum=CNAME;TXT;File;Email
type DCVMethod string

// The methods of domain control validation.
const (
	DCVMethodCNAME DCVMethod = "CNAME"
	DCVMethodTXT   DCVMethod = "TXT"
	DCVMethodFile  DCVMethod = "File"
	DCVMethodEmail DCVMethod = "Email"
)

// Product names a product and may correct what the controller knows of it.
type Product struct {
	// ID is the reseller's identifier of the product. Its name in the reseller's API and
	// where to find it are in the page of each reseller.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id"`

	// Wildcard says whether names may begin with "*.".
	// +optional
	Wildcard Support `json:"wildcard,omitempty"`

	// MaxNames is how many names one certificate may carry.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=250
	MaxNames int32 `json:"maxNames,omitempty"`

	// IncludedWWW says whether the CA adds the www name by itself.
	// +optional
	IncludedWWW Support `json:"includedWWW,omitempty"`

	// Methods of validation that the product offers, best first.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	Methods []DCVMethod `json:"methods,omitempty"`

	// ECDSA says whether CSRs with elliptic-curve keys are accepted.
	// +optional
	ECDSA Support `json:"ecdsa,omitempty"`

	// CAAIdentities are the CA domains that a CAA record may name for this product,
	// for example "sectigo.com".
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=253
	CAAIdentities []string `json:"caaIdentities,omitempty"`

	// MaxValidity is the longest life of one certificate; 199 days if absent.
	// +optional
	MaxValidity *metav1.Duration `json:"maxValidity,omitempty"`
}

// CyberSSL is an account at CyberSSL. The Secret has the key "apikey".
type CyberSSL struct {
	ResellerAccess `json:",inline"`

	// AccountName identifies the account, for example its login name. The API doesn't
	// tell it; issuers of the same account must give the same name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	AccountName string `json:"accountName"`

	// SoftwareID is the vendor's number of the web server software; not sent if absent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	SoftwareID int32 `json:"softwareID,omitempty"`
}

// ISPmanager is an account in a BILLmanager. The Secret has the keys "email" and
// "password".
// +kubebuilder:validation:XValidation:rule="has(self.addonID) == has(self.addonPrice)",message="addonID and addonPrice belong together"
type ISPmanager struct {
	ResellerAccess `json:",inline"`

	// AddonID is the id of the tariff's add-on for additional names (addon_ID).
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[0-9]+$`
	AddonID string `json:"addonID,omitempty"`

	// AddonPrice is what one additional name costs for spec.term, in the currency of the
	// price list, which doesn't tell it. Required with addonID; price limits rely on it.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^[0-9]+(\.[0-9]{1,4})?$`
	AddonPrice string `json:"addonPrice,omitempty"`
}

// AutoDNS is an account at InterNetX. The Secret has the keys "user" and "password".
type AutoDNS struct {
	ResellerAccess `json:",inline"`

	// Context is the number of the client system: 9 is SSL Manager, 4 is AutoDNS.
	// +optional
	// +kubebuilder:default=9
	// +kubebuilder:validation:Minimum=1
	Context int32 `json:"context,omitempty"`

	// ContactIDs are the ids of the SSL contacts. If absent, contacts are searched and,
	// once, created from spec.contacts.
	// +optional
	ContactIDs *AutoDNSContacts `json:"contactIDs,omitempty"`

	// Software is the vendor's word for the web server.
	// +optional
	// +kubebuilder:default=APACHESSL
	// +kubebuilder:validation:Enum=IIS4;IIS5;APACHE2;APACHESSL;PLESK;TOMCAT;NOT_SET
	Software string `json:"software,omitempty"`

	// Provisioning says who writes the DNS records of validation. InterNetX can do it in
	// zones that are managed there, once SSL Manager is connected to AutoDNS. InterNetX is
	// short for one solver `reseller` for all names; to choose by name leave it at Solvers
	// and list such a solver in spec.dcv.solvers.
	// +optional
	// +kubebuilder:default=Solvers
	Provisioning AutoDNSProvisioning `json:"provisioning,omitempty"`

	// MessageQueue says whether the account's messages may be read and confirmed to find
	// lost orders. Consume is only for an account that nothing else polls.
	// +optional
	// +kubebuilder:default=Ignore
	MessageQueue AutoDNSMessageQueue `json:"messageQueue,omitempty"`
}

// AutoDNSProvisioning says who writes DNS records.
// +kubebuilder:validation:Enum=Solvers;InterNetX
type AutoDNSProvisioning string

// The values of AutoDNSProvisioning.
const (
	// ProvisioningSolvers leaves it to spec.dcv.solvers.
	ProvisioningSolvers AutoDNSProvisioning = "Solvers"
	// ProvisioningInterNetX lets the reseller write them.
	ProvisioningInterNetX AutoDNSProvisioning = "InterNetX"
)

// AutoDNSMessageQueue says what to do with the account's messages.
// +kubebuilder:validation:Enum=Ignore;Consume
type AutoDNSMessageQueue string

// The values of AutoDNSMessageQueue.
const (
	MessageQueueIgnore  AutoDNSMessageQueue = "Ignore"
	MessageQueueConsume AutoDNSMessageQueue = "Consume"
)

// AutoDNSContacts are ids of SSL contacts that exist.
type AutoDNSContacts struct {
	// Admin is the id of the administrative contact.
	// +required
	// +kubebuilder:validation:Minimum=1
	Admin int64 `json:"admin"`
	// Technical is the id of the technical contact.
	// +required
	// +kubebuilder:validation:Minimum=1
	Technical int64 `json:"technical"`
}

// ConnectReseller is an account at ConnectReseller. The Secret has the keys "apiKey",
// "passphrase", "salt" and "iv".
type ConnectReseller struct {
	ResellerAccess `json:",inline"`

	// ResellerID is the number of the reseller account.
	// +required
	// +kubebuilder:validation:Minimum=1
	ResellerID int64 `json:"resellerID"`

	// CustomerID is the number of the customer for whom is ordered.
	// +required
	// +kubebuilder:validation:Minimum=1
	CustomerID int64 `json:"customerID"`

	// BusinessCategory of the customer.
	// +optional
	// +kubebuilder:default="Private Organization"
	// +kubebuilder:validation:Enum="Private Organization";"Business Entity";"Non-Commercial Entity";"Government Entity"
	BusinessCategory string `json:"businessCategory,omitempty"`
}

// Resello is an account at Resello. The Secret has the keys "username" and "apiKey".
type Resello struct {
	ResellerAccess `json:",inline"`

	// ComputedCNAME says whether the CNAME record may be computed from the CSR where
	// the API doesn't tell it. It is right for Sectigo plans without a unique value.
	// +optional
	ComputedCNAME Support `json:"computedCNAME,omitempty"`
}
