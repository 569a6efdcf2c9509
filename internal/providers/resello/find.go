package resello

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// pageSize is the vendor's limit of a list (public client).
	pageSize = 100
	// maxPages bounds a list that doesn't end.
	maxPages = 100
	// maxCandidates is how many orders Find reads at most.
	maxCandidates = 50
	// clockSlack covers times without a zone and clocks that are wrong.
	clockSlack = 48 * time.Hour
)

// list reads all pages, of orders with a reference where it is given.
func (p *Provider) list(ctx context.Context, reference string) ([]certificate, error) {
	var all []certificate
	for page := range maxPages {
		query := url.Values{}
		if reference != "" {
			query.Set("client_reference", reference)
		}
		if page > 0 {
			query.Set("limit", strconv.Itoa(pageSize))
			query.Set("offset", strconv.Itoa(len(all)))
		}
		path := certificates
		if len(query) > 0 {
			path += "?" + query.Encode()
		}
		more, total, err := p.page(ctx, path)
		if err != nil {
			return nil, err
		}
		if all = append(all, more...); len(more) == 0 || len(all) >= total {
			return all, nil
		}
	}
	return nil, failure(opList.name, providers.Unavailable, "the list of certificates doesn't end", nil)
}

// page reads one page and how many rows there are in all. A row without an id is an error:
// an order that can't be named can't be told from one that isn't there.
func (p *Provider) page(ctx context.Context, path string) ([]certificate, int, error) {
	outer, err := p.client.send(ctx, opList, path, nil, false)
	if err != nil {
		return nil, 0, err
	}
	list, err := decodeRows[certificate](opList, outer.Result)
	if err != nil {
		return nil, 0, err
	}
	if slices.ContainsFunc(list, func(row certificate) bool { return row.id() == "" }) {
		return nil, 0, failure(opList.name, providers.Unavailable, "a certificate in the list has no id", nil)
	}
	total, err := strconv.Atoi(outer.Total.word())
	if err != nil {
		total = len(list)
	}
	return list, total, nil
}

// Orders implements providers.Lister with GET /ssl-certificate. The rows have references,
// which a reissue or renewal may have overwritten, and neither CSR nor certificate.
func (p *Provider) Orders(ctx context.Context) ([]providers.Order, error) {
	all, err := p.list(ctx, "")
	if err != nil {
		return nil, err
	}
	orders := make([]providers.Order, 0, len(all))
	for _, row := range all {
		order := row.order()
		order.Reference, _ = row.reference()
		orders = append(orders, order)
	}
	return orders, nil
}

// Find implements providers.Provider. A purchase is looked for by our reference, a change of
// an order by its id and then by the reference. A change is only recognised by the CSR,
// because its reference may be the order's from before.
//
// If the vendor's answers lack the reference, the CSRs of the orders in them are compared; if
// there are too many, Find is Unavailable and doesn't say "nothing".
func (p *Provider) Find(ctx context.Context, trace providers.Trace) ([]providers.Found, error) {
	if trace.Kind == providers.Cancel {
		return p.findCancelled(ctx, trace)
	}
	var found []providers.Found
	id := trace.IDs[orderID]
	if trace.Kind != providers.Purchase && id != "" {
		own, err := p.compare(ctx, id, trace)
		if err != nil && providers.KindOf(err) != providers.NotFound || certain(own) {
			return own, err
		}
		found = own
	}
	rows, err := p.candidates(ctx, trace)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row.id() == id {
			continue
		}
		more, err := p.weigh(ctx, row, trace)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

func certain(found []providers.Found) bool {
	return len(found) > 0 && found[0].Evidence >= providers.EvidenceCSR
}

// candidates are the orders with our reference. Where the server ignored the filter, those
// with another one are left out, and those that lack the field stay.
func (p *Provider) candidates(ctx context.Context, trace providers.Trace) ([]certificate, error) {
	rows, err := p.list(ctx, trace.Reference)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(row certificate) bool {
		reference, told := row.reference()
		created := moment(row.Created)
		older := !created.IsZero() && created.Before(trace.Since.Add(-clockSlack))
		return told && reference != trace.Reference || !told && older && trace.Kind == providers.Purchase
	})
	if len(rows) > maxCandidates {
		return nil, failure(opFind.name, providers.Unavailable, "the account has more orders than can be compared", nil)
	}
	return rows, nil
}

// weigh judges an order out of the list.
func (p *Provider) weigh(ctx context.Context, row certificate, trace providers.Trace) ([]providers.Found, error) {
	reference, told := row.reference()
	if told && reference == trace.Reference && trace.Kind == providers.Purchase {
		return []providers.Found{{Order: row.order(), Evidence: providers.EvidenceReference}}, nil
	}
	found, err := p.compare(ctx, row.id(), trace)
	if providers.KindOf(err) == providers.NotFound {
		return nil, failure(opFind.name, providers.Unavailable, "a certificate of the list is not known by its id", err)
	}
	return found, err
}

// compare reads one order and weighs its CSR. The order that was to be changed is a
// maybe while it tells no CSR, or is at work for whatever reason.
func (p *Provider) compare(ctx context.Context, id string, trace providers.Trace) ([]providers.Found, error) {
	row, err := p.get(ctx, id)
	if err != nil {
		return nil, err
	}
	order := row.order()
	csr, err := p.csr(ctx, id, &order)
	if err != nil {
		return nil, err
	}
	itself := id == trace.IDs[orderID]
	ours, err := chain.ParseCSR(trace.CSR)
	switch {
	case csr != nil && err == nil && chain.Digest(csr) == chain.Digest(ours):
		return []providers.Found{{Order: order, Evidence: providers.EvidenceCSR}}, nil
	case itself && (csr == nil || order.State == providers.StateAwaitingValidation),
		!itself && csr == nil && (len(order.Names) == 0 || slices.Contains(order.Names, canonical(trace.CommonName))):
		return []providers.Found{{Order: order, Evidence: providers.EvidenceNames}}, nil
	default:
		return nil, nil
	}
}

// findCancelled looks whether an order of ours is gone or disabled.
func (p *Provider) findCancelled(ctx context.Context, trace providers.Trace) ([]providers.Found, error) {
	id, err := known(opFind, trace.IDs)
	if err != nil {
		return nil, err
	}
	gone := providers.Order{IDs: providers.IDs{orderID: id}, State: providers.StateCancelled, Detail: "the order was deleted"}
	row, err := p.get(ctx, id)
	switch {
	case providers.KindOf(err) == providers.NotFound:
		return []providers.Found{{Order: gone, Evidence: providers.EvidenceReference}}, nil
	case err != nil:
		return nil, err
	case row.order().State == providers.StateCancelled:
		return []providers.Found{{Order: row.order(), Evidence: providers.EvidenceReference}}, nil
	default:
		return nil, nil
	}
}
