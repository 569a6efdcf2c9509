package cyberssl

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

// operation is one method of the API.
type operation struct {
	// name goes into errors, path behind the base URL.
	name, path string
	post       bool
	// public methods take no token.
	public bool
	// refused is what success false means where the code tells nothing; Unavailable
	// if empty.
	refused verdict
	maxBody int64
}

// maxList bounds the reply of my_orders, whose rows may hold CSRs and certificates.
const maxList = 16 << 20

// The API's methods: GET and POST are the vendor's choice. The last three and
// get_dv_options_csr are in the PHP client only.
var (
	opLogin    = operation{name: "log in", path: "auth", public: true, refused: verdict{kind: providers.Auth, field: fieldReseller + "credentialsSecretRef"}}
	opBalance  = operation{name: "balance", path: "get_balance"}
	opProducts = operation{name: "products", path: "list_products"}
	opPublic   = operation{name: "products", path: "ssl_certificates", public: true}
	opDetails  = operation{name: "check product", path: "get_ssl_product_details", refused: verdict{kind: providers.Invalid, field: fieldReseller + "product.id"}}
	opPrice    = operation{name: "price", path: "get_ssl_product_price"}
	opCheckCSR = operation{name: "check CSR", path: "validate_csr", post: true, refused: verdict{kind: providers.Invalid, field: "spec.request"}}
	opPrepare  = operation{name: "prepare", path: "get_dv_options_csr", post: true}
	opBuy      = operation{name: "buy", path: "add_ssl_order", post: true}
	opRenew    = operation{name: "renew", path: "add_ssl_order", post: true}
	opReissue  = operation{name: "reissue", path: "reissue_ssl_order", post: true}
	opAddNames = operation{name: "add names", path: "order_extra_domains", post: true}
	opOptions  = operation{name: "challenges", path: "get_dv_options"}
	opMethod   = operation{name: "change method", path: "change_dv_method", post: true}
	opValidate = operation{name: "validate", path: "revalidate"}
	opStatus   = operation{name: "order", path: "order_status"}
	opList     = operation{name: "list orders", path: "my_orders", maxBody: maxList}
	opFind     = operation{name: "find order", path: "my_orders"}
	opEnrol    = operation{name: "enrol", path: "activate_ssl_order", post: true}
	opResend   = operation{name: "resend e-mail", path: "resend_dv_email"}
	opSoftware = operation{name: "web servers", path: "get_ssl_web_soft"}
)

// client speaks the protocol: parameters in, replies out, one token for all calls.
type client struct {
	http    *http.Client
	base    string
	vendor  bool
	key     providers.Secret
	now     func() time.Time
	session *session
}

func newClient(config Config, base *url.URL) *client {
	return &client{
		http: config.HTTPClient, base: config.Endpoint, vendor: strings.EqualFold(base.Hostname(), vendorHost),
		key: config.APIKey, now: config.Now, session: newSession(),
	}
}

// maxCode is how long an error code may be to be shown.
const maxCode = 40

// call makes a call that may be repeated. If the token may be the reason of a refusal, it
// logs in and calls again, once.
func (c *client) call(ctx context.Context, op operation, params url.Values, reply any) error {
	if op.public {
		return c.send(ctx, op, params, "", false, reply)
	}
	token, fresh, err := c.token(ctx)
	if err != nil {
		return err
	}
	suspicious := !fresh && !c.session.worked(token, c.now())
	err = c.send(ctx, op, params, token, false, reply)
	if !fresh && providers.KindOf(err) == providers.Auth || suspicious && puzzling(err) {
		c.session.drop(token)
		if token, _, err = c.token(ctx); err != nil {
			return err
		}
		err = c.send(ctx, op, params, token, false, reply)
	}
	return err
}

// once makes a call that can't be repeated. Everything that may be is done before the
// intent is spent: a token that wasn't proven good just now is, by reading the balance.
// A refusal of the token is returned as it is, and the order engine decides.
func (c *client) once(
	ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind, params url.Values, reply any,
) error {
	token, err := c.provenToken(ctx)
	if err != nil {
		return err
	}
	if err := intent.Spend(kind); err != nil {
		if intent != nil && intent.Spent() {
			return failure(op.name, providers.Ambiguous, "the call was made before", err)
		}
		return failure(op.name, providers.Unavailable, "the call was not made: "+err.Error(), err)
	}
	err = c.send(ctx, op, params, token, true, reply)
	if providers.KindOf(err) == providers.Auth {
		c.session.drop(token)
	}
	return err
}

// provenToken is one that worked a moment ago.
func (c *client) provenToken(ctx context.Context) (providers.Secret, error) {
	if token, ok := c.session.current(); ok && c.session.worked(token, c.now()) {
		return token, nil
	}
	if err := c.call(ctx, opBalance, nil, &struct{}{}); err != nil {
		return "", err
	}
	token, _, err := c.token(ctx)
	return token, err
}

// token is the present one, or a fresh one where there is none.
func (c *client) token(ctx context.Context) (token providers.Secret, fresh bool, err error) {
	unlock, err := c.session.lock(ctx)
	if err != nil {
		return "", false, failure(opLogin.name, providers.Unavailable, "", err)
	}
	defer unlock()
	if token, ok := c.session.current(); ok {
		return token, false, nil
	}
	var reply struct {
		Token text `json:"token"`
	}
	if err := c.send(ctx, opLogin, url.Values{"apikey": {c.key.Reveal()}}, "", false, &reply); err != nil {
		return "", false, err
	}
	if token = providers.Secret(reply.Token.word()); token == "" {
		return "", false, failure(opLogin.name, providers.Unavailable, "the reply lacks the token", nil)
	}
	c.session.set(token)
	return token, true, nil
}

// send makes one request. An effect is sent on a connection of its own and never again.
func (c *client) send(
	ctx context.Context, op operation, params url.Values, token providers.Secret, effect bool, reply any,
) error {
	call := providers.Call{
		Provider: Name, Operation: op.name, OneShot: effect, MaxBody: op.maxBody, Timeout: callTimeout,
		Redactor: providers.NewRedactor(c.key, token), Now: c.now,
	}
	request, err := c.request(ctx, op, params, token)
	if err != nil {
		return failure(op.name, providers.Invalid, "the request can't be made", nil)
	}
	response, err := providers.Do(ctx, c.http, request, call)
	if err != nil {
		return err
	}
	err = c.decode(op, call, response, reply)
	if err == nil && token != "" {
		c.session.mark(token, c.now())
	}
	return err
}

// request has its parameters in the query of a GET and in the form of a POST.
func (c *client) request(ctx context.Context, op operation, params url.Values, token providers.Secret) (*http.Request, error) {
	values := url.Values{}
	for name, value := range params {
		values[name] = value
	}
	if token != "" {
		values.Set("token", token.Reveal())
	}
	target := c.base + "/" + op.path
	if !op.post {
		if len(values) > 0 {
			target += "?" + values.Encode()
		}
		return http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request, nil
}

// envelope is around every reply (API page, note at the top).
type envelope struct {
	Success      *text `json:"success"`
	ErrorCode    text  `json:"error_code"`
	ErrorMessage text  `json:"error_message"`
}

// decode goes by "success" and not by the HTTP status, as the vendor's PHP client does;
// but a server error during a call with an effect leaves the outcome open whatever
// the body says.
func (c *client) decode(op operation, call providers.Call, response providers.Response, reply any) error {
	body := bytes.TrimPrefix(response.Body, []byte("\ufeff"))
	var outer envelope
	if err := json.Unmarshal(body, &outer); err != nil || outer.Success == nil {
		return unexpected(call, response)
	}
	switch strings.ToLower(outer.Success.word()) {
	case "true", "1":
	case "false", "0", "":
		return c.refusal(op, call, response.Status, outer)
	default:
		return unexpected(call, response)
	}
	if err := json.Unmarshal(body, reply); err != nil {
		return unexpected(call, response)
	}
	return nil
}

func unexpected(call providers.Call, response providers.Response) *providers.Error {
	e := call.Unexpected(response)
	if response.Status == http.StatusNotFound {
		e.Err = errNoMethod
	}
	return e
}

// refusal translates success false.
func (c *client) refusal(op operation, call providers.Call, status int, outer envelope) error {
	meaning, known := judge(outer.ErrorCode.word(), op, c.vendor, call.OneShot)
	said := &refusal{code: call.Redactor.Text(outer.ErrorCode.word()), message: call.Redactor.Text(string(outer.ErrorMessage)), known: known}
	if len(said.code) > maxCode {
		said.code = "(too long)"
	}
	switch {
	case call.OneShot && (!known || status >= http.StatusInternalServerError):
		meaning = verdict{kind: providers.Ambiguous}
	case !known && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		meaning = verdict{kind: providers.Auth}
	case !known && op.refused.kind != "":
		meaning = op.refused
	case !known:
		meaning = verdict{kind: providers.Unavailable}
	}
	e := failure(op.name, meaning.kind, said.Error(), said)
	e.Field = meaning.field
	return e
}
