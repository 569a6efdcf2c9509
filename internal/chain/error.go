package chain

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Reason says why certificates can't be used. Callers choose what to do by it, never by a message.
type Reason string

// The reasons. What they mean for an order is decided by the caller.
const (
	// ReasonEmpty: no certificate at all, or nothing but CA certificates.
	ReasonEmpty Reason = "Empty"
	// ReasonWrongKey: no certificate has the key of the CSR. While a reissue runs this is
	// normally the certificate before it.
	ReasonWrongKey Reason = "WrongKey"
	// ReasonMissingNames: Error.Missing are requested names that the leaf does not cover.
	ReasonMissingNames Reason = "MissingNames"
	// ReasonNotYetValid: the validity begins at Error.ValidFrom.
	ReasonNotYetValid Reason = "NotYetValid"
	// ReasonExpired: the leaf's validity is over.
	ReasonExpired Reason = "Expired"
	// ReasonNoServerAuth: the leaf lacks the server-auth extended key usage.
	ReasonNoServerAuth Reason = "NoServerAuth"
	// ReasonIntermediatesMissing: nobody in the set issued the leaf. Error.Issuer is wanted, and
	// Error.AIA may tell where it is.
	ReasonIntermediatesMissing Reason = "IntermediatesMissing"
	// ReasonBadSignature: the issuer is there, but signature or constraints don't verify.
	ReasonBadSignature Reason = "BadSignature"
	// ReasonIsCA: the certificate with the CSR's key is a CA certificate.
	ReasonIsCA Reason = "IsCA"
	// ReasonUnparsable: the data is no certificate or CSR in any known format, or breaks a size limit.
	ReasonUnparsable Reason = "Unparsable"
)

// Error is the only error type of Parse, Build and ParseCSR.
type Error struct {
	Reason Reason
	// Serial of the certificate meant, lower-case hex; empty when there is none.
	Serial string
	// Missing lists the uncovered names of ReasonMissingNames.
	Missing []string
	// ValidFrom is the start of validity of ReasonNotYetValid.
	ValidFrom time.Time
	// Issuer is the subject that ReasonIntermediatesMissing looks for, as an RFC 2253 text.
	Issuer string
	// AIA are the leaf's issuer URLs for ReasonIntermediatesMissing, as the certificate states them.
	AIA []string
	// Message is one short line for a person: bounded, printable, without key material.
	Message string
	// Err is the cause, where there is one.
	Err error
}

// Error returns the message with the serial number in front of it.
func (e *Error) Error() string {
	if e.Serial == "" {
		return "chain: " + e.Message
	}
	return fmt.Sprintf("chain: certificate %s: %s", e.Serial, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func unparsable(format string, args ...any) *Error {
	return &Error{Reason: ReasonUnparsable, Message: printable(fmt.Sprintf(format, args...))}
}

const maxMessage = 300

// printable makes one bounded line of text that a stranger may have written: names in
// certificates can hold anything.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + "..."
}
