package sandbox

import (
	"slices"
	"strconv"
	"strings"
)

func (c *CyberSSL) auth(call cyberCall) (map[string]any, error) {
	account, err := c.engine.AccountByKey(call.get("apikey"))
	if err != nil {
		return nil, err
	}
	token, err := c.engine.Login(account.Name)
	if err != nil {
		return nil, err
	}
	return map[string]any{"token": token}, nil
}

func (c *CyberSSL) price(call cyberCall) (map[string]any, error) {
	product, err := c.engine.Product(call.get("product_id"))
	if err != nil {
		return nil, err
	}
	years, err := cyberNumber(call, "period")
	if err != nil {
		return nil, err
	}
	names := 1
	if call.get("nr_domains") != "" {
		if names, err = cyberNumber(call, "nr_domains"); err != nil {
			return nil, err
		}
	}
	amount, err := product.Price(years, names)
	if err != nil {
		return nil, err
	}
	return map[string]any{"amount": amount.String()}, nil
}

func (c *CyberSSL) balance(call cyberCall) (map[string]any, error) {
	account, err := c.engine.Account(call.account)
	if err != nil {
		return nil, err
	}
	return map[string]any{"balance": account.Balance.String()}, nil
}

func (c *CyberSSL) validateCSR(call cyberCall) (map[string]any, error) {
	csr, challenges, err := c.engine.Check(call.account, call.get("product_id"), call.get("csr"), cyberList(call.get("addon_domains")))
	if err != nil {
		return nil, err
	}
	return map[string]any{"csr": cyberCSRFields(csr, len(challenges))}, nil
}

func (c *CyberSSL) optionsForCSR(call cyberCall) (map[string]any, error) {
	kinds, err := cyberOptionKinds(call.get("dv_method"))
	if err != nil {
		return nil, err
	}
	_, challenges, err := c.engine.Check(call.account, call.get("product_id"), call.get("csr"), cyberList(call.get("addon_domains")))
	if err != nil {
		return nil, err
	}
	return map[string]any{"dv_options": cyberOptions(challenges, kinds)}, nil
}

func (c *CyberSSL) add(call cyberCall) (map[string]any, error) {
	kind := call.get("order_type")
	if kind != "new" && kind != "renew" {
		return nil, refuse(ErrParameter, "order_type must be new or renew")
	}
	years, err := cyberNumber(call, "period")
	if err != nil {
		return nil, err
	}
	product, err := c.engine.Product(call.get("product_id"))
	if err != nil {
		return nil, err
	}
	if err := cyberOrganizationGiven(product, call); err != nil {
		return nil, err
	}
	supply, err := cyberSupply(call)
	if err != nil {
		return nil, err
	}
	o, err := c.engine.Place(OrderRequest{
		Account: call.account, Product: product.ID, Renewal: kind == "renew", Years: years, Supply: supply,
		Contacts:   cyberContacts(call.values),
		Attributes: map[string]string{"software_id": call.get("software_id"), "dv_method": call.get("dv_method")},
	})
	if err != nil {
		return nil, err
	}
	return cyberPlaced(o, supply.Method), nil
}

// cyberOrganizationGiven checks the parameters that the vendor asks for "Business
// Verification" products.
func cyberOrganizationGiven(product Product, call cyberCall) error {
	if product.Validation != "ov" {
		return nil
	}
	for _, name := range cyberContactNames("org_", cyberOrganization) {
		if call.get(name) == "" {
			return refuse(ErrParameter, "the parameter %s is missing", name)
		}
	}
	return nil
}

func (c *CyberSSL) activate(call cyberCall) (map[string]any, error) {
	return c.resupply(call, c.engine.Activate)
}

func (c *CyberSSL) reissue(call cyberCall) (map[string]any, error) {
	return c.resupply(call, c.engine.Reissue)
}

func (c *CyberSSL) resupply(call cyberCall, do func(account, id string, supply Supply) (*Order, error)) (map[string]any, error) {
	supply, err := cyberSupply(call)
	if err != nil {
		return nil, err
	}
	o, err := do(call.account, call.get("order_id"), supply)
	if err != nil {
		return nil, err
	}
	placed := cyberPlaced(o, supply.Method)
	placed["order_id"] = o.ID
	return placed, nil
}

// cyberPlaced is the reply to a new order. The number is a JSON number here and a
// string elsewhere, as PHP programs happen to do.
func cyberPlaced(o *Order, method Method) map[string]any {
	result := map[string]any{"order_id": cyberInt(o.ID)}
	if method != MethodEmail && o.Current() != nil {
		result["dv_options"] = cyberOptions(cyberChallenges(o), cyberPublished)
	}
	return result
}

func (c *CyberSSL) extraDomains(call cyberCall) (map[string]any, error) {
	count, err := cyberNumber(call, "extra_domains_nr")
	if err != nil {
		return nil, err
	}
	o, amount, err := c.engine.AddNames(call.account, call.get("order_id"), count)
	if err != nil {
		return nil, err
	}
	return map[string]any{"amount": amount.String(), "order_id": o.ID}, nil
}

func (c *CyberSSL) dvOptions(call cyberCall) (map[string]any, error) {
	kinds, err := cyberOptionKinds(call.get("dv_method"))
	if err != nil {
		return nil, err
	}
	o, err := c.engine.Order(call.account, call.get("order_id"))
	if err != nil {
		return nil, err
	}
	if o.Current() == nil {
		return nil, refuse(ErrState, "order %s is not activated", o.ID)
	}
	return map[string]any{"order_id": o.ID, "dv_options": cyberOptions(cyberChallenges(o), kinds)}, nil
}

func (c *CyberSSL) changeMethod(call cyberCall) (map[string]any, error) {
	method := Method(call.get("dv_method"))
	if method == MethodEmail && call.get("email") == "" {
		return nil, refuse(ErrParameter, "the parameter email is missing")
	}
	o, err := c.engine.Order(call.account, call.get("order_id"))
	if err != nil {
		return nil, err
	}
	domain := strings.ToLower(call.get("domain"))
	if domain == "" {
		domain = o.CommonName()
	}
	if o, err = c.engine.ChangeMethod(call.account, o.ID, domain, method, call.get("email")); err != nil {
		return nil, err
	}
	if method == MethodEmail {
		return map[string]any{}, nil
	}
	return map[string]any{"dv_options": cyberOptions(cyberChallenges(o), cyberPublished)}, nil
}

func (c *CyberSSL) resendEmail(call cyberCall) (map[string]any, error) {
	o, err := c.engine.Order(call.account, call.get("order_id"))
	if err != nil {
		return nil, err
	}
	waiting := func(d *Domain) bool { return d.Method == MethodEmail && d.ValidatedAt.IsZero() }
	if o.Current() == nil || !slices.ContainsFunc(o.Current().Domains, waiting) {
		return nil, refuse(ErrState, "order %s does not wait for an e-mail", o.ID)
	}
	return map[string]any{}, nil
}

func (c *CyberSSL) revalidate(call cyberCall) (map[string]any, error) {
	err := c.engine.Revalidate(call.account, call.get("order_id"), strings.ToLower(call.get("domain_name")))
	return map[string]any{}, err
}

// cyberSupply reads CSR, names and method. By e-mail the method is "email:" and the
// addresses, separated by commas.
func cyberSupply(call cyberCall) (Supply, error) {
	supply := Supply{CSR: call.get("csr"), Names: cyberList(call.get("addon_domains"))}
	method, emails, given := strings.Cut(call.get("dv_method"), ":")
	supply.Method, supply.Emails = Method(method), cyberList(emails)
	if given != (supply.Method == MethodEmail) {
		return Supply{}, refuse(ErrMethod, "dv_method must be http, https, dns or email:ADDRESS,…")
	}
	return supply, nil
}

// cyberList splits at commas and drops blanks.
func cyberList(text string) []string {
	parts := strings.Split(text, ",")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return slices.DeleteFunc(parts, func(part string) bool { return part == "" })
}

func cyberNumber(call cyberCall, name string) (int, error) {
	number, err := strconv.Atoi(call.get(name))
	if err != nil || number < 1 {
		return 0, refuse(ErrParameter, "the parameter %s is not a positive number", name)
	}
	return number, nil
}
