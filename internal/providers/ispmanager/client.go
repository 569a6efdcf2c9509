package ispmanager

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// operation is one value of func.
type operation struct {
	// name goes into errors.
	name, function string
	// submit is true for forms, which only act with sok=ok.
	submit bool
	// referenced is true where the client reference is sent.
	referenced bool
}

// The functions are those of the API page; whoami and pricelist.export are in the developer
// pages and in partners' clients.
var (
	opWhoami    = operation{name: "balance", function: "whoami"}
	opPrices    = operation{name: "price", function: "pricelist.export"}
	opCountries = operation{name: "check product", function: "certificate.order.csr"}
	opBuy       = operation{name: "buy", function: "certificate.order.param", submit: true, referenced: true}
	opList      = operation{name: "list orders", function: "certificate"}
	opEdit      = operation{name: "order", function: "certificate.edit"}
	opFile      = operation{name: "download", function: "certificate.file"}
	opVerify    = operation{name: "validate", function: "certificate.dns_verify", submit: true}
	opResend    = operation{name: "resend e-mail", function: "certificate.domain_validation_email", submit: true}
	opReissue   = operation{name: "reissue", function: "certificate.reissue.step2", submit: true}
	opDelete    = operation{name: "delete", function: "certificate.delete", submit: true}
)

// maxAnswer bounds a list of orders, and a download.
const maxAnswer = 8 << 20

// retryAfter is how long to wait where the vendor is busy or an object is locked.
const retryAfter = time.Minute

// client speaks the protocol: a form in, an answer out.
type client struct {
	http     *http.Client
	endpoint string
	email    string
	password providers.Secret
	now      func() time.Time
}

func newClient(config Config) *client {
	return &client{http: config.HTTPClient, endpoint: config.Endpoint, email: config.Email, password: config.Password, now: config.Now}
}

// call makes a call that may be repeated.
func (c *client) call(ctx context.Context, op operation, params url.Values) (node, error) {
	return c.send(ctx, op, params, false)
}

// once makes a call that can't be repeated.
func (c *client) once(ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind, params url.Values) (node, error) {
	if err := intent.Spend(kind); err != nil {
		if intent.Spent() {
			return node{}, failure(op.name, providers.Ambiguous, "the call was made before", err)
		}
		return node{}, failure(op.name, providers.Unavailable, "the call was not made: "+err.Error(), err)
	}
	params = maps.Clone(params)
	if op.referenced && intent.Reference() != "" {
		params.Set("remoteid", intent.Reference())
	}
	return c.send(ctx, op, params, true)
}

func (c *client) send(ctx context.Context, op operation, params url.Values, effect bool) (node, error) {
	response, call, err := c.post(ctx, op, params, effect)
	if err != nil {
		return node{}, err
	}
	answer, ok := parse(response.Body)
	switch {
	case !ok || response.Status != http.StatusOK:
		return node{}, call.Unexpected(response)
	case answer.get("error").exists():
		return node{}, refused(op, call, params, answer.get("error"))
	case op.submit && !answer.get("ok").exists() && answer.field("id") == "":
		// Neither done nor refused: perhaps the form itself.
		return node{}, call.Unexpected(response)
	}
	return answer, nil
}

// download returns a file as it comes. An error is JSON here too.
func (c *client) download(ctx context.Context, params url.Values) ([]byte, error) {
	response, call, err := c.post(ctx, opFile, params, false)
	if err != nil {
		return nil, err
	}
	answer, ok := parse(response.Body)
	switch {
	case ok && answer.get("error").exists():
		return nil, refused(opFile, call, params, answer.get("error"))
	case response.Status != http.StatusOK, ok, strings.HasPrefix(response.Header.Get("Content-Type"), "text/html"):
		return nil, call.Unexpected(response)
	}
	return response.Body, nil
}

// post sends everything in the body: the API takes the very same parameters in the URL,
// where the password would be logged. lang keeps texts in English; assumption:
// unconfirmed on a live account.
func (c *client) post(ctx context.Context, op operation, params url.Values, effect bool) (providers.Response, providers.Call, error) {
	login := providers.Secret(c.email + ":" + c.password.Reveal())
	call := providers.Call{
		Provider: Name, Operation: op.name, OneShot: effect, MaxBody: maxAnswer, Timeout: callTimeout,
		Redactor: providers.NewRedactor(login, c.password), Now: c.now,
	}
	form := url.Values{"authinfo": {login.Reveal()}, "out": {"bjson"}, "lang": {"en"}, "func": {op.function}}
	if op.submit {
		form.Set("sok", "ok")
	}
	for name, value := range params {
		form[name] = value
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return providers.Response{}, call, failure(op.name, providers.Invalid, "the request can't be made", nil)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := providers.Do(ctx, c.http, request, call)
	return response, call, err
}
