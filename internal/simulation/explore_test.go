package simulation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// patience is how long a run may take in simulated time: longer than any reseller hides an order.
const patience = 4 * time.Hour

// result is what a run tells.
type result struct {
	schedule schedule
	// points are the moments of process 1, and trace all that happened.
	points []moment
	trace  []string
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
		w := newWorld(t, r, s, m)
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
		result.problems = w.problems(sc, before)
		if len(result.problems) == 0 && len(w.live()) > 0 {
			result.held = true
			result.problems = w.settle(sc, before)
		}
		result.schedule, result.trace, result.points = s, w.trace, w.moments
		result.charges, result.state = len(charges(w.engine.Ledger()[before:])), w.describe()
	})
	return result
}

// settle has a person decide what is held, after which every request must be served.
func (w *world) settle(sc scenario, before int) []string {
	w.note("a person decides")
	if !w.decide() {
		return []string{"held, and there is nothing to decide"}
	}
	w.quiet = true
	w.run(patience)
	problems := w.problems(sc, before)
	if len(w.live()) > 0 {
		problems = append(problems, "held although a person has decided")
	}
	return problems
}

// lags are how late the cache of a process is that takes over: not at all, a little, and as if it
// had seen nothing since the scenario began.
var lags = []int64{0, 1, 3, 1000}

// schedules are all with one event, out of an undisturbed run. Those that freeze a worker come
// with each change of the world at which it can wake; more tells whether there is another one.
func explore(points []moment, try func(schedule) result) {
	for i, m := range points {
		for _, d := range deeds[m] {
			at := event{process: 1, point: i + 1, deed: d}
			switch d {
			case freeze:
				for at.wake = 0; ; at.wake++ {
					if result := try(schedule{events: []event{at}}); at.wake > 0 && result.changes < at.wake {
						break
					}
				}
			case crash:
				for _, lag := range lags {
					try(schedule{events: []event{at}, lag: lag})
				}
			default:
				try(schedule{events: []event{at}})
			}
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

func TestExhaustive(t *testing.T) {
	for _, r := range resellers(t) {
		for _, sc := range scenarios() {
			t.Run(r.name+"/"+sc.name, func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				var count tally
				plain := simulate(t, r, sc, schedule{}, mutant{})
				count.add(plain)
				explore(plain.points, func(s schedule) result {
					result := simulate(t, r, sc, s, mutant{})
					count.add(result)
					return result
				})
				t.Logf("%d schedules, %d charges, %d held, %d failures, %s", count.runs, count.charges, count.held, len(count.failures), time.Since(began))
				kinds := map[string]int{}
				for _, f := range count.failures {
					kinds[strings.Join(f.problems, "; ")]++
				}
				for kind, n := range kinds {
					i := slices.IndexFunc(count.failures, func(f result) bool { return strings.Join(f.problems, "; ") == kind })
					t.Errorf("%d times %s, first with %s", n, kind, count.failures[i].schedule)
					fmt.Fprintln(t.Output(), strings.Join(count.failures[i].trace, "\n"), "\n", count.failures[i].state)
				}
			})
		}
	}
}
