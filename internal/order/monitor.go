package order

import (
	"context"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Monitor follows the work on orders, for metrics and traces. It is called by all workers
// and must neither block nor change what it is given.
type Monitor interface {
	// Enter returns the context in which the calls of one step are made.
	Enter(ctx context.Context, order *v1alpha1.ResellerOrder) context.Context
	// Stored is called after the result of a step was written.
	Stored(ctx context.Context, change Change)
}

// Change is what one step made of an order.
type Change struct {
	// Before is the status before the step; Order is the order after it.
	Before *v1alpha1.ResellerOrderStatus
	Order  *v1alpha1.ResellerOrder
	// Events are the reasons of the events that are sent.
	Events []string
	At     time.Time
}

// Left is the issuance as it was, if this step took it from its state to another one.
func (c Change) Left() (v1alpha1.Issuance, bool) {
	was, is := c.Before.Issuance, c.Order.Status.Issuance
	if was == nil || is == nil || was.State == is.State || was.StartedAt.Unix() != is.StartedAt.Unix() {
		return v1alpha1.Issuance{}, false
	}
	return *was, true
}

// enter is Monitor.Enter, where there is a monitor.
func (r *Reconciler) enter(ctx context.Context, order *v1alpha1.ResellerOrder) context.Context {
	if r.Monitor == nil {
		return ctx
	}
	return r.Monitor.Enter(ctx, order)
}

// stored tells the monitor of a step, unless nothing happened.
func (r *Reconciler) stored(ctx context.Context, before *v1alpha1.ResellerOrder, s *scope) {
	if r.Monitor == nil || len(s.events) == 0 && equality.Semantic.DeepEqual(before.Status, s.order.Status) {
		return
	}
	change := Change{Before: &before.Status, Order: s.order, At: s.view.Now}
	for _, event := range s.events {
		change.Events = append(change.Events, event.reason)
	}
	r.Monitor.Stored(ctx, change)
}

// HoldingReasons are the reasons with which an order is Held, sorted.
func HoldingReasons() []Reason { return slices.Sorted(maps.Keys(holding)) }

// PassingReasons are those for which an order waits by itself, sorted.
func PassingReasons() []Reason { return slices.Sorted(slices.Values(passingReasons)) }

var passingReasons = []Reason{
	ReasonIssuerNotReady, ReasonThrottled, ReasonUnreachable, ReasonCredentialsRefused,
	ReasonAwaitingRecords, ReasonAwaitingPropagation, ReasonSolverFailed, ReasonAwaitingValidation,
	ReasonAwaitingApproval, ReasonAwaitingCertificate, ReasonRecovering, ReasonCAAUnknown,
}

// EventReasons are the reasons of events beside those for which an order waits.
func EventReasons() []string { return slices.Clone(eventReasons) }

var eventReasons = []string{
	"Adopted", "CAAParameters", "Cancelling", "CleanupAbandoned", "CleanupFailed", "EmailValidation", "Enrolled", "Failed", "FileNotSeen",
	"Imported", "Issued", "MethodChanged", "MethodChosen", "MethodLeft", "MethodNotChanged", "NameServerFails", "Overdue", "Planned",
	"Propagated", "Published", "Purchased", "Reissued", "Retained", "ValidationRequested",
}
