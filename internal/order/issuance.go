package order

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// start begins an issuance. Challenges that were prepared for the same CSR stay.
func start(s *scope, p Plan) {
	now := metav1.NewTime(s.view.Now)
	old := s.order.Status.Issuance
	issuance := &v1alpha1.Issuance{
		RequestUID: s.order.Spec.Request.UID,
		Operation:  p.Operation, Purchase: p.Purchase,
		CSR: p.CSR, CSRDigest: p.CSRDigest, CommonName: p.CommonName, Names: p.Names,
		State: v1alpha1.OrderPreflight, Since: now, StartedAt: now,
	}
	if old != nil && old.CSRDigest == p.CSRDigest {
		issuance.StartedAt, issuance.CheckedAt = old.StartedAt, old.CheckedAt
		issuance.Method, issuance.Prepared = old.Method, old.Prepared
		issuance.Challenges, issuance.PropagatedAt = old.Challenges, old.PropagatedAt
		issuance.MethodsGivenUp, issuance.EmailResentAt = old.MethodsGivenUp, old.EmailResentAt
		issuance.Provisioned, issuance.NegativeTTL = old.Provisioned, old.NegativeTTL
		issuance.Unsuited, issuance.UnsuitedFor = old.Unsuited, old.UnsuitedFor
	}
	if p.Operation == v1alpha1.OperationResume {
		issuance.State = v1alpha1.OrderValidating
		if issuance.Method == "" {
			issuance.Method = methodOf(s.view.purchase(p.Purchase), p.CSRDigest)
		}
	}
	s.order.Status.Issuance = issuance
	clearWaiting(&s.order.Status)
	if p.Operation != v1alpha1.OperationPurchase {
		s.note("Planned", "%s", planText(p))
	}
}

// methodOf is the validation method with which a CSR was ordered.
func methodOf(p *v1alpha1.ResellerPurchase, csrDigest string) v1alpha1.DCVMethod {
	if op := p.Spec.Operation; op != nil && op.CSRDigest == csrDigest && op.Method != "" {
		return op.Method
	}
	return p.Spec.Method
}

func planText(p Plan) string {
	switch p.Operation {
	case v1alpha1.OperationReissue:
		return "reissuing under ResellerPurchase " + p.Purchase + ", which is paid for"
	case v1alpha1.OperationRenew:
		return "renewing ResellerPurchase " + p.Purchase
	case v1alpha1.OperationPurchase, v1alpha1.OperationResume:
	}
	return "going on with ResellerPurchase " + p.Purchase
}

// moveTo changes the state of the issuance; what was waited for is over.
func moveTo(s *scope, state v1alpha1.OrderState) {
	enter(s, state)
	clearWaiting(&s.order.Status)
}

// enter changes the state of the issuance.
func enter(s *scope, state v1alpha1.OrderState) {
	issuance := s.order.Status.Issuance
	if issuance.State != state {
		issuance.State, issuance.Since, issuance.Attempts = state, metav1.NewTime(s.view.Now), 0
	}
}

func clearWaiting(status *v1alpha1.ResellerOrderStatus) {
	status.Waiting, status.NextAttemptAt, status.Failures = nil, nil, 0
}

func goIdle(s *scope) {
	status := &s.order.Status
	clearWaiting(status)
	status.Issuance = nil
	status.State = v1alpha1.OrderIdle
	if status.Certificate != nil {
		status.Certificate.Chain = nil
	}
	next := metav1.NewTime(s.view.Now.Add(idleInterval))
	status.NextPollAt = &next
}

// fail ends the attempt for this request: it can't succeed, and nothing was paid.
func fail(s *scope, message string) outcome {
	moveTo(s, v1alpha1.OrderFailed)
	s.order.Status.Waiting = waiting(s, "Failed", message)
	s.events = append(s.events, happening{warning: true, reason: "Failed", message: message})
	return outcome{}
}

// heldByPlan notes a hold that next decides on afresh each time; it is over as soon as next
// says something else.
func heldByPlan(s *scope, h Hold) outcome {
	s.order.Status.Waiting = waiting(s, string(h.Reason), h.Message)
	s.order.Status.NextAttemptAt = nil
	return outcome{after: heldInterval}
}

// hold waits for a person, or for what the message says, and looks again later.
func hold(s *scope, reason Reason, message string) outcome {
	return wait(s, reason, message, heldInterval)
}

// wait notes why the order doesn't go on, and when the step is tried again.
func wait(s *scope, reason Reason, message string, after time.Duration) outcome {
	status := &s.order.Status
	status.Waiting = waiting(s, string(reason), message)
	next := metav1.NewTime(s.view.Now.Add(after))
	status.NextAttemptAt = &next
	if s.view.Issuer != nil {
		status.IssuerGeneration = s.view.Issuer.Generation
	}
	return outcome{after: after}
}

// waiting keeps the time since which the same reason holds.
func waiting(s *scope, reason, message string) *v1alpha1.Waiting {
	since := metav1.NewTime(s.view.Now)
	if old := s.order.Status.Waiting; old != nil && old.Reason == reason {
		since = old.Since
	}
	return &v1alpha1.Waiting{Reason: reason, Message: clip(message), Since: since}
}
