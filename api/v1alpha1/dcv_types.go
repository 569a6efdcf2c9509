package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DCV is how control of the names is proven.
type DCV struct {
	// Methods in order of preference. The first that the product offers and for which
	// a solver can publish the data of every name is used. Email is used only if it is
	// listed.
	// +optional
	// +listType=set
	// +kubebuilder:default={CNAME,TXT,File}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Methods []DCVMethod `json:"methods,omitempty"`

	// Solvers publish validation data. Of those that can publish what is needed, one is
	// selected per name as in cert-manager: an exact name wins, then the longest zone,
	// then the most labels, then the first in the list. Without any, a person publishes
	// the records (manual).
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Solvers []Solver `json:"solvers,omitempty"`

	// Propagation is how records are observed before the CA is asked to look.
	// +optional
	// +kubebuilder:default={}
	Propagation Propagation `json:"propagation,omitzero"`

	// CAAPolicy says what happens if a CAA record forbids the product's CA, or if the
	// answers for a name don't pass DNSSEC, without which no CA may issue: Enforce holds
	// the order before anything is paid, and waits where CAA records can't be looked up,
	// Warn only says so, Ignore doesn't look.
	// +optional
	// +kubebuilder:default=Enforce
	CAAPolicy CAAPolicy `json:"caaPolicy,omitempty"`

	// ApproverMailbox is the part before the @ of the address that gets the message for
	// the method Email. The CA/Browser Forum allows these five. Where the reseller lists
	// the addresses that it accepts, only one of those is used.
	// +optional
	// +kubebuilder:default=admin
	ApproverMailbox ApproverMailbox `json:"approverMailbox,omitempty"`
}

// ApproverMailbox is a mailbox that may approve (Baseline Requirements 3.2.2.4.4).
// +kubebuilder:validation:Enum=admin;administrator;webmaster;hostmaster;postmaster
type ApproverMailbox string

// ApproverAdmin is the mailbox that is asked where none is chosen.
const ApproverAdmin ApproverMailbox = "admin"

// CAAPolicy says what a forbidding CAA record, or broken DNSSEC, does.
// +kubebuilder:validation:Enum=Enforce;Warn;Ignore
type CAAPolicy string

// The CAA policies.
const (
	CAAEnforce CAAPolicy = "Enforce"
	CAAWarn    CAAPolicy = "Warn"
	CAAIgnore  CAAPolicy = "Ignore"
)

// PropagationCheck says which name servers must have a record.
// +kubebuilder:validation:Enum=Authoritative;Recursive;Off
type PropagationCheck string

// The propagation checks.
const (
	PropagationAuthoritative PropagationCheck = "Authoritative"
	PropagationRecursive     PropagationCheck = "Recursive"
	PropagationOff           PropagationCheck = "Off"
)

// PropagationTimeoutAction says what happens when a record isn't seen in time.
// +kubebuilder:validation:Enum=Wait;Proceed
type PropagationTimeoutAction string

// The actions at a propagation time-out.
const (
	PropagationWait    PropagationTimeoutAction = "Wait"
	PropagationProceed PropagationTimeoutAction = "Proceed"
)

// Propagation is how records are observed.
type Propagation struct {
	// Check says whom to ask: all authoritative servers and then the recursive ones,
	// recursive servers only, or nobody.
	// +optional
	// +kubebuilder:default=Authoritative
	Check PropagationCheck `json:"check,omitempty"`

	// Nameservers are the recursive servers to ask, as "IP:port" or the https URL of a
	// DNS-over-HTTPS server, also for CAA and DNSSEC; those of the controller's flag if
	// empty.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=512
	Nameservers []string `json:"nameservers,omitempty"`

	// SettleTime is waited after a record was first seen everywhere.
	// +optional
	// +kubebuilder:default="60s"
	SettleTime *metav1.Duration `json:"settleTime,omitempty"`

	// Timeout is when OnTimeout applies, counted from publishing.
	// +optional
	// +kubebuilder:default="30m"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// OnTimeout says what happens then: Wait goes on looking and says so, Proceed asks
	// the CA all the same.
	// +optional
	// +kubebuilder:default=Wait
	OnTimeout PropagationTimeoutAction `json:"onTimeout,omitempty"`
}

// Solver publishes validation data for the names that its selector matches: exactly
// one way is set.
// +kubebuilder:validation:XValidation:rule="[has(self.rfc2136), has(self.cloudflare), has(self.externalDNS), has(self.certManagerWebhook), has(self.http), has(self.httpFile), has(self.reseller), has(self.manual)].filter(x, x).size() == 1",message="exactly one of rfc2136, cloudflare, externalDNS, certManagerWebhook, http, httpFile, reseller, manual must be set"
// +kubebuilder:validation:XValidation:rule="!has(self.reseller) || !has(self.cnameStrategy) || self.cnameStrategy == 'None'",message="cnameStrategy is not for reseller, which publishes where it wants"
type Solver struct {
	// Selector limits the names; a solver without one is used where no other matches.
	// +optional
	Selector *SolverSelector `json:"selector,omitempty"`

	// CNAMEStrategy says where TXT records go: None to the name that the reseller tells,
	// Follow to the name to which a CNAME there leads, for example in a zone that is for
	// validation only. CNAME records always go to the name itself.
	// +optional
	CNAMEStrategy CNAMEStrategy `json:"cnameStrategy,omitempty"`

	// RFC2136 sends dynamic updates to a name server.
	// +optional
	RFC2136 *SolverRFC2136 `json:"rfc2136,omitempty"`

	// Cloudflare changes a zone at Cloudflare.
	// +optional
	Cloudflare *SolverCloudflare `json:"cloudflare,omitempty"`

	// HTTP calls a program of your own, such as dcv-hook-libdns.
	// +optional
	HTTP *SolverHTTP `json:"http,omitempty"`

	// ExternalDNS has external-dns publish records.
	// +optional
	ExternalDNS *SolverExternalDNS `json:"externalDNS,omitempty"`

	// CertManagerWebhook has a DNS01 webhook of cert-manager publish TXT records.
	// +optional
	CertManagerWebhook *SolverCertManagerWebhook `json:"certManagerWebhook,omitempty"`

	// HTTPFile serves files over HTTP; not for wildcards.
	// +optional
	HTTPFile *SolverHTTPFile `json:"httpFile,omitempty"`

	// Reseller has the reseller publish the records itself, where its API can: AutoDNS
	// in zones that InterNetX manages. It is for all names of a certificate or for none.
	// +optional
	Reseller *SolverReseller `json:"reseller,omitempty"`

	// Manual asks a person to publish the data and goes on when it appears.
	// +optional
	Manual *SolverManual `json:"manual,omitempty"`
}

// SolverSelector selects names as cert-manager's solvers do.
type SolverSelector struct {
	// MatchLabels must all be on the Certificate, or on a bare request itself.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	MatchLabels map[string]string `json:"matchLabels,omitempty"`
	// DNSNames are exact names; the wildcard is another name.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=250
	// +kubebuilder:validation:items:MaxLength=255
	DNSNames []string `json:"dnsNames,omitempty"`
	// DNSZones match the zone itself and all names below it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=250
	// +kubebuilder:validation:items:MaxLength=255
	DNSZones []string `json:"dnsZones,omitempty"`
}

// CNAMEStrategy says what a CNAME at the name of a TXT record means.
// +kubebuilder:validation:Enum=None;Follow
type CNAMEStrategy string

// The CNAME strategies; none stated is None.
const (
	CNAMENone   CNAMEStrategy = "None"
	CNAMEFollow CNAMEStrategy = "Follow"
)

// SolverReseller has no settings.
type SolverReseller struct{}

// SolverManual has no settings.
type SolverManual struct{}

// TSIGAlgorithm is the algorithm of a TSIG key.
// +kubebuilder:validation:Enum=HMACSHA224;HMACSHA256;HMACSHA384;HMACSHA512
type TSIGAlgorithm string

// DNSTransport is UDP or TCP.
// +kubebuilder:validation:Enum=TCP;UDP
type DNSTransport string

// SolverRFC2136 sends dynamic updates (RFC 2136).
type SolverRFC2136 struct {
	// Nameserver is the primary server of the zone, as "host", "host:port" or "IP:port".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=260
	Nameserver string `json:"nameserver"`

	// Zone to update; found by asking the name server if empty.
	// +optional
	// +kubebuilder:validation:MaxLength=254
	Zone string `json:"zone,omitempty"`

	// Protocol of the updates.
	// +optional
	// +kubebuilder:default=TCP
	Protocol DNSTransport `json:"protocol,omitempty"`

	// TSIGKeyName is the name of the key. Without a key, updates are not signed.
	// +optional
	// +kubebuilder:validation:MaxLength=254
	TSIGKeyName string `json:"tsigKeyName,omitempty"`

	// TSIGAlgorithm of the key.
	// +optional
	// +kubebuilder:default=HMACSHA256
	TSIGAlgorithm TSIGAlgorithm `json:"tsigAlgorithm,omitempty"`

	// TSIGSecretSecretRef is the key's secret in base64, as name servers write it.
	// +optional
	TSIGSecretSecretRef *SecretKeyReference `json:"tsigSecretSecretRef,omitempty"`

	// TTL of the records in seconds.
	// +optional
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	TTL int32 `json:"ttl,omitempty"`
}

// SolverCloudflare changes zones at Cloudflare.
type SolverCloudflare struct {
	// APITokenSecretRef is an API token with the permissions Zone:Read and DNS:Edit for
	// the zones.
	// +required
	APITokenSecretRef SecretKeyReference `json:"apiTokenSecretRef"`

	// Zone to change; the nearest that the token sees if empty.
	// +optional
	// +kubebuilder:validation:MaxLength=254
	Zone string `json:"zone,omitempty"`
}

// SolverHTTP calls a program that speaks the protocol of docs/hooks/http.md.
type SolverHTTP struct {
	// URL of the program, below which its calls are, such as
	// "https://dcv-hook.dns.svc/v1". It must be https.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url"`

	// AuthSecretRef is the bearer token that the program expects.
	// +required
	AuthSecretRef SecretKeyReference `json:"authSecretRef"`

	// CABundle has certificate authorities that may sign for the program besides the
	// public ones: PEM, in base64 as all data of this kind in Kubernetes.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	CABundle []byte `json:"caBundle,omitempty"`
}
