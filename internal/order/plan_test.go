package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// planned is a history and the plan that must follow.
type planned struct {
	purchases []v1alpha1.ResellerPurchase
	edit      func(*View)
	want      v1alpha1.Operation
	purchase  string
	hold      Reason
	// csr is for whom the certificate is, "1" for the request's own.
	csr string
}

func checkPlans(t *testing.T, cases map[string]planned) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := liveView(withPurchases(tc.purchases...))
			if tc.edit != nil {
				tc.edit(&v)
			}
			got, hold := plan(v)
			if tc.hold != "" {
				if assert.NotNil(t, hold) {
					assert.Equal(t, tc.hold, hold.Reason)
					assert.Contains(t, hold.Message, tc.purchases[0].Name)
					assert.Contains(t, hold.Message, "to", "it must say what to do")
				}
				return
			}
			assert.Nil(t, hold)
			assert.Equal(t, tc.want, got.Operation)
			assert.Equal(t, tc.purchase, got.Purchase)
			word := tc.csr
			if word == "" {
				word = "1"
			}
			assert.Equal(t, csrDigest(word), got.CSRDigest)
			assert.Equal(t, "csr-"+word, string(got.CSR))
			assert.Equal(t, v.Order.Spec.Request.Names, got.Names)
		})
	}
}

// orderedFor is a purchase for an earlier CSR.
func orderedFor(word string) specEdit {
	return func(spec *v1alpha1.ResellerPurchaseSpec) {
		spec.CSR, spec.CSRDigest = []byte("csr-"+word), csrDigest(word)
	}
}

func named(names ...string) specEdit {
	return func(spec *v1alpha1.ResellerPurchaseSpec) { spec.Names = names }
}

type purchases = []v1alpha1.ResellerPurchase

const (
	yes = metav1.ConditionTrue
	no  = metav1.ConditionFalse
)

func TestPlanFinishesWhatWasOrdered(t *testing.T) {
	t.Parallel()
	second := testKey + "-2"
	checkPlans(t, map[string]planned{
		"no purchase":            {want: v1alpha1.OperationPurchase},
		"refused":                {purchases: purchases{purchaseOf(1, inState(v1alpha1.PurchaseRefused))}, want: v1alpha1.OperationPurchase},
		"absent":                 {purchases: purchases{purchaseOf(1, inState(v1alpha1.PurchaseAbsent))}, want: v1alpha1.OperationPurchase},
		"given up":               {purchases: purchases{purchaseOf(1, inState(v1alpha1.PurchaseGivenUp))}, want: v1alpha1.OperationPurchase},
		"expired":                {purchases: purchases{purchaseOf(1, inState(v1alpha1.PurchaseExpired))}, want: v1alpha1.OperationPurchase},
		"ordered":                {purchases: purchases{purchaseOf(1)}, want: v1alpha1.OperationResume, purchase: first},
		"ordered for an earlier": {purchases: purchases{purchaseOf(1, orderedFor("0"))}, want: v1alpha1.OperationResume, purchase: first, csr: "0"},
		"earlier one finished":   {purchases: purchases{purchaseOf(1, orderedFor("0"), certified("0", 199*testDay, no))}, want: v1alpha1.OperationReissue, purchase: first},
		"reissue ordered":        {purchases: purchases{purchaseOf(1, orderedFor("0"), certified("0", testDay, yes), withOperation("1", v1alpha1.OperationDone))}, want: v1alpha1.OperationResume, purchase: first},
		"reissue for an earlier": {purchases: purchases{purchaseOf(1, orderedFor("00"), certified("00", testDay, yes), withOperation("0", v1alpha1.OperationDone))}, want: v1alpha1.OperationResume, purchase: first, csr: "0"},
		"reissue refused":        {purchases: purchases{purchaseOf(1, orderedFor("0"), certified("0", testDay, yes), withOperation("1", v1alpha1.OperationRefused))}, want: v1alpha1.OperationReissue, purchase: first},
		"reissue absent":         {purchases: purchases{purchaseOf(1, orderedFor("0"), certified("0", testDay, yes), withOperation("1", v1alpha1.OperationAbsent))}, want: v1alpha1.OperationReissue, purchase: first},
		"the same CSR again":     {purchases: purchases{purchaseOf(1, certified("1", 199*testDay, yes))}, want: v1alpha1.OperationResume, purchase: first},
		"the same CSR, replaced": {purchases: purchases{purchaseOf(1, certified("1", testDay, yes), certified("2", testDay, yes))}, want: v1alpha1.OperationReissue, purchase: first},
		"the newest counts":      {purchases: purchases{purchaseOf(1, certified("0", testDay, yes)), purchaseOf(2)}, want: v1alpha1.OperationResume, purchase: second},
		"changed names":          {purchases: purchases{purchaseOf(1, named("example.org"))}, want: v1alpha1.OperationPurchase},
		"names changed back":     {purchases: purchases{purchaseOf(1, certified("0", testDay, yes)), purchaseOf(2, named("example.org"))}, want: v1alpha1.OperationReissue, purchase: first},
		"refused after bought":   {purchases: purchases{purchaseOf(1), purchaseOf(2, inState(v1alpha1.PurchaseRefused))}, want: v1alpha1.OperationResume, purchase: first},
	})
}

func TestPlanReissues(t *testing.T) {
	t.Parallel()
	issuer := func(edit func(*IssuerFacts)) func(*View) { return func(v *View) { edit(v.Issuer) } }
	policy := func(p v1alpha1.ReissuePolicy, keepsOld bool) func(*View) {
		return issuer(func(i *IssuerFacts) { i.Policy.Reissue, i.Profile.ReissueKeepsOld = p, keepsOld })
	}
	minimum := func(d time.Duration) func(*View) {
		return issuer(func(i *IssuerFacts) { i.Policy.MinimumLifetime = &metav1.Duration{Duration: d} })
	}
	renewBefore := func(d time.Duration) func(*View) {
		return func(v *View) { v.Order.Spec.Request.RenewBefore = &metav1.Duration{Duration: d} }
	}
	used := func(left, paid time.Duration) purchases {
		return purchases{purchaseOf(1, orderedFor("0"), certified("0", left, yes), paidFor(paid))}
	}
	unused := func(left, paid time.Duration) purchases {
		return purchases{purchaseOf(1, orderedFor("0"), certified("0", left, no), paidFor(paid))}
	}
	reissue, buy, renew := v1alpha1.OperationReissue, v1alpha1.OperationPurchase, v1alpha1.OperationRenew
	checkPlans(t, map[string]planned{
		"just worth it":         {purchases: used(20*testDay, 45*testDay), want: reissue, purchase: first},
		"just not worth it":     {purchases: used(20*testDay, 45*testDay-time.Second), want: renew, purchase: first},
		"minimum of the issuer": {purchases: used(20*testDay, 60*testDay), edit: minimum(61 * testDay), want: renew, purchase: first},
		"renewBefore raises it": {purchases: used(20*testDay, 89*testDay), edit: renewBefore(60 * testDay), want: renew, purchase: first},
		"renewBefore is met":    {purchases: used(20*testDay, 90*testDay), edit: renewBefore(60 * testDay), want: reissue, purchase: first},
		"half of the CA's at most": {
			purchases: used(20*testDay, 100*testDay), edit: minimum(365 * testDay), want: reissue, purchase: first,
		},
		"short-lived leaves": {
			purchases: used(testDay, 30*testDay), edit: issuer(func(i *IssuerFacts) { i.Profile.MaxValidity = 47 * testDay }), want: reissue, purchase: first,
		},
		"the term ends with the leaf": {purchases: used(100*testDay, 100*testDay), want: buy},
		"and near the end":            {purchases: used(90*testDay, 90*testDay), want: renew, purchase: first},
		"the term outlives the leaf":  {purchases: used(100*testDay, 100*testDay+time.Second), want: reissue, purchase: first},
		"issued a moment ago":         {purchases: used(199*testDay+12*time.Hour, 365*testDay), want: reissue, purchase: first},
		"nobody got the leaf":         {purchases: unused(100*testDay, 100*testDay), want: reissue, purchase: first},
		"no reissues at the vendor":   {purchases: used(20*testDay, 200*testDay), edit: issuer(func(i *IssuerFacts) { i.Capabilities.Reissue = false }), want: buy},
		"no renewals at the vendor":   {purchases: used(20*testDay, 20*testDay), edit: issuer(func(i *IssuerFacts) { i.Capabilities.Renew = false }), want: buy},
		"the term is over":            {purchases: used(-testDay, -testDay), want: buy},
		"no minimum, term over":       {purchases: used(-testDay, -testDay), edit: minimum(0), want: buy},
		"no known term":               {purchases: purchases{purchaseOf(1, certified("0", testDay, yes), func(s *v1alpha1.ResellerPurchaseSpec) { s.PaidUntil = nil })}, edit: minimum(0), want: buy},

		"safe: old one stays valid":   {purchases: used(20*testDay, 200*testDay), edit: policy(v1alpha1.ReissueWhenSafe, true), want: reissue, purchase: first},
		"safe: old one is unused":     {purchases: unused(20*testDay, 200*testDay), edit: policy(v1alpha1.ReissueWhenSafe, false), want: reissue, purchase: first},
		"unsafe":                      {purchases: used(20*testDay, 200*testDay), edit: policy(v1alpha1.ReissueWhenSafe, false), want: buy},
		"unsafe, near the end":        {purchases: used(20*testDay, 50*testDay), edit: policy(v1alpha1.ReissueWhenSafe, false), want: renew, purchase: first},
		"always":                      {purchases: used(20*testDay, 200*testDay), edit: policy(v1alpha1.ReissueAlways, false), want: reissue, purchase: first},
		"never":                       {purchases: used(20*testDay, 200*testDay), edit: policy(v1alpha1.ReissueNever, true), want: buy},
		"never, but nobody got it":    {purchases: unused(20*testDay, 200*testDay), edit: policy(v1alpha1.ReissueNever, true), want: reissue, purchase: first},
		"never, but the order is new": {purchases: purchases{purchaseOf(1)}, edit: policy(v1alpha1.ReissueNever, true), want: v1alpha1.OperationResume, purchase: first},
	})
}

func TestPlanHolds(t *testing.T) {
	t.Parallel()
	foreign := func(spec *v1alpha1.ResellerPurchaseSpec) { spec.ClusterID = "other" }
	elsewhere := func(spec *v1alpha1.ResellerPurchaseSpec) { spec.Account.Name = "other" }
	checkPlans(t, map[string]planned{
		"rejected":                 {purchases: purchases{purchaseOf(1, inState(v1alpha1.PurchaseRejected))}, hold: ReasonOrderRejected},
		"cancelled":                {purchases: purchases{purchaseOf(1, inState(v1alpha1.PurchaseCancelled))}, hold: ReasonOrderCancelled},
		"rejected, of other names": {purchases: purchases{purchaseOf(1, inState(v1alpha1.PurchaseRejected), named("example.org"))}, want: v1alpha1.OperationPurchase},
		"foreign":                  {purchases: purchases{purchaseOf(1, foreign)}, hold: ReasonForeignCluster},
		"foreign and open":         {purchases: purchases{purchaseOf(1, foreign, inState(v1alpha1.PurchaseIntended))}, hold: ReasonForeignCluster},
		"foreign, but nothing":     {purchases: purchases{purchaseOf(1, foreign, inState(v1alpha1.PurchaseAbsent))}, want: v1alpha1.OperationPurchase},
		"another account":          {purchases: purchases{purchaseOf(1, elsewhere, certified("0", testDay, yes))}, hold: ReasonAccountChanged},
		"another account, unissued": {
			purchases: purchases{purchaseOf(1, elsewhere)}, hold: ReasonAccountChanged,
		},
		"another account, worn out": {
			purchases: purchases{purchaseOf(1, elsewhere, certified("0", testDay, yes), paidFor(20*testDay))}, want: v1alpha1.OperationPurchase,
		},
		"another account without a term": {
			purchases: purchases{purchaseOf(1, elsewhere, func(s *v1alpha1.ResellerPurchaseSpec) { s.PaidUntil = nil })},
			edit:      func(v *View) { v.Issuer.Policy.MinimumLifetime = &metav1.Duration{} },
			want:      v1alpha1.OperationPurchase,
		},
	})
}

// A request may be served again after another one was: that there is a certificate for its CSR from
// before doesn't tell that its reissue is done.
func TestReissueForACSRThatHadACertificate(t *testing.T) {
	t.Parallel()
	finished := metav1.NewMicroTime(testNow.Add(-time.Minute))
	again := func(spec *v1alpha1.ResellerPurchaseSpec) { spec.Operation.FinishedAt = &finished }
	waits := purchaseOf(1, certified("1", 100*testDay, metav1.ConditionTrue), certified("2", 100*testDay, metav1.ConditionTrue), withOperation("1", v1alpha1.OperationDone), again)
	request := func(v *View) { v.Order.Spec.Request.CSRDigest = csrDigest("3") }
	got, hold := plan(liveView(withPurchases(waits), request))
	require.Nil(t, hold)
	assert.Equal(t, v1alpha1.OperationResume, got.Operation)
	assert.Equal(t, csrDigest("1"), got.CSRDigest)

	fetched := waits.DeepCopy()
	fetched.Spec.Certificates[0].IssuedAt = metav1.NewTime(testNow)
	got, hold = plan(liveView(withPurchases(*fetched), request))
	require.Nil(t, hold)
	assert.Equal(t, v1alpha1.OperationReissue, got.Operation)
	assert.Equal(t, csrDigest("3"), got.CSRDigest)
}

// A renewal has its CSR, also where a first purchase has none.
func TestRenewalHasItsCSR(t *testing.T) {
	t.Parallel()
	next := func(v *View) {
		v.Issuer.Profile.CSRAtEnrolment = true
		v.Order.Spec.Request.CSRDigest = csrDigest("2")
	}
	for kind, want := range map[v1alpha1.PurchaseKind]string{v1alpha1.PurchaseNew: "2", v1alpha1.PurchaseRenewal: "1"} {
		got, hold := plan(liveView(withPurchases(purchaseOf(1, func(spec *v1alpha1.ResellerPurchaseSpec) { spec.Kind = kind })), next))
		require.Nil(t, hold)
		assert.Equal(t, v1alpha1.OperationResume, got.Operation)
		assert.Equal(t, csrDigest(want), got.CSRDigest, kind)
	}
}
