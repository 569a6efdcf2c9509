package connectreseller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// operation is one call of the API: its name in errors and the last part of its path.
type operation struct{ name, path string }

var (
	opBuy         = operation{"buy", "SSLOrder"}
	opDetails     = operation{"order", "SSLDetails"}
	opEnrol       = operation{"enrol", "SSLIssue"}
	opMethod      = operation{"change method", "changeVerificationMethod"}
	opCancel      = operation{"cancel", "cancelOrder"}
	opCertificate = operation{"certificate", "SSLCertificate"}
	opRevoke      = operation{"revoke", "revokeCertificate"}
	opValidate    = operation{"validate", "performSanVerification"}
	opReissue     = operation{"reissue", "reissueCertificate"}
	opRenew       = operation{"renew", "SSLRenew"}
	opBalance     = operation{"balance", "availablefund"}
	opFind        = operation{"find order", ""}
)

// client speaks the protocol.
type client struct {
	http     *http.Client
	base     string
	vendor   bool
	key      providers.Secret
	reseller int64
	cipher   bodyCipher
	redactor providers.Redactor
	now      func() time.Time
}

func newClient(config Config, base *url.URL, secrets bodyCipher) *client {
	return &client{
		http: config.HTTPClient, base: config.Endpoint,
		vendor: strings.HasSuffix(strings.ToLower(base.Hostname()), vendorDomain),
		key:    config.APIKey, reseller: config.ResellerID, cipher: secrets,
		redactor: providers.NewRedactor(config.APIKey, config.Passphrase, config.Salt, config.IV), now: config.Now,
	}
}

// stamp is the time in milliseconds, as in most of the vendor's samples.
func (c *client) stamp() string { return strconv.FormatInt(c.now().UnixMilli(), 10) }

// call makes a call that may be repeated.
func (c *client) call(ctx context.Context, op operation, body, data any) error {
	answer, err := c.send(ctx, op, body, false)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, data); err != nil {
		return failure(op.name, providers.Unavailable, "the answer isn't understood", nil)
	}
	return nil
}

// once makes a call that can't be repeated. An answer that isn't understood is left to the
// caller: the effect is there.
func (c *client) once(
	ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind, body any,
) (json.RawMessage, error) {
	if err := spend(op, intent, kind); err != nil {
		return nil, err
	}
	return c.send(ctx, op, body, true)
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

func (c *client) describe(op operation, effect bool) providers.Call {
	return providers.Call{
		Provider: Name, Operation: op.name, OneShot: effect, Timeout: callTimeout, Redactor: c.redactor, Now: c.now,
	}
}

// send encrypts a body and posts it. The API key has to be in the query.
func (c *client) send(ctx context.Context, op operation, body any, effect bool) (json.RawMessage, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, failure(op.name, providers.Invalid, "the request can't be written", nil)
	}
	target := c.base + "/" + op.path + "?" + url.Values{"APIKey": {c.key.Reveal()}}.Encode()
	content := c.cipher.encrypt(bytes.TrimSpace(text.Bytes()))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(content))
	if err != nil {
		return nil, failure(op.name, providers.Invalid, "the request can't be made", nil)
	}
	request.Header.Set("Content-Type", "text/plain")
	return c.exchange(ctx, request, c.describe(op, effect))
}

// balance reads availablefund, which is a plain GET.
func (c *client) balance(ctx context.Context) (providers.Money, error) {
	query := url.Values{"APIKey": {c.key.Reveal()}, "resellerId": {strconv.FormatInt(c.reseller, 10)}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/"+opBalance.path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return providers.Money{}, failure(opBalance.name, providers.Invalid, "the request can't be made", nil)
	}
	answer, err := c.exchange(ctx, request, c.describe(opBalance, false))
	if err != nil {
		return providers.Money{}, err
	}
	var amount text
	if err := json.Unmarshal(answer, &amount); err != nil {
		return providers.Money{}, failure(opBalance.name, providers.Unavailable, "the answer isn't understood", nil)
	}
	money, err := providers.ParseMoney(amount.word(), "")
	if err != nil {
		return money, failure(opBalance.name, providers.Unavailable, "the answer lacks an amount of money", nil)
	}
	return money, nil
}

func (c *client) exchange(ctx context.Context, request *http.Request, call providers.Call) (json.RawMessage, error) {
	response, err := providers.Do(ctx, c.http, request, call)
	if err != nil {
		return nil, err
	}
	return c.open(call, response)
}

// open decrypts an answer and opens its envelope. Plain JSON is taken too: nobody knows
// whether errors are encrypted.
func (c *client) open(call providers.Call, response providers.Response) (json.RawMessage, error) {
	body := bytes.TrimSpace(bytes.TrimPrefix(response.Body, []byte("\ufeff")))
	if !bytes.HasPrefix(body, []byte("{")) {
		var err error
		if body, err = c.cipher.decrypt(body); err != nil {
			e := call.Unexpected(response)
			if response.Status < http.StatusInternalServerError && !bytes.HasPrefix(response.Body, []byte("<")) {
				e.Err = err
			}
			return nil, e
		}
	}
	var outer envelope
	if err := json.Unmarshal(body, &outer); err != nil {
		return nil, call.Unexpected(response)
	}
	var inner codes
	empty := len(outer.Data) == 0 || bytes.Equal(outer.Data, []byte("null"))
	if !empty {
		if err := json.Unmarshal(outer.Data, &inner); err != nil {
			return nil, call.Unexpected(response)
		}
	}
	good := outer.Message.good() && inner.good()
	switch {
	case !good:
		return nil, c.refusal(call, response.Status, outer.Message, inner)
	case empty, response.Status < 200, response.Status > 299:
		return nil, call.Unexpected(response)
	}
	return outer.Data, nil
}

func (c *client) refusal(call providers.Call, status int, outer, inner codes) error {
	code := inner.MsgCode.word()
	if code == "" {
		code = outer.StatusCode.word()
	}
	message := outer.said()
	if message == "" {
		message = inner.said()
	}
	meaning := c.judge(status, outer, inner, call.OneShot)
	said := &refusal{code: call.Redactor.Text(code), message: call.Redactor.Text(message)}
	e := failure(call.Operation, meaning.kind, said.Error(), said)
	e.Field = meaning.field
	return e
}

// undecryptable reports whether an answer was neither JSON nor a web page nor decryptable: the
// account's secrets may be wrong.
func undecryptable(err error) bool { return errors.Is(err, errNotEncrypted) }
