package order

import (
	"context"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// maxNote is the longest note that the events API takes.
const maxNote = 1000

// warned are reasons with which an order goes on by itself, but only after somebody has mended
// something.
var warned = map[Reason]bool{ReasonSolverFailed: true, ReasonCredentialsRefused: true}

// announceState adds events for transitions that people want to know of.
func announceState(before *v1alpha1.ResellerOrder, s *scope) {
	was, is := before.Status, s.order.Status
	if is.Waiting != nil && (was.Waiting == nil || was.Waiting.Reason != is.Waiting.Reason) && is.State != v1alpha1.OrderFailed {
		warning := is.State == v1alpha1.OrderHeld || warned[Reason(is.Waiting.Reason)]
		s.events = append(s.events, happening{warning: warning, reason: is.Waiting.Reason, message: is.Waiting.Message})
	}
	overdue := meta.FindStatusCondition(is.Conditions, v1alpha1.ConditionOverdue)
	if overdue != nil && overdue.Status == metav1.ConditionTrue && !meta.IsStatusConditionTrue(was.Conditions, v1alpha1.ConditionOverdue) {
		s.events = append(s.events, happening{warning: true, reason: "Overdue", message: overdue.Message})
	}
}

// emit sends the events of a step, on the order and on the Certificate: that is where
// people look first. The log has them, too, and keeps them longer.
func (r *Reconciler) emit(ctx context.Context, s *scope) {
	certificate := certificateOf(s.order)
	for _, e := range s.events {
		kind := corev1.EventTypeNormal
		if e.warning {
			kind = corev1.EventTypeWarning
		}
		note := strings.ToValidUTF8(e.message[:min(len(e.message), maxNote)], "")
		log.FromContext(ctx).Info(note, "reason", e.reason, "warning", e.warning)
		r.Recorder.Eventf(s.order, nil, kind, e.reason, "Supply", "%s", note)
		if certificate != nil {
			r.Recorder.Eventf(certificate, s.order, kind, e.reason, "Supply", "%s", note)
		}
	}
	s.events = nil
}

// certificateOf is enough of the Certificate to attach an event to it.
func certificateOf(order *v1alpha1.ResellerOrder) runtime.Object {
	request := order.Spec.Request
	if request == nil || request.CertificateUID == "" {
		return nil
	}
	return &cmapi.Certificate{
		TypeMeta:   metav1.TypeMeta{APIVersion: cmapi.SchemeGroupVersion.String(), Kind: cmapi.CertificateKind},
		ObjectMeta: metav1.ObjectMeta{Namespace: order.Namespace, Name: order.Spec.CertificateName, UID: request.CertificateUID},
	}
}
