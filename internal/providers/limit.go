package providers

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// LimiterOptions are the defaults of all accounts.
type LimiterOptions struct {
	// PerSecond and Burst are the rate of calls of one account, 2 and 2 by default.
	PerSecond float64
	Burst     int
	// InFlight bounds the calls of one account that run at the same time, 2 by default.
	InFlight int
	// Failures in a row, of kind Unavailable, open the circuit breaker, 5 by default.
	Failures int
	// OpenFor is how long the breaker first stays open, 30 s by default; it doubles with each failed
	// probe up to MaxOpenFor, 10 min by default.
	OpenFor, MaxOpenFor time.Duration
	// Now is the clock, time.Now by default.
	Now func() time.Time
	// Outcome learns how each call on an account ended, the kind of its error or nothing; nil
	// for nobody. It is called by many goroutines and must not block.
	Outcome func(key string, kind Kind)
}

// Limiters keeps rate, calls in flight and circuit breaker for each account. Nobody waits in it: who
// can't go now learns when to come back. Safe for concurrent use.
type Limiters struct {
	options  LimiterOptions
	mu       sync.Mutex
	accounts map[string]*account
}

// NewLimiters fills in the defaults.
func NewLimiters(o LimiterOptions) *Limiters {
	defaults := LimiterOptions{
		PerSecond: 2, Burst: 2, InFlight: 2, Failures: 5,
		OpenFor: 30 * time.Second, MaxOpenFor: 10 * time.Minute,
	}
	o.PerSecond = orDefault(o.PerSecond, defaults.PerSecond)
	o.Burst = orDefault(o.Burst, defaults.Burst)
	o.InFlight = orDefault(o.InFlight, defaults.InFlight)
	o.Failures = orDefault(o.Failures, defaults.Failures)
	o.OpenFor = orDefault(o.OpenFor, defaults.OpenFor)
	o.MaxOpenFor = max(o.OpenFor, orDefault(o.MaxOpenFor, defaults.MaxOpenFor))
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Limiters{options: o, accounts: map[string]*account{}}
}

func orDefault[T int | float64 | time.Duration](value, byDefault T) T {
	if value <= 0 {
		return byDefault
	}
	return value
}

// Configure sets the rate of one account from now on; zero values mean the defaults.
func (l *Limiters) Configure(key string, perSecond float64, burst int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter, now := l.account(key).limiter, l.options.Now()
	limiter.SetLimitAt(now, rate.Limit(orDefault(perSecond, l.options.PerSecond)))
	limiter.SetBurstAt(now, orDefault(burst, l.options.Burst))
}

// Forget drops an account that no issuer uses any more.
func (l *Limiters) Forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.accounts, key)
}

// Reserve asks for one call on an account, without blocking. If it is granted, wait is zero and
// release must be called exactly once with the call's outcome (further calls do nothing). If not,
// release is nil and the caller should ask again after wait; those who were sent away get different
// times, so that they don't come back all at once.
//
// Outcomes: Unavailable counts towards opening the breaker, Throttled pauses the account for
// RetryAfter, Ambiguous and a cancelled context count neither way, everything else (nil included)
// is a working reseller. After the pause one call at a time probes, until one works.
func (l *Limiters) Reserve(key string) (release func(outcome error), wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, now := l.account(key), l.options.Now()
	if now.Before(a.pausedUntil) {
		return nil, a.comeBack(now, a.pausedUntil)
	}
	slots := l.options.InFlight
	if a.failures >= l.options.Failures {
		slots = 1
	}
	if a.inFlight >= slots {
		return nil, a.comeBack(now, now.Add(a.gap()))
	}
	reservation := a.limiter.ReserveN(now, 1)
	if delay := reservation.DelayFrom(now); delay > 0 {
		reservation.CancelAt(now)
		return nil, a.comeBack(now, now.Add(delay))
	}
	a.inFlight++
	var once sync.Once
	return func(outcome error) {
		once.Do(func() {
			l.release(a, outcome)
			if l.options.Outcome != nil {
				l.options.Outcome(key, KindOf(outcome))
			}
		})
	}, 0
}

// AccountLoad is how busy an account is.
type AccountLoad struct {
	// InFlight calls.
	InFlight int
	// Paused is true while the circuit breaker, or the reseller's wish to be left alone, lets
	// nobody in.
	Paused bool
}

// Load tells how busy an account is now.
func (l *Limiters) Load(key string) AccountLoad {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.accounts[key]
	if !ok {
		return AccountLoad{}
	}
	return AccountLoad{InFlight: a.inFlight, Paused: l.options.Now().Before(a.pausedUntil)}
}

func (l *Limiters) release(a *account, outcome error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.inFlight--
	now := l.options.Now()
	if errors.Is(outcome, context.Canceled) {
		return
	}
	switch KindOf(outcome) {
	case Ambiguous:
	case Unavailable:
		l.failed(a, now)
	case Throttled:
		a.failures, a.openFor = 0, 0
		a.pause(now.Add(pauseOf(outcome)))
	case Auth, Funds, Rejected, Invalid, NotFound, "":
		a.failures, a.openFor = 0, 0
	}
}

// failed opens the breaker, longer after a failed probe. Calls that were still running when it
// opened are no probes.
func (l *Limiters) failed(a *account, now time.Time) {
	a.failures++
	if a.failures < l.options.Failures || now.Before(a.pausedUntil) {
		return
	}
	a.openFor = min(max(2*a.openFor, l.options.OpenFor), l.options.MaxOpenFor)
	a.pause(now.Add(a.openFor))
}

func pauseOf(err error) time.Duration {
	wait := defaultRetryAfter
	if e, ok := errors.AsType[*Error](err); ok && e.RetryAfter > 0 {
		wait = e.RetryAfter
	}
	return min(wait, maxRetryAfter)
}

// account is the state of one account, guarded by Limiters.mu.
type account struct {
	limiter     *rate.Limiter
	inFlight    int
	failures    int
	openFor     time.Duration
	pausedUntil time.Time
	lastInLine  time.Time // the latest time that somebody was told to come back
}

func (l *Limiters) account(key string) *account {
	a, ok := l.accounts[key]
	if !ok {
		a = &account{limiter: rate.NewLimiter(rate.Limit(l.options.PerSecond), l.options.Burst)}
		l.accounts[key] = a
	}
	return a
}

func (a *account) pause(until time.Time) {
	if until.After(a.pausedUntil) {
		a.pausedUntil = until
	}
}

// gap is the time between two calls at the account's rate.
func (a *account) gap() time.Duration {
	const shortest = 50 * time.Millisecond
	return max(shortest, time.Duration(float64(time.Second)/float64(a.limiter.Limit())))
}

// comeBack returns how long to wait for a turn at or after earliest. It is only advice, nothing is
// held for the caller, so the line starts anew when it is longer than a minute.
func (a *account) comeBack(now, earliest time.Time) time.Duration {
	const longestLine = time.Minute
	turn := a.lastInLine.Add(a.gap())
	if turn.Before(earliest) || turn.After(earliest.Add(longestLine)) {
		turn = earliest
	}
	a.lastInLine = turn
	return turn.Sub(now)
}
