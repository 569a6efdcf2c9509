package providers

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testLimiters has a clock that the test moves.
type testLimiters struct {
	*Limiters
	now time.Time
}

func newTestLimiters(o LimiterOptions) *testLimiters {
	l := &testLimiters{now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	o.Now = func() time.Time { return l.now }
	l.Limiters = NewLimiters(o)
	return l
}

// call makes one call with an outcome; it must be granted.
func (l *testLimiters) call(t *testing.T, outcome error) {
	t.Helper()
	release, wait := l.Reserve("a")
	require.Zero(t, wait)
	release(outcome)
}

// refused returns the wait of a call that is not granted.
func (l *testLimiters) refused(t *testing.T) time.Duration {
	t.Helper()
	release, wait := l.Reserve("a")
	require.Nil(t, release)
	require.Positive(t, wait)
	return wait
}

func (l *testLimiters) pass(d time.Duration) { l.now = l.now.Add(d) }

var unavailable = &Error{Kind: Unavailable}

func TestReserveRate(t *testing.T) {
	t.Parallel()
	l := newTestLimiters(LimiterOptions{PerSecond: 2, Burst: 3})
	for range 3 {
		l.call(t, nil)
	}
	assert.Equal(t, 500*time.Millisecond, l.refused(t))
	assert.Equal(t, time.Second, l.refused(t), "the second in line comes back later")
	assert.Equal(t, 1500*time.Millisecond, l.refused(t))
	l.pass(500 * time.Millisecond)
	l.call(t, nil)
	l.refused(t)
}

func TestReserveInFlight(t *testing.T) {
	t.Parallel()
	l := newTestLimiters(LimiterOptions{PerSecond: 1000, Burst: 1000})
	first, wait := l.Reserve("a")
	require.Zero(t, wait)
	l.call(t, nil)
	second, wait := l.Reserve("a")
	require.Zero(t, wait)
	l.refused(t)
	other, wait := l.Reserve("b")
	require.Zero(t, wait, "another account is not affected")
	other(nil)
	first(nil)
	first(nil) // counts once
	third, wait := l.Reserve("a")
	require.Zero(t, wait)
	l.refused(t)
	second(nil)
	third(nil)
	l.call(t, nil)
}

func TestReserveLineIsBounded(t *testing.T) {
	t.Parallel()
	l := newTestLimiters(LimiterOptions{PerSecond: 1, Burst: 1})
	l.call(t, nil)
	waits := map[time.Duration]int{}
	for range 600 {
		wait := l.refused(t)
		assert.LessOrEqual(t, wait, time.Minute+time.Second)
		waits[wait]++
	}
	assert.Len(t, waits, 61, "spread over the whole minute")
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	l := newTestLimiters(LimiterOptions{PerSecond: 1000, Burst: 1000, Failures: 3, OpenFor: 10 * time.Second, MaxOpenFor: 25 * time.Second})
	l.call(t, unavailable)
	l.call(t, unavailable)
	l.call(t, nil) // interrupts the row
	for range 3 {
		l.call(t, unavailable)
	}
	for _, open := range []time.Duration{10 * time.Second, 20 * time.Second, 25 * time.Second, 25 * time.Second} {
		assert.Equal(t, open, l.refused(t))
		l.pass(open)
		probe, wait := l.Reserve("a")
		require.Zero(t, wait)
		l.refused(t) // one probe at a time
		probe(unavailable)
	}
	l.pass(25 * time.Second)
	l.call(t, nil)
	first, wait := l.Reserve("a")
	require.Zero(t, wait)
	second, wait := l.Reserve("a")
	require.Zero(t, wait, "closed again")
	first(nil)
	second(nil)
	for range 3 {
		l.call(t, unavailable)
	}
	assert.Equal(t, 10*time.Second, l.refused(t), "the next outage begins with a short pause")
}

func TestBreakerOutcomes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		outcome error
		opens   bool // after two failures, this outcome and a third failure
	}{
		"ambiguous":     {&Error{Kind: Ambiguous}, true},
		"foreign error": {assert.AnError, true},
		"cancelled":     {&Error{Kind: Unavailable, Err: context.Canceled}, true},
		"success":       {nil, false},
		"no funds":      {&Error{Kind: Funds}, false},
		"not found":     {&Error{Kind: NotFound}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newTestLimiters(LimiterOptions{PerSecond: 1000, Burst: 1000, Failures: 3})
			l.call(t, unavailable)
			l.call(t, unavailable)
			l.call(t, tt.outcome)
			l.call(t, unavailable)
			if tt.opens {
				assert.Equal(t, 30*time.Second, l.refused(t))
				return
			}
			l.call(t, nil)
		})
	}
}

func TestLateFailuresDoNotLengthenThePause(t *testing.T) {
	t.Parallel()
	l := newTestLimiters(LimiterOptions{PerSecond: 1000, Burst: 1000, Failures: 1, OpenFor: 10 * time.Second})
	first, _ := l.Reserve("a")
	second, _ := l.Reserve("a")
	first(unavailable)
	l.pass(time.Second)
	second(unavailable)
	assert.Equal(t, 9*time.Second, l.refused(t))
}

func TestThrottledPauses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ retryAfter, want time.Duration }{
		"as told":  {90 * time.Second, 90 * time.Second},
		"not told": {0, time.Minute},
		"too long": {1000 * time.Hour, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newTestLimiters(LimiterOptions{})
			l.call(t, &Error{Kind: Throttled, RetryAfter: tt.retryAfter})
			assert.Equal(t, tt.want, l.refused(t))
			l.pass(tt.want)
			l.call(t, nil)
		})
	}
}

func TestConfigureAndForget(t *testing.T) {
	t.Parallel()
	l := newTestLimiters(LimiterOptions{PerSecond: 1, Burst: 1})
	l.Configure("a", 10, 3)
	l.pass(time.Second)
	for range 3 {
		l.call(t, nil)
	}
	assert.Equal(t, 100*time.Millisecond, l.refused(t))
	l.Configure("a", 0, 0)
	l.pass(100 * time.Millisecond)
	assert.Equal(t, time.Second, l.refused(t), "the default again")
	l.Forget("a")
	l.call(t, nil)
}

func TestReserveConcurrently(t *testing.T) {
	t.Parallel()
	l := NewLimiters(LimiterOptions{PerSecond: 1e6, Burst: 1e6})
	var running, granted atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				release, wait := l.Reserve("a")
				if wait > 0 {
					assert.Nil(t, release)
					continue
				}
				granted.Add(1)
				assert.LessOrEqual(t, running.Add(1), int32(2))
				running.Add(-1)
				release(nil)
			}
		})
	}
	wg.Wait()
	assert.Positive(t, granted.Load())
}
