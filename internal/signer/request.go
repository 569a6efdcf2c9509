package signer

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	experimentalapi "github.com/cert-manager/cert-manager/pkg/apis/experimental/v1alpha1"
	issuerapi "github.com/cert-manager/issuer-lib/api/v1alpha1"
	"github.com/cert-manager/issuer-lib/controllers/signer"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// maxLabels is how many labels an order keeps of its Certificate.
const maxLabels = 64

// request is a CertificateRequest or a CertificateSigningRequest, parsed.
type request struct {
	object  signer.CertificateRequestObject
	kind    v1alpha1.RequestKind
	details signer.CertificateDetails
	csr     *x509.CertificateRequest
	digest  string
	// names are lower case A-labels, sorted, the common name included.
	names []string
}

// parseRequest fails only for what no change around the request can mend.
func parseRequest(object signer.CertificateRequestObject) (*request, error) {
	details, err := object.GetCertificateDetails()
	if err != nil {
		return nil, &order.UnsuitableError{Field: unreadable(object), Message: err.Error()}
	}
	csr, err := chain.ParseCSR(details.CSR)
	if err != nil {
		return nil, &order.UnsuitableError{Field: "spec.request", Message: err.Error()}
	}
	kind := v1alpha1.RequestKindCertificateRequest
	if object.GetNamespace() == "" {
		kind = v1alpha1.RequestKindCertificateSigningRequest
	}
	return &request{
		object: object, kind: kind, details: details,
		csr: csr, digest: chain.Digest(csr), names: chain.Names(csr),
	}, nil
}

// unreadable is the field for which details can't be told: usages that nobody knows, or
// a duration that is none.
func unreadable(object signer.CertificateRequestObject) string {
	const annotation = experimentalapi.CertificateSigningRequestDurationAnnotationKey
	if text, ok := object.GetAnnotations()[annotation]; ok {
		if _, err := time.ParseDuration(text); err != nil {
			return "metadata.annotations[" + annotation + "]"
		}
	}
	return "spec.usages"
}

func (r *request) candidate() order.Candidate {
	return order.Candidate{
		CSR: r.csr, IsCA: r.details.IsCA,
		KeyUsage: r.details.KeyUsage, ExtKeyUsage: r.details.ExtKeyUsage,
	}
}

// owner is the controller owner reference if it is to a Certificate. Who may create a
// request may write anything there: it counts only after [Signer.certificate] has read the
// Certificate back.
func (r *request) owner() *metav1.OwnerReference {
	ref := metav1.GetControllerOfNoCopy(r.object)
	if ref == nil || ref.Kind != cmapi.CertificateKind || !strings.HasPrefix(ref.APIVersion, cmapi.SchemeGroupVersion.Group+"/") {
		return nil
	}
	return ref
}

// certificate reads the Certificate that owns the request, nil for a bare one. A request
// whose owner is gone waits for its own deletion: served as a bare one, it would buy anew
// what its Certificate has paid for.
func (s *Signer) certificate(ctx context.Context, r *request) (*cmapi.Certificate, error) {
	ref := r.owner()
	if ref == nil {
		return nil, nil
	}
	certificate := &cmapi.Certificate{}
	err := s.Reader.Get(ctx, types.NamespacedName{Namespace: r.object.GetNamespace(), Name: ref.Name}, certificate)
	if apierrors.IsNotFound(err) || (err == nil && (certificate.UID != ref.UID || !certificate.DeletionTimestamp.IsZero())) {
		return nil, waiting("Certificate %s, which owns this request, is gone: nothing is ordered, the request will be deleted with it", ref.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("read Certificate %s: %w", ref.Name, err)
	}
	return certificate, nil
}

// copyFor is the copy of the request that its order keeps.
func (r *request) copyFor(certificate *cmapi.Certificate) *v1alpha1.OrderRequest {
	wanted := &v1alpha1.OrderRequest{
		Kind: r.kind, Name: r.object.GetName(), UID: r.object.GetUID(), CreatedAt: r.object.GetCreationTimestamp(),
		CSR: []byte(chain.CSRPEM(r.csr)), CSRDigest: r.digest,
		CommonName: strings.ToLower(r.csr.Subject.CommonName), Names: r.names,
		Labels: firstLabels(r.object.GetLabels()),
	}
	if certificate != nil {
		wanted.CertificateUID = certificate.UID
		wanted.Labels = firstLabels(certificate.Labels)
		wanted.RenewBefore = certificate.Spec.RenewBefore
	}
	return wanted
}

func firstLabels(labels map[string]string) map[string]string {
	keys := slices.Sorted(maps.Keys(labels))
	kept := make(map[string]string, min(len(keys), maxLabels))
	for _, key := range keys[:min(len(keys), maxLabels)] {
		kept[key] = labels[key]
	}
	return kept
}

// reference names an issuer.
func reference(issuer issuerapi.Issuer) (v1alpha1.IssuerReference, error) {
	switch i := issuer.(type) {
	case *v1alpha1.ResellerIssuer:
		return v1alpha1.IssuerReference{Kind: order.KindIssuer, Namespace: i.Namespace, Name: i.Name}, nil
	case *v1alpha1.ResellerClusterIssuer:
		return v1alpha1.IssuerReference{Kind: order.KindClusterIssuer, Name: i.Name}, nil
	}
	return v1alpha1.IssuerReference{}, fmt.Errorf("%T is not an issuer of this controller", issuer)
}
