package signer

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/cert-manager/issuer-lib/controllers/signer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// An issuer that buys for each renewal says so, and how often that is; when it doesn't any
// more, it says that too.
func TestEveryRenewalIsBoughtIsSaid(t *testing.T) {
	t.Parallel()
	i := readyIssuer()
	i.Spec.Purchase.Reissue = v1alpha1.ReissueNever
	w := newWorld(t, interceptor.Funcs{}, i.DeepCopy(), secret(team))
	w.provider.profile.MaxValidity = 199 * 24 * time.Hour
	require.NoError(t, w.Check(t.Context(), i))
	assert.Equal(t, "False/EveryRenewalIsBought", w.stored()[v1alpha1.IssuerReusesPaidTerm])
	assert.Equal(t, []string{"Warning EveryRenewalIsBought every renewal is a purchase, about 3 a year for each Certificate: spec.purchase.reissue is Never"}, drain(w.events))

	i = readyIssuer(condition(v1alpha1.IssuerReusesPaidTerm, metav1.ConditionFalse, "EveryRenewalIsBought"))
	w = newWorld(t, interceptor.Funcs{}, i.DeepCopy(), secret(team))
	require.NoError(t, w.Check(t.Context(), i))
	assert.Equal(t, "True/Reissues", w.stored()[v1alpha1.IssuerReusesPaidTerm])
	assert.Empty(t, drain(w.events))
}

// An issuer's other product applies from the next purchase: a request that would be reissued
// under the paid one isn't judged by it.
func TestSignJudgesByThePaidProduct(t *testing.T) {
	t.Parallel()
	names := []string{"a.example.com", "b.example.com", "example.com"}
	pair := newCSR(t, func(r *x509.CertificateRequest) { r.DNSNames = names })
	key := order.CertificateKey(team, v1alpha1.IssuerReference{Kind: order.KindIssuer, Namespace: team, Name: "issuer"}, "web")
	paid := func(edit func(*v1alpha1.ResellerPurchaseSpec)) *v1alpha1.ResellerPurchase {
		until := metav1.NewTime(now.Add(time.Hour))
		p := &v1alpha1.ResellerPurchase{
			ObjectMeta: metav1.ObjectMeta{Name: key + "-1", Labels: map[string]string{v1alpha1.LabelOrderKey: key}},
			Spec:       v1alpha1.ResellerPurchaseSpec{Key: key, Names: names, Product: "p0", State: v1alpha1.PurchaseBought, PaidUntil: &until},
		}
		edit(&p.Spec)
		return p
	}
	cases := map[string]struct {
		edit    func(*v1alpha1.ResellerPurchaseSpec)
		refused bool
	}{
		"paid":         {func(*v1alpha1.ResellerPurchaseSpec) {}, false},
		"same product": {func(s *v1alpha1.ResellerPurchaseSpec) { s.Product = "p1" }, true},
		"other names":  {func(s *v1alpha1.ResellerPurchaseSpec) { s.Names = names[:2] }, true},
		"over":         {func(s *v1alpha1.ResellerPurchaseSpec) { s.PaidUntil = &metav1.Time{Time: now} }, true},
		"given up":     {func(s *v1alpha1.ResellerPurchaseSpec) { s.State = v1alpha1.PurchaseGivenUp }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cr := newRequest(t, "web-1", 0, pair)
			w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team), certificate(), cr, paid(tc.edit))
			_, err := w.Sign(t.Context(), object(cr), issuer())
			if tc.refused {
				require.ErrorAs(t, err, &signer.PermanentError{})
				assert.Contains(t, err.Error(), "there are 3 names and product p1 takes 2")
				return
			}
			require.ErrorAs(t, err, &signer.PendingError{})
			assert.Len(t, w.orders(), 1)
		})
	}
}
