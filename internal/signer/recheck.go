package signer

import (
	"context"
	"hash/fnv"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// recheck puts all issuers of a kind into the queue once in each interval, because issuer-lib
// never looks again at an issuer that is ready. They are spread over the interval by name.
func recheck(ticker clock.WithTicker, interval time.Duration, list func(context.Context) []reconcile.Request) source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		go func() {
			ticks := ticker.NewTicker(interval)
			defer ticks.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticks.C():
				}
				for _, request := range list(ctx) {
					queue.AddAfter(request, spread(request, interval))
				}
			}
		}()
		return nil
	})
}

// spread is a delay below the interval that is the same each time, so that the time between
// two checks of one issuer is the interval.
func spread(request reconcile.Request, interval time.Duration) time.Duration {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(request.String()))
	return interval / 1024 * time.Duration(hash.Sum32()%1024)
}
