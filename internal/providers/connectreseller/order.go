package connectreseller

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// detailsBody is that of SSLDetails. The vendor's table requires the customer, its sample has
// none.
type detailsBody struct {
	ResellerID int64  `json:"resellerId"`
	CustomerID int64  `json:"customerId"`
	OrderID    int64  `json:"orderId"`
	Timestamp  string `json:"timestamp"`
}

// details are those of SSLDetails, as far as they are used (API document, section 9.2).
type details struct {
	OrderID      text `json:"orderId"`
	SSLID        text `json:"sslid"`
	SSLNameID    text `json:"sslnameID"`
	ClientID     text `json:"clientId"`
	StatusID     text `json:"statusID"`
	Website      text `json:"websiteName"`
	Record       text `json:"txtRecord"`
	Method       text `json:"verificationmethod"`
	Verified     text `json:"sanverification"`
	SerialNumber text `json:"serialNumber"`
	OrderDate    text `json:"orderDate"`
	Expiration   text `json:"expirationDate"`
	Deletion     text `json:"ssldeletionDate"`
	Deleted      text `json:"isDeleted"`
}

func (p *Provider) details(ctx context.Context, op operation, id int64) (details, error) {
	var d details
	body := detailsBody{ResellerID: p.config.ResellerID, CustomerID: p.config.CustomerID, OrderID: id, Timestamp: p.client.stamp()}
	err := p.client.call(ctx, operation{op.name, opDetails.path}, body, &d)
	if err == nil && d.SSLID.word() == "" && d.OrderID.word() == "" {
		err = failure(op.name, providers.Unavailable, "the answer lacks the order's identifiers", nil)
	}
	return d, err
}

func (d details) name() string { return canonical(string(d.Website)) }

// gone reports whether the order was cancelled.
func (d details) gone() bool { return d.Deletion.word() != "" || d.Deleted.flagged() }

// enrolled reports whether SSLIssue was called.
func (d details) enrolled() bool {
	return d.Method.word() != "" || d.SerialNumber.word() != "" || d.Record.word() != ""
}

// ids completes identifiers with those that are told.
func (d details) ids(ids providers.IDs) providers.IDs {
	completed := maps.Clone(ids)
	for name, value := range map[string]text{
		idOrderRecord: d.OrderID, idSSL: d.SSLID, idSSLName: d.SSLNameID, idClient: d.ClientID,
	} {
		if _, ok := number(value.word()); ok {
			completed[name] = value.word()
		}
	}
	return completed
}

// paidUntil is the expiration if it is about a year or more after the order. Nearer, it is
// the end of one certificate, which lives shorter than the term.
func (d details) paidUntil() time.Time {
	const slack = 14 * 24 * time.Hour
	from, till := d.OrderDate.moment(), d.Expiration.moment()
	if from.IsZero() || till.Before(from.AddDate(1, 0, 0).Add(-slack)) {
		return time.Time{}
	}
	return till
}

// zoneSlack covers that nobody knows the time zone of the vendor's times.
const zoneSlack = 24 * time.Hour

// rejectedStatus is the statusID of a refused order at the simulated ConnectReseller of this
// project. The vendor documents no statusID, so at its own hosts it means nothing.
const rejectedStatus = "190"

// ended tells the state of an order that is over, or that waits for its CSR.
func (d details) ended(now time.Time, vendor bool) (providers.State, string) {
	until := d.paidUntil()
	switch {
	case d.gone():
		return providers.StateCancelled, "the order was cancelled"
	case !until.IsZero() && !now.Before(until.Add(zoneSlack)):
		return providers.StateExpired, "the paid term is over"
	case !vendor && d.StatusID.word() == rejectedStatus:
		return providers.StateRejected, "the CA refused the order"
	case !d.enrolled():
		return providers.StatePendingOrder, "the order is paid, its CSR has not been given yet"
	default:
		return "", ""
	}
}

// Order implements providers.Provider with SSLDetails and, once enrolled, SSLCertificate. The
// state is derived from facts, because the vendor's numbers of states aren't documented.
func (p *Provider) Order(ctx context.Context, ids providers.IDs) (providers.Order, error) {
	id, err := known(opDetails, ids)
	if err != nil {
		return providers.Order{}, err
	}
	d, err := p.details(ctx, opDetails, id)
	if err != nil {
		return providers.Order{}, err
	}
	order := providers.Order{IDs: d.ids(ids), Ordered: d.OrderDate.moment(), PaidUntil: d.paidUntil()}
	if name := d.name(); name != "" {
		order.Names = []string{name}
	}
	if order.State, order.Detail = d.ended(p.config.Now(), p.client.vendor); order.State != "" {
		return order, nil
	}
	blobs, err := p.certificates(ctx, id)
	if err != nil {
		return order, err
	}
	return d.enrolledOrder(order, blobs, ids[idPublicKey]), nil
}

// enrolledOrder tells issued from not yet. A certificate for another key than the last one asked
// for is the certificate before a reissue or renewal.
func (d details) enrolledOrder(order providers.Order, blobs [][]byte, key string) providers.Order {
	switch {
	case len(leaves(blobs)) > 0 && (key == "" || certifies(blobs, key)):
		order.State, order.Detail, order.Certificates = providers.StateIssued, "the certificate is issued", blobs
	case d.Verified.flagged():
		order.State, order.Detail = providers.StateIssuing, "the name is validated, the CA is at work"
	default:
		order.State, order.Detail = providers.StateAwaitingValidation, "the CA waits for validation of the name"
		if order.Challenges = d.challenges(); len(order.Challenges) == 0 {
			order.Detail = "the reseller tells no validation data that are understood"
		}
	}
	return order
}

// certificates are all PEM texts of SSLCertificate, wherever they are: the name of the leaf's
// field is not documented. A refusal means that there is no certificate yet.
func (p *Provider) certificates(ctx context.Context, id int64) ([][]byte, error) {
	body := orderRef{ResellerID: p.config.ResellerID, OrderIDCap: id, Timestamp: p.client.stamp()}
	var answer any
	err := p.client.call(ctx, opCertificate, body, &answer)
	switch {
	case refused(err) && providers.KindOf(err) != providers.Auth:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return pems(answer), nil
}

// maxTexts bounds what is taken out of one answer.
const maxTexts = 50

// pems walks through an answer of unknown shape.
func pems(value any) [][]byte {
	var found [][]byte
	switch v := value.(type) {
	case string:
		if strings.Contains(v, "-----BEGIN ") {
			found = append(found, []byte(v))
		}
	case []any:
		for _, element := range v {
			found = append(found, pems(element)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			found = append(found, pems(v[key])...)
		}
	}
	return found[:min(len(found), maxTexts)]
}

// leaves are the certificates among blobs that are no CA's.
func leaves(blobs [][]byte) []*x509.Certificate {
	var found []*x509.Certificate
	for _, blob := range blobs {
		certificates, err := chain.Parse(blob)
		if err != nil {
			continue
		}
		for _, certificate := range certificates {
			if !certificate.IsCA {
				found = append(found, certificate)
			}
		}
	}
	return found
}

// certifies reports whether there is a leaf for a public key.
func certifies(blobs [][]byte, key string) bool {
	return slices.ContainsFunc(leaves(blobs), func(c *x509.Certificate) bool { return digestOf(c.RawSubjectPublicKeyInfo) == key })
}

// verifyBody is that of performSanVerification.
type verifyBody struct {
	ResellerID int64  `json:"resellerId"`
	ClientID   int64  `json:"clientId"`
	Code       string `json:"code"`
	SSLID      int64  `json:"sslid"`
	Timestamp  string `json:"timestamp"`
}

// Validate implements providers.Validator with performSanVerification for products of Certum.
// Sectigo looks by itself, and e-mails are approved by a person: nothing is called.
func (p *Provider) Validate(ctx context.Context, ids providers.IDs, challenges []providers.Challenge) error {
	id, err := known(opValidate, ids)
	if err != nil {
		return err
	}
	code := pendingCode(challenges)
	if code == "" {
		return nil
	}
	d, err := p.details(ctx, opValidate, id)
	if err != nil {
		return err
	}
	ssl, hasSSL := number(d.SSLID.word())
	customer, hasClient := number(d.ClientID.word())
	if !hasSSL || !hasClient {
		return failure(opValidate.name, providers.Unavailable, "the order has no "+idSSL+" or "+idClient+" yet", nil)
	}
	var ignored json.RawMessage
	body := verifyBody{ResellerID: p.config.ResellerID, ClientID: customer, Code: code, SSLID: ssl, Timestamp: p.client.stamp()}
	return p.client.call(ctx, opValidate, body, &ignored)
}

// methodBody is that of changeVerificationMethod.
type methodBody struct {
	ResellerID int64  `json:"resellerId"`
	Method     string `json:"approverMethod"`
	OrderID    int64  `json:"orderId"`
	Timestamp  string `json:"timestamp"`
}

// ChangeMethod implements providers.MethodChanger with changeVerificationMethod, which doesn't
// work for wildcards. The vendor chooses the mailbox itself.
func (p *Provider) ChangeMethod(
	ctx context.Context, ids providers.IDs, domain string, method providers.Method, email string,
) ([]providers.Challenge, error) {
	id, err := known(opMethod, ids)
	if err != nil {
		return nil, err
	}
	switch {
	case isWildcard(domain) || p.Profile().Wildcard:
		return nil, invalid(opMethod.name, fieldMethods, "the method of a wildcard can't be changed")
	case p.facts.word(method) == "", method == providers.MethodFile && !mainDomain(domain):
		return nil, invalid(opMethod.name, fieldMethods, "the method can't be used for "+domain)
	case method == providers.MethodEmail && email == "":
		return nil, invalid(opMethod.name, fieldMethods, "nobody is known who could approve "+domain)
	}
	challenges, err := p.change(ctx, id, canonical(domain), method)
	if err == nil && len(challenges) == 0 {
		err = failure(opMethod.name, providers.Unavailable, "the answer lacks what to publish for "+domain, nil)
	}
	return challenges, err
}

// change asks for a method and reads what to publish from the answer, or else from the details.
func (p *Provider) change(ctx context.Context, id int64, domain string, method providers.Method) ([]providers.Challenge, error) {
	var reply struct {
		Code  text `json:"code"`
		Email text `json:"approverEmail"`
	}
	word := p.facts.word(method)
	body := methodBody{ResellerID: p.config.ResellerID, Method: word, OrderID: id, Timestamp: p.client.stamp()}
	if err := p.client.call(ctx, opMethod, body, &reply); err != nil {
		return nil, err
	}
	told := details{Website: text(domain), Method: text(word), Record: reply.Code}
	if told.Record.word() == "" && word != wordEmail {
		d, err := p.details(ctx, opMethod, id)
		if err != nil {
			return nil, err
		}
		told.Record = d.Record
	}
	challenges := told.challenges()
	for i := range challenges {
		if slices.Contains(challenges[i].Emails, reply.Email.word()) {
			challenges[i].Chosen = reply.Email.word()
		}
	}
	return challenges, nil
}
