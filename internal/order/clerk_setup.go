package order

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Clerk is who carries out what people ask of purchases, beside the orders.
func (r *Reconciler) Clerk() *Clerk { return &Clerk{orders: r} }

// setupClerk registers the clerk beside the orders.
func (r *Reconciler) setupClerk(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).
		Named("purchase").
		For(&v1alpha1.ResellerPurchase{}, builder.WithPredicates(predicate.NewPredicateFuncs(commanded))).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency}).
		Complete(r.Clerk())
	if err != nil {
		return fmt.Errorf("order: set up the clerk: %w", err)
	}
	return nil
}

// commanded lets only purchases through for which a person has asked something.
func commanded(object client.Object) bool {
	p := object.(*v1alpha1.ResellerPurchase)
	return p.Spec.Command != nil || openCommand(p)
}
