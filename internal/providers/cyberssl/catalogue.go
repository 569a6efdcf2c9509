package cyberssl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// details are those of get_ssl_product_details (API page, section 14). The rows of
// list_products and ssl_certificates, which are documented nowhere, are read as if
// they were the same.
type details struct {
	ProductID    text `json:"product_id"`
	ID           text `json:"id"` // lists, assumption
	Name         text `json:"name"`
	Brand        text `json:"brand"`
	Validation   text `json:"validation_type"`
	Year1        text `json:"price_for_1year"`
	Year2        text `json:"price_for_2year"`
	Year3        text `json:"price_for_3year"`
	Trial        flag `json:"is_trial"`
	MultiDomain  flag `json:"is_multi_domain"`
	Wildcard     flag `json:"is_wildcard"`
	WWW          flag `json:"www_included"`
	Maximum      text `json:"multidomains_maximum"`
	Organization flag `json:"organization_required"`
}

type detailsReply struct {
	Product json.RawMessage `json:"product"`
}

type productsReply struct {
	Products productList `json:"ssl_products"`
}

// productList is a list or map of rows; what isn't an object is left out.
type productList []details

// UnmarshalJSON implements json.Unmarshaler.
func (l *productList) UnmarshalJSON(data []byte) error {
	rows, _, err := split(data)
	if err != nil {
		return err
	}
	*l = productList{}
	for _, row := range rows {
		if !object(row) {
			continue
		}
		var d details
		if err := json.Unmarshal(row, &d); err != nil {
			return err
		}
		*l = append(*l, d)
	}
	return nil
}

func (d details) id() string {
	if id := d.ProductID.word(); id != "" {
		return id
	}
	return d.ID.word()
}

func (d details) maxNames() int {
	if !bool(d.MultiDomain) {
		return 1
	}
	return max(1, d.Maximum.integer())
}

// Check implements providers.Provider with get_balance, get_ssl_product_details and, with
// a software id, get_ssl_web_soft.
func (p *Provider) Check(ctx context.Context) (providers.AccountInfo, error) {
	balance, err := p.balance(ctx)
	if err != nil {
		return providers.AccountInfo{}, err
	}
	d, err := p.details(ctx)
	if err != nil {
		return providers.AccountInfo{}, err
	}
	if bool(d.Organization) && p.config.Contacts.Organization == nil {
		return providers.AccountInfo{}, invalid(opDetails.name, "spec.contacts.organization", "the product needs an organization")
	}
	info := providers.AccountInfo{Balance: &balance, Warnings: d.warnings(p.profile)}
	warning, err := p.softwareWarning(ctx)
	if warning != "" {
		info.Warnings = append(info.Warnings, warning)
	}
	return info, err
}

func (p *Provider) balance(ctx context.Context) (providers.Money, error) {
	var reply struct {
		Balance text `json:"balance"`
	}
	if err := p.client.call(ctx, opBalance, nil, &reply); err != nil {
		return providers.Money{}, err
	}
	return money(opBalance, reply.Balance)
}

func money(op operation, t text) (providers.Money, error) {
	m, err := providers.ParseMoney(t.word(), "")
	if err != nil {
		return m, failure(op.name, providers.Unavailable, "the reply lacks an amount of money", nil)
	}
	return m, nil
}

func (p *Provider) details(ctx context.Context) (details, error) {
	var (
		reply detailsReply
		d     details
	)
	if err := p.client.call(ctx, opDetails, url.Values{"product_id": {p.config.Product.ID}}, &reply); err != nil {
		return d, err
	}
	if !object(reply.Product) {
		return d, invalid(opDetails.name, fieldReseller+"product.id", "CyberSSL doesn't know product "+p.config.Product.ID)
	}
	if err := json.Unmarshal(reply.Product, &d); err != nil {
		return d, failure(opDetails.name, providers.Unavailable, "the product isn't understood", err)
	}
	if id := d.id(); id != "" && id != p.config.Product.ID {
		return d, failure(opDetails.name, providers.Unavailable, "the reply is about another product", nil)
	}
	return d, nil
}

// warnings say where the issuer's settings differ from what the API says.
func (d details) warnings(profile providers.Profile) []string {
	var warnings []string
	differ := func(field string, ours, theirs bool) {
		if ours == theirs {
			return
		}
		setting := "Unsupported"
		if theirs {
			setting = "Supported"
		}
		warnings = append(warnings, fmt.Sprintf("by CyberSSL's description of product %s, %sproduct.%s should be %s",
			profile.Product, fieldReseller, field, setting))
	}
	differ("wildcard", profile.Wildcard, bool(d.Wildcard))
	differ("includedWWW", profile.WWWIncluded, bool(d.WWW))
	if theirs := d.maxNames(); theirs != max(1, profile.MaxNames) {
		warnings = append(warnings, fmt.Sprintf("by CyberSSL's description of product %s, %sproduct.maxNames should be %d",
			profile.Product, fieldReseller, theirs))
	}
	if bool(d.Trial) {
		warnings = append(warnings, fmt.Sprintf("product %s is a trial", profile.Product))
	}
	return warnings
}

// softwareWarning compares the software id with the list. Only the vendor's PHP client
// knows the call, so a refusal proves nothing.
func (p *Provider) softwareWarning(ctx context.Context) (string, error) {
	if p.config.SoftwareID == 0 {
		return "", nil
	}
	var reply struct {
		Servers dictionaries `json:"webservers"`
	}
	if err := p.client.call(ctx, opSoftware, nil, &reply); err != nil {
		if absent(err) {
			return "", nil
		}
		return "", err
	}
	if len(reply.Servers) == 0 || reply.Servers.have("software_id", p.config.SoftwareID) || reply.Servers.have("id", p.config.SoftwareID) {
		return "", nil
	}
	return fmt.Sprintf("CyberSSL's list of web servers lacks number %d of %ssoftwareID", p.config.SoftwareID, fieldReseller), nil
}

// dictionaries are rows, or a map of rows, of which no more is known than one field.
type dictionaries []dictionary

// UnmarshalJSON implements json.Unmarshaler.
func (l *dictionaries) UnmarshalJSON(data []byte) error {
	rows, _, err := split(data)
	if err != nil {
		return err
	}
	*l = nil
	for _, row := range rows {
		var d dictionary
		if err := d.UnmarshalJSON(row); err != nil {
			return err
		}
		if d != nil {
			*l = append(*l, d)
		}
	}
	return nil
}

func (l dictionaries) have(field string, number int) bool {
	return slices.ContainsFunc(l, func(d dictionary) bool { return d.text(field).integer() == number })
}

// Price implements providers.Pricer with get_ssl_product_price. The API tells no currency.
func (p *Provider) Price(ctx context.Context, request providers.Request) (providers.Money, error) {
	years, err := period(opPrice, request)
	if err != nil {
		return providers.Money{}, err
	}
	params := url.Values{"product_id": {p.config.Product.ID}, "period": {years}}
	if names := 1 + len(p.addons(request)); names > 1 {
		params.Set("nr_domains", strconv.Itoa(names))
	}
	var reply struct {
		Amount text `json:"amount"`
	}
	if err := p.client.call(ctx, opPrice, params, &reply); err != nil {
		return providers.Money{}, err
	}
	return money(opPrice, reply.Amount)
}

// Products implements providers.Cataloguer: list_products tells what the account may
// buy, and the public ssl_certificates fills in what its rows lack.
func (p *Provider) Products(ctx context.Context) ([]providers.Product, error) {
	offered, err := p.products(ctx, opProducts)
	if err != nil {
		return nil, err
	}
	public, err := p.products(ctx, opPublic)
	if err != nil && !refused(err) {
		return nil, err
	}
	byID := map[string]details{}
	for _, d := range public {
		byID[d.id()] = d
	}
	var result []providers.Product
	for _, d := range offered {
		if d.id() != "" {
			result = append(result, d.product(byID[d.id()]))
		}
	}
	return result, nil
}

func (p *Provider) products(ctx context.Context, op operation) (productList, error) {
	var reply productsReply
	if err := p.client.call(ctx, op, nil, &reply); err != nil {
		return nil, err
	}
	return reply.Products, nil
}

func (d details) product(public details) providers.Product {
	pick := func(mine, other text) string {
		if mine.word() != "" {
			return mine.word()
		}
		return other.word()
	}
	product := providers.Product{
		ID: d.id(), Name: pick(d.Name, public.Name), Brand: pick(d.Brand, public.Brand),
		Validation: pick(d.Validation, public.Validation),
		Wildcard:   bool(d.Wildcard || public.Wildcard),
		MaxNames:   max(d.maxNames(), public.maxNames()),
		Prices:     map[int]providers.Money{},
	}
	for years, t := range []text{d.Year1, d.Year2, d.Year3} {
		if price := amount(t); price != nil {
			product.Prices[12*(years+1)] = *price
		}
	}
	return product
}

// CheckCSR implements providers.CSRChecker with validate_csr. A refusal is what the call is
// for, so it is Invalid whatever its code.
func (p *Provider) CheckCSR(ctx context.Context, request providers.Request) error {
	params, err := p.supply(opCheckCSR, request)
	if err != nil {
		return err
	}
	params.Del("dv_method")
	params.Set("product_id", p.config.Product.ID)
	var reply struct {
		CSR dictionary `json:"csr"`
	}
	if err := p.client.call(ctx, opCheckCSR, params, &reply); err != nil {
		return err
	}
	if name := canonical(string(reply.CSR.text("common_name"))); name != "" && name != canonical(request.CommonName) {
		return invalid(opCheckCSR.name, "spec.commonName", "CyberSSL reads another common name in the CSR: "+readable(name))
	}
	return nil
}
