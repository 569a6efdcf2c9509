package suites

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	cmutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
)

// below reports whether a name, wildcard or not, is a domain or below it.
func below(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// awaitReady waits until a Certificate is ready in its newest revision.
func (s *scene) awaitReady(certificate *cmapi.Certificate) {
	s.t.Helper()
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(certificate), certificate))
		is := func(kind cmapi.CertificateConditionType) bool {
			return cmutil.CertificateHasCondition(certificate, cmapi.CertificateCondition{Type: kind, Status: cmmeta.ConditionTrue})
		}
		assert.True(c, is(cmapi.CertificateConditionReady) && !is(cmapi.CertificateConditionIssuing), "%+v", certificate.Status.Conditions)
	})
}

// obtain creates a Certificate, waits for it, checks its Secret and returns the leaf.
func (s *scene) obtain(certificate *cmapi.Certificate) *x509.Certificate {
	s.t.Helper()
	s.create(certificate)
	s.awaitReady(certificate)
	return s.checkSecret(certificate)
}

// checkSecret verifies what a Certificate's Secret has: key and leaf match, the
// chain leads to the sandbox's root without carrying it, all names are covered,
// and there is no ca.crt.
func (s *scene) checkSecret(certificate *cmapi.Certificate) *x509.Certificate {
	s.t.Helper()
	stored := &corev1.Secret{}
	require.NoError(s.t, s.c.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: certificate.Spec.SecretName}, stored))
	assert.Empty(s.t, stored.Data[cmmeta.TLSCAKey], "public CAs are not told")
	_, err := tls.X509KeyPair(stored.Data[corev1.TLSCertKey], stored.Data[corev1.TLSPrivateKeyKey])
	require.NoError(s.t, err)
	return s.checkChain(stored.Data[corev1.TLSCertKey], certificate.Spec.DNSNames)
}

func (s *scene) checkChain(text []byte, names []string) *x509.Certificate {
	s.t.Helper()
	var chain []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		require.NoError(s.t, err)
		chain = append(chain, certificate)
	}
	require.Len(s.t, chain, 2, "leaf and intermediate")
	roots, err := world.Roots()
	require.NoError(s.t, err)
	intermediates := x509.NewCertPool()
	intermediates.AddCert(chain[1])
	for _, name := range names {
		host := strings.Replace(name, "*", "any", 1)
		_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, DNSName: host})
		require.NoError(s.t, err, name)
	}
	return chain[0]
}

// orders are the ResellerOrders for the test's names, also those of Kubernetes
// CertificateSigningRequests in the cluster resource namespace.
func (s *scene) orders(t require.TestingT) []v1alpha1.ResellerOrder {
	var own []v1alpha1.ResellerOrder
	for _, namespace := range []string{s.namespace, lab.Namespace} {
		var list v1alpha1.ResellerOrderList
		require.NoError(t, s.c.List(s.t.Context(), &list, client.InNamespace(namespace)))
		for _, order := range list.Items {
			if namespace == s.namespace || (order.Spec.Request != nil && below(order.Spec.Request.Names[0], s.domain)) {
				own = append(own, order)
			}
		}
	}
	return own
}

// order is the only one of the test.
func (s *scene) order(t require.TestingT) *v1alpha1.ResellerOrder {
	orders := s.orders(t)
	require.Len(t, orders, 1)
	return &orders[0]
}

// awaitOrder waits until the test's only order is as wanted.
func (s *scene) awaitOrder(check func(c *assert.CollectT, order *v1alpha1.ResellerOrder)) *v1alpha1.ResellerOrder {
	s.t.Helper()
	var order *v1alpha1.ResellerOrder
	s.eventually(func(c *assert.CollectT) {
		order = s.order(c)
		check(c, order)
	})
	return order
}

// awaitHeld waits until the test's only order is held for a reason.
func (s *scene) awaitHeld(reason string) *v1alpha1.ResellerOrder {
	s.t.Helper()
	return s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		assert.Equal(c, v1alpha1.OrderHeld, order.Status.State, order.Status.Message)
		held := meta.FindStatusCondition(order.Status.Conditions, v1alpha1.ConditionHeld)
		require.NotNil(c, held)
		assert.Equal(c, reason, held.Reason)
		assert.Equal(c, order.Status.Message, held.Message)
	})
}

// purchases are the ResellerPurchases of an order.
func (s *scene) purchases(order *v1alpha1.ResellerOrder) []v1alpha1.ResellerPurchase {
	s.t.Helper()
	var list v1alpha1.ResellerPurchaseList
	require.NoError(s.t, s.c.List(s.t.Context(), &list, client.MatchingLabels{v1alpha1.LabelOrderKey: order.Spec.Key}))
	return list.Items
}

// requests are the CertificateRequests of the test.
func (s *scene) requests(t require.TestingT) []cmapi.CertificateRequest {
	var list cmapi.CertificateRequestList
	require.NoError(t, s.c.List(s.t.Context(), &list, client.InNamespace(s.namespace)))
	return list.Items
}

// requestMessage is the message of the condition Ready of the only request.
func (s *scene) requestMessage(t require.TestingT) string {
	requests := s.requests(t)
	require.Len(t, requests, 1)
	ready := cmutil.GetCertificateRequestCondition(&requests[0], cmapi.CertificateRequestConditionReady)
	require.NotNil(t, ready)
	return ready.Message
}

// awaitNotReady waits until an issuer is not ready, with a message that has all texts.
func (s *scene) awaitNotReady(issuer interface {
	client.Object
	GetConditions() []metav1.Condition
}, texts ...string,
) {
	s.t.Helper()
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(issuer), issuer))
		ready := meta.FindStatusCondition(issuer.GetConditions(), "Ready")
		require.NotNil(c, ready)
		assert.Equal(c, metav1.ConditionFalse, ready.Status)
		for _, text := range texts {
			assert.Contains(c, ready.Message, text)
		}
	})
}

// events are those of the namespace that this project's controller has made;
// with uid only those on one object.
func (s *scene) events(uid types.UID) []eventsv1.Event {
	s.t.Helper()
	var list eventsv1.EventList
	require.NoError(s.t, s.c.List(s.t.Context(), &list, client.InNamespace(s.namespace)))
	return slices.DeleteFunc(list.Items, func(e eventsv1.Event) bool {
		foreign := strings.HasPrefix(e.ReportingController, "cert-manager")
		return foreign || (uid != "" && e.Regarding.UID != uid)
	})
}

// records are the validation records that are published for the test's names.
func (s *scene) records(t require.TestingT) []string {
	records, err := world.Records(zone, s.domain)
	require.NoError(t, err)
	return records
}

// awaitNoRecords waits until nothing that was published is left.
func (s *scene) awaitNoRecords() {
	s.t.Helper()
	s.eventually(func(c *assert.CollectT) { assert.Empty(c, s.records(c)) })
}
