package autodns

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// verdict is what a code means.
type verdict struct {
	kind  providers.Kind
	field string
}

// vendorCodes are the EF codes with a public meaning. EF400139 is "domain validation
// failed on the CA side" (php-domainrobot-sdk, README). InterNetX publishes no list.
var vendorCodes = map[string]verdict{
	"EF400139": {kind: providers.Invalid, field: "spec.dcv"},
}

// sandboxCodes are those of the simulated InterNetX of this project.
var sandboxCodes = map[string]verdict{
	"EF900001": {kind: providers.Invalid},                                      // parameter
	"EF900002": {kind: providers.Invalid, field: "spec.request"},               // CSR
	"EF900003": {kind: providers.Invalid, field: "spec.dnsNames"},              // names
	"EF900004": {kind: providers.Invalid, field: fieldReseller + "product.id"}, // product
	"EF900005": {kind: providers.Invalid, field: "spec.dcv.methods"},           // validation method
	"EF900006": {kind: providers.Funds},                                        // balance
	"EF900007": {kind: providers.NotFound},                                     // order, job, contact
	"EF900008": {kind: providers.Invalid},                                      // state of the order
	"EF900009": {kind: providers.Auth},                                         // login
}

// refusal is an answer of type ERROR. Texts are localised and for people only.
type refusal struct {
	code    string
	reasons []string
	said    string
}

func (r *refusal) Error() string {
	parts := strings.Join(append([]string{r.code}, r.reasons...), ", ")
	if r.said == "" {
		return "InterNetX refused with " + parts
	}
	return fmt.Sprintf("InterNetX refused with %s: %s", parts, r.said)
}

// refused reports whether the vendor itself said no, as opposed to not answering.
func refused(err error) bool {
	_, ok := errors.AsType[*refusal](err)
	return ok
}

// errNoRoute is wrapped where the API answers with HTTP status 404 and no envelope.
var errNoRoute = errors.New("the API has no such route")

func unexpected(call providers.Call, response providers.Response) *providers.Error {
	e := call.Unexpected(response)
	switch response.Status {
	case http.StatusNotFound:
		e.Err = errNoRoute
	case http.StatusUnauthorized:
		e.Kind = providers.Auth
	}
	return e
}

// refusal translates an answer of type ERROR. The letter E in front of the number of the
// very task says that the task wasn't carried out, and orders are carried out by jobs
// that only exist after an N: so a client error with that code is a refusal without
// effect, whatever the reasons. Anything else leaves a call with an effect open.
func (c *client) refusal(op operation, call providers.Call, status int, outer envelope) error {
	reasons := codes(outer.Messages)
	said := &refusal{code: short(call.Redactor.Text(outer.code()))}
	for _, reason := range reasons[:min(len(reasons), maxReasons)] {
		said.reasons = append(said.reasons, short(call.Redactor.Text(reason)))
	}
	if len(outer.Messages) > 0 {
		said.said = call.Redactor.Text(string(outer.Messages[0].Text))
	}
	meaning, known := c.judge(reasons)
	own := op.task != "" && outer.code() == "E"+op.task && status < http.StatusInternalServerError
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		meaning = verdict{kind: providers.Auth, field: fieldReseller + "credentialsSecretRef"}
	case call.OneShot && !own:
		meaning = verdict{kind: providers.Ambiguous}
	case known:
	case status == http.StatusNotFound && !call.OneShot:
		meaning = verdict{kind: providers.NotFound}
	case own:
		meaning = verdict{kind: providers.Invalid, field: op.field}
	default:
		meaning = verdict{kind: providers.Unavailable}
	}
	e := failure(op.name, meaning.kind, said.Error(), said)
	e.Field = meaning.field
	return e
}

// maxReasons and maxCode bound what a message tells of an answer.
const (
	maxReasons = 3
	maxCode    = 16
)

func short(code string) string { return strings.ToValidUTF8(code[:min(len(code), maxCode)], "") }

// judge finds the meaning of the first known code. At the vendor's own hosts the codes of
// the simulation mean nothing.
func (c *client) judge(reasons []string) (verdict, bool) {
	for _, reason := range reasons {
		if meaning, ok := vendorCodes[reason]; ok {
			return meaning, true
		}
		if meaning, ok := sandboxCodes[reason]; ok && !c.vendor {
			return meaning, true
		}
	}
	return verdict{}, false
}

// aboutProduct reports whether a refusal is certainly about the product.
func aboutProduct(err error) bool {
	said, ok := errors.AsType[*refusal](err)
	return ok && slices.Contains(said.reasons, "EF900004")
}

// failure is a providers.Error of this package.
func failure(operation string, kind providers.Kind, message string, err error) *providers.Error {
	return &providers.Error{Kind: kind, Provider: Name, Operation: operation, Message: message, Err: err}
}

func invalid(operation, field, message string) *providers.Error {
	e := failure(operation, providers.Invalid, message, nil)
	e.Field = field
	return e
}

// isNoRoute reports whether the API doesn't know the path.
func isNoRoute(err error) bool { return errors.Is(err, errNoRoute) }
