package providers

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dropping answers until it is armed, then counts each request and hangs up without an answer.
type dropping struct {
	armed atomic.Bool
	hits  atomic.Int32
}

func (d *dropping) serve(t *testing.T) string {
	return newServer(t, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		assert.NoError(t, err)
		if !d.armed.Load() {
			_, err := io.WriteString(w, "ok")
			assert.NoError(t, err)
			return
		}
		d.hits.Add(1)
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			assert.NoError(t, conn.Close())
		}
	}).URL
}

// TestOneShotIsSentOnce pins the reason for the second transport: on a connection that was used
// before, net/http sends a GET again when the server hangs up.
func TestOneShotIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method  string
		header  string
		oneShot bool
		hits    int32
		want    Kind
	}{
		"read is repeated by net/http": {http.MethodGet, "", false, 2, Unavailable},
		"GET":                          {http.MethodGet, "", true, 1, Ambiguous},
		"POST":                         {http.MethodPost, "", true, 1, Ambiguous},
		"PUT":                          {http.MethodPut, "", true, 1, Ambiguous},
		"DELETE":                       {http.MethodDelete, "", true, 1, Ambiguous},
		"POST with idempotency key":    {http.MethodPost, "Idempotency-Key", true, 1, Ambiguous},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var server dropping
			address := server.serve(t)
			client := NewHTTPClient(direct())
			t.Cleanup(client.CloseIdleConnections)
			for range 2 { // leaves an idle connection that was used before
				_, err := get(t, client, address)
				require.NoError(t, err)
			}
			server.armed.Store(true)

			var body io.Reader
			if tt.method != http.MethodGet {
				body = strings.NewReader("a body that net/http can rewind")
			}
			req := newRequest(t, tt.method, address, body)
			if tt.header != "" {
				req.Header.Set(tt.header, "1")
			}
			_, err := Do(t.Context(), client, req, Call{OneShot: tt.oneShot})
			assert.Equal(t, tt.want, KindOf(err))
			assert.Equal(t, tt.hits, server.hits.Load())
		})
	}
}

func TestOneShotNeedsOurClient(t *testing.T) {
	t.Parallel()
	var server dropping
	server.armed.Store(true)
	req := newRequest(t, http.MethodPost, server.serve(t), nil)
	_, err := Do(t.Context(), http.DefaultClient, req, Call{OneShot: true})
	assert.Equal(t, Invalid, KindOf(err))
	assert.Zero(t, server.hits.Load())
}

// rawServer sends one fixed text as the answer to each connection's request, then hangs up.
func rawServer(t *testing.T, answer string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// The client may hang up at any time: its view of the outcome is what is tested.
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}

func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return "http://" + listener.Addr().String()
}

func TestTransportErrors(t *testing.T) {
	t.Parallel()
	untrusted, _ := newTLSServer(t, nil)
	tests := map[string]struct {
		address string
		sent    bool // the request may have been seen
	}{
		"connection refused":   {closedPort(t), false},
		"no TLS":               {strings.Replace(rawServer(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), "http:", "https:", 1), false},
		"untrusted":            {untrusted.URL, false},
		"hangs up":             {rawServer(t, ""), true},
		"no HTTP":              {rawServer(t, "hello\r\n\r\n"), true},
		"cut header":           {rawServer(t, "HTTP/1.1 200 OK\r\nContent-Le"), true},
		"cut body":             {rawServer(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"), true},
		"damaged compression":  {rawServer(t, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"), true},
		"header without bound": {rawServer(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 2*maxHeader)+"\r\n\r\n"), true},
	}
	for name, tt := range tests {
		for _, oneShot := range []bool{false, true} {
			t.Run(name+map[bool]string{false: "/read", true: "/one-shot"}[oneShot], func(t *testing.T) {
				t.Parallel()
				client := NewHTTPClient(direct())
				req := newRequest(t, http.MethodPost, tt.address+"/path?apikey=hunter2", strings.NewReader("pw=hunter2"))
				_, err := Do(t.Context(), client, req, Call{Provider: "test", Operation: "buy", OneShot: oneShot})
				want := Unavailable
				if oneShot && tt.sent {
					want = Ambiguous
				}
				assert.Equal(t, want, KindOf(err), err)
				requireClean(t, err, "hunter2", "path")
			})
		}
	}
}

// requireClean checks the whole chain of an error for texts that must not be there.
func requireClean(t *testing.T, err error, texts ...string) {
	t.Helper()
	var failure *Error
	require.ErrorAs(t, err, &failure)
	assert.LessOrEqual(t, len(failure.Message), 300)
	var leak *url.Error
	assert.NotErrorAs(t, err, &leak)
	for ; err != nil; err = errors.Unwrap(err) {
		for _, text := range texts {
			assert.NotContains(t, err.Error(), text)
		}
	}
}

func TestContextErrors(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 16)
	stop := make(chan struct{})
	server := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(stop) })
	client := NewHTTPClient(direct())

	t.Run("cancelled before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Do(ctx, client, newRequest(t, http.MethodPost, server.URL, nil), Call{OneShot: true})
		assert.Equal(t, Unavailable, KindOf(err))
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("cancelled under way", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		_, err := Do(ctx, client, newRequest(t, http.MethodPost, server.URL, nil), Call{OneShot: true})
		assert.Equal(t, Ambiguous, KindOf(err))
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("time-out of a read", func(t *testing.T) {
		_, err := Do(t.Context(), client, newRequest(t, http.MethodGet, server.URL, nil), Call{Timeout: 50 * time.Millisecond})
		assert.Equal(t, Unavailable, KindOf(err))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("time-out of a one-shot call", func(t *testing.T) {
		_, err := Do(t.Context(), client, newRequest(t, http.MethodGet, server.URL, nil), Call{OneShot: true, Timeout: 500 * time.Millisecond})
		assert.Equal(t, Ambiguous, KindOf(err))
	})
	t.Run("only reads have a header time-out", func(t *testing.T) {
		options := direct()
		options.HeaderTimeout = 20 * time.Millisecond
		impatient := NewHTTPClient(options)
		_, err := Do(t.Context(), impatient, newRequest(t, http.MethodGet, server.URL, nil), Call{})
		require.ErrorContains(t, err, "awaiting response headers")
		_, err = Do(t.Context(), impatient, newRequest(t, http.MethodGet, server.URL, nil), Call{OneShot: true, Timeout: 100 * time.Millisecond})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		body := bytes.Repeat([]byte("x"), 1000)
		if r.URL.Path == "/gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			zipper := gzip.NewWriter(w)
			_, err := zipper.Write(body)
			assert.NoError(t, errors.Join(err, zipper.Close()))
			return
		}
		_, err := w.Write(body)
		assert.NoError(t, err)
	})
	client := NewHTTPClient(direct())
	t.Cleanup(client.CloseIdleConnections)
	for name, tt := range map[string]struct {
		path string
		call Call
		want Kind
	}{
		"fits":            {"/", Call{MaxBody: 1000}, ""},
		"default":         {"/", Call{}, ""},
		"too large":       {"/", Call{MaxBody: 999}, Unavailable},
		"one-shot":        {"/", Call{MaxBody: 999, OneShot: true}, Ambiguous},
		"compressed":      {"/gzip", Call{MaxBody: 999}, Unavailable},
		"compressed fits": {"/gzip", Call{MaxBody: 1000}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Do(t.Context(), client, newRequest(t, http.MethodGet, server.URL+tt.path, nil), tt.call)
			assert.Equal(t, tt.want, KindOf(err))
			if err == nil {
				assert.Len(t, got.Body, 1000)
			}
		})
	}
}

func TestThrottling(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for name, tt := range map[string]struct {
		status  int
		header  string
		oneShot bool
		want    Kind
		wait    time.Duration
	}{
		"seconds":              {429, "17", false, Throttled, 17 * time.Second},
		"one-shot":             {429, "17", true, Throttled, 17 * time.Second},
		"date":                 {429, date(90 * time.Second), false, Throttled, 90 * time.Second},
		"past":                 {429, date(-time.Hour), false, Throttled, time.Second},
		"zero":                 {429, "0", false, Throttled, time.Second},
		"negative":             {429, "-5", false, Throttled, time.Second},
		"far":                  {429, "99999999", false, Throttled, 24 * time.Hour},
		"far date":             {429, date(1000 * time.Hour), false, Throttled, 24 * time.Hour},
		"overflow":             {429, "99999999999999999999", false, Throttled, time.Minute},
		"not told":             {429, "", false, Throttled, time.Minute},
		"nonsense":             {429, "soon", false, Throttled, time.Minute},
		"503":                  {503, "5", false, Throttled, 5 * time.Second},
		"503 of a one-shot":    {503, "5", true, Ambiguous, 5 * time.Second},
		"503 without a header": {503, "", false, "", 0},
		"200 with the header":  {200, "5", false, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.header != "" {
					w.Header().Set("Retry-After", tt.header)
				}
				w.WriteHeader(tt.status)
			})
			client := NewHTTPClient(direct())
			t.Cleanup(client.CloseIdleConnections)
			got, err := Do(t.Context(), client, newRequest(t, http.MethodPost, server.URL, nil), Call{OneShot: tt.oneShot, Now: func() time.Time { return now }})
			assert.Equal(t, tt.want, KindOf(err))
			assert.Equal(t, tt.status, got.Status)
			if failure, ok := errors.AsType[*Error](err); ok {
				assert.Equal(t, tt.wait, failure.RetryAfter)
			}
		})
	}
}

func TestUnexpected(t *testing.T) {
	t.Parallel()
	answer := Response{Status: 502, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: []byte("<html>hunter2</html>")}
	read := Call{Provider: "test", Operation: "order"}.Unexpected(answer)
	assert.Equal(t, Unavailable, read.Kind)
	assert.Equal(t, "test: order: unexpected answer: HTTP status 502, 20 bytes of text/html", read.Error())
	answer.Header = nil
	assert.Equal(t, Ambiguous, Call{OneShot: true}.Unexpected(answer).Kind)
}
