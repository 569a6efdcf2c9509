package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const otherKey = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

// byHand has a person buy an order for names in the reseller's panel.
func (w *world) byHand(state providers.State, names ...string) *resellerOrder {
	w.t.Helper()
	csr := csrPEM(w.t, newKey, names...)
	o := &resellerOrder{id: "900", reference: "invoice 7", request: providers.Request{CSR: csr, CommonName: names[0], Names: names}, csr: csr, state: state, serial: 900}
	w.reseller.mu.Lock()
	defer w.reseller.mu.Unlock()
	w.reseller.orders = append(w.reseller.orders, o)
	return o
}

// wish is what a person writes to have an order imported.
func wish(edits ...specEdit) *v1alpha1.ResellerPurchase {
	until := metav1.NewTime(testNow.AddDate(0, 10, 0))
	p := &v1alpha1.ResellerPurchase{
		ObjectMeta: metav1.ObjectMeta{Name: testKey + "-1", Labels: map[string]string{v1alpha1.LabelOrderKey: testKey}},
		Spec: v1alpha1.ResellerPurchaseSpec{
			Key: testKey, OrderNamespace: "team", OrderName: "web", Kind: v1alpha1.PurchaseImport, State: v1alpha1.PurchaseImporting,
			IssuerRef:  v1alpha1.IssuerReference{Kind: KindIssuer, Namespace: "team", Name: "shop"},
			TermMonths: 12, PaidUntil: &until, OrderIDs: []v1alpha1.OrderID{{Name: "order_id", Value: "900"}},
		},
	}
	for _, edit := range edits {
		edit(&p.Spec)
	}
	return p
}

// An order that was bought by hand serves: it is read, completed, and reissued with the
// request's key.
func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, policy(func(p *v1alpha1.PurchasePolicy) { p.Mode = v1alpha1.PurchaseHold }))
	w.byHand(providers.StateIssued, testNames...)
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonOnHold)
	w.create(wish())
	w.run(0)
	spec := w.purchases()[0].Spec
	assert.Equal(t, v1alpha1.PurchaseBought, spec.State)
	assert.Equal(t, testCluster, spec.ClusterID)
	assert.Equal(t, testAccount, spec.Account)
	assert.Equal(t, testNames, spec.Names)
	assert.Equal(t, "p1", spec.Product)
	assert.NotEmpty(t, spec.CSR)
	assert.False(t, spec.IntendedAt.IsZero())
	require.Len(t, spec.Certificates, 1)
	assert.Equal(t, metav1.ConditionTrue, spec.Certificates[0].HandedOver, "it may be in use anywhere")
	assert.Equal(t, ledger.AccountLabel(testAccount), w.purchases()[0].Labels[v1alpha1.LabelAccount])
	assert.Contains(t, w.recorder.all(), "Imported")
	assert.Equal(t, ReasonOnHold, w.waitsFor(), "nothing is reissued while the issuer holds")

	w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.Mode = v1alpha1.PurchaseLive })
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("reissue"))
	assert.Zero(t, w.reseller.count("buy"), "an import never buys, and neither does what follows")
}

// An order that isn't issued yet is finished, and then reissued with the request's key.
func TestImportUnissued(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.byHand(providers.StateAwaitingValidation, testNames...)
	w.create(wish())
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.run(time.Hour)
	assert.Equal(t, w.order().Spec.Request.CSRDigest, w.order().Status.Certificate.CSRDigest)
	assert.Zero(t, w.reseller.count("buy"))
	assert.Equal(t, 1, w.reseller.count("reissue"))
	assert.Equal(t, v1alpha1.PurchaseImport, w.purchases()[0].Spec.Kind)
}

// What is wrong with an import is said, and nothing is bought until it is right or gone.
func TestImportIsRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		names []string
		state providers.State
		edit  specEdit
		says  string
	}{
		"other names":          {[]string{"example.org"}, providers.StateIssued, nil, "is for example.org and not for example.com, www.example.com"},
		"other names stated":   {testNames, providers.StateIssued, named("example.org"), "and not for example.org"},
		"unknown order":        {testNames, providers.StateIssued, func(s *v1alpha1.ResellerPurchaseSpec) { s.OrderIDs[0].Value = "901" }, "no such order"},
		"rejected":             {testNames, providers.StateRejected, nil, "the order is rejected"},
		"no term":              {testNames, providers.StateIssued, func(s *v1alpha1.ResellerPurchaseSpec) { s.PaidUntil = nil }, "set spec.paidUntil"},
		"term is over":         {testNames, providers.StateIssued, paidFor(-testDay), "was over on 2026-10-31"},
		"another issuer":       {testNames, providers.StateIssued, func(s *v1alpha1.ResellerPurchaseSpec) { s.IssuerRef.Name = "other" }, "spec.issuerRef"},
		"belongs to a key":     {testNames, providers.StateIssued, func(s *v1alpha1.ResellerPurchaseSpec) { s.OrderIDs[0].Value = "77" }, "belongs to ResellerPurchase " + otherKey + "-1"},
		"delivers nothing yet": {testNames, providers.StateIssued, func(s *v1alpha1.ResellerPurchaseSpec) { s.Method = "empty" }, "delivers no certificate yet"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.byHand(tc.state, tc.names...)
			claims := purchaseOf(7, func(s *v1alpha1.ResellerPurchaseSpec) { s.Key, s.OrderIDs[0].Value = otherKey, "77" })
			claims.Name, claims.Labels = otherKey+"-1", map[string]string{v1alpha1.LabelAccount: ledger.AccountLabel(testAccount), v1alpha1.LabelOrderKey: otherKey}
			w.create(&claims)
			imported := wish()
			if tc.edit != nil {
				tc.edit(&imported.Spec)
			}
			if imported.Spec.Method == "empty" {
				imported.Spec.Method = ""
				w.reseller.deliver = func(*resellerOrder) [][]byte { return nil }
			}
			w.create(imported)
			w.ask("web-1", keyA)
			w.untilWaiting(ReasonImportRefused)
			assert.Contains(t, w.order().Status.Message, tc.says)
			assert.Equal(t, v1alpha1.OrderHeld, w.state())
			w.run(time.Hour)
			assert.Zero(t, w.reseller.count("buy"))
			assert.Equal(t, ReasonImportRefused, w.waitsFor())

			w.reseller.deliver = nil
			require.NoError(t, w.client.Delete(t.Context(), imported))
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, 1, w.reseller.count("buy"), "without the import it is bought")
		})
	}
}

// An import is done also while no request waits, and says so in the order if it can't.
func TestImportOfAnIdleOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	require.NoError(t, w.client.Delete(t.Context(), w.request()))
	w.run(0)
	require.Equal(t, v1alpha1.OrderIdle, w.state())
	w.create(wish())
	w.run(time.Minute)
	assert.Equal(t, ReasonImportRefused, w.waitsFor())
	w.byHand(providers.StateIssued, testNames...)
	w.run(5*time.Minute, func() bool { return w.purchases()[0].Spec.State == v1alpha1.PurchaseBought })
	w.run(0)
	assert.Equal(t, v1alpha1.OrderIdle, w.state())
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseBought}, w.purchaseStates())
}

// A reseller that tells no CSR: the certificate is the proof, and its key the digest.
func TestImportWithoutCSR(t *testing.T) {
	t.Parallel()
	csr := csrPEM(t, keyA, testNames...)
	order := providers.Order{
		IDs: providers.IDs{"order_id": "1"}, State: providers.StateIssued, Names: testNames, Ordered: testNow.AddDate(0, -1, 0),
		Certificates: [][]byte{leafFor(csr, 5, testNow.AddDate(0, 0, -1)), leafFor(csr, 6, testNow), ca().pem},
	}
	v := liveView()
	spec := v1alpha1.ResellerPurchaseSpec{TermMonths: 12}
	require.NoError(t, fillIn(&spec, order, v))
	assert.Equal(t, "06", spec.Certificates[0].Serial, "the newest leaf counts")
	assert.Equal(t, spec.CSRDigest, spec.Certificates[0].CSRDigest)
	assert.Len(t, spec.CSRDigest, 64)
	assert.Equal(t, testNow.AddDate(0, 11, 0), spec.PaidUntil.UTC())
	assert.Equal(t, order.Ordered, spec.IntendedAt.UTC())

	order.State = providers.StateIssuing
	assert.ErrorContains(t, fillIn(&v1alpha1.ResellerPurchaseSpec{TermMonths: 12}, order, v), "doesn't tell its CSR")
	order.Names = nil
	assert.ErrorContains(t, fillIn(&v1alpha1.ResellerPurchaseSpec{TermMonths: 12}, order, v), "doesn't tell the names")
}

func TestSameNames(t *testing.T) {
	t.Parallel()
	www := providers.Profile{WWWIncluded: true}
	assert.True(t, sameNames(www, "a.example", []string{"a.example", "www.a.example"}, []string{"a.example"}))
	assert.False(t, sameNames(providers.Profile{}, "a.example", []string{"a.example", "www.a.example"}, []string{"a.example"}))
	assert.False(t, sameNames(www, "a.example", []string{"a.example", "www.b.example"}, []string{"a.example"}))
	assert.True(t, sameNames(www, "a.example", []string{"b.example", "a.example"}, []string{"a.example", "b.example"}))
}
