package signer

import (
	"context"
	"fmt"
	"time"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// denials marks denied requests as finished, as cert-manager asks of every issuer. issuer-lib
// means to, but looks only at requests that it has marked before
// (https://github.com/cert-manager/issuer-lib/issues/507).
type denials struct {
	client client.Client
	clock  clock.PassiveClock
}

func (d *denials) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("denial").
		For(&cmapi.CertificateRequest{}, builder.WithPredicates(predicate.NewPredicateFuncs(unmarkedDenial))).
		Complete(d)
}

// unmarkedDenial reports whether a request for one of our issuers was denied and does not
// say so in its Ready condition.
func unmarkedDenial(object client.Object) bool {
	cr, ok := object.(*cmapi.CertificateRequest)
	return ok && cr.Spec.IssuerRef.Group == v1alpha1.GroupVersion.Group &&
		apiutil.CertificateRequestIsDenied(cr) &&
		apiutil.GetCertificateRequestCondition(cr, cmapi.CertificateRequestConditionReady) == nil
}

// Reconcile implements reconcile.Reconciler.
func (d *denials) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	cr := &cmapi.CertificateRequest{}
	if err := d.client.Get(ctx, request.NamespacedName, cr); err != nil || !unmarkedDenial(cr) {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	now := d.clock.Now().UTC().Format(time.RFC3339)
	status := map[string]any{
		"failureTime": now,
		"conditions": []any{map[string]any{
			"type": string(cmapi.CertificateRequestConditionReady), "status": string(cmmeta.ConditionFalse),
			"reason": cmapi.CertificateRequestReasonDenied, "message": "the request was denied: nothing is ordered",
			"lastTransitionTime": now,
		}},
	}
	object := &unstructured.Unstructured{Object: map[string]any{"status": status}}
	object.SetGroupVersionKind(cmapi.SchemeGroupVersion.WithKind(cmapi.CertificateRequestKind))
	object.SetNamespace(cr.Namespace)
	object.SetName(cr.Name)
	err := d.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(FieldOwner), client.ForceOwnership)
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("mark denied request: %w", err)
	}
	return ctrl.Result{}, nil
}
