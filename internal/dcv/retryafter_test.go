package dcv

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]time.Duration{
		"":                      30 * time.Second,
		"soon":                  30 * time.Second,
		"0":                     time.Second,
		"-5":                    time.Second,
		" 17 ":                  17 * time.Second,
		"999999999":             time.Hour,
		"9223372036854775808":   30 * time.Second,
		httpDate(now, 90):       90 * time.Second,
		httpDate(now, -90):      time.Second,
		httpDate(now, 48*3_600): time.Hour,
	}
	for header, want := range tests {
		assert.Equal(t, want, RetryAfter(header, now), "%q", header)
	}
}

func httpDate(now time.Time, seconds int) string {
	return now.Add(time.Duration(seconds) * time.Second).Format(http.TimeFormat)
}
