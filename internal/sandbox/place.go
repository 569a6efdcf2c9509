package sandbox

import (
	"slices"
	"strings"
	"time"
)

// OrderRequest is a purchase.
type OrderRequest struct {
	Account string
	Product string
	// Renewal books the order as a renewal; it needs no earlier order.
	Renewal bool
	Years   int
	Supply
	Contacts   map[string]string
	Attributes map[string]string
}

// Supply is what an issuance is made of.
type Supply struct {
	// CSR in PEM.
	CSR string
	// Names besides the CSR's common name.
	Names  []string
	Method Method
	// Emails are approver addresses, one for every name, for MethodEmail.
	Emails []string
	// ParentMailbox says that an address at a domain above the name may approve it, for vendors
	// that don't say which may.
	ParentMailbox bool
	// Reference is the client's, where the vendor takes one.
	Reference string
	// Salt makes the challenges others than those of the same CSR with another salt,
	// for vendors that make new ones at each preparation.
	Salt string
	// Plain leaves the unique value out of the challenges, so that they can be computed
	// from the CSR.
	Plain bool
	// Replaces makes the certificate in use invalid at once, for vendors whose reissue
	// does that.
	Replaces bool
}

// plan is a checked Supply.
type plan struct {
	csr     CSR
	names   []string
	domains []*Domain
	token   token
}

func (e *Engine) plan(account string, product Product, supply Supply, room int) (plan, error) {
	csr, err := ParseCSR(supply.CSR)
	if err != nil {
		return plan{}, err
	}
	names, err := namesFor(product, csr, supply.Names, room)
	if err != nil {
		return plan{}, err
	}
	p := plan{csr: csr, names: names, token: newToken(account, csr, supply.Salt)}
	if supply.Plain {
		p.token.unique = ""
	}
	for _, name := range names {
		challenge := p.token.challenge(product, name)
		email, err := chooseMethod(product, challenge, supply.Method, supply.Emails, supply.ParentMailbox)
		if err != nil {
			return plan{}, err
		}
		p.domains = append(p.domains, &Domain{Name: name, Method: supply.Method, Email: email, Challenge: challenge})
	}
	return p, nil
}

// renewToken replaces the challenges by ones that nobody could foresee.
func (p *plan) renewToken(account string, product Product, salt string) {
	p.token = newToken(account, p.csr, salt)
	for _, domain := range p.domains {
		domain.Challenge = p.token.challenge(product, domain.Name)
	}
}

// Check tells what an order with this supply would be, without any effect: the CSR,
// all names and their challenges. An empty product means any product.
func (e *Engine) Check(account, product, csrPEM string, further []string) (CSR, []Challenge, error) {
	return e.Prepare(account, product, Supply{CSR: csrPEM, Names: further})
}

// Prepare is Check with the salt of a supply; its method isn't looked at.
func (e *Engine) Prepare(account, product string, supply Supply) (CSR, []Challenge, error) {
	csr, err := ParseCSR(supply.CSR)
	if err != nil {
		return CSR{}, nil, err
	}
	article := Product{
		ID: "any", Keys: []KeyType{KeyRSA, KeyECDSA}, Wildcard: true, MaxNames: 1000,
	}
	if product != "" {
		if article, err = e.Product(product); err != nil {
			return CSR{}, nil, err
		}
	}
	names, err := namesFor(article, csr, supply.Names, article.MaxNames)
	if err != nil {
		return CSR{}, nil, err
	}
	t := newToken(account, csr, supply.Salt)
	var challenges []Challenge
	for _, name := range names {
		challenges = append(challenges, t.challenge(article, name))
	}
	return csr, challenges, nil
}

// Place buys: it checks everything, debits the account, writes the ledger and
// returns the new order. A refusal has no effect.
func (e *Engine) Place(request OrderRequest) (*Order, error) {
	product, err := e.Product(request.Product)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	account, ok := e.accounts[request.Account]
	if !ok {
		return nil, refuse(ErrNotFound, "there is no account %q", request.Account)
	}
	p, err := e.plan(request.Account, product, request.Supply, product.MaxNames)
	if err != nil {
		return nil, err
	}
	price, err := product.Price(request.Years, len(p.names))
	if err != nil {
		return nil, err
	}
	if price > account.Balance {
		return nil, refuse(ErrFunds, "the balance of %s %s does not cover %s", account.Balance, account.Currency, price)
	}
	now, id := e.cfg.Now(), e.nextOrderID()
	faults := e.takeOrderFaults(p.names[0])
	if faults.freshToken {
		p.renewToken(account.Name, product, id)
	}
	o := &Order{
		ID: id, Account: account.Name, Product: product.ID, Renewal: request.Renewal, Years: request.Years,
		PlacedAt: now, VisibleAt: now.Add(e.cfg.VisibleDelay + faults.late),
		PaidUntil: now.Add(time.Duration(request.Years) * e.cfg.Year),
		Price:     price, Currency: account.Currency, Room: max(len(p.names), 1+product.IncludedNames),
		Contacts: request.Contacts, Attributes: request.Attributes,
	}
	e.start(o, p, request.Supply, false, faults)
	e.keep(o)
	kind := EntryPurchase
	if request.Renewal {
		kind = EntryRenewal
	}
	e.record(kind, o, price)
	if faults.unconfigured {
		o.Issuances, o.State = nil, StateUnconfigured
	}
	e.advance(o, now)
	return o.shown(), nil
}

func (e *Engine) keep(o *Order) {
	e.orders[o.ID] = o
	e.sequence = append(e.sequence, o.ID)
}

// start adds an issuance and makes it the current one.
func (e *Engine) start(o *Order, p plan, supply Supply, reissue bool, faults orderFaults) {
	now := e.cfg.Now()
	for _, domain := range p.domains {
		domain.nextCheck = now
		if at, ok := e.validated[validationKey(o.Account, domain.Name)]; ok && now.Sub(at) < e.cfg.DCVReuse {
			domain.ValidatedAt = at
		}
	}
	o.Issuances = append(o.Issuances, &Issuance{
		Reissue: reissue, Job: e.nextJob(), Reference: supply.Reference, CSR: p.csr.PEM, Digest: p.csr.Digest(), RequestedAt: now,
		Names: p.names, Domains: p.domains, parsed: p.csr, token: p.token,
		fate: fate{end: faults.end, slow: faults.slow},
	})
	o.State = StateAwaitingValidation
}

// Activate gives an unconfigured order its CSR: the second step of resellers that
// sell first and configure later. It is free.
func (e *Engine) Activate(account, id string, supply Supply) (*Order, error) {
	return e.change(account, id, func(o *Order, product Product, _ time.Time) error {
		if o.State != StateUnconfigured {
			return refuse(ErrState, "order %s is configured already", id)
		}
		p, err := e.plan(account, product, supply, o.Room)
		if err != nil {
			return err
		}
		if o.Reserved != "" && p.names[0] != o.Reserved {
			return refuse(ErrNames, "order %s is for %q, the CSR for %q", id, o.Reserved, p.names[0])
		}
		if o.awaiting.freshToken {
			p.renewToken(account, product, id)
		}
		e.start(o, p, supply, false, o.awaiting)
		e.record(EntryEnrol, o, 0)
		return nil
	})
}

// Reissue starts a new issuance under a paid order that is issued. It is free, needs new
// validation and keeps the old certificate valid unless the supply says otherwise. The order returned has another number
// when a fault says so.
func (e *Engine) Reissue(account, id string, supply Supply) (*Order, error) {
	var moved *Order
	o, err := e.change(account, id, func(o *Order, product Product, now time.Time) error {
		if o.State != StateIssued {
			return refuse(ErrState, "order %s cannot be reissued: it is %s", id, o.State)
		}
		p, err := e.plan(account, product, supply, o.Room)
		if err != nil {
			return err
		}
		faults := e.takeReissueFaults(p.names[0])
		if certificate := o.Certificate(); supply.Replaces && certificate != nil {
			certificate.RevokedAt = now
		}
		target := o
		if faults.newOrderID {
			target = e.split(o, now)
			moved = target
		}
		target.hideReissue = faults.hideReissue
		e.start(target, p, supply, true, faults)
		e.record(EntryReissue, target, 0)
		e.advance(target, now)
		return nil
	})
	if err != nil || moved == nil {
		return o, err
	}
	return e.Order(account, moved.ID)
}

// split moves the paid term to an order with a number of its own.
func (e *Engine) split(o *Order, now time.Time) *Order {
	successor := o.shown()
	successor.ID, successor.PlacedAt, successor.VisibleAt = e.nextOrderID(), now, now.Add(e.cfg.VisibleDelay)
	successor.Issuances, successor.Price = nil, 0
	o.State, o.ReplacedBy = StateSuperseded, successor.ID
	e.keep(successor)
	return successor
}

// AddNames buys room for count further names for the rest of the term. Names are put to
// use by the next reissue.
func (e *Engine) AddNames(account, id string, count int) (*Order, Cents, error) {
	var price Cents
	o, err := e.change(account, id, func(o *Order, product Product, _ time.Time) error {
		if count < 1 || o.Room+count > product.MaxNames {
			return refuse(ErrNames, "product %s takes at most %d names", product.ID, product.MaxNames)
		}
		if o.State != StateIssued && !o.open() {
			return refuse(ErrState, "names cannot be added: order %s is %s", id, o.State)
		}
		price = product.ExtraNamePrice * Cents(count*o.Years)
		if price > e.accounts[account].Balance {
			return refuse(ErrFunds, "the balance does not cover %s", price)
		}
		o.Room += count
		o.Price += price
		e.record(EntryExtraNames, o, price)
		return nil
	})
	return o, price, err
}

// change applies a function to an order of the account under the lock and then lets
// time have its effect.
func (e *Engine) change(account, id string, apply func(*Order, Product, time.Time) error) (*Order, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Now()
	o, err := e.find(account, id, now)
	if err != nil {
		return nil, err
	}
	product, err := e.Product(o.Product)
	if err != nil {
		return nil, err
	}
	if err := apply(o, product, now); err != nil {
		return nil, err
	}
	e.advance(o, now)
	return o.shown(), nil
}

// find returns the live order; an empty account means any, and then the number of a job or
// a vendor's identifier finds its order too.
func (e *Engine) find(account, id string, now time.Time) (*Order, error) {
	o, ok := e.orders[id]
	if !ok && account == "" {
		if o, ok = e.orderOfJob(id); !ok {
			o, ok = e.orders[reselloNumber(id)]
		}
	}
	if !ok || account != "" && o.Account != account {
		return nil, refuse(ErrNotFound, "there is no order %q", id)
	}
	e.advance(o, now)
	return o, nil
}

// Order tells the present state of an order; an empty account means any.
func (e *Engine) Order(account, id string) (*Order, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	o, err := e.find(account, id, e.cfg.Now())
	if err != nil {
		return nil, err
	}
	return o.shown(), nil
}

// Orders lists the orders of an account that are visible in lists, oldest first. An
// empty account means all orders of all accounts, visible or not.
func (e *Engine) Orders(account string) []*Order {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Now()
	shown := make([]*Order, 0, len(e.sequence))
	for _, id := range e.sequence {
		o := e.orders[id]
		if account != "" && (o.Account != account || now.Before(o.VisibleAt)) {
			continue
		}
		e.advance(o, now)
		shown = append(shown, o.shown())
	}
	return slices.Clip(shown)
}

func validationKey(account, name string) string { return account + " " + strings.ToLower(name) }
