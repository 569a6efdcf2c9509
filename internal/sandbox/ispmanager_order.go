package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// order is certificate.order.param. Without skipbasket the order goes to the basket, where
// nothing comes of it.
func (p *ISPmanager) order(call ispCall) (map[string]any, error) {
	if call.get("crt_type") != "manual" {
		return nil, &ispError{"value", "crt_type", "the sandbox makes no private keys"}
	}
	months, err := strconv.Atoi(call.get("period"))
	if err != nil || months < 1 || months%12 != 0 {
		return nil, &ispError{"value", "period", "the period is no number of years in months"}
	}
	product, err := p.engine.Product(call.get("pricelist"))
	if err != nil {
		return nil, err
	}
	supply, err := ispSupply(call, product, call.get("csr"))
	if err != nil {
		return nil, err
	}
	if err := ispAddon(call, product, len(supply.Names)); err != nil {
		return nil, err
	}
	if call.get("skipbasket") != "on" {
		return map[string]any{}, nil
	}
	contacts := map[string]string{}
	for _, field := range ispPerson {
		contacts["adm_"+field], contacts["tech_"+field] = call.get("adm_"+field), call.get("tech_"+field)
	}
	o, err := p.engine.Place(OrderRequest{
		Account: call.account, Product: product.ID, Years: months / 12, Supply: supply, Contacts: contacts,
		Attributes: map[string]string{"approver_method": ispMethod(call)},
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": o.ID}, nil
}

// ispAddon wants the number of additional names in the product's own add-on: its number
// with 55 in front.
func ispAddon(call ispCall, product Product, further int) error {
	given := ""
	for name := range call.values {
		if strings.HasPrefix(name, "addon_") {
			given = name
		}
	}
	name := "addon_55" + product.ID
	switch {
	case further == 0 && given == "":
		return nil
	case given != name || call.get(name) != strconv.Itoa(further):
		return &ispError{"value", name, fmt.Sprintf("the add-on must be %s=%d", name, further)}
	}
	return nil
}

func ispMethod(call ispCall) string {
	if method := call.get("approver_method"); method != "" {
		return method
	}
	return "auth_email"
}

// ispSupply reads CSR, names and method. An approver address is wanted for the main name
// always, and for the others by e-mail, each under the number of its name.
func ispSupply(call ispCall, product Product, csr string) (Supply, error) {
	if input := call.get("altname_input"); input != "" && input != call.get("altname") {
		return Supply{}, &ispError{"value", "altname_input", "altname and altname_input differ"}
	}
	supply := Supply{CSR: csr, Names: strings.Fields(call.get("altname")), Reference: call.get("remoteid")}
	switch method := ispMethod(call); {
	case method == "auth_email":
		supply.Method = MethodEmail
	case method == "auth_file":
		supply.Method = MethodHTTP
	case method == "auth_dnstxt" && product.TXT, method == "auth_cname" && !product.TXT:
		supply.Method = MethodDNS
	default:
		return Supply{}, &ispError{"value", "approver_method", "the product cannot be validated so"}
	}
	for n := range 1 + len(supply.Names) {
		name := "approver_email_" + strconv.Itoa(n+1)
		if call.get(name) == "" && supply.Method == MethodEmail {
			return Supply{}, &ispError{"value", name, "the parameter " + name + " is missing"}
		}
		supply.Emails = append(supply.Emails, call.get(name))
	}
	return supply, nil
}

// reissue is certificate.reissue.step2 in its three forms: for the CSR of before, for a new
// one, and for the CSR of before with other names.
func (p *ISPmanager) reissue(call ispCall) (map[string]any, error) {
	o, err := p.engine.Order(call.account, call.get("elid"))
	if err != nil {
		return nil, err
	}
	product, err := p.engine.Product(o.Product)
	if err != nil {
		return nil, err
	}
	csr, err := ispReissued(call, o.Current())
	if err != nil {
		return nil, err
	}
	supply, err := ispSupply(call, product, csr)
	if err != nil {
		return nil, err
	}
	o, err = p.engine.Reissue(call.account, o.ID, supply)
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": o.ID}, nil
}

// ispReissued checks the form and returns the CSR. Names that aren't given are those of before.
func ispReissued(call ispCall, current *Issuance) (string, error) {
	if current == nil {
		return "", refuse(ErrState, "the order has no CSR")
	}
	kind, csr, given := call.get("crt_type"), call.get("csr"), call.get("altname") != ""
	switch {
	case !slices.Contains([]string{"manual", "altname", "oldrequest"}, kind):
		return "", &ispError{"value", "crt_type", "the kind of reissue is not known"}
	case (kind == "manual") != (csr != ""):
		return "", &ispError{"value", "csr", "a CSR belongs to crt_type manual, and only there"}
	case kind == "altname" && !given, kind == "oldrequest" && given:
		return "", &ispError{"value", "altname", "names belong to crt_type altname"}
	}
	if !given {
		call.values.Set("altname", strings.Join(current.Names[1:], " "))
	}
	if csr == "" {
		csr = current.CSR
	}
	return csr, nil
}

func (p *ISPmanager) remove(call ispCall) (map[string]any, error) {
	_, err := p.engine.Cancel(call.account, call.get("elid"), "deleted by the customer")
	return map[string]any{}, err
}

func (p *ISPmanager) verify(call ispCall) (map[string]any, error) {
	err := p.engine.Revalidate(call.account, call.get("elid"), strings.ToLower(call.get("domains")))
	return map[string]any{}, err
}

func (p *ISPmanager) resend(call ispCall) (map[string]any, error) {
	o, err := p.engine.Order(call.account, call.get("elid"))
	if err != nil {
		return nil, err
	}
	waits := func(d *Domain) bool { return d.Method == MethodEmail && d.ValidatedAt.IsZero() }
	if o.Current() == nil || !slices.ContainsFunc(o.Current().Domains, waits) {
		return nil, refuse(ErrState, "the order waits for no e-mail")
	}
	for n := range o.Current().Domains {
		name := "approver_email_" + strconv.Itoa(n+1)
		if email := call.get(name); email != "" && !slices.Contains(o.Current().Domains[n].Challenge.Emails, email) {
			return nil, &ispError{"value", name, "the address may not approve"}
		}
	}
	return map[string]any{}, nil
}
