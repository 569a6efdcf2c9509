package simulation

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// errLost is what a client sees of a connection that broke.
var errLost = errors.New("connection reset by peer")

// network carries requests to the reseller in this process, and fails as the schedule says.
type network struct {
	w        *world
	protocol sandbox.Protocol
	inner    http.RoundTripper
	// sent counts the requests that left by class of operation.
	sent map[string]int
}

func newNetwork(w *world) *network {
	protocol := w.reseller.protocol(w.engine)
	return &network{w: w, protocol: protocol, inner: sandbox.NewServer(w.engine, nil, protocol).RoundTripper(), sent: map[string]int{}}
}

// connection is the network as one process sees it.
type connection struct {
	*network
	// doubled is a reply that comes once more, to the next request.
	doubled *http.Response
}

// RoundTrip implements http.RoundTripper.
func (c *connection) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	operation, err := c.operation(r)
	if err != nil {
		return nil, err
	}
	switch c.w.step(ctx, sending, operation.Name) {
	case fail:
		connected(ctx)
		return nil, errLost
	case garble:
		connected(ctx)
		return gateway(r), nil
	case delay:
		connected(ctx)
		<-ctx.Done()
		return nil, ctx.Err()
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.sent[operation.Class]++
	reply, err := c.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if reply, err = c.served(ctx, r, operation, reply); err != nil {
		return nil, err
	}
	if c.w.step(ctx, replied, operation.Name) == fail {
		cut(reply)
	}
	return reply, ctx.Err()
}

// served is what becomes of a reply on its way.
func (c *connection) served(ctx context.Context, r *http.Request, operation sandbox.Operation, reply *http.Response) (*http.Response, error) {
	var repeated *http.Response
	if !slices.Contains(alone, operation.Class) {
		repeated, c.doubled = c.doubled, nil
	}
	switch c.w.step(ctx, served, operation.Name) {
	case fail:
		return nil, errLost
	case garble:
		return gateway(r), nil
	case delay:
		<-ctx.Done()
		return nil, ctx.Err()
	case double:
		if !slices.Contains(alone, operation.Class) {
			c.doubled = copyOf(reply)
		}
	default:
	}
	if repeated != nil {
		return repeated, ctx.Err()
	}
	return reply, ctx.Err()
}

// alone are the classes of calls that can't be repeated: the transport gives each a connection of
// its own, on which nothing is left over from another one.
var alone = []string{
	sandbox.ClassBuy, sandbox.ClassEnrol, sandbox.ClassReissue, sandbox.ClassRenew,
	sandbox.ClassExtraNames, sandbox.ClassCancel, sandbox.ClassRevoke,
}

// operation is what a request asks for; its body can be read again afterwards.
func (c *connection) operation(r *http.Request) (sandbox.Operation, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return sandbox.Operation{}, err
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	routed := r.Clone(r.Context())
	routed.Body = io.NopCloser(bytes.NewReader(body))
	if path, ok := strings.CutPrefix(r.URL.Path, "/"+c.protocol.Name()+"/"); ok {
		routed.URL.Path = "/" + path
	}
	return c.protocol.Operation(routed), nil
}

// connected tells the client that its request left.
func connected(ctx context.Context) {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
}

// gateway is the answer of a proxy that got none.
func gateway(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: http.StatusBadGateway, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(strings.NewReader("<html><h1>502 Bad Gateway</h1></html>")),
	}
}

// body reads a body that is in memory.
func body(reply *http.Response) []byte {
	data, err := io.ReadAll(reply.Body)
	if err != nil {
		panic(err)
	}
	reply.Body = io.NopCloser(bytes.NewReader(data))
	return data
}

func copyOf(reply *http.Response) *http.Response {
	copied := *reply
	copied.Header, copied.Body = reply.Header.Clone(), io.NopCloser(bytes.NewReader(body(reply)))
	return &copied
}

// cut ends a reply in its middle, without telling.
func cut(reply *http.Response) {
	data := body(reply)
	reply.Body = io.NopCloser(bytes.NewReader(data[:len(data)/2]))
}
