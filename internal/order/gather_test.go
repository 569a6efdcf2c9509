package order

import (
	"context"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

func TestStateOfRequest(t *testing.T) {
	t.Parallel()
	condition := func(kind cmapi.CertificateRequestConditionType, status cmmeta.ConditionStatus, reason string) cmapi.CertificateRequestCondition {
		return cmapi.CertificateRequestCondition{Type: kind, Status: status, Reason: reason}
	}
	approved := condition(cmapi.CertificateRequestConditionApproved, cmmeta.ConditionTrue, "ok")
	now := metav1.NewTime(testNow)
	cases := map[string]struct {
		conditions []cmapi.CertificateRequestCondition
		deleted    *metav1.Time
		want       RequestState
	}{
		"new":         {want: RequestEnded},
		"approved":    {conditions: []cmapi.CertificateRequestCondition{approved}, want: RequestLive},
		"pending":     {conditions: []cmapi.CertificateRequestCondition{approved, condition(cmapi.CertificateRequestConditionReady, cmmeta.ConditionFalse, cmapi.CertificateRequestReasonPending)}, want: RequestLive},
		"issued":      {conditions: []cmapi.CertificateRequestCondition{approved, condition(cmapi.CertificateRequestConditionReady, cmmeta.ConditionTrue, cmapi.CertificateRequestReasonIssued)}, want: RequestReady},
		"failed":      {conditions: []cmapi.CertificateRequestCondition{approved, condition(cmapi.CertificateRequestConditionReady, cmmeta.ConditionFalse, cmapi.CertificateRequestReasonFailed)}, want: RequestEnded},
		"denied":      {conditions: []cmapi.CertificateRequestCondition{approved, condition(cmapi.CertificateRequestConditionDenied, cmmeta.ConditionTrue, "no")}, want: RequestEnded},
		"denied long": {conditions: []cmapi.CertificateRequestCondition{approved, condition(cmapi.CertificateRequestConditionReady, cmmeta.ConditionFalse, cmapi.CertificateRequestReasonDenied)}, want: RequestEnded},
		"invalid":     {conditions: []cmapi.CertificateRequestCondition{approved, condition(cmapi.CertificateRequestConditionInvalidRequest, cmmeta.ConditionTrue, "no")}, want: RequestEnded},
		"going away":  {conditions: []cmapi.CertificateRequestCondition{approved}, deleted: &now, want: RequestEnded},
	}
	for name, tc := range cases {
		cr := &cmapi.CertificateRequest{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: tc.deleted}, Status: cmapi.CertificateRequestStatus{Conditions: tc.conditions}}
		assert.Equal(t, tc.want, StateOfRequest(cr), name)
	}
}

func TestStateOfCSR(t *testing.T) {
	t.Parallel()
	kinds := func(list ...certificatesv1.RequestConditionType) (conditions []certificatesv1.CertificateSigningRequestCondition) {
		for _, kind := range list {
			conditions = append(conditions, certificatesv1.CertificateSigningRequestCondition{Type: kind})
		}
		return conditions
	}
	const approved, denied, failed = certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed
	now := metav1.NewTime(testNow)
	for want, list := range map[RequestState][]certificatesv1.CertificateSigningRequest{
		RequestLive: {{Status: certificatesv1.CertificateSigningRequestStatus{Conditions: kinds(approved)}}},
		RequestReady: {
			{Status: certificatesv1.CertificateSigningRequestStatus{Conditions: kinds(approved), Certificate: []byte("x")}},
		},
		RequestEnded: {
			{},
			{Status: certificatesv1.CertificateSigningRequestStatus{Conditions: kinds(approved, denied)}},
			{Status: certificatesv1.CertificateSigningRequestStatus{Conditions: kinds(failed, approved)}},
			{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}, Status: certificatesv1.CertificateSigningRequestStatus{Conditions: kinds(approved)}},
		},
	} {
		for i := range list {
			assert.Equal(t, want, StateOfCSR(&list[i]), "%s %d", want, i)
		}
	}
}

func TestRequestState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	order := w.order()
	state := func() RequestState {
		got, err := requestState(t.Context(), w.client, order)
		require.NoError(t, err)
		return got
	}
	assert.Equal(t, RequestLive, state())
	order.Spec.Request.UID = "recreated"
	assert.Equal(t, RequestNone, state(), "one of the same name is another one")
	order.Spec.Request.Name = "gone"
	assert.Equal(t, RequestNone, state())
	order.Spec.Request = nil
	assert.Equal(t, RequestNone, state())

	w.create(&certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{Name: "csr-1", UID: "uid-csr"}})
	order.Spec.Request = &v1alpha1.OrderRequest{Kind: v1alpha1.RequestKindCertificateSigningRequest, Name: "csr-1", UID: "uid-csr"}
	assert.Equal(t, RequestEnded, state(), "not approved")
	order.Spec.Request.UID = "recreated"
	assert.Equal(t, RequestNone, state())
	order.Spec.Request.Name = "gone"
	assert.Equal(t, RequestNone, state())
}

// The Kubernetes API is away: the error is told and nothing is decided.
func TestReadsMayFail(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(object client.Object) bool{
		"request": func(o client.Object) bool { _, ok := o.(*cmapi.CertificateRequest); return ok },
		"secret":  func(o client.Object) bool { _, ok := o.(*corev1.Secret); return ok },
		"issuer":  func(o client.Object) bool { _, ok := o.(*v1alpha1.ResellerIssuer); return ok },
		"order":   func(o client.Object) bool { _, ok := o.(*v1alpha1.ResellerOrder); return ok },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ask("web-1", keyA)
			w.restart(interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
					if breaks(o) {
						return errBroken
					}
					return c.Get(ctx, key, o, options...)
				},
			}))
			_, err := w.reconcile()
			require.ErrorIs(t, err, errBroken)
			assert.Empty(t, w.reseller.calls)
			assert.Empty(t, w.order().Status.State)
		})
	}
}

// Nothing is left to do for an order that is done, so no Secret is read either.
func TestDoneOrdersReadNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("web-1", keyA)
	w.untilState(v1alpha1.OrderIssued)
	w.handOver()
	w.run(0)
	w.restart(interceptor.NewClient(w.client.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if _, secret := o.(*corev1.Secret); secret {
				return errBroken
			}
			return c.Get(ctx, key, o, options...)
		},
	}))
	result, err := w.reconcile()
	require.NoError(t, err)
	assert.Zero(t, result.RequeueAfter)
}

func TestMissingOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	result, err := w.reconcile()
	require.NoError(t, err)
	assert.Zero(t, result)
}

// Bare requests of the cluster are served by a cluster issuer with Secrets of its own namespace.
func TestClusterIssuerServesCSRs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: "credentials"}})
	w.create(&v1alpha1.ResellerClusterIssuer{
		ObjectMeta: metav1.ObjectMeta{Name: "shop", UID: "cluster-issuer"},
		Spec: v1alpha1.ResellerClusterIssuerSpec{
			ResellerIssuerSpec: testIssuer().Spec, AllowedNamespaces: []string{"*"}, AllowedNames: []string{"*"},
		},
	})
	csr := csrPEM(t, keyA, testNames...)
	w.create(&certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "csr-1", UID: "uid-csr"},
		Spec:       certificatesv1.CertificateSigningRequestSpec{Request: csr},
		Status: certificatesv1.CertificateSigningRequestStatus{Conditions: []certificatesv1.CertificateSigningRequestCondition{
			{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue},
		}},
	})
	w.create(&v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web", UID: "order"},
		Spec: v1alpha1.ResellerOrderSpec{
			IssuerRef: v1alpha1.IssuerReference{Kind: KindClusterIssuer, Name: "shop"}, Key: testKey,
			Request: &v1alpha1.OrderRequest{
				Kind: v1alpha1.RequestKindCertificateSigningRequest, Name: "csr-1", UID: "uid-csr", CreatedAt: metav1.NewTime(testNow),
				CSR: csr, CSRDigest: digestOf(t, csr), CommonName: testNames[0], Names: testNames,
			},
		},
	})
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, KindClusterIssuer, w.purchases()[0].Spec.IssuerRef.Kind)
	assert.Contains(t, w.recorder.all(), "Issued")
}
