package providers

import (
	"errors"
	"fmt"
	"time"
)

// Kind tells what an error means for the order, whoever the reseller is.
type Kind string

// The kinds of errors.
const (
	// Auth: the credentials are refused.
	Auth Kind = "Auth"
	// Funds: the account's money doesn't suffice; nothing was bought.
	Funds Kind = "Funds"
	// Throttled: too many calls; RetryAfter says how long to wait.
	Throttled Kind = "Throttled"
	// Unavailable: no usable answer, and certainly no effect.
	Unavailable Kind = "Unavailable"
	// Rejected: the CA or the reseller refused an order that it had taken.
	Rejected Kind = "Rejected"
	// Invalid: the request can't succeed as it is; nothing happened.
	Invalid Kind = "Invalid"
	// NotFound: the reseller doesn't know this order.
	NotFound Kind = "NotFound"
	// Ambiguous: the call may have had its effect.
	Ambiguous Kind = "Ambiguous"
)

// Error is the only error that a provider returns.
type Error struct {
	Kind Kind
	// Provider and Operation say where, for example "cyberssl" and "buy".
	Provider  string
	Operation string
	// Field names what to change in the issuer or the Certificate, where known,
	// for example "spec.reseller.cyberssl.productID".
	Field string
	// Message is for a person: no credentials, no bodies, at most 300 bytes.
	Message string
	// RetryAfter is set with Throttled.
	RetryAfter time.Duration
	Err        error
}

// Error implements error.
func (e *Error) Error() string {
	text := e.Message
	if text == "" && e.Err != nil {
		text = e.Err.Error()
	}
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	return fmt.Sprintf("%s: %s: %s", e.Provider, e.Operation, text)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err. An error that isn't an [*Error] counts as
// Ambiguous, the kind with which nothing is ever repeated; nil has no kind.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Ambiguous
}
