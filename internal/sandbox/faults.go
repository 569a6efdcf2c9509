package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// FaultKind names one way in which resellers fail.
type FaultKind string

// Faults of a call. They fire on requests whose operation is Fault.Op.
const (
	// FaultDropBefore closes the connection instead of doing the call.
	FaultDropBefore FaultKind = "drop-before"
	// FaultDropAfter does the call and closes the connection instead of answering.
	FaultDropAfter FaultKind = "drop-after"
	// FaultStatus answers Status (default 502) with an HTML page.
	FaultStatus FaultKind = "status"
	// FaultThrottle answers 429 with Retry-After.
	FaultThrottle FaultKind = "throttle"
	// FaultTruncate does the call and answers with half of the body.
	FaultTruncate FaultKind = "truncate"
	// FaultDelay waits for Delay before the call, or after it with AfterEffect.
	FaultDelay FaultKind = "delay"
	// FaultError answers with Code and Message in the vendor's form.
	FaultError FaultKind = "error"
	// FaultExpireTokens ends all sessions just before the call.
	FaultExpireTokens FaultKind = "expire-tokens"
	// FaultStatusWord replaces the vendor's word for every order's state by Word.
	FaultStatusWord FaultKind = "status-word"
)

// Faults of an order. They fire when an order is placed.
const (
	// FaultReject and FaultCancel end the order when it should be issued.
	FaultReject FaultKind = "reject"
	FaultCancel FaultKind = "cancel"
	// FaultSlow adds Delay between validation and certificate.
	FaultSlow FaultKind = "slow"
	// FaultLateVisible keeps the order out of lists for Delay.
	FaultLateVisible FaultKind = "late-visible"
	// FaultUnconfigured sells the order without taking its CSR: it has to be given
	// in a second step.
	FaultUnconfigured FaultKind = "unconfigured"
	// FaultFreshToken gives the order other challenges than were told before.
	FaultFreshToken FaultKind = "fresh-token"
)

// Faults of a reissue. FaultReject, FaultCancel and FaultSlow also hit reissues when
// their Op is "reissue".
const (
	// FaultNewOrderID moves the order to a new number.
	FaultNewOrderID FaultKind = "new-order-id"
	// FaultHideReissue goes on showing the order as issued, with the old certificate.
	FaultHideReissue FaultKind = "hide-reissue"
)

// Faults of a certificate. They fire when one is issued.
const (
	// FaultReversedChain delivers the certificates in reverse, leaf last.
	FaultReversedChain FaultKind = "reversed-chain"
	FaultRootIncluded  FaultKind = "root-included"
	FaultLeafOnly      FaultKind = "leaf-only"
	// FaultWrongKey certifies another key than the CSR's.
	FaultWrongKey FaultKind = "wrong-key"
	// FaultNotYetValid starts the validity Delay (default 5 minutes) in the future.
	FaultNotYetValid FaultKind = "not-yet-valid"
)

const defaultNotYetValid = 5 * time.Minute

var callFaults = []FaultKind{
	FaultDropBefore, FaultDropAfter, FaultStatus, FaultThrottle, FaultTruncate,
	FaultDelay, FaultError, FaultExpireTokens, FaultStatusWord,
}

var otherFaults = []FaultKind{
	FaultReject, FaultCancel, FaultSlow, FaultLateVisible, FaultUnconfigured, FaultFreshToken,
	FaultNewOrderID, FaultHideReissue,
	FaultReversedChain, FaultRootIncluded, FaultLeafOnly, FaultWrongKey, FaultNotYetValid,
}

// Fault is an instruction to fail. In JSON durations are strings such as "90s".
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Op restricts a call fault to a wire operation ("add_ssl_order") or to a class of
	// operations ("buy"); empty means any. For FaultReject, FaultCancel and
	// FaultSlow it is "reissue" to hit reissues instead of new orders.
	Op string `json:"op,omitempty"`
	// CommonName restricts an order, reissue or certificate fault to a main name.
	CommonName string `json:"commonName,omitempty"`
	// Nth is the first matching occasion at which it fires, counted from 1 (default).
	Nth int `json:"nth,omitempty"`
	// Times is how often it fires from then on: 1 by default, -1 for ever.
	Times int `json:"times,omitempty"`
	// AfterEffect lets FaultStatus, FaultThrottle, FaultError and FaultDelay have the call
	// done first.
	AfterEffect bool `json:"afterEffect,omitempty"`
	// Status is the HTTP status of FaultStatus.
	Status int `json:"status,omitempty"`
	// RetryAfter is told by FaultThrottle, in whole seconds.
	RetryAfter time.Duration `json:"-"`
	// Delay of FaultDelay, FaultSlow, FaultLateVisible and FaultNotYetValid.
	Delay time.Duration `json:"-"`
	// Code and Message are those of FaultError.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Word is that of FaultStatusWord.
	Word string `json:"word,omitempty"`
}

type faultFields Fault

type faultJSON struct {
	faultFields
	RetryAfter string `json:"retryAfter,omitempty"`
	Delay      string `json:"delay,omitempty"`
}

// MarshalJSON writes durations as strings.
func (f Fault) MarshalJSON() ([]byte, error) {
	text := faultJSON{faultFields: faultFields(f)}
	if f.RetryAfter != 0 {
		text.RetryAfter = f.RetryAfter.String()
	}
	if f.Delay != 0 {
		text.Delay = f.Delay.String()
	}
	return json.Marshal(text)
}

// UnmarshalJSON reads durations from strings and refuses unknown kinds.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var text faultJSON
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	read := Fault(text.faultFields)
	for field, value := range map[*time.Duration]string{&read.RetryAfter: text.RetryAfter, &read.Delay: text.Delay} {
		if value == "" {
			continue
		}
		duration, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("sandbox: fault: %w", err)
		}
		*field = duration
	}
	*f = read
	return read.check()
}

func (f Fault) check() error {
	if !slices.Contains(callFaults, f.Kind) && !slices.Contains(otherFaults, f.Kind) {
		return fmt.Errorf("sandbox: fault kind %q is not known", f.Kind)
	}
	return nil
}

// fault is a Fault with the number of occasions that it has seen.
type fault struct {
	Fault
	seen int
}

// fires counts an occasion and tells whether the fault strikes at it.
func (f *fault) fires() bool {
	f.seen++
	return f.seen >= f.first() && (f.Times < 0 || f.seen < f.first()+max(1, f.Times))
}

func (f *fault) first() int { return max(1, f.Nth) }

// spent reports whether the fault will never strike again.
func (f *fault) spent() bool { return f.Times >= 0 && f.seen >= f.first()+max(1, f.Times)-1 }

// Inject adds faults; several may strike at the same occasion.
func (e *Engine) Inject(faults ...Fault) error {
	for _, f := range faults {
		if err := f.check(); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range faults {
		e.faults = append(e.faults, &fault{Fault: f})
	}
	return nil
}

// Faults are those that may still strike.
func (e *Engine) Faults() []Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	left := make([]Fault, 0, len(e.faults))
	for _, f := range e.faults {
		left = append(left, f.Fault)
	}
	return left
}

// ClearFaults removes all faults.
func (e *Engine) ClearFaults() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = nil
}

// take counts an occasion for all faults that match and returns those that strike, by
// kind. The caller holds the lock.
func (e *Engine) take(match func(Fault) bool) map[FaultKind]Fault {
	struck := map[FaultKind]Fault{}
	for _, f := range e.faults {
		if match(f.Fault) && f.fires() {
			struck[f.Kind] = f.Fault
		}
	}
	if len(struck) > 0 {
		e.faults = slices.DeleteFunc(e.faults, func(f *fault) bool { return f.spent() })
	}
	return struck
}

// takeCallFaults finds what happens to a call.
func (e *Engine) takeCallFaults(operation Operation) map[FaultKind]Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.take(func(f Fault) bool {
		return slices.Contains(callFaults, f.Kind) && (f.Op == "" || f.Op == operation.Name || f.Op == operation.Class)
	})
}

// orderFaults is what happens to a new order or reissue.
type orderFaults struct {
	end                      State
	slow, late               time.Duration
	unconfigured, freshToken bool
	newOrderID, hideReissue  bool
}

func (e *Engine) takeOrderFaults(commonName string) orderFaults {
	kinds := []FaultKind{
		FaultReject, FaultCancel, FaultSlow, FaultLateVisible, FaultUnconfigured, FaultFreshToken,
	}
	return newOrderFaults(e.takeFor(kinds, commonName, false))
}

func (e *Engine) takeReissueFaults(commonName string) orderFaults {
	kinds := []FaultKind{FaultReject, FaultCancel, FaultSlow, FaultNewOrderID, FaultHideReissue}
	return newOrderFaults(e.takeFor(kinds, commonName, true))
}

// takeFor finds the faults of some kinds for a main name. Kinds that hit both orders
// and reissues are told apart by their Op.
func (e *Engine) takeFor(kinds []FaultKind, commonName string, reissue bool) map[FaultKind]Fault {
	both := []FaultKind{FaultReject, FaultCancel, FaultSlow}
	return e.take(func(f Fault) bool {
		return slices.Contains(kinds, f.Kind) && (f.CommonName == "" || f.CommonName == commonName) &&
			(!slices.Contains(both, f.Kind) || (f.Op == "reissue") == reissue)
	})
}

func newOrderFaults(struck map[FaultKind]Fault) orderFaults {
	has := func(kind FaultKind) bool { _, ok := struck[kind]; return ok }
	faults := orderFaults{
		slow: struck[FaultSlow].Delay, late: struck[FaultLateVisible].Delay,
		unconfigured: has(FaultUnconfigured), freshToken: has(FaultFreshToken),
		newOrderID: has(FaultNewOrderID), hideReissue: has(FaultHideReissue),
	}
	switch {
	case has(FaultReject):
		faults.end = StateRejected
	case has(FaultCancel):
		faults.end = StateCancelled
	}
	return faults
}

// certificateFaults is what happens to a new certificate.
type certificateFaults struct {
	reversed, rootIncluded, leafOnly, wrongKey bool
	notYetValid                                time.Duration
}

func (e *Engine) takeCertificateFaults(commonName string) certificateFaults {
	kinds := []FaultKind{FaultReversedChain, FaultRootIncluded, FaultLeafOnly, FaultWrongKey, FaultNotYetValid}
	struck := e.takeFor(kinds, commonName, false)
	has := func(kind FaultKind) bool { _, ok := struck[kind]; return ok }
	faults := certificateFaults{
		reversed: has(FaultReversedChain), rootIncluded: has(FaultRootIncluded),
		leafOnly: has(FaultLeafOnly), wrongKey: has(FaultWrongKey),
	}
	if has(FaultNotYetValid) {
		faults.notYetValid = cmp.Or(struck[FaultNotYetValid].Delay, defaultNotYetValid)
	}
	return faults
}
