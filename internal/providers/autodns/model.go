package autodns

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The identifiers of an order.
const (
	// jobID is the number of the job that works on it, told by the order.
	jobID = "job"
	// certificateID is the number of the certificate, told by a job that succeeded.
	certificateID = "certificate"
)

// certificate is the vendor's Certificate (OpenAPI; guide, "Inquire Certificate Data").
type certificate struct {
	ID             text                 `json:"id"`
	Name           text                 `json:"name"`
	CSR            text                 `json:"csr"`
	Server         text                 `json:"server"`
	Authorities    list[authority]      `json:"certificationAuthority"`
	Created        text                 `json:"created"`
	Expire         text                 `json:"expire"`
	Payable        text                 `json:"payable"`
	Lifetime       lifetime             `json:"lifetime"`
	Authentication list[authentication] `json:"authentication"`
	SANs           list[san]            `json:"subjectAlternativeNames"`
}

type authority struct {
	Certificate text `json:"caCertificate"`
}

type san struct {
	Name text `json:"name"`
}

// lifetime is a term, in the unit MONTH.
type lifetime struct {
	Unit   string `json:"unit"`
	Period int    `json:"period"`
}

// UnmarshalJSON implements json.Unmarshaler; the XML samples have a bare number.
func (l *lifetime) UnmarshalJSON(data []byte) error {
	var wire struct {
		Unit   text        `json:"unit"`
		Period json.Number `json:"period"`
	}
	*l = lifetime{}
	if data[0] != '{' || json.Unmarshal(data, &wire) != nil {
		return nil //nolint:nilerr // another form tells no term, and that is all right
	}
	if months, err := wire.Period.Int64(); err == nil && months > 0 && months < 1200 {
		*l = lifetime{Unit: wire.Unit.word(), Period: int(months)}
	}
	return nil
}

// objectJob is the vendor's ObjectJob. That object.data holds CSR and authentication of the
// order is an assumption: unconfirmed on a live account; without them an order is known
// by its name only.
type objectJob struct {
	Job struct {
		ID      text `json:"id"`
		Status  text `json:"status"`
		Created text `json:"created"`
	} `json:"job"`
	Object         object     `json:"object"`
	Authentication list[step] `json:"authentication"`
	Domains        list[step] `json:"dcvAuth"`
}

// step is the state of a part of the validation.
type step struct {
	Step   text `json:"step"`
	Domain text `json:"domain"`
	Status text `json:"status"`
}

// completed reports whether the word is one for success (OpenAPI, AuthenticateStatus). Those of
// dcvAuth are documented nowhere: anything else counts as open.
func (s step) completed() bool {
	word := strings.ToUpper(s.Status.word())
	return word == "COMPLETED" || word == "COMPLETED_PASSED"
}

// certificate is what the job tells of its certificate, as far as it does.
func (j objectJob) certificate() certificate {
	var c certificate
	if bytes.HasPrefix(bytes.TrimSpace(j.Object.Data), []byte("{")) {
		if err := json.Unmarshal(j.Object.Data, &c); err != nil {
			c = certificate{} // told by GET /certificate then
		}
	}
	if c.Name.word() == "" {
		c.Name = j.Object.Value
	}
	return c
}

// validated reports whether control of all names is shown; told is false if the job says
// nothing about it.
func (j objectJob) validated() (done, told bool) {
	steps := slices.Clone(j.Domains)
	for _, s := range j.Authentication {
		if word := strings.ToUpper(s.Step.word()); word == "DOMAIN_VERIFICATION" || word == "DCV_CHECK" {
			steps = append(steps, s)
		}
	}
	open := slices.ContainsFunc(steps, func(s step) bool { return !s.completed() })
	return !open, len(steps) > 0
}

// names are those of the certificate, sorted.
func (c certificate) names() []string {
	all := []string{canonical(string(c.Name))}
	for _, s := range c.SANs {
		all = append(all, canonical(string(s.Name)))
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == "" })
}

// paidUntil is "payable", and "expire" where that is as far from "created" as the term.
// Nearer, "expire" is the end of one certificate, which lives shorter than the term.
func (c certificate) paidUntil() time.Time {
	if payable := c.Payable.instant(); !payable.IsZero() {
		return payable
	}
	created, expire := c.Created.instant(), c.Expire.instant()
	if created.IsZero() || expire.IsZero() || c.Lifetime.Period < 1 {
		return time.Time{}
	}
	const slack = 14 * 24 * time.Hour
	if expire.Before(created.AddDate(0, c.Lifetime.Period, 0).Add(-slack)) {
		return time.Time{}
	}
	return expire
}

// expired reports whether the paid term is over or, where it isn't told, the certificate's
// life.
func (c certificate) expired(now time.Time) bool {
	until := c.paidUntil()
	if until.IsZero() {
		until = c.Expire.instant()
	}
	return !until.IsZero() && !now.Before(until)
}

// blobs are leaf and intermediates.
func (c certificate) blobs() [][]byte {
	all := [][]byte{[]byte(c.Server)}
	for _, a := range c.Authorities {
		if a.Certificate.word() != "" {
			all = append(all, []byte(a.Certificate))
		}
	}
	return all
}

// outdated reports whether the leaf has another key than the CSR: it is the certificate
// before a reissue. What can't be read is left to package chain.
func (c certificate) outdated() bool {
	request, err := x509.ParseCertificateRequest(csrDER([]byte(c.CSR)))
	if err != nil {
		return false
	}
	block, _ := pem.Decode([]byte(c.Server))
	if block == nil {
		return false
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	return err == nil && !leaf.IsCA && !bytes.Equal(leaf.RawSubjectPublicKeyInfo, request.RawSubjectPublicKeyInfo)
}

// challenges are those that the order was placed with.
func (c certificate) challenges() ([]providers.Challenge, error) {
	if len(c.Authentication) == 0 {
		return nil, nil
	}
	return c.Authentication[0].challenges(string(c.Name))
}

// csrDER reads a CSR in PEM, on several lines or one, or in base64 alone; nil if it is none.
func csrDER(csr []byte) []byte {
	inner := string(csr)
	if _, after, ok := strings.Cut(inner, "REQUEST-----"); ok {
		inner, _, _ = strings.Cut(after, "-----END")
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(inner), ""))
	if err != nil || len(der) == 0 {
		return nil
	}
	return der
}

// vendorCSR is the form that the vendor's SDKs send: header, one unbroken line and footer,
// joined by CRLF. The guide wants no line breaks inside either.
func vendorCSR(csr []byte) string {
	return "-----BEGIN CERTIFICATE REQUEST-----\r\n" + base64.StdEncoding.EncodeToString(csrDER(csr)) +
		"\r\n-----END CERTIFICATE REQUEST-----"
}

// pemCSR is a CSR in PEM again, nil if there is none.
func pemCSR(csr text) []byte {
	der := csrDER([]byte(csr))
	if der == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// sameCSR compares the DER forms: a CSR has a fresh key and stands for one request.
func sameCSR(a, b []byte) bool {
	der := csrDER(a)
	return der != nil && bytes.Equal(der, csrDER(b))
}
