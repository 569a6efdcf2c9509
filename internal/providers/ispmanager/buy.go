package ispmanager

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// elid is the only identifier of an order, under the vendor's parameter name.
const elid = "elid"

// Buy implements providers.Provider with certificate.order.param for an own CSR. skipbasket
// takes the money at once (API page). approver_method with an order, remoteid, and an id in
// the answer are assumptions, unconfirmed on a live account: an order that is answered
// without an id is looked for by Find.
func (p *Provider) Buy(ctx context.Context, intent *providers.Intent, request providers.Request) (providers.Placed, error) {
	params, err := p.supply(opBuy, request)
	if err != nil {
		return providers.Placed{}, err
	}
	if !slices.Contains(p.profile.TermsMonths, request.TermMonths) {
		return providers.Placed{}, invalid(opBuy.name, "spec.term.months", fmt.Sprintf("the terms on sale are %v months", p.profile.TermsMonths))
	}
	params.Set("skipbasket", "on")
	params.Set("crt_type", crtManual)
	params.Set("csr", string(request.CSR))
	params.Set("period", strconv.Itoa(request.TermMonths))
	params.Set("pricelist", p.config.Product.ID)
	if further := p.further(request); len(further) > 0 {
		params.Set("altname", strings.Join(further, " "))
		params.Set("altname_input", strings.Join(further, " "))
		params.Set("addon_"+p.config.AddonID, strconv.Itoa(len(further)))
	}
	p.config.Contacts.set(params)
	return p.place(ctx, opBuy, intent, providers.Purchase, params, "")
}

// The forms of a reissue (API page).
const (
	crtManual = "manual"     // a new CSR
	crtOld    = "oldrequest" // the CSR of before
	crtNames  = "altname"    // the CSR of before with other names
)

// Reissue implements providers.Reissuer with certificate.reissue.step2, in the form that fits
// what the order has: for a CSR that it has already, with the same names or with others;
// else for a new CSR.
func (p *Provider) Reissue(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	id, err := known(opReissue, ids)
	if err != nil {
		return providers.Placed{}, err
	}
	params, err := p.supply(opReissue, request)
	if err != nil {
		return providers.Placed{}, err
	}
	if intent.Spent() {
		return p.place(ctx, opReissue, intent, providers.Reissue, params, id)
	}
	present, err := p.edit(ctx, id)
	if err != nil {
		return providers.Placed{}, err
	}
	further := p.further(request)
	others := !slices.Equal(present.furtherNames(), further)
	switch {
	case !sameCSR(present.csr(), request.CSR):
		params.Set("crt_type", crtManual)
		params.Set("csr", string(request.CSR))
	case others:
		params.Set("crt_type", crtNames)
	default:
		params.Set("crt_type", crtOld)
	}
	if others && len(further) > 0 {
		// With a new CSR too: unconfirmed on a live account.
		params.Set("altname", strings.Join(further, " "))
	}
	params.Set(elid, id)
	return p.place(ctx, opReissue, intent, providers.Reissue, params, id)
}

// place makes a call that can't be repeated. An answer about an order that exists may lack
// its number; one about a new order must have it.
func (p *Provider) place(
	ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind, params url.Values, id string,
) (providers.Placed, error) {
	answer, err := p.client.once(ctx, op, intent, kind, params)
	if err != nil {
		return providers.Placed{}, err
	}
	if told := number(answer.field("id")); told != "" {
		id = told
	}
	if id == "" {
		return providers.Placed{}, failure(op.name, providers.Ambiguous, "the answer lacks the number of the order", nil)
	}
	return providers.Placed{IDs: providers.IDs{elid: id}}, nil
}

// known is the number of the order in ids.
func known(op operation, ids providers.IDs) (string, error) {
	id := number(ids[elid])
	if id == "" {
		return "", invalid(op.name, "", "the order has no "+elid)
	}
	return id, nil
}

// supply checks a request against the product and gives the parameters of its validation.
// The address of the main name is required whatever the method (API page); those of the
// others, numbered in their order, by e-mail only.
func (p *Provider) supply(op operation, request providers.Request) (url.Values, error) {
	further, product := p.further(request), p.config.Product.ID
	method := vendorMethod(request.Method)
	offered := func(m providers.Method) bool { return vendorMethod(m) == method }
	wildcard := slices.ContainsFunc(request.Names, isWildcard)
	switch {
	case len(request.CSR) == 0 || request.CommonName == "":
		return nil, invalid(op.name, "spec.commonName", "BILLmanager takes the main name from the CSR's common name")
	case 1+len(further) > p.profile.MaxNames:
		return nil, invalid(op.name, "spec.dnsNames", fmt.Sprintf("product %s takes %d names, not %d", product, p.profile.MaxNames, 1+len(further)))
	case wildcard && !p.profile.Wildcard:
		return nil, invalid(op.name, "spec.dnsNames", fmt.Sprintf("product %s takes no wildcard names", product))
	case method == "" || !slices.ContainsFunc(p.profile.Methods, offered):
		return nil, invalid(op.name, "spec.dcv.methods", fmt.Sprintf("product %s doesn't offer method %q", product, request.Method))
	case method == authFile && wildcard:
		return nil, invalid(op.name, "spec.dcv.methods", "wildcard names can't be validated by file")
	}
	params := url.Values{"approver_method": {method}}
	if method == authEmail {
		return params, p.approve(op, request, params)
	}
	params.Set(approverEmail(1), "admin@"+base(request.CommonName))
	return params, nil
}

// approve sets one address for each name, in the order of the names.
func (p *Provider) approve(op operation, request providers.Request, params url.Values) error {
	for i, name := range append([]string{request.CommonName}, p.further(request)...) {
		email := request.Emails[name]
		if email == "" || strings.ContainsAny(email, ",; \r\n") {
			return invalid(op.name, "spec.dcv.methods", "no approver address is known for "+name)
		}
		params.Set(approverEmail(i+1), approver(name, email))
	}
	return nil
}

// approver is the mailbox that BILLmanager takes for a name: one of five at the very domain that
// is ordered (API page), and none at a domain above it.
func approver(name, wished string) string {
	local, _, _ := strings.Cut(wished, "@")
	if !slices.Contains(approvers, local) {
		local = approvers[0]
	}
	return local + "@" + base(name)
}

// further are the names to order beside the common name, without the one that the product
// includes.
func (p *Provider) further(request providers.Request) []string {
	return slices.DeleteFunc(slices.Clone(request.Names), func(name string) bool {
		return name == request.CommonName || p.profile.WWWIncluded && name == includedName(request.CommonName)
	})
}

// includedName is what the CA adds to a common name by itself where the product includes
// www: the name with or without it, and the domain of a wildcard.
func includedName(commonName string) string {
	if base, ok := strings.CutPrefix(commonName, "*."); ok {
		return base
	}
	if base, ok := strings.CutPrefix(commonName, "www."); ok {
		return base
	}
	return "www." + commonName
}

func isWildcard(name string) bool { return strings.HasPrefix(name, "*.") }

// set gives the contacts; both are required (API page).
func (c Contacts) set(params url.Values) {
	technical := c.Admin
	if c.Technical != nil {
		technical = *c.Technical
	}
	for prefix, person := range map[string]Contact{"adm_": c.Admin, "tech_": technical} {
		params.Set(prefix+"fname", person.FirstName)
		params.Set(prefix+"lname", person.LastName)
		params.Set(prefix+"jtitle", person.Title)
		params.Set(prefix+"email", person.Email)
		params.Set(prefix+"phone", person.Phone)
	}
}

// approverEmail is the parameter of the name with a number, from 1.
func approverEmail(number int) string { return "approver_email_" + strconv.Itoa(number) }
