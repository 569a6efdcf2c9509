package resello

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// verdict is what a refusal means.
type verdict struct {
	kind  providers.Kind
	field string
}

// validationFailed is the only error code that is known of the vendor (public client). A
// request that fails validation was not carried out.
const validationFailed = "request_validation_failed"

// parameterFields are the fields of an issuer or Certificate behind the vendor's parameters.
var parameterFields = map[string]string{
	"csr": "spec.request", "plan": fieldProduct, "dcv_type": fieldMethods,
	"approver_email_address": fieldMethods, "email_address": fieldMethods,
	"chamber_of_commerce": "spec.contacts.organization", "company_name": "spec.contacts.organization",
	"department": "spec.contacts.organization.division", "address": "spec.contacts.organization.address",
	"zip_code": "spec.contacts.organization.postalCode", "city": "spec.contacts.organization.city",
	"approver_first_name": "spec.contacts.admin.firstName", "approver_last_name": "spec.contacts.admin.lastName",
	"approver_phone_number": "spec.contacts.admin.phone",
}

// sandboxCodes are the further error codes of the simulated Resello of this project, where
// a refusal has no effect. At the vendor's own hosts they mean nothing.
var sandboxCodes = map[string]verdict{
	"authentication_failed":  {kind: providers.Auth, field: fieldCredentials},
	"insufficient_funds":     {kind: providers.Funds},
	"not_found":              {kind: providers.NotFound},
	"invalid_state":          {kind: providers.Invalid},
	"method_not_allowed":     {kind: providers.Invalid},
	"unsupported_media_type": {kind: providers.Invalid},
}

// refusal is an answer with success false. Its text is redacted and short.
type refusal struct{ code, message string }

func (r *refusal) Error() string {
	return strings.Trim("the reseller refused with "+r.code+": "+r.message, ": ")
}

// judge finds the meaning of a refusal. What isn't understood is Ambiguous for a call that
// can't be repeated. HTTP statuses below 500 come before anything is done.
func (c *client) judge(op operation, status int, outer envelope, effect bool) verdict {
	code := outer.Error.Code.word()
	meaning, known := sandboxCodes[code]
	switch {
	case effect && status >= http.StatusInternalServerError:
		return verdict{kind: providers.Ambiguous}
	case code == validationFailed:
		return verdict{kind: providers.Invalid, field: fieldOf(outer.Error.Message.keys())}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return verdict{kind: providers.Auth, field: fieldCredentials}
	case status == http.StatusNotFound:
		return verdict{kind: providers.NotFound}
	case known && !c.vendor:
		return meaning
	case effect:
		return verdict{kind: providers.Ambiguous}
	case op.refused != "":
		return verdict{kind: op.refused}
	default:
		return verdict{kind: providers.Unavailable}
	}
}

// fieldOf is the field of the first parameter, by name, that a validation error is about.
func fieldOf(parameters []string) string {
	slices.Sort(parameters)
	for _, parameter := range parameters {
		if field, ok := parameterFields[parameter]; ok {
			return field
		}
	}
	return ""
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
