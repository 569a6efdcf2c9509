package resello

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// status is what one of the vendor's words means.
type status struct {
	state  providers.State
	detail string
}

// statuses translates the vendor's words. Only "pending" and "active" are documented; the
// others are assumptions: unconfirmed on a live account.
var statuses = map[string]status{
	"pending":           {providers.StateAwaitingValidation, "the reseller is working on the order"},
	"active":            {providers.StateIssued, "the certificate is issued"},
	"failed":            {providers.StateRejected, "the reseller says that the order failed"},
	"error":             {providers.StateRejected, "the reseller says that the order failed"},
	"validation_failed": {providers.StateRejected, "the reseller says that the validation failed"},
	"rejected":          {providers.StateRejected, "the CA refused the order"},
	"cancelled":         {providers.StateCancelled, "the order was cancelled"},
	"canceled":          {providers.StateCancelled, "the order was cancelled"},
	"deleted":           {providers.StateCancelled, "the order was deleted"},
	"terminated":        {providers.StateCancelled, "the order was terminated"},
	"inactive":          {providers.StateCancelled, "the order was disabled"},
	"expired":           {providers.StateExpired, "the paid term is over"},
}

// status looks the word up; an unknown one means that somebody is at work.
func (c certificate) status() status {
	if known, ok := statuses[strings.ToLower(c.Status.word())]; ok {
		return known
	}
	return status{providers.StateIssuing, "the reseller reports a status that is not documented"}
}

// order translates a certificate object, without challenges and certificates.
func (c certificate) order() providers.Order {
	now := c.status()
	order := providers.Order{
		IDs: providers.IDs{orderID: c.id()}, State: now.state, Detail: now.detail,
		Ordered: moment(c.Created), PaidUntil: moment(c.Expires),
	}
	if name := c.name(); name != "" {
		order.Names = []string{name}
	}
	return order
}

// Order implements providers.Provider with GET /ssl-certificate/{id}, download-csr, and then
// validation-details or the downloads of the certificate. The reference isn't told,
// because nobody knows whether a reissue or renewal overwrites it: the CSR is.
func (p *Provider) Order(ctx context.Context, ids providers.IDs) (providers.Order, error) {
	id, err := known(opOrder, ids)
	if err != nil {
		return providers.Order{}, err
	}
	row, err := p.get(ctx, id)
	if err != nil {
		return providers.Order{}, err
	}
	order := row.order()
	csr, err := p.csr(ctx, id, &order)
	if err != nil {
		return order, err
	}
	switch order.State {
	case providers.StateIssued:
		return p.issued(ctx, id, order, row, csr)
	case providers.StateAwaitingValidation:
		return p.waiting(ctx, id, order, row, csr)
	case providers.StatePendingOrder, providers.StateIssuing, providers.StateRejected, providers.StateCancelled, providers.StateExpired:
	}
	return order, nil
}

func (p *Provider) get(ctx context.Context, id string) (certificate, error) {
	var row certificate
	if err := p.client.call(ctx, opOrder, item(id), nil, &row); err != nil {
		return row, err
	}
	switch {
	case row.Status.word() == "":
		return row, failure(opOrder.name, providers.Unavailable, "the reply lacks the status", nil)
	case row.id() != "" && row.id() != id:
		return row, failure(opOrder.name, providers.Unavailable, "the reply is about another certificate", nil)
	}
	row.ID = text(id)
	return row, nil
}

// csr fetches the CSR of an order and its names. An API that has none is no error.
func (p *Provider) csr(ctx context.Context, id string, order *providers.Order) (*x509.CertificateRequest, error) {
	content, err := p.client.download(ctx, id, "csr")
	if err != nil && !refused(err) {
		return nil, err
	}
	// What isn't there or can't be read is no evidence, and no failure.
	csr, unreadable := chain.ParseCSR(content)
	if unreadable == nil {
		order.CSR, order.Names = content, chain.Names(csr)
	}
	return csr, nil
}

// issued fetches the certificate. One with another key than the CSR's is that of before a
// renewal or reissue: the vendor answers with the old state at first.
func (p *Provider) issued(ctx context.Context, id string, order providers.Order, row certificate, csr *x509.CertificateRequest) (providers.Order, error) {
	blobs, err := p.certificates(ctx, id)
	if err != nil {
		return order, err
	}
	switch {
	case len(blobs) == 0:
		order.State, order.Detail = providers.StateIssuing, "the CA issued, the certificate is to come"
	case csr != nil && outdated(blobs, csr):
		return p.waiting(ctx, id, order, row, csr)
	default:
		order.Certificates = blobs
	}
	return order, nil
}

// certificates fetches leaf and intermediates, or everything in one where the CA file is
// missing. A refusal means that there is nothing yet.
func (p *Provider) certificates(ctx context.Context, id string) ([][]byte, error) {
	var blobs [][]byte
	for _, kind := range []string{"crt", "ca", "pkcs7", "zip"} {
		if whole := kind == "pkcs7" || kind == "zip"; whole && (len(blobs) == 0 || intermediates(blobs)) {
			break
		}
		blob, err := p.client.download(ctx, id, kind)
		if err != nil && !refused(err) {
			return nil, err
		}
		if len(bytes.TrimSpace(blob)) > 0 {
			blobs = append(blobs, blob)
		}
	}
	return blobs, nil
}

// intermediates reports whether there is a CA's certificate among the blobs.
func intermediates(blobs [][]byte) bool {
	return slices.ContainsFunc(parse(blobs), func(c *x509.Certificate) bool { return c.IsCA })
}

// outdated reports whether there is a leaf, but none with the key of the CSR. What can't be
// read is left to package chain.
func outdated(blobs [][]byte, csr *x509.CertificateRequest) bool {
	leaves := slices.DeleteFunc(parse(blobs), func(c *x509.Certificate) bool { return c.IsCA })
	return len(leaves) > 0 && !slices.ContainsFunc(leaves, func(c *x509.Certificate) bool {
		return chain.SameKey(c.PublicKey, csr.PublicKey)
	})
}

func parse(blobs [][]byte) []*x509.Certificate {
	var all []*x509.Certificate
	for _, blob := range blobs {
		if certificates, err := chain.Parse(blob); err == nil {
			all = append(all, certificates...)
		}
	}
	return all
}

// waiting reads what is to be validated and what was.
func (p *Provider) waiting(ctx context.Context, id string, order providers.Order, row certificate, csr *x509.CertificateRequest) (providers.Order, error) {
	challenges, err := p.challenges(ctx, id, order.Names, row.Method.word(), csr)
	if err != nil {
		return order, err
	}
	order.Challenges = challenges
	order.State, order.Detail = providers.StateAwaitingValidation, "the CA waits for validation of the name"
	switch {
	case len(challenges) == 0:
		order.Detail = "the reseller tells no validation data that are understood"
	case !slices.ContainsFunc(challenges, func(c providers.Challenge) bool { return !c.Done }):
		order.State, order.Detail = providers.StateIssuing, "the name is validated, the CA is at work"
	}
	return order, nil
}

// Validate implements providers.Validator with POST /ssl-certificate/{id}/validate for each
// name. E-mails are approved by a person, there is nothing to trigger. A refusal for one
// name doesn't keep the others from being asked for; the first is returned.
func (p *Provider) Validate(ctx context.Context, ids providers.IDs, challenges []providers.Challenge) error {
	id, err := known(opValidate, ids)
	if err != nil {
		return err
	}
	var first error
	var asked []string
	for _, c := range challenges {
		if c.Done || c.Method == providers.MethodEmail || slices.Contains(asked, c.Domain) {
			continue
		}
		asked = append(asked, c.Domain)
		err := p.client.call(ctx, opValidate, item(id, "validate"), validation{Method: vendorMethod(c.Method), Domain: c.Domain}, nil)
		if err != nil && !refused(err) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// validation is the body of validate. The domain is in the sample of the API page only.
type validation struct {
	Method string `json:"dcv_type"`
	Email  string `json:"email_address,omitempty"`
	Domain string `json:"domain,omitempty"`
}

// ChangeMethod implements providers.MethodChanger with POST /ssl-certificate/{id}/validate and
// another dcv_type; assumption: unconfirmed on a live account.
func (p *Provider) ChangeMethod(
	ctx context.Context, ids providers.IDs, domain string, method providers.Method, email string,
) ([]providers.Challenge, error) {
	id, err := known(opMethod, ids)
	if err != nil {
		return nil, err
	}
	body := validation{Method: vendorMethod(method), Domain: domain}
	switch {
	case body.Method == "", body.Method == dcvFile && isWildcard(domain):
		return nil, invalid(opMethod.name, fieldMethods, "the method can't be used for "+domain)
	case body.Method == dcvEmail && email == "":
		return nil, invalid(opMethod.name, fieldMethods, "no approver address is known for "+domain)
	case body.Method == dcvEmail:
		body.Email = email
	}
	if err := p.client.call(ctx, opMethod, item(id, "validate"), body, nil); err != nil {
		return nil, err
	}
	if body.Method == dcvEmail {
		return []providers.Challenge{{Domain: domain, Method: method, Emails: []string{email}, Chosen: email}}, nil
	}
	order, err := p.Order(ctx, ids)
	if err != nil {
		return nil, err
	}
	challenges := slices.DeleteFunc(order.Challenges, func(c providers.Challenge) bool {
		return c.Domain != canonical(domain) || vendorMethod(c.Method) != body.Method
	})
	if len(challenges) == 0 {
		return nil, failure(opMethod.name, providers.Unavailable, "the reseller doesn't tell yet what to publish for "+domain, nil)
	}
	return challenges, nil
}

// ResendEmail implements providers.EmailResender with POST /ssl-certificate/{id}/validate and the
// address that validation-details tell.
func (p *Provider) ResendEmail(ctx context.Context, ids providers.IDs, domain string) error {
	order, err := p.Order(ctx, ids)
	if err != nil {
		return err
	}
	for _, c := range order.Challenges {
		if c.Domain == canonical(domain) && c.Chosen != "" {
			return p.client.call(ctx, opResend, item(order.IDs[orderID], "validate"),
				validation{Method: dcvEmail, Email: c.Chosen, Domain: domain}, nil)
		}
	}
	return invalid(opResend.name, fieldMethods, "the reseller doesn't tell which address was asked for "+canonical(domain))
}
