package signer

import (
	"errors"
	"fmt"
	"time"

	"github.com/cert-manager/issuer-lib/controllers/signer"

	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

const (
	// waitInterval is how often a waiting request is looked at without being woken. The
	// watch on orders makes it a safety net, and each look is an update of the request.
	waitInterval = 10 * time.Minute
	// troubleInterval is when Sign tries again after an error of the Kubernetes API or of
	// the issuer, of which no watch tells the end.
	troubleInterval = 30 * time.Second
)

// waitingError says what a request waits for.
type waitingError struct{ message string }

func (e *waitingError) Error() string { return e.message }

func waiting(format string, args ...any) error {
	return &waitingError{message: fmt.Sprintf(format, args...)}
}

// failedError says why the order can't serve the request.
type failedError struct{ message string }

func (e *failedError) Error() string { return e.message }

// asSignError is the one place in which errors become those of issuer-lib. Only what is
// certain to need another request is permanent. All else is pending, which unlike a plain
// error never becomes terminal with the age of the request. IssuerError is never used: it
// and Check would chase each other.
func asSignError(err error) error {
	if err == nil {
		return nil
	}
	var (
		unsuitable *order.UnsuitableError
		failed     *failedError
		wait       *waitingError
	)
	switch {
	case errors.As(err, &unsuitable), errors.As(err, &failed):
		return signer.PermanentError{Err: err}
	case errors.As(err, &wait):
		return signer.PendingError{Err: err, RequeueAfter: waitInterval}
	}
	return signer.PendingError{Err: fmt.Errorf("trying again by itself: %w", err), RequeueAfter: troubleInterval}
}
