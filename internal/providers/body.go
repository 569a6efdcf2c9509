package providers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	defaultMaxBody    = 1 << 20
	defaultTimeout    = 60 * time.Second
	defaultRetryAfter = time.Minute
	maxRetryAfter     = 24 * time.Hour
)

// Call describes one request to [Do].
type Call struct {
	// Provider and Operation go into errors.
	Provider, Operation string
	// OneShot marks a call that takes an [Intent]: it is sent at most once, on a connection of its
	// own, and an unclear end is Ambiguous.
	OneShot bool
	// MaxBody bounds the answer in bytes after decompression, 1 MiB by default.
	MaxBody int64
	// Timeout bounds the whole call, 60 s by default; an earlier deadline of the context holds.
	Timeout time.Duration
	// Redactor knows the account's secrets.
	Redactor Redactor
	// Now is the clock for Retry-After dates, time.Now by default.
	Now func() time.Time
}

// Response is an answer whose body was read completely.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends one request and reads the answer. It returns every answer that came completely, whatever
// its status, except where the server asks to come back later; the provider reads the rest.
//
// Errors are *Error and never contain a URL's path or query, a header or a body:
//   - No or no complete answer, or one over MaxBody: Unavailable. For a one-shot call this is
//     Ambiguous, unless there was not even a connection (DNS, connect, proxy, TLS, cancelled before).
//   - Status 429: Throttled. Status 503 with Retry-After: Throttled for a read; Ambiguous for a
//     one-shot call, since gateways say 503 also after they lost a backend that was already at work.
//
// The client must come from [NewHTTPClient]; for a one-shot call anything else is refused as
// Invalid, because it might send the request twice.
func Do(ctx context.Context, client *http.Client, req *http.Request, call Call) (Response, error) {
	known, ok := client.Transport.(*transport)
	if call.OneShot && !ok {
		return Response{}, call.fail(Invalid, "the HTTP client might repeat the request", nil)
	}
	call = call.withDefaults()
	began := call.Now()
	response, err := call.send(ctx, client, req)
	if ok && known.observer != nil {
		known.observer.Requested(ctx, Exchange{
			Provider: call.Provider, Operation: call.Operation, OneShot: call.OneShot,
			Began: began, Ended: call.Now(), Status: response.Status, Err: err,
		})
	}
	return response, err
}

// send makes the request; the answer has a status also where it is an error.
func (c Call) send(ctx context.Context, client *http.Client, req *http.Request) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	// A connection is reported before the first byte is written and after TLS and any proxy.
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	if c.OneShot {
		ctx = context.WithValue(ctx, oneShotKey{}, true)
	}
	resp, err := client.Do(req.WithContext(ctx)) //nolint:gosec // the dialer of NewHTTPClient refuses addresses that no issuer may name
	if err != nil {
		return Response{}, c.transportError(err, connected.Load())
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.MaxBody+1))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return Response{}, c.transportError(err, true)
	}
	if int64(len(body)) > c.MaxBody {
		return Response{}, c.fail(c.unclear(), fmt.Sprintf("the answer is larger than %d bytes", c.MaxBody), nil)
	}
	answer := Response{Status: resp.StatusCode, Header: resp.Header, Body: body}
	return answer, c.throttled(answer)
}

// Unexpected returns the error for an answer that the provider does not understand: Ambiguous for
// a one-shot call, else Unavailable. It tells status and content type, nothing of the body.
func (c Call) Unexpected(r Response) *Error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		kind = "unknown content"
	}
	return c.fail(c.unclear(), fmt.Sprintf("unexpected answer: HTTP status %d, %d bytes of %s", r.Status, len(r.Body), c.Redactor.Text(kind)), nil)
}

func (c Call) withDefaults() Call {
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Call) fail(kind Kind, message string, cause error) *Error {
	return &Error{Kind: kind, Provider: c.Provider, Operation: c.Operation, Message: message, Err: cause}
}

// unclear is the kind of a call of which the end is not known.
func (c Call) unclear() Kind {
	if c.OneShot {
		return Ambiguous
	}
	return Unavailable
}

// transportError keeps nothing of the original but a cleaned text and the context's error: package
// net/http puts the whole URL in, and API keys with it.
func (c Call) transportError(err error, connected bool) *Error {
	kind, prefix := Unavailable, "can't connect: "
	if connected {
		kind, prefix = c.unclear(), "no complete answer: "
	}
	for wrapped, ok := errors.AsType[*url.Error](err); ok; wrapped, ok = errors.AsType[*url.Error](err) {
		err = wrapped.Err
	}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded, ErrAddress} {
		if errors.Is(err, cause) {
			return c.fail(kind, prefix+c.Redactor.Text(err.Error()), cause)
		}
	}
	return c.fail(kind, prefix+c.Redactor.Text(err.Error()), nil)
}

// throttled returns an error if the answer is a request to wait.
func (c Call) throttled(r Response) error {
	later := r.Header.Get("Retry-After")
	busy := r.Status == http.StatusServiceUnavailable && later != ""
	if r.Status != http.StatusTooManyRequests && !busy {
		return nil
	}
	kind := Throttled
	if busy && c.OneShot {
		kind = Ambiguous
	}
	e := c.fail(kind, fmt.Sprintf("the reseller asks to wait (HTTP status %d)", r.Status), nil)
	e.RetryAfter = retryAfter(later, c.Now())
	return e
}

// retryAfter reads the header in both forms, seconds or a date (RFC 9110 section 10.2.3). Where it
// says nothing usable the wait is a minute; it is never longer than 24 h.
func retryAfter(header string, now time.Time) time.Duration {
	wait := defaultRetryAfter
	if seconds, err := strconv.Atoi(strings.TrimSpace(header)); err == nil {
		wait = time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, time.Second), maxRetryAfter)
}
