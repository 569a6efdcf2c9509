package order

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// CancelUnissued has what is paid and has no certificate cancelled, because the order was
// deleted and the issuer's deletion policy says so.
type CancelUnissued struct{}

func (CancelUnissued) action() {}

// unissued are the purchases of this cluster that are paid and have no certificate.
func unissued(v View) []string {
	var names []string
	for i := range v.Purchases {
		p := &v.Purchases[i]
		if p.Spec.State == v1alpha1.PurchaseBought && len(p.Spec.Certificates) == 0 && p.Spec.ClusterID == v.ClusterID {
			names = append(names, p.Name)
		}
	}
	return names
}

// guardUnissued keeps the order from vanishing unseen as long as its deletion would mean a
// cancellation. Without the issuer, what was decided before stays.
func (r *Reconciler) guardUnissued(ctx context.Context, s *scope) error {
	if !s.order.DeletionTimestamp.IsZero() {
		return nil
	}
	has := controllerutil.ContainsFinalizer(s.order, v1alpha1.FinalizerUnissued)
	wanted := has
	switch {
	case len(unissued(s.view)) == 0:
		wanted = false
	case s.view.Issuer != nil:
		wanted = s.view.Issuer.Policy.DeletionPolicy == v1alpha1.DeletionCancelUnissued
	}
	if wanted == has {
		return nil
	}
	return r.patchFinalizers(ctx, s.order, wanted, v1alpha1.FinalizerUnissued)
}

// cancelUnissued writes the cancellations into the ledger, where they are carried out whether
// the order exists or not, and lets the order go: its deletion waits for no reseller.
func (r *Reconciler) cancelUnissued(ctx context.Context, s *scope) error {
	kept, err := r.keptBecause(ctx, s.order)
	if err != nil {
		return err
	}
	for _, name := range unissued(s.view) {
		if kept != "" {
			log.FromContext(ctx).Info("not cancelled", "purchase", name, "reason", kept)
			s.note("Retained", "ResellerPurchase %s is not cancelled: %s", name, kept)
			continue
		}
		command := v1alpha1.PurchaseCommand{
			ID: "deleted-" + string(s.order.UID), Verb: v1alpha1.PurchaseCancel,
			By: fmt.Sprintf("deletion of ResellerOrder %s/%s", s.order.Namespace, s.order.Name),
		}
		command.By = command.By[:min(len(command.By), 255)]
		if err := r.Ledger.AskCommand(ctx, name, command); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		log.FromContext(ctx).Info("cancelling what is paid and has no certificate", "purchase", name)
		s.note("Cancelling", "ResellerPurchase %s, which has no certificate, is being cancelled as the issuer's spec.purchase.deletionPolicy says", name)
	}
	r.stored(ctx, s.order, s)
	r.emit(ctx, s)
	return client.IgnoreNotFound(r.patchFinalizers(ctx, s.order, false, v1alpha1.FinalizerUnissued, v1alpha1.FinalizerRecords))
}

// keptBecause says why a deletion cancels nothing: it isn't a person's decision about this
// order, or the issuer says something else by now.
func (r *Reconciler) keptBecause(ctx context.Context, order *v1alpha1.ResellerOrder) (string, error) {
	if len(order.OwnerReferences) > 0 {
		return "the order has an owner, with which it may have been deleted", nil
	}
	namespace := &corev1.Namespace{}
	switch err := r.Reader.Get(ctx, client.ObjectKey{Name: order.Namespace}, namespace); {
	case apierrors.IsNotFound(err), err == nil && !namespace.DeletionTimestamp.IsZero():
		return "its namespace is being deleted", nil
	case apierrors.IsForbidden(err):
		return "the controller may not read namespaces, so that it can't tell why the order was deleted", nil
	case err != nil:
		return "", fmt.Errorf("order: read namespace: %w", err)
	}
	supplier, err := r.Suppliers.GetUncached(ctx, order.Spec.IssuerRef)
	switch {
	case apierrors.IsNotFound(err) || errors.Is(err, ErrConfiguration):
		return "the issuer isn't usable: " + err.Error(), nil
	case err != nil:
		return "", err
	case supplier.Spec.Purchase.DeletionPolicy != v1alpha1.DeletionCancelUnissued:
		return "the issuer's spec.purchase.deletionPolicy is Retain", nil
	}
	return "", nil
}

// patchFinalizers changes nothing but finalizers; the status in memory stays.
func (r *Reconciler) patchFinalizers(ctx context.Context, order *v1alpha1.ResellerOrder, present bool, names ...string) error {
	changed := order.DeepCopy()
	before := client.MergeFromWithOptions(order.DeepCopy(), client.MergeFromWithOptimisticLock{})
	for _, name := range names {
		if present {
			controllerutil.AddFinalizer(changed, name)
		} else {
			controllerutil.RemoveFinalizer(changed, name)
		}
	}
	if err := r.Client.Patch(ctx, changed, before); err != nil {
		return fmt.Errorf("order: finalizer: %w", err)
	}
	order.Finalizers, order.ResourceVersion = changed.Finalizers, changed.ResourceVersion
	return nil
}
