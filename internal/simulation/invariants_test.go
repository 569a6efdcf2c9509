package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// problems are the broken promises of a run; what is in the reseller's ledger before an entry
// was there when the scenario began.
func (w *world) problems(before int) []string {
	entries := w.engine.Ledger()[before:]
	problems := slices.Concat(w.overspent(entries), w.repeated(entries), w.misbooked(), w.shared(), w.stuck())
	if w.rounds > maxRounds {
		problems = append(problems, "the processes never rest")
	}
	if n := len(w.engine.Ledger()); w.scenario.withdrawn && w.meanwhile > 0 && n > w.meanwhile-1 {
		problems = append(problems, fmt.Sprintf("%d effects after the request was withdrawn", n-w.meanwhile+1))
	}
	return problems
}

// charges are the entries that cost money.
func charges(entries []sandbox.Entry) []sandbox.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e sandbox.Entry) bool { return e.Amount <= 0 })
}

// overspent: no more is bought or reissued than was asked for.
func (w *world) overspent(entries []sandbox.Entry) []string {
	var problems []string
	if n := len(charges(entries)); n > w.scenario.charges {
		problems = append(problems, fmt.Sprintf("charged %d times instead of %d", n, w.scenario.charges))
	}
	reissues := 0
	for _, e := range entries {
		if e.Kind == sandbox.EntryReissue {
			reissues++
		}
	}
	if allowed := w.scenario.reissues + w.replaced; reissues > allowed {
		problems = append(problems, fmt.Sprintf("reissued %d times instead of %d", reissues, allowed))
	}
	return problems
}

// repeated: no call with an effect was made twice for the same thing.
func (w *world) repeated(entries []sandbox.Entry) []string {
	var problems []string
	seen := map[string]bool{}
	for _, e := range entries {
		var key string
		switch e.Kind {
		case sandbox.EntryReissue:
			key = "reissued for CSR " + e.CSRDigest
		case sandbox.EntryEnrol, sandbox.EntryCancel, sandbox.EntryRevoke:
			key = string(e.Kind) + " of order " + e.Order
		default:
			continue
		}
		if seen[key] {
			problems = append(problems, "twice "+key)
		}
		seen[key] = true
	}
	for kind, requests := range map[string]int{"paying": w.network.sent[sandbox.ClassBuy] + w.network.sent[sandbox.ClassRenew]} {
		if intents := len(w.purchases()); requests > intents {
			problems = append(problems, fmt.Sprintf("%d %s requests for %d intents", requests, kind, intents))
		}
	}
	return problems
}

// misbooked: each charge stands in the ledger as one that was or may have been made.
func (w *world) misbooked() []string {
	paid := 0
	for _, p := range w.purchases() {
		if p.Spec.State != v1alpha1.PurchaseRefused && p.Spec.State != v1alpha1.PurchaseAbsent {
			paid += 1 + len(p.Spec.Additions)
		}
	}
	if n := len(charges(w.engine.Ledger())) - w.byHand; n > paid {
		return []string{fmt.Sprintf("%d charges, of which the ledger has %d", n, paid)}
	}
	return nil
}

// shared: an order of the reseller belongs to one purchase, or to one and its renewal in place.
func (w *world) shared() []string {
	var problems []string
	all := w.purchases()
	for i, a := range all {
		for _, b := range all[i+1:] {
			if b.Spec.Renews == a.Name || a.Spec.Renews == b.Name {
				continue
			}
			if ledger.IDs(a.Spec.OrderIDs).Equal(ledger.IDs(b.Spec.OrderIDs)) {
				problems = append(problems, fmt.Sprintf("%s and %s have the same order", a.Name, b.Name))
			}
		}
	}
	return problems
}

// stuck: each request has its certificate, or its order is held and says why.
func (w *world) stuck() []string {
	var problems []string
	for _, request := range w.live() {
		if o := w.orderOf(&request); o == nil || o.Status.State != v1alpha1.OrderHeld || o.Status.Message == "" {
			problems = append(problems, fmt.Sprintf("request %s is stuck", request.Name))
		}
	}
	for _, request := range w.certificateRequests() {
		if order.StateOfRequest(&request) == order.RequestEnded {
			problems = append(problems, fmt.Sprintf("request %s has failed", request.Name))
		}
	}
	for _, p := range w.purchases() {
		held := slices.ContainsFunc([]order.Reason{order.ReasonPurchaseUncertain, order.ReasonAccountChanged, order.ReasonOrderMismatch}, func(reason order.Reason) bool {
			return w.holds(p.Spec.OrderName, reason)
		})
		if open(&p) && !held {
			problems = append(problems, fmt.Sprintf("the outcome of %s is open, and its order isn't held for it", p.Name))
		}
	}
	problems = append(problems, w.unanswered()...)
	if records := w.zone.published(); len(w.live()) == 0 && len(records) > 0 {
		problems = append(problems, fmt.Sprintf("left in DNS: %v", records))
	}
	return problems
}

// unanswered: what was asked of a purchase has an answer, or the purchase says why not.
func (w *world) unanswered() []string {
	var problems []string
	for _, p := range w.purchases() {
		if commanded(&p) && (p.Spec.CommandOperation == nil || p.Spec.CommandOperation.Message == "") {
			problems = append(problems, fmt.Sprintf("what was asked of %s has no answer", p.Name))
		}
	}
	return problems
}

// orderOf is the order for the Certificate of a request, nil for none.
func (w *world) orderOf(request *cmapi.CertificateRequest) *v1alpha1.ResellerOrder {
	for _, o := range w.orders() {
		if o.Spec.CertificateName == metav1.GetControllerOf(request).Name {
			return &o
		}
	}
	return nil
}

// holds reports whether an order is held for a reason.
func (w *world) holds(name string, reason order.Reason) bool {
	return slices.ContainsFunc(w.orders(), func(o v1alpha1.ResellerOrder) bool {
		return o.Name == name && o.Status.State == v1alpha1.OrderHeld && o.Status.Waiting != nil && o.Status.Waiting.Reason == string(reason)
	})
}

// mayBeHeld reports whether a request waits for what the scenario is about.
func (w *world) mayBeHeld(request *cmapi.CertificateRequest) bool {
	o := w.orderOf(request)
	return o != nil && w.scenario.holds != "" && w.holds(o.Name, w.scenario.holds)
}

// decide does what a person does about orders that are held: a word on each purchase whose outcome
// is open, and the issuer points to the account that paid.
func (w *world) decide() {
	for _, o := range w.orders() {
		if w.holds(o.Name, order.ReasonAccountChanged) {
			w.editIssuer(pointTo(w, sandbox.DefaultAccount))
		}
	}
	w.resolve(w.word)
}

// resolve has a person write a word into each purchase whose outcome is open.
func (w *world) resolve(word func(*v1alpha1.ResellerPurchase) *v1alpha1.PurchaseResolution) {
	for _, p := range w.purchases() {
		if open(&p) || openCommand(&p) || p.Spec.Resolution != nil {
			p.Spec.Resolution = word(&p)
			if err := w.store.Client().Update(w.Context(), &p); err != nil {
				panic(err)
			}
		}
	}
}

// open reports whether the outcome of a purchase or of a call under it isn't known.
func open(p *v1alpha1.ResellerPurchase) bool {
	return p.Spec.State == v1alpha1.PurchaseIntended || p.Spec.Operation != nil && p.Spec.Operation.Outcome == v1alpha1.OperationIntended
}

// word is what the panel shows of an open outcome.
func (w *world) word(p *v1alpha1.ResellerPurchase) *v1alpha1.PurchaseResolution {
	if op := p.Spec.CommandOperation; openCommand(p) {
		for _, e := range w.engine.Ledger(entryOf[op.Kind]) {
			if !e.Time.Before(op.IntendedAt.Time) && e.Order == w.orderNumber(p) {
				return &v1alpha1.PurchaseResolution{OrderIDs: p.Spec.OrderIDs}
			}
		}
		return &v1alpha1.PurchaseResolution{Absent: "Confirmed"}
	}
	if !open(p) {
		return &v1alpha1.PurchaseResolution{OrderIDs: p.Spec.OrderIDs}
	}
	digest, kinds := p.Spec.CSRDigest, []sandbox.EntryKind{sandbox.EntryPurchase, sandbox.EntryRenewal}
	since := p.Spec.IntendedAt.Time
	if op := p.Spec.Operation; p.Spec.State != v1alpha1.PurchaseIntended {
		digest, since, kinds = op.CSRDigest, op.IntendedAt.Time, []sandbox.EntryKind{entryOf[op.Kind]}
	}
	for _, e := range w.engine.Ledger(kinds...) {
		other := e.Time.Before(since) || !slices.Contains(e.Names, p.Spec.CommonName) || e.CSRDigest != "" && e.CSRDigest != digest
		if other || w.taken(p, w.idsOf(e)) {
			continue
		}
		return &v1alpha1.PurchaseResolution{OrderIDs: ledger.OrderIDs(w.idsOf(e))}
	}
	return &v1alpha1.PurchaseResolution{Absent: "Confirmed"}
}

// entryOf is how the reseller's ledger calls an operation.
var entryOf = map[v1alpha1.OperationKind]sandbox.EntryKind{
	v1alpha1.PurchaseOperationReissue: sandbox.EntryReissue, v1alpha1.PurchaseOperationEnrol: sandbox.EntryEnrol,
	v1alpha1.PurchaseOperationCancel: sandbox.EntryCancel, v1alpha1.PurchaseOperationRevoke: sandbox.EntryRevoke,
	v1alpha1.PurchaseOperationAddNames: sandbox.EntryExtraNames,
}

// orderNumber is the engine's number of a purchase's order: scenarios with commands have one.
func (w *world) orderNumber(*v1alpha1.ResellerPurchase) string {
	return w.engine.Ledger(sandbox.EntryPurchase)[0].Order
}

// taken reports whether an order belongs to another purchase.
func (w *world) taken(p *v1alpha1.ResellerPurchase, ids providers.IDs) bool {
	return slices.ContainsFunc(w.purchases(), func(o v1alpha1.ResellerPurchase) bool {
		said := o.Spec.Resolution
		return o.Name != p.Name && o.Name != p.Spec.Renews &&
			(ledger.IDs(o.Spec.OrderIDs).Equal(ids) || said != nil && open(&o) && ledger.IDs(said.OrderIDs).Equal(ids))
	})
}

// idsOf is how the panel names an order.
func (w *world) idsOf(e sandbox.Entry) providers.IDs { return w.reseller.ids(e.Order) }

// describe is the state of the world in a few lines.
func (w *world) describe() string {
	var text strings.Builder
	fmt.Fprintf(&text, "at %s\n", time.Now().UTC().Format(time.DateTime))
	for _, request := range w.certificateRequests() {
		fmt.Fprintf(&text, "request %s: %s\n", request.Name, order.StateOfRequest(&request))
	}
	for _, o := range w.orders() {
		fmt.Fprintf(&text, "order %s: %s: %s\n", o.Name, o.Status.State, o.Status.Message)
	}
	for _, p := range w.purchases() {
		fmt.Fprintf(&text, "purchase %s: %s %v %s\n", p.Name, p.Spec.State, p.Spec.OrderIDs, p.Spec.Message)
		if op := p.Spec.CommandOperation; op != nil {
			fmt.Fprintf(&text, "  %s: %s %s\n", op.Kind, op.Outcome, op.Message)
		}
		for _, answer := range p.Spec.Answers {
			fmt.Fprintf(&text, "  answer: %s: %s %s\n", answer.Verb, answer.Outcome, answer.Message)
		}
		if op := p.Spec.Operation; op != nil {
			fmt.Fprintf(&text, "  %s: %s %s\n", op.Kind, op.Outcome, op.Message)
		}
	}
	for _, e := range w.engine.Ledger() {
		fmt.Fprintf(&text, "reseller: %s %s %s %s\n", e.Time.Format(time.DateTime), e.Kind, e.Order, e.Amount)
	}
	return text.String()
}
