package resello

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const plans = "/ssl-certificate-plan"

// plan is an entry of the list of plans. ID, name, interval (months) and description are on the
// API page; the price is an assumption: unconfirmed on a live account.
type plan struct {
	ID          text `json:"id"`
	Name        text `json:"name"`
	Interval    text `json:"interval"`
	Description text `json:"description"`
	Price       text `json:"price"`
}

func decodeRows[T any](op operation, result json.RawMessage) ([]T, error) {
	var list rows[T]
	if err := json.Unmarshal(result, &list); err != nil || len(result) == 0 {
		return nil, failure(op.name, providers.Unavailable, "the list isn't understood", nil)
	}
	return list, nil
}

func (p *Provider) plans(ctx context.Context, query string) ([]plan, error) {
	outer, err := p.client.send(ctx, opPlans, plans+query, nil, false)
	if err != nil {
		return nil, err
	}
	return decodeRows[plan](opPlans, outer.Result)
}

// Check implements providers.Provider with GET /ssl-certificate-plan?id=. There is no call
// that tells the balance.
func (p *Provider) Check(ctx context.Context) (providers.AccountInfo, error) {
	id := p.config.Product.ID
	list, err := p.plans(ctx, "?"+url.Values{"id": {id}}.Encode())
	if err != nil {
		return providers.AccountInfo{}, err
	}
	i := slices.IndexFunc(list, func(row plan) bool { return strings.EqualFold(row.ID.word(), id) })
	if i < 0 {
		return providers.AccountInfo{}, invalid(opPlans.name, fieldProduct, "Resello has no plan "+id+" for this account")
	}
	var info providers.AccountInfo
	months, err := strconv.Atoi(list[i].Interval.word())
	if err == nil && months != p.config.TermMonths {
		info.Warnings = append(info.Warnings, fmt.Sprintf(
			"by Resello's description the plan is sold for %d months: set spec.term.months to %d", months, months))
	}
	return info, nil
}

// Products implements providers.Cataloguer with GET /ssl-certificate-plan, and with
// GET /ssl-certificate-plan/{id} for the plan of the issuer, which the list may lack.
func (p *Provider) Products(ctx context.Context) ([]providers.Product, error) {
	list, err := p.plans(ctx, "")
	if err != nil {
		return nil, err
	}
	id := p.config.Product.ID
	if !slices.ContainsFunc(list, func(row plan) bool { return strings.EqualFold(row.ID.word(), id) }) {
		var own plan
		err := p.client.call(ctx, opPlans, plans+"/"+url.PathEscape(id), nil, &own)
		switch {
		case err == nil && own.ID.word() != "":
			list = append(list, own)
		case err != nil && !refused(err):
			return nil, err
		}
	}
	products := make([]providers.Product, 0, len(list))
	for _, row := range list {
		products = append(products, row.product())
	}
	return products, nil
}

// product has the facts that only the name may tell.
func (r plan) product() providers.Product {
	name := strings.ToLower(r.Name.word() + " " + r.Description.word())
	product := providers.Product{
		ID: r.ID.word(), Name: r.Name.word(), Wildcard: strings.Contains(name, "wildcard"), MaxNames: 1,
		Prices: map[int]providers.Money{},
	}
	months, err := strconv.Atoi(r.Interval.word())
	if err != nil {
		return product
	}
	if price, err := providers.ParseMoney(r.Price.word(), ""); err == nil {
		product.Prices[months] = price
	}
	return product
}
