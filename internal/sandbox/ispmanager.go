package sandbox

import (
	"cmp"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ISPmanagerOptions choose between readings of what the vendor leaves open.
type ISPmanagerOptions struct {
	// Wrapped answers in the shape of out=json, whatever out says.
	Wrapped bool
	// ListStatus tells the states of an order in the list only.
	ListStatus bool
	// ZIP and PKCS7 are the form of a downloaded certificate; PEM without.
	ZIP, PKCS7 bool
}

// ISPmanager is the certificate part of BILLmanager's API as described at
// https://ispmanager.com/docs/reselling/resell-ssl-api, under /billmgr and
// /manager/billmgr, by GET or POST with the same parameters. An account logs in with
// authinfo=NAME:KEY on every call. Every answer has status 200.
//
// Assumptions, unconfirmed on a live account: the answer to an order has an id, approver_method
// is taken with an order, remoteid is kept and told, certificate.edit tells CSR and
// states, and which error types there are.
//
// It is stricter than the vendor in one point: unknown parameters are refused. It never
// makes private keys: crt_type=generate is refused.
type ISPmanager struct {
	engine    *Engine
	options   ISPmanagerOptions
	functions map[string]ispFunction
}

// ispFunction is one value of func and its parameters besides the common ones. A name that
// ends in * stands for all that begin so.
type ispFunction struct {
	class string
	// form is true for functions that only act with sok=ok and show their form without.
	form     bool
	required []string
	optional []string
	do       func(*ISPmanager, ispCall) (map[string]any, error)
	// file is set instead of do where the answer is a download.
	file func(*ISPmanager, ispCall) ([]byte, error)
}

// ispCall is one authenticated call with checked parameters.
type ispCall struct {
	Call
	account string
	values  url.Values
}

func (c ispCall) get(name string) string { return strings.TrimSpace(c.values.Get(name)) }

// ispCommon are the parameters that every function takes.
var ispCommon = []string{"authinfo", "out", "func", "sok", "lang"}

var ispPerson = []string{"fname", "lname", "jtitle", "email", "phone"}

// ispFunctions is the vendor's table.
func ispFunctions() map[string]ispFunction {
	order := []string{"crt_type", "period", "pricelist", "approver_email_1", "csr"}
	for _, field := range ispPerson {
		order = append(order, "adm_"+field, "tech_"+field)
	}
	orderOptions := []string{"skipbasket", "approver_method", "approver_email_*", "altname", "altname_input", "addon_*", "remoteid"}
	elid := []string{"elid"}
	return map[string]ispFunction{
		"whoami":                              {class: ClassBalance, do: (*ISPmanager).whoami},
		"pricelist.export":                    {class: ClassPrice, required: []string{"itemtype"}, optional: []string{"onlyavailable", "project"}, do: (*ISPmanager).pricelist},
		"certificate.order.csr":               {class: ClassProducts, required: []string{"period", "pricelist"}, do: (*ISPmanager).countries},
		"certificate.order.param":             {class: ClassBuy, form: true, required: order, optional: orderOptions, do: (*ISPmanager).order},
		"certificate":                         {class: ClassList, optional: []string{"filter", "CN", "p_cnt"}, do: (*ISPmanager).list},
		"certificate.edit":                    {class: ClassStatus, required: elid, do: (*ISPmanager).edit},
		"certificate.file":                    {class: ClassChallenges, required: []string{"elid", "type"}, file: (*ISPmanager).file},
		"certificate.dns_verify":              {class: ClassValidate, form: true, required: []string{"elid", "domains"}, do: (*ISPmanager).verify},
		"certificate.domain_validation_email": {class: ClassResend, form: true, required: []string{"elid", "approver_email_1"}, optional: []string{"approver_email_*"}, do: (*ISPmanager).resend},
		"certificate.reissue.step2":           {class: ClassReissue, form: true, required: []string{"elid", "crt_type", "approver_method"}, optional: []string{"csr", "altname", "approver_email_*", "remoteid"}, do: (*ISPmanager).reissue},
		"certificate.delete":                  {class: ClassCancel, form: true, required: elid, do: (*ISPmanager).remove},
	}
}

// NewISPmanager serves an engine in BILLmanager's way.
func NewISPmanager(engine *Engine, options ISPmanagerOptions) *ISPmanager {
	return &ISPmanager{engine: engine, options: options, functions: ispFunctions()}
}

// Name is "ispmanager".
func (*ISPmanager) Name() string { return "ispmanager" }

// Operation is the parameter func.
func (*ISPmanager) Operation(r *http.Request) Operation {
	name := r.FormValue("func")
	function, ok := ispFunctions()[name]
	switch {
	case !ok:
		return Operation{Name: name, Class: ClassOther}
	case function.form && r.FormValue("sok") != "ok":
		return Operation{Name: name, Class: ClassOther}
	}
	return Operation{Name: name, Class: function.class}
}

// ispError is a refusal with a type and the parameter that it is about.
type ispError struct{ kind, object, text string }

func (e *ispError) Error() string { return e.text }

// ispErrors are the types of the engine's refusals. That for missing money is made up.
var ispErrors = map[ErrorKind]ispError{
	ErrCredentials: {kind: "auth", object: "badpassword"}, ErrToken: {kind: "auth", object: "badpassword"},
	ErrParameter: {kind: "value", object: "period"}, ErrCSR: {kind: "value", object: "csr"},
	ErrNames: {kind: "value", object: "altname"}, ErrProduct: {kind: "value", object: "pricelist"},
	ErrMethod: {kind: "value", object: "approver_method"}, ErrFunds: {kind: "sandbox_funds", object: "balance"},
	ErrNotFound: {kind: "missed", object: "elid"}, ErrState: {kind: "value", object: "elid"},
}

// Serve does one call.
func (p *ISPmanager) Serve(w http.ResponseWriter, r *http.Request, call Call) {
	if r.URL.Path != "/billmgr" && r.URL.Path != "/manager/billmgr" {
		http.NotFound(w, r)
		return
	}
	out := cmp.Or(r.FormValue("out"), "html")
	answer, file, err := p.serve(r, call)
	if err != nil {
		told := ispError{kind: "unknown", text: err.Error()}
		if own, ok := errors.AsType[*ispError](err); ok {
			told = *own
		} else if refusal, ok := errors.AsType[*Error](err); ok {
			told = ispErrors[refusal.Kind]
		}
		p.write(w, out, ispFailure(told.kind, told.object, err.Error()))
		return
	}
	if file != nil {
		w.Header().Set("Content-Type", "application/x-download")
		if _, err := w.Write(file); err != nil {
			return // the client has gone
		}
		return
	}
	p.write(w, out, answer)
}

func (p *ISPmanager) serve(r *http.Request, call Call) (map[string]any, []byte, error) {
	values, err := ispValues(r)
	if err != nil {
		return nil, nil, err
	}
	function, ok := p.functions[values.Get("func")]
	if !ok {
		return nil, nil, &ispError{"missed", "func", "there is no such function"}
	}
	email, password, _ := strings.Cut(values.Get("authinfo"), ":")
	account, err := p.engine.Account(email)
	if err != nil || account.Key != password {
		return nil, nil, refuse(ErrCredentials, "wrong name or password")
	}
	form := function.form && values.Get("sok") != "ok"
	if err := function.check(values, form); err != nil {
		return nil, nil, err
	}
	if form {
		return map[string]any{"model": map[string]any{"elid": values.Get("elid")}}, nil, nil
	}
	c := ispCall{Call: call, account: account.Name, values: values}
	if function.file != nil {
		file, err := function.file(p, c)
		return nil, file, err
	}
	answer, err := function.do(p, c)
	if err == nil && function.form {
		answer["ok"] = true
	}
	return answer, nil, err
}

func ispValues(r *http.Request) (url.Values, error) {
	switch r.Method {
	case http.MethodGet:
		return r.URL.Query(), nil
	case http.MethodPost:
		media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || media != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
			return nil, &ispError{"value", "", "the form cannot be read"}
		}
		return r.PostForm, nil
	default:
		return nil, &ispError{"access", "", "wrong request method " + r.Method}
	}
}

// check wants all required parameters, but only the product for the form of an order.
func (f ispFunction) check(values url.Values, form bool) error {
	for _, name := range f.required {
		switch {
		case strings.TrimSpace(values.Get(name)) != "":
		case !form:
			return &ispError{"value", name, "the parameter " + name + " is missing"}
		case name == "pricelist":
			return &ispError{"wizard_unavailable", name, "the wizard has no product"}
		}
	}
	known := slices.Concat(ispCommon, f.required, f.optional)
	for name, given := range values {
		matches := func(pattern string) bool {
			prefix, star := strings.CutSuffix(pattern, "*")
			return name == pattern || star && strings.HasPrefix(name, prefix)
		}
		if !slices.ContainsFunc(known, matches) {
			return &ispError{"value", name, "the parameter " + name + " is not known here"}
		}
		if len(given) > 1 {
			return &ispError{"value", name, "the parameter " + name + " is given twice"}
		}
	}
	return nil
}

// WriteError answers with a type and a message, in bjson.
func (p *ISPmanager) WriteError(w http.ResponseWriter, code, message string) {
	p.write(w, "bjson", ispFailure(code, "", message))
}
