package suites

import (
	"slices"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// TestLoopBreaker stops something that asks for one certificate after the other, without a
// call that costs or changes anything, until a person raises the limit.
func TestLoopBreaker(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		set      func(*v1alpha1.PurchasePolicy)
		text     string
		purchase int
	}{
		{"reissues", func(p *v1alpha1.PurchasePolicy) { p.LoopBreaker.MaxReissues = 1 }, "loopBreaker.maxReissues", 1},
		{"purchases", func(p *v1alpha1.PurchasePolicy) {
			p.LoopBreaker.MaxPurchases, p.Reissue = 2, v1alpha1.ReissueNever
		}, "loopBreaker.maxPurchases", 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			settings := s.settings(productSingle)
			test.set(&settings.Purchase)
			issuer := s.issuer(settings)
			certificate := s.certificate("site", issuer, "www."+s.domain)
			s.obtain(certificate)
			s.renew(certificate)
			before := s.charges()
			s.trigger(certificate)
			order := s.awaitHeld("LoopBreaker")
			assert.Contains(t, order.Status.Message, test.text)
			assert.Equal(t, before, s.charges(), "the ledger is unchanged")
			assert.Len(t, s.charges(sandbox.EntryPurchase, sandbox.EntryRenewal), test.purchase)

			s.change(issuer, func() { issuer.Spec.Purchase.LoopBreaker = v1alpha1.LoopBreaker{MaxPurchases: 9, MaxReissues: 9} })
			s.awaitReady(certificate)
			assert.Greater(t, len(s.charges()), len(before))
		})
	}
}

// TestDeletedRequest deletes the CertificateRequest of a certificate that has a name more
// than was asked for: cert-manager compares the Secret then, and asks once more.
func TestDeletedRequest(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	certificate := s.certificate("site", s.issuer(s.settings(productSingle)), s.domain)
	first := s.obtain(certificate)
	assert.Contains(t, first.DNSNames, "www."+s.domain, "the product adds it")
	requests := s.requests(t)
	require.Len(t, requests, 1)
	s.remove(&requests[0])
	s.eventually(func(c *assert.CollectT) { assert.Len(c, s.charges(sandbox.EntryReissue), 1) })
	s.awaitReady(certificate)
	second := s.checkSecret(certificate)
	assert.NotEqual(t, first.SerialNumber, second.SerialNumber)
	assert.Never(t, func() bool { return len(s.charges()) > 2 }, 6*time.Second, 500*time.Millisecond, "no loop")
	s.paidOnce()
}

// loseLedger deletes a Certificate and all that this project's controller knew of it.
func (s *scene) loseLedger(certificate *cmapi.Certificate) {
	s.t.Helper()
	order := s.order(s.t)
	s.remove(certificate)
	s.remove(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: certificate.Spec.SecretName}})
	s.eventually(func(c *assert.CollectT) { assert.Empty(c, s.requests(c)) })
	s.remove(order)
	for _, purchase := range s.purchases(order) {
		s.remove(&purchase)
	}
	s.eventually(func(c *assert.CollectT) { assert.Empty(c, s.orders(c)) })
}

// TestUnclaimedOrderIsImported finds a paid order that stands in no ledger, holds, and goes on
// with it once a person has imported it.
func TestUnclaimedOrderIsImported(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	name := "www." + s.domain
	certificate := s.certificate("site", issuer, name)
	first := s.obtain(certificate)
	paid := s.purchases(s.order(t))[0].Spec
	s.loseLedger(certificate)

	certificate = s.certificate("site", issuer, name)
	s.create(certificate)
	order := s.awaitHeld("UnclaimedOrder")
	assert.Contains(t, order.Status.Message, paid.OrderIDs[0].Value)
	s.paidOnce()

	imported := &v1alpha1.ResellerPurchase{
		ObjectMeta: metav1.ObjectMeta{Name: order.Spec.Key + "-1", Labels: map[string]string{v1alpha1.LabelOrderKey: order.Spec.Key}},
		Spec: v1alpha1.ResellerPurchaseSpec{
			State: v1alpha1.PurchaseImporting, Kind: v1alpha1.PurchaseImport,
			Key: order.Spec.Key, OrderNamespace: order.Namespace, OrderName: order.Name, IssuerRef: order.Spec.IssuerRef,
			TermMonths: 12, OrderIDs: []v1alpha1.OrderID{{Name: paid.OrderIDs[0].Name, Value: "1"}},
		},
	}
	s.create(imported)
	s.awaitHeld("ImportRefused")
	s.change(imported, func() {
		imported.Spec.OrderIDs, imported.Spec.PaidUntil = paid.OrderIDs, paid.PaidUntil
	})
	s.awaitReady(certificate)
	assert.NotEqual(t, first.SerialNumber, s.checkSecret(certificate).SerialNumber)
	s.paidOnce()
	assert.Len(t, s.charges(sandbox.EntryReissue), 1)
	s.get(imported)
	assert.Equal(t, v1alpha1.PurchaseBought, imported.Spec.State)
	assert.Equal(t, []string{name}, imported.Spec.Names)
	assert.NotEmpty(t, imported.Spec.ClusterID)
	assert.NotEmpty(t, imported.Spec.CSR)
	assert.Len(t, imported.Spec.Certificates, 2)
}

// TestLostLedgerIsAdopted has a reseller that tells client references: what this cluster
// bought is known again by them and used without asking.
func TestLostLedgerIsAdopted(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	reseller := resellers()["resello"]
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "login"}, StringData: reseller.secret})
	spec := s.settings(productSingle)
	spec.Reseller = reseller.make(v1alpha1.ResellerAccess{
		Endpoint: world.ResellerURL() + reseller.path, CredentialsSecretRef: v1alpha1.SecretReference{Name: "login"}, Product: reseller.product,
	})
	spec.Purchase.Reissue, spec.Purchase.UnclaimedOrders, spec.RateLimit = reseller.reissue, v1alpha1.UnclaimedAdopt, nil
	issuer := s.issuer(spec)
	certificate := s.certificate("site", issuer, s.domain)
	s.obtain(certificate)
	s.loseLedger(certificate)
	certificate = s.certificate("site", issuer, s.domain)
	s.obtain(certificate)
	s.paidOnce()
	purchases := s.purchases(s.order(t))
	require.Len(t, purchases, 1)
	assert.Equal(t, v1alpha1.PurchaseImport, purchases[0].Spec.Kind)
}

// TestTwoCertificatesWithTheSameNames have a paid term each: neither uses the other's.
func TestTwoCertificatesWithTheSameNames(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	one, two := s.certificate("one", issuer, "www."+s.domain), s.certificate("two", issuer, "www."+s.domain)
	s.create(one)
	s.create(two)
	for _, certificate := range []*cmapi.Certificate{one, two} {
		s.awaitReady(certificate)
		s.checkSecret(certificate)
	}
	s.renew(one)
	s.renew(two)
	assert.Len(t, s.charges(sandbox.EntryPurchase), 2)
	ids := map[string]bool{}
	for _, order := range s.orders(t) {
		for _, purchase := range s.purchases(&order) {
			ids[purchase.Spec.OrderIDs[0].Value] = true
			assert.GreaterOrEqual(t, len(purchase.Spec.Certificates), 2)
		}
	}
	assert.Len(t, ids, 2)
}

// TestChangedNamesAreReissued puts other names into the paid term, as the issuer says.
func TestChangedNamesAreReissued(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productMulti)
	settings.Purchase.ChangedNames = v1alpha1.ChangedNamesReissue
	issuer := s.issuer(settings)
	one, two := "one."+s.domain, "two."+s.domain
	certificate := s.certificate("site", issuer, one, "three."+s.domain)
	s.obtain(certificate)
	s.change(certificate, func() { certificate.Spec.DNSNames = []string{one, two} })
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(t.Context(), client.ObjectKeyFromObject(certificate), certificate))
		assert.Len(c, s.charges(sandbox.EntryReissue), 1)
	})
	s.awaitReady(certificate)
	assert.ElementsMatch(t, []string{one, two}, s.checkSecret(certificate).DNSNames)
	assert.Equal(t, []string{one, two}, s.purchases(s.order(t))[0].Spec.Names)
	s.paidOnce()
}

// TestNamespaceMadeAgain deletes a namespace and makes it again ten times, each time with a
// Certificate of before and a new one: what was paid serves again, and the budget and the
// loop breaker of the cluster issuer count on.
func TestNamespaceMadeAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productSingle)
	settings.Purchase.Budgets = []v1alpha1.Budget{{
		Window: metav1.Duration{Duration: 24 * time.Hour}, Scope: v1alpha1.BudgetPerNamespace, MaxPurchases: new(int32(3)),
	}}
	settings.Purchase.LoopBreaker = v1alpha1.LoopBreaker{MaxPurchases: 2, MaxReissues: 3}
	namespace := s.namespace + "-again"
	issuer := s.clusterIssuer(settings, namespace)
	inside := *s
	inside.namespace = namespace
	for round := range 10 {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		s.create(object)
		names := []string{"site", string(rune('a' + round))}
		for _, name := range names {
			inside.create(inside.certificate(name, issuer, name+"."+s.domain))
		}
		inside.eventually(func(c *assert.CollectT) {
			settled := 0
			for _, order := range inside.ordersIn(c, namespace) {
				if slices.Contains([]v1alpha1.OrderState{v1alpha1.OrderIssued, v1alpha1.OrderHeld}, order.Status.State) {
					settled++
				}
			}
			assert.Equal(c, len(names), settled)
		})
		s.remove(object)
		s.eventually(func(c *assert.CollectT) {
			assert.Error(c, s.c.Get(t.Context(), client.ObjectKeyFromObject(object), &corev1.Namespace{}))
		})
	}
	assert.Len(t, s.charges(sandbox.EntryPurchase), 3, "the budget")
	assert.LessOrEqual(t, len(s.charges(sandbox.EntryReissue)), 3, "the loop breaker")
	assert.NotEmpty(t, s.charges(sandbox.EntryReissue), "the paid term is found again")
}

// ordersIn are the ResellerOrders of a namespace.
func (s *scene) ordersIn(t require.TestingT, namespace string) []v1alpha1.ResellerOrder {
	var list v1alpha1.ResellerOrderList
	require.NoError(t, s.c.List(s.t.Context(), &list, client.InNamespace(namespace)))
	return list.Items
}
