package autodns

import (
	"context"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// memo remembers what had to be asked for once. One caller asks at a time, so that the
// others use its answer.
type memo[T any] struct {
	turn  chan struct{} // holds one value while somebody asks; guards the rest
	value T
	known bool
}

func newMemo[T any]() *memo[T] { return &memo[T]{turn: make(chan struct{}, 1)} }

// get returns the value, which ask makes if nobody has yet. A failure isn't remembered.
func (m *memo[T]) get(ctx context.Context, ask func() (T, error)) (T, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		var none T
		return none, failure("wait", providers.Unavailable, "", ctx.Err())
	}
	if m.known {
		return m.value, nil
	}
	value, err := ask()
	if err == nil {
		m.value, m.known = value, true
	}
	return value, err
}
