package autodns

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// operation is one route of the API. {id} in a path is a number.
type operation struct {
	// name goes into errors.
	name, verb, path string
	// task is the vendor's number of the operation, where a refusal of this very task says
	// that what was asked for can't be done as it is.
	task string
	// field is what to change when the vendor refuses for an unknown reason.
	field string
}

// The routes are those of the OpenAPI file; that of opOldPrepare is the guide's.
var (
	opHello          = operation{name: "check login", verb: http.MethodGet, path: "hello"}
	opAccount        = operation{name: "balance", verb: http.MethodGet, path: "account"}
	opPrepare        = operation{name: "prepare", verb: http.MethodPost, path: "certificate/_prepareOrder", task: "400110"}
	opOldPrepare     = operation{name: "prepare", verb: http.MethodPost, path: "certificate/prepareOrder", task: "400110"}
	opFindContact    = operation{name: "find contact", verb: http.MethodPost, path: "sslcontact/_search"}
	opReadContact    = operation{name: "check contact", verb: http.MethodGet, path: "sslcontact/{id}", task: "400204", field: fieldReseller + "contactIDs"}
	opCreateContact  = operation{name: "create contact", verb: http.MethodPost, path: "sslcontact", task: "400201", field: "spec.contacts"}
	opBuy            = operation{name: "buy", verb: http.MethodPost, path: "certificate", task: "400101"}
	opReissue        = operation{name: "reissue", verb: http.MethodPut, path: "certificate/{id}", task: "400102"}
	opRenew          = operation{name: "renew", verb: http.MethodPut, path: "certificate/{id}/_renew", task: "400106"}
	opDelete         = operation{name: "delete", verb: http.MethodDelete, path: "certificate/{id}", task: "400103"}
	opRevoke         = operation{name: "revoke", verb: http.MethodPost, path: "certificate/{id}/_revoke", task: "4001031"}
	opCertificate    = operation{name: "certificate", verb: http.MethodGet, path: "certificate/{id}"}
	opCertificates   = operation{name: "find certificate", verb: http.MethodPost, path: "certificate/_search"}
	opJob            = operation{name: "order", verb: http.MethodGet, path: "job/{id}"}
	opPastJob        = operation{name: "order", verb: http.MethodGet, path: "job/history/{id}"}
	opJobs           = operation{name: "find order", verb: http.MethodPost, path: "job/_search"}
	opPastJobs       = operation{name: "find order", verb: http.MethodPost, path: "job/history/_search"}
	opCancel         = operation{name: "cancel", verb: http.MethodPut, path: "job/{id}/_cancel", task: "300121"}
	opResend         = operation{name: "resend e-mail", verb: http.MethodPut, path: "job/{id}/_resendApproverEmail"}
	opPoll           = operation{name: "poll", verb: http.MethodGet, path: "poll"}
	opConfirmMessage = operation{name: "confirm message", verb: http.MethodPut, path: "poll/{id}"}
)

// userAgent is mandatory for the vendor.
const userAgent = "reseller-issuer"

// maxList bounds the answer of a search.
const maxList = 4 << 20

// longestPause is how long a request may wait for its turn under the vendor's limit. A
// method here makes several requests, so that some pause is needed in it; whoever would
// wait longer is Throttled and comes back.
const longestPause = 2 * time.Second

// client speaks the protocol: one body in, one envelope out.
type client struct {
	http     *http.Client
	base     string
	vendor   bool
	user     string
	password providers.Secret
	context  string
	limiter  *rate.Limiter
	now      func() time.Time
}

func newClient(config Config, base *url.URL) *client {
	return &client{
		http: config.HTTPClient, base: config.Endpoint, vendor: strings.HasSuffix(strings.ToLower(base.Hostname()), vendorDomain),
		user: config.User, password: config.Password, context: strconv.Itoa(config.Context), limiter: config.Limiter, now: config.Now,
	}
}

// request is what goes with an operation.
type request struct {
	id        string
	reference string
	body      any
}

// call makes a call that may be repeated and decodes the data of the answer.
func (c *client) call(ctx context.Context, op operation, r request, data any) error {
	if err := c.pace(ctx, op); err != nil {
		return err
	}
	return c.send(ctx, op, r, false, data)
}

// once makes a call that can't be repeated. The pause comes before the intent is spent.
func (c *client) once(ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind, r request, data any) error {
	if err := c.pace(ctx, op); err != nil {
		return err
	}
	if err := intent.Spend(kind); err != nil {
		if intent != nil && intent.Spent() {
			return failure(op.name, providers.Ambiguous, "the call was made before", err)
		}
		return failure(op.name, providers.Unavailable, "the call was not made: "+err.Error(), err)
	}
	r.reference = intent.Reference()
	return c.send(ctx, op, r, true, data)
}

func (c *client) pace(ctx context.Context, op operation) error {
	if c.limiter == nil {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, longestPause)
	defer cancel()
	err := c.limiter.Wait(short)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return failure(op.name, providers.Unavailable, "", ctx.Err())
	}
	e := failure(op.name, providers.Throttled, "too many requests at a time for InterNetX's limit", nil)
	e.RetryAfter = longestPause
	return e
}

func (c *client) send(ctx context.Context, op operation, r request, effect bool, data any) error {
	call := providers.Call{
		Provider: Name, Operation: op.name, OneShot: effect, MaxBody: maxList, Timeout: callTimeout,
		Redactor: providers.NewRedactor(c.password), Now: c.now,
	}
	req, err := c.request(ctx, op, r)
	if err != nil {
		return failure(op.name, providers.Invalid, "the request can't be made", nil)
	}
	response, err := providers.Do(ctx, c.http, req, call)
	if err != nil {
		return err
	}
	return c.decode(op, call, response, data)
}

func (c *client) request(ctx context.Context, op operation, r request) (*http.Request, error) {
	var body bytes.Buffer
	if r.body != nil {
		encoder := json.NewEncoder(&body)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(r.body); err != nil {
			return nil, err
		}
	}
	target := c.base + "/" + strings.ReplaceAll(op.path, "{id}", url.PathEscape(r.id))
	req, err := http.NewRequestWithContext(ctx, op.verb, target, bytes.NewReader(bytes.TrimSpace(body.Bytes())))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.user, c.password.Reveal())
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("X-Domainrobot-Context", c.context)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.reference != "" {
		req.Header.Set("X-Domainrobot-Ctid", r.reference)
	}
	return req, nil
}

// decode goes by status.type: SUCCESS, or NOTIFY where a job was started (OpenAPI).
func (c *client) decode(op operation, call providers.Call, response providers.Response, data any) error {
	var outer envelope
	if err := json.Unmarshal(response.Body, &outer); err != nil || outer.Status.Type.word() == "" {
		return unexpected(call, response)
	}
	ok := response.Status >= 200 && response.Status < 300
	switch strings.ToUpper(outer.Status.Type.word()) {
	case "SUCCESS", "NOTIFY":
		if !ok {
			return unexpected(call, response)
		}
	case "ERROR":
		return c.refusal(op, call, response.Status, outer)
	default:
		return unexpected(call, response)
	}
	if data == nil {
		return nil
	}
	if len(outer.Data) == 0 {
		return unexpected(call, response)
	}
	if err := json.Unmarshal(outer.Data, data); err != nil {
		return unexpected(call, response)
	}
	return nil
}
