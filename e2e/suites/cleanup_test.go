package suites

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// patient are settings with which an order publishes its records and then waits,
// for longer than any test, before it buys.
func (s *scene) patient() v1alpha1.ResellerIssuerSpec {
	settings := s.settings(productSingle)
	settings.DCV.Propagation.SettleTime = &metav1.Duration{Duration: time.Hour}
	return settings
}

// awaitPublished waits until the records of the test's only order are published and seen.
func (s *scene) awaitPublished() *v1alpha1.ResellerOrder {
	s.t.Helper()
	order := s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		require.NotNil(c, order.Status.Issuance)
		assert.NotNil(c, order.Status.Issuance.PropagatedAt, order.Status.Message)
	})
	assert.Len(s.t, s.records(s.t), 1)
	assert.Contains(s.t, order.Finalizers, v1alpha1.FinalizerRecords)
	s.nothingBought()
	return order
}

// TestDeletedCertificate deletes a Certificate while its order waits: records go,
// nothing is bought.
func TestDeletedCertificate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	certificate := s.certificate("site", s.issuer(s.patient()), "www."+s.domain)
	s.create(certificate)
	s.awaitPublished()
	s.remove(certificate)
	s.awaitNoRecords()
	s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		assert.Equal(c, v1alpha1.OrderIdle, order.Status.State)
		assert.Empty(c, order.Finalizers)
	})
	s.nothingBought()
}

// TestDeletedOrder deletes the order under a waiting request: it goes, and a new
// order takes over.
func TestDeletedOrder(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.patient())
	certificate := s.certificate("site", issuer, "www."+s.domain)
	s.create(certificate)
	old := s.awaitPublished()
	s.remove(old)
	s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) { assert.NotEqual(c, old.UID, order.UID) })
	s.awaitPublished()
	s.change(issuer, func() { issuer.Spec.DCV.Propagation.SettleTime = &metav1.Duration{} })
	s.awaitReady(certificate)
	s.paidOnce()
	s.awaitNoRecords()
}

// TestDeletedOrderWithoutRequest deletes a Certificate's order together with it: the
// finalizer keeps the order until its records are gone.
func TestDeletedOrderWithoutRequest(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	certificate := s.certificate("site", s.issuer(s.patient()), "www."+s.domain)
	s.create(certificate)
	order := s.awaitPublished()
	s.remove(certificate)
	s.remove(order)
	s.eventually(func(c *assert.CollectT) {
		err := s.c.Get(t.Context(), client.ObjectKeyFromObject(order), order)
		assert.True(c, apierrors.IsNotFound(err), "%v", err)
	})
	assert.Empty(t, s.records(t))
}

// TestDeletedNamespace deletes everything at once: the finalizer of the order keeps
// it until the records are gone.
func TestDeletedNamespace(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.create(s.certificate("site", s.clusterIssuer(s.patient(), s.namespace), "www."+s.domain))
	s.awaitPublished()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}
	s.remove(namespace)
	s.eventually(func(c *assert.CollectT) {
		err := s.c.Get(t.Context(), client.ObjectKeyFromObject(namespace), namespace)
		assert.True(c, apierrors.IsNotFound(err), "%+v", namespace.Status)
	})
	assert.Empty(t, s.records(t))
	s.nothingBought()
}
