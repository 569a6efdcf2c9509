package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ConnectResellerOptions are the account's numbers and secrets, which have defaults, and
// readings of what the vendor leaves open.
type ConnectResellerOptions struct {
	// ResellerID and CustomerID are the account's numbers.
	ResellerID, CustomerID int
	// Passphrase, Salt and IV encrypt the bodies; the last two are in hex.
	Passphrase, Salt, IV string
	// NoRecord keeps txtRecord empty in SSLDetails, as in the vendor's sample, and the
	// challenges of Sectigo's products without a unique value.
	NoRecord bool
}

// The defaults of ConnectResellerOptions.
const (
	ConnectResellerID         = 26
	ConnectResellerCustomer   = 129
	ConnectResellerPassphrase = "sandbox-passphrase"
	ConnectResellerSalt       = "00112233445566778899aabbccddeeff"
	ConnectResellerIV         = "0f0e0d0c0b0a09080706050403020100"
)

// ConnectReseller is the SSL API of ConnectReseller, under /ConnectReseller/ESHOP/, as the
// vendor's document "SSL Certificate API" describes it: the API key in the query, encrypted
// bodies as text/plain, orders without a CSR that SSLIssue enrols later, and the plain
// availablefund of the vendor's domain API.
//
// The vendor documents neither errors nor the numbers of states. Errors are encrypted like
// answers, with statusCode 400 and a made-up msgCode; a wrong API key and a body that can't
// be decrypted are answered in plain JSON. The field "certificate" of SSLCertificate,
// "sanverification" after validation, and renewal in place are assumptions. The
// identifiers of an order are all different, except sslid, which is its number.
type ConnectReseller struct {
	engine  *Engine
	options ConnectResellerOptions
	cipher  bodyCipher
}

// connectMethod is one operation and the fields that its body takes besides resellerId
// and timestamp.
type connectMethod struct {
	class            string
	integers, texts  []string
	optional         []string
	optionalIntegers []string
	plain            bool // a GET without encryption
	do               func(*ConnectReseller, connectCall) (connectAnswer, error)
}

// connectCall is one call with checked fields.
type connectCall struct {
	Call
	account string
	numbers map[string]int
	texts   map[string]string
}

// connectAnswer is the inside of an envelope; a nil message is written as null.
type connectAnswer struct {
	message *connectMessage
	data    any
}

type connectMessage struct {
	Message    string `json:"message"`
	StatusCode int    `json:"statusCode"`
}

func said(message string, data any) connectAnswer {
	return connectAnswer{message: &connectMessage{message, http.StatusOK}, data: data}
}

// connectMethods is the vendor's list; case and spelling of the fields are the vendor's.
var connectMethods = map[string]connectMethod{
	"SSLOrder": {
		class: ClassBuy, integers: []string{"productCode", "customerId"}, texts: []string{"businessCategory", "dNSName"},
		do: (*ConnectReseller).order,
	},
	"SSLDetails": {
		class: ClassStatus, integers: []string{"orderId"}, optionalIntegers: []string{"customerId"}, do: (*ConnectReseller).details,
	},
	"SSLIssue": {
		class: ClassEnrol, integers: []string{"sslNameId"}, texts: []string{"csr", "approverMethod"}, optional: []string{"dNSName"},
		do: (*ConnectReseller).issue,
	},
	"changeVerificationMethod": {
		class: ClassMethod, integers: []string{"orderId"}, texts: []string{"approverMethod"}, do: (*ConnectReseller).changeMethod,
	},
	"cancelOrder":       {class: ClassCancel, integers: []string{"orderId"}, do: (*ConnectReseller).cancel},
	"SSLCertificate":    {class: ClassOther, integers: []string{"orderID"}, do: (*ConnectReseller).certificate},
	"revokeCertificate": {class: ClassRevoke, integers: []string{"orderID"}, do: (*ConnectReseller).revoke},
	"performSanVerification": {
		class: ClassValidate, integers: []string{"sslid", "clientId"}, texts: []string{"code"}, do: (*ConnectReseller).verify,
	},
	"reissueCertificate": {class: ClassReissue, integers: []string{"sslNameId"}, texts: []string{"csr"}, do: (*ConnectReseller).reissue},
	"SSLRenew":           {class: ClassRenew, integers: []string{"sslNameId"}, texts: []string{"csr"}, do: (*ConnectReseller).renew},
	"availablefund":      {class: ClassBalance, plain: true, do: (*ConnectReseller).balance},
}

// NewConnectReseller serves an engine in ConnectReseller's way. It fails if salt or IV
// aren't hex of 16 bytes.
func NewConnectReseller(engine *Engine, options ConnectResellerOptions) (*ConnectReseller, error) {
	if options.ResellerID == 0 {
		options.ResellerID = ConnectResellerID
	}
	if options.CustomerID == 0 {
		options.CustomerID = ConnectResellerCustomer
	}
	for setting, value := range map[*string]string{
		&options.Passphrase: ConnectResellerPassphrase, &options.Salt: ConnectResellerSalt, &options.IV: ConnectResellerIV,
	} {
		if *setting == "" {
			*setting = value
		}
	}
	c, err := newBodyCipher(options.Passphrase, options.Salt, options.IV)
	if err != nil {
		return nil, err
	}
	return &ConnectReseller{engine: engine, options: options, cipher: c}, nil
}

// Name is "connectreseller".
func (*ConnectReseller) Name() string { return "connectreseller" }

// Operation is the last part of the path.
func (*ConnectReseller) Operation(r *http.Request) Operation {
	name := strings.TrimPrefix(r.URL.Path, "/ConnectReseller/ESHOP/")
	class := ClassOther
	if method, ok := connectMethods[name]; ok {
		class = method.class
	}
	return Operation{Name: name, Class: class}
}

// connectError is a refusal with a made-up msgCode. Open ones are answered in plain JSON.
type connectError struct {
	status  int
	code    string
	message string
	open    bool
}

func (e *connectError) Error() string { return e.message }

// connectCodes are the msgCodes of the engine's refusals.
var connectCodes = map[ErrorKind]string{
	ErrParameter: "1001", ErrCSR: "1002", ErrNames: "1003", ErrProduct: "1004", ErrMethod: "1005",
	ErrFunds: "1006", ErrNotFound: "1007", ErrState: "1008",
}

const (
	connectWrongKey  = "1100"
	connectWrongBody = "1101"
	connectWrongCall = "1102"
)

// Serve does one call.
func (c *ConnectReseller) Serve(w http.ResponseWriter, r *http.Request, call Call) {
	method, known := connectMethods[call.Operation.Name]
	if !known || !strings.HasPrefix(r.URL.Path, "/ConnectReseller/ESHOP/") {
		http.NotFound(w, r)
		return
	}
	answer, err := c.serve(r, method, call)
	if err == nil {
		c.write(w, method.plain, c.envelope(answer))
		return
	}
	refusal := asConnectError(err)
	c.write(w, method.plain || refusal.open, c.envelope(refusal.answer()))
}

func asConnectError(err error) *connectError {
	if refusal, ok := errors.AsType[*connectError](err); ok {
		return refusal
	}
	code := "1500"
	if refusal, ok := errors.AsType[*Error](err); ok {
		code = connectCodes[refusal.Kind]
	}
	return &connectError{status: http.StatusBadRequest, code: code, message: err.Error()}
}

func (e *connectError) answer() connectAnswer {
	data := map[string]any{"successCode": 1, "msgCode": e.code, "msg": e.message}
	return connectAnswer{message: &connectMessage{e.message, e.status}, data: data}
}

// WriteError answers with statusCode 400, encrypted.
func (c *ConnectReseller) WriteError(w http.ResponseWriter, code, message string) {
	refusal := &connectError{status: http.StatusBadRequest, code: code, message: message}
	c.write(w, false, c.envelope(refusal.answer()))
}

func (c *ConnectReseller) envelope(answer connectAnswer) map[string]any {
	return map[string]any{"responseMsg": answer.message, "responseData": answer.data, "timestamp": c.engine.cfg.Now().UnixMilli()}
}

// write prints JSON in the vendor's way, encrypted and broken into lines unless it is plain.
func (c *ConnectReseller) write(w http.ResponseWriter, plain bool, value any) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if !plain {
		w.Header().Set("Content-Type", "text/plain")
		text = c.cipher.encrypt(text)
	}
	if _, err := w.Write(text); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (c *ConnectReseller) serve(r *http.Request, method connectMethod, call Call) (connectAnswer, error) {
	verb := http.MethodPost
	if method.plain {
		verb = http.MethodGet
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || r.Method != verb {
		return connectAnswer{}, &connectError{http.StatusBadRequest, connectWrongCall, "wrong method or query", true}
	}
	account, err := c.engine.AccountByKey(query.Get("APIKey"))
	if err != nil {
		return connectAnswer{}, &connectError{http.StatusUnauthorized, connectWrongKey, "Invalid APIKey", true}
	}
	query.Del("APIKey")
	if method.plain {
		if query.Get("resellerId") != strconv.Itoa(c.options.ResellerID) || len(query) > 1 {
			return connectAnswer{}, &connectError{http.StatusUnauthorized, connectWrongKey, "Invalid resellerId", true}
		}
		return method.do(c, connectCall{Call: call, account: account.Name})
	}
	if len(query) > 0 {
		return connectAnswer{}, &connectError{http.StatusBadRequest, connectWrongCall, "unknown query parameters", true}
	}
	fields, err := c.open(r)
	if err != nil {
		return connectAnswer{}, err
	}
	checked, err := method.check(fields, c.options.ResellerID)
	if err != nil {
		return connectAnswer{}, err
	}
	checked.Call, checked.account = call, account.Name
	return method.do(c, checked)
}

// open decrypts a body.
func (c *ConnectReseller) open(r *http.Request) (map[string]any, error) {
	refusal := &connectError{http.StatusBadRequest, connectWrongBody, "the request can not be decrypted", true}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "text/plain" {
		return nil, refusal
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, refusal
	}
	text, err := c.cipher.decrypt(body)
	if err != nil {
		return nil, refusal
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, refusal
	}
	return fields, nil
}

// check wants exactly the fields of the vendor's table, numbers as numbers or, as in the
// vendor's PHP sample, as texts.
func (m connectMethod) check(fields map[string]any, reseller int) (connectCall, error) {
	call := connectCall{numbers: map[string]int{}, texts: map[string]string{}}
	integers := slices.Concat(m.integers, []string{"resellerId"})
	texts := slices.Concat(m.texts, []string{"timestamp"})
	for name, value := range fields {
		integer := slices.Contains(integers, name) || slices.Contains(m.optionalIntegers, name)
		if !integer && !slices.Contains(texts, name) && !slices.Contains(m.optional, name) {
			return call, refuse(ErrParameter, "the field %s is not known here", name)
		}
		text, err := connectText(name, value)
		if err != nil {
			return call, err
		}
		if !integer {
			call.texts[name] = text
			continue
		}
		if call.numbers[name], err = strconv.Atoi(text); err != nil {
			return call, refuse(ErrParameter, "the field %s is not an integer", name)
		}
	}
	if err := call.complete(integers, texts); err != nil {
		return call, err
	}
	if call.numbers["resellerId"] != reseller {
		return call, &connectError{http.StatusUnauthorized, connectWrongKey, "Invalid resellerId", false}
	}
	return call, nil
}

// complete wants all required fields.
func (c connectCall) complete(integers, texts []string) error {
	for _, name := range integers {
		if _, ok := c.numbers[name]; !ok {
			return refuse(ErrParameter, "the field %s is missing", name)
		}
	}
	for _, name := range texts {
		if strings.TrimSpace(c.texts[name]) == "" {
			return refuse(ErrParameter, "the field %s is missing", name)
		}
	}
	return nil
}

func connectText(name string, value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	default:
		return "", refuse(ErrParameter, "the field %s is neither text nor number", name)
	}
}
