package resello

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// operation is one use of the API. Refused is what a refusal for an unknown reason means
// for a call without effect; Unavailable if empty.
type operation struct {
	name, verb string
	refused    providers.Kind
	maxBody    int64
}

// maxList bounds a page of 100 certificates.
const maxList = 8 << 20

var (
	opPlans    = operation{name: "plans", verb: http.MethodGet, maxBody: maxList}
	opList     = operation{name: "list orders", verb: http.MethodGet, maxBody: maxList}
	opBuy      = operation{name: "buy", verb: http.MethodPost}
	opOrder    = operation{name: "order", verb: http.MethodGet}
	opCancel   = operation{name: "cancel", verb: http.MethodDelete}
	opRenew    = operation{name: "renew", verb: http.MethodPost}
	opReissue  = operation{name: "reissue", verb: http.MethodPost}
	opValidate = operation{name: "validate", verb: http.MethodPost}
	opMethod   = operation{name: "change method", verb: http.MethodPost}
	opResend   = operation{name: "resend e-mail", verb: http.MethodPost}
	opDetails  = operation{name: "validation details", verb: http.MethodGet}
	opDownload = operation{name: "download", verb: http.MethodGet}
	opPrepare  = operation{name: "prepare"}
	opFind     = operation{name: "find order"}
)

// client speaks the protocol.
type client struct {
	http     *http.Client
	base     string
	vendor   bool
	username string
	key      providers.Secret
	redactor providers.Redactor
	now      func() time.Time
}

func newClient(config Config, base *url.URL) *client {
	return &client{
		http: config.HTTPClient, base: config.Endpoint,
		vendor:   strings.HasSuffix(strings.ToLower(base.Hostname()), vendorDomain),
		username: config.Username, key: config.APIKey, redactor: providers.NewRedactor(config.APIKey), now: config.Now,
	}
}

// call makes a call that may be repeated.
func (c *client) call(ctx context.Context, op operation, path string, body, result any) error {
	outer, err := c.send(ctx, op, path, body, false)
	if err != nil || result == nil {
		return err
	}
	if err := json.Unmarshal(outer.Result, result); err != nil {
		return failure(op.name, providers.Unavailable, "the result isn't understood", nil)
	}
	return nil
}

// once makes a call that can't be repeated. A result that isn't understood is left to the
// caller: the effect is there.
func (c *client) once(ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind, path string, body any) (json.RawMessage, error) {
	if err := spend(op, intent, kind); err != nil {
		return nil, err
	}
	outer, err := c.send(ctx, op, path, body, true)
	return outer.Result, err
}

// spend uses the intent up.
func spend(op operation, intent *providers.Intent, kind providers.OperationKind) error {
	err := intent.Spend(kind)
	switch {
	case err == nil:
		return nil
	case intent != nil && intent.Spent():
		return failure(op.name, providers.Ambiguous, "the call was made before", err)
	default:
		return failure(op.name, providers.Unavailable, "the call was not made: "+err.Error(), err)
	}
}

// send makes one request and opens the envelope.
func (c *client) send(ctx context.Context, op operation, path string, body any, effect bool) (envelope, error) {
	call := c.describe(op, effect)
	response, err := c.exchange(ctx, op, path, body, call)
	if err != nil {
		return envelope{}, err
	}
	return c.open(op, call, response)
}

func (c *client) describe(op operation, effect bool) providers.Call {
	return providers.Call{
		Provider: Name, Operation: op.name, OneShot: effect, MaxBody: op.maxBody, Timeout: callTimeout,
		Redactor: c.redactor, Now: c.now,
	}
}

func (c *client) exchange(ctx context.Context, op operation, path string, body any, call providers.Call) (providers.Response, error) {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return providers.Response{}, failure(op.name, providers.Invalid, "the request can't be written", nil)
		}
	}
	request, err := http.NewRequestWithContext(ctx, op.verb, c.base+path, bytes.NewReader(content))
	if err != nil {
		return providers.Response{}, failure(op.name, providers.Invalid, "the request can't be made", nil)
	}
	request.SetBasicAuth(c.username, c.key.Reveal())
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return providers.Do(ctx, c.http, request, call)
}

// open reads the envelope. Only success true with a 2xx status is a success.
func (c *client) open(op operation, call providers.Call, response providers.Response) (envelope, error) {
	var outer envelope
	if err := json.Unmarshal(bytes.TrimPrefix(response.Body, []byte("\ufeff")), &outer); err != nil || outer.Success == nil {
		if response.Status == http.StatusUnauthorized && !call.OneShot {
			e := failure(op.name, providers.Auth, "the user name or API key is refused", nil)
			e.Field = fieldCredentials
			return outer, e
		}
		return outer, call.Unexpected(response)
	}
	if *outer.Success {
		if response.Status < 200 || response.Status > 299 {
			return outer, call.Unexpected(response)
		}
		return outer, nil
	}
	meaning := c.judge(op, response.Status, outer, call.OneShot)
	said := &refusal{code: call.Redactor.Text(outer.Error.Code.word()), message: call.Redactor.Text(outer.Error.Message.text())}
	e := failure(op.name, meaning.kind, said.Error(), said)
	e.Field = meaning.field
	return outer, e
}

// download fetches a file, which may be empty. Before there is one, the API answers with an
// error in its place.
func (c *client) download(ctx context.Context, id, kind string) ([]byte, error) {
	call := c.describe(opDownload, false)
	response, err := c.exchange(ctx, opDownload, item(id, "download-"+kind), nil, call)
	if err != nil {
		return nil, err
	}
	begin := bytes.TrimSpace(response.Body)
	if response.Status == http.StatusOK && !bytes.HasPrefix(begin, []byte("{")) && !bytes.HasPrefix(begin, []byte("<")) {
		return response.Body, nil
	}
	if _, err = c.open(opDownload, call, response); err == nil {
		err = call.Unexpected(response)
	}
	return nil, err
}

const certificates = "/ssl-certificate"

// item is the path of a certificate, or of something below it.
func item(id string, below ...string) string {
	path := certificates + "/" + url.PathEscape(id)
	for _, part := range below {
		path += "/" + part
	}
	return path
}
