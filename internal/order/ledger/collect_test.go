package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

func TestCollect(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	cases := map[string]struct {
		state       v1alpha1.PurchaseState
		ago, paidTo time.Duration
		kept        bool
	}{
		"paid":           {v1alpha1.PurchaseBought, 700 * day, -399 * day, true},
		"over for long":  {v1alpha1.PurchaseBought, 800 * day, -400*day - 1, false},
		"never paid":     {v1alpha1.PurchaseRefused, 400*day + 1, 0, false},
		"never paid yet": {v1alpha1.PurchaseAbsent, 400 * day, 0, true},
		"open for ever":  {v1alpha1.PurchaseIntended, 9000 * day, 0, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(fakeClient(t))
			purchase := intend(t, l).Name
			require.NoError(t, l.Update(t.Context(), purchase, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
				spec.State, spec.IntendedAt = tc.state, metav1.NewMicroTime(start.Add(-tc.ago))
				if tc.paidTo != 0 {
					until := metav1.NewTime(start.Add(tc.paidTo).Add(-time.Second))
					spec.PaidUntil = &until
				}
				return true
			}))
			count, err := l.Collect(t.Context())
			require.NoError(t, err)
			left, err := l.ByKey(t.Context(), key)
			require.NoError(t, err)
			if tc.kept {
				assert.Zero(t, count)
				assert.Len(t, left, 1)
			} else {
				assert.Equal(t, 1, count)
				assert.Empty(t, left)
			}
		})
	}
}

// An order that waits for money for weeks must not fill the cluster.
func TestPrune(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	for n := range 12 {
		name := intend(t, l).Name
		state := v1alpha1.PurchaseRefused
		if n == 1 {
			state = v1alpha1.PurchaseAbsent
		}
		require.NoError(t, l.Closed(t.Context(), name, state, ""))
		list, err := l.ByKey(t.Context(), key)
		require.NoError(t, err)
		require.NoError(t, l.Prune(t.Context(), list))
	}
	list, err := l.ByKey(t.Context(), key)
	require.NoError(t, err)
	assert.Equal(t, []string{key + "-2", key + "-8", key + "-9", key + "-10", key + "-11", key + "-12"}, namesOf(list))
}
