package order

import "time"

const (
	// validationInterval spaces requests to validate: a CA that looked too early has
	// cached the absence of the record.
	validationInterval = 10 * time.Minute
	// maxNegativeTTL is the longest for which resolvers remember an absence, whatever the
	// zone says (RFC 2308, section 5).
	maxNegativeTTL = 3 * time.Hour
	// checkedFor is how long what was checked before paying, such as the price, is believed:
	// an order may have been held for weeks since then.
	checkedFor = time.Hour
	// heldInterval is how often a held order is looked at again.
	heldInterval = 10 * time.Minute
	// unsuitedInterval is how often methods are tried again that all turned out not to work.
	unsuitedInterval = time.Hour
	// idleInterval is how often an unfinished order without a request is polled.
	idleInterval = 24 * time.Hour
	// cleanupInterval spaces attempts to remove records, at first.
	cleanupInterval = 30 * time.Second
	// cleanupGiveUp is when a deletion no longer waits for a clean-up that fails.
	cleanupGiveUp = 10 * time.Minute
)

// step says how often something is done up to an age.
type step struct{ until, every time.Duration }

// polling follows what CAs need: seconds for automatic validation, then ever longer for
// people and manual checks.
var polling = []step{
	{time.Minute, 3 * time.Second},
	{10 * time.Minute, 15 * time.Second},
	{time.Hour, time.Minute},
	{24 * time.Hour, 5 * time.Minute},
}

// looking is how often the effect of an open intent is searched.
var looking = []step{
	{30 * time.Second, 5 * time.Second},
	{5 * time.Minute, 20 * time.Second},
	{time.Hour, 2 * time.Minute},
}

// observing is how often name servers are asked.
var observing = []step{
	{30 * time.Second, 2 * time.Second},
	{5 * time.Minute, 15 * time.Second},
	{time.Hour, time.Minute},
}

// every returns the interval that applies at an age.
func every(steps []step, age, last time.Duration) time.Duration {
	for _, s := range steps {
		if age < s.until {
			return s.every
		}
	}
	return last
}

func pollInterval(age time.Duration) time.Duration    { return every(polling, age, 30*time.Minute) }
func observeInterval(age time.Duration) time.Duration { return every(observing, age, 5*time.Minute) }

// nextLook is when the effect of an intent is searched again; at once if it never was.
func nextLook(w Watch) time.Time {
	if w.LastLook.IsZero() {
		return time.Time{}
	}
	return w.LastLook.Add(every(looking, w.LastLook.Sub(w.Since), 15*time.Minute))
}

// cleanupAfter is how long to wait before records are removed again that couldn't be removed
// for some time. A deletion waits for it, so that is tried steadily until it is given up.
func cleanupAfter(age time.Duration, deleting bool) time.Duration {
	if deleting {
		return cleanupInterval
	}
	return min(max(cleanupInterval, age/4), time.Hour)
}

// retryInterval doubles from 10 seconds, after the first failure, to 5 minutes.
func retryInterval(attempts int32) time.Duration {
	return min(5*time.Second<<min(attempts, 6), 5*time.Minute)
}
