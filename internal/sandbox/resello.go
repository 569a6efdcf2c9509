package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ReselloOptions choose between readings of what the vendor leaves open.
type ReselloOptions struct {
	// Sparse reduces a certificate object to its id and status.
	Sparse bool
	// ZoneLines lets validation-details tell a record as one line of a zone file.
	ZoneLines bool
	// NoDetails leaves validation-details empty and the challenges without a unique
	// value, so that they can be computed from the CSR.
	NoDetails bool
}

// Resello is the API of Resello's ResellerPlatform described at
// https://resello.gitlab.io/resellerplatform-api-docs/ under /api/v1/: the resource
// ssl-certificate and the list of plans, with HTTP Basic by account name and key, and
// JSON in both directions.
//
// The vendor's pages have no example of any answer. The envelope is that of a public
// client (https://github.com/duct-tape/resello); the fields of certificates, plans
// and validation-details, the error codes and all status words but "pending" and "active"
// are assumptions, unconfirmed on a live account. Plans are those of the catalogue, see
// [ReselloPlan]. It is stricter than the vendor in that unknown fields are refused.
type Resello struct {
	engine  *Engine
	options ReselloOptions
}

// NewResello serves an engine in Resello's way.
func NewResello(engine *Engine, options ReselloOptions) *Resello {
	return &Resello{engine: engine, options: options}
}

// reselloUUID is the form of plans and certificates; their number is at the end.
const reselloUUID = "5e110000-0000-4000-8000-000000000000"

// ReselloPlan is the UUID of the plan that sells a product of the catalogue.
func ReselloPlan(product string) string { return reselloID(product) }

func reselloID(number string) string {
	return reselloUUID[:max(0, len(reselloUUID)-len(number))] + number
}

// reselloNumber is the number in a UUID, empty in another text.
func reselloNumber(id string) string {
	prefix := reselloUUID[:24]
	number, ok := strings.CutPrefix(id, prefix)
	if !ok || len(id) != len(reselloUUID) {
		return ""
	}
	return strings.TrimLeft(number, "0")
}

// reselloCall is one authenticated call.
type reselloCall struct {
	Call
	account string
	id      string
	query   url.Values
	body    []byte
}

// reselloMethod is one method of one path.
type reselloMethod struct {
	verb, resource, name, class string
	query                       []string
	// item methods have an id behind the resource.
	item bool
	do   func(*Resello, reselloCall) (any, error)
}

var reselloMethods = []reselloMethod{
	{verb: "GET", resource: "ssl-certificate-plan", class: ClassProducts, query: []string{"id", "name"}, do: (*Resello).plans},
	{verb: "GET", resource: "ssl-certificate-plan", class: ClassProducts, item: true, do: (*Resello).plan},
	{verb: "GET", resource: "ssl-certificate", class: ClassList, query: []string{"plan", "client_reference", "limit", "offset"}, do: (*Resello).list},
	{verb: "POST", resource: "ssl-certificate", class: ClassBuy, do: (*Resello).create},
	{verb: "GET", resource: "ssl-certificate", class: ClassStatus, item: true, do: (*Resello).get},
	{verb: "DELETE", resource: "ssl-certificate", class: ClassCancel, item: true, do: (*Resello).remove},
	{verb: "POST", resource: "ssl-certificate", name: "renew", class: ClassRenew, item: true, do: (*Resello).renew},
	{verb: "POST", resource: "ssl-certificate", name: "reissue", class: ClassReissue, item: true, do: (*Resello).reissue},
	{verb: "POST", resource: "ssl-certificate", name: "validate", class: ClassValidate, item: true, do: (*Resello).validate},
	{verb: "GET", resource: "ssl-certificate", name: "validation-details", class: ClassChallenges, item: true, do: (*Resello).details},
	{verb: "GET", resource: "ssl-certificate", name: "download-crt", class: ClassOther, item: true, do: (*Resello).leaf},
	{verb: "GET", resource: "ssl-certificate", name: "download-ca", class: ClassOther, item: true, do: (*Resello).intermediates},
	{verb: "GET", resource: "ssl-certificate", name: "download-csr", class: ClassOther, item: true, do: (*Resello).csr},
	{verb: "GET", resource: "ssl-certificate", name: "download-pkcs7", class: ClassOther, item: true, do: (*Resello).pkcs7},
	{verb: "GET", resource: "ssl-certificate", name: "download-zip", class: ClassOther, item: true, do: (*Resello).zip},
}

// Name is "resello".
func (*Resello) Name() string { return "resello" }

// Operation is the method with its path, ids replaced. Asking for an e-mail is not the same
// as asking for a look at a record.
func (*Resello) Operation(r *http.Request) Operation {
	method, _, err := reselloRoute(r)
	if err != nil {
		return Operation{Name: r.Method, Class: ClassOther}
	}
	operation := Operation{Name: strings.Trim(method.verb+" "+method.resource+"/"+method.name, "/"), Class: method.class}
	var asked struct {
		Method string `json:"dcv_type"`
	}
	if method.name == "validate" && json.NewDecoder(r.Body).Decode(&asked) == nil && asked.Method == "EMAIL" {
		operation.Class = ClassResend
	}
	return operation
}

// reselloError is a refusal in the vendor's form.
type reselloError struct {
	status  int
	code    string
	message any
}

func (e *reselloError) Error() string { return e.code }

func reselloRoute(r *http.Request) (reselloMethod, string, error) {
	path, ok := strings.CutPrefix(r.URL.Path, "/api/v1/")
	parts := append(strings.Split(path, "/"), "", "")
	if !ok || len(parts) > 5 {
		return reselloMethod{}, "", &reselloError{http.StatusNotFound, "not_found", "there is no such resource"}
	}
	known := false
	for _, method := range reselloMethods {
		if method.resource != parts[0] || method.item != (parts[1] != "") || method.name != parts[2] {
			continue
		}
		known = true
		if method.verb == r.Method {
			return method, parts[1], nil
		}
	}
	if known {
		return reselloMethod{}, "", &reselloError{http.StatusMethodNotAllowed, "method_not_allowed", "the method " + r.Method + " is not allowed"}
	}
	return reselloMethod{}, "", &reselloError{http.StatusNotFound, "not_found", "there is no such resource"}
}

// reselloFile is an attachment.
type reselloFile struct {
	name    string
	content []byte
}

// Serve does one call.
func (s *Resello) Serve(w http.ResponseWriter, r *http.Request, call Call) {
	result, err := s.serve(r, call)
	if err != nil {
		writeJSON(w, reselloStatus(err), reselloFailure(err))
		return
	}
	switch answer := result.(type) {
	case reselloFile:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", `attachment; filename="`+answer.name+`"`)
		if _, err := w.Write(answer.content); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	case reselloPage:
		writeJSON(w, http.StatusOK, map[string]any{
			"success": true, "result": answer.rows, "total": answer.total, "limit": answer.limit, "offset": answer.offset,
		})
	default:
		writeJSON(w, http.StatusOK, map[string]any{"success": true, "result": answer})
	}
}

// WriteError answers with status 200, as the vendor's older API does.
func (*Resello) WriteError(w http.ResponseWriter, code, message string) {
	writeJSON(w, http.StatusOK, reselloFailure(&reselloError{code: code, message: message}))
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (s *Resello) serve(r *http.Request, call Call) (any, error) {
	name, key, _ := r.BasicAuth()
	account, err := s.engine.AccountByKey(key)
	if err != nil || account.Name != name {
		return nil, refuse(ErrCredentials, "the user name or API key is wrong")
	}
	method, id, err := reselloRoute(r)
	if err != nil {
		return nil, err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, reselloInvalid("query", "invalid", "the query cannot be read")
	}
	for parameter := range query {
		if !slices.Contains(method.query, parameter) {
			return nil, reselloInvalid(parameter, "unknown", "this parameter is not known here")
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if method.verb == http.MethodPost && (err != nil || media != "application/json") {
		return nil, &reselloError{http.StatusUnsupportedMediaType, "unsupported_media_type", "the body must be application/json"}
	}
	return method.do(s, reselloCall{Call: call, account: account.Name, id: id, query: query, body: body})
}

// reselloCodes are made up, except request_validation_failed.
var reselloCodes = map[ErrorKind]string{
	ErrCredentials: "authentication_failed", ErrFunds: "insufficient_funds", ErrNotFound: "not_found", ErrState: "invalid_state",
}

// reselloFields name the parameter that a refusal of the engine is about.
var reselloFields = map[ErrorKind]string{
	ErrCSR: "csr", ErrNames: "csr", ErrProduct: "plan", ErrMethod: "dcv_type", ErrParameter: "plan",
}

// reselloInvalid is a validation error of one field, nested as the public client's tests show.
func reselloInvalid(field, code, message string) error {
	detail := []any{map[string]string{"message": message, "code": code}}
	return &reselloError{http.StatusOK, "request_validation_failed", map[string]any{"field": map[string]any{field: detail}}}
}

// asReselloError gives every refusal the vendor's form.
func asReselloError(err error) *reselloError {
	if failure, ok := errors.AsType[*reselloError](err); ok {
		return failure
	}
	refusal, ok := errors.AsType[*Error](err)
	if !ok {
		return &reselloError{http.StatusInternalServerError, "internal_error", err.Error()}
	}
	if field, ok := reselloFields[refusal.Kind]; ok {
		return asReselloError(reselloInvalid(field, "invalid", refusal.Message))
	}
	status := map[ErrorKind]int{ErrCredentials: http.StatusUnauthorized, ErrNotFound: http.StatusNotFound}[refusal.Kind]
	return &reselloError{max(status, http.StatusOK), reselloCodes[refusal.Kind], refusal.Message}
}

func reselloStatus(err error) int { return max(asReselloError(err).status, http.StatusOK) }

func reselloFailure(err error) any {
	failure := asReselloError(err)
	return map[string]any{"success": false, "error": map[string]any{"code": failure.code, "message": failure.message}}
}

// reselloDecode reads a body strictly.
func reselloDecode(call reselloCall, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(call.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return reselloInvalid("body", "invalid", err.Error())
	}
	return nil
}
