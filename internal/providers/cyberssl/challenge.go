package cyberssl

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The vendor's words for validation methods (API page, section 3). "all" exists in
// get_dv_options only.
const (
	dvDNS   = "dns"
	dvHTTP  = "http"
	dvHTTPS = "https"
	dvEmail = "email"
	dvAll   = "all"
)

// wellKnown is where CAs look for the file since 2017; the links of the API page,
// which is older, are at the web root.
const wellKnown = "/.well-known/pki-validation/"

// vendorMethods are the words in the order in which challenges are told.
var vendorMethods = []string{dvDNS, dvHTTP, dvHTTPS, dvEmail}

// vendorMethod is what to ask for. Whether DNS means CNAME or TXT is up to the CA.
func vendorMethod(m providers.Method) string {
	switch m {
	case providers.MethodCNAME, providers.MethodTXT:
		return dvDNS
	case providers.MethodFile:
		return dvHTTP
	case providers.MethodEmail:
		return dvEmail
	default:
		return ""
	}
}

// dvOptions is the vendor's answer by method and then by domain (API page, sections
// 3 and 6).
type dvOptions struct{ methods dictionary }

// UnmarshalJSON implements json.Unmarshaler.
func (o *dvOptions) UnmarshalJSON(data []byte) error { return o.methods.UnmarshalJSON(data) }

// dvOption is what to publish for one domain: file name, content and link for http and
// https, record for dns.
type dvOption struct {
	Filename text `json:"filename"`
	Content  text `json:"content"`
	Link     text `json:"link"`
	Record   text `json:"record"`
}

// challenges are those of the given vendor methods, by method and domain. What isn't
// understood is left out, and the first such is told by the error beside the rest.
func (o dvOptions) challenges(methods ...string) ([]providers.Challenge, error) {
	var (
		result  []providers.Challenge
		problem error
	)
	for _, method := range vendorMethods {
		if !slices.Contains(methods, method) {
			continue
		}
		var domains dictionary
		if raw, ok := o.methods[method]; ok {
			if err := json.Unmarshal(raw, &domains); err != nil && problem == nil {
				problem = err
			}
		}
		for _, domain := range domains.keys() {
			challenge, err := decodeChallenge(method, domain, domains[domain])
			if err == nil {
				result = append(result, challenge)
			} else if problem == nil {
				problem = err
			}
		}
	}
	return mergeFiles(result), problem
}

func decodeChallenge(method, domain string, raw json.RawMessage) (providers.Challenge, error) {
	name := canonical(domain)
	if name == "" {
		return providers.Challenge{}, errors.New("a challenge without a domain")
	}
	if method == dvEmail {
		var emails words
		if err := json.Unmarshal(raw, &emails); err != nil {
			return providers.Challenge{}, err
		}
		return providers.Challenge{Domain: name, Method: providers.MethodEmail, Emails: emails}, nil
	}
	var option dvOption
	if object(raw) {
		if err := json.Unmarshal(raw, &option); err != nil {
			return providers.Challenge{}, err
		}
	}
	if method == dvDNS {
		return decodeRecord(name, string(option.Record))
	}
	return decodeFile(method, name, option)
}

// decodeRecord reads a record such as "_F50E.test.com. CNAME 0a1b.2c3d.sectigo.com.",
// with or without class and time to live as in a zone file.
func decodeRecord(domain, record string) (providers.Challenge, error) {
	owner, kind, value := recordParts(record)
	challenge := providers.Challenge{Domain: domain, RecordName: canonical(owner) + ".", RecordValue: value}
	understood := unquote(value) != "" && belongs(canonical(owner), domain)
	switch kind {
	case "CNAME":
		challenge.Method = providers.MethodCNAME
		understood = understood && !strings.Contains(value, " ")
	case "TXT":
		challenge.Method = providers.MethodTXT
		challenge.RecordValue = unquote(value)
	default:
		understood = false
	}
	if !understood {
		return providers.Challenge{}, fmt.Errorf("the DNS record for %s isn't understood", readable(domain))
	}
	return challenge, nil
}

// recordParts skips time to live and class between owner and type.
func recordParts(record string) (owner, kind, value string) {
	parts := strings.Fields(record)
	if len(parts) == 0 {
		return "", "", ""
	}
	owner, parts = parts[0], parts[1:]
	for len(parts) > 0 && (strings.Trim(parts[0], "0123456789") == "" || strings.EqualFold(parts[0], "IN")) {
		parts = parts[1:]
	}
	if len(parts) == 0 {
		return owner, "", ""
	}
	return owner, strings.ToUpper(parts[0]), strings.Join(parts[1:], " ")
}

// belongs keeps an answer from having records written at names that have nothing to do
// with the domain: owner must lie below it, or directly below one of its parents.
func belongs(owner, domain string) bool {
	base := strings.TrimPrefix(domain, "*.")
	_, parent, _ := strings.Cut(owner, ".")
	return owner == base || strings.HasSuffix(owner, "."+base) ||
		strings.Contains(parent, ".") && strings.HasSuffix(base, "."+parent)
}

// decodeFile gives the path of the vendor's link and the well-known one, both on the
// domain itself.
func decodeFile(method, domain string, option dvOption) (providers.Challenge, error) {
	unusable := fmt.Errorf("the validation file for %s isn't understood", readable(domain))
	var paths []string
	if link, err := url.Parse(option.Link.word()); err == nil && strings.HasPrefix(link.Path, "/") && len(link.Path) > 1 {
		paths = append(paths, link.EscapedPath())
	}
	file := option.Filename.word()
	if file == "" && len(paths) > 0 {
		file = paths[0][strings.LastIndex(paths[0], "/")+1:]
	}
	if option.Content == "" || file == "" || strings.ContainsAny(file, "/\\?#%") || strings.HasPrefix(domain, "*.") {
		return providers.Challenge{}, unusable
	}
	if path := wellKnown + url.PathEscape(file); !slices.Contains(paths, path) {
		paths = append(paths, path)
	}
	challenge := providers.Challenge{Domain: domain, Method: providers.MethodFile, Body: string(option.Content)}
	for _, path := range paths {
		challenge.URLs = append(challenge.URLs, method+"://"+domain+path)
	}
	return challenge, nil
}

// mergeFiles makes one challenge of http and https with the same content.
func mergeFiles(challenges []providers.Challenge) []providers.Challenge {
	var result []providers.Challenge
	for _, c := range challenges {
		i := slices.IndexFunc(result, func(r providers.Challenge) bool {
			return c.Method == providers.MethodFile && r.Method == c.Method && r.Domain == c.Domain && r.Body == c.Body
		})
		if i < 0 {
			result = append(result, c)
			continue
		}
		result[i].URLs = append(result[i].URLs, c.URLs...)
	}
	return result
}

// canonical is a DNS name in lower case without the trailing dot.
func canonical(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}

// readable is a name out of a reply, fit for a message.
func readable(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_*", r) {
			return r
		}
		return -1
	}, canonical(name))
	return name[:min(len(name), 100)]
}

func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}
