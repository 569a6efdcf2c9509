// Package query answers ResellerQueries: questions to a reseller that have no effect there.
package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// keptFor is how long a query lives.
	keptFor = time.Hour
	// workers answer at the same time.
	workers = 2
	// maxMessage bounds a message in the status.
	maxMessage = 1024
)

// Reconciler answers queries and removes them.
type Reconciler struct {
	Client    client.Client
	Suppliers *order.Suppliers
	Ledger    *ledger.Ledger
	Limits    *providers.Limiters
	CAA       order.CAAFactory
	// CheckSolver reports why the settings of a solver can't work.
	CheckSolver func(ctx context.Context, solver v1alpha1.Solver, secretNamespace string) error
	Now         func() time.Time
}

// SetupWithManager registers the watch.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).
		Named("query").
		For(&v1alpha1.ResellerQuery{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("query: set up: %w", err)
	}
	return nil
}

// Reconcile answers a query once, and deletes it when its time is over.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	query := &v1alpha1.ResellerQuery{}
	if err := r.Client.Get(ctx, request.NamespacedName, query); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	left := query.CreationTimestamp.Add(keptFor).Sub(r.Now())
	switch {
	case !query.DeletionTimestamp.IsZero():
		return ctrl.Result{}, nil
	case left <= 0:
		return ctrl.Result{}, client.IgnoreNotFound(r.Client.Delete(ctx, query, client.Preconditions{UID: &query.UID}))
	case query.Status.State == v1alpha1.QueryAnswered || query.Status.State == v1alpha1.QueryFailed:
		return ctrl.Result{RequeueAfter: left}, nil
	}
	status, err := r.answer(ctx, query)
	if busy, ok := errors.AsType[*busyError](err); ok {
		return ctrl.Result{RequeueAfter: busy.wait}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	now := metav1.NewTime(r.Now())
	status.AnsweredAt, status.Message = &now, clip(status.Message)
	query.Status = *status
	if err := r.Client.Status().Update(ctx, query); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return ctrl.Result{RequeueAfter: time.Second}, nil
		}
		return ctrl.Result{}, fmt.Errorf("query: write the answer: %w", err)
	}
	log.FromContext(ctx).Info("answered", "ask", query.Spec.Ask, "state", status.State)
	return ctrl.Result{RequeueAfter: left}, nil
}

// errElsewhere says that a query about a cluster issuer is in the wrong namespace.
var errElsewhere = errors.New("queries about a ResellerClusterIssuer are answered in the cluster resource namespace only")

// answer asks the reseller. What can't be answered is a status, too; an error is trouble of
// the Kubernetes API, or a *busyError.
func (r *Reconciler) answer(ctx context.Context, query *v1alpha1.ResellerQuery) (*v1alpha1.ResellerQueryStatus, error) {
	supplier, err := r.supplier(ctx, query)
	switch {
	case apierrors.IsNotFound(err) || errors.Is(err, order.ErrConfiguration) || errors.Is(err, errElsewhere):
		return unusable(query, err), nil
	case err != nil:
		return nil, err
	}
	q := &question{Reconciler: r, spec: &query.Spec, namespace: query.Namespace, supplier: supplier, limiter: limiterKey(query, supplier)}
	switch query.Spec.Ask {
	case v1alpha1.AskProducts:
		return q.products(ctx)
	case v1alpha1.AskPrice:
		return q.price(ctx)
	case v1alpha1.AskBalance:
		return q.balance(ctx)
	case v1alpha1.AskOrders:
		return q.orders(ctx)
	case v1alpha1.AskCheck:
		return q.check(ctx)
	}
	return failed(fmt.Sprintf("ask %q isn't known to this version", query.Spec.Ask)), nil
}

// supplier resolves the issuer that is asked about.
func (r *Reconciler) supplier(ctx context.Context, query *v1alpha1.ResellerQuery) (*order.Supplier, error) {
	if query.Spec.Issuer != nil {
		return r.Suppliers.Preview(ctx, query.Namespace, *query.Spec.Issuer)
	}
	ref := v1alpha1.IssuerReference{Kind: order.KindIssuer, Namespace: query.Namespace, Name: query.Spec.IssuerRef.Name}
	if query.Spec.IssuerRef.Kind == order.KindClusterIssuer {
		if query.Namespace != r.Suppliers.ClusterResourceNamespace {
			return nil, errElsewhere
		}
		ref.Kind, ref.Namespace = order.KindClusterIssuer, ""
	}
	return r.Suppliers.GetUncached(ctx, ref)
}

// limiterKey is the account, or, for an issuer that isn't applied and may name any account,
// the namespace.
func limiterKey(query *v1alpha1.ResellerQuery, supplier *order.Supplier) string {
	if query.Spec.Issuer != nil {
		return "query|" + query.Namespace
	}
	return supplier.Provider.Account().Key()
}

// unusable is the answer where the issuer can't be used: for a check that is the finding.
func unusable(query *v1alpha1.ResellerQuery, err error) *v1alpha1.ResellerQueryStatus {
	if query.Spec.Ask != v1alpha1.AskCheck || errors.Is(err, errElsewhere) {
		return failed(err.Error())
	}
	findings := &findings{}
	findings.add("issuer", v1alpha1.SeverityError, err.Error())
	return findings.status()
}

func failed(message string) *v1alpha1.ResellerQueryStatus {
	return &v1alpha1.ResellerQueryStatus{State: v1alpha1.QueryFailed, Message: message}
}

// busyError says that the account's limiter lets nobody in now.
type busyError struct{ wait time.Duration }

func (e *busyError) Error() string { return "the reseller account is busy for " + e.wait.String() }

func clip(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage-3], "") + "..."
}
