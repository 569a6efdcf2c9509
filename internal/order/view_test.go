package order

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	testDay     = 24 * time.Hour
	testCluster = "cluster-1"
)

var (
	testNow     = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	testKey     = strings.Repeat("a", 32)
	testAccount = v1alpha1.PurchaseAccount{Reseller: "cyberssl", Endpoint: "https://api.example", Name: "shop"}
	testNames   = []string{"example.com", "www.example.com"}
)

// csrDigest is a digest with a readable beginning.
func csrDigest(word string) string {
	return fmt.Sprintf("%x%s", word, strings.Repeat("0", 64))[:64]
}

// liveView is an order without history whose request waits, at an issuer that can do
// everything.
func liveView(edits ...func(*View)) View {
	v := View{
		Now: testNow, ClusterID: testCluster, Request: RequestLive, Watches: map[string]Watch{},
		Order: &v1alpha1.ResellerOrder{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web"},
			Spec: v1alpha1.ResellerOrderSpec{Key: testKey, Request: &v1alpha1.OrderRequest{
				Name: "web-1", UID: "request-1", CSR: []byte("csr-1"), CSRDigest: csrDigest("1"),
				CommonName: testNames[0], Names: testNames, CreatedAt: metav1.NewTime(testNow.Add(-time.Minute)),
			}},
		},
		Issuer: &IssuerFacts{
			Generation: 1, SettleTime: time.Minute, Account: testAccount,
			Policy: v1alpha1.PurchasePolicy{Mode: v1alpha1.PurchaseLive, Reissue: v1alpha1.ReissueWhenSafe},
			Profile: providers.Profile{
				Product: "p1", MaxValidity: 199 * testDay, ReissueKeepsOld: true, AbsenceKnowable: true,
				CallTimeout: 30 * time.Second, VisibilityDelay: time.Minute,
			},
			Capabilities: Capabilities{Prepare: true, Validate: true, Reissue: true, Renew: true},
		},
	}
	for _, edit := range edits {
		edit(&v)
	}
	return v
}

// purchase number n, bought an hour ago for a year and not issued yet.
func purchaseOf(n int, edits ...func(*v1alpha1.ResellerPurchaseSpec)) v1alpha1.ResellerPurchase {
	until := metav1.NewTime(testNow.Add(-time.Hour).AddDate(1, 0, 0))
	p := v1alpha1.ResellerPurchase{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", testKey, n)},
		Spec: v1alpha1.ResellerPurchaseSpec{
			Key: testKey, ClusterID: testCluster, Account: testAccount, Kind: v1alpha1.PurchaseNew,
			Names: testNames, CommonName: testNames[0], CSR: []byte("csr-1"), CSRDigest: csrDigest("1"),
			Reference: "ref", TermMonths: 12, State: v1alpha1.PurchaseBought, PaidUntil: &until,
			OrderIDs:   []v1alpha1.OrderID{{Name: "order_id", Value: fmt.Sprint(n)}},
			IntendedAt: metav1.NewMicroTime(testNow.Add(-time.Hour)),
		},
	}
	for _, edit := range edits {
		edit(&p.Spec)
	}
	return p
}

type specEdit = func(*v1alpha1.ResellerPurchaseSpec)

func inState(state v1alpha1.PurchaseState) specEdit {
	return func(spec *v1alpha1.ResellerPurchaseSpec) { spec.State = state }
}

// paidFor sets how long the paid term still lasts.
func paidFor(left time.Duration) specEdit {
	return func(spec *v1alpha1.ResellerPurchaseSpec) {
		until := metav1.NewTime(testNow.Add(left))
		spec.PaidUntil = &until
	}
}

// certified adds a certificate for a CSR that still lives for some time.
func certified(word string, left time.Duration, handedOver metav1.ConditionStatus) specEdit {
	return func(spec *v1alpha1.ResellerPurchaseSpec) {
		spec.Certificates = append(spec.Certificates, v1alpha1.PurchasedCertificate{
			CSRDigest: csrDigest(word), Serial: "0" + word, NotAfter: metav1.NewTime(testNow.Add(left)), HandedOver: handedOver,
		})
	}
}

func withOperation(word string, result v1alpha1.OperationOutcome) specEdit {
	return func(spec *v1alpha1.ResellerPurchaseSpec) {
		spec.Operation = &v1alpha1.PurchaseOperation{
			ID: "op", Kind: v1alpha1.PurchaseOperationReissue, CSR: []byte("csr-" + word), CSRDigest: csrDigest(word), Outcome: result,
		}
	}
}

func withPurchases(purchases ...v1alpha1.ResellerPurchase) func(*View) {
	return func(v *View) { v.Purchases = purchases }
}

// underWay puts an issuance for the request into a state.
func underWay(state v1alpha1.OrderState, edits ...func(*v1alpha1.Issuance)) func(*View) {
	return func(v *View) {
		request := v.Order.Spec.Request
		v.Order.Status.State = state
		v.Order.Status.Issuance = &v1alpha1.Issuance{
			RequestUID: request.UID, Operation: v1alpha1.OperationPurchase, State: state,
			CSR: request.CSR, CSRDigest: request.CSRDigest, CommonName: request.CommonName, Names: request.Names,
			Since: metav1.NewTime(testNow), StartedAt: metav1.NewTime(testNow), CheckedAt: at(0),
		}
		for _, edit := range edits {
			edit(v.Order.Status.Issuance)
		}
	}
}

// under names the purchase on which an issuance rests.
func under(n int, operation v1alpha1.Operation) func(*v1alpha1.Issuance) {
	return func(i *v1alpha1.Issuance) {
		i.Purchase, i.Operation = fmt.Sprintf("%s-%d", testKey, n), operation
	}
}

func challenged(edits ...func(*v1alpha1.OrderChallenge)) func(*v1alpha1.Issuance) {
	return func(i *v1alpha1.Issuance) {
		c := v1alpha1.OrderChallenge{Domain: "example.com", Method: v1alpha1.DCVMethodTXT, RecordName: "_dnsauth.example.com.", RecordValue: "token"}
		for _, edit := range edits {
			edit(&c)
		}
		i.Challenges = append(i.Challenges, c)
	}
}

func polledOnce(i *v1alpha1.Issuance) { i.Attempts = 1 }

func propagatedSince(age time.Duration) func(*v1alpha1.Issuance) {
	return func(i *v1alpha1.Issuance) {
		at := metav1.NewTime(testNow.Add(-age))
		i.PropagatedAt = &at
	}
}

func askedSince(age time.Duration) func(*v1alpha1.Issuance) {
	return func(i *v1alpha1.Issuance) {
		at := metav1.NewTime(testNow.Add(-age))
		i.ValidationAskedAt = &at
	}
}

func recorded(value string, presented bool) func(*View) {
	return func(v *View) {
		v.Order.Status.Records = append(v.Order.Status.Records, v1alpha1.PublishedRecord{
			Name: "_dnsauth.example.com.", Type: v1alpha1.DCVMethodTXT, Value: value, Domain: "example.com", Presented: presented,
		})
	}
}

func requestIs(state RequestState) func(*View) { return func(v *View) { v.Request = state } }

func deleted(v *View) {
	at := metav1.NewTime(testNow)
	v.Order.DeletionTimestamp = &at
}
