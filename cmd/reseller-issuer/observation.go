package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	figures "github.com/reseller-issuer/reseller-issuer/internal/metrics"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// observation is all that looks on: metrics, and traces where they are wanted.
type observation struct {
	activity  *figures.Activity
	collector *figures.Collector
}

func newObservation(_ config, mgr ctrl.Manager, resellers []string) (*observation, error) {
	return &observation{
		activity:  figures.NewActivity(time.Now, resellers...),
		collector: &figures.Collector{Client: mgr.GetClient(), Now: time.Now},
	}, nil
}

// register adds the metrics to those of controller-runtime.
func (o *observation) register(suppliers *order.Suppliers, limits *providers.Limiters) error {
	o.collector.Accounts, o.collector.Load = suppliers.Accounts, limits.Load
	for _, c := range []prometheus.Collector{o.activity, o.collector, figures.Build(version)} {
		if err := metrics.Registry.Register(c); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	return nil
}

// hooks has the calls of the hooks counted that make returns.
func (o *observation) hooks(make order.HookFactory) order.HookFactory {
	return func(ctx context.Context, solver v1alpha1.Solver, secretNamespace string) (dcv.Hook, error) {
		hook, err := make(ctx, solver, secretNamespace)
		if err != nil {
			return nil, err
		}
		return o.activity.Hook(kindOf(solver), hook), nil
	}
}

// kindOf is the member of the union that is set, as users know it from their manifests.
func kindOf(solver v1alpha1.Solver) string {
	solver.Selector = nil
	text, err := json.Marshal(solver)
	if err != nil {
		return "unknown"
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return "unknown"
	}
	for kind := range members {
		return kind
	}
	return "unknown"
}

// Requested implements providers.Observer.
func (o *observation) Requested(ctx context.Context, exchange providers.Exchange) {
	o.activity.Requested(ctx, exchange)
}

// Enter implements order.Monitor.
func (o *observation) Enter(ctx context.Context, current *v1alpha1.ResellerOrder) context.Context {
	return o.activity.Enter(ctx, current)
}

// Stored implements order.Monitor.
func (o *observation) Stored(ctx context.Context, change order.Change) {
	o.activity.Stored(ctx, change)
}
