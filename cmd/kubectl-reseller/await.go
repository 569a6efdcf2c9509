package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// awaitPeriod is how often an answer is looked for: it takes seconds, and a watch needs a
// right that those who may ask don't always have.
const awaitPeriod = 500 * time.Millisecond

// await reads an object until done says so.
func (a *app) await(ctx context.Context, object client.Object, done func() bool) error {
	err := wait.PollUntilContextTimeout(ctx, awaitPeriod, a.timeout, true, func(ctx context.Context) (bool, error) {
		if err := a.client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return false, err
		}
		return done(), nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s: is the controller running? The request stands, and is answered in the object", a.timeout)
	}
	return err
}
