package sandbox

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// CyberSSLOptions choose between readings of what the vendor leaves open.
type CyberSSLOptions struct {
	// WrapStatus puts the fields of order_status into "order" instead of at the top,
	// as another version of the vendor's PHP class expects.
	WrapStatus bool
	// TermDates lets valid_from and valid_till tell the paid term instead of the
	// certificate's validity.
	TermDates bool
	// ListID is the key of the order number in my_orders, by default "order_id".
	ListID string
}

// CyberSSL is the API described at https://cyberssl.com/help/api_methods with four
// further methods of the vendor's PHP class (https://github.com/cyberssl/api-php), under
// /v1/ and /sandbox/v1/. Shapes that neither documents are assumptions, unconfirmed
// on a live account: the error codes, the fields of my_orders, the parameters of
// activate_ssl_order. Errors come with status 200 and success false.
//
// It is stricter than the vendor in one point: unknown parameters are refused,
// so that a misspelt optional one is seen. It never makes private keys: the csr_*
// parameters are refused too.
type CyberSSL struct {
	engine  *Engine
	options CyberSSLOptions
	methods map[string]cyberMethod
}

// cyberMethod is one API method and the parameters that it takes besides the token.
type cyberMethod struct {
	verb     string // empty: GET and POST
	class    string
	public   bool // needs no token
	required []string
	optional []string
	do       func(*CyberSSL, cyberCall) (map[string]any, error)
}

// cyberCall is one authenticated call with checked parameters.
type cyberCall struct {
	Call
	account string
	values  url.Values
}

func (c cyberCall) get(name string) string { return c.values.Get(name) }

// The error codes of the simulated CyberSSL. The vendor publishes no list.
const (
	cyberUnknownMethod = 100
	cyberWrongVerb     = 101
	cyberParameter     = 102
	cyberCredentials   = 110
	cyberToken         = 111
	cyberCSR           = 120
	cyberNames         = 121
	cyberProduct       = 122
	cyberDVMethod      = 123
	cyberNotFound      = 124
	cyberState         = 125
	cyberFunds         = 126
	cyberInternal      = 500
)

var cyberCodes = map[ErrorKind]int{
	ErrCredentials: cyberCredentials, ErrToken: cyberToken, ErrParameter: cyberParameter, ErrCSR: cyberCSR,
	ErrNames: cyberNames, ErrProduct: cyberProduct, ErrMethod: cyberDVMethod, ErrFunds: cyberFunds,
	ErrNotFound: cyberNotFound, ErrState: cyberState,
}

// NewCyberSSL serves an engine in CyberSSL's way.
func NewCyberSSL(engine *Engine, options CyberSSLOptions) *CyberSSL {
	if options.ListID == "" {
		options.ListID = "order_id"
	}
	return &CyberSSL{engine: engine, options: options, methods: cyberMethods()}
}

// cyberMethods is the vendor's table of methods.
func cyberMethods() map[string]cyberMethod {
	csr := []string{"product_id", "addon_domains"}
	admin := cyberContactNames("admin_", cyberPerson)
	order := slices.Concat([]string{"product_id", "order_type", "period", "dv_method", "csr"}, admin)
	orderOptions := slices.Concat([]string{"addon_domains", "software_id"},
		cyberContactNames("tech_", cyberPerson), cyberContactNames("org_", cyberOrganization))
	supply := []string{"order_id", "dv_method", "csr"}
	return map[string]cyberMethod{
		"auth":                    {verb: "GET", class: ClassLogin, public: true, required: []string{"apikey"}, do: (*CyberSSL).auth},
		"list_products":           {verb: "GET", class: ClassProducts, do: (*CyberSSL).products},
		"ssl_certificates":        {verb: "GET", class: ClassProducts, public: true, optional: []string{"token"}, do: (*CyberSSL).products},
		"get_ssl_product_details": {verb: "GET", class: ClassProducts, required: []string{"product_id"}, do: (*CyberSSL).product},
		"get_ssl_product_price":   {verb: "GET", class: ClassPrice, required: []string{"product_id", "period"}, optional: []string{"nr_domains"}, do: (*CyberSSL).price},
		"get_balance":             {verb: "GET", class: ClassBalance, do: (*CyberSSL).balance},
		"get_ssl_web_soft":        {verb: "GET", class: ClassOther, optional: []string{"product_id"}, do: (*CyberSSL).webSoftware},
		"validate_csr":            {verb: "POST", class: ClassCheckCSR, required: []string{"csr"}, optional: csr, do: (*CyberSSL).validateCSR},
		"get_dv_options_csr":      {verb: "POST", class: ClassPrepare, required: []string{"csr", "product_id", "dv_method"}, optional: csr[1:], do: (*CyberSSL).optionsForCSR},
		"add_ssl_order":           {verb: "POST", class: ClassBuy, required: order, optional: orderOptions, do: (*CyberSSL).add},
		"activate_ssl_order":      {verb: "POST", class: ClassEnrol, required: supply, optional: []string{"addon_domains", "software_id"}, do: (*CyberSSL).activate},
		"reissue_ssl_order":       {verb: "POST", class: ClassReissue, required: supply, optional: []string{"addon_domains", "software_id"}, do: (*CyberSSL).reissue},
		"order_extra_domains":     {class: ClassExtraNames, required: []string{"order_id", "extra_domains_nr"}, do: (*CyberSSL).extraDomains},
		"get_dv_options":          {verb: "GET", class: ClassChallenges, required: []string{"order_id", "dv_method"}, do: (*CyberSSL).dvOptions},
		"change_dv_method":        {verb: "POST", class: ClassMethod, required: []string{"order_id", "dv_method"}, optional: []string{"domain", "email"}, do: (*CyberSSL).changeMethod},
		"resend_dv_email":         {verb: "GET", class: ClassResend, required: []string{"order_id"}, do: (*CyberSSL).resendEmail},
		"revalidate":              {verb: "GET", class: ClassValidate, required: []string{"order_id", "domain_name"}, do: (*CyberSSL).revalidate},
		"order_status":            {verb: "GET", class: ClassStatus, required: []string{"order_id"}, do: (*CyberSSL).orderStatus},
		"my_orders":               {verb: "GET", class: ClassList, do: (*CyberSSL).myOrders},
	}
}

// Name is "cyberssl".
func (*CyberSSL) Name() string { return "cyberssl" }

// Operation is the last part of the path.
func (c *CyberSSL) Operation(r *http.Request) Operation {
	name, _ := cyberMethodName(r.URL.Path)
	class := ClassOther
	if method, ok := c.methods[name]; ok {
		class = method.class
	}
	return Operation{Name: name, Class: class}
}

func cyberMethodName(path string) (string, bool) {
	for _, prefix := range []string{"/v1/", "/sandbox/v1/"} {
		if name, ok := strings.CutPrefix(path, prefix); ok {
			return name, true
		}
	}
	return "", false
}

// Serve does one call.
func (c *CyberSSL) Serve(w http.ResponseWriter, r *http.Request, call Call) {
	result, err := c.serve(r, call)
	if err == nil {
		result["success"] = true
		writePHP(w, result)
		return
	}
	code := cyberInternal
	if refusal, ok := errors.AsType[*cyberError](err); ok {
		code = refusal.code
	} else if refusal, ok := errors.AsType[*Error](err); ok {
		code = cyberCodes[refusal.Kind]
	}
	c.WriteError(w, strconv.Itoa(code), err.Error())
}

// cyberError is a refusal that has no kind in the engine.
type cyberError struct {
	code int
	text string
}

func (e *cyberError) Error() string { return e.text }

func (c *CyberSSL) serve(r *http.Request, call Call) (map[string]any, error) {
	name, ok := cyberMethodName(r.URL.Path)
	method, known := c.methods[name]
	if !ok || !known {
		return nil, &cyberError{cyberUnknownMethod, "unknown method"}
	}
	values, err := cyberValues(r, method)
	if err != nil {
		return nil, err
	}
	account := ""
	if !method.public {
		if values.Get("token") == "" {
			return nil, refuse(ErrParameter, "the parameter token is missing")
		}
		if account, err = c.engine.Session(values.Get("token")); err != nil {
			return nil, err
		}
		values.Del("token")
	}
	if err := method.check(values); err != nil {
		return nil, err
	}
	return method.do(c, cyberCall{Call: call, account: account, values: values})
}

// cyberValues reads the parameters: from the query of a GET, from the form of a POST.
func cyberValues(r *http.Request, method cyberMethod) (url.Values, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost || method.verb != "" && r.Method != method.verb {
		return nil, &cyberError{cyberWrongVerb, "wrong request method " + r.Method}
	}
	if r.Method == http.MethodGet {
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, &cyberError{cyberParameter, "the query cannot be read"}
		}
		return values, nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, &cyberError{cyberWrongVerb, "the content type must be application/x-www-form-urlencoded"}
	}
	if err := r.ParseForm(); err != nil {
		return nil, &cyberError{cyberParameter, "the form cannot be read"}
	}
	return r.PostForm, nil
}

func (m cyberMethod) check(values url.Values) error {
	for _, name := range m.required {
		if strings.TrimSpace(values.Get(name)) == "" {
			return refuse(ErrParameter, "the parameter %s is missing", name)
		}
	}
	for name, given := range values {
		if !slices.Contains(m.required, name) && !slices.Contains(m.optional, name) {
			return refuse(ErrParameter, "the parameter %s is not known here", name)
		}
		if len(given) > 1 {
			return refuse(ErrParameter, "the parameter %s is given twice", name)
		}
	}
	return nil
}

// WriteError answers as the vendor does: status 200, success false. Codes that are
// numbers are written as numbers.
func (*CyberSSL) WriteError(w http.ResponseWriter, code, message string) {
	var value any = code
	if number, err := strconv.Atoi(code); err == nil {
		value = number
	}
	writePHP(w, map[string]any{"success": false, "error_code": value, "error_message": message})
}

// writePHP writes JSON as PHP's json_encode does: slashes escaped, no line end.
func writePHP(w http.ResponseWriter, value map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	text, err := json.Marshal(value)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if _, err := w.Write([]byte(strings.ReplaceAll(string(text), "/", `\/`))); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}
