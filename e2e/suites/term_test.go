package suites

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// Where time runs fast: a year of shortYear and certificates that live shortValidity.
const (
	shortYear     = 150 * time.Second
	shortValidity = 24 * time.Second
)

var day = metav1.Duration{Duration: 24 * time.Hour}

// hurried is the sandbox in which time runs fast.
var hurried *lab.Sandbox

func hurriedArgs() []string {
	return []string{"--year=" + shortYear.String(), "--max-validity=" + shortValidity.String(), "--autodns-requests-per-second=0"}
}

// TestPaidTerm lets cert-manager renew a Certificate by itself through a whole paid term: one
// purchase serves all certificates in it, and then exactly one renewal is bought.
func TestPaidTerm(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	reseller := resellers()["autodns"]
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "login"}, StringData: reseller.secret})
	product := reseller.product
	product.MaxValidity = &metav1.Duration{Duration: shortValidity}
	spec := s.settings(productSingle)
	spec.Reseller = reseller.make(v1alpha1.ResellerAccess{
		Endpoint: hurried.URL() + reseller.path, CredentialsSecretRef: v1alpha1.SecretReference{Name: "login"}, Product: product,
	})
	spec.Purchase.LoopBreaker = v1alpha1.LoopBreaker{MaxPurchases: 5, MaxReissues: 100}
	certificate := s.certificate("site", s.issuer(spec), s.domain)
	s.create(certificate)

	var entries []sandbox.Entry
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var err error
		entries, err = hurried.Ledger(t.Context())
		require.NoError(c, err)
		assert.GreaterOrEqual(c, paidEntries(entries), 2, "%d certificates so far", len(entries))
	}, 2*shortYear, time.Second)
	s.remove(certificate)

	second := slices.IndexFunc(entries[1:], func(e sandbox.Entry) bool { return e.Amount != 0 }) + 1
	assert.GreaterOrEqual(t, second, 4, "certificates under the first purchase")
	assert.GreaterOrEqual(t, entries[second].Time.Sub(entries[0].Time), shortYear-shortValidity, "the paid term is used")
	assert.Equal(t, 2, paidEntries(entries), "exactly one renewal")
	var states []v1alpha1.PurchaseState
	for _, purchase := range s.purchases(s.order(t)) {
		if purchase.Spec.State != v1alpha1.PurchaseRefused {
			states = append(states, purchase.Spec.State)
		}
	}
	assert.Len(t, states, 2)
}

func paidEntries(entries []sandbox.Entry) int {
	count := 0
	for _, entry := range entries {
		if entry.Amount > 0 {
			count++
		}
	}
	return count
}
