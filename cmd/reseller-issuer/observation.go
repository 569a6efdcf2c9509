package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/time/rate"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	figures "github.com/reseller-issuer/reseller-issuer/internal/metrics"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/tracing"
)

// observation is all that looks on: metrics, and traces where they are wanted.
type observation struct {
	activity  *figures.Activity
	collector *figures.Collector
	// tracer is nil without traces.
	tracer *tracing.Tracer
}

func newObservation(c config, mgr ctrl.Manager, resellers []string) (*observation, error) {
	o := &observation{
		activity:  figures.NewActivity(time.Now, resellers...),
		collector: &figures.Collector{Client: mgr.GetClient(), Now: time.Now},
	}
	if c.tracingEndpoint == "" {
		return o, nil
	}
	var err error
	if o.tracer, err = newTracer(c.tracingEndpoint); err != nil {
		return nil, err
	}
	if err := mgr.Add(afterwards(o.tracer.Shutdown)); err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return o, nil
}

// newTracer names the process in each trace: an order may be served by several.
func newTracer(endpoint string) (*tracing.Tracer, error) {
	exporter, err := tracing.NewExporter(endpoint)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	logger, seldom := ctrl.Log.WithName("tracing"), &rate.Sometimes{First: 1, Interval: time.Minute}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		seldom.Do(func() { logger.Error(err, "traces are lost") })
	}))
	return tracing.New(exporter, sdktrace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", name), attribute.String("service.version", version),
		attribute.String("service.instance.id", fmt.Sprintf("%s-%d", host, os.Getpid())),
	))), nil
}

// flushTimeout bounds what is done with traces at the end of the process.
const flushTimeout = 5 * time.Second

// afterwards runs at the end, when the controllers have ended: the manager ends what needs
// the lease first. It runs in every replica.
type afterwards func(context.Context) error

// Start implements manager.Runnable.
func (f afterwards) Start(ctx context.Context) error {
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	return f(ctx)
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (afterwards) NeedLeaderElection() bool { return false }

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

// hooks has the calls of the hooks counted that inner returns.
func (o *observation) hooks(inner order.HookFactory) order.HookFactory {
	return func(ctx context.Context, solver v1alpha1.Solver, secretNamespace string) (dcv.Hook, error) {
		hook, err := inner(ctx, solver, secretNamespace)
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
	if o.tracer != nil {
		o.tracer.Requested(ctx, exchange)
	}
}

// Enter implements order.Monitor.
func (o *observation) Enter(ctx context.Context, current *v1alpha1.ResellerOrder) context.Context {
	if o.tracer != nil {
		return o.tracer.Enter(ctx, current)
	}
	return ctx
}

// Stored implements order.Monitor.
func (o *observation) Stored(ctx context.Context, change order.Change) {
	o.activity.Stored(ctx, change)
	if o.tracer != nil {
		o.tracer.Stored(ctx, change)
	}
}
