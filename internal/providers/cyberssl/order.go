package cyberssl

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// optionsReply answers get_dv_options, get_dv_options_csr and change_dv_method.
type optionsReply struct {
	Options dvOptions `json:"dv_options"`
}

// Order implements providers.Provider with order_status and, until the order is issued,
// get_dv_options.
func (p *Provider) Order(ctx context.Context, ids providers.IDs) (providers.Order, error) {
	id, err := known(opStatus, ids)
	if err != nil {
		return providers.Order{}, err
	}
	fields, err := p.status(ctx, id)
	if err != nil {
		return providers.Order{}, err
	}
	order := fields.order()
	switch order.State {
	case providers.StateAwaitingValidation:
		order.Challenges, err = p.options(ctx, id, string(fields.DVMethod))
		return order, err
	case providers.StateIssuing:
		// The vendor's "Processing" may still want the records, so they are told; but
		// an order that is past validation may have none.
		order.Challenges, err = p.options(ctx, id, string(fields.DVMethod))
		if refused(err) {
			err = nil
		}
		return order, err
	case providers.StatePendingOrder, providers.StateIssued, providers.StateRejected,
		providers.StateCancelled, providers.StateExpired:
	}
	return order, nil
}

func (p *Provider) status(ctx context.Context, id string) (orderFields, error) {
	var reply statusReply
	if err := p.client.call(ctx, opStatus, url.Values{orderID: {id}}, &reply); err != nil {
		return orderFields{}, err
	}
	fields := reply.orderFields
	if fields.Status.word() == "" {
		return orderFields{}, failure(opStatus.name, providers.Unavailable, "the reply lacks the status", nil)
	}
	if other := fields.id(); other != "" && other != id {
		return orderFields{}, failure(opStatus.name, providers.Unavailable, "the reply is about another order", nil)
	}
	fields.OrderID = text(id)
	return fields, nil
}

// options asks for the challenges of the method that the order has, or for all where it
// doesn't tell.
func (p *Provider) options(ctx context.Context, id, method string) ([]providers.Challenge, error) {
	method, chosen, _ := strings.Cut(strings.ToLower(strings.TrimSpace(method)), ":")
	wanted := []string{method}
	if !slices.Contains(vendorMethods, method) {
		method, wanted = dvAll, vendorMethods
	}
	var reply optionsReply
	if err := p.client.call(ctx, opOptions, url.Values{orderID: {id}, "dv_method": {method}}, &reply); err != nil {
		return nil, err
	}
	challenges, err := reply.Options.challenges(wanted...)
	if err != nil {
		return nil, failure(opOptions.name, providers.Unavailable, err.Error(), err)
	}
	choose(challenges, strings.Split(chosen, ","))
	return challenges, nil
}

// choose marks the approver addresses that an e-mail order was placed with.
func choose(challenges []providers.Challenge, emails []string) {
	for i, challenge := range challenges {
		for _, email := range emails {
			if slices.Contains(challenge.Emails, strings.TrimSpace(email)) {
				challenges[i].Chosen = strings.TrimSpace(email)
			}
		}
	}
}

// Prepare implements providers.Preparer with get_dv_options_csr, which only the vendor's
// PHP client knows. Where the live API doesn't, there is nothing to publish before
// paying: no challenges and no error.
func (p *Provider) Prepare(ctx context.Context, request providers.Request) ([]providers.Challenge, []byte, error) {
	params, err := p.supply(opPrepare, request)
	if err != nil {
		return nil, nil, err
	}
	method := vendorMethod(request.Method)
	params.Set("dv_method", method)
	params.Set("product_id", p.config.Product.ID)
	var reply optionsReply
	switch err := p.client.call(ctx, opPrepare, params, &reply); {
	case absent(err):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	challenges, err := reply.Options.challenges(method)
	if err != nil {
		return nil, nil, failure(opPrepare.name, providers.Unavailable, err.Error(), err)
	}
	return challenges, nil, nil
}

// Validate implements providers.Validator with one revalidate for each domain. E-mails are
// approved by a person, there is nothing to trigger. A refusal for one domain doesn't
// keep the others from being asked for; the first is returned.
func (p *Provider) Validate(ctx context.Context, ids providers.IDs, challenges []providers.Challenge) error {
	id, err := known(opValidate, ids)
	if err != nil {
		return err
	}
	var first error
	for _, domain := range pending(challenges) {
		err := p.client.call(ctx, opValidate, url.Values{orderID: {id}, "domain_name": {domain}}, &struct{}{})
		if err != nil && !refused(err) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// pending are the domains that the CA can look at now, each once.
func pending(challenges []providers.Challenge) []string {
	var domains []string
	for _, c := range challenges {
		if !c.Done && c.Method != providers.MethodEmail && !slices.Contains(domains, c.Domain) {
			domains = append(domains, c.Domain)
		}
	}
	return domains
}

// ChangeMethod implements providers.MethodChanger with change_dv_method. The reply tells
// what to publish for all domains; only the given one is returned.
func (p *Provider) ChangeMethod(
	ctx context.Context, ids providers.IDs, domain string, method providers.Method, email string,
) ([]providers.Challenge, error) {
	id, err := known(opMethod, ids)
	if err != nil {
		return nil, err
	}
	word := vendorMethod(method)
	switch {
	case word == "", word == dvHTTP && isWildcard(domain):
		return nil, invalid(opMethod.name, "spec.dcv.methods", "the method can't be used for "+domain)
	case word == dvEmail && email == "":
		return nil, invalid(opMethod.name, "spec.dcv.methods", "no approver address is known for "+domain)
	}
	params := url.Values{orderID: {id}, "domain": {domain}, "dv_method": {word}}
	if word == dvEmail {
		params.Set("email", email)
	}
	var reply optionsReply
	if err := p.client.call(ctx, opMethod, params, &reply); err != nil {
		return nil, err
	}
	if word == dvEmail {
		return []providers.Challenge{{Domain: domain, Method: method, Emails: []string{email}, Chosen: email}}, nil
	}
	challenges, err := reply.Options.challenges(word)
	challenges = slices.DeleteFunc(challenges, func(c providers.Challenge) bool { return c.Domain != canonical(domain) })
	if err != nil || len(challenges) == 0 {
		return nil, failure(opMethod.name, providers.Unavailable, "the reply lacks what to publish for "+domain, err)
	}
	return challenges, nil
}

// ResendEmail implements providers.EmailResender with resend_dv_email, which only the
// vendor's PHP client knows and which takes no domain: the messages of all domains
// are sent again.
func (p *Provider) ResendEmail(ctx context.Context, ids providers.IDs, _ string) error {
	id, err := known(opResend, ids)
	if err != nil {
		return err
	}
	return p.client.call(ctx, opResend, url.Values{orderID: {id}}, &struct{}{})
}
