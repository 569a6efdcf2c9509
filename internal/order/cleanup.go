package order

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// removeRecords takes away the records that no challenge needs any more, exactly by value.
func (r *Reconciler) removeRecords(ctx context.Context, s *scope) (outcome, error) {
	status := &s.order.Status
	keep, err := r.sharedRecords(ctx, s.order)
	if err != nil {
		return outcome{}, err
	}
	// Who was replaced meanwhile must not remove what its successor has published again.
	if err := r.unchanged(ctx, s.order); err != nil {
		return outcome{}, err
	}
	var gone []v1alpha1.PublishedRecord
	failures := r.eachRecord(ctx, s, func(record *v1alpha1.PublishedRecord) bool {
		return !stillWanted(s, *record)
	}, func(ctx context.Context, hook dcv.Hook, request dcv.Request) error {
		if keep[requestKey(request)] {
			return nil
		}
		return hook.CleanUp(ctx, request)
	}, func(record *v1alpha1.PublishedRecord) { gone = append(gone, *record) })
	status.Records = slices.DeleteFunc(status.Records, func(record v1alpha1.PublishedRecord) bool {
		return slices.ContainsFunc(gone, func(o v1alpha1.PublishedRecord) bool { return sameRecord(o, record) })
	})
	if len(failures) > 0 {
		return cleanupFailed(s, failures[0]), nil
	}
	status.NextCleanupAt = nil
	if len(status.Records) > 0 {
		return goOn, nil
	}
	status.Solvers = nil
	if !s.order.DeletionTimestamp.IsZero() {
		return goOn, nil
	}
	return goOn, r.setFinalizer(ctx, s.order, false)
}

// stillWanted keeps the records of an issuance that is under way.
func stillWanted(s *scope, record v1alpha1.PublishedRecord) bool {
	return s.view.Request == RequestLive && needs(s.order, record)
}

// cleanupFailed has the rest tried again later; whatever else there is to do goes on. The
// deletion of an order isn't held up for ever: what is left is said in an event, and with it
// in the log, because a terminating namespace takes no events.
func cleanupFailed(s *scope, err error) outcome {
	status := &s.order.Status
	now := metav1.NewTime(s.view.Now)
	since := now
	for i := range status.Records {
		record := &status.Records[i]
		if stillWanted(s, *record) {
			continue
		}
		if record.CleanupSince == nil {
			record.CleanupSince = &now
			s.events = append(s.events, happening{warning: true, reason: "CleanupFailed", message: clip(fmt.Sprintf("can't remove %s %s yet, trying again: %v", record.Type, record.Name, err))})
		}
		record.CleanupMessage = clip(err.Error())
		if record.CleanupSince.Before(&since) {
			since = *record.CleanupSince
		}
	}
	age := s.view.Now.Sub(since.Time)
	next := metav1.NewTime(s.view.Now.Add(cleanupAfter(age, !s.order.DeletionTimestamp.IsZero())))
	status.NextCleanupAt = &next
	if s.order.DeletionTimestamp.IsZero() || age < cleanupGiveUp {
		return goOn
	}
	for _, record := range status.Records {
		message := clip(fmt.Sprintf("remove this %s by hand: %s %s %s (%v)", noun(record.Type), record.Name, record.Type, record.Value, err))
		s.events = append(s.events, happening{warning: true, reason: "CleanupAbandoned", message: message})
	}
	status.Records, status.NextCleanupAt = nil, nil
	return goOn
}

// sharedRecords are the records that another order still needs. Two that both are done
// don't wait for each other: each removes what is left.
func (r *Reconciler) sharedRecords(ctx context.Context, order *v1alpha1.ResellerOrder) (map[string]bool, error) {
	shared := map[string]bool{}
	for _, record := range order.Status.Records {
		key := recordKey(string(record.Type), record.Name, record.Value)
		var others v1alpha1.ResellerOrderList
		if err := r.Client.List(ctx, &others, client.MatchingFields{IndexRecord: key}); err != nil {
			return nil, fmt.Errorf("order: list orders of a record: %w", err)
		}
		for i := range others.Items {
			if other := &others.Items[i]; other.UID != order.UID && needs(other, record) {
				shared[key] = true
			}
		}
	}
	return shared, nil
}

// needs reports whether an order's issuance is under way and has a challenge for the record.
func needs(order *v1alpha1.ResellerOrder, record v1alpha1.PublishedRecord) bool {
	issuance := order.Status.Issuance
	return issuance != nil && order.DeletionTimestamp.IsZero() &&
		issuance.State != v1alpha1.OrderIssued && issuance.State != v1alpha1.OrderFailed && wanted(issuance, record)
}

// release lets an order go that is being deleted and has no records left.
func (r *Reconciler) release(ctx context.Context, order *v1alpha1.ResellerOrder) error {
	if !controllerutil.ContainsFinalizer(order, v1alpha1.FinalizerRecords) {
		return nil
	}
	return client.IgnoreNotFound(r.setFinalizer(ctx, order, false))
}

func recordKey(kind, name, value string) string { return digest(kind, name, value) }
