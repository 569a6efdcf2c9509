package order

import (
	"context"
	"fmt"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// The fields by which the cache finds objects.
const (
	IndexPurchaseKey = "spec.key"
	IndexRequestUID  = "spec.request.uid"
	IndexIssuer      = "spec.issuerRef"
	IndexRecord      = "status.records"
	IndexFile        = "status.records.file"
)

// SetupWithManager registers indexes and watches.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	if err := AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("order").
		For(&v1alpha1.ResellerOrder{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&cmapi.CertificateRequest{}, handler.EnqueueRequestsFromMapFunc(r.byRequest)).
		Watches(&certificatesv1.CertificateSigningRequest{}, handler.EnqueueRequestsFromMapFunc(r.byRequest)).
		Watches(&v1alpha1.ResellerIssuer{}, handler.EnqueueRequestsFromMapFunc(r.byIssuer(KindIssuer)), builder.WithPredicates(usableAgain())).
		Watches(&v1alpha1.ResellerClusterIssuer{}, handler.EnqueueRequestsFromMapFunc(r.byIssuer(KindClusterIssuer)), builder.WithPredicates(usableAgain())).
		Watches(&v1alpha1.ResellerPurchase{}, handler.EnqueueRequestsFromMapFunc(byPurchase), builder.WithPredicates(changedByPeople())).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("order: set up: %w", err)
	}
	return r.setupClerk(mgr)
}

// AddIndexes registers the fields by which orders and purchases are found in the cache.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, index := range []struct {
		object client.Object
		field  string
		values client.IndexerFunc
	}{
		{&v1alpha1.ResellerPurchase{}, IndexPurchaseKey, func(o client.Object) []string { return []string{o.(*v1alpha1.ResellerPurchase).Spec.Key} }},
		{&v1alpha1.ResellerOrder{}, IndexRequestUID, requestUID},
		{&v1alpha1.ResellerOrder{}, IndexIssuer, func(o client.Object) []string { return []string{issuerKey(o.(*v1alpha1.ResellerOrder).Spec.IssuerRef)} }},
		{&v1alpha1.ResellerOrder{}, IndexRecord, recordKeys},
		{&v1alpha1.ResellerOrder{}, IndexFile, fileKeys},
	} {
		if err := indexer.IndexField(ctx, index.object, index.field, index.values); err != nil {
			return fmt.Errorf("order: index %s: %w", index.field, err)
		}
	}
	return nil
}

func requestUID(o client.Object) []string {
	if request := o.(*v1alpha1.ResellerOrder).Spec.Request; request != nil {
		return []string{string(request.UID)}
	}
	return nil
}

func recordKeys(o client.Object) []string {
	records := o.(*v1alpha1.ResellerOrder).Status.Records
	keys := make([]string, 0, len(records))
	for _, record := range records {
		keys = append(keys, recordKey(string(record.Type), record.Name, record.Value))
	}
	return keys
}

func issuerKey(ref v1alpha1.IssuerReference) string {
	return ref.Kind + "/" + ref.Namespace + "/" + ref.Name
}

func (r *Reconciler) byRequest(ctx context.Context, object client.Object) []reconcile.Request {
	return r.orders(ctx, client.MatchingFields{IndexRequestUID: string(object.GetUID())})
}

func (r *Reconciler) byIssuer(kind string) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		ref := v1alpha1.IssuerReference{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
		return r.orders(ctx, client.MatchingFields{IndexIssuer: issuerKey(ref)})
	}
}

func (r *Reconciler) orders(ctx context.Context, fields client.MatchingFields) []reconcile.Request {
	var list v1alpha1.ResellerOrderList
	if err := r.Client.List(ctx, &list, fields); err != nil {
		return nil
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

func byPurchase(_ context.Context, object client.Object) []reconcile.Request {
	spec := object.(*v1alpha1.ResellerPurchase).Spec
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: spec.OrderNamespace, Name: spec.OrderName}}}
}

// usableAgain lets changes of an issuer's settings through, and that it became ready or not:
// correcting a Secret wakes the orders that wait for it.
func usableAgain() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, okWas := e.ObjectOld.(interface{ GetConditions() []metav1.Condition })
			is, okIs := e.ObjectNew.(interface{ GetConditions() []metav1.Condition })
			return okWas && okIs && meta.IsStatusConditionTrue(was.GetConditions(), "Ready") != meta.IsStatusConditionTrue(is.GetConditions(), "Ready")
		},
	})
}

// changedByPeople lets only those changes of purchases through that the controller
// doesn't make itself.
func changedByPeople() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			return e.Object.(*v1alpha1.ResellerPurchase).Spec.State == v1alpha1.PurchaseImporting
		},
		DeleteFunc:  func(event.DeleteEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, is := e.ObjectOld.(*v1alpha1.ResellerPurchase).Spec, e.ObjectNew.(*v1alpha1.ResellerPurchase).Spec
			return is.Resolution != nil || was.ClusterID != is.ClusterID || was.Key != is.Key ||
				is.State == v1alpha1.PurchaseImporting || newestAnswer(was) != newestAnswer(is) ||
				was.State != is.State && is.State == v1alpha1.PurchaseCancelled
		},
	}
}

// newestAnswer is the id of the newest answer to a request of people.
func newestAnswer(spec v1alpha1.ResellerPurchaseSpec) string {
	if len(spec.Answers) == 0 {
		return ""
	}
	return spec.Answers[len(spec.Answers)-1].ID
}
