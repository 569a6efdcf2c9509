package httphook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

const token = "hunter2-hunter2"

func txt(t *testing.T) dcv.Request {
	t.Helper()
	r, err := dcv.NewRecord(dcv.TXT, "_dnsauth.example.com", "value")
	require.NoError(t, err)
	r.TTL = time.Minute
	return dcv.Request{ID: "team/site", DNSName: "example.com", Record: r}
}

// hookAt is a hook for a program that answers as handler does.
func hookAt(t *testing.T, handler http.Handler) *Hook {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h, err := New(Config{URL: server.URL + "/dns/v1/", Token: dcv.NewSecret(token), Client: client, Timeout: 5 * time.Second, Now: func() time.Time { return time.Unix(1000, 0) }})
	require.NoError(t, err)
	return h
}

func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	var got []string
	h := hookAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "Bearer "+token, r.Header.Get("Authorization"))
		got = append(got, strings.TrimSpace(fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.Header.Get("Content-Type"), " ", string(body))))
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"state":"Done","types":["TXT"]}`)
	}))
	state, err := h.Present(t.Context(), txt(t))
	require.NoError(t, err)
	assert.Equal(t, dcv.State{Phase: dcv.Done}, state)
	require.NoError(t, h.CleanUp(t.Context(), txt(t)))
	require.NoError(t, h.Probe(t.Context()))
	body := ` application/json {"id":"team/site","dnsName":"example.com","record":{"type":"TXT","name":"_dnsauth.example.com.","value":"value","ttl":60}}`
	assert.Equal(t, []string{"POST /dns/v1/present" + body, "POST /dns/v1/cleanup" + body, "GET /dns/v1/capabilities"}, got)
}

func answer(status int, media, body string, headers ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handler http.Handler
		want    error // nil: transient
		says    string
		hides   string
	}{
		"conflict":        {answer(409, mediaProblem, `{"detail":"www is a CNAME"}`), dcv.ErrConflict, "www is a CNAME", ""},
		"wrong token":     {answer(401, mediaProblem, `{"title":"Unauthorized"}`), dcv.ErrDenied, "correct the token", ""},
		"denied":          {answer(403, mediaProblem, `{"detail":"no rights"}`), dcv.ErrDenied, "no rights", ""},
		"unsupported":     {answer(422, mediaProblem, `{"detail":"zone not here"}`), dcv.ErrUnsupported, "zone not here", ""},
		"wrong url":       {answer(404, "text/html", "internal wiki page"), dcv.ErrUnsupported, "status 404", "wiki"},
		"redirect":        {answer(307, "text/plain", "", "Location", "/elsewhere"), dcv.ErrUnsupported, "correct the url", ""},
		"bad gateway":     {answer(502, mediaProblem, `{"detail":"the API is down"}`), nil, "the API is down", ""},
		"plain 500":       {answer(500, "text/plain", "stack trace"), nil, "status 500", "stack"},
		"broken problem":  {answer(500, mediaProblem, "{"), nil, "status 500", ""},
		"echoed token":    {answer(403, mediaProblem, `{"detail":"token `+token+` is old"}`), dcv.ErrDenied, "token *** is old", token},
		"timeout status":  {answer(408, mediaProblem, `{}`), nil, "status 408", ""},
		"not json":        {answer(200, "text/html", "<html>"), nil, "without application/json", "<html>"},
		"broken json":     {answer(200, mediaJSON, "{"), nil, "expected JSON", ""},
		"unknown state":   {answer(200, mediaJSON, `{"state":"Maybe"}`), nil, `state "Maybe"`, ""},
		"too long":        {answer(200, mediaJSON, `{"state":"`+strings.Repeat("x", maxBody)+`"}`), nil, "more than 65536 bytes", "xxxx"},
		"connection lost": {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), nil, "gives no answer", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := hookAt(t, tt.handler)
			_, err := h.Present(t.Context(), txt(t))
			require.ErrorContains(t, err, tt.says)
			assert.ErrorContains(t, err, "_dnsauth.example.com.")
			if tt.hides != "" {
				assert.NotContains(t, err.Error(), tt.hides)
			}
			for _, terminal := range []error{dcv.ErrConflict, dcv.ErrDenied, dcv.ErrUnsupported} {
				assert.Equal(t, errors.Is(tt.want, terminal), errors.Is(err, terminal), "%v", terminal)
			}
		})
	}
}

func TestPending(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handler http.Handler
		after   time.Duration
		says    string
	}{
		"with a time":    {answer(200, mediaJSON, `{"state":"Pending","retryAfter":7,"message":"change\n42"}`), 7 * time.Second, "change 42"},
		"without":        {answer(200, mediaJSON, `{"state":"Pending"}`), 5 * time.Second, "works on it"},
		"too long":       {answer(200, mediaJSON, `{"state":"Pending","retryAfter":99999999}`), time.Hour, "works on it"},
		"throttled":      {answer(429, mediaProblem, `{"detail":"slowly"}`, "Retry-After", "90"), 90 * time.Second, "slowly"},
		"throttled date": {answer(429, mediaProblem, `{}`, "Retry-After", time.Unix(1040, 0).UTC().Format(http.TimeFormat)), 40 * time.Second, "429"},
		"unavailable":    {answer(503, "text/plain", "", "Retry-After", "3"), 3 * time.Second, "503"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, err := hookAt(t, tt.handler).Present(t.Context(), txt(t))
			require.NoError(t, err)
			assert.Equal(t, dcv.Pending, state.Phase)
			assert.Equal(t, tt.after, state.RetryAfter)
			assert.Contains(t, state.Message, tt.says)
		})
	}
	err := hookAt(t, answer(429, mediaProblem, `{}`)).CleanUp(t.Context(), txt(t))
	require.ErrorContains(t, err, "trying again in 30s")
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	h := hookAt(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release) })
	h.config.Timeout = 50 * time.Millisecond
	_, err := h.Present(t.Context(), txt(t))
	require.ErrorContains(t, err, "gives no answer")
	assert.ErrorContains(t, err, "deadline")
}

func TestProbe(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, hookAt(t, answer(401, mediaProblem, `{}`)).Probe(t.Context()), dcv.ErrDenied)
	err := hookAt(t, answer(200, mediaJSON, `{"types":["CAA"]}`)).Probe(t.Context())
	require.ErrorIs(t, err, dcv.ErrUnsupported)
	assert.ErrorContains(t, err, "neither TXT nor CNAME")
}

func TestInvalidRecordIsNotSent(t *testing.T) {
	t.Parallel()
	h := hookAt(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("called") }))
	_, err := h.Present(t.Context(), dcv.Request{})
	require.ErrorIs(t, err, dcv.ErrUnsupported)
	require.ErrorIs(t, h.CleanUp(context.Background(), dcv.Request{}), dcv.ErrUnsupported)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*Config)
		says   string
	}{
		"no url":      {func(c *Config) { c.URL = "" }, "url"},
		"no host":     {func(c *Config) { c.URL = "https:///v1" }, "url"},
		"ftp":         {func(c *Config) { c.URL = "ftp://hook.example" }, "url"},
		"credentials": {func(c *Config) { c.URL = "https://user:hunter2@hook.example" }, "without credentials"},
		"query":       {func(c *Config) { c.URL = "https://hook.example/?key=hunter2" }, "query"},
		"no token":    {func(c *Config) { c.Token = dcv.Secret{} }, "token"},
		"no client":   {func(c *Config) { c.Client = nil }, "client"},
		"timeout":     {func(c *Config) { c.Timeout = -1 }, "timeout"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{URL: "https://hook.example", Token: dcv.NewSecret("t"), Client: http.DefaultClient}
			tt.change(&c)
			_, err := New(c)
			require.ErrorContains(t, err, tt.says)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}
