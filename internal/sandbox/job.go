package sandbox

import (
	"slices"
	"time"
)

// Job is one issuance as a vendor sees it that works orders off by jobs.
type Job struct {
	Order    *Order
	Issuance *Issuance
	// State is the order's while this is its current issuance, issued or cancelled after.
	State State
}

// orderOfJob finds the live order. The caller holds the lock.
func (e *Engine) orderOfJob(number string) (*Order, bool) {
	for _, o := range e.orders {
		if slices.ContainsFunc(o.Issuances, func(i *Issuance) bool { return i.Job == number }) {
			return o, true
		}
	}
	return nil, false
}

// Job tells the present state of a job of an account.
func (e *Engine) Job(account, number string) (Job, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	o, ok := e.orderOfJob(number)
	if !ok || o.Account != account {
		return Job{}, refuse(ErrNotFound, "there is no job %q", number)
	}
	e.advance(o, e.cfg.Now())
	jobs := o.shown().Jobs()
	return jobs[slices.IndexFunc(jobs, func(j Job) bool { return j.Issuance.Job == number })], nil
}

// Jobs are the issuances of an order, oldest first.
func (o *Order) Jobs() []Job {
	jobs := make([]Job, 0, len(o.Issuances))
	for n, issuance := range o.Issuances {
		job := Job{Order: o, Issuance: issuance, State: o.State}
		switch {
		case issuance.Certificate != nil:
			job.State = StateIssued
		case n < len(o.Issuances)-1:
			job.State = StateCancelled
		}
		jobs = append(jobs, job)
	}
	return jobs
}

// RenewalRequest pays for a further term of an order.
type RenewalRequest struct {
	Account, Order string
	Years          int
	Supply
}

// Renew extends the paid term of an issued order in place and starts an issuance under it.
// The new term follows the present one.
func (e *Engine) Renew(request RenewalRequest) (*Order, error) {
	return e.change(request.Account, request.Order, func(o *Order, product Product, _ time.Time) error {
		if o.State != StateIssued {
			return refuse(ErrState, "order %s cannot be renewed: it is %s", o.ID, o.State)
		}
		p, err := e.plan(o.Account, product, request.Supply, product.MaxNames)
		if err != nil {
			return err
		}
		price, err := product.Price(request.Years, len(p.names))
		if err != nil {
			return err
		}
		if price > e.accounts[o.Account].Balance {
			return refuse(ErrFunds, "the balance does not cover %s", price)
		}
		o.Years = request.Years
		o.PaidUntil = o.PaidUntil.Add(time.Duration(request.Years) * e.cfg.Year)
		o.Price, o.Room = price, max(len(p.names), o.Room)
		e.start(o, p, request.Supply, true, e.takeReissueFaults(p.names[0]))
		e.record(EntryRenewal, o, price)
		return nil
	})
}
