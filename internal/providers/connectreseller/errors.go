package connectreseller

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// verdict is what a refusal means.
type verdict struct {
	kind  providers.Kind
	field string
}

// sandboxCodes are the msgCodes of the simulated ConnectReseller of this project, where a
// refusal has no effect. The vendor documents no errors; at its own hosts a refused
// purchase stays Ambiguous.
var sandboxCodes = map[string]verdict{
	"1001": {kind: providers.Invalid},                                    // field
	"1002": {kind: providers.Invalid, field: "spec.request"},             // CSR
	"1003": {kind: providers.Invalid, field: "spec.dnsNames"},            // names
	"1004": {kind: providers.Invalid, field: fieldProduct},               // product
	"1005": {kind: providers.Invalid, field: fieldMethods},               // validation method
	"1006": {kind: providers.Funds},                                      // balance
	"1007": {kind: providers.NotFound},                                   // order
	"1008": {kind: providers.Invalid},                                    // state of the order
	"1100": {kind: providers.Auth, field: fieldCredentials},              // API key or reseller
	"1101": {kind: providers.Auth, field: fieldCredentials},              // encryption
	"1102": {kind: providers.Invalid, field: fieldReseller + "endpoint"}, // request
}

// refusal is an answer whose codes say no. Its text is redacted and short.
type refusal struct{ code, message string }

func (r *refusal) Error() string {
	return "the reseller refused with code " + r.code + ": " + r.message
}

// judge finds the meaning of a refusal. What isn't understood is Ambiguous for a call that
// can't be repeated; for others the statuses that HTTP defines are taken at their word.
func (c *client) judge(status int, outer, inner codes, effect bool) verdict {
	if !c.vendor && status < http.StatusInternalServerError {
		if meaning, known := sandboxCodes[inner.MsgCode.word()]; known {
			return meaning
		}
	}
	if effect {
		return verdict{kind: providers.Ambiguous}
	}
	for _, word := range []string{outer.StatusCode.word(), inner.StatusCode.word(), strconv.Itoa(status)} {
		switch word {
		case "401", "403":
			return verdict{kind: providers.Auth, field: fieldCredentials}
		case "404":
			return verdict{kind: providers.NotFound}
		}
	}
	return verdict{kind: providers.Unavailable}
}

// refused reports whether the vendor itself said no, as opposed to not answering.
func refused(err error) bool {
	_, ok := errors.AsType[*refusal](err)
	return ok
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
