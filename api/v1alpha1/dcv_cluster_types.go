package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// TXTFormat is how TXT values are written into a DNSEndpoint.
// +kubebuilder:validation:Enum=Plain;Quoted
type TXTFormat string

// The formats of TXT values.
const (
	TXTPlain  TXTFormat = "Plain"
	TXTQuoted TXTFormat = "Quoted"
)

// SolverExternalDNS publishes records through external-dns: one DNSEndpoint object for
// each name and type. external-dns must run with --source=crd; TXT records need
// external-dns v0.22 or later with --managed-record-types=TXT, and its --policy must be
// sync, or records are never removed. A ResellerIssuer may use it only where the flag
// --allow-solver of the controller permits it.
type SolverExternalDNS struct {
	// Namespace of the DNSEndpoint objects; by default that of the issuer, for a
	// ResellerClusterIssuer the cluster resource namespace.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`

	// Labels of the objects, where external-dns runs with --label-filter.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Labels map[string]string `json:"labels,omitempty"`

	// Annotations of the objects, where external-dns runs with --annotation-filter.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Annotations map[string]string `json:"annotations,omitempty"`

	// RecordTTL of the records in seconds.
	// +optional
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	RecordTTL int32 `json:"recordTTL,omitempty"`

	// TXTFormat is Quoted for DNS providers to which external-dns hands TXT values as
	// they are and that want quotation marks around them, such as Amazon Route 53.
	// +optional
	// +kubebuilder:default=Plain
	TXTFormat TXTFormat `json:"txtFormat,omitempty"`
}

// SolverCertManagerWebhook publishes TXT records through a DNS01 webhook of cert-manager
// that is installed in the cluster. Fields and values are those of the ACME issuer's
// solvers[].dns01.webhook. The controller's service account needs the permission to
// create solverName in the API group groupName. The webhook reads Secrets in the issuer's
// namespace, for a ResellerClusterIssuer in the cluster resource namespace. A
// ResellerIssuer may use it only where the flag --allow-solver of the controller permits it.
type SolverCertManagerWebhook struct {
	// GroupName is the API group of the webhook, such as acme.example.com. Groups of
	// Kubernetes, cert-manager and this project are refused.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$`
	GroupName string `json:"groupName"`

	// SolverName is the name of the solver within the webhook.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	SolverName string `json:"solverName"`

	// Config is handed to the webhook as it is.
	// +optional
	Config *apiextensionsv1.JSON `json:"config,omitempty"`
}

// SolverHTTPFile serves validation files: every replica of the controller answers requests
// for /.well-known/pki-validation/ at the address of the flag --http-file-bind-address.
// Without a route, the admin has his Gateway, Ingress or web server forward this path to
// the Service of the flag --http-file-service, whatever the host. A ResellerIssuer may use
// it only where the flag --allow-solver of the controller permits it.
// +kubebuilder:validation:XValidation:rule="[has(self.gatewayHTTPRoute), has(self.ingress)].filter(x, x).size() <= 1",message="at most one of gatewayHTTPRoute, ingress may be set"
type SolverHTTPFile struct {
	// GatewayHTTPRoute makes an HTTPRoute in the controller's namespace for each file, and
	// removes it afterwards.
	// +optional
	GatewayHTTPRoute *FileHTTPRoute `json:"gatewayHTTPRoute,omitempty"`

	// Ingress makes an Ingress in the controller's namespace for each file, and removes it
	// afterwards.
	// +optional
	Ingress *FileIngress `json:"ingress,omitempty"`
}

// FileHTTPRoute is the way of a file through Gateways.
type FileHTTPRoute struct {
	// ParentRefs are the Gateways. Their listeners for port 80 must allow routes from the
	// controller's namespace.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	ParentRefs []FileParentRef `json:"parentRefs"`
}

// FileParentRef names a Gateway.
type FileParentRef struct {
	// Name of the Gateway.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Namespace of the Gateway; by default the controller's.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// SectionName is the listener. Name that of port 80: the CA begins there, and on another
	// listener the file may not be found.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SectionName string `json:"sectionName,omitempty"`
}

// FileIngress is the way of a file through an ingress controller.
type FileIngress struct {
	// IngressClassName of the Ingress objects. The ingress controller must merge Ingress
	// objects of several namespaces for one host.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	IngressClassName string `json:"ingressClassName"`
}
