package simulation

import (
	"time"

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
	// only are the resellers that the scenario is for, all if empty.
	only []string
}

// scenarios are all one-shot calls that the order path makes.
func scenarios() []scenario {
	return []scenario{
		{name: "purchase", begin: func(w *world) { w.ask(shop, shopName) }, charges: 1},
		{name: "reissue", prepare: bought, begin: func(w *world) { w.renew(shop, shopName) }, reissues: 1},
		{name: "renewal", prepare: nearlyOver, begin: func(w *world) { w.renew(shop, shopName) }, charges: 1},
	}
}

// bought is a Certificate whose certificate is old enough to be renewed under its paid term.
func bought(w *world) {
	w.ask(shop, shopName)
	w.run(time.Hour)
	time.Sleep(100 * day)
}

// nearlyOver is a Certificate whose paid term is nearly over.
func nearlyOver(w *world) {
	bought(w)
	w.renew(shop, shopName)
	w.run(time.Hour)
	time.Sleep(250 * day)
}
