package order

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
)

// messages of states in which nothing special is waited for.
var messages = map[v1alpha1.OrderState]string{
	v1alpha1.OrderPreflight:  "checking names, CAA records and price before anything is bought",
	v1alpha1.OrderPublishing: "publishing validation records before anything is bought",
	v1alpha1.OrderOrdering:   "ordering at the reseller",
	v1alpha1.OrderValidating: "the CA is validating the names",
	v1alpha1.OrderIssuing:    "the CA is issuing the certificate",
	v1alpha1.OrderIssued:     "the certificate is there",
	v1alpha1.OrderIdle:       "no request; what is paid for is kept",
}

// summarise computes what people see from the working state: the one place where state,
// message and conditions are set.
func summarise(order *v1alpha1.ResellerOrder, v View, overdueAfter time.Duration) {
	status := &order.Status
	status.State = stateOf(status, v.Request)
	status.Message = messages[status.State]
	if status.Waiting != nil {
		status.Message = status.Waiting.Message
	}
	paid := newestPaid(v)
	status.PaidUntil = nil
	if paid != nil {
		status.Purchase, status.PaidUntil = paid.Name, paid.Spec.PaidUntil
	}
	set := func(kind string, on bool, reason, message string) {
		value := metav1.ConditionFalse
		if on {
			value = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: value, Reason: reason, Message: clip(message),
			ObservedGeneration: order.Generation, LastTransitionTime: metav1.NewTime(v.Now),
		})
	}
	reason := string(status.State)
	if status.Waiting != nil {
		reason = status.Waiting.Reason
	}
	set(v1alpha1.ConditionReady, hasCurrent(order), reason, status.Message)
	set(v1alpha1.ConditionHeld, status.State == v1alpha1.OrderHeld, reason, status.Message)
	set(v1alpha1.ConditionIdle, status.State == v1alpha1.OrderIdle, reason, status.Message)
	if paid != nil {
		set(v1alpha1.ConditionPaid, true, "Bought", "paid until "+day(paid.Spec.PaidUntil.Time)+" by ResellerPurchase "+paid.Name)
	} else {
		set(v1alpha1.ConditionPaid, false, "NotBought", "nothing is paid for these names")
	}
	if done, message := validated(status); message != "" {
		set(v1alpha1.ConditionValidated, done, reason, message)
	}
	setOverdue(order, v, overdueAfter, set)
}

func stateOf(status *v1alpha1.ResellerOrderStatus, request RequestState) v1alpha1.OrderState {
	switch {
	case status.Waiting != nil && holding[Reason(status.Waiting.Reason)]:
		return v1alpha1.OrderHeld
	case status.Issuance != nil:
		return status.Issuance.State
	case request == RequestNone || request == RequestEnded:
		return v1alpha1.OrderIdle
	case request == RequestReady:
		return v1alpha1.OrderIssued
	}
	return v1alpha1.OrderPreflight
}

// newestPaid is the purchase that pays now for the names of the order's request.
func newestPaid(v View) *v1alpha1.ResellerPurchase {
	for i := range slices.Backward(v.Purchases) {
		p := &v.Purchases[i]
		if request := v.Order.Spec.Request; request != nil && !slices.Equal(p.Spec.Names, request.Names) {
			continue
		}
		if pays(p, v.Now) {
			return p
		}
	}
	return nil
}

// PaidFor is the newest purchase that pays now for exactly these names, nil if there is none.
func PaidFor(purchases []v1alpha1.ResellerPurchase, names []string, now time.Time) *v1alpha1.ResellerPurchase {
	purchases = slices.Clone(purchases)
	ledger.Sort(purchases)
	for i := range slices.Backward(purchases) {
		if p := &purchases[i]; pays(p, now) && slices.Equal(p.Spec.Names, names) {
			return p
		}
	}
	return nil
}

func pays(p *v1alpha1.ResellerPurchase, now time.Time) bool {
	return p.Spec.State == v1alpha1.PurchaseBought && p.Spec.PaidUntil != nil && p.Spec.PaidUntil.After(now)
}

// hasCurrent reports whether the certificate of the served request is there.
func hasCurrent(order *v1alpha1.ResellerOrder) bool {
	request, certificate := order.Spec.Request, order.Status.Certificate
	return request != nil && certificate != nil && certificate.CSRDigest == request.CSRDigest
}

// validated is about the issuance under way; without one the last word stays.
func validated(status *v1alpha1.ResellerOrderStatus) (bool, string) {
	if status.Issuance == nil {
		return false, ""
	}
	switch status.Issuance.State {
	case v1alpha1.OrderIssuing, v1alpha1.OrderIssued:
		return true, "the CA has validated the names"
	case v1alpha1.OrderPreflight, v1alpha1.OrderPublishing, v1alpha1.OrderOrdering, v1alpha1.OrderValidating,
		v1alpha1.OrderHeld, v1alpha1.OrderFailed, v1alpha1.OrderIdle:
	}
	return false, status.Message
}

func setOverdue(order *v1alpha1.ResellerOrder, v View, after time.Duration, set func(string, bool, string, string)) {
	overdue := v.Request == RequestLive && !hasCurrent(order) && v.Now.Sub(order.Spec.Request.CreatedAt.Time) > after
	known := meta.FindStatusCondition(order.Status.Conditions, v1alpha1.ConditionOverdue)
	switch {
	case overdue:
		set(v1alpha1.ConditionOverdue, true, "WaitsLong", fmt.Sprintf("the request waits since %s: %s", order.Spec.Request.CreatedAt.UTC().Format(time.RFC3339), order.Status.Message))
	case known != nil:
		set(v1alpha1.ConditionOverdue, false, "InTime", "nothing waits longer than usual")
	}
}
