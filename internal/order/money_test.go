package order

import (
	"crypto/ecdsa"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
	"github.com/reseller-issuer/reseller-issuer/internal/order/spending"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func saying(word v1alpha1.PurchaseResolution) specEdit {
	return func(s *v1alpha1.ResellerPurchaseSpec) { s.Resolution = &word }
}

// Who gives a paid order up has spent the money: the budget knows. Who says that nothing was
// paid has not.
func TestGivenUpCounts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		word   v1alpha1.PurchaseResolution
		state  v1alpha1.PurchaseState
		counts bool
	}{
		"givenUp": {v1alpha1.PurchaseResolution{GivenUp: "Confirmed"}, v1alpha1.PurchaseGivenUp, true},
		"absent":  {v1alpha1.PurchaseResolution{Absent: "Confirmed"}, v1alpha1.PurchaseAbsent, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := int32(1)
			w := newWorld(t, policy(func(p *v1alpha1.PurchasePolicy) { p.Budgets[0].MaxPurchases = &one }))
			w.zone.invisible = true
			w.ask("web-1", keyA)
			w.untilWaiting(ReasonAwaitingPropagation)
			w.reseller.change(func(o *resellerOrder) { o.state, o.detail = providers.StateRejected, "no" })
			w.zone.invisible = false
			w.untilWaiting(ReasonOrderRejected)
			w.edit(1, saying(tc.word))
			w.run(time.Hour)
			spec := w.purchases()[0].Spec
			assert.Equal(t, tc.state, spec.State)
			assert.Nil(t, spec.Resolution, "a word is used once")
			assert.Equal(t, tc.counts, spending.Counts(&spec))
			if tc.counts {
				assert.Equal(t, ReasonBudgetExceeded, w.waitsFor())
				assert.Equal(t, 1, w.reseller.count("buy"))
				w.clock.advance(testDay)
			}
			w.untilState(v1alpha1.OrderIssued)
			assert.Equal(t, 2, w.reseller.count("buy"))
		})
	}
}

// A purchase that was taken for absent, and was charged after all, can be said to be spent.
func TestAbsentTurnsOutToBeSpent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.edit(1, inState(v1alpha1.PurchaseAbsent))
	w.edit(1, saying(v1alpha1.PurchaseResolution{GivenUp: "Confirmed"}))
	w.run(0)
	assert.Equal(t, v1alpha1.PurchaseGivenUp, w.purchases()[0].Spec.State)
}

// A person gives up an order with a reissue whose outcome is open: nothing is looked for any
// more, and the names are bought anew.
func TestGiveUpWithAnOpenOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	w.reseller.plan("reissue", fault{kind: providers.Ambiguous})
	w.reseller.plan("find", fault{kind: providers.Unavailable}, fault{kind: providers.Unavailable}, fault{kind: providers.Unavailable})
	w.ask("web-2", keyB)
	w.untilWaiting(ReasonRecovering)
	w.edit(1, saying(v1alpha1.PurchaseResolution{GivenUp: "Confirmed"}))
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseGivenUp, v1alpha1.PurchaseBought}, w.purchaseStates())
}

// What was checked before an order was held for days is checked again before it pays.
func TestCheckedAgainAfterALongHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything, policy(func(p *v1alpha1.PurchasePolicy) {
		p.Budgets[0].MaxPurchases = new(int32)
		p.PriceLimit = euro("6")
	}), issuerSpec(func(s *v1alpha1.ResellerIssuerSpec) { s.DCV.CAAPolicy = v1alpha1.CAAEnforce }))
	w.reseller.profile.CAAIdentities = []string{"ca.example"}
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonBudgetExceeded)
	since := w.order().Status.Waiting.Since
	w.run(12 * time.Hour)
	assert.Equal(t, ReasonBudgetExceeded, w.waitsFor())
	assert.Equal(t, since, w.order().Status.Waiting.Since, "the checks between don't end the wait")

	w.reseller.price = providers.Money{Amount: decimal.RequireFromString("7"), Currency: "EUR"}
	w.editIssuer(func(s *v1alpha1.ResellerIssuerSpec) { s.Purchase.Budgets = nil })
	w.clock.advance(2 * time.Hour)
	w.untilWaiting(ReasonPriceAboveLimit)
	assert.Zero(t, w.reseller.count("buy"))

	w.reseller.price = providers.Money{Amount: decimal.RequireFromString("5.5"), Currency: "EUR"}
	w.caa.result = caa.Result{Verdict: caa.Forbidden, Message: "change the CAA record"}
	w.clock.advance(2 * time.Hour)
	w.untilWaiting(ReasonCAAForbids)
	assert.Zero(t, w.reseller.count("buy"))

	w.caa.result = caa.Result{Verdict: caa.Allowed}
	w.clock.advance(2 * time.Hour)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, "5.50", w.purchases()[0].Spec.ExpectedPrice.Amount)
	assert.Equal(t, 1, w.reseller.count("buy"))
}

// A request that is replaced before its certificate is issued costs nothing more, whatever the
// policy: nobody got that certificate.
func TestReplacedRequestPaysOnce(t *testing.T) {
	t.Parallel()
	for _, reissue := range []v1alpha1.ReissuePolicy{v1alpha1.ReissueNever, v1alpha1.ReissueWhenSafe, v1alpha1.ReissueAlways} {
		t.Run(string(reissue), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, policy(func(p *v1alpha1.PurchasePolicy) { p.Reissue = reissue }))
			w.reseller.profile.ReissueKeepsOld = false
			w.zone.invisible = true
			w.ask("web-1", keyA)
			w.untilWaiting(ReasonAwaitingPropagation)
			w.ask("web-2", keyB)
			w.zone.invisible = false
			w.run(48*time.Hour, func() bool { return hasCurrent(w.order()) })
			assert.True(t, hasCurrent(w.order()))
			assert.Equal(t, 1, w.reseller.count("buy"))
			assert.Equal(t, 1, w.reseller.count("reissue"))
		})
	}
}

// Another product in the issuer applies from the next purchase: a reissue is judged by what
// was bought.
func TestProductChangesApplyToTheNextPurchase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	w.reseller.profile.Product, w.reseller.profile.MaxNames = "p2", 1
	w.clock.advance(133 * testDay)
	w.ask("web-2", keyB)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("reissue"))
	w.handOver()
	w.run(0)

	w.clock.advance(200 * testDay)
	w.ask("web-3", keyA)
	w.run(time.Hour)
	assert.Equal(t, v1alpha1.OrderFailed, w.state(), "a purchase is judged by the new product")
	assert.Contains(t, w.order().Status.Message, "product p2 takes 1")
	assert.Equal(t, 1, w.reseller.count("buy"))
}

// change issues for names, and then for others.
func changeNames(t *testing.T, changed v1alpha1.ChangedNames, sets ...[]string) *world {
	t.Helper()
	w := newWorld(t, policy(func(p *v1alpha1.PurchasePolicy) { p.ChangedNames = changed }))
	for i, names := range sets {
		w.ask(fmt.Sprintf("web-%d", i+1), []func() *ecdsa.PrivateKey{keyA, keyB, keyA}[i], names...)
		w.untilState(v1alpha1.OrderIssued)
		require.True(t, hasCurrent(w.order()))
		w.handOver()
		w.run(0)
	}
	return w
}

func TestChangedNames(t *testing.T) {
	t.Parallel()
	one, two := []string{"example.com"}, []string{"example.com", "shop.example.com"}
	t.Run("Purchase", func(t *testing.T) {
		t.Parallel()
		w := changeNames(t, v1alpha1.ChangedNamesPurchase, one, two, one)
		assert.Equal(t, 2, w.reseller.count("buy"))
		assert.Equal(t, 1, w.reseller.count("reissue"), "the names of before find their paid term again")
	})
	t.Run("Reissue", func(t *testing.T) {
		t.Parallel()
		w := changeNames(t, v1alpha1.ChangedNamesReissue, one, two, one)
		assert.Equal(t, 1, w.reseller.count("buy"))
		assert.Equal(t, 2, w.reseller.count("reissue"))
		assert.Equal(t, one, w.purchases()[0].Spec.Names)
	})
}

// The answer to a reissue with changed names is lost: it is found, and the purchase gets the
// names.
func TestChangedNamesAfterALostAnswer(t *testing.T) {
	t.Parallel()
	w := changeNames(t, v1alpha1.ChangedNamesReissue, []string{"example.com"})
	w.reseller.plan("reissue", fault{kind: providers.Ambiguous, effect: true})
	two := []string{"example.com", "shop.example.com"}
	w.ask("web-2", keyB, two...)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, two, w.purchases()[0].Spec.Names)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, 1, w.reseller.count("reissue"))
}

func TestPlanOfChangedNames(t *testing.T) {
	t.Parallel()
	reissue := func(v *View) {
		v.Issuer.Policy.ChangedNames, v.Order.Spec.Request.CertificateUID = v1alpha1.ChangedNamesReissue, "certificate"
	}
	and := func(edits ...func(*View)) func(*View) {
		return func(v *View) {
			for _, edit := range slices.Concat([]func(*View){reissue}, edits) {
				edit(v)
			}
		}
	}
	other := func(edits ...specEdit) purchases {
		return purchases{purchaseOf(1, slices.Concat([]specEdit{named("example.org"), orderedFor("0"), certified("0", testDay, yes)}, edits)...)}
	}
	checkPlans(t, map[string]planned{
		"reissue":           {purchases: other(), edit: reissue, want: v1alpha1.OperationReissue, purchase: first},
		"purchase":          {purchases: other(), want: v1alpha1.OperationPurchase},
		"a bare request":    {purchases: other(), edit: and(func(v *View) { v.Order.Spec.Request.CertificateUID = "" }), want: v1alpha1.OperationPurchase},
		"never":             {purchases: other(), edit: and(func(v *View) { v.Issuer.Policy.Reissue = v1alpha1.ReissueNever }), want: v1alpha1.OperationPurchase},
		"no reissues":       {purchases: other(), edit: and(func(v *View) { v.Issuer.Capabilities.Reissue = false }), want: v1alpha1.OperationPurchase},
		"near the end":      {purchases: other(paidFor(40 * testDay)), edit: reissue, want: v1alpha1.OperationPurchase},
		"the term is over":  {purchases: other(paidFor(-testDay)), edit: reissue, want: v1alpha1.OperationPurchase},
		"foreign":           {purchases: other(func(s *v1alpha1.ResellerPurchaseSpec) { s.ClusterID = "other" }), edit: reissue, want: v1alpha1.OperationPurchase},
		"another account":   {purchases: other(func(s *v1alpha1.ResellerPurchaseSpec) { s.Account.Name = "other" }), edit: reissue, want: v1alpha1.OperationPurchase},
		"given up":          {purchases: other(inState(v1alpha1.PurchaseGivenUp)), edit: reissue, want: v1alpha1.OperationPurchase},
		"not issued yet":    {purchases: purchases{purchaseOf(1, named("example.org"))}, edit: reissue, want: v1alpha1.OperationPurchase},
		"a term of its own": {purchases: purchases{purchaseOf(1, orderedFor("0"), certified("0", testDay, yes)), other()[0]}, edit: reissue, want: v1alpha1.OperationReissue, purchase: first},
	})
}

// A clone of the cluster, or a person, reissues the order elsewhere: nothing is reissued
// against them, until a person says that this is the one.
func TestSomebodyElseReissues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	w.reseller.change(func(o *resellerOrder) { o.csr = csrPEM(t, newKey, testNames...) })
	w.clock.advance(133 * testDay)
	w.ask("web-2", keyB)
	w.untilWaiting(ReasonOrderMismatch)
	w.run(3 * time.Hour)
	assert.Contains(t, w.order().Status.Message, "clone")
	assert.Zero(t, w.reseller.count("reissue"))
	assert.Equal(t, 1, w.reseller.count("buy"))

	w.edit(1, func(s *v1alpha1.ResellerPurchaseSpec) {
		s.Resolution = &v1alpha1.PurchaseResolution{OrderIDs: s.OrderIDs, By: "jane"}
	})
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("reissue"))
	assert.Len(t, w.purchases()[0].Spec.Certificates, 3)
}

// An order that ended at the reseller isn't reissued: its end is noted first.
func TestReissueOfAnEndedOrder(t *testing.T) {
	t.Parallel()
	for state, want := range map[providers.State]v1alpha1.PurchaseState{
		providers.StateCancelled: v1alpha1.PurchaseCancelled, providers.StateRejected: v1alpha1.PurchaseRejected, providers.StateExpired: v1alpha1.PurchaseExpired,
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ask("web-1", keyA)
			w.untilState(v1alpha1.OrderIssued)
			w.handOver()
			w.run(0)
			w.reseller.change(func(o *resellerOrder) { o.state = state })
			w.clock.advance(133 * testDay)
			w.ask("web-2", keyB)
			w.run(3 * time.Hour)
			assert.Equal(t, want, w.purchases()[0].Spec.State)
			assert.Zero(t, w.reseller.count("reissue"))
		})
	}
}

// The order object is lost with its namespace; what it said is in the ledger.
func TestOrderIsRebuiltFromTheLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	require.NoError(t, w.client.Delete(t.Context(), w.request()))
	require.NoError(t, w.client.Delete(t.Context(), w.order()))
	w.restart(w.client)
	w.ask("web-2", keyB)
	w.run(0)
	status := w.order().Status
	assert.Equal(t, w.purchases()[0].Name, status.Purchase)
	assert.Equal(t, w.purchases()[0].Spec.PaidUntil, status.PaidUntil)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, 1, w.reseller.count("reissue"))
}

// Two Certificates with the same names have orders of their own; neither takes what the other
// paid for.
func TestTwoCertificatesWithTheSameNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withList, policy(func(p *v1alpha1.PurchasePolicy) { p.LoopBreaker.MaxPurchases = 3 }))
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	other, request := w.order().DeepCopy(), w.request().DeepCopy()
	request.Name, request.UID, request.ResourceVersion = "other-1", "uid-other-1", ""
	request.Spec.Request = csrPEM(t, keyB, testNames...)
	request.Status.Certificate, request.Status.Conditions = nil, request.Status.Conditions[:1]
	w.create(request)
	other.ObjectMeta = metav1.ObjectMeta{Namespace: "team", Name: "other", UID: "order-other"}
	other.Spec.Key, other.Spec.CertificateName = otherKey, "other"
	other.Spec.Request.Name, other.Spec.Request.UID = request.Name, request.UID
	other.Spec.Request.CSR, other.Spec.Request.CSRDigest = request.Spec.Request, digestOf(t, request.Spec.Request)
	other.Status = v1alpha1.ResellerOrderStatus{}
	w.create(other)
	w.key.Name = "other"
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 2, w.reseller.count("buy"))
	ids := map[string]bool{}
	for _, p := range w.purchases() {
		ids[p.Spec.OrderIDs[0].Value] = true
		assert.Len(t, p.Spec.Certificates, 1)
	}
	assert.Len(t, ids, 2)
}

// A product that isn't sold any more is the issuer's trouble: the request waits for it.
func TestProductIsNotSoldAnyMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.plan("check", fault{kind: providers.Invalid, message: "spec.reseller.cyberssl.product.id: unknown"})
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonIssuerNotReady)
	assert.Contains(t, w.order().Status.Message, "product.id")
	assert.NotEqual(t, v1alpha1.OrderFailed, w.state())
	assert.Zero(t, w.reseller.count("buy"))
	w.untilState(v1alpha1.OrderIssued)
}

// Without a price, an empty account still is too little.
func TestEmptyBalanceWithoutAPrice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.balance = &providers.Money{Amount: decimal.Zero, Currency: "EUR"}
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonInsufficientFunds)
	assert.Zero(t, w.reseller.count("buy"))
	w.reseller.balance.Amount = decimal.RequireFromString("1")
	w.untilState(v1alpha1.OrderIssued)
}

func TestEveryRenewalIsBought(t *testing.T) {
	t.Parallel()
	with := func(policy v1alpha1.ReissuePolicy, keepsOld bool, p *reseller) *Supplier {
		p.profile.ReissueKeepsOld = keepsOld
		return &Supplier{Provider: asUsual(p), Spec: v1alpha1.ResellerIssuerSpec{Purchase: v1alpha1.PurchasePolicy{Reissue: policy}}}
	}
	fresh := func() *reseller { return newReseller(time.Now) }
	assert.Empty(t, EveryRenewalIsBought(with(v1alpha1.ReissueWhenSafe, true, fresh())))
	assert.Empty(t, EveryRenewalIsBought(with(v1alpha1.ReissueAlways, false, fresh())))
	assert.Contains(t, EveryRenewalIsBought(with(v1alpha1.ReissueWhenSafe, false, fresh())), "about 3 a year")
	assert.Contains(t, EveryRenewalIsBought(with(v1alpha1.ReissueNever, true, fresh())), "spec.purchase.reissue is Never")
	short := fresh()
	short.profile.MaxValidity = 46 * testDay
	assert.Contains(t, EveryRenewalIsBought(with(v1alpha1.ReissueNever, true, short)), "about 12 a year")
	bare := with(v1alpha1.ReissueAlways, true, fresh())
	bare.Provider = fresh()
	assert.Contains(t, EveryRenewalIsBought(bare), "has no reissue")
}
