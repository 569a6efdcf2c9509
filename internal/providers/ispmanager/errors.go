package ispmanager

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// kinds are the meanings of error types. "auth" is public (clients test for it); the others
// are those of the vendor's framework in general, assumption: unconfirmed on a live
// account. The last one is that of the simulated BILLmanager of this project, under a
// name that no other uses: how the vendor says that money is missing isn't known.
var kinds = map[string]providers.Kind{
	"auth":               providers.Auth,
	"access":             providers.Auth,
	"missed":             providers.NotFound,
	"value":              providers.Invalid,
	"exists":             providers.Invalid,
	"wizard_unavailable": providers.Invalid,
	"limit":              providers.Throttled,
	"busy":               providers.Throttled,
	"lock":               providers.Throttled,
	"sandbox_funds":      providers.Funds,
}

// definite are the types that end a call before it had any effect.
var definite = map[string]bool{"auth": true, "access": true, "wizard_unavailable": true, "sandbox_funds": true}

// fields are the settings behind the vendor's parameters.
var fields = map[string]string{
	"pricelist": fieldReseller + "product.id", "period": "spec.term.months", "csr": "spec.request", "altname": "spec.dnsNames",
	"CN": "spec.commonName", "approver_method": "spec.dcv.methods",
	"adm_fname": "spec.contacts.admin.firstName", "adm_lname": "spec.contacts.admin.lastName", "adm_jtitle": "spec.contacts.admin.title",
	"adm_email": "spec.contacts.admin.email", "adm_phone": "spec.contacts.admin.phone",
	"tech_fname": "spec.contacts.technical.firstName", "tech_lname": "spec.contacts.technical.lastName",
	"tech_jtitle": "spec.contacts.technical.title", "tech_email": "spec.contacts.technical.email", "tech_phone": "spec.contacts.technical.phone",
}

func fieldOf(parameter string) string {
	switch {
	case strings.HasPrefix(parameter, "approver_email_"):
		return "spec.dcv.methods"
	case strings.HasPrefix(parameter, "addon_"):
		return fieldReseller + "addonID"
	default:
		return fields[parameter]
	}
}

// refusal is an answer with an error. Texts are localised and for people only.
type refusal struct{ kind, object, said string }

func (r *refusal) Error() string {
	text := "BILLmanager refused with error " + r.kind
	if r.object != "" {
		text += " of " + r.object
	}
	if r.said == "" {
		return text
	}
	return fmt.Sprintf("%s: %s", text, r.said)
}

// refused translates an error. On a call with an effect only those errors count as without
// effect that can only come before it: of the login, or of a parameter that was sent, which
// the form checks before it is submitted (assumption: unconfirmed on a live account).
// Everything else leaves the outcome open.
func refused(op operation, call providers.Call, params url.Values, answer node) error {
	said := &refusal{kind: answer.get("type").text(), object: answer.get("object").text(), said: call.Redactor.Text(answer.get("msg").text())}
	if said.kind == "" {
		said.kind = answer.text()
	}
	_, sent := params[said.object]
	kind := said.meaning(call.OneShot, sent)
	field := fieldOf(said.object)
	if kind == providers.Auth {
		field = fieldReseller + "credentialsSecretRef"
	}
	said.kind, said.object = short(call.Redactor.Text(said.kind)), short(call.Redactor.Text(said.object))
	e := failure(op.name, kind, said.Error(), said)
	e.Field = field
	if kind == providers.Throttled {
		e.RetryAfter = retryAfter
	}
	return e
}

// meaning of a refusal. sent is true if it is about a parameter of the call.
func (r *refusal) meaning(effect, sent bool) providers.Kind {
	kind, ok := kinds[r.kind]
	switch {
	case !effect && ok:
		return kind
	case !effect:
		return providers.Unavailable
	case definite[r.kind]:
		return kind
	case !sent || r.kind != "value" && r.kind != "missed":
		return providers.Ambiguous
	case r.object == elid:
		return kind
	default:
		return providers.Invalid
	}
}

// short bounds what a message tells of an answer.
func short(word string) string {
	const most = 24
	return strings.ToValidUTF8(word[:min(len(word), most)], "")
}

// isRefusal reports whether the vendor itself said no, as opposed to not answering.
func isRefusal(err error) bool {
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
