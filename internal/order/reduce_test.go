package order

import (
	"context"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
)

// reducing is a client that reads as from the cache, reduced.
func (w *world) reducing() client.Client {
	return interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, o, opts...)
			if order, ok := o.(*v1alpha1.ResellerOrder); ok && err == nil {
				Reduce(order)
			}
			return err
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			err := c.List(ctx, list, opts...)
			if purchases, ok := list.(*v1alpha1.ResellerPurchaseList); ok && err == nil {
				for i := range purchases.Items {
					ledger.Reduce(&purchases.Items[i])
				}
			}
			return err
		},
		// The API server keeps the spec that it has.
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if order, ok := o.(*v1alpha1.ResellerOrder); ok {
				stored := &v1alpha1.ResellerOrder{}
				if err := c.Get(ctx, client.ObjectKeyFromObject(o), stored); err != nil {
					return err
				}
				order.Spec = stored.Spec
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	})
}

// TestReducedCacheMakesNoDifference has an order issued, delivered, reissued for another key,
// and asked again for a certificate that it delivered before, all from a reduced cache.
func TestReducedCacheMakesNoDifference(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEverything)
	w.r.Client = w.reducing()
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(testDay, func() bool { return w.order().Status.Issuance == nil })
	reduced := w.order()
	Reduce(reduced)
	require.Empty(t, reduced.Spec.Request.CSR, "nothing is left of it in the cache")
	require.NotEmpty(t, w.order().Spec.Request.CSR, "the API has it")

	// Somebody takes the certificate out of the request: it is live again.
	request := w.request()
	request.Status = cmapi.CertificateRequestStatus{Conditions: request.Status.Conditions[:1]}
	require.NoError(t, w.client.Status().Update(t.Context(), request))
	require.Equal(t, RequestLive, StateOfRequest(w.request()))
	w.run(testDay, func() bool { return w.order().Status.Certificate != nil && len(w.order().Status.Certificate.Chain) > 0 })
	assert.Equal(t, w.order().Spec.Request.CSRDigest, w.order().Status.Certificate.CSRDigest)
	w.handOver()

	w.ask("web-2", keyB)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(testDay, func() bool { return w.order().Status.Issuance == nil })
	require.Len(t, w.purchases(), 1)
	for _, p := range w.purchases() {
		assert.NotEmpty(t, p.Spec.CSR, "what is in the API is whole")
		assert.NotEmpty(t, p.Spec.Operation.CSR)
		assert.Len(t, p.Spec.Certificates, 2)
		assert.Empty(t, p.Annotations)
	}
	w.atMostOnce()
}
