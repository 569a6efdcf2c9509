package simulation

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	exhaustive = flag.Bool("exhaustive", false, "try all schedules and print how many there were, instead of a few")
	replay     = flag.String("replay", "", "a run to repeat, as a failure prints it: RESELLER/SCENARIO: SCHEDULE")
	runs       = flag.Int("runs", 3, "random schedules for each reseller")
	seed       = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the first random schedule")
)

// TestSchedules tries all schedules with one event, or in unit tests a few at each scenario.
func TestSchedules(t *testing.T) {
	t.Parallel()
	var (
		mu    sync.Mutex
		table = tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		total tally
	)
	row := func(reseller, scenario string, c tally) {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t\n", reseller, scenario, c.runs, c.charges, c.held, len(c.failures))
	}
	_, _ = fmt.Fprintln(table, "reseller\tscenario\tschedules\tcharges\theld for a person\tfailures\t")
	t.Run("all", func(t *testing.T) {
		forAll(t, func(t *testing.T, number int, r reseller, sc scenario) {
			sel := selection{every: 61, offset: number}
			if *exhaustive {
				sel = selection{every: 1, allWakes: true}
			}
			count := tried(t, r, sc, sel)
			count.report(t, r.name+"/"+sc.name)
			mu.Lock()
			defer mu.Unlock()
			row(r.name, sc.name, count)
			total.runs, total.charges, total.held = total.runs+count.runs, total.charges+count.charges, total.held+count.held
			total.failures = append(total.failures, count.failures...)
		})
	})
	if *exhaustive {
		row("all", "", total)
		require.NoError(t, table.Flush())
	}
}

// TestRandomSchedules runs several requests through several events.
func TestRandomSchedules(t *testing.T) {
	t.Parallel()
	for _, r := range resellers(t) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var count tally
			for i := range uint64(*runs) {
				count.add(simulate(t, r, busy(), schedule{seed: *seed + i}, mutant{}))
			}
			count.report(t, r.name+"/busy")
		})
	}
}

// TestReplay repeats one run and prints it. Without the flag it is one that has everything, and
// is to show the same twice.
func TestReplay(t *testing.T) {
	t.Parallel()
	again := *replay
	if again == "" {
		again = "cyberssl/purchase: p1#20=freeze@4 p2#9=crash p3#12=fail lag=3"
	}
	name, text, ok := strings.Cut(again, ": ")
	require.True(t, ok, "want RESELLER/SCENARIO: SCHEDULE")
	s, err := parseSchedule(text)
	require.NoError(t, err)
	require.Equal(t, text, s.String())
	who, what, _ := strings.Cut(name, "/")
	sc := busy()
	if what != sc.name {
		sc = scenarioNamed(t, what)
	}
	first := simulate(t, resellerNamed(t, who), sc, s, mutant{})
	second := simulate(t, resellerNamed(t, who), sc, s, mutant{})
	assert.Equal(t, first.trace, second.trace, "the same schedule, the same trace")
	assert.Empty(t, first.problems)
	if *replay != "" {
		t.Logf("%s\n%s", strings.Join(first.trace, "\n"), first.state)
	}
}
