package suites

import (
	"crypto/x509"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

func TestCertificate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	name := "www." + s.domain
	certificate := s.certificate("site", issuer, name)
	leaf := s.obtain(certificate)
	assert.Contains(t, leaf.DNSNames, name)

	charges := s.charges()
	require.Len(t, charges, 1)
	assert.Equal(t, sandbox.EntryPurchase, charges[0].Kind)
	order := s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		require.NotNil(c, order.Status.Certificate)
		assert.Empty(c, order.Status.Certificate.Chain, "the chain is dropped when it is handed over")
		assert.Nil(c, order.Status.Issuance)
		assert.Empty(c, order.Finalizers, "no record is left")
	})
	assert.Equal(t, v1alpha1.OrderIssued, order.Status.State)
	assert.Equal(t, "site", order.Spec.CertificateName)
	for kind, wanted := range map[string]bool{
		v1alpha1.ConditionReady: true, v1alpha1.ConditionPaid: true, v1alpha1.ConditionValidated: true,
		v1alpha1.ConditionHeld: false, v1alpha1.ConditionIdle: false,
	} {
		assert.Equal(t, wanted, meta.IsStatusConditionTrue(order.Status.Conditions, kind), "condition %s", kind)
	}
	assert.Empty(t, order.OwnerReferences, "the order outlives its Certificate")
	assert.Empty(t, s.records(t))

	purchases := s.purchases(order)
	require.Len(t, purchases, 1)
	spec := purchases[0].Spec
	assert.Equal(t, v1alpha1.PurchaseBought, spec.State)
	assert.Equal(t, charges[0].Order, spec.OrderIDs[0].Value)
	assert.Equal(t, charges[0].CSRDigest, spec.CSRDigest)
	assert.Equal(t, []string{name}, spec.Names)
	require.Len(t, spec.Certificates, 1)
	assert.Equal(t, metav1.ConditionTrue, spec.Certificates[0].HandedOver)
	assert.True(t, spec.PaidUntil.After(leaf.NotAfter), "the paid term outlives the certificate")
}

func TestWildcard(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productMulti))
	leaf := s.obtain(s.certificate("wild", issuer, s.domain, "*."+s.domain, "*.deeper."+s.domain))
	assert.ElementsMatch(t, []string{s.domain, "*." + s.domain, "*.deeper." + s.domain}, leaf.DNSNames)
	s.paidOnce()
}

func TestIngress(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.clusterIssuer(s.settings(productSingle), s.namespace)
	host := "shop." + s.domain
	s.create(&networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "shop", Annotations: map[string]string{
			"cert-manager.io/issuer":       issuer.Name,
			"cert-manager.io/issuer-kind":  "ResellerClusterIssuer",
			"cert-manager.io/issuer-group": v1alpha1.GroupVersion.Group,
			"cert-manager.io/common-name":  host,
		}},
		Spec: networkingv1.IngressSpec{
			TLS:            []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: "shop-tls"}},
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "shop", Port: networkingv1.ServiceBackendPort{Number: 80}}},
		},
	})
	certificate := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "shop-tls"}}
	s.awaitReady(certificate)
	leaf := s.checkSecret(certificate)
	assert.Contains(t, leaf.DNSNames, host)
	assert.Equal(t, x509.RSA, leaf.PublicKeyAlgorithm, "cert-manager's default")
	s.paidOnce()
}

// TestIngressWithoutCommonName has what people forget first.
func TestIngressWithoutCommonName(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	certificate := s.certificate("nameless", issuer, "www."+s.domain)
	certificate.Spec.CommonName = ""
	s.create(certificate)
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(t.Context(), client.ObjectKeyFromObject(certificate), certificate))
		i := indexOf(certificate.Status.Conditions, cmapi.CertificateConditionIssuing)
		require.GreaterOrEqual(c, i, 0)
		message := certificate.Status.Conditions[i].Message
		assert.Contains(c, message, "spec.commonName")
		assert.Contains(c, message, "cert-manager.io/common-name")
	})
	s.nothingBought()
}

func indexOf(conditions []cmapi.CertificateCondition, kind cmapi.CertificateConditionType) int {
	for i := range conditions {
		if conditions[i].Type == kind {
			return i
		}
	}
	return -1
}

// TestCertificateSigningRequest has Kubernetes' own kind of request, which belongs
// to no namespace and is approved by an administrator.
func TestCertificateSigningRequest(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.clusterIssuer(s.settings(productSingle), "*")
	name := "api." + s.domain
	csr := s.approvedCSR(issuer, name)
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(t.Context(), client.ObjectKeyFromObject(csr), csr))
		assert.NotEmpty(c, csr.Status.Certificate, "%+v", csr.Status.Conditions)
	})
	s.checkChain(csr.Status.Certificate, []string{name})
	order := s.order(t)
	assert.Equal(t, lab.Namespace, order.Namespace, "its order is in the cluster resource namespace")
	assert.Equal(t, v1alpha1.RequestKindCertificateSigningRequest, order.Spec.Request.Kind)
	s.paidOnce()
}

// TestBareRequest has a CertificateRequest that no Certificate owns, and another
// one for the same names: they share what was paid for.
func TestBareRequest(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	name := "bare." + s.domain
	for _, request := range []string{"first", "second"} {
		bare := s.request(request, issuer, csrTemplate(name))
		s.create(bare)
		s.awaitIssued(bare)
		s.checkChain(bare.Status.Certificate, []string{name})
	}
	s.paidOnce()
	assert.Len(t, s.charges(sandbox.EntryReissue), 1)
	assert.Len(t, s.orders(t), 1)
}
