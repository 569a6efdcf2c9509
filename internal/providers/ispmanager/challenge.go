package ispmanager

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The vendor's words for validation methods. auth_email is on the API page, as are fields of
// the four; auth_dnstxt as a value is in the modules, and the other two are by analogy,
// assumption: unconfirmed on a live account.
const (
	authEmail = "auth_email"
	authTXT   = "auth_dnstxt"
	authCNAME = "auth_cname"
	authFile  = "auth_file"
)

func vendorMethod(m providers.Method) string {
	switch m {
	case providers.MethodCNAME:
		return authCNAME
	case providers.MethodTXT:
		return authTXT
	case providers.MethodFile:
		return authFile
	case providers.MethodEmail:
		return authEmail
	default:
		return ""
	}
}

// form is certificate.edit of an order.
type form struct{ answer node }

func (f form) field(name string) string { return f.answer.field(name) }

// csr is what the order echoes, nil if nothing; assumption: unconfirmed on a live account.
func (f form) csr() []byte {
	if csr := f.field("csr"); csr != "" {
		return []byte(csr)
	}
	return nil
}

// names are the main name and the others in the vendor's order.
func (f form) names() []string {
	var all []string
	for _, name := range append([]string{f.field("CN")}, words(f.field("altname"))...) {
		if name = canonical(name); name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// furtherNames are sorted.
func (f form) furtherNames() []string {
	all := f.names()
	if len(all) < 2 {
		return nil
	}
	return slices.Sorted(slices.Values(all[1:]))
}

// value is a field of one name: that with the name's number, else the one for all.
func (f form) value(field string, number int) string {
	if own := f.field(field + "_" + strconv.Itoa(number)); own != "" {
		return own
	}
	return f.field(field)
}

// method is the order's, or the one for which there is something to publish.
func (f form) method() string {
	if method := f.field("approver_method"); method != "" {
		return method
	}
	for field, method := range map[string]string{
		"auth_dnstxt_value": authTXT, "auth_cname_value": authCNAME, "auth_file_value": authFile,
	} {
		if f.field(field) != "" {
			return method
		}
	}
	return ""
}

// challenges are what to publish for each name. The API page shows fields for one name only;
// that those are good for all names of an order, with the record's own label in front of
// each name, is an assumption: unconfirmed on a live account. There are none while the
// CA hasn't told them yet.
func (f form) challenges() ([]providers.Challenge, error) {
	method := f.method()
	var (
		result   []providers.Challenge
		problems []error
	)
	for i, name := range f.names() {
		challenge, ok, err := f.challenge(method, name, i+1)
		if err != nil {
			problems = append(problems, err)
		}
		if ok {
			result = append(result, challenge)
		}
	}
	return result, errors.Join(problems...)
}

func (f form) challenge(method, name string, number int) (providers.Challenge, bool, error) {
	switch method {
	case authTXT:
		value := strings.Trim(f.value("auth_dnstxt_value", number), `"`)
		return providers.Challenge{
			Domain: name, Method: providers.MethodTXT, RecordName: base(name) + ".", RecordValue: value,
		}, value != "", nil
	case authCNAME:
		return f.cname(name, number)
	case authFile:
		return f.file(name, number)
	case authEmail, "":
		return f.email(name, number), method == authEmail, nil
	default:
		return providers.Challenge{}, false, fmt.Errorf("the validation of %.253q isn't understood", name)
	}
}

// cname takes a record name that is absolute, or relative to the name.
func (f form) cname(name string, number int) (providers.Challenge, bool, error) {
	owner, value := canonical(f.value("auth_cname_name", number)), f.value("auth_cname_value", number)
	if owner == "" || value == "" {
		return providers.Challenge{}, false, nil
	}
	label, _, _ := strings.Cut(owner, ".")
	if !strings.HasPrefix(label, "_") || strings.ContainsAny(value, " \"") {
		return providers.Challenge{}, false, fmt.Errorf("the DNS record for %.253q isn't understood", name)
	}
	return providers.Challenge{
		Domain: name, Method: providers.MethodCNAME, RecordName: label + "." + base(name) + ".", RecordValue: value,
	}, true, nil
}

// wellKnown is where CAs look for the file; assumption: unconfirmed on a live account.
const wellKnown = "/.well-known/pki-validation/"

func (f form) file(name string, number int) (providers.Challenge, bool, error) {
	file, body := f.value("auth_file_name", number), f.value("auth_file_value", number)
	if file == "" || body == "" {
		return providers.Challenge{}, false, nil
	}
	path := wellKnown + file
	switch {
	case strings.HasPrefix(file, "/"):
		path = file
	case strings.HasPrefix(file, ".well-known/"):
		path = "/" + file
	}
	u, err := url.Parse("http://" + name)
	if err != nil || isWildcard(name) || strings.Contains(path, "..") || strings.ContainsAny(path, "?#\\ \r\n") || strings.HasSuffix(path, "/") {
		return providers.Challenge{}, false, fmt.Errorf("the validation file for %.253q isn't understood", name)
	}
	return providers.Challenge{Domain: name, Method: providers.MethodFile, URLs: []string{u.JoinPath(path).String()}, Body: body}, true, nil
}

// approvers are the five that the API page allows.
var approvers = []string{"admin", "administrator", "hostmaster", "postmaster", "webmaster"}

func (f form) email(name string, number int) providers.Challenge {
	challenge := providers.Challenge{Domain: name, Method: providers.MethodEmail, Chosen: f.field("approver_email_" + strconv.Itoa(number))}
	for _, local := range approvers {
		challenge.Emails = append(challenge.Emails, local+"@"+base(name))
	}
	return challenge
}

func base(name string) string { return strings.TrimPrefix(name, "*.") }

// canonical is a DNS name in lower case without the trailing dot.
func canonical(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}
