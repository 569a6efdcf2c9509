// Package dcv is the vocabulary of domain control validation: the records and
// files that a certificate authority looks for, the hooks that publish them,
// and the rule that picks the hook for a name.
//
// The package and everything below it know neither Kubernetes nor any reseller.
package dcv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Terminal failures of a hook. A hook wraps one of them, the caller finds it
// with errors.Is and does not call again before a person has changed something
// (a slow periodic attempt, say once an hour, is fine). The wrapping error
// names the record and says what that person should do. Any other error is
// transient.
var (
	// ErrConflict: something else occupies the name, for example another
	// CNAME. The hook never removes it.
	ErrConflict = errors.New("conflicting record")
	// ErrUnsupported: the hook or the DNS server behind it cannot publish a
	// record of this type, at this name, or with this value.
	ErrUnsupported = errors.New("not supported")
	// ErrDenied: the DNS server or its API refuses the credentials or the change.
	ErrDenied = errors.New("permission denied")
)

// Hook publishes validation records in one DNS service.
//
// A hook holds no state of its own: everything it needs arrives in Request, and
// any replica may call CleanUp for what another replica presented. All methods
// are safe for concurrent use. The caller serialises calls for one
// [Record.Key], because services with read-merge-write APIs lose updates
// otherwise, and counts references when two orders share one record.
//
// No method sleeps or polls. A hook makes at most a few quick attempts within
// ctx (one attempt is enough); the caller owns every retry that takes longer.
type Hook interface {
	// Capabilities tells what the hook can publish. It is constant, makes no
	// call, and is consulted before anything is ordered.
	Capabilities() Capabilities

	// Present makes the record exist. It is idempotent: with the very value
	// already there it changes nothing and reports Done. Values that it did
	// not write stay as they are, including their TTL; a name taken by
	// something incompatible is ErrConflict. Done means that the service has
	// accepted and stored the record, not that the world can see it. Pending
	// means that the change is under way: call Present again after RetryAfter.
	Present(ctx context.Context, r Request) (State, error)

	// CleanUp removes exactly the value in r and nothing else at that name. A
	// record that is not there, or has another value, is success. It is
	// idempotent and never needs a preceding Present in the same process.
	CleanUp(ctx context.Context, r Request) error
}

// Prober is a hook that can tell, by a call that changes nothing, whether its settings
// work. Terminal errors are those of [Hook]; any other says nothing about the settings.
type Prober interface {
	Probe(ctx context.Context) error
}

// Request is one record or file to publish.
type Request struct {
	// ID identifies the order that needs the record, for hooks that store
	// objects of their own. Stable over all calls for one validation.
	ID string
	// DNSName is the name being validated: lower case A-labels without a
	// trailing dot, "*." in front for a wildcard.
	DNSName string
	// Record is the record to publish. Its Type is empty when File is set.
	Record Record
	// File is the file to serve; only for hooks with [Capabilities.File].
	File File
	// Namespace is where the hook may read Secrets and create objects. It
	// comes from the issuer, never from the owner of a certificate.
	Namespace string
}

// Phase is how far Present has come.
type Phase int

const (
	// Done: the service has stored the record.
	Done Phase = iota
	// Pending: the change is under way; Present is to be called again.
	Pending
)

// State is the outcome of a Present that did not fail.
type State struct {
	Phase Phase
	// RetryAfter is when to call Present again; only with Pending.
	RetryAfter time.Duration
	// Message tells a person what is being waited for; only with Pending.
	Message string
}

// Capabilities is what a hook can publish.
type Capabilities struct {
	// Types are the record types; none for a hook that serves files only.
	Types []RecordType
	// Apex: records at the apex of a zone, next to SOA, NS and SPF.
	Apex bool
	// MultiValue: several TXT values at one name.
	MultiValue bool
	// Async: Present may report Pending.
	Async bool
	// File: the hook takes [Request.File].
	File bool
}

// Check reports whether a hook with these capabilities can publish r; apex says
// whether r is at the apex of its zone. The error is an [ErrUnsupported].
func (c Capabilities) Check(r Record, apex bool) error {
	if !slices.Contains(c.Types, r.Type) {
		return fmt.Errorf("dcv: %s: %w: this solver publishes %v only; choose another solver or validation method", r.Key(), ErrUnsupported, c.Types)
	}
	if apex && !c.Apex {
		return fmt.Errorf("dcv: %s: %w: this solver cannot publish at the apex of a zone; choose another solver or validation method", r.Key(), ErrUnsupported)
	}
	return nil
}
