package signer

import (
	"fmt"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// Nothing is bought for a request whose Certificate can't be read back.
func TestSignBelievesNoOwner(t *testing.T) {
	t.Parallel()
	deleted := certificate()
	deleted.DeletionTimestamp, deleted.Finalizers = &metav1.Time{Time: now}, []string{"test/wait"}
	remade := certificate()
	remade.UID = "another-uid"
	cases := map[string][]client.Object{
		"gone":          nil,
		"being deleted": {deleted},
		"made again":    {remade},
	}
	for name, objects := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cr := newRequest(t, "web-1", 0, newCSR(t))
			w := newWorld(t, interceptor.Funcs{}, append([]client.Object{issuer(), secret(team), cr}, objects...)...)
			pending := w.signPending(object(cr), issuer())
			assert.Contains(t, pending.Error(), "Certificate web, which owns this request, is gone")
			assert.Empty(t, w.orders())
		})
	}
}

func TestSignIgnoresRequestsBeingDeleted(t *testing.T) {
	t.Parallel()
	cr := newRequest(t, "web-1", 0, newCSR(t))
	cr.DeletionTimestamp, cr.Finalizers = &metav1.Time{Time: now}, []string{"test/wait"}
	w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team), certificate(), cr)
	w.signPending(object(cr), issuer())
	assert.Empty(t, w.orders())
}

// Annotations and owners of other kinds make no Certificate's order.
func TestSignKeysBareRequestsByNames(t *testing.T) {
	t.Parallel()
	controller := true
	names := order.NamesKey(team, v1alpha1.IssuerReference{Kind: order.KindIssuer, Namespace: team, Name: "issuer"}, []string{"example.com"})
	cases := map[string]func(*cmapi.CertificateRequest){
		"no owner": func(cr *cmapi.CertificateRequest) {
			cr.OwnerReferences = nil
			cr.Annotations = map[string]string{cmapi.CertificateNameKey: "web"}
		},
		"other kind": func(cr *cmapi.CertificateRequest) { cr.OwnerReferences[0].Kind = "Deployment" },
		"other group": func(cr *cmapi.CertificateRequest) {
			cr.OwnerReferences[0].APIVersion = "cert-manager.io.example.com/v1"
			cr.OwnerReferences[0].Controller = &controller
		},
		"not the controller": func(cr *cmapi.CertificateRequest) { cr.OwnerReferences[0].Controller = nil },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cr := newRequest(t, "web-1", 0, newCSR(t))
			change(cr)
			w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team), certificate(), cr)
			w.signPending(object(cr), issuer())
			made := w.onlyOrder()
			assert.Equal(t, names, made.Spec.Key)
			assert.Empty(t, made.Spec.CertificateName)
			assert.Empty(t, made.Spec.Request.CertificateUID)
		})
	}
}

func TestSignLeavesForeignOrdersAlone(t *testing.T) {
	t.Parallel()
	cr := newRequest(t, "web-1", 0, newCSR(t))
	w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team), certificate(), cr)
	w.signPending(object(cr), issuer())
	o := w.onlyOrder()
	require.NoError(t, w.Client.Delete(t.Context(), o))
	foreign := &v1alpha1.ResellerOrder{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name}}
	foreign.Spec.Key = "0123456789abcdef0123456789abcdef"
	require.NoError(t, w.Client.Create(t.Context(), foreign))

	pending := w.signPending(object(cr), issuer())
	assert.Contains(t, pending.Error(), "another spec.key")
	assert.Nil(t, w.onlyOrder().Spec.Request)
}

func TestSignWaitsForADeletedOrder(t *testing.T) {
	t.Parallel()
	cr := newRequest(t, "web-1", 0, newCSR(t))
	w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team), certificate(), cr)
	w.signPending(object(cr), issuer())
	o := w.onlyOrder()
	o.Finalizers = []string{v1alpha1.FinalizerRecords}
	require.NoError(t, w.Client.Update(t.Context(), o))
	require.NoError(t, w.Client.Delete(t.Context(), o))
	assert.Contains(t, w.signPending(object(cr), issuer()).Error(), "being deleted")
}

func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 100 {
		many[fmt.Sprintf("label-%03d", i)] = "x"
	}
	kept := firstLabels(many)
	assert.Len(t, kept, maxLabels)
	assert.Contains(t, kept, "label-000")
	assert.NotContains(t, kept, "label-099")
}
