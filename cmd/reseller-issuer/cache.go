package main

import (
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
)

// newScheme knows the kinds that the controller reads or writes.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, authorizationv1.AddToScheme, certificatesv1.AddToScheme, cmapi.AddToScheme, v1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}

// cacheOptions keep the cache small: what other issuers do, and what is over, stays there
// as little more than a name.
func cacheOptions(c config) cache.Options {
	return cache.Options{
		DefaultNamespaces: namespaces(c.namespaces),
		DefaultTransform:  cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.ResellerOrder{}:                   {Transform: trimOrder},
			&v1alpha1.ResellerPurchase{}:                {Transform: trimPurchase},
			&cmapi.CertificateRequest{}:                 {Transform: trimRequest},
			&certificatesv1.CertificateSigningRequest{}: {Transform: trimSigningRequest},
			&corev1.Secret{}:                            {Transform: trimSecret, Namespaces: secretNamespaces(c)},
		},
	}
}

// namespaces is nil, which means all, for an empty list.
func namespaces(list []string) map[string]cache.Config {
	if len(list) == 0 {
		return nil
	}
	set := make(map[string]cache.Config, len(list))
	for _, namespace := range list {
		set[namespace] = cache.Config{}
	}
	return set
}

// secretNamespaces is nil where the watch follows the other kinds.
func secretNamespaces(c config) map[string]cache.Config {
	if c.secretWatch != watchNamespaces {
		return nil
	}
	return namespaces(append([]string{c.clusterResourceNamespace}, c.namespaces...))
}

// identity is what is left of an object that only has to be told apart.
func identity(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: m.Name, Namespace: m.Namespace, UID: m.UID, ResourceVersion: m.ResourceVersion}
}

func trimOrder(object any) (any, error) {
	if o, ok := object.(*v1alpha1.ResellerOrder); ok {
		order.Reduce(o)
	}
	return object, nil
}

func trimPurchase(object any) (any, error) {
	if p, ok := object.(*v1alpha1.ResellerPurchase); ok {
		ledger.Reduce(p)
	}
	return object, nil
}

func trimRequest(object any) (any, error) {
	cr, ok := object.(*cmapi.CertificateRequest)
	if !ok {
		return object, nil
	}
	if cr.Spec.IssuerRef.Group != v1alpha1.GroupVersion.Group {
		return &cmapi.CertificateRequest{
			TypeMeta: cr.TypeMeta, ObjectMeta: identity(cr.ObjectMeta),
			Spec: cmapi.CertificateRequestSpec{IssuerRef: cr.Spec.IssuerRef},
		}, nil
	}
	cr.ManagedFields = nil
	if order.StateOfRequest(cr) == order.RequestReady {
		cr.Spec.Request, cr.Status.Certificate, cr.Status.CA = nil, nil, nil
		// Only that it is done, and who owns it, is asked for from now on.
		cr.Annotations, cr.Labels = nil, nil
		cr.Spec.Username, cr.Spec.UID, cr.Spec.Groups, cr.Spec.Extra = "", "", nil, nil
	}
	return cr, nil
}

// trimSigningRequest keeps the certificate of our own: it tells that they are finished.
func trimSigningRequest(object any) (any, error) {
	csr, ok := object.(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return object, nil
	}
	if kind, _, _ := strings.Cut(csr.Spec.SignerName, "/"); kind != (&v1alpha1.ResellerClusterIssuer{}).GetIssuerTypeIdentifier() {
		return &certificatesv1.CertificateSigningRequest{
			TypeMeta: csr.TypeMeta, ObjectMeta: identity(csr.ObjectMeta),
			Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: csr.Spec.SignerName},
		}, nil
	}
	csr.ManagedFields = nil
	return csr, nil
}

// trimSecret keeps what tells that a Secret changed. The data never come here.
func trimSecret(object any) (any, error) {
	if secret, ok := object.(*metav1.PartialObjectMetadata); ok {
		return &metav1.PartialObjectMetadata{TypeMeta: secret.TypeMeta, ObjectMeta: identity(secret.ObjectMeta)}, nil
	}
	return object, nil
}
