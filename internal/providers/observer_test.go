package providers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// observer keeps what it is told.
type observer struct {
	exchanges []Exchange
	values    []any
}

type seenKey struct{}

func (o *observer) Requested(ctx context.Context, e Exchange) {
	o.exchanges = append(o.exchanges, e)
	o.values = append(o.values, ctx.Value(seenKey{}))
}

func TestObserver(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/busy" {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	seen := &observer{}
	client := NewHTTPClient(Options{AllowLoopback: true, Observer: seen})
	clock := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	ask := func(path string) error {
		ctx := context.WithValue(t.Context(), seenKey{}, "of the call")
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path+"?key=secret", http.NoBody)
		require.NoError(t, err)
		_, err = Do(ctx, client, request, Call{Provider: "fake", Operation: "buy", OneShot: true, Now: func() time.Time {
			clock = clock.Add(time.Second)
			return clock
		}})
		return err
	}
	require.NoError(t, ask("/"))
	require.Error(t, ask("/busy"))
	server.Close()
	require.Error(t, ask("/"))

	require.Len(t, seen.exchanges, 3)
	good, busy, gone := seen.exchanges[0], seen.exchanges[1], seen.exchanges[2]
	assert.Equal(t, Exchange{
		Provider: "fake", Operation: "buy", OneShot: true, Status: http.StatusOK, Began: good.Began, Ended: good.Began.Add(time.Second),
	}, good)
	assert.Equal(t, http.StatusTooManyRequests, busy.Status, "an answer that is an error has a status, too")
	assert.Equal(t, Throttled, KindOf(busy.Err))
	assert.Zero(t, gone.Status)
	assert.Equal(t, Unavailable, KindOf(gone.Err))
	assert.Equal(t, []any{"of the call", "of the call", "of the call"}, seen.values)
}

// TestOutcomes tells how calls ended, each once, and how busy the account is meanwhile.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	var told []string
	l := newTestLimiters(LimiterOptions{Burst: 10, Failures: 2, Outcome: func(key string, kind Kind) { told = append(told, key+":"+string(kind)) }})
	assert.Equal(t, AccountLoad{}, l.Load("a"), "nobody has called yet")
	release, _ := l.Reserve("a")
	assert.Equal(t, AccountLoad{InFlight: 1}, l.Load("a"))
	release(nil)
	release(unavailable)
	l.call(t, unavailable)
	l.call(t, unavailable)
	assert.Equal(t, []string{"a:", "a:Unavailable", "a:Unavailable"}, told)
	assert.Equal(t, AccountLoad{Paused: true}, l.Load("a"))
	l.pass(time.Hour)
	assert.Equal(t, AccountLoad{}, l.Load("a"))
}
