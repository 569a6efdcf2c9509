package autodns

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The vendor's words for validation methods (OpenAPI, AuthMethodConstants). ORG, by
// papers, isn't offered here.
const (
	dcvDNS   = "DNS"
	dcvFile  = "FILE"
	dcvEmail = "EMAIL"
)

// vendorMethod is what to ask for. Whether DNS means TXT or CNAME is up to the CA.
func vendorMethod(m providers.Method) string {
	switch m {
	case providers.MethodCNAME, providers.MethodTXT:
		return dcvDNS
	case providers.MethodFile:
		return dcvFile
	case providers.MethodEmail:
		return dcvEmail
	default:
		return ""
	}
}

// authentication is the vendor's CertAuthentication: what to publish by one method, for one
// name or, in Domains, for several. An order sends back what was prepared, unchanged.
type authentication struct {
	Name           string           `json:"name,omitempty"`
	Method         string           `json:"method,omitempty"`
	DNS            string           `json:"dns,omitempty"`
	FileName       string           `json:"fileName,omitempty"`
	FileContent    string           `json:"fileContent,omitempty"`
	ApproverEmails []string         `json:"approverEmails,omitempty"`
	Provisioning   *bool            `json:"provisioning,omitempty"`
	Scope          string           `json:"scope,omitempty"`
	Domains        []authentication `json:"domains,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler for the types that the vendor's samples mix.
func (a *authentication) UnmarshalJSON(data []byte) error {
	var wire struct {
		Name           text                 `json:"name"`
		Method         text                 `json:"method"`
		DNS            text                 `json:"dns"`
		FileName       text                 `json:"fileName"`
		FileContent    text                 `json:"fileContent"`
		ApproverEmails list[text]           `json:"approverEmails"`
		Scope          text                 `json:"scope"`
		Domains        list[authentication] `json:"domains"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	*a = authentication{
		Name: string(wire.Name), Method: strings.ToUpper(wire.Method.word()), DNS: string(wire.DNS), FileName: string(wire.FileName),
		FileContent: string(wire.FileContent), Scope: string(wire.Scope), Domains: wire.Domains,
	}
	for _, email := range wire.ApproverEmails {
		a.ApproverEmails = append(a.ApproverEmails, email.word())
	}
	return nil
}

// challenges are what to publish for each name. What isn't understood is left out and
// told by the error beside the rest.
func (a authentication) challenges(commonName string) ([]providers.Challenge, error) {
	elements := a.Domains
	if len(elements) == 0 {
		elements = []authentication{a}
	}
	var (
		result   []providers.Challenge
		problems []error
	)
	for _, element := range elements {
		if element.Method == "" {
			element.Method = a.Method
		}
		domain := canonical(element.Name)
		if domain == "" {
			domain = canonical(commonName)
		}
		challenge, err := element.challenge(domain)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		result = append(result, challenge)
	}
	return result, errors.Join(problems...)
}

func (a authentication) challenge(domain string) (providers.Challenge, error) {
	switch a.Method {
	case dcvDNS:
		return decodeRecord(domain, a.DNS)
	case dcvFile:
		return decodeFile(domain, a.FileName, a.FileContent)
	case dcvEmail:
		challenge := providers.Challenge{Domain: domain, Method: providers.MethodEmail, Emails: a.ApproverEmails}
		if len(a.ApproverEmails) == 1 {
			challenge.Chosen = a.ApproverEmails[0]
		}
		return challenge, nil
	default:
		return providers.Challenge{}, fmt.Errorf("the validation of %.253q isn't understood", domain)
	}
}

// decodeRecord reads a line of a zone file such as
// `example.com. 300 IN TXT "2017…"`. The guide's own example has a line break inside the
// quotes, and a long TXT value is several quoted strings.
func decodeRecord(domain, line string) (providers.Challenge, error) {
	owner, kind, value := recordParts(line)
	challenge := providers.Challenge{Domain: domain, RecordName: canonical(owner) + "."}
	understood := false
	switch kind {
	case "CNAME":
		challenge.Method, challenge.RecordValue = providers.MethodCNAME, value
		understood = value != "" && !strings.ContainsAny(value, " \"")
	case "TXT":
		challenge.Method = providers.MethodTXT
		challenge.RecordValue, understood = unquote(value)
	}
	if !understood || challenge.RecordValue == "" || !belongs(canonical(owner), domain) {
		return providers.Challenge{}, fmt.Errorf("the DNS record for %.253q isn't understood", domain)
	}
	return challenge, nil
}

// recordParts skips time to live and class between owner and type.
func recordParts(line string) (owner, kind, value string) {
	rest := strings.TrimSpace(line)
	next := func() string {
		end := strings.IndexFunc(rest, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) })
		if end < 0 {
			end = len(rest)
		}
		word := rest[:end]
		rest = strings.TrimSpace(rest[end:])
		return word
	}
	owner, kind = next(), next()
	for kind != "" && (strings.Trim(kind, "0123456789") == "" || strings.EqualFold(kind, "IN")) {
		kind = next()
	}
	return owner, strings.ToUpper(kind), rest
}

// unquote joins the quoted strings of a TXT value and trims what the vendor's formatting
// adds at their ends. A value without quotes is one word.
func unquote(value string) (string, bool) {
	if !strings.HasPrefix(value, `"`) {
		return value, !strings.ContainsAny(value, " \t\r\n\"")
	}
	parts := strings.Split(value, `"`)
	if len(parts)%2 == 0 {
		return "", false
	}
	var joined strings.Builder
	for i, part := range parts {
		switch {
		case i%2 == 1:
			joined.WriteString(strings.Trim(part, "\r\n\t "))
		case strings.TrimSpace(part) != "":
			return "", false
		}
	}
	return joined.String(), true
}

// belongs keeps an answer from having records written at names that have nothing to do
// with the domain: owner must be a parent of it or itself, or lie right below one of
// these. A parent has two labels at least.
func belongs(owner, domain string) bool {
	base := strings.TrimPrefix(domain, "*.")
	parent := func(name string) bool {
		return strings.Contains(name, ".") && (base == name || strings.HasSuffix(base, "."+name))
	}
	_, above, _ := strings.Cut(owner, ".")
	return parent(owner) || strings.HasSuffix(owner, "."+base) || parent(above)
}

// wellKnown is where CAs look for the file.
const wellKnown = "/.well-known/pki-validation/"

// decodeFile takes a file name with or without scheme and host, and gives its path on the
// domain itself.
func decodeFile(domain, name, content string) (providers.Challenge, error) {
	path, ok := filePath(name)
	if !ok || content == "" || strings.HasPrefix(domain, "*.") {
		return providers.Challenge{}, fmt.Errorf("the validation file for %.253q isn't understood", domain)
	}
	return providers.Challenge{
		Domain: domain, Method: providers.MethodFile, Body: content, URLs: []string{"http://" + domain + path},
	}, nil
}

func filePath(name string) (string, bool) {
	name = strings.TrimSpace(name)
	if !strings.Contains(name, "://") {
		name = "http://" + strings.TrimPrefix(name, "/")
	}
	link, err := url.Parse(name)
	if err != nil || !strings.HasPrefix(link.Scheme, "http") || link.RawQuery != "" || link.Fragment != "" {
		return "", false
	}
	path := link.EscapedPath()
	switch {
	case strings.EqualFold(link.Host, ".well-known"):
		path = "/.well-known" + path
	case path == "" || path == "/":
		// Only a name: at the place where CAs look for it.
		path = wellKnown + url.PathEscape(link.Host)
	}
	return path, strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "/") && !strings.Contains(path, "..")
}

// canonical is a DNS name in lower case without the trailing dot.
func canonical(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}
