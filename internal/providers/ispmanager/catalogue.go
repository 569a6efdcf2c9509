package ispmanager

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Check implements providers.Provider with whoami, and with the list of countries that the
// form certificate.order.csr shows for a tariff plan: it is read, not submitted, and
// neither costs anything nor makes a key.
func (p *Provider) Check(ctx context.Context) (providers.AccountInfo, error) {
	balance, err := p.balance(ctx)
	if err != nil {
		return providers.AccountInfo{}, err
	}
	_, err = p.client.call(ctx, opCountries, url.Values{"period": {strconv.Itoa(termsMonths[0])}, "pricelist": {p.config.Product.ID}})
	if kind := providers.KindOf(err); isRefusal(err) && (kind == providers.Invalid || kind == providers.NotFound) {
		return providers.AccountInfo{}, invalid(opCountries.name, fieldReseller+"product.id",
			"BILLmanager sells no tariff plan "+p.config.Product.ID+": "+err.Error())
	}
	return providers.AccountInfo{Balance: balance}, err
}

// balance is nil where whoami doesn't tell it.
func (p *Provider) balance(ctx context.Context) (*providers.Money, error) {
	answer, err := p.client.call(ctx, opWhoami, nil)
	if err != nil {
		return nil, err
	}
	user := answer.get("user")
	if !user.exists() {
		return nil, failure(opWhoami.name, providers.Unavailable, "the answer lacks the user", nil)
	}
	return amount(user.get("balance").text()), nil
}

// Products implements providers.Cataloguer with pricelist.export. It tells neither wildcards
// nor numbers of names in a documented way.
func (p *Provider) Products(ctx context.Context) ([]providers.Product, error) {
	params := url.Values{"itemtype": {"certificate"}, "onlyavailable": {"yes"}, "project": {"1"}}
	answer, err := p.client.call(ctx, opPrices, params)
	if err != nil {
		return nil, err
	}
	if !answer.get("pricelist").exists() {
		return nil, failure(opPrices.name, providers.Unavailable, "the answer lacks the price list", nil)
	}
	var products []providers.Product
	for _, row := range answer.get("pricelist").list() {
		id := row.get("id").text()
		if id == "" {
			continue
		}
		product := providers.Product{ID: id, Name: row.get("name").text(), MaxNames: 1, Prices: map[int]providers.Money{}}
		for _, period := range row.get("price").get("period").list() {
			months, err := strconv.Atoi(period.get("length").text())
			price := amount(period.get("cost").text())
			if err == nil && price != nil && period.get("type").text() == "month" {
				product.Prices[months] = *price
			}
		}
		products = append(products, product)
	}
	return products, nil
}

// Price implements providers.Pricer with pricelist.export and the issuer's price of an
// additional name.
func (p *Provider) Price(ctx context.Context, request providers.Request) (providers.Money, error) {
	products, err := p.Products(ctx)
	if err != nil {
		return providers.Money{}, err
	}
	for _, product := range products {
		if product.ID != p.config.Product.ID {
			continue
		}
		price, ok := product.Prices[request.TermMonths]
		if !ok {
			return providers.Money{}, invalid(opPrices.name, "spec.term.months", fmt.Sprintf("the price list has no term of %d months", request.TermMonths))
		}
		further := decimal.NewFromInt(int64(len(p.further(request))))
		price.Amount = price.Amount.Add(p.addonPrice.Amount.Mul(further))
		return price, nil
	}
	return providers.Money{}, invalid(opPrices.name, fieldReseller+"product.id", "the price list has no tariff plan "+p.config.Product.ID)
}
