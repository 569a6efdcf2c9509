package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func euro(amount string) *providers.Money {
	return &providers.Money{Amount: decimal.RequireFromString(amount), Currency: "EUR"}
}

func TestBought(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	name := intend(t, l).Name
	require.NoError(t, l.Note(t.Context(), name, "the answer was lost"))
	placed := providers.Placed{IDs: providers.IDs{"order_id": "7", "item": "1"}, Price: euro("4.50")}
	require.NoError(t, l.Bought(t.Context(), name, placed))
	spec := get(t, l, name)
	assert.Equal(t, v1alpha1.PurchaseBought, spec.State)
	assert.Empty(t, spec.Message)
	assert.Equal(t, []v1alpha1.OrderID{{Name: "item", Value: "1"}, {Name: "order_id", Value: "7"}}, spec.OrderIDs)
	assert.Equal(t, &v1alpha1.Money{Amount: "4.50", Currency: "EUR"}, spec.Price)
	assert.Equal(t, start.AddDate(1, 0, 0), spec.PaidUntil.UTC())
	assert.NotNil(t, spec.FinishedAt)

	require.NoError(t, l.Bought(t.Context(), name, providers.Placed{IDs: providers.IDs{"order_id": "8"}}))
	assert.Equal(t, spec, get(t, l, name), "it is recorded once")
}

func TestBoughtWithoutPrice(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	assert.Equal(t, &v1alpha1.Money{Amount: "5", Currency: "EUR"}, bought(t, l).Spec.Price, "the expected one counts")
}

// The answer comes after the intent was taken for absent: the money is spent.
func TestLateAnswerIsRecorded(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	name := intend(t, l).Name
	require.NoError(t, l.Closed(t.Context(), name, v1alpha1.PurchaseAbsent, "the reseller has no such order"))
	require.NoError(t, l.Bought(t.Context(), name, providers.Placed{IDs: providers.IDs{"order_id": "7"}}))
	assert.Equal(t, v1alpha1.PurchaseBought, get(t, l, name).State)
}

// Who comes second must not undo what the first has learned.
func TestClosed(t *testing.T) {
	t.Parallel()
	const (
		intended, boughtState = v1alpha1.PurchaseIntended, v1alpha1.PurchaseBought
		refused, absent       = v1alpha1.PurchaseRefused, v1alpha1.PurchaseAbsent
		rejected, cancelled   = v1alpha1.PurchaseRejected, v1alpha1.PurchaseCancelled
		expiredState          = v1alpha1.PurchaseExpired
	)
	all := []v1alpha1.PurchaseState{intended, boughtState, refused, absent, rejected, cancelled, expiredState}
	allowed := map[[2]v1alpha1.PurchaseState]bool{
		{intended, refused}: true, {intended, absent}: true, {intended, rejected}: true,
		{boughtState, rejected}: true, {boughtState, cancelled}: true, {boughtState, expiredState}: true,
	}
	l := newLedger(fakeClient(t))
	for _, from := range all {
		for _, to := range all[2:] {
			name := intend(t, l).Name
			require.NoError(t, l.Update(t.Context(), name, func(spec *v1alpha1.ResellerPurchaseSpec) bool { spec.State = from; return true }))
			require.NoError(t, l.Closed(t.Context(), name, to, strings.Repeat("é", 1000)))
			want := from
			if allowed[[2]v1alpha1.PurchaseState{from, to}] {
				want = to
			}
			spec := get(t, l, name)
			assert.Equal(t, want, spec.State, "%s to %s", from, to)
			assert.LessOrEqual(t, len(spec.Message), maxMessage)
			assert.Equal(t, spec.Message, strings.ToValidUTF8(spec.Message, "?"))
		}
	}
}

func TestNote(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	purchase := bought(t, l)
	require.NoError(t, l.Note(t.Context(), purchase.Name, "about the purchase"))
	purchase, err := l.Get(t.Context(), purchase.Name)
	require.NoError(t, err)
	_, _, err = l.IntendOperation(t.Context(), purchase, reissueOf("csr-2"))
	require.NoError(t, err)
	require.NoError(t, l.Note(t.Context(), purchase.Name, "about the reissue"))
	spec := get(t, l, purchase.Name)
	assert.Equal(t, "about the purchase", spec.Message)
	assert.Equal(t, "about the reissue", spec.Operation.Message)
}

func TestOperationEnded(t *testing.T) {
	t.Parallel()
	const done, absent, intended = v1alpha1.OperationDone, v1alpha1.OperationAbsent, v1alpha1.OperationIntended
	cases := map[string]struct {
		outcomes []v1alpha1.OperationOutcome
		id       string
		want     v1alpha1.OperationOutcome
		order    string
	}{
		"done":              {outcomes: []v1alpha1.OperationOutcome{done}, id: "op-1", want: done, order: "8"},
		"absent":            {outcomes: []v1alpha1.OperationOutcome{absent}, id: "op-1", want: absent, order: "7"},
		"a late answer":     {outcomes: []v1alpha1.OperationOutcome{absent, done}, id: "op-1", want: done, order: "8"},
		"done stays done":   {outcomes: []v1alpha1.OperationOutcome{done, absent}, id: "op-1", want: done, order: "8"},
		"another operation": {outcomes: []v1alpha1.OperationOutcome{done}, id: "op-0", want: intended, order: "7"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(fakeClient(t))
			purchase := bought(t, l)
			_, _, err := l.IntendOperation(t.Context(), purchase, reissueOf("csr-2"))
			require.NoError(t, err)
			for _, outcome := range tc.outcomes {
				require.NoError(t, l.OperationEnded(t.Context(), purchase.Name, tc.id, outcome, providers.IDs{"order_id": "8"}, ""))
			}
			spec := get(t, l, purchase.Name)
			assert.Equal(t, tc.want, spec.Operation.Outcome)
			assert.Equal(t, tc.order, spec.OrderIDs[0].Value)
			assert.Len(t, spec.Reissues, 1)
		})
	}
	l := newLedger(fakeClient(t))
	require.NoError(t, l.OperationEnded(t.Context(), bought(t, l).Name, "none", done, nil, ""), "nothing is there to end")
}

// An outage must not trip the loop breaker; a refusal of this very order counts.
func TestOperationRefused(t *testing.T) {
	t.Parallel()
	for passes, reissues := range map[bool]int{true: 0, false: 1} {
		l := newLedger(fakeClient(t))
		purchase := bought(t, l)
		_, _, err := l.IntendOperation(t.Context(), purchase, reissueOf("csr-2"))
		require.NoError(t, err)
		require.NoError(t, l.OperationRefused(t.Context(), purchase.Name, "op-1", "closed", passes))
		require.NoError(t, l.OperationRefused(t.Context(), purchase.Name, "op-1", "again", passes))
		spec := get(t, l, purchase.Name)
		assert.Equal(t, v1alpha1.OperationRefused, spec.Operation.Outcome)
		assert.Equal(t, "closed", spec.Operation.Message)
		assert.Len(t, spec.Reissues, reissues)
	}
}

func TestCertified(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	name := bought(t, l).Name
	one := v1alpha1.PurchasedCertificate{CSRDigest: "1", Serial: "01", NotAfter: metav1.NewTime(start), HandedOver: metav1.ConditionFalse}
	require.NoError(t, l.Certified(t.Context(), name, one, providers.Order{}))
	require.NoError(t, l.HandedOver(t.Context(), name, "01"))
	require.NoError(t, l.Certified(t.Context(), name, one, providers.Order{}))
	spec := get(t, l, name)
	require.Len(t, spec.Certificates, 1, "it is recorded once")
	assert.Equal(t, metav1.ConditionTrue, spec.Certificates[0].HandedOver, "and stays handed over")
	assert.Equal(t, start.AddDate(1, 0, 0), spec.PaidUntil.UTC())

	// What the reseller tells later is kept although the certificate is known.
	until := start.AddDate(1, 1, 0)
	require.NoError(t, l.Certified(t.Context(), name, one, providers.Order{PaidUntil: until.Add(time.Millisecond)}))
	assert.Equal(t, until, get(t, l, name).PaidUntil.UTC())

	for n := range 70 {
		next := one
		next.Serial = strings.Repeat("a", n+1)[:min(n+1, 60)] + string(rune('a'+n%26)) + strings.Repeat("b", n/26)
		require.NoError(t, l.Certified(t.Context(), name, next, providers.Order{}))
	}
	assert.Len(t, get(t, l, name).Certificates, 64)
}

// A reseller may deliver the certificate from before when a reissue is for its CSR once more.
func TestCertifiedAgain(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	purchase := bought(t, l)
	for _, word := range []string{"1", "2"} {
		require.NoError(t, l.Certified(t.Context(), purchase.Name, v1alpha1.PurchasedCertificate{
			CSRDigest: word, Serial: "0" + word, IssuedAt: metav1.NewTime(start.Add(-time.Hour)), NotAfter: metav1.NewTime(start), HandedOver: metav1.ConditionFalse,
		}, providers.Order{}))
		require.NoError(t, l.HandedOver(t.Context(), purchase.Name, "0"+word))
	}
	purchase, err := l.Get(t.Context(), purchase.Name)
	require.NoError(t, err)
	_, _, err = l.IntendOperation(t.Context(), purchase, v1alpha1.PurchaseOperation{Kind: v1alpha1.PurchaseOperationReissue, CSRDigest: "1"})
	require.NoError(t, err)
	again := v1alpha1.PurchasedCertificate{CSRDigest: "1", Serial: "01", IssuedAt: metav1.NewTime(start.Add(time.Hour)), NotAfter: metav1.NewTime(start), HandedOver: metav1.ConditionFalse}
	require.NoError(t, l.Certified(t.Context(), purchase.Name, again, providers.Order{}))
	certificates := get(t, l, purchase.Name).Certificates
	require.Len(t, certificates, 2)
	assert.Equal(t, "01", certificates[1].Serial, "it is the present one")
	assert.True(t, certificates[1].IssuedAt.Equal(&again.IssuedAt))
	assert.Equal(t, metav1.ConditionTrue, certificates[1].HandedOver)
}

func TestHandedOver(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	name := bought(t, l).Name
	for _, serial := range []string{"01", "02"} {
		require.NoError(t, l.Certified(t.Context(), name, v1alpha1.PurchasedCertificate{CSRDigest: "1", Serial: serial, NotAfter: metav1.NewTime(start)}, providers.Order{}))
	}
	for range 2 {
		require.NoError(t, l.HandedOver(t.Context(), name, "02"))
	}
	spec := get(t, l, name)
	assert.NotEqual(t, metav1.ConditionTrue, spec.Certificates[0].HandedOver)
	assert.Equal(t, metav1.ConditionTrue, spec.Certificates[1].HandedOver)
	require.NoError(t, l.HandedOver(t.Context(), name, "ff"))
}

// An odd figure must not keep an outcome from being stored: the API would refuse it.
func TestMoney(t *testing.T) {
	t.Parallel()
	assert.Nil(t, Money(nil))
	assert.Nil(t, Money(euro("-1")))
	assert.Nil(t, Money(euro(strings.Repeat("9", 25))))
	for currency, want := range map[string]string{"EUR": "EUR", "eur": "EUR", "": "", "€": "", "EURO": "", "12A": ""} {
		got := Money(&providers.Money{Amount: decimal.RequireFromString("1200"), Currency: currency})
		assert.Equal(t, &v1alpha1.Money{Amount: "1200.00", Currency: want}, got)
	}
}

func TestOrderIDs(t *testing.T) {
	t.Parallel()
	ids := providers.IDs{"b": "2", "a": "1"}
	assert.Equal(t, []v1alpha1.OrderID{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}, OrderIDs(ids))
	assert.Equal(t, ids, IDs(OrderIDs(ids)))
}

// Who finds an order for an intent that is closed by now has found another intent's.
func TestAdopted(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	placed := providers.Placed{IDs: providers.IDs{"id": "1"}}
	for state, adopted := range map[v1alpha1.PurchaseState]bool{
		v1alpha1.PurchaseIntended: true, v1alpha1.PurchaseRefused: false, v1alpha1.PurchaseAbsent: false, v1alpha1.PurchaseRejected: false,
	} {
		existing, err := l.ByKey(t.Context(), "key")
		require.NoError(t, err)
		purchase, _, err := l.Intend(t.Context(), v1alpha1.ResellerPurchaseSpec{Key: "key"}, existing)
		require.NoError(t, err)
		require.NoError(t, l.Update(t.Context(), purchase.Name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
			spec.State = state
			return state != v1alpha1.PurchaseIntended
		}))
		require.NoError(t, l.Adopted(t.Context(), purchase.Name, placed))
		spec := get(t, l, purchase.Name)
		if adopted {
			assert.Equal(t, v1alpha1.PurchaseBought, spec.State)
			assert.Equal(t, OrderIDs(placed.IDs), spec.OrderIDs)
		} else {
			assert.Equal(t, state, spec.State)
			assert.Empty(t, spec.OrderIDs)
		}
	}
}
