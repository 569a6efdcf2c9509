package tracing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	exportTimeout = 10 * time.Second
	// tracesPath is where receivers take spans (OTLP 1.5, "OTLP/HTTP Request").
	tracesPath = "/v1/traces"
	maxReply   = 64 << 10
)

// Exporter sends spans with OTLP over HTTP in its JSON encoding, which every receiver of
// OTLP/HTTP takes. It isn't otlptracehttp, which would bring gRPC into the binary.
type Exporter struct {
	url    string
	client *http.Client
}

var _ sdk.SpanExporter = (*Exporter)(nil)

// CheckEndpoint reports what is wrong with the base URL of a receiver.
func CheckEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return errors.New("want a URL such as http://collector.monitoring:4318")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return errors.New("it must have no credentials, query or fragment")
	}
	return nil
}

// NewExporter sends to the receiver with the base URL, to which /v1/traces is added.
func NewExporter(endpoint string) (*Exporter, error) {
	if err := CheckEndpoint(endpoint); err != nil {
		return nil, err
	}
	return &Exporter{url: strings.TrimSuffix(endpoint, "/") + tracesPath, client: &http.Client{Timeout: exportTimeout}}, nil
}

// ExportSpans implements sdk.SpanExporter. What the receiver doesn't take is lost.
func (e *Exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	body, err := json.Marshal(encode(spans))
	if err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := e.client.Do(request)
	if err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, maxReply))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("tracing: the receiver answers %s", response.Status)
	}
	return nil
}

// Shutdown implements sdk.SpanExporter.
func (e *Exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

// The messages of opentelemetry-proto, trace/v1/trace.proto, as far as they are used, in the
// JSON mapping that OTLP asks for: ids in hexadecimal digits, 64-bit numbers as text.
type (
	export struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resourceInfo `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resourceInfo struct {
		Attributes []keyValue `json:"attributes,omitempty"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	span struct {
		TraceID           string     `json:"traceId"`
		SpanID            string     `json:"spanId"`
		ParentSpanID      string     `json:"parentSpanId,omitempty"`
		Name              string     `json:"name"`
		Kind              int        `json:"kind"`
		StartTimeUnixNano string     `json:"startTimeUnixNano"`
		EndTimeUnixNano   string     `json:"endTimeUnixNano"`
		Attributes        []keyValue `json:"attributes,omitempty"`
		Status            status     `json:"status"`
	}
	status struct {
		Code    int    `json:"code,omitempty"`
		Message string `json:"message,omitempty"`
	}
	keyValue struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	}
)

// encode puts all spans under the first one's resource: a process has one.
func encode(spans []sdk.ReadOnlySpan) export {
	list := make([]span, 0, len(spans))
	for _, s := range spans {
		list = append(list, encodeSpan(s))
	}
	return export{ResourceSpans: []resourceSpans{{
		Resource:   resourceInfo{Attributes: encodeAttributes(spans[0].Resource().Attributes())},
		ScopeSpans: []scopeSpans{{Scope: scope{Name: scopeName}, Spans: list}},
	}}}
}

func encodeSpan(s sdk.ReadOnlySpan) span {
	encoded := span{
		TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(),
		Name: s.Name(), Kind: kinds[s.SpanKind()],
		StartTimeUnixNano: nanos(s.StartTime()), EndTimeUnixNano: nanos(s.EndTime()),
		Attributes: encodeAttributes(s.Attributes()),
		Status:     status{Code: statusCodes[s.Status().Code], Message: s.Status().Description},
	}
	if s.Parent().HasSpanID() {
		encoded.ParentSpanID = s.Parent().SpanID().String()
	}
	return encoded
}

// Numbers of the protocol, which aren't those of the SDK.
var (
	kinds       = map[trace.SpanKind]int{trace.SpanKindInternal: 1, trace.SpanKindServer: 2, trace.SpanKindClient: 3}
	statusCodes = map[codes.Code]int{codes.Ok: 1, codes.Error: 2}
)

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func encodeAttributes(attributes []attribute.KeyValue) []keyValue {
	list := make([]keyValue, 0, len(attributes))
	for _, a := range attributes {
		value := map[string]any{"stringValue": a.Value.String()}
		switch a.Value.Type() {
		case attribute.BOOL:
			value = map[string]any{"boolValue": a.Value.AsBool()}
		case attribute.INT64:
			value = map[string]any{"intValue": strconv.FormatInt(a.Value.AsInt64(), 10)}
		default:
		}
		list = append(list, keyValue{Key: string(a.Key), Value: value})
	}
	return list
}
