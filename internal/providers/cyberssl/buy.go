package cyberssl

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// placedReply answers add_ssl_order, activate_ssl_order, reissue_ssl_order and
// order_extra_domains.
type placedReply struct {
	OrderID text      `json:"order_id"`
	Options dvOptions `json:"dv_options"`
	Amount  text      `json:"amount"`
}

// Buy implements providers.Provider with add_ssl_order of type "new".
func (p *Provider) Buy(ctx context.Context, intent *providers.Intent, request providers.Request) (providers.Placed, error) {
	return p.order(ctx, opBuy, intent, providers.Purchase, "new", request)
}

// Renew implements providers.Renewer with add_ssl_order of type "renew". The vendor's
// renewal is an order of its own without a link to the one that ends: the IDs in the
// reply are new, and ids only has to be an order of this account.
func (p *Provider) Renew(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	if _, err := known(opRenew, ids); err != nil {
		return providers.Placed{}, err
	}
	return p.order(ctx, opRenew, intent, providers.Renew, "renew", request)
}

func (p *Provider) order(
	ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind,
	orderType string, request providers.Request,
) (providers.Placed, error) {
	params, err := p.supply(op, request)
	if err != nil {
		return providers.Placed{}, err
	}
	years, err := period(op, request)
	if err != nil {
		return providers.Placed{}, err
	}
	params.Set("product_id", p.config.Product.ID)
	params.Set("order_type", orderType)
	params.Set("period", years)
	p.config.Contacts.set(params)
	p.setSoftware(params)
	return p.place(ctx, op, intent, kind, params, request.Method)
}

// Reissue implements providers.Reissuer with reissue_ssl_order.
func (p *Provider) Reissue(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	return p.resupply(ctx, opReissue, intent, providers.Reissue, ids, request)
}

// Enrol implements providers.Enroller with activate_ssl_order: it gives a CSR to an
// order that was paid without one, such as one bought in the vendor's panel. Orders
// that Buy places never need it, and an order that isn't in PendingOrder is left
// alone: the reply tells its challenges and the intent stays unspent.
func (p *Provider) Enrol(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	order, err := p.Order(ctx, ids)
	if err != nil {
		return providers.Placed{}, err
	}
	if len(order.CSR) > 0 && !sameCSR(order.CSR, request.CSR) {
		return providers.Placed{}, invalid(opEnrol.name, "", "the order has another CSR")
	}
	if order.State != providers.StatePendingOrder {
		return providers.Placed{IDs: order.IDs, Challenges: order.Challenges}, nil
	}
	return p.resupply(ctx, opEnrol, intent, providers.Enrol, ids, request)
}

func (p *Provider) resupply(
	ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind,
	ids providers.IDs, request providers.Request,
) (providers.Placed, error) {
	id, err := known(op, ids)
	if err != nil {
		return providers.Placed{}, err
	}
	params, err := p.supply(op, request)
	if err != nil {
		return providers.Placed{}, err
	}
	params.Set(orderID, id)
	p.setSoftware(params)
	return p.place(ctx, op, intent, kind, params, request.Method)
}

// AddNames implements providers.NameAdder with order_extra_domains. The API page calls it
// a GET, which a proxy or net/http may repeat; the vendor's PHP client makes all
// calls that change something as POST, and so does this.
func (p *Provider) AddNames(ctx context.Context, intent *providers.Intent, ids providers.IDs, count int) (providers.Placed, error) {
	id, err := known(opAddNames, ids)
	if err != nil {
		return providers.Placed{}, err
	}
	if count < 1 {
		return providers.Placed{}, invalid(opAddNames.name, "", "the number of names must be positive")
	}
	params := url.Values{orderID: {id}, "extra_domains_nr": {strconv.Itoa(count)}}
	return p.place(ctx, opAddNames, intent, providers.AddNames, params, "")
}

// place makes a call that can't be repeated. A reply without an order number may hide an
// order, so it is Ambiguous; challenges that aren't understood are left to Order.
func (p *Provider) place(
	ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind,
	params url.Values, method providers.Method,
) (providers.Placed, error) {
	var reply placedReply
	if err := p.client.once(ctx, op, intent, kind, params, &reply); err != nil {
		return providers.Placed{}, err
	}
	id := reply.OrderID.word()
	if id == "" {
		return providers.Placed{}, failure(op.name, providers.Ambiguous, "the reply lacks the order number", nil)
	}
	challenges, _ := reply.Options.challenges(vendorMethod(method))
	return providers.Placed{IDs: providers.IDs{orderID: id}, Price: amount(reply.Amount), Challenges: challenges}, nil
}

func (p *Provider) setSoftware(params url.Values) {
	if p.config.SoftwareID > 0 {
		params.Set("software_id", strconv.Itoa(p.config.SoftwareID))
	}
}

// known is the order number in ids.
func known(op operation, ids providers.IDs) (string, error) {
	id := ids[orderID]
	if id == "" {
		return "", invalid(op.name, "", "the order has no "+orderID)
	}
	return id, nil
}

// supply checks a request against the product and gives the parameters that tell what
// to certify and how to validate it.
func (p *Provider) supply(op operation, request providers.Request) (url.Values, error) {
	if len(request.CSR) == 0 || request.CommonName == "" {
		return nil, invalid(op.name, "spec.commonName", "CyberSSL takes the main name from the CSR's common name")
	}
	addons := p.addons(request)
	if limit := max(1, p.profile.MaxNames); len(addons)+1 > limit {
		return nil, invalid(op.name, "spec.dnsNames", fmt.Sprintf("product %s takes %d names, not %d", p.config.Product.ID, limit, len(addons)+1))
	}
	names := append([]string{request.CommonName}, addons...)
	wildcard := slices.ContainsFunc(names, isWildcard)
	if wildcard && !p.profile.Wildcard {
		return nil, invalid(op.name, "spec.dnsNames", fmt.Sprintf("product %s takes no wildcard names", p.config.Product.ID))
	}
	method, err := p.method(op, request, names, wildcard)
	if err != nil {
		return nil, err
	}
	params := url.Values{"csr": {string(request.CSR)}, "dv_method": {method}}
	if len(addons) > 0 {
		params.Set("addon_domains", strings.Join(addons, ","))
	}
	return params, nil
}

// method is the parameter dv_method, by e-mail with one address for each name.
func (p *Provider) method(op operation, request providers.Request, names []string, wildcard bool) (string, error) {
	const field = "spec.dcv.methods"
	method := vendorMethod(request.Method)
	offered := func(m providers.Method) bool { return vendorMethod(m) == method }
	switch {
	case method == "" || !slices.ContainsFunc(p.profile.Methods, offered):
		return "", invalid(op.name, field, fmt.Sprintf("product %s doesn't offer method %q", p.config.Product.ID, request.Method))
	case method == dvHTTP && wildcard:
		return "", invalid(op.name, field, "wildcard names can't be validated by file")
	case method != dvEmail:
		return method, nil
	}
	var emails []string
	for _, name := range names {
		email := request.Emails[name]
		if email == "" || strings.ContainsAny(email, ",: \r\n") {
			return "", invalid(op.name, field, fmt.Sprintf("no approver address is known for %s", name))
		}
		emails = append(emails, email)
	}
	return dvEmail + ":" + strings.Join(emails, ","), nil
}

// addons are the names to order beside the common name, without the one that the
// product includes.
func (p *Provider) addons(request providers.Request) []string {
	var addons []string
	for _, name := range request.Names {
		free := p.profile.WWWIncluded && name == includedName(request.CommonName)
		if name != request.CommonName && !free {
			addons = append(addons, name)
		}
	}
	return addons
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

// period is the paid term in years.
func period(op operation, request providers.Request) (string, error) {
	if request.TermMonths < 12 || request.TermMonths%12 != 0 {
		return "", invalid(op.name, "spec.term.months", "CyberSSL sells whole years")
	}
	return strconv.Itoa(request.TermMonths / 12), nil
}

// set gives the contacts; the vendor takes the admin contact where the technical one is
// absent.
func (c Contacts) set(params url.Values) {
	c.Admin.set(params, "admin_")
	if c.Technical != nil {
		c.Technical.set(params, "tech_")
	}
	if o := c.Organization; o != nil {
		for name, value := range map[string]string{
			"name": o.Name, "division": o.Division, "addressline": o.Address, "city": o.City,
			"country": o.Country, "phone": o.Phone, "postalcode": o.PostalCode, "region": o.Region,
		} {
			params.Set("org_"+name, value)
		}
	}
}

func (c Contact) set(params url.Values, prefix string) {
	for name, value := range map[string]string{
		"firstname": c.FirstName, "lastname": c.LastName, "phone": c.Phone, "title": c.Title, "email": c.Email,
	} {
		params.Set(prefix+name, value)
	}
}
