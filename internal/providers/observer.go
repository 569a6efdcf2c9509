package providers

import (
	"context"
	"time"
)

// Observer learns of each request to a reseller, for metrics and traces. It is called by
// many goroutines and must not block.
type Observer interface {
	// Requested is called after a request, with the context of the call.
	Requested(ctx context.Context, exchange Exchange)
}

// Exchange is one request and what came of it. It has no URL, no header and no body: those
// carry credentials.
type Exchange struct {
	// Provider and Operation are those of the [Call], words of the provider's code.
	Provider, Operation string
	// OneShot marks a request with an effect that can't be repeated.
	OneShot      bool
	Began, Ended time.Time
	// Status is the HTTP status, 0 where no answer came completely.
	Status int
	// Err is what [Do] returned: what the answer means to the provider isn't in it.
	Err error
}
