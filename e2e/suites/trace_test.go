package suites

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// traces is a receiver of OpenTelemetry traces.
type traces struct {
	mu    sync.Mutex
	texts []string
	spans []receivedSpan
}

type receivedSpan struct {
	TraceID      string `json:"traceId"`
	SpanID       string `json:"spanId"`
	ParentSpanID string `json:"parentSpanId"`
	Name         string `json:"name"`
	Attributes   []struct {
		Key   string
		Value struct{ StringValue string }
	} `json:"attributes"`
	process string
}

func (s receivedSpan) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.StringValue
		}
	}
	return ""
}

func (r *traces) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var body struct {
		ResourceSpans []struct {
			Resource   receivedSpan
			ScopeSpans []struct{ Spans []receivedSpan }
		}
	}
	if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range body.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				span.process = resource.Resource.attribute("service.instance.id")
				r.spans = append(r.spans, span)
			}
		}
	}
	text, _ := json.Marshal(body)
	r.texts = append(r.texts, string(text))
}

// of are the spans of the trace of an order, once it is whole.
func (r *traces) of(order *v1alpha1.ResellerOrder) []receivedSpan {
	r.mu.Lock()
	defer r.mu.Unlock()
	var own []receivedSpan
	for _, root := range r.spans {
		if root.Name != "issuance" || root.attribute("reseller_issuer.order") != order.Name {
			continue
		}
		for _, span := range r.spans {
			if span.TraceID == root.TraceID {
				own = append(own, span)
			}
		}
	}
	return own
}

// TestTrace has the controller stopped between purchase and certificate: what both processes
// tell is one trace. Not parallel: it restarts everybody's controller.
func TestTrace(t *testing.T) {
	s := newScene(t)
	received := &traces{}
	server := httptest.NewServer(received)
	t.Cleanup(server.Close)
	tracing := "--tracing-endpoint=" + server.URL
	require.NoError(t, world.RestartController(t.Context(), tracing))
	t.Cleanup(func() { require.NoError(t, world.RestartController(worldContext(t))) })
	name := "www." + s.domain
	require.NoError(t, world.Inject(t.Context(), sandbox.Fault{Kind: sandbox.FaultSlow, CommonName: name, Delay: 8 * time.Second}))
	certificate := s.certificate("site", s.issuer(s.settings(productSingle)), name)
	s.create(certificate)
	s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		assert.Equal(c, v1alpha1.OrderIssuing, order.Status.State, order.Status.Message)
	})
	require.NoError(t, world.RestartController(t.Context(), tracing))
	s.awaitReady(certificate)
	var spans []receivedSpan
	s.eventually(func(c *assert.CollectT) {
		spans = received.of(s.order(c))
		whole := slices.ContainsFunc(spans, func(span receivedSpan) bool { return span.Name == "issuance" })
		assert.True(c, whole, "batches are sent every few seconds")
	})
	processes, byName, ids := map[string]bool{}, map[string]receivedSpan{}, map[string]bool{}
	for _, span := range spans {
		processes[span.process] = true
		byName[span.Name] = span
		ids[span.SpanID] = true
	}
	assert.Len(t, processes, 2, "both processes tell of one trace")
	for _, phase := range []string{"issuance", "Preflight", "Publishing", "Validating", "Issuing", "cyberssl buy", "cyberssl order"} {
		assert.Contains(t, byName, phase)
	}
	assert.Equal(t, byName["Publishing"].SpanID, byName["cyberssl buy"].ParentSpanID)
	for _, span := range spans {
		assert.True(t, span.ParentSpanID == "" || ids[span.ParentSpanID], "%s hangs in the air", span.Name)
	}
	for _, text := range received.texts {
		require.NoError(t, discloses("a trace", text))
		assert.NotContains(t, text, s.domain, "no DNS names")
	}
}
