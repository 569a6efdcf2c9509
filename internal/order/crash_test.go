package order

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// breakage disturbs the writes of a process.
type breakage struct {
	mu     sync.Mutex
	writes int
	// at is the number of the write that fails; with applied it is made all the same and
	// only its reply lost. With dead all later writes fail as well.
	at      int
	applied bool
	dead    bool
	broke   bool
}

func (b *breakage) write(do func() error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes++
	switch {
	case b.writes == b.at:
		b.broke = true
		if b.applied {
			if err := do(); err != nil {
				return err
			}
		}
		return errBroken
	case b.dead && b.writes > b.at:
		return errBroken
	}
	return do()
}

func (b *breakage) of(c client.WithWatch) client.Client {
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			return b.write(func() error { return c.Create(ctx, o, options...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.UpdateOption) error {
			return b.write(func() error { return c.Update(ctx, o, options...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, options ...client.PatchOption) error {
			return b.write(func() error { return c.Patch(ctx, o, patch, options...) })
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, name string, o client.Object, options ...client.SubResourceUpdateOption) error {
			return b.write(func() error { return c.SubResource(name).Update(ctx, o, options...) })
		},
	})
}

// drive reconciles as the controller does, errors and all, until something is reached. A
// process that dies on the way is followed by another.
func (w *world) drive(b *breakage, reached func() bool) bool {
	for range 400 {
		result, err := w.reconcile()
		if b != nil && b.dead && b.broke && w.api != w.client {
			w.clock.advance(15 * time.Second)
			w.restart(w.client)
			continue
		}
		if reached() {
			return true
		}
		if err != nil {
			result.RequeueAfter = time.Second
		}
		w.clock.advance(max(result.RequeueAfter, time.Second))
	}
	return false
}

func (w *world) isIssued() bool { return w.state() == v1alpha1.OrderIssued }

func (w *world) isDelivered() bool {
	order := w.order()
	return len(order.Status.Certificate.Chain) == 0 && len(order.Status.Records) == 0 && len(order.Finalizers) == 0
}

// survives runs one issuance in which a write fails, and looks at what was paid. It reports
// whether there was a write to fail.
func survives(t *testing.T, b *breakage, options ...option) bool {
	t.Helper()
	w := newWorld(t, options...)
	w.ask("web-1", keyA)
	w.restart(b.of(w.client.(client.WithWatch)))
	label := fmt.Sprintf("write %d, applied %t, dead %t", b.at, b.applied, b.dead)
	require.True(t, w.drive(b, w.isIssued), "%s: %s", label, w.order().Status.Message)
	w.handOver()
	require.True(t, w.drive(b, w.isDelivered), "%s: %s", label, w.order().Status.Message)

	assert.Equal(t, 1, w.reseller.paidOrders(), label)
	w.atMostOnce()
	paid := 0
	for _, p := range w.purchases() {
		assert.NotEqual(t, v1alpha1.PurchaseIntended, p.Spec.State, label)
		if p.Spec.State == v1alpha1.PurchaseBought {
			paid++
			assert.Equal(t, metav1.ConditionTrue, p.Spec.Certificates[0].HandedOver, label)
		}
	}
	assert.Equal(t, 1, paid, label)
	assert.LessOrEqual(t, w.reseller.orders[0].enrolled, 1, label)
	assert.Empty(t, w.zone.published(), label)
	return b.broke
}

// TestEveryWriteMayFail fails each write to the Kubernetes API in turn, before and after it
// was applied, with the process going on or dead: it is paid once, and the certificate
// comes.
func TestEveryWriteMayFail(t *testing.T) {
	t.Parallel()
	lost := func(w *world) { w.reseller.plan("buy", lostAfter) }
	for name, options := range map[string][]option{
		"usual": nil, "prepared": {withEverything}, "reply lost": {lost}, "enrolled": {withEnrolment},
	} {
		for _, applied := range []bool{false, true} {
			for _, dead := range []bool{false, true} {
				if options != nil && (!dead || !applied) {
					continue // what these add is in the calls, not in how a write fails
				}
				t.Run(fmt.Sprintf("%s/applied %t/dead %t", name, applied, dead), func(t *testing.T) {
					t.Parallel()
					at := 1
					for survives(t, &breakage{at: at, applied: applied, dead: dead}, options...) {
						at++
					}
					assert.Greater(t, at, 10, "the writes of an issuance must be seen")
				})
			}
		}
	}
}

// The process knows the answer but can't store it: it does so later, without asking anybody.
func TestKnownAnswerIsStoredLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reseller.profile.AbsenceKnowable = false
	w.reseller.hidden = true
	b := &breakage{}
	w.restart(b.of(w.client.(client.WithWatch)))
	w.ask("web-1", keyA)
	// The write after the intent is that of the outcome.
	for w.reseller.count("buy") == 0 {
		b.at = b.writes + 2
		if purchases := w.purchases(); len(purchases) > 0 {
			break
		}
		s := &scope{order: w.order()}
		require.NoError(t, w.r.gather(t.Context(), s))
		if _, pays := next(s.view).(Pay); !pays {
			b.at = 0
		}
		_, err := w.r.step(t.Context(), s)
		if b.at == 0 {
			require.NoError(t, err)
		}
	}
	assert.Equal(t, []v1alpha1.PurchaseState{v1alpha1.PurchaseIntended}, w.purchaseStates())
	w.untilState(v1alpha1.OrderIssued)
	assert.Zero(t, w.reseller.count("find"))
	assert.Equal(t, 1, w.reseller.paidOrders())
}

// A status that somebody else wrote in between must lead to no second purchase.
func TestConflictOnTheStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conflicts := 0
	w.restart(interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, c client.Client, name string, o client.Object, options ...client.SubResourceUpdateOption) error {
			if conflicts < 50 && conflicts%2 == 0 {
				other := w.order()
				other.Annotations = map[string]string{"n": fmt.Sprint(conflicts)}
				if err := w.client.Update(ctx, other); err != nil {
					return err
				}
			}
			conflicts++
			return c.SubResource(name).Update(ctx, o, options...)
		},
	}))
	w.ask("web-1", keyA)
	require.True(t, w.drive(nil, w.isIssued))
	assert.Equal(t, 1, w.reseller.count("buy"))
	assert.Equal(t, 1, w.reseller.paidOrders())
}

// staleReader shows the ledger as it was a while ago, as a cache that is behind does.
type staleReader struct {
	client.Client
	ledger *v1alpha1.ResellerPurchaseList
}

func (r *staleReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if purchases, ok := list.(*v1alpha1.ResellerPurchaseList); ok && r.ledger != nil {
		r.ledger.DeepCopyInto(purchases)
		return nil
	}
	return r.Client.List(ctx, list, options...)
}

func TestStaleLedgerInTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	stale := &staleReader{Client: w.client, ledger: &v1alpha1.ResellerPurchaseList{}}
	w.r.Client = stale
	w.run(30 * time.Second)
	assert.Equal(t, 1, w.reseller.count("buy"), "the cache doesn't show the purchase")
	assert.NotEqual(t, v1alpha1.OrderHeld, w.state())
	stale.ledger = nil
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)

	// A reissue that the cache doesn't show must not look like somebody else's order.
	w.clock.advance(100 * testDay)
	stale.ledger = &v1alpha1.ResellerPurchaseList{}
	require.NoError(t, w.client.List(t.Context(), stale.ledger))
	w.ask("web-2", keyB)
	w.run(30 * time.Second)
	assert.Equal(t, 1, w.reseller.count("reissue"))
	assert.NotEqual(t, v1alpha1.OrderHeld, w.state(), w.order().Status.Message)
	stale.ledger = nil
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.paidOrders())
	assert.Equal(t, 1, w.reseller.count("reissue"))
}

// Somebody takes a record away that was published: it comes back by itself.
func TestRecordTakenAwayIsPublishedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	w.zone.invisible = true
	w.ask("web-1", keyA)
	w.untilWaiting(ReasonAwaitingPropagation)
	require.NotEmpty(t, w.zone.published())
	w.zone.records = map[string]bool{}
	w.zone.invisible = false
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 1, w.reseller.count("buy"))
}

// Two processes believe to lead at the same time.
func TestTwoLeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	one := w.r
	w.restart(w.client)
	two := w.r
	for range 300 {
		for _, r := range []*Reconciler{one, two} {
			w.r = r
			_, err := w.reconcile()
			require.NoError(t, err)
		}
		if w.state() == v1alpha1.OrderIssued {
			break
		}
		w.clock.advance(time.Second)
	}
	assert.Equal(t, v1alpha1.OrderIssued, w.state())
	assert.Equal(t, 1, w.reseller.count("buy"))
}

// Two processes with the same stale view of the ledger collide on the intent.
func TestIntentsCollide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	s := &scope{order: w.order()}
	for {
		require.NoError(t, w.r.gather(t.Context(), s))
		if _, pays := next(s.view).(Pay); pays {
			break
		}
		_, err := w.r.step(t.Context(), s)
		require.NoError(t, err)
	}
	other := purchaseOf(1, inState(v1alpha1.PurchaseIntended))
	w.create(&other)
	placed, purchase, err := w.r.payOnce(t.Context(), s, w.r.purchaseSpec(s, Pay{}), providerRequest(s))
	assert.Nil(t, purchase)
	assert.Equal(t, providers.Placed{}, placed)
	result, err := w.r.paid(t.Context(), s, purchase, placed, err)
	require.NoError(t, err)
	assert.Positive(t, result.after)
	assert.Zero(t, w.reseller.count("buy"))
}
