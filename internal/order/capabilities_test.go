package order

import (
	"context"

	"github.com/shopspring/decimal"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

type validates struct{ p *reseller }

func (v validates) Validate(_ context.Context, ids providers.IDs, _ []providers.Challenge) error {
	v.p.mu.Lock()
	defer v.p.mu.Unlock()
	if f := v.p.meet("validate"); f != nil {
		return f.error("validate")
	}
	for _, o := range v.p.orders {
		if o.id == ids["order_id"] {
			if o.asked++; o.asked == 1 {
				o.reads = 0
			}
		}
	}
	return nil
}

type reissues struct{ p *reseller }

func (r reissues) Reissue(_ context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	p := r.p
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.meet("reissue")
	if err := intent.Spend(providers.Reissue); err != nil {
		return providers.Placed{}, &providers.Error{Kind: providers.Unavailable, Provider: "cyberssl", Operation: "reissue", Message: err.Error()}
	}
	p.sent[intent.Name()]++
	if f != nil && !f.effect {
		return providers.Placed{}, f.error("reissue")
	}
	for _, o := range p.orders {
		if o.id == ids["order_id"] {
			o.older, o.csr, o.state, o.asked, o.reads = o.csr, request.CSR, providers.StateAwaitingValidation, 0, 0
			o.reissues++
			o.serial++
		}
	}
	if f != nil {
		return providers.Placed{}, f.error("reissue")
	}
	return providers.Placed{IDs: ids, Challenges: p.challenges(request.CSR)}, nil
}

type renews struct{ p *reseller }

func (r renews) Renew(_ context.Context, intent *providers.Intent, _ providers.IDs, request providers.Request) (providers.Placed, error) {
	return r.p.place("renew", intent, providers.Renew, request)
}

type prepares struct{ p *reseller }

func (p prepares) Prepare(_ context.Context, request providers.Request) ([]providers.Challenge, []byte, error) {
	p.p.mu.Lock()
	defer p.p.mu.Unlock()
	if f := p.p.meet("prepare"); f != nil {
		return nil, nil, f.error("prepare")
	}
	return p.p.challenges(request.CSR), []byte("prepared"), nil
}

type prices struct{ p *reseller }

func (p prices) Price(context.Context, providers.Request) (providers.Money, error) {
	p.p.mu.Lock()
	defer p.p.mu.Unlock()
	return p.p.price, p.p.meet("price").error("price")
}

type checksCSR struct{ p *reseller }

func (c checksCSR) CheckCSR(context.Context, providers.Request) error {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return c.p.meet("checkcsr").error("checkcsr")
}

type snapshots struct{ p *reseller }

func (s snapshots) Snapshot(context.Context, providers.Request) (providers.Snapshot, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	negative := providers.Money{Amount: decimal.RequireFromString("-3"), Currency: "EUR"}
	return providers.Snapshot{OrderIDs: []string{"2", "1", "2"}, Balance: &negative}, s.p.meet("snapshot").error("snapshot")
}

// usual is what most resellers can do.
type usual struct {
	*reseller
	validates
	reissues
}

// everything implements all optional interfaces that the engine uses.
type everything struct {
	*reseller
	validates
	reissues
	renews
	prepares
	prices
	checksCSR
	snapshots
}

// enrols adds a second step between payment and validation.
type enrols struct{ p *reseller }

func (e enrols) Enrol(_ context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	p := e.p
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.meet("enrol")
	if err := intent.Spend(providers.Enrol); err != nil {
		return providers.Placed{}, &providers.Error{Kind: providers.Unavailable, Provider: "cyberssl", Operation: "enrol", Message: err.Error()}
	}
	p.sent[intent.Name()]++
	if f != nil && !f.effect {
		return providers.Placed{}, f.error("enrol")
	}
	for _, o := range p.orders {
		if o.id == ids["order_id"] {
			o.enrolled++
			o.reads, o.csr = 0, request.CSR
		}
	}
	return providers.Placed{IDs: ids}, f.error("enrol")
}

type enrolling struct {
	usual
	enrols
}

// withEnrolment has orders enrolled in a second step, which shows after a few reads.
func withEnrolment(w *world) {
	w.reseller.pending, w.reseller.issueAfter = true, 3
	w.provider = enrolling{usual{w.reseller, validates{w.reseller}, reissues{w.reseller}}, enrols{w.reseller}}
}

func asUsual(p *reseller) providers.Provider {
	return usual{p, validates{p}, reissues{p}}
}

func asEverything(p *reseller) providers.Provider {
	return everything{p, validates{p}, reissues{p}, renews{p}, prepares{p}, prices{p}, checksCSR{p}, snapshots{p}}
}

// challengesFor are those of another domain.
func challengesFor(domain string) func([]byte) []providers.Challenge {
	return func(csr []byte) []providers.Challenge {
		c := txtChallenge(csr)
		c.Domain, c.RecordName = domain, "_dnsauth."+domain+"."
		return []providers.Challenge{c}
	}
}
