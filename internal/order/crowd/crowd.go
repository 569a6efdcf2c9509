// Package crowd makes many orders that are done, for measurements: each with its purchase, its
// request and the Secret of its Certificate, as large as they are in a cluster.
package crowd

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Namespace of all objects, and the issuer that they name.
const (
	Namespace = "crowd"
	Issuer    = "shop"
)

// certificates of a year in which each lives 100 days.
const certificates = 5

// Crowd makes objects by number. All requests have one CSR.
type Crowd struct {
	csr []byte
	now time.Time
}

// New makes a CSR with a key of 2048 bits, about 1,000 bytes in PEM.
func New(now time.Time) (*Crowd, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("crowd: %w", err)
	}
	template := &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "host.example.com"}, DNSNames: []string{"host.example.com", "www.host.example.com"},
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("crowd: %w", err)
	}
	return &Crowd{csr: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), now: now}, nil
}

func (c *Crowd) meta(namespace string, n int) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: fmt.Sprintf("certificate-%d-1f3a90c2", n),
		Labels: map[string]string{v1alpha1.LabelOrderKey: fmt.Sprintf("%032x", n), v1alpha1.LabelAccount: fmt.Sprintf("%032x", 1)},
	}
}

func issuer() v1alpha1.IssuerReference {
	return v1alpha1.IssuerReference{Kind: "ResellerClusterIssuer", Name: Issuer}
}

// Order has its certificate; uid is that of its request.
func (c *Crowd) Order(n int, request types.UID) *v1alpha1.ResellerOrder {
	name := fmt.Sprintf("host-%d.example.com", n)
	until := metav1.NewTime(c.now.Add(300 * 24 * time.Hour))
	order := &v1alpha1.ResellerOrder{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ResellerOrder"}, ObjectMeta: c.meta(Namespace, n),
		Spec: v1alpha1.ResellerOrderSpec{
			IssuerRef: issuer(), Key: fmt.Sprintf("%032x", n), CertificateName: name,
			Request: &v1alpha1.OrderRequest{
				Kind: v1alpha1.RequestKindCertificateRequest, Name: c.meta("", n).Name, UID: request,
				CreatedAt: until, CSR: c.csr, CSRDigest: fmt.Sprintf("%064x", n), CommonName: name, Names: []string{name, "www." + name},
			},
		},
		Status: v1alpha1.ResellerOrderStatus{
			State: v1alpha1.OrderIssued, Message: "the certificate is there", Purchase: fmt.Sprintf("%032x-1", n), PaidUntil: &until,
			Certificate: &v1alpha1.OrderCertificate{
				CSRDigest: fmt.Sprintf("%064x", n), SHA256: fmt.Sprintf("%064x", n), Serial: fmt.Sprintf("%032x", n), NotBefore: until, NotAfter: until,
			},
		},
	}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionHeld, v1alpha1.ConditionIdle, v1alpha1.ConditionPaid, v1alpha1.ConditionValidated} {
		message := "the certificate is there"
		if kind == v1alpha1.ConditionPaid {
			message = "paid until 2027-11-25 by ResellerPurchase " + order.Status.Purchase
		}
		order.Status.Conditions = append(order.Status.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionTrue, Reason: "Issued", Message: message, LastTransitionTime: until,
		})
	}
	return order
}

// Purchase has paid for five certificates, the last of them by a reissue.
func (c *Crowd) Purchase(n int) *v1alpha1.ResellerPurchase {
	name, at := fmt.Sprintf("host-%d.example.com", n), metav1.NewMicroTime(c.now)
	until := metav1.NewTime(c.now.Add(300 * 24 * time.Hour))
	purchase := &v1alpha1.ResellerPurchase{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ResellerPurchase"}, ObjectMeta: c.meta("", n),
		Spec: v1alpha1.ResellerPurchaseSpec{
			Key: fmt.Sprintf("%032x", n), ClusterID: "5f2a7c1e-0000-4000-8000-000000000000", OrderNamespace: Namespace, OrderName: name,
			IssuerRef: issuer(),
			Account:   v1alpha1.PurchaseAccount{Reseller: "cyberssl", Endpoint: "https://api.cyberssl.com/v1", Name: "account@example.com"},
			Kind:      v1alpha1.PurchaseNew, Product: "17", TermMonths: 12, Names: []string{name, "www." + name}, CommonName: name,
			CSR: c.csr, CSRDigest: fmt.Sprintf("%064x", n), Reference: fmt.Sprintf("ri-%024x", n), Method: v1alpha1.DCVMethodCNAME,
			IntendedAt: at, FinishedAt: &at, State: v1alpha1.PurchaseBought, PaidUntil: &until,
			OrderIDs: []v1alpha1.OrderID{{Name: "order_id", Value: fmt.Sprint(n)}}, Price: &v1alpha1.Money{Amount: "5.20", Currency: "EUR"},
			// A year of certificates that live 100 days, and the reissue of the last one.
			Operation: &v1alpha1.PurchaseOperation{
				ID: fmt.Sprintf("6f2a7c1e-0000-4000-8000-%012d", n), Kind: v1alpha1.PurchaseOperationReissue, Reference: fmt.Sprintf("ri-%024x", n),
				CSR: c.csr, CSRDigest: fmt.Sprintf("%064x", n+1), IntendedAt: at, Outcome: v1alpha1.OperationDone, FinishedAt: &at,
			},
		},
	}
	for i := range certificates {
		purchase.Spec.Reissues = append(purchase.Spec.Reissues, until)
		purchase.Spec.Certificates = append(purchase.Spec.Certificates, v1alpha1.PurchasedCertificate{
			CSRDigest: fmt.Sprintf("%064x", n+i), Serial: fmt.Sprintf("%032x", n+i), NotAfter: until, IssuedAt: until, HandedOver: metav1.ConditionTrue,
		})
	}
	return purchase
}

// Request has its certificate.
func (c *Crowd) Request(n int) *cmapi.CertificateRequest {
	request := &cmapi.CertificateRequest{
		TypeMeta: metav1.TypeMeta{APIVersion: cmapi.SchemeGroupVersion.String(), Kind: "CertificateRequest"}, ObjectMeta: c.meta(Namespace, n),
		Spec: cmapi.CertificateRequestSpec{
			IssuerRef: cmmeta.IssuerReference{Group: v1alpha1.GroupVersion.Group, Kind: "ResellerClusterIssuer", Name: Issuer},
			Request:   c.csr, Username: "system:serviceaccount:cert-manager:cert-manager", UID: "7f2a7c1e-0000-4000-8000-000000000000",
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:cert-manager", "system:authenticated"},
		},
		Status: cmapi.CertificateRequestStatus{Certificate: bytes.Repeat([]byte("chain"), 1000)},
	}
	request.Annotations = map[string]string{cmapi.CertificateNameKey: request.Name, cmapi.CertificateRequestRevisionAnnotationKey: "5"}
	for _, kind := range []cmapi.CertificateRequestConditionType{cmapi.CertificateRequestConditionApproved, cmapi.CertificateRequestConditionReady} {
		request.Status.Conditions = append(request.Status.Conditions, cmapi.CertificateRequestCondition{
			Type: kind, Status: cmmeta.ConditionTrue, Reason: cmapi.CertificateRequestReasonIssued, Message: "Succeeded signing the CertificateRequest",
			LastTransitionTime: new(metav1.NewTime(c.now)),
		})
	}
	return request
}

// Secret is what the API tells of the Secret of a Certificate to who asks for metadata.
func (c *Crowd) Secret(n int) *metav1.PartialObjectMetadata {
	secret := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: c.meta(Namespace, n)}
	secret.Annotations = map[string]string{"cert-manager.io/alt-names": secret.Name, "cert-manager.io/certificate-name": secret.Name}
	return secret
}
