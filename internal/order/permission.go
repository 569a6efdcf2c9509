package order

import (
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// Permits reports whether a cluster issuer may be used from a namespace for DNS names,
// which are lower case A-labels. The namespace of a Kubernetes CertificateSigningRequest is
// empty. A nil allowed, that of a namespaced issuer, permits everything. The error is an
// [*UnsuitableError].
func Permits(allowed *Allowed, namespace string, names []string) error {
	if allowed == nil {
		return nil
	}
	if !slices.Contains(allowed.Namespaces, "*") && (namespace == "" || !slices.Contains(allowed.Namespaces, namespace)) {
		const field = KindClusterIssuer + " spec.allowedNamespaces"
		if namespace == "" {
			return unsuitable(field, "CertificateSigningRequests belong to no namespace and need %q", "*")
		}
		return unsuitable(field, "namespace %s is not in the list", namespace)
	}
	for _, name := range names {
		if !slices.ContainsFunc(allowed.Names, func(pattern string) bool { return nameMatches(pattern, name) }) {
			return unsuitable(KindClusterIssuer+" spec.allowedNames", "%s is not in the list", quoted(name))
		}
	}
	return nil
}

// nameMatches: "*" is every name, "*.example.com" all that ends in ".example.com", which
// the wildcard itself does too, anything else only itself.
func nameMatches(pattern, name string) bool {
	if pattern == "*" {
		return true
	}
	if normal, err := dcv.Normalise(pattern); err == nil {
		pattern = normal
	}
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(name, suffix)
	}
	return name == pattern
}

// PermitsBare reports whether requests that no Certificate owns are served. The error is
// an [*UnsuitableError].
func PermitsBare(policy v1alpha1.PurchasePolicy) error {
	if policy.BareRequests != v1alpha1.BareRequestsDeny {
		return nil
	}
	return unsuitable("issuer spec.purchase.bareRequests", "it is Deny, and no Certificate owns this request: create a Certificate")
}
