package simulation

import (
	"fmt"
	"strconv"
	"strings"
)

// moment is where in a call a worker is.
type moment string

const (
	// writing: about to write to the API; written: the answer is to come.
	writing moment = "write"
	written moment = "written"
	// sending: a request is about to leave; served: the reseller has done it, its reply is to
	// leave; replied: the reply is there.
	sending moment = "send"
	served  moment = "served"
	replied moment = "reply"
)

// site is a point of the code: a moment in a call.
type site struct {
	moment moment
	what   string
}

// deed is what happens at a point.
type deed string

const (
	nothing deed = ""
	// crash ends the process; another one begins, whose cache is late by the schedule's lag.
	crash deed = "crash"
	// fail lets the call fail: before a write or request nothing was done, after it the answer is
	// lost; a reply that came is cut in half.
	fail deed = "fail"
	// garble answers with the error page of a gateway, without or with the effect.
	garble deed = "garble"
	// delay lets the call wait until it is given up, without or with the effect.
	delay deed = "delay"
	// double gives the reply also to the next request of the process, in place of its own.
	double deed = "double"
	// freeze stops the worker, while another process takes over.
	freeze deed = "freeze"
	// stall stops the worker while the others of its process go on.
	stall deed = "stall"
	// replace lets cert-manager make a new request in place of the one that is served.
	replace deed = "replace"
)

// deeds are those that make a difference at each moment.
var deeds = map[moment][]deed{
	writing: {crash, fail, freeze, stall, replace},
	written: {crash, fail, freeze},
	sending: {crash, fail, garble, delay, freeze, stall, replace},
	served:  {crash, fail, garble, delay, double, freeze, stall},
	replied: {crash, fail},
}

// sleeps reports whether the worker goes on later.
func (d deed) sleeps() bool { return d == freeze || d == stall }

// event is a deed at a point: the n-th of a process.
type event struct {
	process, point int
	deed           deed
	// wake is for freeze and stall: at which change of the world, counted from 1, the worker goes on. 0 is
	// when all others have nothing left to do.
	wake int
}

func (e event) String() string {
	text := fmt.Sprintf("p%d#%d=%s", e.process, e.point, e.deed)
	if e.deed.sleeps() {
		text += fmt.Sprintf("@%d", e.wake)
	}
	return text
}

// schedule says what goes wrong in a run.
type schedule struct {
	events []event
	// lag is by how many writes the caches of later processes are late for a while.
	lag int64
	// seed, if not 0, draws events at random.
	seed uint64
}

// String is the form that [parseSchedule] reads.
func (s schedule) String() string {
	var parts []string
	if s.seed != 0 {
		parts = append(parts, fmt.Sprintf("seed=%d", s.seed))
	}
	for _, e := range s.events {
		parts = append(parts, e.String())
	}
	if s.lag > 0 {
		parts = append(parts, fmt.Sprintf("lag=%d", s.lag))
	}
	return strings.Join(parts, " ")
}

func parseSchedule(text string) (schedule, error) {
	var s schedule
	for _, part := range strings.Fields(text) {
		key, value, _ := strings.Cut(part, "=")
		var err error
		switch key {
		case "seed":
			s.seed, err = strconv.ParseUint(value, 10, 64)
		case "lag":
			s.lag, err = strconv.ParseInt(value, 10, 64)
		default:
			var e event
			name, wake, _ := strings.Cut(value, "@")
			e.deed = deed(name)
			if wake != "" {
				e.wake, err = strconv.Atoi(wake)
			}
			if _, scanErr := fmt.Sscanf(key, "p%d#%d", &e.process, &e.point); scanErr != nil {
				err = scanErr
			}
			s.events = append(s.events, e)
		}
		if err != nil {
			return schedule{}, fmt.Errorf("schedule: %q: %w", part, err)
		}
	}
	return s, nil
}

// at is what a schedule has for a point.
func (s schedule) at(process, point int) event {
	for _, e := range s.events {
		if e.process == process && e.point == point {
			return e
		}
	}
	return event{}
}
