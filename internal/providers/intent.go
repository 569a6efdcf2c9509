package providers

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// IntentLifetime is how long after it was written an intent may still be sent. A
// replica that takes over waits longer than this before it concludes anything.
const IntentLifetime = 10 * time.Second

// ErrIntentSpent is returned by [Intent.Spend] when the call must not be made.
var ErrIntentSpent = errors.New("intent is spent or too old")

// Intent is the permission for exactly one call that can't be repeated. Only the
// ledger makes one, after it has stored the intent in the Kubernetes API; a test
// of the order package scans the code for any other use of [NewIntent].
type Intent struct {
	name      string
	reference string
	kind      OperationKind
	written   time.Time
	now       func() time.Time
	spent     atomic.Bool
}

// NewIntent is for the ledger. Name identifies the stored object and operation,
// reference is the client reference to send where the API has one, and written is
// the reading of now just before the object was stored, with its monotonic part.
func NewIntent(kind OperationKind, name, reference string, written time.Time, now func() time.Time) *Intent {
	return &Intent{name: name, reference: reference, kind: kind, written: written, now: now}
}

// Reference is the client reference to send.
func (i *Intent) Reference() string { return i.reference }

// Name identifies the stored intent in messages.
func (i *Intent) Name() string { return i.name }

// Spend must be called by a provider right before the request with the effect leaves.
// It succeeds once, for the right kind of call, within IntentLifetime.
func (i *Intent) Spend(kind OperationKind) error {
	if i == nil {
		return fmt.Errorf("no intent: %w", ErrIntentSpent)
	}
	if kind != i.kind {
		return fmt.Errorf("intent %s is for %s, not %s: %w", i.name, i.kind, kind, ErrIntentSpent)
	}
	if age := i.now().Sub(i.written); age < 0 || age > IntentLifetime {
		return fmt.Errorf("intent %s is %s old: %w", i.name, age.Round(time.Second), ErrIntentSpent)
	}
	if i.spent.Swap(true) {
		return fmt.Errorf("intent %s was sent before: %w", i.name, ErrIntentSpent)
	}
	return nil
}

// Spent reports whether the call was or may have been made.
func (i *Intent) Spent() bool { return i != nil && i.spent.Load() }
