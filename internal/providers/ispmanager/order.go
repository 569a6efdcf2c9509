package ispmanager

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The columns of the two states of an order: item_status of the service that is paid for
// (https://github.com/ISPsystemLLC, BILLmanager clients), service_status of the certificate
// (modules, sslutil.h).
const (
	itemUnpaid    = "1"
	itemActive    = "2"
	itemSuspended = "3"
	itemDeleted   = "4"

	serviceRequested = "3"
	serviceWaiting   = "4"
	serviceIssued    = "5"
	serviceFailed    = "6"
)

// facts of an order, from its form and, for what the form lacks, its row in the list.
type orderFacts struct {
	form
	row node
}

func (o orderFacts) field(name string) string {
	if text := o.form.field(name); text != "" {
		return text
	}
	return o.row.get(name).text()
}

// Order implements providers.Provider with certificate.edit, the list for the states that the
// form doesn't tell, and certificate.file once there may be a certificate. Whether client
// accounts see service_status is unconfirmed on a live account: without it an order is
// issued when its certificate can be downloaded.
func (p *Provider) Order(ctx context.Context, ids providers.IDs) (providers.Order, error) {
	id, err := known(opEdit, ids)
	if err != nil {
		return providers.Order{}, err
	}
	facts, err := p.facts(ctx, id)
	if err != nil {
		return providers.Order{}, err
	}
	order := facts.order(id)
	service := facts.field("service_status")
	switch order.State, order.Detail = facts.ended(p.config.Now()); {
	case order.State != "":
		return order, nil
	case service == serviceIssued, !slices.Contains([]string{serviceRequested, serviceWaiting}, service) && facts.field("item_status") == itemActive:
		return p.issued(ctx, id, order, service)
	}
	order.State, order.Detail, order.Challenges, err = facts.progress(service)
	if err != nil {
		return order, failure(opEdit.name, providers.Unavailable, err.Error(), err)
	}
	return order, p.completeFile(ctx, id, facts, &order)
}

// facts reads the list only where the form tells no state.
func (p *Provider) facts(ctx context.Context, id string) (orderFacts, error) {
	edited, err := p.edit(ctx, id)
	if err != nil || edited.field("item_status") != "" {
		return orderFacts{form: edited}, err
	}
	rows, err := p.list(ctx, edited.field("CN"))
	if err != nil {
		return orderFacts{}, err
	}
	for _, row := range rows {
		if row.get("id").text() == id {
			return orderFacts{form: edited, row: row}, nil
		}
	}
	return orderFacts{form: edited}, nil
}

func (p *Provider) edit(ctx context.Context, id string) (form, error) {
	answer, err := p.client.call(ctx, opEdit, url.Values{elid: {id}})
	if err != nil {
		return form{}, err
	}
	edited := form{answer}
	if other := number(edited.field(elid)); other != "" && other != id {
		return form{}, failure(opEdit.name, providers.Unavailable, "the answer is about another order", nil)
	}
	if edited.field("CN") == "" && edited.csr() == nil && edited.method() == "" {
		return form{}, failure(opEdit.name, providers.Unavailable, "the answer lacks the order", nil)
	}
	return edited, nil
}

// order is what needs no judgement.
func (o orderFacts) order(id string) providers.Order {
	order := providers.Order{
		IDs: providers.IDs{elid: id}, CSR: pemCSR(o.csr()), Names: slices.Sorted(slices.Values(o.names())),
		Price: amount(o.field("cost")), Ordered: date(o.field("createdate")), PaidUntil: date(o.field("expiredate")),
	}
	return order
}

// ended is the state of an order that is over, or not begun for want of money; empty otherwise.
func (o orderFacts) ended(now time.Time) (providers.State, string) {
	until := date(o.field("expiredate"))
	over := !until.IsZero() && !now.Before(until.AddDate(0, 0, 1))
	switch item := o.field("item_status"); {
	case item == itemDeleted:
		return providers.StateCancelled, "the order was deleted"
	case o.field("service_status") == serviceFailed:
		return providers.StateRejected, "the CA or the reseller refused the order"
	case item == itemSuspended && over:
		return providers.StateExpired, "the paid term is over"
	case item == itemSuspended:
		return providers.StateIssuing, "the order is suspended: look at it in BILLmanager"
	case item == itemUnpaid:
		return providers.StatePendingOrder, "the order isn't paid: pay it in BILLmanager"
	default:
		return "", ""
	}
}

// progress is the state of an order on its way.
func (o orderFacts) progress(service string) (providers.State, string, []providers.Challenge, error) {
	challenges, err := o.challenges()
	switch {
	case len(challenges) > 0 && (service != serviceWaiting || o.field("service_status_addition") != "check") && !o.mailed(service):
		// What is understood is published; what isn't is told beside it.
		return providers.StateAwaitingValidation, "the CA waits for validation of the names", challenges, nil
	case err != nil:
		return providers.StateAwaitingValidation, "", nil, err
	case service == serviceWaiting:
		return providers.StateIssuing, "the CA is at work", nil, nil
	default:
		return providers.StatePendingOrder, "the CA hasn't told yet what to publish", nil, nil
	}
}

// mailed reports whether an order by e-mail has been approved: its challenges don't go away.
func (o orderFacts) mailed(service string) bool {
	return o.method() == authEmail && service == serviceWaiting
}

// completeFile fetches the content of a validation file that the form doesn't tell.
func (p *Provider) completeFile(ctx context.Context, id string, facts orderFacts, order *providers.Order) error {
	if facts.method() != authFile || facts.field("auth_file_name") == "" || facts.field("auth_file_value") != "" {
		return nil
	}
	body, err := p.client.download(ctx, url.Values{elid: {id}, "type": {authFile}})
	if err != nil {
		return err
	}
	fields, ok := facts.answer.value.(map[string]any)
	if !ok {
		return nil
	}
	fields["auth_file_value"] = string(body)
	order.State, order.Detail, order.Challenges, err = facts.progress(facts.field("service_status"))
	return err
}

// issued downloads the certificate. That there is none yet is no error: the state may be
// older than the certificate.
func (p *Provider) issued(ctx context.Context, id string, order providers.Order, service string) (providers.Order, error) {
	blob, err := p.client.download(ctx, url.Values{elid: {id}, "type": {"crt"}})
	switch {
	case isRefusal(err) && providers.KindOf(err) != providers.Auth && providers.KindOf(err) != providers.Throttled && service == serviceIssued,
		err == nil && len(bytes.TrimSpace(blob)) == 0:
		order.State, order.Detail = providers.StateIssuing, "the CA issued, the certificate is to come"
		return order, nil
	case providers.KindOf(err) == providers.NotFound:
		order.State, order.Detail = providers.StateIssuing, "the reseller reports a status that is not documented"
		return order, nil
	case err != nil:
		return order, err
	}
	order.State, order.Detail = providers.StateIssued, "the certificate is issued"
	order.Certificates = [][]byte{blob}
	return order, nil
}

// amount is nil where there is none. A currency may follow the number.
func amount(text string) *providers.Money {
	number, currency, _ := strings.Cut(strings.TrimSpace(text), " ")
	if len(currency) != 3 || strings.ToUpper(currency) != currency {
		currency = ""
	}
	money, err := providers.ParseMoney(number, currency)
	if err != nil {
		return nil
	}
	return &money
}

// date reads a day, or the day of a time; zero where there is none.
func date(text string) time.Time {
	day, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return time.Time{}
	}
	return at
}

// csrDER reads a CSR in PEM, on several lines or one, or in base64 alone; nil if it is none.
func csrDER(csr []byte) []byte {
	if block, _ := pem.Decode(csr); block != nil {
		return block.Bytes
	}
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

// pemCSR is a CSR in PEM again, nil if there is none.
func pemCSR(csr []byte) []byte {
	der := csrDER(csr)
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

// Validate implements providers.Validator with dns_verify for each name (API page: "domains"
// is one name in spite of its plural). Files are looked at by the CA itself. A refusal for
// one name doesn't keep the others from being asked for; the first is returned.
func (p *Provider) Validate(ctx context.Context, ids providers.IDs, challenges []providers.Challenge) error {
	id, err := known(opVerify, ids)
	if err != nil {
		return err
	}
	var first error
	var asked []string
	for _, c := range challenges {
		dns := c.Method == providers.MethodTXT || c.Method == providers.MethodCNAME
		if c.Done || !dns || slices.Contains(asked, c.Domain) {
			continue
		}
		asked = append(asked, c.Domain)
		_, err := p.client.call(ctx, opVerify, url.Values{elid: {id}, "domains": {c.Domain}})
		if err != nil && !isRefusal(err) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// ResendEmail implements providers.EmailResender. The address is the one that the order was
// placed with, or the admin's; the addresses of further names go with it.
func (p *Provider) ResendEmail(ctx context.Context, ids providers.IDs, _ string) error {
	id, err := known(opResend, ids)
	if err != nil {
		return err
	}
	edited, err := p.edit(ctx, id)
	if err != nil {
		return err
	}
	params := url.Values{elid: {id}}
	for i, name := range edited.names() {
		email := edited.email(name, i+1)
		if email.Chosen == "" {
			email.Chosen = email.Emails[0]
		}
		params.Set(approverEmail(i+1), email.Chosen)
	}
	_, err = p.client.call(ctx, opResend, params)
	return err
}

// Cancel implements providers.Canceller with certificate.delete. It removes the service
// whatever its state, and may revoke a certificate that is only days old (modules).
func (p *Provider) Cancel(ctx context.Context, intent *providers.Intent, ids providers.IDs) error {
	id, err := known(opDelete, ids)
	if err != nil {
		return err
	}
	_, err = p.client.once(ctx, opDelete, intent, providers.Cancel, url.Values{elid: {id}})
	return err
}
