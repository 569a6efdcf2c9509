package tracing

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

var begin = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// receiver takes what exporters send.
type receiver struct {
	mu       sync.Mutex
	spans    []span
	replicas map[string]bool
	status   int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var body export
	decoder := json.NewDecoder(io.LimitReader(request.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if request.URL.Path != "/v1/traces" || request.Header.Get("Content-Type") != "application/json" || decoder.Decode(&body) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, resource := range body.ResourceSpans {
		for _, a := range resource.Resource.Attributes {
			r.replicas[a.Value["stringValue"].(string)] = true
		}
		for _, s := range resource.ScopeSpans {
			r.spans = append(r.spans, s.Spans...)
		}
	}
	w.WriteHeader(r.status)
}

func (r *receiver) named(t *testing.T, name string) span {
	t.Helper()
	var found []span
	for _, s := range r.spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	require.Len(t, found, 1, "spans %s of %+v", name, r.spans)
	return found[0]
}

func (s span) attributes() map[string]any {
	values := map[string]any{}
	for _, a := range s.Attributes {
		for _, value := range a.Value {
			values[a.Key] = value
		}
	}
	return values
}

// replica is a Tracer of one process.
func replica(t *testing.T, url, name string) *Tracer {
	t.Helper()
	exporter, err := NewExporter(url + "/")
	require.NoError(t, err)
	return New(exporter, sdk.WithResource(resource.NewSchemaless(attribute.String("service.instance.id", name))))
}

func issuance(state v1alpha1.OrderState, since time.Duration) *v1alpha1.Issuance {
	return &v1alpha1.Issuance{
		Operation: v1alpha1.OperationPurchase, CSRDigest: "digest", State: state,
		StartedAt: metav1.NewTime(begin), Since: metav1.NewTime(begin.Add(since)),
	}
}

func orderIn(i *v1alpha1.Issuance) *v1alpha1.ResellerOrder {
	return &v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web", UID: "order"},
		Spec: v1alpha1.ResellerOrderSpec{
			IssuerRef: v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: "team", Name: "shop"},
			Request:   &v1alpha1.OrderRequest{Name: "web-1", Names: []string{"secret-project.example.com"}},
		},
		Status: v1alpha1.ResellerOrderStatus{Issuance: i},
	}
}

// step is one step of an order in a process that has read it from the API.
func step(t *testing.T, tracer *Tracer, was, is *v1alpha1.Issuance, after time.Duration, requests ...providers.Exchange) {
	t.Helper()
	ctx := tracer.Enter(t.Context(), orderIn(was))
	for _, e := range requests {
		tracer.Requested(ctx, e)
	}
	before := &v1alpha1.ResellerOrderStatus{Issuance: was, Waiting: &v1alpha1.Waiting{Reason: "AwaitingValidation"}}
	tracer.Stored(ctx, order.Change{Before: before, Order: orderIn(is), At: begin.Add(after)})
}

// TestOneTraceOverReplicas has one process buy and another one finish: both tell of one trace.
func TestOneTraceOverReplicas(t *testing.T) {
	t.Parallel()
	r := &receiver{replicas: map[string]bool{}, status: http.StatusOK}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)

	first := replica(t, server.URL, "a")
	// In the process that starts it, the time has parts of a second.
	fresh := issuance(v1alpha1.OrderOrdering, 0)
	fresh.StartedAt = metav1.NewTime(begin.Add(123 * time.Millisecond))
	step(t, first, nil, fresh, 0)
	step(t, first, fresh, issuance(v1alpha1.OrderValidating, 2*time.Second), 2*time.Second, providers.Exchange{
		Provider: "cyberssl", Operation: "buy", OneShot: true, Status: 200, Began: begin, Ended: begin.Add(time.Second),
	})
	validating := issuance(v1alpha1.OrderValidating, 2*time.Second)
	step(t, first, validating, validating, 3*time.Second, providers.Exchange{
		Provider: "cyberssl", Operation: "order", Began: begin.Add(2 * time.Second), Ended: begin.Add(3 * time.Second),
		Err: &providers.Error{Kind: providers.Unavailable, Message: "https://api.example/?key=TOPSECRET"},
	})
	require.NoError(t, first.Shutdown(t.Context()))

	second := replica(t, server.URL, "b")
	second.Requested(t.Context(), providers.Exchange{Provider: "cyberssl", Operation: "balance"})
	step(t, second, validating, issuance(v1alpha1.OrderIssued, time.Hour), time.Hour)
	step(t, second, issuance(v1alpha1.OrderIssued, time.Hour), nil, 2*time.Hour)
	require.NoError(t, second.Shutdown(t.Context()))

	assert.Equal(t, map[string]bool{"a": true, "b": true}, r.replicas)
	require.Len(t, r.spans, 5)
	root, ordering, phase := r.named(t, "issuance"), r.named(t, "Ordering"), r.named(t, "Validating")
	buy, poll := r.named(t, "cyberssl buy"), r.named(t, "cyberssl order")
	for _, s := range r.spans {
		assert.Equal(t, root.TraceID, s.TraceID, s.Name)
	}
	assert.Empty(t, root.ParentSpanID)
	assert.Equal(t, root.SpanID, ordering.ParentSpanID)
	assert.Equal(t, root.SpanID, phase.ParentSpanID)
	assert.Equal(t, ordering.SpanID, buy.ParentSpanID)
	assert.Equal(t, phase.SpanID, poll.ParentSpanID, "the phase ended in another process")
	assert.Equal(t, strconv.FormatInt(begin.Add(2*time.Second).UnixNano(), 10), phase.StartTimeUnixNano, "from the stored time")
	assert.Equal(t, strconv.FormatInt(begin.Add(time.Hour).UnixNano(), 10), phase.EndTimeUnixNano)
	assert.Equal(t, strconv.FormatInt(begin.UnixNano(), 10), root.StartTimeUnixNano)
	assert.Equal(t, "web", root.attributes()["reseller_issuer.order"])
	assert.Equal(t, "AwaitingValidation", phase.attributes()["reseller_issuer.waited_for"])
	assert.Equal(t, true, buy.attributes()["reseller_issuer.one_shot"])
	assert.Equal(t, "200", buy.attributes()["http.response.status_code"])
	assert.Equal(t, 3, buy.Kind)
	assert.Equal(t, "Unavailable", poll.attributes()["error.type"])
	assert.Equal(t, 2, poll.Status.Code)
	text, err := json.Marshal(r.spans)
	require.NoError(t, err)
	for _, secret := range []string{"TOPSECRET", "api.example", "secret-project"} {
		assert.NotContains(t, string(text), secret)
	}
}

func TestIssuancesAreTracesOfTheirOwn(t *testing.T) {
	t.Parallel()
	one := issuance(v1alpha1.OrderOrdering, 0)
	next, key := *one, *one
	next.StartedAt = metav1.NewTime(begin.Add(time.Hour))
	key.CSRDigest = "another"
	other := orderIn(one)
	other.UID = "other"
	ids := map[string]bool{
		traceID(orderIn(one), one).String(): true, traceID(orderIn(one), &next).String(): true,
		traceID(orderIn(one), &key).String(): true, traceID(other, one).String(): true,
	}
	assert.Len(t, ids, 4)
}

func TestFailedIssuance(t *testing.T) {
	t.Parallel()
	r := &receiver{replicas: map[string]bool{}, status: http.StatusAccepted}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	tracer := replica(t, server.URL, "a")
	step(t, tracer, issuance(v1alpha1.OrderPreflight, 0), issuance(v1alpha1.OrderFailed, time.Second), time.Second)
	require.NoError(t, tracer.Shutdown(t.Context()))
	assert.Equal(t, 2, r.named(t, "issuance").Status.Code)
}

func TestRefusedExport(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&receiver{replicas: map[string]bool{}, status: http.StatusServiceUnavailable})
	exporter, err := NewExporter(server.URL)
	require.NoError(t, err)
	spans := tracetest.SpanStubs{{Name: "Validating"}}.Snapshots()
	require.ErrorContains(t, exporter.ExportSpans(t.Context(), spans), "the receiver answers 503")
	require.NoError(t, exporter.ExportSpans(t.Context(), nil))
	server.Close()
	require.ErrorContains(t, exporter.ExportSpans(t.Context(), spans), "tracing: ")
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	for endpoint, text := range map[string]string{
		"http://collector:4318": "", "https://collector.example/otlp": "",
		"collector:4318": "want a URL", "ftp://x": "want a URL", "http://": "want a URL", "http://a b": "want a URL",
		"http://me:word@x": "no credentials", "http://x?a=b": "no credentials",
	} {
		_, err := NewExporter(endpoint)
		if text == "" {
			assert.NoError(t, err, endpoint)
		} else {
			assert.ErrorContains(t, err, text, endpoint)
			assert.NotContains(t, err.Error(), "word")
		}
	}
}

// TestIdentifiers has ids also where nobody gave any.
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	id, span := identifiers{}.NewIDs(context.Background())
	assert.True(t, id.IsValid())
	assert.True(t, span.IsValid())
	assert.NotEqual(t, strings.Repeat("0", 16), identifiers{}.NewSpanID(context.Background(), id).String())
}
