package simulation

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// patience is how long a run may take in simulated time: longer than any reseller hides an order.
const patience = 90 * time.Minute

// result is what a run tells.
type result struct {
	schedule schedule
	// sites are the points of process 1, and trace all that happened.
	sites []site
	trace []string
	// changes is how many changes of the world a frozen worker slept through.
	changes  int
	charges  int
	held     bool
	problems []string
	state    string
}

// simulate makes one run in a bubble of its own.
func simulate(t *testing.T, r reseller, sc scenario, s schedule, m mutant) (result result) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, r, sc, s, m)
		defer w.kill()
		w.boot()
		if sc.prepare != nil {
			sc.prepare(w)
			if !w.settled() {
				t.Fatalf("the scenario isn't prepared: %s", w.describe())
			}
		}
		w.kill()
		before := len(w.engine.Ledger())
		w.quiet, w.rounds, w.network.sent = false, 0, map[string]int{}
		if err := w.engine.Inject(sc.faults...); err != nil {
			t.Fatal(err)
		}
		w.boot()
		sc.begin(w)
		w.run(patience)
		result.changes = w.changes
		result.problems = w.problems(before)
		if len(result.problems) == 0 && (len(w.live()) > 0 || w.anyCommand()) {
			result.held = true
			result.problems = w.settle(before)
		}
		result.schedule, result.trace, result.sites = s, w.trace, w.sites
		result.charges, result.state = len(charges(w.engine.Ledger()[before:])), w.describe()
	})
	return result
}

// settle has a person decide what is held, after which every request must be served.
func (w *world) settle(before int) []string {
	w.quiet = true
	w.note("a person decides")
	w.decide()
	w.run(patience)
	problems := w.problems(before)
	for _, request := range w.live() {
		if !w.mayBeHeld(&request) {
			problems = append(problems, "held although a person has decided: "+request.Name)
		}
	}
	if w.anyCommand() {
		problems = append(problems, "no answer although a person has decided")
	}
	return problems
}

// lags are how late the cache of a process is that takes over: not at all, a little, and as if it
// had seen nothing since the scenario began.
var lags = []int64{0, 1, 3, 1000}

// selection says which schedules are tried.
type selection struct {
	// every of so many points; offset chooses which.
	every, offset int
	// allWakes tries every change of the world at which a frozen worker can wake.
	allWakes bool
}

// explore tries the schedules with one event in a scenario, of which sites are the points of the
// run without any. A worker that freezes wakes at each change of the world, and at the end.
//
// What comes right after a point is the same as what comes right before the next one, as far as
// others can see. So late caches are tried before effects only, and a worker that freezes after
// a write wakes at the end only.
func explore(sc scenario, sites []site, sel selection, try func(schedule) result) {
	for i, at := range sites {
		if (i+sel.offset)%sel.every != 0 {
			continue
		}
		for _, d := range deeds[at.moment] {
			if len(sc.deeds) > 0 && !slices.Contains(sc.deeds, d) || d == stall && !sc.several {
				continue
			}
			exploreEvent(event{process: 1, point: i + 1, deed: d}, at, sel, try)
		}
	}
}

// exploreEvent tries one event at a point, with each late cache and each time to wake.
func exploreEvent(e event, at site, sel selection, try func(schedule) result) {
	try(schedule{events: []event{e}})
	switch {
	case e.deed == crash && (at.moment == writing || at.moment == sending):
		for _, lag := range lags[1:] {
			try(schedule{events: []event{e}, lag: lag})
		}
	case e.deed.sleeps() && at.moment != written:
		for e.wake = 1; try(schedule{events: []event{e}}).changes >= e.wake && sel.allWakes; e.wake++ {
		}
	}
}

// tally is what was found out about a reseller and a scenario.
type tally struct {
	runs, charges, held int
	failures            []result
}

func (c *tally) add(r result) {
	c.runs++
	c.charges += r.charges
	if r.held {
		c.held++
	}
	if len(r.problems) > 0 {
		c.failures = append(c.failures, r)
	}
}

// report fails the test with the first run of each sort of failure.
func (c *tally) report(t *testing.T, name string) {
	t.Helper()
	seen := map[string]int{}
	for _, f := range c.failures {
		kind := strings.Join(f.problems, "; ")
		if seen[kind]++; seen[kind] > 1 {
			continue
		}
		t.Errorf("%s\nagain: make simulate REPLAY='%s: %s'\n%s\n%s", kind, name, f.schedule, strings.Join(shortened(f.trace), "\n"), f.state)
	}
	for kind, n := range seen {
		t.Logf("%d times: %s", n, kind)
	}
}

// shortened leaves out the middle of a long trace.
func shortened(trace []string) []string {
	const head, tail = 150, 50
	if len(trace) <= head+tail {
		return trace
	}
	return slices.Concat(trace[:head], []string{"..."}, trace[len(trace)-tail:])
}

// forAll runs a test for each scenario of each reseller.
func forAll(t *testing.T, test func(t *testing.T, number int, r reseller, sc scenario)) {
	t.Helper()
	number := 0
	for _, r := range resellers(t) {
		for _, sc := range scenarios() {
			if len(sc.only) > 0 && !slices.Contains(sc.only, r.name) {
				continue
			}
			number++
			t.Run(r.name+"/"+sc.name, func(t *testing.T) {
				t.Parallel()
				test(t, number, r, sc)
			})
		}
	}
}

// tried explores a scenario of a reseller.
func tried(t *testing.T, r reseller, sc scenario, sel selection) tally {
	t.Helper()
	var count tally
	plain := simulate(t, r, sc, schedule{}, mutant{})
	count.add(plain)
	explore(sc, plain.sites, sel, func(s schedule) result {
		result := simulate(t, r, sc, s, mutant{})
		count.add(result)
		return result
	})
	return count
}
