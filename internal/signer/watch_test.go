package signer

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

func TestWhatWakesSign(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*v1alpha1.ResellerOrder)
		want   bool
	}{
		"nothing":     {change: func(*v1alpha1.ResellerOrder) {}},
		"metadata":    {change: func(o *v1alpha1.ResellerOrder) { o.Labels = map[string]string{"a": "b"} }},
		"bookkeeping": {change: func(o *v1alpha1.ResellerOrder) { o.Status.NextPollAt = &metav1.Time{Time: now} }},
		"state":       {change: func(o *v1alpha1.ResellerOrder) { o.Status.State = v1alpha1.OrderIssued }, want: true},
		"message":     {change: func(o *v1alpha1.ResellerOrder) { o.Status.Message = "new" }, want: true},
		"request":     {change: func(o *v1alpha1.ResellerOrder) { o.Spec.Request = &v1alpha1.OrderRequest{UID: "b"} }, want: true},
		"no request":  {change: func(o *v1alpha1.ResellerOrder) { o.Spec.Request = nil }, want: true},
		"certificate": {change: func(o *v1alpha1.ResellerOrder) { o.Status.Certificate.CSRDigest = "new" }, want: true},
		"handed over": {change: func(o *v1alpha1.ResellerOrder) { o.Status.Certificate.RequestUID = "b" }, want: true},
		"dropped":     {change: func(o *v1alpha1.ResellerOrder) { o.Status.Certificate.Chain = nil }, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			was := &v1alpha1.ResellerOrder{
				Spec:   v1alpha1.ResellerOrderSpec{Request: &v1alpha1.OrderRequest{UID: "a"}},
				Status: v1alpha1.ResellerOrderStatus{Certificate: &v1alpha1.OrderCertificate{CSRDigest: "old", RequestUID: "a", Chain: []byte("chain")}},
			}
			is := was.DeepCopy()
			tc.change(is)
			assert.Equal(t, tc.want, onlyUpdates(true, matters).Update(event.UpdateEvent{ObjectOld: was, ObjectNew: is}))
		})
	}
}

func TestOnlyUpdates(t *testing.T) {
	t.Parallel()
	o := &v1alpha1.ResellerOrder{}
	p := onlyUpdates(true, matters)
	assert.False(t, p.Create(event.CreateEvent{Object: o}), "a start looks at all requests anyway")
	assert.False(t, p.Generic(event.GenericEvent{Object: o}))
	assert.True(t, p.Delete(event.DeleteEvent{Object: o}), "an order that a person deleted is made again")
	assert.False(t, onlyUpdates(false, matters).Delete(event.DeleteEvent{Object: o}))
	assert.False(t, p.Update(event.UpdateEvent{ObjectOld: o, ObjectNew: &corev1.Secret{}}))
}

func TestRequestOfAKubernetesCSR(t *testing.T) {
	t.Parallel()
	o := &v1alpha1.ResellerOrder{ObjectMeta: metav1.ObjectMeta{Namespace: resource, Name: "order"}}
	o.Spec.Request = &v1alpha1.OrderRequest{Kind: v1alpha1.RequestKindCertificateSigningRequest, Name: "direct"}
	s := &Signer{}
	assert.Equal(t, []reconcile.Request{{NamespacedName: types.NamespacedName{Name: "direct"}}},
		s.requestsOf(v1alpha1.RequestKindCertificateSigningRequest)(t.Context(), o))
	assert.Empty(t, s.requestsOf(v1alpha1.RequestKindCertificateRequest)(t.Context(), o))
}

func TestIssuerOfAnOrder(t *testing.T) {
	t.Parallel()
	o := &v1alpha1.ResellerOrder{}
	o.Spec.IssuerRef = v1alpha1.IssuerReference{Kind: order.KindIssuer, Namespace: team, Name: "issuer"}
	assert.Equal(t, []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: team, Name: "issuer"}}}, issuerOf(order.KindIssuer)(t.Context(), o))
	assert.Empty(t, issuerOf(order.KindClusterIssuer)(t.Context(), o))
}

// A Secret wakes the issuers that name it, by credentials or in a solver, where it applies.
func TestSecretWakesIssuers(t *testing.T) {
	t.Parallel()
	solved := issuer()
	solved.Name, solved.UID = "solved", "solved-uid"
	solved.Spec.DCV.Solvers = []v1alpha1.Solver{
		{Manual: &v1alpha1.SolverManual{}},
		{RFC2136: &v1alpha1.SolverRFC2136{}},
		{RFC2136: &v1alpha1.SolverRFC2136{TSIGSecretSecretRef: &v1alpha1.SecretKeyReference{Name: "tsig", Key: "key"}}},
	}
	w := newWorld(t, interceptor.Funcs{}, issuer(), solved, clusterIssuer())
	named := func(namespace, name string) []string {
		var woken []string
		object := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		for _, kind := range []string{order.KindIssuer, order.KindClusterIssuer} {
			for _, request := range w.usersOf(kind)(t.Context(), object) {
				woken = append(woken, kind+" "+request.String())
			}
		}
		return woken
	}
	assert.Equal(t, []string{"ResellerIssuer team/issuer", "ResellerIssuer team/solved"}, named(team, "credentials"))
	assert.Equal(t, []string{"ResellerIssuer team/solved"}, named(team, "tsig"))
	assert.Equal(t, []string{"ResellerClusterIssuer /issuer"}, named(resource, "credentials"))
	assert.Empty(t, named("other", "credentials"))
	assert.Empty(t, named(team, "other"))
}

func TestRecheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{}, issuer(), clusterIssuer())
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	ticker := testclock.NewFakeClock(now)
	list := func(ctx context.Context) []reconcile.Request { return w.issuers(ctx, order.KindIssuer) }
	// So short that the spreading is over at once; the ticks come from the fake clock.
	const interval = 10 * time.Millisecond
	require.NoError(t, recheck(ticker, interval, list).Start(t.Context(), queue))
	require.Eventually(t, ticker.HasWaiters, 5*time.Second, time.Millisecond)
	assert.Zero(t, queue.Len())
	for range 2 {
		ticker.Step(interval)
		got, _ := queue.Get()
		assert.Equal(t, types.NamespacedName{Namespace: team, Name: "issuer"}, got.NamespacedName)
		queue.Done(got)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	request := func(name string) reconcile.Request {
		return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: team, Name: name}}
	}
	seen := map[time.Duration]bool{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		delay := spread(request(name), time.Hour)
		assert.GreaterOrEqual(t, delay, time.Duration(0))
		assert.Less(t, delay, time.Hour)
		assert.Equal(t, delay, spread(request(name), time.Hour))
		seen[delay] = true
	}
	assert.Greater(t, len(seen), 3)
}
