package dcv

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The bounds of what a DNS service can make a hook wait.
const (
	minRetryAfter     = time.Second
	defaultRetryAfter = 30 * time.Second
	maxRetryAfter     = time.Hour
)

// RetryAfter reads a Retry-After header, seconds or a date (RFC 9110 section 10.2.3): at
// least a second and at most an hour, 30 s if the header says nothing usable.
func RetryAfter(header string, now time.Time) time.Duration {
	wait := defaultRetryAfter
	if seconds, err := strconv.Atoi(strings.TrimSpace(header)); err == nil {
		wait = time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, minRetryAfter), maxRetryAfter)
}
