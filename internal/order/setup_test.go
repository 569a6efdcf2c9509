package order

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

func TestWhoWakesAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	mine := []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: "team", Name: "web"}}}
	ctx := t.Context()
	assert.Equal(t, mine, w.r.byRequest(ctx, w.request()))
	other := w.request()
	other.UID = "other"
	assert.Empty(t, w.r.byRequest(ctx, other))
	assert.Equal(t, mine, w.r.byIssuer(KindIssuer)(ctx, w.issuer))
	assert.Empty(t, w.r.byIssuer(KindClusterIssuer)(ctx, &v1alpha1.ResellerClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}))
	assert.Equal(t, mine, byPurchase(ctx, &v1alpha1.ResellerPurchase{Spec: v1alpha1.ResellerPurchaseSpec{OrderNamespace: "team", OrderName: "web"}}))
}

func TestPurchasesChangedByPeople(t *testing.T) {
	t.Parallel()
	wakes := func(was, is v1alpha1.ResellerPurchase) bool {
		return changedByPeople().Update(event.UpdateEvent{ObjectOld: &was, ObjectNew: &is})
	}
	plain, bought := purchaseOf(1, inState(v1alpha1.PurchaseIntended)), purchaseOf(1)
	word := purchaseOf(1, func(s *v1alpha1.ResellerPurchaseSpec) {
		s.Resolution = &v1alpha1.PurchaseResolution{Absent: "Confirmed"}
	})
	moved := purchaseOf(1, func(s *v1alpha1.ResellerPurchaseSpec) { s.ClusterID = "other" })
	assert.False(t, wakes(plain, bought), "what the controller writes wakes nobody")
	assert.True(t, wakes(bought, word))
	assert.True(t, wakes(moved, bought))
	answers := func(ids ...string) specEdit {
		return func(s *v1alpha1.ResellerPurchaseSpec) {
			for _, id := range ids {
				s.Answers = append(s.Answers, v1alpha1.CommandAnswer{ID: id})
			}
		}
	}
	assert.True(t, wakes(bought, purchaseOf(1, answers("a"))), "a person asked for it")
	assert.True(t, wakes(purchaseOf(1, answers("a", "b")), purchaseOf(1, answers("b", "c"))), "the oldest answer is dropped")
	assert.False(t, wakes(purchaseOf(1, answers("a")), purchaseOf(1, answers("a"))))
	assert.True(t, wakes(bought, purchaseOf(1, inState(v1alpha1.PurchaseCancelled))))
	assert.False(t, changedByPeople().Create(event.CreateEvent{Object: &bought}))
	assert.True(t, changedByPeople().Delete(event.DeleteEvent{Object: &bought}))
	assert.False(t, changedByPeople().Generic(event.GenericEvent{Object: &bought}))
}

func TestWhoWakesTheClerk(t *testing.T) {
	t.Parallel()
	operation := func(outcome v1alpha1.OperationOutcome) specEdit {
		return func(s *v1alpha1.ResellerPurchaseSpec) {
			s.CommandOperation = &v1alpha1.PurchaseOperation{ID: "op", Outcome: outcome}
		}
	}
	for name, tc := range map[string]struct {
		edits []specEdit
		want  bool
	}{
		"nothing asked":     {nil, false},
		"asked":             {[]specEdit{func(s *v1alpha1.ResellerPurchaseSpec) { s.Command = &v1alpha1.PurchaseCommand{ID: "a"} }}, true},
		"under way":         {[]specEdit{operation(v1alpha1.OperationIntended)}, true},
		"done":              {[]specEdit{operation(v1alpha1.OperationDone)}, false},
		"a reissue is open": {[]specEdit{withOperation("2", v1alpha1.OperationIntended)}, false},
	} {
		p := purchaseOf(1, tc.edits...)
		assert.Equal(t, tc.want, commanded(&p), name)
	}
}

func TestIssuerThatIsUsableAgain(t *testing.T) {
	t.Parallel()
	issuer := func(generation int64, ready metav1.ConditionStatus) *v1alpha1.ResellerIssuer {
		i := testIssuer()
		i.Generation = generation
		i.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: ready}}
		return i
	}
	wakes := func(was, is *v1alpha1.ResellerIssuer) bool {
		return usableAgain().Update(event.UpdateEvent{ObjectOld: was, ObjectNew: is})
	}
	assert.True(t, wakes(issuer(1, "False"), issuer(1, "True")))
	assert.True(t, wakes(issuer(1, "True"), issuer(2, "True")))
	assert.False(t, wakes(issuer(1, "True"), issuer(1, "True")))
}

func TestKeys(t *testing.T) {
	t.Parallel()
	ref := v1alpha1.IssuerReference{Kind: KindIssuer, Namespace: "team", Name: "shop"}
	key := CertificateKey("team", ref, "web")
	assert.Regexp(t, "^[0-9a-f]{32}$", key)
	assert.Equal(t, key, CertificateKey("team", ref, "web"))
	others := []string{
		CertificateKey("other", ref, "web"), CertificateKey("team", ref, "api"),
		CertificateKey("team", v1alpha1.IssuerReference{Kind: KindClusterIssuer, Name: "shop"}, "web"),
		NamesKey("team", ref, []string{"web"}), NamesKey("team", ref, []string{"a", "b"}), NamesKey("team", ref, []string{"a.b"}),
	}
	for _, other := range others {
		assert.NotEqual(t, key, other)
	}
	assert.Equal(t, NamesKey("team", ref, []string{"b", "a"}), NamesKey("team", ref, []string{"a", "b"}))
	assert.Equal(t, NamesDigest([]string{"b", "a"}), NamesDigest([]string{"a", "b"}))
	assert.NotEqual(t, NamesDigest([]string{"a"}), NamesDigest([]string{"b"}))
}

func TestNamesOfOrders(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("0123456789abcdef", 2)
	for readable, want := range map[string]string{
		"web": "web-01234567", "*.Example.com": "x.example.com-01234567", "-a_b.": "a-b-01234567", "": "order-01234567", "...": "order-01234567",
		strings.Repeat("a", 100): strings.Repeat("a", 54) + "-01234567",
	} {
		got := Name(readable, key)
		assert.Equal(t, want, got)
		assert.Empty(t, validation.IsDNS1123Subdomain(got))
		assert.LessOrEqual(t, len(got), 63)
	}
}
