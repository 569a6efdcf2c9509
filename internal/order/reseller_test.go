package order

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// reseller is a scripted account. It implements providers.Provider; the optional
// interfaces are added by the types below.
type reseller struct {
	mu      sync.Mutex
	now     func() time.Time
	account providers.Account
	profile providers.Profile
	balance *providers.Money
	price   providers.Money

	// orders that were taken, and paid unless they are reissues.
	orders []*resellerOrder
	// calls by name in order.
	calls []string
	// sent are the intents of one-shot calls that reached the reseller.
	sent map[string]int

	// buy, renew, reissue, find, read, prepare, check, validate script the next calls of
	// that name: the first is taken off for each call; nil entries are successes.
	script map[string][]fault
	// issueAfter polls after validation was asked for, or after the order where no
	// validation is needed.
	issueAfter int
	challenges func(csr []byte) []providers.Challenge
	deliver    func(o *resellerOrder) [][]byte
	hidden     bool
	evidence   providers.Evidence
	// references is true if the API tells client references.
	references bool
	// pending is true if orders wait for a second step.
	pending bool
}

// resellerOrder is an order as the reseller has it.
type resellerOrder struct {
	id        string
	reference string
	request   providers.Request
	csr       []byte
	older     []byte
	reads     int
	asked     int
	enrolled  int
	state     providers.State
	detail    string
	reissues  int
	serial    int64
	ordered   time.Time
}

// fault is what goes wrong with a call.
type fault struct {
	kind    providers.Kind
	effect  bool
	after   time.Duration
	message string
}

func newReseller(now func() time.Time) *reseller {
	return &reseller{
		now:     now,
		account: providers.Account{Reseller: "cyberssl", Endpoint: "https://api.example", Name: "shop"},
		profile: providers.Profile{
			Product: "p1", Name: "DV", MaxNames: 10, Wildcard: true, MaxValidity: 199 * testDay,
			Methods: []providers.Method{providers.MethodCNAME, providers.MethodTXT, providers.MethodFile, providers.MethodEmail},
			RSABits: [2]int{2048, 4096}, Curves: []string{"P-256"}, TermsMonths: []int{12},
			ReissueKeepsOld: true, ReissueValidates: true,
			CallTimeout: 30 * time.Second, VisibilityDelay: time.Minute, AbsenceKnowable: true,
		},
		price: providers.Money{Amount: decimal.RequireFromString("5"), Currency: "EUR"},
		sent:  map[string]int{}, script: map[string][]fault{}, evidence: providers.EvidenceReference, issueAfter: 1,
		challenges: func(csr []byte) []providers.Challenge { return []providers.Challenge{txtChallenge(csr)} },
	}
}

// txtChallenge has a value that depends on the CSR.
func txtChallenge(csr []byte) providers.Challenge {
	return providers.Challenge{
		Domain: "example.com", Method: providers.MethodTXT,
		RecordName: "_dnsauth.example.com.", RecordValue: fmt.Sprintf("token-%x", sha256.Sum256(csr))[:20],
	}
}

// plan scripts the next calls.
func (p *reseller) plan(call string, faults ...fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script[call] = append(p.script[call], faults...)
}

// meet notes a call and returns what is scripted for it.
func (p *reseller) meet(call string) *fault {
	p.calls = append(p.calls, call)
	queue := p.script[call]
	if len(queue) == 0 {
		return nil
	}
	p.script[call] = queue[1:]
	if queue[0].kind == "" {
		return nil
	}
	return &queue[0]
}

func (f *fault) error(call string) error {
	if f == nil {
		return nil
	}
	message := f.message
	if message == "" {
		message = "scripted " + string(f.kind)
	}
	return &providers.Error{Kind: f.kind, Provider: "cyberssl", Operation: call, Message: message, RetryAfter: f.after}
}

// count returns how often a call was made.
func (p *reseller) count(call string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (p *reseller) paidOrders() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.orders)
}

// change edits the newest order.
func (p *reseller) change(edit func(*resellerOrder)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	edit(p.orders[len(p.orders)-1])
}

func (p *reseller) Account() providers.Account { return p.account }
func (p *reseller) Profile() providers.Profile { return p.profile }

func (p *reseller) Check(context.Context) (providers.AccountInfo, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return providers.AccountInfo{Balance: p.balance}, p.meet("check").error("check")
}

func (p *reseller) Buy(_ context.Context, intent *providers.Intent, request providers.Request) (providers.Placed, error) {
	return p.place("buy", intent, providers.Purchase, request)
}

func (p *reseller) place(call string, intent *providers.Intent, kind providers.OperationKind, request providers.Request) (providers.Placed, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.meet(call)
	if err := intent.Spend(kind); err != nil {
		return providers.Placed{}, &providers.Error{Kind: providers.Unavailable, Provider: "cyberssl", Operation: call, Message: err.Error()}
	}
	p.sent[intent.Name()]++
	if f != nil && !f.effect {
		return providers.Placed{}, f.error(call)
	}
	order := &resellerOrder{id: fmt.Sprint(len(p.orders) + 1), reference: intent.Reference(), request: request, csr: request.CSR, state: providers.StateAwaitingValidation, serial: int64(100 * (len(p.orders) + 1)), ordered: p.now()}
	p.orders = append(p.orders, order)
	if p.pending {
		order.state = providers.StatePendingOrder
		return providers.Placed{IDs: providers.IDs{"order_id": order.id}}, f.error(call)
	}
	if f != nil {
		return providers.Placed{}, f.error(call)
	}
	price := p.price
	return providers.Placed{IDs: providers.IDs{"order_id": order.id}, Price: &price, Challenges: p.challenges(order.csr)}, nil
}

func (p *reseller) Find(_ context.Context, trace providers.Trace) ([]providers.Found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.meet("find"); f != nil {
		return nil, f.error("find")
	}
	var list []providers.Found
	for _, o := range p.orders {
		matches := o.reference == trace.Reference
		if trace.IDs != nil {
			matches = o.id == trace.IDs["order_id"] && slices.Equal(o.csr, trace.CSR) && (trace.Kind != providers.Enrol || o.enrolled > 0)
		}
		if matches && !p.hidden {
			list = append(list, providers.Found{Order: p.read(o), Evidence: p.evidence})
		}
	}
	return list, nil
}

func (p *reseller) Order(_ context.Context, ids providers.IDs) (providers.Order, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.meet("order"); f != nil {
		return providers.Order{}, f.error("order")
	}
	for _, o := range p.orders {
		if o.id == ids["order_id"] {
			o.reads++
			if o.enrolled > 0 && o.state == providers.StatePendingOrder && o.reads > p.issueAfter {
				o.state = providers.StateAwaitingValidation
			}
			if o.state == providers.StateAwaitingValidation && o.reads >= p.issueAfter && (o.asked > 0 || len(p.challenges(o.csr)) == 0) {
				o.state = providers.StateIssued
			}
			return p.read(o), nil
		}
	}
	return providers.Order{}, &providers.Error{Kind: providers.NotFound, Provider: "cyberssl", Operation: "order", Message: "no such order"}
}

// read is an order as the API tells it.
func (p *reseller) read(o *resellerOrder) providers.Order {
	order := providers.Order{IDs: providers.IDs{"order_id": o.id}, State: o.state, Detail: o.detail, CSR: o.csr, Names: o.request.Names, Ordered: o.ordered}
	if p.references {
		order.Reference = o.reference
	}
	switch o.state {
	case providers.StateAwaitingValidation:
		order.Challenges = p.challenges(o.csr)
	case providers.StateIssued:
		order.Certificates = p.chain(o)
	default:
	}
	return order
}

func (p *reseller) chain(o *resellerOrder) [][]byte {
	if p.deliver != nil {
		return p.deliver(o)
	}
	return [][]byte{leafFor(o.csr, o.serial, p.now()), ca().pem}
}

// issued delivers certificates that an edit makes odd.
func issued(p *reseller, edit func(*x509.Certificate)) func(*resellerOrder) [][]byte {
	return func(o *resellerOrder) [][]byte { return [][]byte{leafFor(o.csr, o.serial, p.now(), edit), ca().pem} }
}
