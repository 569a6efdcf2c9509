package signer

import (
	"context"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/cert-manager/issuer-lib/controllers/signer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

func ready(status cmmeta.ConditionStatus, reason string) func(*cmapi.CertificateRequest) {
	return func(cr *cmapi.CertificateRequest) {
		cr.Status.Conditions = append(cr.Status.Conditions, cmapi.CertificateRequestCondition{
			Type: cmapi.CertificateRequestConditionReady, Status: status, Reason: reason,
		})
	}
}

// secondRequest is two requests of one order.
type secondRequest struct {
	bare           bool
	first, second  int // ages in seconds
	change         func(*cmapi.CertificateRequest)
	remove, remake bool
	want           bool // whether the second replaces the first
	text           string
}

func (tc secondRequest) run(t *testing.T) {
	t.Parallel()
	build := newRequest
	if tc.bare {
		build = bare
	}
	first, second := build(t, "web-1", tc.first, newCSR(t)), build(t, "web-2", tc.second, newCSR(t))
	w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team), certificate(), first, second)
	w.signPending(object(first), issuer())
	if tc.change != nil {
		tc.change(first)
		require.NoError(t, w.Client.Status().Update(t.Context(), first))
	}
	if tc.remove {
		require.NoError(t, w.Client.Delete(t.Context(), first))
	}
	if tc.remake {
		again := build(t, "web-1", 0, newCSR(t))
		again.UID = "remade-uid"
		require.NoError(t, w.Client.Create(t.Context(), again))
	}
	pending := w.signPending(object(second), issuer())
	served := w.onlyOrder().Spec.Request.UID
	if tc.want {
		assert.Equal(t, second.UID, served)
		return
	}
	assert.Equal(t, first.UID, served)
	assert.Contains(t, pending.Error(), tc.text)
}

// The first request is served; what happens when the second comes?
func TestSecondRequest(t *testing.T) {
	t.Parallel()
	const wait, replace = false, true
	cases := map[string]secondRequest{
		"younger of the same Certificate": {first: 10, second: 0, want: replace},
		"older of the same Certificate":   {first: 0, second: 10, want: wait, text: "behind CertificateRequest web-1, which is younger"},
		"same second, greater UID":        {first: 5, second: 5, want: replace},
		"bare":                            {bare: true, first: 10, second: 0, want: wait, text: "behind CertificateRequest web-1, which is served first"},
		"bare, first issued":              {bare: true, change: ready(cmmeta.ConditionTrue, cmapi.CertificateRequestReasonIssued), want: replace},
		"bare, first failed":              {bare: true, change: ready(cmmeta.ConditionFalse, cmapi.CertificateRequestReasonFailed), want: replace},
		"bare, first pending":             {bare: true, change: ready(cmmeta.ConditionFalse, cmapi.CertificateRequestReasonPending), want: wait},
		"bare, first denied": {bare: true, change: func(cr *cmapi.CertificateRequest) {
			cr.Status.Conditions[0].Type = cmapi.CertificateRequestConditionDenied
		}, want: replace},
		"bare, first gone":       {bare: true, remove: true, want: replace},
		"bare, first made again": {bare: true, remove: true, remake: true, want: replace},
		"older, first issued": {
			first: 0, second: 10, change: ready(cmmeta.ConditionTrue, cmapi.CertificateRequestReasonIssued),
			want: wait, text: "behind CertificateRequest web-1, which is younger",
		},
		"older, first failed":   {first: 0, second: 10, change: ready(cmmeta.ConditionFalse, cmapi.CertificateRequestReasonFailed), want: replace},
		"younger, first issued": {first: 10, second: 0, change: ready(cmmeta.ConditionTrue, cmapi.CertificateRequestReasonIssued), want: replace},
		"older, first gone":     {first: 0, second: 10, remove: true, want: replace},
	}
	for name, tc := range cases {
		t.Run(name, tc.run)
	}
}

// Two requests of one second must not take the order from each other in turns.
func TestYoungerIsAnOrder(t *testing.T) {
	t.Parallel()
	a, b := &v1alpha1.OrderRequest{UID: "a"}, &v1alpha1.OrderRequest{UID: "b"}
	assert.True(t, younger(b, a))
	assert.False(t, younger(a, b))
	assert.False(t, younger(a, a))
}

func TestKubernetesCSRsTakeTurns(t *testing.T) {
	t.Parallel()
	first, second := kubernetesCSR("one", newCSR(t)), kubernetesCSR("two", newCSR(t))
	w := newWorld(t, interceptor.Funcs{}, clusterIssuer(), secret(resource), first, second)
	sign := func(csr *certificatesv1.CertificateSigningRequest) error {
		_, err := w.Sign(t.Context(), signer.CertificateRequestObjectFromCertificateSigningRequest(csr), clusterIssuer())
		return err
	}
	require.ErrorContains(t, sign(first), "nothing is ordered yet")
	require.ErrorContains(t, sign(second), "behind CertificateSigningRequest one")
	first.Status.Certificate = []byte("certificate")
	require.NoError(t, w.Client.Status().Update(t.Context(), first))
	require.ErrorContains(t, sign(second), "nothing is ordered yet")
	assert.Equal(t, second.UID, w.onlyOrder().Spec.Request.UID)
}

func TestWaitersAreWokenOnce(t *testing.T) {
	t.Parallel()
	first, second := bare(t, "web-1", 10, newCSR(t)), bare(t, "web-2", 0, newCSR(t))
	w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team), first, second)
	w.signPending(object(first), issuer())
	w.signPending(object(second), issuer())

	request := func(name string) reconcile.Request {
		return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: team, Name: name}}
	}
	o := w.onlyOrder()
	assert.Empty(t, w.requestsOf(v1alpha1.RequestKindCertificateSigningRequest)(t.Context(), o))
	wake := w.requestsOf(v1alpha1.RequestKindCertificateRequest)
	assert.ElementsMatch(t, []reconcile.Request{request("web-1"), request("web-2")}, wake(t.Context(), o))
	assert.Equal(t, []reconcile.Request{request("web-1")}, wake(t.Context(), o))
	assert.Empty(t, w.waiters.byOrder)
}

func TestRacesForAnOrder(t *testing.T) {
	t.Parallel()
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "resellerorders"}, "web", errAPI)
	exists := apierrors.NewAlreadyExists(schema.GroupResource{Resource: "resellerorders"}, "web")
	cases := map[string]struct {
		conflicts, existing int
		served              types.UID
	}{
		"none":               {served: "web-2-uid"},
		"one conflict":       {conflicts: 1, served: "web-2-uid"},
		"created meanwhile":  {existing: 1, served: "web-2-uid"},
		"conflict for ever":  {conflicts: 100, served: "web-1-uid"},
		"all but the last":   {conflicts: maxAttempts - 1, served: "web-2-uid"},
		"one too many":       {conflicts: maxAttempts, served: "web-1-uid"},
		"creations for ever": {existing: 100},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			funcs := interceptor.Funcs{
				Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if tc.existing--; tc.existing >= 0 {
						return exists
					}
					return c.Create(ctx, o, opts...)
				},
				Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
					if tc.conflicts--; tc.conflicts >= 0 {
						return conflict
					}
					return c.Update(ctx, o, opts...)
				},
			}
			first, second := newRequest(t, "web-1", 10, newCSR(t)), newRequest(t, "web-2", 0, newCSR(t))
			w := newWorld(t, funcs, issuer(), secret(team), certificate(), first, second)
			w.signPending(object(first), issuer())
			w.signPending(object(second), issuer())
			if tc.served == "" {
				assert.Empty(t, w.orders())
				return
			}
			assert.Equal(t, tc.served, w.onlyOrder().Spec.Request.UID)
		})
	}
}
