package order

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// fullReadInterval is how often an order is read by itself although the list says that
	// nothing changed: a list may tell less.
	fullReadInterval = 15 * time.Minute
	// listPause is how long no list is asked for after one has failed.
	listPause = 15 * time.Minute
	// pollMemory is how long an order that isn't polled any more counts.
	pollMemory = time.Hour
)

// polls remember, for each account, the newest list of its orders and what it told at the
// last look at each of them. It is only in memory: without it, orders are read one by one.
type polls struct {
	mu       sync.Mutex
	accounts map[string]*accountPolls
}

type accountPolls struct {
	list        []listed
	at          time.Time
	pausedUntil time.Time
	orders      map[string]polledOrder
}

// listed is an order in the list of an account.
type listed struct {
	ids   providers.IDs
	state providers.State
}

// polledOrder is what is known of one order under way.
type polledOrder struct {
	// state that the list told before the order was read; empty if it didn't.
	state providers.State
	// read is when the order was read by itself, looked when either was done.
	read, looked time.Time
}

func (p *polls) account(key string) *accountPolls {
	if p.accounts == nil {
		p.accounts = map[string]*accountPolls{}
	}
	a, ok := p.accounts[key]
	if !ok {
		a = &accountPolls{orders: map[string]polledOrder{}}
		p.accounts[key] = a
	}
	return a
}

// worthList reports whether a list serves more than one order of the account.
func (p *polls) worthList(account, purchase string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(account)
	for name, order := range a.orders {
		if now.Sub(order.looked) > pollMemory {
			delete(a.orders, name)
		}
	}
	_, known := a.orders[purchase]
	return known && len(a.orders) > 1 && !now.Before(a.pausedUntil)
}

// fresh reports whether the list is younger than the last look at an order, and young enough.
func (p *polls) fresh(account, purchase string, oldest time.Duration, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(account)
	return a.at.After(a.orders[purchase].looked) && now.Sub(a.at) <= oldest
}

// keep takes over a list.
func (p *polls) keep(account string, orders []providers.Order, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(account)
	a.at, a.list = now, make([]listed, 0, len(orders))
	for _, o := range orders {
		a.list = append(a.list, listed{ids: o.IDs, state: o.State})
	}
}

// pause stops lists for a while.
func (p *polls) pause(account string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(account)
	a.pausedUntil, a.at, a.list = now.Add(listPause), time.Time{}, nil
}

// unchanged reports whether the list tells the same of an order under way as before it was
// last read. If not, what it tells now is what the next list is compared with.
func (p *polls) unchanged(account, purchase string, ids providers.IDs, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(account)
	order := a.orders[purchase]
	order.looked = now
	i := slices.IndexFunc(a.list, func(l listed) bool { return l.ids.Equal(ids) })
	var state providers.State
	if i >= 0 {
		state = a.list[i].state
	}
	underWay := state == providers.StatePendingOrder || state == providers.StateAwaitingValidation || state == providers.StateIssuing
	same := underWay && state == order.state && now.Sub(order.read) < fullReadInterval
	if !same {
		order.state, order.read = state, now
	}
	a.orders[purchase] = order
	return same
}

// read notes that an order is read by itself.
func (p *polls) read(account, purchase string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(account)
	order := a.orders[purchase]
	order.read, order.looked = now, now
	a.orders[purchase] = order
}

// forget drops an order that is no longer polled.
func (p *polls) forget(account, purchase string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.account(account).orders, purchase)
}

// pollListed looks at an order through the list of its account, which serves all orders that
// are due. It reports whether that was enough; if not, the order has to be read by itself,
// because something changed or the list doesn't tell.
func (r *Reconciler) pollListed(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase) (outcome, bool) {
	lister, ok := s.supplier.Provider.(providers.Lister)
	account := s.supplier.Provider.Account().Key()
	if !ok || !onlyWaits(s) || !r.polls.worthList(account, purchase.Name, s.view.Now) {
		return outcome{}, false
	}
	if !r.polls.fresh(account, purchase.Name, max(r.MinPoll, r.pollAfter(s)/2), s.view.Now) {
		if !r.lists.try(account) {
			return outcome{after: time.Second}, true
		}
		defer r.lists.release(account)
		var orders []providers.Order
		err := r.call(ctx, s, func(ctx context.Context) (err error) {
			orders, err = lister.Orders(ctx)
			return err
		})
		if _, busy := errors.AsType[*busyError](err); busy {
			return callFailed(s, err), true
		}
		if err != nil {
			log.FromContext(ctx).V(1).Info("no list of orders, reading them one by one", "reason", err.Error())
			r.polls.pause(account, s.view.Now)
			return outcome{}, false
		}
		r.polls.keep(account, orders, s.view.Now)
	}
	if !r.polls.unchanged(account, purchase.Name, ledger.IDs(purchase.Spec.OrderIDs), s.view.Now) {
		return outcome{}, false
	}
	status := &s.order.Status
	status.Issuance.Attempts++
	status.Failures = 0
	return wait(s, Reason(status.Waiting.Reason), status.Waiting.Message, r.pollAfter(s)), true
}

// onlyWaits reports whether all that is wanted of the reseller is a change of the order's state.
func onlyWaits(s *scope) bool {
	issuance, waiting := s.order.Status.Issuance, s.order.Status.Waiting
	if issuance == nil || waiting == nil || issuance.Attempts == 0 {
		return false
	}
	if issuance.State != v1alpha1.OrderIssuing && len(issuance.Challenges) == 0 {
		return false
	}
	// All others are about something else than the reseller.
	return slices.Contains([]Reason{
		ReasonAwaitingValidation, ReasonAwaitingApproval, ReasonAwaitingCertificate, ReasonAwaitingRecords,
	}, Reason(waiting.Reason))
}
