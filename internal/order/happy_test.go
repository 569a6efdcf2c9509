package order

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
)

func TestPurchaseFromRequestToDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.run(0)
	require.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, v1alpha1.OrderValidating, w.state())
	assert.Contains(t, w.order().Finalizers, v1alpha1.FinalizerRecords)
	assert.Len(t, w.zone.published(), 1)
	assert.Zero(t, w.reseller.count("validate"), "records settle first")

	w.untilState(v1alpha1.OrderIssued)
	order := w.order()
	parsed, err := chain.Parse(order.Status.Certificate.Chain)
	require.NoError(t, err)
	assert.Len(t, parsed, 2, "leaf and intermediate")
	assert.Equal(t, order.Spec.Request.UID, order.Status.Certificate.RequestUID)
	w.run(0)
	assert.Empty(t, w.order().Status.Records)
	assert.Empty(t, w.order().Finalizers)
	assert.Empty(t, w.zone.published())

	w.handOver()
	w.run(0)
	order = w.order()
	assert.Empty(t, order.Status.Certificate.Chain, "the chain is dropped")
	assert.Nil(t, order.Status.Issuance)
	assert.Equal(t, v1alpha1.OrderIssued, order.Status.State)
	spec := w.purchases()[0].Spec
	require.Len(t, spec.Certificates, 1)
	assert.Equal(t, metav1.ConditionTrue, spec.Certificates[0].HandedOver)
	assert.Equal(t, v1alpha1.PurchaseBought, spec.State)
	assert.Equal(t, &v1alpha1.Money{Amount: "5.00", Currency: "EUR"}, spec.Price)
	for _, reason := range []string{"Purchased", "Published", "Propagated", "ValidationRequested", "Issued"} {
		assert.Contains(t, w.recorder.all(), "Normal "+reason+" ")
	}
	calls := slices.Clone(w.reseller.calls)
	w.run(0)
	assert.Equal(t, calls, w.reseller.calls, "an order that is done makes no calls")
}

func TestPreparedRecordsComeBeforeTheMoney(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.run(time.Hour)
	assert.Equal(t, ReasonAwaitingPropagation, w.waitsFor())
	assert.Len(t, w.zone.published(), 1)
	assert.Zero(t, w.reseller.count("buy"), "a broken DNS costs nothing")
	assert.Empty(t, w.purchases())

	w.zone.invisible = false
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, []byte("prepared"), w.reseller.orders[0].request.Prepared)
	assert.LessOrEqual(t, w.zone.presents, 3, "at most twice more in an hour, in case that it was taken away")
	spec := w.purchases()[0].Spec
	assert.Equal(t, []string{"1", "2"}, spec.Before.OrderIDs, "a set, as the API wants it")
	assert.Nil(t, spec.Before.Balance)
	calls := w.reseller.calls
	assert.Less(t, slices.Index(calls, "checkcsr"), slices.Index(calls, "prepare"))
	assert.Less(t, slices.Index(calls, "price"), slices.Index(calls, "prepare"))
	assert.Equal(t, slices.Index(calls, "snapshot")+1, slices.Index(calls, "buy"))
}

// One call a minute must be enough to get through.
func TestSlowAccountsBuyToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	w.r.Limits.Configure(w.reseller.account.Key(), 1.0/60, 1)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, 1, w.reseller.count("checkcsr"))
}

func TestReissueUnderThePaidTerm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	w.clock.advance(130 * testDay)

	w.ask("web-2", keyB)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, 1, w.reseller.count("reissue"))
	assert.Equal(t, 1, w.reseller.paidOrders())
	spec := w.purchases()[0].Spec
	require.Len(t, spec.Certificates, 2)
	assert.Equal(t, metav1.ConditionTrue, spec.Certificates[1].HandedOver)
	assert.Equal(t, v1alpha1.OperationDone, spec.Operation.Outcome)
	assert.Len(t, spec.Reissues, 1)
	assert.Empty(t, w.zone.published())
	w.atMostOnce()
}

func TestRenewalAtTheEndOfTheTerm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	w.clock.advance(340 * testDay)

	w.ask("web-2", keyB)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, 1, w.reseller.count("renew"))
	list := w.purchases()
	require.Len(t, list, 2)
	assert.Equal(t, v1alpha1.PurchaseRenewal, list[1].Spec.Kind)
	assert.Equal(t, list[0].Name, list[1].Spec.Renews)
	w.atMostOnce()
}

// A request that is replaced before its order is issued: the order is finished for the
// first CSR and then reissued for the second, and paid once.
func TestUnfinishedOrderIsFinishedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.profile.ReissueKeepsOld = false
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	firstDigest := w.order().Spec.Request.CSRDigest

	require.NoError(t, w.client.Delete(t.Context(), w.request()))
	w.run(0)
	assert.Equal(t, v1alpha1.OrderIdle, w.state())
	assert.Empty(t, w.zone.published(), "nobody waits: records are removed")

	w.zone.invisible = false
	w.ask("web-2", keyB)
	w.run(time.Hour, func() bool { c := w.order().Status.Certificate; return c != nil && c.CSRDigest == firstDigest })
	assert.Empty(t, w.order().Status.Certificate.RequestUID, "nobody's certificate")
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	assert.Equal(t, 1, w.reseller.paidOrders())
	assert.Equal(t, 1, w.reseller.count("reissue"))
	spec := w.purchases()[0].Spec
	require.Len(t, spec.Certificates, 2)
	assert.Equal(t, firstDigest, spec.Certificates[0].CSRDigest)
	assert.Equal(t, metav1.ConditionFalse, spec.Certificates[0].HandedOver)
	assert.Equal(t, metav1.ConditionTrue, spec.Certificates[1].HandedOver)
}

func TestChangedNamesAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, names := range [][]string{testNames, {"example.org"}, testNames} {
		w.reseller.challenges = challengesFor(names[0])
		w.ask([]string{"web-1", "web-2", "web-3"}[i], keyA, names...)
		w.untilState(v1alpha1.OrderIssued)
		w.handOver()
		w.run(0)
		w.clock.advance(testDay)
	}
	assert.Equal(t, 2, w.reseller.paidOrders(), "the third is under the first term")
	assert.Equal(t, 1, w.reseller.count("reissue"))
	list := w.purchases()
	require.Len(t, list[0].Spec.Certificates, 2)
	assert.Equal(t, metav1.ConditionTrue, list[0].Spec.Certificates[1].HandedOver, "noted on the purchase that paid for it")
	assert.Equal(t, list[0].Name, w.order().Status.Purchase)
}

// The order is deleted and made again: the ledger remembers.
func TestOrderIsRecreated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	require.NoError(t, w.client.Delete(t.Context(), w.order()))
	w.ask("web-2", keyB)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.paidOrders())
	assert.Equal(t, 1, w.reseller.count("reissue"))
}
