package ispmanager

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// maxCandidates is how many orders Find reads at most.
	maxCandidates = 50
	// listed is how many rows are asked for; assumption: unconfirmed on a live account.
	listed = "1000"
)

// list asks for the orders, of one main name or all. That the filter works is an assumption,
// unconfirmed on a live account, so that rows of other names are sorted out here too.
func (p *Provider) list(ctx context.Context, commonName string) ([]node, error) {
	params := url.Values{"p_cnt": {listed}}
	if commonName != "" {
		params.Set("filter", "on")
		params.Set("CN", commonName)
	}
	answer, err := p.client.call(ctx, opList, params)
	if err != nil {
		return nil, err
	}
	all := answer.get("elem").list()
	if total, err := strconv.Atoi(answer.get("p_elems").text()); err == nil && total > len(all) {
		return nil, failure(opList.name, providers.Unavailable, "the list is longer than one answer", nil)
	}
	var rows []node
	for _, row := range all {
		if number(row.get("id").text()) == "" {
			return nil, failure(opList.name, providers.Unavailable, "an order in the list has no number", nil)
		}
		if commonName == "" || canonical(row.get("CN").text()) == canonical(commonName) {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// Snapshot implements providers.Snapshotter with the list of the main name, and whoami.
func (p *Provider) Snapshot(ctx context.Context, request providers.Request) (providers.Snapshot, error) {
	rows, err := p.list(ctx, request.CommonName)
	if err != nil {
		return providers.Snapshot{}, err
	}
	balance, err := p.balance(ctx)
	if err != nil {
		return providers.Snapshot{}, err
	}
	snapshot := providers.Snapshot{Balance: balance}
	for _, row := range rows {
		snapshot.OrderIDs = append(snapshot.OrderIDs, row.get("id").text())
	}
	return snapshot, nil
}

// Orders implements providers.Lister. The rows lack CSR, challenges and certificate.
func (p *Provider) Orders(ctx context.Context) ([]providers.Order, error) {
	rows, err := p.list(ctx, "")
	if err != nil {
		return nil, err
	}
	var orders []providers.Order
	for _, row := range rows {
		facts := orderFacts{row: row}
		order := facts.order(row.get("id").text())
		if name := canonical(row.get("CN").text()); name != "" {
			order.Names = []string{name}
		}
		if order.State, order.Detail = facts.ended(p.config.Now()); order.State == "" {
			order.State, order.Detail = facts.listState()
		}
		orders = append(orders, order)
	}
	return orders, nil
}

// listState is the state of a row that isn't over.
func (o orderFacts) listState() (providers.State, string) {
	switch o.field("service_status") {
	case serviceIssued:
		return providers.StateIssued, "the certificate is issued"
	case serviceRequested:
		return providers.StateAwaitingValidation, "the CA waits for validation of the names"
	default:
		return providers.StateIssuing, "the CA is at work"
	}
}

// Find implements providers.Provider. A purchase is looked for among the orders of the name
// that weren't there before, a reissue first under its own number; the CSR that
// certificate.edit echoes is the evidence, or remoteid. An order that echoes neither is
// returned with EvidenceNames, and with more candidates than can be read Find is Unavailable.
func (p *Provider) Find(ctx context.Context, trace providers.Trace) ([]providers.Found, error) {
	id := number(trace.IDs[elid])
	if trace.Kind == providers.Cancel {
		return p.findDeleted(ctx, trace.IDs)
	}
	var found []providers.Found
	if id != "" && trace.Kind != providers.Purchase {
		more, err := p.compare(ctx, id, trace)
		if err != nil && providers.KindOf(err) != providers.NotFound || certain(more) {
			return more, err
		}
		found = more
	}
	rows, err := p.list(ctx, trace.CommonName)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(row node) bool { return !candidate(row, trace) })
	if len(rows) > maxCandidates {
		return nil, failure(opList.name, providers.Unavailable, "the name has more new orders than can be compared", nil)
	}
	for _, row := range rows {
		more, err := p.compare(ctx, row.get("id").text(), trace)
		if providers.KindOf(err) == providers.NotFound {
			return nil, failure(opList.name, providers.Unavailable, "an order of the list is not known by its number", err)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return surest(found), nil
}

// findDeleted looks for the effect of Cancel on the order itself.
func (p *Provider) findDeleted(ctx context.Context, ids providers.IDs) ([]providers.Found, error) {
	order, err := p.Order(ctx, ids)
	if providers.KindOf(err) == providers.NotFound {
		order, err = providers.Order{IDs: ids, State: providers.StateCancelled, Detail: "the order is gone"}, nil
	}
	if err != nil || order.State != providers.StateCancelled {
		return nil, err
	}
	return []providers.Found{{Order: order, Evidence: providers.EvidenceReference}}, nil
}

// candidate reports whether a row may be the lost order: not there before the call, or not
// dated before it. createdate is a day.
func candidate(row node, trace providers.Trace) bool {
	id := row.get("id").text()
	if id == trace.IDs[elid] || trace.Before != nil && slices.Contains(trace.Before.OrderIDs, id) {
		return false
	}
	const twoDays = 48 * time.Hour
	created := date(row.get("createdate").text())
	return created.IsZero() || !created.Before(trace.Since.Add(-twoDays))
}

// compare reads one order and weighs it. An order that echoes another CSR is certainly
// another one.
func (p *Provider) compare(ctx context.Context, id string, trace providers.Trace) ([]providers.Found, error) {
	edited, err := p.edit(ctx, id)
	if err != nil {
		return nil, err
	}
	evidence := providers.EvidenceNames
	switch reference := edited.field("remoteid"); {
	case sameCSR(edited.csr(), trace.CSR):
		evidence = providers.EvidenceCSR
	case csrDER(edited.csr()) != nil:
		return nil, nil
	case reference != "" && reference == trace.Reference && id != trace.IDs[elid]:
		evidence = providers.EvidenceReference
	}
	order, err := p.Order(ctx, providers.IDs{elid: id})
	if err != nil {
		return nil, err
	}
	return []providers.Found{{Order: order, Evidence: evidence}}, nil
}

func certain(found []providers.Found) bool {
	return slices.ContainsFunc(found, func(f providers.Found) bool { return f.Evidence >= providers.EvidenceCSR })
}

// surest drops similar orders where there are certain ones.
func surest(found []providers.Found) []providers.Found {
	if !certain(found) {
		return found
	}
	return slices.DeleteFunc(found, func(f providers.Found) bool { return f.Evidence < providers.EvidenceCSR })
}
