package simulation

import (
	"context"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/simulation/store"
)

// errAPI is what a client sees of an API server that doesn't answer.
var errAPI = errors.New("the API server is not reachable")

// steppingClient is a manager's client whose writes are points of the schedule.
type steppingClient struct {
	*store.Cached
	w *world
}

// write makes a write between its two points.
func (c *steppingClient) write(ctx context.Context, verb string, object client.Object, do func() error) error {
	what := fmt.Sprintf("%s %T", verb, object)
	if c.w.step(ctx, writing, what) == fail {
		return errAPI
	}
	err := do()
	if c.w.step(ctx, written, what) == fail {
		return errAPI
	}
	return err
}

// Create implements client.Writer.
func (c *steppingClient) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	return c.write(ctx, "create", object, func() error { return c.Cached.Create(ctx, object, options...) })
}

// Update implements client.Writer.
func (c *steppingClient) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	return c.write(ctx, "update", object, func() error { return c.Cached.Update(ctx, object, options...) })
}

// Patch implements client.Writer.
func (c *steppingClient) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return c.write(ctx, "patch", object, func() error { return c.Cached.Patch(ctx, object, patch, options...) })
}

// Delete implements client.Writer.
func (c *steppingClient) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	return c.write(ctx, "delete", object, func() error { return c.Cached.Delete(ctx, object, options...) })
}

// Status implements client.StatusClient.
func (c *steppingClient) Status() client.SubResourceWriter {
	return steppingStatus{SubResourceWriter: c.Cached.Status(), c: c}
}

type steppingStatus struct {
	client.SubResourceWriter
	c *steppingClient
}

// Update implements client.SubResourceWriter.
func (s steppingStatus) Update(ctx context.Context, object client.Object, options ...client.SubResourceUpdateOption) error {
	return s.c.write(ctx, "status", object, func() error { return s.SubResourceWriter.Update(ctx, object, options...) })
}

// hook is the one of all solvers.
func (w *world) hook(context.Context, v1alpha1.Solver, string) (dcv.Hook, error) { return w.zone, nil }
