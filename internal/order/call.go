package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// errBusy says that the account's limiter lets nobody in now.
var errBusy = errors.New("account is busy")

type busyError struct{ wait time.Duration }

func (e *busyError) Error() string { return fmt.Sprintf("%v for %s", errBusy, e.wait) }
func (e *busyError) Unwrap() error { return errBusy }

// call makes one call to the reseller within the account's limits and a time-out. It
// never waits: a busy account is a busyError.
func (r *Reconciler) call(ctx context.Context, s *scope, do func(context.Context) error) error {
	key := s.supplier.Provider.Account().Key()
	release, wait := r.Limits.Reserve(key)
	if release == nil {
		return &busyError{wait: wait}
	}
	ctx, cancel := context.WithTimeout(ctx, s.view.Issuer.Profile.CallTimeout)
	defer cancel()
	err := do(ctx)
	release(err)
	return err
}

// callFailed turns the error of a call that had no effect into what the order does next.
func callFailed(s *scope, err error) outcome {
	if busy, ok := errors.AsType[*busyError](err); ok {
		return outcome{after: max(busy.wait, 100*time.Millisecond)}
	}
	status := &s.order.Status
	if _, ok := errors.AsType[*settingsError](err); ok {
		return hold(s, ReasonIssuerNotReady, "nothing was bought, the reseller doesn't take the issuer's settings: "+err.Error())
	}
	status.Failures++
	retry := retryInterval(status.Failures)
	provider, _ := errors.AsType[*providers.Error](err)
	switch providers.KindOf(err) {
	case providers.Invalid:
		if unpaid(s) {
			return fail(s, err.Error())
		}
	case providers.Auth:
		return wait(s, ReasonCredentialsRefused, "the reseller refuses the credentials: correct the issuer's Secret; "+err.Error(), max(retry, time.Minute))
	case providers.Funds:
		return wait(s, ReasonInsufficientFunds, "the reseller account lacks money: top it up; "+err.Error(), heldInterval<<min(status.Failures-1, 4))
	case providers.Throttled:
		return wait(s, ReasonThrottled, "the reseller asks to slow down; going on by itself; "+err.Error(), max(retry, provider.RetryAfter))
	case providers.Rejected:
		return hold(s, ReasonOrderRejected, err.Error())
	case providers.NotFound:
		return hold(s, ReasonOrderLost, "the reseller doesn't know the order any more: look it up in the reseller's panel; "+err.Error())
	case providers.Unavailable, providers.Ambiguous:
	}
	return wait(s, ReasonUnreachable, "the reseller gives no usable answer; going on by itself; "+err.Error(), retry)
}

// unpaid reports whether nothing was or may have been paid for the issuance: only then may
// it fail, because a failed request loses its key.
func unpaid(s *scope) bool {
	issuance := s.order.Status.Issuance
	if issuance == nil || len(s.view.Watches) > 0 {
		return false
	}
	switch issuance.State {
	case v1alpha1.OrderPreflight, v1alpha1.OrderPublishing, v1alpha1.OrderOrdering:
		return true
	case v1alpha1.OrderValidating, v1alpha1.OrderIssuing, v1alpha1.OrderIssued, v1alpha1.OrderHeld, v1alpha1.OrderFailed, v1alpha1.OrderIdle:
	}
	return false
}
