package sandbox

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const cyberDate = time.DateOnly

var (
	cyberPerson       = []string{"firstname", "lastname", "phone", "title", "email"}
	cyberOrganization = []string{"name", "division", "addressline", "city", "country", "phone", "postalcode", "region"}
)

func cyberContactNames(prefix string, fields []string) []string {
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = prefix + field
	}
	return names
}

// cyberContacts keeps the contacts of an order; the technical one is the
// administrative one unless given.
func cyberContacts(values url.Values) map[string]string {
	contacts := map[string]string{}
	for _, field := range cyberPerson {
		admin := values.Get("admin_" + field)
		contacts["admin_"+field] = admin
		contacts["tech_"+field] = admin
		if tech := values.Get("tech_" + field); tech != "" {
			contacts["tech_"+field] = tech
		}
	}
	for _, name := range cyberContactNames("org_", cyberOrganization) {
		contacts[name] = values.Get(name)
	}
	return contacts
}

// cyberStatus are the vendor's words for states.
var cyberStatus = map[State]string{
	StateUnconfigured: "Awaiting Activation", StateAwaitingValidation: "Awaiting Validation",
	StateIssuing: "Processing", StateIssued: "Activated", StateRejected: "Rejected",
	StateCancelled: "Cancelled", StateExpired: "Expired", StateSuperseded: "Duplicate Certificate",
}

func cyberStatusOf(o *Order, call cyberCall) string {
	if call.StatusWord != "" {
		return call.StatusWord
	}
	return cyberStatus[o.State]
}

func (c *CyberSSL) orderStatus(call cyberCall) (map[string]any, error) {
	o, err := c.engine.Order(call.account, call.get("order_id"))
	if err != nil {
		return nil, err
	}
	fields := c.dates(o)
	fields["order_id"] = o.ID
	fields["status"] = cyberStatusOf(o, call)
	fields["amount"] = o.Price.String()
	fields["period"] = strconv.Itoa(o.Years)
	fields["primary_domain"] = o.CommonName()
	fields["csr"], fields["certificate"], fields["certificate_chain"] = "", "", ""
	fields["domains_included"], fields["dv_method"] = "", o.Attributes["dv_method"]
	if current := o.Current(); current != nil {
		fields["csr"] = current.CSR
		fields["domains_included"] = strings.Join(current.Names, ",")
		fields["dv_method"] = string(current.Domains[0].Method)
	}
	if certificate := o.Certificate(); certificate != nil {
		fields["certificate"] = certificate.PEM[0]
		fields["certificate_chain"] = strings.Join(certificate.PEM[1:], "")
	}
	fields["software_name"] = cyberSoftware[o.Attributes["software_id"]]
	fields["partner_order_id"] = "7" + o.ID
	fields["contacts"] = phpMap(o.Contacts)
	fields["order_link"] = "https://sandbox.invalid/order/" + o.ID
	if c.options.WrapStatus {
		return map[string]any{"order": fields}, nil
	}
	return fields, nil
}

// dates are valid_from and valid_till, empty until there is something to tell.
func (c *CyberSSL) dates(o *Order) map[string]any {
	var from, till string
	switch certificate := o.Certificate(); {
	case certificate == nil:
	case c.options.TermDates:
		from, till = o.PlacedAt.UTC().Format(cyberDate), o.PaidUntil.UTC().Format(cyberDate)
	default:
		from, till = certificate.NotBefore.Format(cyberDate), certificate.NotAfter.Format(cyberDate)
	}
	return map[string]any{"valid_from": from, "valid_till": till}
}

func (c *CyberSSL) myOrders(call cyberCall) (map[string]any, error) {
	list := []any{}
	for _, o := range c.engine.Orders(call.account) {
		row := c.dates(o)
		row[c.options.ListID] = o.ID
		row["primary_domain"] = o.CommonName()
		row["product_id"] = o.Product
		row["status"] = cyberStatusOf(o, call)
		row["period"] = strconv.Itoa(o.Years)
		row["amount"] = o.Price.String()
		row["order_date"] = o.PlacedAt.UTC().Format(time.DateTime)
		list = append(list, row)
	}
	return map[string]any{"ssl_orders": list}, nil
}

func cyberChallenges(o *Order) []Challenge {
	var challenges []Challenge
	for _, domain := range o.Current().Domains {
		challenges = append(challenges, domain.Challenge)
	}
	return challenges
}

// cyberPublished are the sections of dv_options in replies to orders; the vendor's
// example shows all three whatever the method.
var cyberPublished = []string{"http", "https", "dns"}

// cyberOptionKinds are the sections of dv_options that a method asks for.
func cyberOptionKinds(method string) ([]string, error) {
	all := []string{"http", "https", "dns", "email"}
	switch {
	case method == "all":
		return all, nil
	case slices.Contains(all, method):
		return []string{method}, nil
	default:
		return nil, refuse(ErrMethod, "dv_method must be all, http, https, dns or email")
	}
}

// cyberOptions is dv_options: by method and name what to publish. A method without any
// name is an empty PHP array.
func cyberOptions(challenges []Challenge, kinds []string) map[string]any {
	options := map[string]any{}
	for _, kind := range kinds {
		section := map[string]any{}
		for _, challenge := range challenges {
			if option := cyberOption(challenge, kind); option != nil {
				section[challenge.Name] = option
			}
		}
		options[kind] = phpMap(section)
	}
	return options
}

func cyberOption(challenge Challenge, kind string) any {
	switch {
	case kind == "dns":
		return map[string]any{"record": challenge.RecordName + " " + challenge.RecordType + " " + challenge.RecordValue}
	case kind == "email":
		return challenge.Emails
	case challenge.FileName == "":
		return nil
	default:
		return map[string]any{
			"filename": challenge.FileName, "content": challenge.FileBody,
			"link": kind + "://" + challenge.Name + challenge.FilePath,
		}
	}
}

func cyberCSRFields(csr CSR, names int) map[string]any {
	subject := csr.Request.Subject
	return map[string]any{
		"common_name": csr.CommonName, "organization": first(subject.Organization),
		"department": first(subject.OrganizationalUnit), "city": first(subject.Locality),
		"state": first(subject.Province), "country": first(subject.Country), "email": "",
		"san": strings.Join(csr.SANs, ","), "type": string(csr.Key), "keysize": strconv.Itoa(csr.KeyBits),
		"total_domains": names,
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func (c *CyberSSL) products(cyberCall) (map[string]any, error) {
	list := []any{}
	for _, product := range c.engine.Products() {
		list = append(list, cyberProductFields(product))
	}
	return map[string]any{"ssl_products": list}, nil
}

func (c *CyberSSL) product(call cyberCall) (map[string]any, error) {
	product, err := c.engine.Product(call.get("product_id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"product": cyberProductFields(product)}, nil
}

// cyberProductFields has numbers as strings and booleans as 1 or "", as the vendor's
// example prints them.
func cyberProductFields(product Product) map[string]any {
	fields := map[string]any{
		"product_id": product.ID, "name": product.Name, "type": "SSL", "brand": product.Brand,
		"validation_type": product.Validation, "is_trial": phpBool(false),
		"is_multi_domain": phpBool(product.MultiDomain()), "is_wildcard": phpBool(product.Wildcard),
		"warranty": strconv.Itoa(product.Warranty), "www_included": phpBool(product.WWWIncluded),
		"multidomains_maximum":  strconv.Itoa(product.MaxNames),
		"multidomains_included": strconv.Itoa(product.IncludedNames),
		"unlimited_server":      phpBool(true), "organization_required": phpBool(product.Validation == "ov"),
	}
	for years := 1; years <= 3; years++ {
		fields["price_for_"+strconv.Itoa(years)+"year"] = ""
		if years <= len(product.Prices) {
			fields["price_for_"+strconv.Itoa(years)+"year"] = product.Prices[years-1].String()
		}
	}
	return fields
}

// cyberSoftware are the values of software_id, made up.
var cyberSoftware = map[string]string{"1": "Microsoft IIS", "2": "Apache/ModSSL", "3": "nginx", "4": "OTHER"}

func (c *CyberSSL) webSoftware(cyberCall) (map[string]any, error) {
	list := []any{}
	for _, id := range []string{"1", "2", "3", "4"} {
		list = append(list, map[string]any{"software_id": id, "software_name": cyberSoftware[id]})
	}
	return map[string]any{"webservers": list}, nil
}

// phpMap is an associative array as PHP encodes it: an empty one is a list.
func phpMap[V any](values map[string]V) any {
	if len(values) == 0 {
		return []any{}
	}
	return values
}

// phpBool is a boolean that went through a PHP string: 1 or "".
func phpBool(value bool) any {
	if value {
		return 1
	}
	return ""
}

// cyberInt writes a number as a JSON number where it is one.
func cyberInt(text string) any {
	if number, err := strconv.Atoi(text); err == nil {
		return number
	}
	return text
}
