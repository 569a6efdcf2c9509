package cyberssl

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

// orderID is the only identifier of an order, under the vendor's parameter name.
const orderID = "order_id"

// orderFields are those of order_status (API page, section 8). The rows of my_orders,
// which are documented nowhere, are read as if they had the same names or the few
// others that are marked.
type orderFields struct {
	OrderID       text  `json:"order_id"`
	ID            text  `json:"id"` // my_orders, assumption
	Status        text  `json:"status"`
	ValidFrom     text  `json:"valid_from"`
	ValidTill     text  `json:"valid_till"`
	Amount        text  `json:"amount"`
	PrimaryDomain text  `json:"primary_domain"`
	Domain        text  `json:"domain"`      // my_orders, assumption
	CommonName    text  `json:"common_name"` // my_orders, assumption
	Period        text  `json:"period"`
	CSR           text  `json:"csr"`
	Certificate   text  `json:"certificate"`
	Chain         text  `json:"certificate_chain"`
	Domains       words `json:"domains_included"`
	DVMethod      text  `json:"dv_method"`
}

// statusReply has the fields at the top (API page) or in "order" (PHP client).
type statusReply struct{ orderFields }

// UnmarshalJSON implements json.Unmarshaler.
func (r *statusReply) UnmarshalJSON(data []byte) error {
	var outer struct {
		Order json.RawMessage `json:"order"`
	}
	if err := json.Unmarshal(data, &outer); err != nil {
		return err
	}
	if object(outer.Order) {
		data = outer.Order
	}
	return json.Unmarshal(data, &r.orderFields)
}

func (o orderFields) id() string {
	if id := o.OrderID.word(); id != "" {
		return id
	}
	return o.ID.word()
}

// mainDomain is the name in which the order was placed, empty if the row lacks it.
func (o orderFields) mainDomain() string {
	for _, t := range []text{o.PrimaryDomain, o.CommonName, o.Domain} {
		if name := canonical(string(t)); name != "" {
			return name
		}
	}
	return ""
}

// status is what one of the vendor's words means.
type status struct {
	state  providers.State
	detail string
}

// replaced is the word for an order whose reissue got an order number of its own;
// assumption: unconfirmed on a live account.
const replaced = "duplicate certificate"

// statuses translates the vendor's words (API page, section 8) in lower case.
var statuses = map[string]status{
	"awaiting activation": {providers.StatePendingOrder, "the order is paid, its CSR has not been given yet"},
	"awaiting validation": {providers.StateAwaitingValidation, "the CA waits for validation of the names"},
	"processing":          {providers.StateIssuing, "the CA is at work"},
	"activated":           {providers.StateIssued, "the certificate is issued"},
	"rejected":            {providers.StateRejected, "the CA refused the order"},
	"cancelled":           {providers.StateCancelled, "the order was cancelled"},
	"expired":             {providers.StateExpired, "the paid term is over"},
	replaced:              {providers.StateRejected, "the order was replaced by a reissue"},
}

// status looks the word up; an unknown one means that somebody is at work.
func (o orderFields) status() (status, string) {
	word := strings.ToLower(strings.Join(strings.Fields(string(o.Status)), " "))
	if known, ok := statuses[word]; ok {
		return known, word
	}
	return status{providers.StateIssuing, "the reseller reports a status that is not documented"}, word
}

// order translates an answer of order_status, without challenges.
func (o orderFields) order() providers.Order {
	order := o.common()
	order.State, order.Detail = o.state()
	if order.State == providers.StateIssued {
		for _, t := range []text{o.Certificate, o.Chain} {
			if t.word() != "" {
				order.Certificates = append(order.Certificates, []byte(t))
			}
		}
	}
	return order
}

// row translates a row of my_orders. It has no certificate, so that Issued means only
// that there is one to fetch.
func (o orderFields) row() providers.Order {
	order := o.common()
	known, word := o.status()
	order.State, order.Detail = known.state, known.detail
	if word == replaced {
		order.State = providers.StateIssued
	}
	return order
}

// common is what needs no judgement.
func (o orderFields) common() providers.Order {
	result := providers.Order{
		IDs:       providers.IDs{orderID: o.id()},
		Price:     amount(o.Amount),
		PaidUntil: o.paidUntil(),
	}
	if csr := o.CSR.word(); csr != "" {
		result.CSR = []byte(csr)
	}
	names := []string{o.mainDomain()}
	for _, name := range o.Domains {
		names = append(names, canonical(name))
	}
	slices.Sort(names)
	result.Names = slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "" })
	return result
}

// state is never Issued without a certificate, or with one that has another key than
// the CSR of the order: that is the certificate before a reissue.
func (o orderFields) state() (providers.State, string) {
	known, word := o.status()
	delivered := o.Certificate.word() != ""
	switch {
	case word == replaced && delivered:
		return providers.StateIssued, known.detail
	case known.state != providers.StateIssued:
		return known.state, known.detail
	case !delivered:
		return providers.StateIssuing, "the CA issued, the certificate is to come"
	case o.outdated():
		return providers.StateIssuing, "the certificate before the reissue is still shown"
	default:
		return known.state, known.detail
	}
}

// paidUntil is valid_till if it is as far from valid_from as the period. Nearer, it is
// the end of one certificate, which lives shorter than the term.
func (o orderFields) paidUntil() time.Time {
	from, err := time.Parse(time.DateOnly, o.ValidFrom.word())
	if err != nil {
		return time.Time{}
	}
	till, err := time.Parse(time.DateOnly, o.ValidTill.word())
	if err != nil || o.Period.integer() < 1 {
		return time.Time{}
	}
	const slack = 14 * 24 * time.Hour
	if till.Before(from.AddDate(o.Period.integer(), 0, 0).Add(-slack)) {
		return time.Time{}
	}
	return till
}

// amount is nil where there is none. The API tells no currency.
func amount(t text) *providers.Money {
	money, err := providers.ParseMoney(t.word(), "")
	if err != nil {
		return nil
	}
	return &money
}

// outdated reports whether there is a leaf among the certificates, but none with the key
// of the CSR. What can't be read is left to package chain.
func (o orderFields) outdated() bool {
	request, err := x509.ParseCertificateRequest(csrDER([]byte(o.CSR)))
	if err != nil {
		return false
	}
	leaves := 0
	for rest := []byte(string(o.Certificate) + "\n" + string(o.Chain)); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return leaves > 0
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
		case bytes.Equal(certificate.RawSubjectPublicKeyInfo, request.RawSubjectPublicKeyInfo):
			return false
		case !certificate.IsCA:
			leaves++
		}
	}
}

// csrDER reads a CSR in PEM, or in base64 without header and footer; nil if it is
// neither.
func csrDER(csr []byte) []byte {
	if block, _ := pem.Decode(csr); block != nil {
		return block.Bytes
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(csr)), ""))
	if err != nil || len(der) == 0 {
		return nil
	}
	return der
}

// sameCSR compares the DER forms: a CSR has a fresh key and stands for one request.
func sameCSR(a, b []byte) bool {
	der := csrDER(a)
	return der != nil && bytes.Equal(der, csrDER(b))
}
