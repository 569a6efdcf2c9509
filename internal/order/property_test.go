package order

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// TestNextIsCareful looks at random views: whatever the past was, money is spent only when
// it is certain that nothing is under way.
func TestNextIsCareful(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	spending := 0
	for range 10_000 {
		v := randomView(random)
		action := next(v)
		require.True(t, reflect.DeepEqual(action, next(v)), "seed %d: not deterministic: %#v", seed, action)
		switch action.(type) {
		case Pay, Reissue:
			spending++
			requirePermitted(t, seed, v, action)
		}
	}
	require.Greater(t, spending, 50, "seed %d: the views must be able to spend", seed)
}

func requirePermitted(t *testing.T, seed uint64, v View, action Action) {
	t.Helper()
	for i := range v.Purchases {
		p := &v.Purchases[i]
		intent, open := openIntent(p)
		// What another cluster began for other names is neither touched nor repeated.
		if open && p.Spec.ClusterID == v.ClusterID {
			require.Failf(t, "an intent is open", "seed %d: %T while %s is open", seed, action, intent)
		}
	}
	_, hold := plan(v)
	require.Nil(t, hold, "seed %d: %T although the plan holds", seed, action)
	require.Equal(t, v1alpha1.PurchaseLive, v.Issuer.Policy.Mode, "seed %d: %T", seed, action)
	require.Equal(t, RequestLive, v.Request, "seed %d: %T", seed, action)
	require.True(t, v.Order.DeletionTimestamp.IsZero(), "seed %d: %T", seed, action)
	if reissue, ok := action.(Reissue); ok {
		p := v.purchase(reissue.Purchase)
		require.NotNil(t, p, "seed %d", seed)
		require.Equal(t, v1alpha1.PurchaseBought, p.Spec.State, "seed %d", seed)
		require.Equal(t, v.ClusterID, p.Spec.ClusterID, "seed %d", seed)
		require.Equal(t, v.Issuer.Account, p.Spec.Account, "seed %d", seed)
		require.NotEmpty(t, p.Spec.Certificates, "seed %d: an order that isn't issued is finished first", seed)
	}
	if _, pays := action.(Pay); pays {
		for i := range v.Purchases {
			p := &v.Purchases[i]
			unfinished := p.Spec.State == v1alpha1.PurchaseBought && len(p.Spec.Certificates) == 0 &&
				reflect.DeepEqual(p.Spec.Names, testNames) && p.Spec.Account == v.Issuer.Account
			newest := i == len(v.Purchases)-1
			require.False(t, newest && unfinished, "seed %d: paid although an order is unfinished", seed)
		}
	}
}

func oneOf[T any](random *rand.Rand, choices ...T) T { return choices[random.IntN(len(choices))] }

// mostly picks the first choice half of the time.
func mostly[T any](random *rand.Rand, usual T, others ...T) T {
	if random.IntN(2) == 0 {
		return usual
	}
	return oneOf(random, others...)
}

func randomView(random *rand.Rand) View {
	v := liveView()
	v.Request = mostly(random, RequestLive, RequestNone, RequestReady, RequestEnded)
	v.Issuer.Policy.Mode = mostly(random, v1alpha1.PurchaseLive, v1alpha1.PurchaseHold, v1alpha1.PurchaseDryRun)
	v.Issuer.Policy.Reissue = oneOf(random, v1alpha1.ReissueWhenSafe, v1alpha1.ReissueAlways, v1alpha1.ReissueNever)
	v.Issuer.Profile.ReissueKeepsOld = random.IntN(2) == 0
	v.Issuer.Capabilities = Capabilities{
		Prepare: random.IntN(2) == 0, Validate: random.IntN(2) == 0, Reissue: random.IntN(4) > 0, Renew: random.IntN(2) == 0, Enrol: random.IntN(2) == 0,
	}
	for n := range random.IntN(4) {
		v.Purchases = append(v.Purchases, randomPurchase(random, n+1))
	}
	for i := range v.Purchases {
		if name, open := openIntent(&v.Purchases[i]); open {
			v.Watches[name] = Watch{Since: testNow.Add(-time.Hour), LastLook: testNow.Add(-oneOf(random, 0, time.Hour))}
		}
	}
	randomIssuance(random, &v)
	if random.IntN(10) == 0 {
		v.Issuer = nil
	}
	if random.IntN(20) == 0 {
		deleted(&v)
	}
	return v
}

func randomPurchase(random *rand.Rand, n int) v1alpha1.ResellerPurchase {
	day := func() time.Duration { return time.Duration(random.IntN(400)-20) * testDay }
	p := purchaseOf(n, paidFor(day()))
	p.Spec.State = mostly(random, v1alpha1.PurchaseBought, v1alpha1.PurchaseIntended, v1alpha1.PurchaseRefused,
		v1alpha1.PurchaseAbsent, v1alpha1.PurchaseRejected, v1alpha1.PurchaseCancelled, v1alpha1.PurchaseExpired, v1alpha1.PurchaseGivenUp, v1alpha1.PurchaseImporting)
	p.Spec.ClusterID = mostly(random, testCluster, testCluster, "other")
	p.Spec.Account.Name = mostly(random, testAccount.Name, testAccount.Name, "other")
	p.Spec.Names = mostly(random, testNames, testNames, []string{"example.org"})
	orderedFor(oneOf(random, "0", "1"))(&p.Spec)
	for _, word := range []string{"0", "1", "2"}[:random.IntN(4)] {
		certified(word, day(), oneOf(random, yes, no))(&p.Spec)
	}
	if random.IntN(3) == 0 {
		withOperation(oneOf(random, "0", "1", "2"), oneOf(random, v1alpha1.OperationIntended, v1alpha1.OperationDone, v1alpha1.OperationRefused, v1alpha1.OperationAbsent))(&p.Spec)
	}
	if random.IntN(15) == 0 {
		p.Spec.Resolution = &v1alpha1.PurchaseResolution{Absent: "Confirmed"}
	}
	return p
}

func randomIssuance(random *rand.Rand, v *View) {
	if random.IntN(8) == 0 {
		return
	}
	edits := []func(*v1alpha1.Issuance){}
	switch random.IntN(3) {
	case 0:
		edits = append(edits, under(random.IntN(4), oneOf(random, v1alpha1.OperationRenew, v1alpha1.OperationReissue, v1alpha1.OperationResume)))
	case 1:
		// As the plan has it, which is the only way to money.
		if v.Order.Spec.Request != nil {
			p, _ := plan(*v)
			edits = append(edits, func(i *v1alpha1.Issuance) {
				if p.CSRDigest != "" {
					i.Operation, i.Purchase, i.CSRDigest = p.Operation, p.Purchase, p.CSRDigest
				}
			})
		}
	}
	if random.IntN(2) == 0 {
		edits = append(edits, challenged(func(c *v1alpha1.OrderChallenge) { c.Validated = random.IntN(2) == 0 }))
	}
	if random.IntN(2) == 0 {
		edits = append(edits, propagatedSince(oneOf(random, 0, time.Hour)), polledOnce)
	}
	underWay(mostly(random, v1alpha1.OrderOrdering, v1alpha1.OrderPreflight, v1alpha1.OrderPublishing, v1alpha1.OrderValidating,
		v1alpha1.OrderIssuing, v1alpha1.OrderIssued, v1alpha1.OrderFailed), edits...)(v)
	if random.IntN(6) == 0 {
		v.Order.Status.Issuance.RequestUID = "request-0"
	}
	if random.IntN(4) == 0 {
		recorded(oneOf(random, "token", "old"), random.IntN(2) == 0)(v)
	}
	if random.IntN(6) == 0 {
		v.Order.Status.NextAttemptAt = at(oneOf(random, -time.Hour, time.Hour))
		v.Order.Status.IssuerGeneration = 1
	}
}
