package order

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
)

// onlyOne is a budget for one purchase a day.
func onlyOne(spec *v1alpha1.ResellerIssuerSpec) {
	one := int32(1)
	spec.Purchase.Budgets[0].MaxPurchases = &one
}

// beforeIntent does something right before the first intent is stored.
func (w *world) beforeIntent(do func()) {
	w.restart(interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if _, ok := o.(*v1alpha1.ResellerPurchase); ok && do != nil {
				do()
				do = nil
			}
			return c.Create(ctx, o, options...)
		},
	}))
}

// Another process, which also believes to lead, spends what was left between our count and our
// intent.
func TestBudgetSpentBeforeTheIntent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, issuerSpec(onlyOne))
	other := purchaseOf(1, func(spec *v1alpha1.ResellerPurchaseSpec) {
		spec.Key, spec.Names = "ffffffffffffffffffffffffffffffff", []string{"other.example.com"}
		spec.State, spec.IssuerRef = v1alpha1.PurchaseIntended, v1alpha1.IssuerReference{Kind: KindIssuer, Namespace: "team", Name: "shop"}
	})
	other.Name = other.Spec.Key + "-1"
	other.Labels = map[string]string{v1alpha1.LabelAccount: ledger.AccountLabel(testAccount)}
	w.beforeIntent(func() { w.create(&other) })
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonBudgetExceeded)
	assert.Zero(t, w.reseller.count("buy"))
	var own v1alpha1.ResellerPurchase
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: testKey + "-1"}, &own))
	assert.Equal(t, v1alpha1.PurchaseRefused, own.Spec.State)
	assert.Contains(t, own.Spec.Message, "nothing was sent")

	// The other one came to nothing after all.
	require.NoError(t, w.r.Ledger.Closed(t.Context(), other.Name, v1alpha1.PurchaseAbsent, ""))
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("buy"))
}

// blindLedger doesn't answer once an intent is stored.
type blindLedger struct {
	client.Reader
	blind bool
}

var errBlind = errors.New("connection refused")

func (b *blindLedger) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if b.blind {
		b.blind = false
		return errBlind
	}
	return b.Reader.List(ctx, list, options...)
}

// An intent of which this process knows that it never left is no open one.
func TestBudgetUnknownAfterTheIntent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, issuerSpec(onlyOne))
	reader := &blindLedger{Reader: w.client}
	w.beforeIntent(func() { reader.blind = true })
	w.r.Ledger.Reader = reader
	w.ask("web-1", keyA)
	var err error
	for err == nil {
		_, err = w.reconcile()
		w.clock.advance(time.Second)
	}
	require.ErrorIs(t, err, errBlind)
	assert.Zero(t, w.reseller.count("buy"))
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseRefused}, w.purchaseStates())
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Zero(t, w.reseller.count("find"))
}
