package signer

import (
	"fmt"
	"strings"

	issuerapi "github.com/cert-manager/issuer-lib/api/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/lru"
)

const (
	// maxNote leaves room below the API's limit of 1024 bytes.
	maxNote = 1000
	// rememberedEvents is how many repeats are recognised.
	rememberedEvents = 8192

	pendingPrefix = "Signing still in progress. Reason: "
	reasonPending = "Pending"
	reasonChecked = "Checked"
	reasonRetry   = "RetryableError"
)

// Recorder makes issuer-lib's events fit for people: waiting is Normal and said once for
// each thing that is waited for, a check is an event only if it changes something, and
// text is never a format string.
type Recorder struct {
	inner events.EventRecorder
	// last is the newest text by object and reason.
	last *lru.Cache
}

var _ events.EventRecorder = (*Recorder)(nil)

// NewRecorder wraps a recorder.
func NewRecorder(inner events.EventRecorder) *Recorder {
	return &Recorder{inner: inner, last: lru.New(rememberedEvents)}
}

type eventKey struct {
	uid    types.UID
	reason string
}

// Eventf implements events.EventRecorder. A note without args is taken literally.
func (r *Recorder) Eventf(regarding, related runtime.Object, eventType, reason, action, note string, args ...any) {
	text := note
	if len(args) > 0 {
		text = fmt.Sprintf(note, args...)
	}
	text, pending := withoutPending(text)
	if pending || reason == reasonPending {
		eventType, reason = corev1.EventTypeNormal, reasonPending
	}
	text = cut(text)
	if r.repeats(regarding, reason, text) {
		return
	}
	r.inner.Eventf(regarding, related, eventType, reason, action, "%s", text)
}

// repeats reports whether the event says nothing new, and remembers it.
func (r *Recorder) repeats(regarding runtime.Object, reason, text string) bool {
	object, err := meta.Accessor(regarding)
	if err != nil {
		return false
	}
	key := eventKey{uid: object.GetUID(), reason: reason}
	if reason == reasonChecked {
		// The trouble is over: the next one is news, even if it reads the same.
		r.last.Remove(eventKey{uid: key.uid, reason: reasonRetry})
		return wasReady(regarding)
	}
	if last, ok := r.last.Get(key); ok && last == text {
		return true
	}
	r.last.Add(key, text)
	return false
}

// wasReady reports whether an issuer, as it was read before its check, was ready.
func wasReady(object runtime.Object) bool {
	issuer, ok := object.(issuerapi.Issuer)
	return ok && meta.IsStatusConditionTrue(issuer.GetConditions(), issuerapi.IssuerConditionTypeReady)
}

// withoutPending takes issuer-lib's prefix off, which stands there twice.
func withoutPending(text string) (string, bool) {
	found := false
	for {
		rest, ok := strings.CutPrefix(text, pendingPrefix)
		if !ok {
			return text, found
		}
		text, found = rest, true
	}
}

func cut(text string) string {
	const end = "..."
	if len(text) <= maxNote {
		return text
	}
	return strings.ToValidUTF8(text[:maxNote-len(end)], "") + end
}
