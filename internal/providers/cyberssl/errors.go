package cyberssl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// verdict is what an error code means.
type verdict struct {
	kind  providers.Kind
	field string
}

// sandboxCodes are the error codes of the simulated CyberSSL of this project, where a
// refusal has no effect. The vendor publishes no codes, so at the vendor's own host
// no number means anything, and a refused purchase stays Ambiguous there: a
// reseller may well take the money and then pass on a complaint of the CA.
var sandboxCodes = map[string]verdict{
	"100": {kind: providers.Unavailable},                                  // unknown method
	"101": {kind: providers.Invalid},                                      // wrong request method
	"102": {kind: providers.Invalid},                                      // parameter
	"110": {kind: providers.Auth},                                         // API key
	"111": {kind: providers.Auth},                                         // token
	"120": {kind: providers.Invalid, field: "spec.request"},               // CSR
	"121": {kind: providers.Invalid, field: "spec.dnsNames"},              // names
	"122": {kind: providers.Invalid, field: fieldReseller + "product.id"}, // product
	"123": {kind: providers.Invalid, field: "spec.dcv.methods"},           // validation method
	"124": {kind: providers.NotFound},                                     // order
	"125": {kind: providers.Invalid},                                      // state of the order
	"126": {kind: providers.Funds},                                        // balance
}

// codeWords give a meaning to codes that are words, such as "invalid_token", in this
// order. Assumption: unconfirmed on a live account. They are good enough for calls
// without an effect, and used for no other.
var codeWords = []struct {
	word string
	kind providers.Kind
}{
	{"token", providers.Auth},
	{"apikey", providers.Auth},
	{"api_key", providers.Auth},
	{"auth", providers.Auth},
	{"balance", providers.Funds},
	{"funds", providers.Funds},
	{"credit", providers.Funds},
	{"not_found", providers.NotFound},
	{"notfound", providers.NotFound},
	{"csr", providers.Invalid},
	{"domain", providers.Invalid},
	{"product", providers.Invalid},
	{"param", providers.Invalid},
	{"dv_method", providers.Invalid},
}

// refusal is an answer with success false. Its text is redacted and short.
type refusal struct {
	code, message string
	known         bool // the code means something
}

func (r *refusal) Error() string {
	if r.code == "" {
		return "the reseller refused: " + r.message
	}
	return fmt.Sprintf("the reseller refused with code %s: %s", r.code, r.message)
}

// judge finds the meaning of a code; known is false where nothing is. vendor is true at
// the vendor's own host, effect for a call that can't be repeated. Where a refusal
// has a meaning by itself, a word only tells whether it was the token.
func judge(code string, op operation, vendor, effect bool) (meaning verdict, known bool) {
	if !vendor {
		if meaning, known = sandboxCodes[code]; known {
			return meaning, true
		}
	}
	if effect {
		return verdict{}, false
	}
	code = strings.ToLower(strings.NewReplacer("-", "_", " ", "_").Replace(code))
	for _, candidate := range codeWords {
		if strings.Contains(code, candidate.word) && (op.refused.kind == "" || candidate.kind == providers.Auth) {
			return verdict{kind: candidate.kind}, true
		}
	}
	return verdict{}, false
}

// refused reports whether the vendor itself said no, as opposed to not answering.
func refused(err error) bool {
	_, ok := errors.AsType[*refusal](err)
	return ok
}

// puzzling reports whether the vendor said no and nobody knows why: the token may have
// expired.
func puzzling(err error) bool {
	said, ok := errors.AsType[*refusal](err)
	return ok && !said.known
}

// errNoMethod is wrapped where the API answers with HTTP status 404.
var errNoMethod = errors.New("the API has no such method")

// absent reports whether the API doesn't know the method, as far as that can be told: a
// refusal for an unknown reason may be just this.
func absent(err error) bool {
	return errors.Is(err, errNoMethod) || refused(err) && providers.KindOf(err) == providers.Unavailable
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
