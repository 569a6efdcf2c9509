package simulation

import (
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

const (
	// maxDrawn bounds what goes wrong in a random run, so that it ends.
	maxDrawn = 8
	// every is how many points there are to one event.
	every = 25
	// maxSleep is at how many changes of the world a worker wakes at the latest.
	maxSleep = 15
)

// draw decides what happens at a point of a random schedule.
func (w *world) draw(m moment) event {
	if w.drawn >= maxDrawn || w.random.IntN(every) != 0 {
		return event{}
	}
	choice := deeds[m]
	e := event{deed: choice[w.random.IntN(len(choice))]}
	if e.deed.sleeps() {
		e.wake = w.random.IntN(maxSleep)
	}
	w.drawn++
	return e
}

// busy is a random part of all that can go on: three Certificates, of which two have the same name,
// some of them renewed, at a reseller that may show orders late.
func busy() scenario {
	return scenario{
		name: "busy", charges: 3, reissues: 3, holds: order.ReasonLoopBreaker,
		begin: func(w *world) {
			if w.random.IntN(3) == 0 {
				if err := w.engine.Inject(sandbox.Fault{Kind: sandbox.FaultLateVisible, Delay: 4 * time.Minute, Nth: 1 + w.random.IntN(3)}); err != nil {
					panic(err)
				}
			}
			w.ask(shop, shopName)
			w.ask("twin", shopName)
			w.ask("blog", "blog.example.com")
			w.run(patience)
			if len(w.live()) > 0 {
				return
			}
			pass(100 * day)
			for _, certificate := range []string{shop, "blog"} {
				if w.random.IntN(2) == 0 {
					w.renew(certificate, certificate+".example.com")
				}
			}
		},
	}
}
