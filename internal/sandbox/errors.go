package sandbox

import "fmt"

// ErrorKind tells why the simulated reseller refuses something. Each protocol maps
// kinds to the error codes of its vendor.
type ErrorKind string

// The kinds of refusal.
const (
	ErrCredentials ErrorKind = "credentials"
	ErrToken       ErrorKind = "token"
	ErrParameter   ErrorKind = "parameter"
	ErrCSR         ErrorKind = "csr"
	ErrNames       ErrorKind = "names"
	ErrProduct     ErrorKind = "product"
	ErrMethod      ErrorKind = "method"
	ErrFunds       ErrorKind = "funds"
	ErrNotFound    ErrorKind = "not-found"
	ErrState       ErrorKind = "state"
)

// Error is a refusal by the simulated reseller: nothing was changed or charged.
type Error struct {
	Kind    ErrorKind
	Message string
}

// Error is the message without the kind: vendors show exactly this text.
func (e *Error) Error() string { return e.Message }

func refuse(kind ErrorKind, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}
