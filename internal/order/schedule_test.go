package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestIntervals(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]time.Duration{
		0: 3 * time.Second, time.Minute - 1: 3 * time.Second, time.Minute: 15 * time.Second,
		10 * time.Minute: time.Minute, time.Hour: 5 * time.Minute, 24 * time.Hour: 30 * time.Minute, 1000 * time.Hour: 30 * time.Minute,
	} {
		assert.Equal(t, want, pollInterval(age), "poll at %s", age)
	}
	for age, want := range map[time.Duration]time.Duration{
		0: 2 * time.Second, 30 * time.Second: 15 * time.Second, 5 * time.Minute: time.Minute, time.Hour: 5 * time.Minute,
	} {
		assert.Equal(t, want, observeInterval(age), "observe at %s", age)
	}
	for attempts, want := range map[int32]time.Duration{
		0: 5 * time.Second, 1: 10 * time.Second, 5: 160 * time.Second, 6: 5 * time.Minute, 1 << 30: 5 * time.Minute,
	} {
		assert.Equal(t, want, retryInterval(attempts), "retry %d", attempts)
	}
}

func TestNextLook(t *testing.T) {
	t.Parallel()
	assert.True(t, nextLook(Watch{Since: testNow}).IsZero(), "the first look is at once")
	for age, want := range map[time.Duration]time.Duration{
		0: 5 * time.Second, 30 * time.Second: 20 * time.Second, 5 * time.Minute: 2 * time.Minute, time.Hour: 15 * time.Minute,
	} {
		last := testNow.Add(age)
		assert.Equal(t, last.Add(want), nextLook(Watch{Since: testNow, LastLook: last}))
	}
}

func TestCleanupAfter(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]time.Duration{
		0: 30 * time.Second, 2 * time.Minute: 30 * time.Second, 8 * time.Minute: 2 * time.Minute, 24 * time.Hour: time.Hour,
	} {
		assert.Equal(t, want, cleanupAfter(age, false))
		assert.Equal(t, 30*time.Second, cleanupAfter(age, true))
	}
}
