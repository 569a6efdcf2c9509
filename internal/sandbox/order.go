package sandbox

import (
	"maps"
	"slices"
	"time"
)

// State of an order at the simulated reseller. Protocols translate it into their
// vendor's words.
type State string

// The states of an order.
const (
	// StateUnconfigured: paid, but the CSR has to be given in a second step.
	StateUnconfigured State = "unconfigured"
	// StateAwaitingValidation: some name isn't validated yet.
	StateAwaitingValidation State = "awaiting-validation"
	// StateIssuing: every name is validated, the CA is at work.
	StateIssuing State = "issuing"
	// StateIssued: the certificate is there.
	StateIssued State = "issued"
	// StateRejected: the CA refused after payment.
	StateRejected State = "rejected"
	// StateCancelled: somebody ended the order.
	StateCancelled State = "cancelled"
	// StateExpired: the paid term is over.
	StateExpired State = "expired"
	// StateSuperseded: a reissue got an order number of its own.
	StateSuperseded State = "superseded"
)

// Order is one purchase and everything that was issued under it.
type Order struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Product string `json:"product"`
	Renewal bool   `json:"renewal"`
	Years   int    `json:"years"`
	State   State  `json:"state"`
	// Reason says why an order was rejected or cancelled.
	Reason    string    `json:"reason,omitempty"`
	PlacedAt  time.Time `json:"placedAt"`
	VisibleAt time.Time `json:"visibleAt"`
	PaidUntil time.Time `json:"paidUntil"`
	// Price is what the account paid for the order, bought names included.
	Price    Cents  `json:"price"`
	Currency string `json:"currency"`
	// Room is how many names the order may have, common name included.
	Room int `json:"room"`
	// Contacts and Attributes are kept as the client gave them, under the vendor's
	// parameter names.
	Contacts   map[string]string `json:"contacts,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// Issuances are the first issue and each reissue, oldest first. The last one is
	// the current one; an unconfigured order has none.
	Issuances []*Issuance `json:"issuances"`
	// Reserved is the name for which an order was sold without a CSR.
	Reserved string `json:"reserved,omitempty"`
	// ReplacedBy is the order number that a reissue moved to.
	ReplacedBy string `json:"replacedBy,omitempty"`

	// hideReissue shows the order as issued, with its old certificate, until a
	// reissue is done.
	hideReissue bool
	// awaiting is what faults have in store for a reserved order.
	awaiting orderFaults
}

// Issuance is one run from CSR to certificate.
type Issuance struct {
	Reissue bool `json:"reissue"`
	// Job is a number of its own, for vendors that work orders off by jobs.
	Job string `json:"job"`
	// Reference is the client's, where the vendor takes one.
	Reference   string    `json:"reference,omitempty"`
	CSR         string    `json:"csr"`
	Digest      string    `json:"csrDigest"`
	RequestedAt time.Time `json:"requestedAt"`
	// Names, common name first, without the free name.
	Names   []string  `json:"names"`
	Domains []*Domain `json:"domains"`
	// IssueAt is when the certificate is due; zero before validation.
	IssueAt time.Time `json:"issueAt,omitzero"`
	// Certificate is nil until issued.
	Certificate *Certificate `json:"certificate,omitempty"`

	parsed CSR
	token  token
	fate   fate
}

// fate is what faults have in store for an issuance.
type fate struct {
	end  State // StateRejected or StateCancelled instead of issuance
	slow time.Duration
}

// Domain is the validation of one name.
type Domain struct {
	Name   string `json:"name"`
	Method Method `json:"method"`
	// Email is the mailbox that was asked, for MethodEmail.
	Email       string    `json:"email,omitempty"`
	ValidatedAt time.Time `json:"validatedAt,omitzero"`
	// LastError is why the last look at the record or file failed.
	LastError string `json:"lastError,omitempty"`
	// Challenge is what to publish.
	Challenge Challenge `json:"challenge"`

	nextCheck time.Time
}

// Certificate is what a reseller delivers.
type Certificate struct {
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	RevokedAt time.Time `json:"revokedAt,omitzero"`
	// PEM are the certificates in the order of delivery, normally leaf first. A
	// protocol with two fields puts the first into the one for the leaf and the
	// rest into the one for the chain.
	PEM []string `json:"pem"`
}

// Current is the latest issuance, nil for an unconfigured order.
func (o *Order) Current() *Issuance {
	if len(o.Issuances) == 0 {
		return nil
	}
	return o.Issuances[len(o.Issuances)-1]
}

// Certificate is the latest one issued, nil without any. While a reissue runs it is
// still the old one.
func (o *Order) Certificate() *Certificate {
	for _, issuance := range slices.Backward(o.Issuances) {
		if issuance.Certificate != nil {
			return issuance.Certificate
		}
	}
	return nil
}

// CommonName is the main name of the order; that of an unconfigured one is what it was
// reserved for, or empty.
func (o *Order) CommonName() string {
	if current := o.Current(); current != nil {
		return current.Names[0]
	}
	return o.Reserved
}

// Domain finds the validation of a name in the current issuance.
func (o *Order) Domain(name string) (*Domain, error) {
	if current := o.Current(); current != nil {
		for _, domain := range current.Domains {
			if domain.Name == name {
				return domain, nil
			}
		}
	}
	return nil, refuse(ErrNotFound, "order %s has no domain %q", o.ID, name)
}

// open reports whether something will still happen to the order by itself.
func (o *Order) open() bool {
	return o.State == StateAwaitingValidation || o.State == StateIssuing
}

// shown is a deep copy as clients see it.
func (o *Order) shown() *Order {
	copied := *o
	copied.Contacts = maps.Clone(o.Contacts)
	copied.Attributes = maps.Clone(o.Attributes)
	copied.Issuances = make([]*Issuance, len(o.Issuances))
	for i, issuance := range o.Issuances {
		copied.Issuances[i] = issuance.clone()
	}
	if o.hideReissue && o.open() {
		copied.State = StateIssued
	}
	return &copied
}

func (i *Issuance) clone() *Issuance {
	copied := *i
	copied.Names = slices.Clone(i.Names)
	copied.Domains = make([]*Domain, len(i.Domains))
	for n, domain := range i.Domains {
		d := *domain
		d.Challenge.Emails = slices.Clone(domain.Challenge.Emails)
		copied.Domains[n] = &d
	}
	if i.Certificate != nil {
		certificate := *i.Certificate
		certificate.PEM = slices.Clone(i.Certificate.PEM)
		copied.Certificate = &certificate
	}
	return &copied
}

func (i *Issuance) validated() bool {
	return !slices.ContainsFunc(i.Domains, func(d *Domain) bool { return d.ValidatedAt.IsZero() })
}
