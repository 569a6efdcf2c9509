package cyberssl

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// maxCandidates is how many orders Find reads at most.
const maxCandidates = 50

// listReply answers my_orders.
type listReply struct {
	Orders orderList `json:"ssl_orders"`
}

// orderList is a list or map of rows, or of bare order numbers. An empty one may be
// null or "" in PHP, but it must be there.
type orderList struct {
	given bool
	rows  []orderFields
}

// UnmarshalJSON implements json.Unmarshaler. A row without an order number is an error:
// an order that can't be named can't be told from one that isn't there.
func (l *orderList) UnmarshalJSON(data []byte) error {
	rows, single, err := split(data)
	if err != nil {
		return err
	}
	if single != "" && single != "false" {
		return errors.New("ssl_orders is no list")
	}
	*l = orderList{given: true}
	for _, row := range rows {
		var order orderFields
		if object(row) {
			err = json.Unmarshal(row, &order)
		} else {
			err = json.Unmarshal(row, &order.OrderID)
		}
		if err != nil {
			return err
		}
		if order.id() == "" {
			return errors.New("an order without a number")
		}
		l.rows = append(l.rows, order)
	}
	return nil
}

func (p *Provider) list(ctx context.Context) ([]orderFields, error) {
	var reply listReply
	if err := p.client.call(ctx, opList, nil, &reply); err != nil {
		return nil, err
	}
	if !reply.Orders.given {
		return nil, failure(opList.name, providers.Unavailable, "the reply lacks ssl_orders", nil)
	}
	return reply.Orders.rows, nil
}

// Orders implements providers.Lister with my_orders. Rows without a status, which the API
// page doesn't promise, are left out: Order tells those.
func (p *Provider) Orders(ctx context.Context) ([]providers.Order, error) {
	rows, err := p.list(ctx)
	if err != nil {
		return nil, err
	}
	var orders []providers.Order
	for _, row := range rows {
		if row.Status.word() != "" {
			orders = append(orders, row.row())
		}
	}
	return orders, nil
}

// Snapshot implements providers.Snapshotter with my_orders and get_balance.
func (p *Provider) Snapshot(ctx context.Context, _ providers.Request) (providers.Snapshot, error) {
	rows, err := p.list(ctx)
	if err != nil {
		return providers.Snapshot{}, err
	}
	balance, err := p.balance(ctx)
	if err != nil {
		return providers.Snapshot{}, err
	}
	snapshot := providers.Snapshot{Balance: &balance}
	for _, row := range rows {
		snapshot.OrderIDs = append(snapshot.OrderIDs, row.id())
	}
	return snapshot, nil
}

// Find implements providers.Provider. A purchase is looked for among the orders that
// my_orders didn't have before; a reissue first under its old number. The CSR that
// order_status echoes is the evidence.
//
// "Nothing" is never said where something speaks against it: with more candidates than
// can be read, or with money gone and no new order in the list, Find is Unavailable; an
// order that echoes no CSR, and one for which names were to be bought, is returned
// with EvidenceNames.
func (p *Provider) Find(ctx context.Context, trace providers.Trace) ([]providers.Found, error) {
	placed := trace.Kind == providers.Purchase || trace.Kind == providers.Renew
	var found []providers.Found
	if id := trace.IDs[orderID]; id != "" && !placed {
		var err error
		found, err = p.compare(ctx, id, trace)
		if err != nil && providers.KindOf(err) != providers.NotFound || certain(found) {
			return found, err
		}
	}
	rows, err := p.list(ctx)
	if err != nil {
		return nil, err
	}
	rows = candidates(rows, trace)
	more, err := p.compareAll(ctx, rows, trace)
	switch {
	case err != nil, certain(more):
		return more, err
	case len(found)+len(more) > 0:
		return append(found, more...), nil
	case placed && len(rows) == 0:
		return nil, p.moneyGone(ctx, trace)
	default:
		return nil, nil
	}
}

// compareAll weighs candidates until one is certain.
func (p *Provider) compareAll(ctx context.Context, rows []orderFields, trace providers.Trace) ([]providers.Found, error) {
	var found []providers.Found
	for _, row := range rows[:min(len(rows), maxCandidates)] {
		more, err := p.compare(ctx, row.id(), trace)
		switch {
		case providers.KindOf(err) == providers.NotFound:
			return nil, failure(opFind.name, providers.Unavailable, "an order of the list is not known by its number", err)
		case err != nil, certain(more):
			return more, err
		}
		found = append(found, more...)
	}
	if len(found) == 0 && len(rows) > maxCandidates {
		return nil, failure(opFind.name, providers.Unavailable, "the account has more new orders than can be compared", nil)
	}
	return found, nil
}

func certain(found []providers.Found) bool {
	return len(found) > 0 && found[0].Evidence == providers.EvidenceCSR
}

// candidates are the rows that may be the lost order, likely ones first: those that are
// new since the snapshot. Without a snapshot they are those of the same main name and
// those that tell no name.
func candidates(rows []orderFields, trace providers.Trace) []orderFields {
	const same, untold, other = 0, 1, 2
	rank := func(row orderFields) int {
		switch row.mainDomain() {
		case canonical(trace.CommonName):
			return same
		case "":
			return untold
		default:
			return other
		}
	}
	left := slices.DeleteFunc(slices.Clone(rows), func(row orderFields) bool {
		switch {
		case row.id() == trace.IDs[orderID]:
			return true
		case trace.Before != nil:
			return slices.Contains(trace.Before.OrderIDs, row.id())
		default:
			return rank(row) == other
		}
	})
	slices.SortStableFunc(left, func(a, b orderFields) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(text(b.id()).integer(), text(a.id()).integer()))
	})
	return left
}

// compare reads one order and weighs it. An order that echoes another CSR is certainly
// another one, and one that still waits for its CSR wasn't changed. A new order that tells
// neither CSR nor names may be any.
func (p *Provider) compare(ctx context.Context, id string, trace providers.Trace) ([]providers.Found, error) {
	reply, err := p.status(ctx, id)
	if err != nil {
		return nil, err
	}
	order, itself := reply.order(), id == trace.IDs[orderID]
	silent := csrDER(order.CSR) == nil
	switch {
	case sameCSR(order.CSR, trace.CSR) && trace.Kind != providers.AddNames:
		return []providers.Found{{Order: order, Evidence: providers.EvidenceCSR}}, nil
	case itself && trace.Kind == providers.AddNames,
		itself && silent && order.State != providers.StatePendingOrder,
		!itself && silent && (len(order.Names) == 0 || sameNames(order.Names, trace)):
		return []providers.Found{{Order: order, Evidence: providers.EvidenceNames}}, nil
	default:
		return nil, nil
	}
}

// sameNames reports whether an order has the main name and no name that wasn't asked
// for, but what the product includes.
func sameNames(names []string, trace providers.Trace) bool {
	common := canonical(trace.CommonName)
	if !slices.Contains(names, common) {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		return name != includedName(common) && !slices.Contains(trace.Names, name) && name != common
	})
}

// moneyGone is an error if the account has less money than before the purchase although
// my_orders shows nothing new: then an order is on its way.
func (p *Provider) moneyGone(ctx context.Context, trace providers.Trace) error {
	if trace.Before == nil || trace.Before.Balance == nil {
		return nil
	}
	balance, err := p.balance(ctx)
	if err != nil {
		return err
	}
	if balance.Amount.LessThan(trace.Before.Balance.Amount) {
		return failure(opFind.name, providers.Unavailable,
			"the balance fell since the purchase, but no order is in the list yet", nil)
	}
	return nil
}
