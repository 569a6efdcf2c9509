package sandbox

import (
	"context"
	"errors"
	"sync"
)

// parallelChecks is how many names are looked at together in one Tick.
const parallelChecks = 16

// check is one look at a record or file that is due.
type check struct {
	order     string
	issuance  *Issuance
	domain    *Domain
	challenge Challenge
}

// Tick makes the CA look at every record and file that is due and lets orders
// advance. It returns when all looks are done or ctx is; it may be called
// concurrently. Without a Validator it only advances orders.
func (e *Engine) Tick(ctx context.Context) {
	checks := e.dueChecks()
	slots := make(chan struct{}, parallelChecks)
	var group sync.WaitGroup
	for _, c := range checks {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			e.settle(c, e.cfg.Validator.Validate(ctx, c.challenge))
		})
	}
	group.Wait()
}

// dueChecks advances all open orders and collects the looks that are due. Each is
// postponed at once, so that a second Tick doesn't repeat it.
func (e *Engine) dueChecks() []check {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Now()
	var checks []check
	for _, id := range e.sequence {
		o := e.orders[id]
		e.advance(o, now)
		if o.State != StateAwaitingValidation || e.cfg.Validator == nil {
			continue
		}
		current := o.Current()
		for _, domain := range current.Domains {
			if domain.Method == MethodEmail || !domain.ValidatedAt.IsZero() || now.Before(domain.nextCheck) {
				continue
			}
			domain.nextCheck = now.Add(e.cfg.ValidationInterval)
			challenge := domain.Challenge
			challenge.method = domain.Method
			checks = append(checks, check{order: id, issuance: current, domain: domain, challenge: challenge})
		}
	}
	return checks
}

// settle takes over the result of a look, unless the order went on meanwhile.
func (e *Engine) settle(c check, result error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Now()
	o := e.orders[c.order]
	if o == nil || o.Current() != c.issuance || o.State != StateAwaitingValidation || c.domain.Method != c.challenge.method {
		return
	}
	switch {
	case result == nil:
		e.markValidated(o, c.domain, now)
	case errors.Is(result, context.Canceled):
		c.domain.nextCheck = now
	default:
		c.domain.LastError = result.Error()
	}
	e.advance(o, now)
}
