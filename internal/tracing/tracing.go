// Package tracing shows the way of an order to its certificate as an OpenTelemetry trace.
//
// One issuance is one trace, whichever process works on it: the ids of the trace and of its
// phases are computed from what is stored in the order. A phase is told when it is over, from
// its stored times, so that nothing is lost when a process ends within it; what is told by
// different replicas joins by the ids. Requests to the reseller are spans below their phase.
//
// A span carries names of Kubernetes objects and words of the code, no DNS names, no URLs,
// and no text of a vendor.
package tracing

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// scopeName is that of the instrumentation.
const scopeName = "github.com/reseller-issuer/reseller-issuer"

// Tracer makes the spans. It is the order engine's monitor and the transport's observer.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

var (
	_ order.Monitor      = (*Tracer)(nil)
	_ providers.Observer = (*Tracer)(nil)
)

// New makes a Tracer that hands spans to an exporter, in batches and without ever waiting for
// it: what comes too fast is dropped.
func New(exporter sdk.SpanExporter, options ...sdk.TracerProviderOption) *Tracer {
	provider := sdk.NewTracerProvider(append(options, sdk.WithIDGenerator(identifiers{}), sdk.WithBatcher(exporter))...)
	return &Tracer{provider: provider, tracer: provider.Tracer(scopeName)}
}

// Shutdown hands over what is left.
func (t *Tracer) Shutdown(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Enter implements order.Monitor: requests that are made in the context belong to the
// present phase, and its log lines name the trace.
func (t *Tracer) Enter(ctx context.Context, o *v1alpha1.ResellerOrder) context.Context {
	issuance := o.Status.Issuance
	if issuance == nil {
		return ctx
	}
	id := traceID(o, issuance)
	ctx = log.IntoContext(ctx, log.FromContext(ctx).WithValues("traceID", id.String()))
	return below(ctx, id, phaseID(id, issuance))
}

// Stored implements order.Monitor: it tells of the phase that is over, and of the whole
// when it is.
func (t *Tracer) Stored(ctx context.Context, change order.Change) {
	was, left := change.Left()
	if !left {
		return
	}
	is := change.Order.Status.Issuance
	id := traceID(change.Order, is)
	attributes := trace.WithAttributes(attributesOf(change.Order)...)
	_, phase := t.tracer.Start(identified(below(ctx, id, rootID(id)), id, phaseID(id, &was)), string(was.State),
		attributes, trace.WithTimestamp(was.Since.Time))
	if waiting := change.Before.Waiting; waiting != nil {
		phase.SetAttributes(attribute.String("reseller_issuer.waited_for", waiting.Reason))
	}
	phase.End(trace.WithTimestamp(change.At))
	if is.State != v1alpha1.OrderIssued && is.State != v1alpha1.OrderFailed {
		return
	}
	_, whole := t.tracer.Start(identified(trace.ContextWithSpanContext(ctx, trace.SpanContext{}), id, rootID(id)), "issuance",
		attributes, trace.WithTimestamp(is.StartedAt.Time))
	if is.State == v1alpha1.OrderFailed {
		whole.SetStatus(codes.Error, "the request can't be served")
	}
	whole.End(trace.WithTimestamp(change.At))
}

// Requested implements providers.Observer. Requests outside of an order, such as the check of
// an issuer, are no part of a trace.
func (t *Tracer) Requested(ctx context.Context, e providers.Exchange) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return
	}
	_, span := t.tracer.Start(ctx, e.Provider+" "+e.Operation,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(e.Began),
		trace.WithAttributes(
			attribute.String("reseller_issuer.reseller", e.Provider),
			attribute.String("reseller_issuer.operation", e.Operation),
			attribute.Bool("reseller_issuer.one_shot", e.OneShot),
		))
	if e.Status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", e.Status))
	}
	if e.Err != nil {
		// The kind and not the message, which may quote the vendor.
		span.SetAttributes(attribute.String("error.type", string(providers.KindOf(e.Err))))
		span.SetStatus(codes.Error, string(providers.KindOf(e.Err)))
	}
	span.End(trace.WithTimestamp(e.Ended))
}

func attributesOf(o *v1alpha1.ResellerOrder) []attribute.KeyValue {
	list := []attribute.KeyValue{
		attribute.String("k8s.namespace.name", o.Namespace),
		attribute.String("reseller_issuer.order", o.Name),
		attribute.String("reseller_issuer.issuer", o.Spec.IssuerRef.Kind+"/"+o.Spec.IssuerRef.Name),
		attribute.String("reseller_issuer.issuance", string(o.Status.Issuance.Operation)),
	}
	if o.Spec.Request != nil {
		list = append(list, attribute.String("reseller_issuer.request", o.Spec.Request.Name))
	}
	return list
}

// traceID identifies an issuance by what is stored of it, to the second.
func traceID(o *v1alpha1.ResellerOrder, i *v1alpha1.Issuance) trace.TraceID {
	return trace.TraceID(digest(string(o.UID), i.CSRDigest, i.StartedAt.Time)[:16])
}

func rootID(id trace.TraceID) trace.SpanID {
	return trace.SpanID(digest(id.String(), "issuance", time.Time{})[:8])
}

func phaseID(id trace.TraceID, i *v1alpha1.Issuance) trace.SpanID {
	return trace.SpanID(digest(id.String(), string(i.State), i.Since.Time)[:8])
}

func digest(a, b string, at time.Time) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", a, b, at.Unix()))
	return sum[:]
}

// below makes spans that start in the context children of one that another process, or this
// one at another time, tells of.
func below(ctx context.Context, id trace.TraceID, parent trace.SpanID) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: parent, TraceFlags: trace.FlagsSampled, Remote: true,
	}))
}

type identityKey struct{}

type identity struct {
	trace trace.TraceID
	span  trace.SpanID
}

// identified gives the span that is started in the context its ids.
func identified(ctx context.Context, id trace.TraceID, span trace.SpanID) context.Context {
	return context.WithValue(ctx, identityKey{}, identity{id, span})
}

// identifiers takes ids from the context; spans of requests get one by chance.
type identifiers struct{}

// NewIDs implements sdk.IDGenerator. No trace begins without an identity.
func (g identifiers) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if known, ok := ctx.Value(identityKey{}).(identity); ok {
		return known.trace, known.span
	}
	var id trace.TraceID
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64()) //nolint:gosec // not a secret
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID implements sdk.IDGenerator.
func (identifiers) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if known, ok := ctx.Value(identityKey{}).(identity); ok {
		return known.span
	}
	var id trace.SpanID
	binary.NativeEndian.PutUint64(id[:], max(1, rand.Uint64())) //nolint:gosec // not a secret
	return id
}
