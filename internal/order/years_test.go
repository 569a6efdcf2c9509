package order

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

const (
	span     = 548 * testDay // 18 months
	tenYears = 3652 * testDay
)

// life is a Certificate over the years: cert-manager renews it, plan decides, and a reseller
// does it at once.
type life struct {
	t             *testing.T
	view          View
	months        int
	renewBefore   time.Duration // 0 for cert-manager's default, a third of the lifetime
	requests      int
	bought        []time.Time
	certificates  []v1alpha1.PurchasedCertificate
	shortestLived time.Duration
}

func newLife(t *testing.T, validity time.Duration, months int, renewBefore time.Duration) *life {
	l := &life{t: t, view: liveView(), months: months, renewBefore: renewBefore, shortestLived: validity}
	l.view.Issuer.Profile.MaxValidity = validity
	if renewBefore > 0 {
		l.view.Order.Spec.Request.RenewBefore = &metav1.Duration{Duration: renewBefore}
	}
	return l
}

// due reports whether cert-manager asks for a certificate: none is there, or it is time to
// renew. A renewBefore that isn't shorter than the certificate's life is ignored
// (cert-manager, pkg/util/pki, RenewalTime).
func (l *life) due() bool {
	if len(l.certificates) == 0 {
		return true
	}
	present := l.certificates[len(l.certificates)-1]
	lifetime := present.NotAfter.Sub(present.IssuedAt.Time)
	before := l.renewBefore
	if before == 0 || before >= lifetime {
		before = lifetime / 3
	}
	return !l.view.Now.Before(present.NotAfter.Add(-before))
}

// live lets a day after the other pass.
func (l *life) live(span time.Duration) {
	for begin := l.view.Now; l.view.Now.Sub(begin) < span; l.view.Now = l.view.Now.Add(testDay) {
		if l.due() {
			l.ask()
		}
	}
}

// ask has a new request served.
func (l *life) ask() {
	l.t.Helper()
	l.requests++
	word := fmt.Sprint(l.requests)
	request := l.view.Order.Spec.Request
	request.CSR, request.CSRDigest = []byte("csr-"+word), csrDigest(word)
	p, hold := plan(l.view)
	require.Nil(l.t, hold)
	require.Equal(l.t, request.CSRDigest, p.CSRDigest)
	switch p.Operation {
	case v1alpha1.OperationPurchase, v1alpha1.OperationRenew:
		l.bought = append(l.bought, l.view.Now)
		until := metav1.NewTime(l.view.Now.AddDate(0, l.months, 0))
		l.view.Purchases = append(l.view.Purchases, purchaseOf(len(l.bought), orderedFor(word), func(s *v1alpha1.ResellerPurchaseSpec) { s.PaidUntil = &until }))
	case v1alpha1.OperationReissue:
		require.Equal(l.t, l.view.Purchases[len(l.view.Purchases)-1].Name, p.Purchase)
	case v1alpha1.OperationResume:
		require.Fail(l.t, "nothing is unfinished")
	}
	l.issue(request.CSRDigest)
}

// issue delivers a certificate under the newest purchase: as long as the CA may, and no longer
// than what is paid.
func (l *life) issue(digest string) {
	spec := &l.view.Purchases[len(l.view.Purchases)-1].Spec
	lifetime := min(l.view.Issuer.Profile.MaxValidity, spec.PaidUntil.Sub(l.view.Now))
	certificate := v1alpha1.PurchasedCertificate{
		CSRDigest: digest, IssuedAt: metav1.NewTime(l.view.Now), NotAfter: metav1.NewTime(l.view.Now.Add(lifetime)), HandedOver: metav1.ConditionTrue,
	}
	if n := len(l.certificates); n > 0 {
		assert.True(l.t, certificate.NotAfter.After(l.certificates[n-1].NotAfter.Time), "each outlives the one before")
	}
	l.shortestLived = min(l.shortestLived, lifetime)
	l.certificates = append(l.certificates, certificate)
	spec.Certificates = append(spec.Certificates, certificate)
}

// TestYears follows one Certificate for 18 months, day by day, and then to the end of ten
// years for the averages. The figures stand in docs/renewal.md.
func TestYears(t *testing.T) {
	t.Parallel()
	type row struct {
		validity, months                  int // days, months
		renewBefore                       int // days, 0 for cert-manager's default
		purchases, certificates           int // in 18 months
		purchasesAYear, certificatesAYear string
		shortest                          int // days
	}
	rows := []row{
		{199, 12, 0, 2, 5, "1.1", "3.3", 99},
		{199, 12, 30, 2, 4, "1.1", "2.2", 196},
		{199, 24, 0, 1, 5, "0.6", "2.8", 198},
		{199, 24, 30, 1, 4, "0.6", "2.6", 54},
		{99, 12, 0, 2, 9, "1.2", "5.6", 99},
		{99, 12, 30, 2, 9, "1.1", "5.5", 89},
		{99, 24, 0, 1, 9, "0.6", "5.7", 70},
		{99, 24, 30, 1, 8, "0.6", "5.3", 99},
		{46, 12, 0, 2, 19, "1.1", "12.3", 24},
		{46, 12, 30, 2, 35, "1.1", "22.9", 45},
		{46, 24, 0, 1, 18, "0.6", "11.8", 46},
		{46, 24, 30, 1, 35, "0.6", "23.0", 42},
	}
	t.Log("validity  term  renewBefore | 18 months: purchases  certificates | a year: purchases  certificates | shortest")
	for _, want := range rows {
		l := newLife(t, time.Duration(want.validity)*testDay, want.months, time.Duration(want.renewBefore)*testDay)
		l.live(span)
		got := row{validity: want.validity, months: want.months, renewBefore: want.renewBefore, purchases: len(l.bought), certificates: len(l.certificates)}
		l.live(tenYears - span)
		got.purchasesAYear, got.certificatesAYear = fmt.Sprintf("%.1f", float64(len(l.bought))/10), fmt.Sprintf("%.1f", float64(len(l.certificates))/10)
		got.shortest = int(l.shortestLived / testDay)
		t.Logf("%6d d  %2d m  %9d d | %20d  %12d | %17s  %12s | %6d d", got.validity, got.months, got.renewBefore,
			got.purchases, got.certificates, got.purchasesAYear, got.certificatesAYear, got.shortest)
		assert.Equal(t, want, got)
		assert.GreaterOrEqual(t, l.shortestLived, min(defaultMinimumLifetime, l.view.Issuer.Profile.MaxValidity/2), "no chain of ever shorter certificates")
	}
}
