package suites

import (
	"crypto/x509"
	"slices"
	"testing"

	cmutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// renew asks for a renewal as `cmctl renew` does, waits for it and returns the new leaf.
func (s *scene) renew(certificate *cmapi.Certificate) *x509.Certificate {
	s.t.Helper()
	s.trigger(certificate)
	s.awaitReady(certificate)
	return s.checkSecret(certificate)
}

// trigger asks for a renewal.
func (s *scene) trigger(certificate *cmapi.Certificate) {
	s.t.Helper()
	require.NoError(s.t, retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := s.c.Get(s.t.Context(), client.ObjectKeyFromObject(certificate), certificate); err != nil {
			return err
		}
		cmutil.SetCertificateCondition(certificate, certificate.Generation, cmapi.CertificateConditionIssuing, cmmeta.ConditionTrue, "ManuallyTriggered", "by the test")
		return s.c.Status().Update(s.t.Context(), certificate)
	}))
}

// TestRenewal renews twice with new keys under the paid term.
func TestRenewal(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	certificate := s.certificate("site", issuer, "www."+s.domain)
	leaves := []*x509.Certificate{s.obtain(certificate)}
	for range 2 {
		leaves = append(leaves, s.renew(certificate))
	}
	for i := range leaves[1:] {
		assert.NotEqual(t, leaves[i].SerialNumber, leaves[i+1].SerialNumber)
		assert.NotEqual(t, leaves[i].PublicKey, leaves[i+1].PublicKey, "rotationPolicy is Always")
	}
	s.servedByOnePurchase(certificate, 3)
	s.awaitNoRecords()
}

// servedByOnePurchase fails unless one purchase paid for all revisions of a Certificate, each
// but the first by one reissue. On a busy machine cert-manager may renew once more than it
// was asked to.
func (s *scene) servedByOnePurchase(certificate *cmapi.Certificate, revisions int) {
	s.t.Helper()
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(certificate), certificate))
		require.NotNil(c, certificate.Status.Revision)
		revision := *certificate.Status.Revision
		require.GreaterOrEqual(c, revision, revisions)
		assert.Len(c, s.charges(sandbox.EntryReissue), revision-1)
		bought := slices.DeleteFunc(s.purchases(s.order(c)), func(p v1alpha1.ResellerPurchase) bool {
			return p.Spec.State == v1alpha1.PurchaseRefused // throttled, and tried again
		})
		require.Len(c, bought, 1)
		assert.Len(c, bought[0].Spec.Reissues, revision-1)
		assert.Len(c, bought[0].Spec.Certificates, revision)
	})
	s.paidOnce()
}

// TestLostSecret has cert-manager ask again because the Secret is gone.
func TestLostSecret(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	certificate := s.certificate("site", issuer, "www."+s.domain)
	first := s.obtain(certificate)
	s.remove(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: certificate.Spec.SecretName}})
	s.awaitSecret(certificate.Spec.SecretName)
	s.awaitReady(certificate)
	assert.NotEqual(t, first.SerialNumber, s.checkSecret(certificate).SerialNumber)
	s.paidOnce()
}

func (s *scene) awaitSecret(name string) {
	s.t.Helper()
	s.eventually(func(c *assert.CollectT) {
		stored := &corev1.Secret{}
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, stored))
		assert.NotEmpty(c, stored.Data[corev1.TLSCertKey])
	})
}

// TestRecreatedCertificate deletes a Certificate with its Secret and creates it
// again: what was paid for serves.
func TestRecreatedCertificate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	first := s.obtain(s.certificate("site", issuer, "www."+s.domain))
	s.remove(s.certificate("site", issuer, "www."+s.domain))
	s.remove(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "site"}})
	order := s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		assert.Equal(c, v1alpha1.OrderIdle, order.Status.State, "the order stays, without a request")
		assert.Empty(c, s.requests(c))
	})
	second := s.obtain(s.certificate("site", issuer, "www."+s.domain))
	assert.NotEqual(t, first.SerialNumber, second.SerialNumber)
	assert.Equal(t, order.UID, s.order(t).UID)
	s.paidOnce()
}

// TestNamesThatChangeBack buys for new names, and finds the paid term of the old
// ones again.
func TestNamesThatChangeBack(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productMulti))
	one, two := "one."+s.domain, "two."+s.domain
	certificate := s.certificate("site", issuer, one)
	s.obtain(certificate)
	for _, names := range [][]string{{one, two}, {one}} {
		s.change(certificate, func() { certificate.Spec.DNSNames = names })
		s.eventually(func(c *assert.CollectT) {
			require.NoError(c, s.c.Get(t.Context(), client.ObjectKeyFromObject(certificate), certificate))
			ready := cmutil.GetCertificateCondition(certificate, cmapi.CertificateConditionReady)
			assert.Equal(c, certificate.Generation, ready.ObservedGeneration)
		})
		s.awaitReady(certificate)
		assert.ElementsMatch(t, names, s.checkSecret(certificate).DNSNames)
	}
	assert.Len(t, s.charges(sandbox.EntryPurchase), 2)
	assert.Len(t, s.charges(sandbox.EntryReissue), 1)
}
