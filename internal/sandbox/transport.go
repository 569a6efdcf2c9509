package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
)

// RoundTripper serves requests of an http.Client in this process, without a network:
// fast enough for simulations of years. Dropped connections become errors, and the
// hooks of httptrace are called as if the request had been written, so that clients
// which tell "never sent" from "no reply" behave as over a real connection.
func (s *Server) RoundTripper() http.RoundTripper { return roundTripper{s} }

type roundTripper struct{ server *Server }

// RoundTrip does one call.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	inner := r.Clone(ctx)
	inner.RequestURI = r.URL.RequestURI()
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	traceSent(httptrace.ContextClientTrace(ctx))
	answer, err := t.serve(inner)
	if closeErr := inner.Body.Close(); err == nil && closeErr != nil {
		err = closeErr
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", answer.status, http.StatusText(answer.status)), StatusCode: answer.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.header, Body: io.NopCloser(&answer.body), ContentLength: int64(answer.body.Len()), Request: r,
	}, nil
}

func traceSent(trace *httptrace.ClientTrace) {
	if trace == nil {
		return
	}
	if trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	if trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	if trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
}

func (t roundTripper) serve(r *http.Request) (answer *reply, err error) {
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		if dropped, ok := reason.(error); !ok || !errors.Is(dropped, http.ErrAbortHandler) {
			panic(reason)
		}
		err = io.ErrUnexpectedEOF
	}()
	answer = newReply()
	t.server.ServeHTTP(answer, r)
	return answer, nil
}
