package resello

import (
	"context"
	"crypto/md5" //nolint:gosec // the CA's own scheme: a label, not a protection
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The vendor's words for validation methods (API page).
const (
	dcvDNS   = "DNS"
	dcvFile  = "FILE"
	dcvEmail = "EMAIL"
)

// vendorMethod is what to ask for. Whether DNS means CNAME or TXT is up to the CA.
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

// challenges reads validation-details. Method is the order's where it is told.
func (p *Provider) challenges(ctx context.Context, id string, names []string, method string, csr *x509.CertificateRequest) ([]providers.Challenge, error) {
	var details tree
	if err := p.client.call(ctx, opDetails, item(id, "validation-details"), nil, &details); err != nil && !refused(err) {
		return nil, err
	}
	found, told := decodeDetails(details.value, names)
	if told == "" {
		told = strings.ToUpper(method)
	}
	if told != "" {
		found = slices.DeleteFunc(found, func(c providers.Challenge) bool { return vendorMethod(c.Method) != told })
	}
	if len(found) == 0 && p.config.ComputedCNAME && csr != nil {
		return computed(csr, told), nil
	}
	return found, nil
}

// Prepare implements providers.Preparer with what can be computed from the CSR; nothing for
// e-mail.
func (c Computing) Prepare(_ context.Context, request providers.Request) ([]providers.Challenge, []byte, error) {
	body, err := c.supply(opPrepare, request)
	if err != nil {
		return nil, nil, err
	}
	csr, err := chain.ParseCSR(request.CSR)
	if err != nil {
		return nil, nil, invalid(opPrepare.name, "spec.request", err.Error())
	}
	return computed(csr, body.Method), nil, nil
}

// computed follows Sectigo's rule for CSRs without a unique value
// (https://docs.sectigo.com/sps/domain-control-validation/request-token): the MD5 of the DER
// form names the record or file, the SHA-256 is its content. An unknown method is DNS.
func computed(csr *x509.CertificateRequest, method string) []providers.Challenge {
	short, long := md5.Sum(csr.Raw), sha256.Sum256(csr.Raw) //nolint:gosec // see the import
	label, digest := hex.EncodeToString(short[:]), hex.EncodeToString(long[:])
	name := canonical(csr.Subject.CommonName)
	base := strings.TrimPrefix(name, "*.")
	switch {
	case method == dcvEmail || base == "":
		return nil
	case method == dcvFile && !isWildcard(name):
		return []providers.Challenge{{
			Domain: name, Method: providers.MethodFile, Body: digest + "\nsectigo.com",
			URLs: []string{"http://" + base + wellKnown + strings.ToUpper(label) + ".txt"},
		}}
	default:
		return []providers.Challenge{{
			Domain: name, Method: providers.MethodCNAME, RecordName: "_" + label + "." + base + ".",
			RecordValue: digest[:32] + "." + digest[32:] + ".sectigo.com.",
		}}
	}
}

// wellKnown is where CAs look for files.
const wellKnown = "/.well-known/pki-validation/"

// maxChallenges bounds what is taken out of one answer.
const maxChallenges = 100

// Keys under which validation-details may tell what is looked for. The vendor's page tells
// none; assumption: unconfirmed on a live account.
var (
	domainKeys  = []string{"domain", "domain_name", "common_name", "fqdn"}
	ownerKeys   = []string{"name", "host", "hostname", "record_name", "owner"}
	valueKeys   = []string{"value", "content", "target", "data", "record_value"}
	fileKeys    = []string{"filename", "file_name", "file", "path", "url"}
	contentKeys = []string{"content", "contents", "file_content", "body", "value"}
	emailKeys   = []string{"email_address", "approver_email_address", "approver_email", "email"}
	stateKeys   = []string{"status", "state", "validation_status"}
	doneWords   = []string{"completed", "complete", "done", "validated", "valid", "success", "approved"}
)

// search collects challenges on its way through an answer of unknown shape.
type search struct {
	found  []providers.Challenge
	method string
}

// place is what the objects around a value say.
type place struct {
	domain string
	done   bool
}

// decodeDetails looks everywhere for records, zone lines, files and addresses. The second
// result is the dcv_type that the answer tells. What belongs to none of the names is left out.
func decodeDetails(value any, names []string) ([]providers.Challenge, string) {
	var s search
	around := place{}
	if len(names) > 0 {
		around.domain = names[0]
	}
	s.walk(value, around)
	return s.found, s.method
}

func (s *search) walk(value any, around place) {
	switch v := value.(type) {
	case string:
		if challenge, err := decodeRecord(around.domain, v); err == nil {
			s.add(challenge, around)
		}
	case []any:
		for _, element := range v {
			s.walk(element, around)
		}
	case map[string]any:
		s.object(v, around)
	}
}

func (s *search) object(object map[string]any, around place) {
	if domain := canonical(pick(object, domainKeys)); strings.Contains(domain, ".") {
		around.domain = domain
	}
	if word := strings.ToLower(pick(object, stateKeys)); word != "" {
		around.done = slices.Contains(doneWords, word)
	}
	if method := strings.ToUpper(pick(object, []string{"dcv_type"})); slices.Contains([]string{dcvDNS, dcvFile, dcvEmail}, method) {
		s.method = method
	}
	if kind := strings.ToUpper(pick(object, []string{"type", "record_type"})); kind == "CNAME" || kind == "TXT" {
		if challenge, err := newRecord(around.domain, pick(object, ownerKeys), kind, pick(object, valueKeys)); err == nil {
			s.add(challenge, around)
			return
		}
	}
	if challenge, err := newFile(around.domain, pick(object, fileKeys), pick(object, contentKeys)); err == nil {
		s.add(challenge, around)
		return
	}
	if email := pick(object, emailKeys); strings.Contains(email, "@") && around.domain != "" {
		s.add(providers.Challenge{Domain: around.domain, Method: providers.MethodEmail, Emails: []string{email}, Chosen: email}, around)
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		s.walk(object[key], around)
	}
}

func (s *search) add(challenge providers.Challenge, around place) {
	challenge.Done = around.done
	same := func(c providers.Challenge) bool {
		return c.Domain == challenge.Domain && c.Method == challenge.Method && c.RecordName == challenge.RecordName &&
			c.RecordValue == challenge.RecordValue && c.Body == challenge.Body
	}
	if len(s.found) < maxChallenges && !slices.ContainsFunc(s.found, same) {
		s.found = append(s.found, challenge)
	}
}

// pick is the first text under one of the keys.
func pick(object map[string]any, keys []string) string {
	for _, key := range keys {
		if s, ok := object[key].(string); ok && strings.TrimSpace(s) != "" {
			return strings.TrimSpace(s)
		}
	}
	return ""
}

var errNotUnderstood = errors.New("the validation data aren't understood")

// decodeRecord reads a line of a zone file, with or without class and time to live.
func decodeRecord(domain, line string) (providers.Challenge, error) {
	parts := strings.Fields(line)
	for i := 1; i < len(parts)-1; i++ {
		switch kind := strings.ToUpper(parts[i]); {
		case kind == "CNAME", kind == "TXT":
			return newRecord(domain, parts[0], kind, strings.Join(parts[i+1:], " "))
		case kind != "IN" && strings.Trim(kind, "0123456789") != "":
			return providers.Challenge{}, errNotUnderstood
		}
	}
	return providers.Challenge{}, errNotUnderstood
}

func newRecord(domain, owner, kind, value string) (providers.Challenge, error) {
	owner, value = canonical(owner), strings.TrimSpace(value)
	challenge := providers.Challenge{Domain: domain, RecordName: owner + ".", RecordValue: value, Method: providers.MethodCNAME}
	if kind == "TXT" {
		challenge.Method, challenge.RecordValue = providers.MethodTXT, unquote(value)
	}
	blank := strings.ContainsAny(owner, " \t\r\n") || kind == "CNAME" && strings.ContainsAny(value, " \t\r\n")
	if domain == "" || challenge.RecordValue == "" || blank || !belongs(owner, domain) {
		return providers.Challenge{}, errNotUnderstood
	}
	return challenge, nil
}

// belongs keeps an answer from having records written at names that have nothing to do with
// the domain: owner must lie at or below it, or directly below one of its parents.
func belongs(owner, domain string) bool {
	base := strings.TrimPrefix(domain, "*.")
	_, parent, _ := strings.Cut(owner, ".")
	return owner == base || strings.HasSuffix(owner, "."+base) ||
		strings.Contains(parent, ".") && strings.HasSuffix(base, "."+parent)
}

// newFile gives the path that is told, and the well-known one, on the domain itself.
func newFile(domain, file, content string) (providers.Challenge, error) {
	if domain == "" || isWildcard(domain) || file == "" || content == "" {
		return providers.Challenge{}, errNotUnderstood
	}
	var paths []string
	if link, err := url.Parse(file); err == nil && strings.HasPrefix(link.Path, "/") && len(link.Path) > 1 {
		paths = append(paths, link.EscapedPath())
	}
	name := file[strings.LastIndex(file, "/")+1:]
	if name == "" || strings.ContainsAny(name, "\\?#% ") {
		return providers.Challenge{}, errNotUnderstood
	}
	if path := wellKnown + url.PathEscape(name); !slices.Contains(paths, path) {
		paths = append(paths, path)
	}
	challenge := providers.Challenge{Domain: domain, Method: providers.MethodFile, Body: content}
	for _, path := range paths {
		challenge.URLs = append(challenge.URLs, "http://"+domain+path)
	}
	return challenge, nil
}

func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}
