package signer

import (
	"testing"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

func TestDenials(t *testing.T) {
	t.Parallel()
	deny := func(cr *cmapi.CertificateRequest) {
		cr.Status.Conditions[0].Type = cmapi.CertificateRequestConditionDenied
	}
	cases := map[string]struct {
		change func(*cmapi.CertificateRequest)
		marked bool
	}{
		"denied":   {change: deny, marked: true},
		"approved": {change: func(*cmapi.CertificateRequest) {}},
		"undecided": {change: func(cr *cmapi.CertificateRequest) {
			cr.Status.Conditions = nil
		}},
		"another issuer's": {change: func(cr *cmapi.CertificateRequest) {
			deny(cr)
			cr.Spec.IssuerRef.Group = "cert-manager.io"
		}},
		"failed before": {change: func(cr *cmapi.CertificateRequest) {
			deny(cr)
			ready(cmmeta.ConditionFalse, cmapi.CertificateRequestReasonFailed)(cr)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cr := bare(t, "web-1", 0, keyPair{})
			cr.Spec.IssuerRef.Group = v1alpha1.GroupVersion.Group
			tc.change(cr)
			assert.Equal(t, tc.marked, unmarkedDenial(cr))
			w := newWorld(t, interceptor.Funcs{}, cr)
			d := &denials{client: w.Client, clock: w.clock}
			request := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(cr)}
			_, err := d.Reconcile(t.Context(), request)
			require.NoError(t, err)
			require.NoError(t, w.Client.Get(t.Context(), request.NamespacedName, cr))
			got := apiutil.GetCertificateRequestCondition(cr, cmapi.CertificateRequestConditionReady)
			marked := got != nil && got.Reason == cmapi.CertificateRequestReasonDenied
			assert.Equal(t, tc.marked, marked)
			if tc.marked {
				assert.Equal(t, now, cr.Status.FailureTime.UTC())
				assert.False(t, unmarkedDenial(cr), "marked once")
			}
		})
	}
}

func TestDenialOfADeletedRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{})
	_, err := (&denials{client: w.Client, clock: w.clock}).Reconcile(t.Context(), ctrl.Request{})
	require.NoError(t, err)
}
