package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

func TestMemo(t *testing.T) {
	t.Parallel()
	var asked, underWay, tooMany atomic.Int32
	full := make(chan struct{})
	lookup := resolver.Memo(func(_ context.Context, name string, _ uint16) (*dns.Msg, error) {
		asked.Add(1)
		switch n := underWay.Add(1); {
		case n == 3:
			close(full)
		case n > 3:
			tooMany.Add(1)
		}
		<-full // the limit is reached once
		if underWay.Add(-1); name == "bad." {
			return nil, errors.New("no")
		}
		return new(dns.Msg), nil
	}, 3)
	var group sync.WaitGroup
	for i := range 60 {
		group.Go(func() {
			_, err := lookup(t.Context(), fmt.Sprintf("N%d.", i%3), dns.TypeA)
			assert.NoError(t, err)
		})
	}
	group.Wait()
	assert.Equal(t, int32(3), asked.Load())
	assert.Zero(t, tooMany.Load())

	_, err := lookup(t.Context(), "n1.", dns.TypeAAAA)
	require.NoError(t, err)
	assert.Equal(t, int32(4), asked.Load(), "another type is another question")
	for range 2 {
		_, err = lookup(t.Context(), "bad.", dns.TypeA)
		require.EqualError(t, err, "no")
	}
	assert.Equal(t, int32(5), asked.Load())
}

func TestMemoWaitsWithinItsContext(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	lookup := resolver.Memo(func(context.Context, string, uint16) (*dns.Msg, error) {
		close(started)
		<-release
		return new(dns.Msg), nil
	}, 1)
	go func() { _, _ = lookup(t.Context(), "first.", dns.TypeA) }() // it only takes the turn
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := lookup(ctx, "second.", dns.TypeA)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(release)
}
