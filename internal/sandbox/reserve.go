package sandbox

import "time"

// Reserve sells an order for one name that gets its CSR later, by Activate, as resellers do
// whose purchase takes no CSR. What faults have in store for the order is decided now.
func (e *Engine) Reserve(request OrderRequest, name string) (*Order, error) {
	product, err := e.Product(request.Product)
	if err != nil {
		return nil, err
	}
	if err := checkReserved(product, name); err != nil {
		return nil, err
	}
	price, err := product.Price(request.Years, 1)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	account, ok := e.accounts[request.Account]
	if !ok {
		return nil, refuse(ErrNotFound, "there is no account %q", request.Account)
	}
	if price > account.Balance {
		return nil, refuse(ErrFunds, "the balance of %s %s does not cover %s", account.Balance, account.Currency, price)
	}
	now := e.cfg.Now()
	o := &Order{
		ID: e.nextOrderID(), Account: account.Name, Product: product.ID, Years: request.Years, State: StateUnconfigured,
		PlacedAt: now, VisibleAt: now.Add(e.cfg.VisibleDelay), PaidUntil: now.Add(time.Duration(request.Years) * e.cfg.Year),
		Price: price, Currency: account.Currency, Room: 1 + product.IncludedNames,
		Contacts: request.Contacts, Attributes: request.Attributes, Reserved: name, awaiting: e.takeOrderFaults(name),
	}
	e.keep(o)
	e.record(EntryPurchase, o, price)
	return o.shown(), nil
}

func checkReserved(product Product, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if isWildcard(name) != product.Wildcard {
		return refuse(ErrNames, "product %s is not for the name %q", product.ID, name)
	}
	return nil
}
