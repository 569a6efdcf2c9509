package simulation

import (
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/autodns"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/connectreseller"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/cyberssl"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/ispmanager"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/resello"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

const (
	shop     = "shop"
	shopName = "shop.example.com"
)

// scenario is a call that can't be repeated, and what leads to it.
type scenario struct {
	name string
	// prepare brings the world to where the call is due, and begin asks for it.
	prepare func(*world)
	begin   func(*world)
	// faults of the reseller from the beginning.
	faults []sandbox.Fault
	// charges and reissues are how many the beginning may lead to at most.
	charges, reissues int
	// only are the resellers that the scenario is for, all if empty; and deeds what may go wrong.
	only  []string
	deeds []deed
	// several is true if there is something to do for a second worker.
	several bool
	// meanwhile is what people do when a process has died, before the next one begins.
	meanwhile func(*world)
	// withdrawn is true if nothing may have an effect after that.
	withdrawn bool
	// holds is the reason for which an order may be held for good.
	holds order.Reason
}

// scenarios are all one-shot calls that the order path makes, and what each of the safeguards is
// there for.
func scenarios() []scenario {
	purchase := func(w *world) { w.ask(shop, shopName) }
	again := func(w *world) { w.renew(shop, shopName) }
	late := []sandbox.Fault{{Kind: sandbox.FaultLateVisible, Delay: 4 * time.Minute}}
	return []scenario{
		{name: "purchase", begin: purchase, charges: 1},
		{name: "purchase, visible late", begin: purchase, charges: 1, faults: late, deeds: []deed{crash, fail, delay, freeze}},
		{name: "reissue", prepare: bought, begin: again, reissues: 1},
		{name: "renewal", prepare: nearlyOver, begin: again, charges: 1},
		{
			name: "cancellation", prepare: unissued, begin: ask(v1alpha1.PurchaseCancel),
			only: []string{autodns.Name, connectreseller.Name, ispmanager.Name, resello.Name},
		},
		{name: "revocation", prepare: bought, begin: ask(v1alpha1.PurchaseRevoke), only: []string{autodns.Name, connectreseller.Name}},
		{name: "further names", prepare: bought, begin: ask(v1alpha1.PurchaseAddNames), charges: 1, only: []string{cyberssl.Name}},
		{
			name: "enrolment", begin: purchase, charges: 1, only: []string{cyberssl.Name},
			faults: []sandbox.Fault{{Kind: sandbox.FaultUnconfigured}},
		},
		{name: "rivals", begin: rivals, charges: 1, reissues: 1, several: true, only: []string{cyberssl.Name}},
		{
			name: "budget", begin: twoForOne, charges: 1, only: []string{cyberssl.Name}, holds: order.ReasonBudgetExceeded, several: true,
		},
		{
			name: "withdrawn", begin: purchase, charges: 1, only: []string{cyberssl.Name}, deeds: []deed{crash},
			meanwhile: (*world).withdraw, withdrawn: true,
		},
		{
			name: "account changed", begin: purchase, charges: 1, only: []string{cyberssl.Name}, deeds: []deed{crash},
			meanwhile: func(w *world) { w.editIssuer(pointTo(w, other)) },
		},
		{
			name: "wrong word", prepare: twin, begin: func(w *world) { w.ask("twin", shopName) }, charges: 1,
			only: []string{connectreseller.Name}, deeds: []deed{crash}, meanwhile: misled,
		},
		{
			name: "wrong word, order by hand", prepare: placedByHand, begin: purchase, charges: 1,
			only: []string{cyberssl.Name}, deeds: []deed{crash}, meanwhile: misled,
		},
	}
}

// pass lets time pass: in the bubble of a test that takes none.
func pass(span time.Duration) { <-time.After(span) }

// bought is a Certificate whose certificate is old enough to be renewed under its paid term.
func bought(w *world) {
	w.ask(shop, shopName)
	w.run(time.Hour)
	pass(100 * day)
}

// ask has a person ask something of the purchase.
func ask(verb v1alpha1.PurchaseVerb) func(*world) {
	return func(w *world) {
		p := w.purchases()[0]
		p.Spec.Command = &v1alpha1.PurchaseCommand{ID: "asked", Verb: verb, By: "ada"}
		switch verb {
		case v1alpha1.PurchaseRevoke:
			p.Spec.Command.Serial = p.Spec.Certificates[0].Serial
		case v1alpha1.PurchaseAddNames:
			p.Spec.Command.Count = 1
		default:
		}
		if err := w.store.Client().Update(w.Context(), &p); err != nil {
			panic(err)
		}
	}
}

// unissued is an order that the CA hasn't validated, and whose request is gone.
func unissued(w *world) {
	w.zone.hidden = true
	w.ask(shop, shopName)
	w.run(5 * time.Minute)
	w.withdraw()
	w.run(5 * time.Minute)
}

// nearlyOver is a Certificate whose paid term is nearly over.
func nearlyOver(w *world) {
	bought(w)
	w.renew(shop, shopName)
	w.run(time.Hour)
	pass(250 * day)
}

// rivals are two requests of one Certificate, of which cert-manager has given up the older.
func rivals(w *world) {
	w.ask(shop, shopName)
	pass(time.Second)
	w.ask(shop, shopName)
}

// twoForOne are two Certificates and the money for one.
func twoForOne(w *world) {
	w.editIssuer(func(spec *v1alpha1.ResellerIssuerSpec) {
		one := int32(1)
		spec.Purchase.Budgets[0].MaxPurchases = &one
	})
	w.ask(shop, shopName)
	w.ask("blog", "blog.example.com")
}

// twin is a Certificate with the same name that has its certificate.
func twin(w *world) {
	w.ask(shop, shopName)
	w.run(time.Hour)
}

// placedByHand is an order for another name that a person placed in the reseller's panel.
func placedByHand(w *world) {
	_, err := w.engine.Place(sandbox.OrderRequest{
		Account: sandbox.DefaultAccount, Product: "19", Years: 1,
		Supply: sandbox.Supply{CSR: string(csrOf(99, "hand.example.com")), Method: sandbox.MethodDNS},
	})
	if err != nil {
		panic(err)
	}
	w.byHand++
}

// misled has a person take another order for the one whose outcome is open.
func misled(w *world) {
	w.resolve(func(*v1alpha1.ResellerPurchase) *v1alpha1.PurchaseResolution {
		return &v1alpha1.PurchaseResolution{OrderIDs: ledger.OrderIDs(w.idsOf(w.engine.Ledger(sandbox.EntryPurchase)[0]))}
	})
}

// withdraw takes all requests back.
func (w *world) withdraw() {
	for _, request := range w.live() {
		if err := w.store.Client().Delete(w.Context(), &request); err != nil {
			panic(err)
		}
	}
}
