package ledger

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

var (
	start   = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	key     = strings.Repeat("a", 32)
	account = v1alpha1.PurchaseAccount{Reseller: "cyberssl", Endpoint: "https://api.example", Name: "shop"}
)

func fakeClient(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	return fake.NewClientBuilder().WithScheme(scheme).Build()
}

// newLedger is one process's ledger; several may share a client.
func newLedger(c client.Client) *Ledger {
	n := 0
	return &Ledger{
		Client: c, Reader: c, ClusterID: "cluster-1",
		Now:   func() time.Time { return start },
		NewID: func() string { n++; return fmt.Sprintf("op-%d", n) },
	}
}

func wanted() v1alpha1.ResellerPurchaseSpec {
	return v1alpha1.ResellerPurchaseSpec{
		Key: key, OrderNamespace: "team", OrderName: "web", Account: account, Kind: v1alpha1.PurchaseNew,
		Product: "p1", TermMonths: 12, Names: []string{"example.com"}, CSR: []byte("csr"), CSRDigest: strings.Repeat("1", 64),
		ExpectedPrice: &v1alpha1.Money{Amount: "5", Currency: "EUR"},
	}
}

func intend(t *testing.T, l *Ledger) *v1alpha1.ResellerPurchase {
	t.Helper()
	existing, err := l.ByKey(t.Context(), key)
	require.NoError(t, err)
	purchase, _, err := l.Intend(t.Context(), wanted(), existing)
	require.NoError(t, err)
	return purchase
}

func get(t *testing.T, l *Ledger, name string) v1alpha1.ResellerPurchaseSpec {
	t.Helper()
	purchase, err := l.Get(t.Context(), name)
	require.NoError(t, err)
	return purchase.Spec
}

func TestIntend(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	purchase, intent, err := l.Intend(t.Context(), wanted(), nil)
	require.NoError(t, err)
	assert.Equal(t, key+"-1", purchase.Name)
	assert.Equal(t, v1alpha1.PurchaseIntended, purchase.Spec.State)
	assert.Equal(t, "cluster-1", purchase.Spec.ClusterID)
	assert.Equal(t, start, purchase.Spec.IntendedAt.UTC())
	assert.Equal(t, purchase.Spec.Reference, intent.Reference())
	assert.Equal(t, purchase.Name, intent.Name())
	assert.LessOrEqual(t, len(purchase.Spec.Reference), 27, "references are short")
	require.ErrorIs(t, intent.Spend(providers.Renew), providers.ErrIntentSpent)
	require.NoError(t, intent.Spend(providers.Purchase))
	require.ErrorIs(t, intent.Spend(providers.Purchase), providers.ErrIntentSpent)

	byAccount, err := l.ByAccount(t.Context(), account)
	require.NoError(t, err)
	assert.Len(t, byAccount, 1)
	other := account
	other.Name = "else"
	byAccount, err = l.ByAccount(t.Context(), other)
	require.NoError(t, err)
	assert.Empty(t, byAccount)
}

func TestIntendToRenew(t *testing.T) {
	t.Parallel()
	spec := wanted()
	spec.Kind, spec.Renews = v1alpha1.PurchaseRenewal, key+"-1"
	_, intent, err := newLedger(fakeClient(t)).Intend(t.Context(), spec, nil)
	require.NoError(t, err)
	require.NoError(t, intent.Spend(providers.Renew))
}

func TestIntendCountsOn(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	references := map[string]bool{}
	for n := 1; n <= 11; n++ {
		purchase := intend(t, l)
		assert.Equal(t, fmt.Sprintf("%s-%d", key, n), purchase.Name)
		references[purchase.Spec.Reference] = true
	}
	assert.Len(t, references, 11)
	// Nothing is reused when earlier ones are gone.
	early, err := l.Get(t.Context(), key+"-3")
	require.NoError(t, err)
	require.NoError(t, l.Client.Delete(t.Context(), early))
	assert.Equal(t, key+"-12", intend(t, l).Name)
	list, err := l.ByKey(t.Context(), key)
	require.NoError(t, err)
	assert.Equal(t, key+"-12", list[len(list)-1].Name, "sorted by number and not by text")
}

// Two workers, or one with a stale list, must not both come to pay.
func TestIntendCollides(t *testing.T) {
	t.Parallel()
	c := fakeClient(t)
	one, two := newLedger(c), newLedger(c)
	list, err := one.ByKey(t.Context(), key)
	require.NoError(t, err)
	_, intent, err := one.Intend(t.Context(), wanted(), list)
	require.NoError(t, err)
	assert.NotNil(t, intent)
	_, intent, err = two.Intend(t.Context(), wanted(), list)
	assert.True(t, apierrors.IsAlreadyExists(err), "%v", err)
	assert.Nil(t, intent)
}

func TestReferencesDifferByCluster(t *testing.T) {
	t.Parallel()
	one, two := newLedger(fakeClient(t)), newLedger(fakeClient(t))
	two.ClusterID = "cluster-2"
	assert.NotEqual(t, intend(t, one).Spec.Reference, intend(t, two).Spec.Reference)
}

func reissueOf(csr string) v1alpha1.PurchaseOperation {
	return v1alpha1.PurchaseOperation{Kind: v1alpha1.PurchaseOperationReissue, CSR: []byte(csr), CSRDigest: strings.Repeat("2", 64)}
}

func bought(t *testing.T, l *Ledger) *v1alpha1.ResellerPurchase {
	t.Helper()
	name := intend(t, l).Name
	require.NoError(t, l.Bought(t.Context(), name, providers.Placed{IDs: providers.IDs{"order_id": "7"}}))
	purchase, err := l.Get(t.Context(), name)
	require.NoError(t, err)
	return purchase
}

func TestIntendOperation(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	purchase := bought(t, l)
	updated, intent, err := l.IntendOperation(t.Context(), purchase, reissueOf("csr-2"))
	require.NoError(t, err)
	assert.Nil(t, purchase.Spec.Operation, "what was read isn't changed")
	assert.Equal(t, purchase.Name+"/op-1", intent.Name())
	require.ErrorIs(t, intent.Spend(providers.Purchase), providers.ErrIntentSpent)
	require.NoError(t, intent.Spend(providers.Reissue))
	stored := get(t, l, purchase.Name)
	assert.Equal(t, v1alpha1.OperationIntended, stored.Operation.Outcome)
	assert.Len(t, stored.Reissues, 1)

	_, _, err = l.IntendOperation(t.Context(), updated, reissueOf("csr-3"))
	require.ErrorIs(t, err, ErrOpenIntent)
	_, _, err = l.IntendOperation(t.Context(), purchase, reissueOf("csr-3"))
	assert.True(t, apierrors.IsConflict(err), "a stale purchase: %v", err)
}

func TestReissuesAreBounded(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	purchase := bought(t, l)
	for range 70 {
		updated, _, err := l.IntendOperation(t.Context(), purchase, reissueOf("csr"))
		require.NoError(t, err)
		require.NoError(t, l.OperationEnded(t.Context(), purchase.Name, updated.Spec.Operation.ID, v1alpha1.OperationDone, nil, ""))
		purchase, err = l.Get(t.Context(), purchase.Name)
		require.NoError(t, err)
	}
	assert.Len(t, purchase.Spec.Reissues, 64)
}

// conflicting makes other writers come first a number of times.
type conflicting struct {
	client.Client
	left int
}

func (c *conflicting) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	if c.left > 0 {
		c.left--
		other := &v1alpha1.ResellerPurchase{}
		if err := c.Get(ctx, client.ObjectKeyFromObject(object), other); err != nil {
			return err
		}
		other.Annotations = map[string]string{"written": fmt.Sprint(c.left)}
		if err := c.Client.Update(ctx, other); err != nil {
			return err
		}
	}
	return c.Client.Update(ctx, object, options...)
}

func TestUpdateRetriesConflicts(t *testing.T) {
	t.Parallel()
	c := &conflicting{Client: fakeClient(t)}
	l := newLedger(c)
	name := intend(t, l).Name
	c.left = 2
	require.NoError(t, l.Bought(t.Context(), name, providers.Placed{IDs: providers.IDs{"order_id": "7"}}))
	assert.Zero(t, c.left)
	assert.Equal(t, v1alpha1.PurchaseBought, get(t, l, name).State)
	assert.True(t, apierrors.IsNotFound(l.Bought(t.Context(), "none", providers.Placed{})))
}

func TestSort(t *testing.T) {
	t.Parallel()
	named := func(name string, minutes int) v1alpha1.ResellerPurchase {
		k, _, _ := strings.Cut(name, "-")
		return v1alpha1.ResellerPurchase{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ResellerPurchaseSpec{
			Key: k, IntendedAt: metav1.NewMicroTime(start.Add(time.Duration(minutes) * time.Minute)),
		}}
	}
	list := []v1alpha1.ResellerPurchase{named("a-10", 1), named("a-9", 2), named("a-odd", 9)}
	Sort(list)
	assert.Equal(t, []string{"a-odd", "a-9", "a-10"}, namesOf(list))
	list = []v1alpha1.ResellerPurchase{named("b-1", 3), named("c-1", 1), named("a-1", 1)}
	Sort(list)
	assert.Equal(t, []string{"a-1", "c-1", "b-1"}, namesOf(list))
}

func namesOf(list []v1alpha1.ResellerPurchase) []string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	return names
}
