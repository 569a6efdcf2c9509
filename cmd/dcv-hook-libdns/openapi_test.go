package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/httphook"
)

const (
	documentFile = "../../docs/reference/dcv-hook.openapi.yaml"
	token        = "0123456789abcdef0123456789abcdef"
)

// referee checks what goes over the wire, in both directions, against the document.
type referee struct {
	next   http.RoundTripper
	router routers.Router

	mu   sync.Mutex
	seen map[string]bool // "method path status"
}

func newReferee(t *testing.T, server *httptest.Server) *referee {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromFile(documentFile)
	require.NoError(t, err)
	require.NoError(t, document.Validate(t.Context()))
	document.Servers = openapi3.Servers{{URL: server.URL + prefix}}
	router, err := gorillamux.NewRouter(document)
	require.NoError(t, err)
	return &referee{next: server.Client().Transport, router: router, seen: map[string]bool{}}
}

// RoundTrip fails where request or answer isn't as the document says.
func (r *referee) RoundTrip(req *http.Request) (*http.Response, error) {
	route, parameters, err := r.router.FindRoute(req)
	if err != nil {
		return nil, err
	}
	input := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: func(_ context.Context, a *openapi3filter.AuthenticationInput) error {
			if !strings.HasPrefix(a.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ") {
				return errors.New("no bearer token")
			}
			return nil
		}, IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateRequest(req.Context(), input); err != nil {
		return nil, err
	}
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header, Options: input.Options,
		Body: io.NopCloser(bytes.NewReader(body)),
	}
	if err := openapi3filter.ValidateResponse(req.Context(), answer); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.seen[req.Method+" "+route.Path+" "+http.StatusText(resp.StatusCode)] = true
	r.mu.Unlock()
	return resp, nil
}

// program runs the program's server over zones; the hook calls it past the referee.
func program(t *testing.T, token string, zones ...*zone) (*httphook.Hook, *referee) {
	t.Helper()
	const right = "0123456789abcdef0123456789abcdef"
	server := httptest.NewUnstartedServer(nil)
	server.Config = newServer(router{zones: zones}, nil, func() (dcv.Secret, error) { return dcv.NewSecret(right), nil }, slog.New(slog.DiscardHandler))
	server.StartTLS()
	t.Cleanup(server.Close)
	check := newReferee(t, server)
	hook, err := httphook.New(httphook.Config{URL: server.URL + prefix, Token: dcv.NewSecret(token), Client: &http.Client{Transport: check}})
	require.NoError(t, err)
	return hook, check
}

// TestProtocol has the controller's client and this server talk, with every kind of answer,
// as the OpenAPI document says.
func TestProtocol(t *testing.T) {
	t.Parallel()
	m := &memory{records: existing()}
	z := zoneOver(m, kind{})
	hook, check := program(t, token, z)
	require.NoError(t, hook.Probe(t.Context()))
	req := request(t, dcv.TXT, "_a.example.com", "v")
	req.DNSName, req.Record.TTL = "*.example.com", 2*time.Minute
	state, err := hook.Present(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, dcv.State{}, state)
	assert.Contains(t, m.held(), "_a TXT v 2m0s")
	require.NoError(t, hook.CleanUp(t.Context(), req))

	_, err = hook.Present(t.Context(), request(t, dcv.TXT, "taken.example.com", "v"))
	require.ErrorIs(t, err, dcv.ErrConflict)
	require.ErrorContains(t, err, "elsewhere.example.net.")
	_, err = hook.Present(t.Context(), request(t, dcv.TXT, "_a.child.example.com", "v"))
	require.ErrorIs(t, err, dcv.ErrDenied)
	_, err = hook.Present(t.Context(), request(t, dcv.TXT, "_a.example.org", "v"))
	require.ErrorIs(t, err, dcv.ErrUnsupported)
	require.ErrorContains(t, err, "in none of the zones of this hook, which are example.com.")

	m.fail = map[string]error{"list": errors.New("outage")}
	_, err = hook.Present(t.Context(), req)
	require.ErrorContains(t, err, "outage")
	require.ErrorContains(t, hook.CleanUp(t.Context(), req), "outage")
	m.fail, m.block, z.patience = nil, make(chan struct{}), time.Millisecond
	t.Cleanup(func() { close(m.block) })
	state, err = hook.Present(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, dcv.Pending, state.Phase)
	assert.Equal(t, comeBack, state.RetryAfter)

	stranger, unauthorized := program(t, "another-token-of-some-length", z)
	require.ErrorIs(t, stranger.Probe(t.Context()), dcv.ErrDenied)
	assert.Contains(t, unauthorized.seen, "GET /capabilities Unauthorized")
	for _, exchange := range []string{
		"GET /capabilities OK", "POST /present OK", "POST /present Conflict", "POST /present Forbidden", "POST /present Unprocessable Entity",
		"POST /present Bad Gateway", "POST /cleanup No Content", "POST /cleanup Bad Gateway",
	} {
		assert.Contains(t, check.seen, exchange)
	}
}

func TestHealthNeedsNoToken(t *testing.T) {
	t.Parallel()
	server := newServer(router{}, nil, func() (dcv.Secret, error) { return dcv.NewSecret(token), nil }, slog.New(slog.DiscardHandler))
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/v1/capabilities": http.StatusUnauthorized, "/": http.StatusNotFound} {
		w := httptest.NewRecorder()
		server.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		assert.Equal(t, want, w.Code, path)
	}
}
