package order

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
)

// caaTimeout bounds the look at the CAA records of all names.
const caaTimeout = 30 * time.Second

// checkCAA asks whether the CAA records of all names permit the product's CA to issue, and
// whether they pass DNSSEC. If an order must not go on, the outcome says how long. Text says
// what is at stake.
func (r *Reconciler) checkCAA(ctx context.Context, s *scope, text string) (outcome, bool) {
	settings, issuance := s.supplier.Spec.DCV, s.order.Status.Issuance
	if settings.CAAPolicy == v1alpha1.CAAIgnore {
		return outcome{}, true
	}
	checker, err := r.CAA(settings.Propagation)
	if err != nil {
		return hold(s, ReasonNoSolver, "spec.dcv.propagation: "+err.Error()), false
	}
	questions := make([]caa.Question, len(issuance.Names))
	for i, name := range issuance.Names {
		questions[i] = caa.Question{DNSName: name, Identities: s.view.Issuer.Profile.CAAIdentities}
	}
	bounded, cancel := context.WithTimeout(ctx, caaTimeout)
	defer cancel()
	results := checker.CheckAll(bounded, questions)
	problems := map[caa.Verdict][]string{}
	for _, result := range results {
		problems[result.Verdict] = append(problems[result.Verdict], result.Message)
		if result.Warning != "" {
			s.warnOnce("CAAParameters", result.Warning)
		}
	}
	if settings.CAAPolicy == v1alpha1.CAAWarn {
		for verdict, reason := range caaReasons {
			if list := problems[verdict]; len(list) > 0 {
				s.warnOnce(string(reason), several(list))
			}
		}
		return outcome{}, true
	}
	switch {
	case len(problems[caa.Forbidden]) > 0:
		return hold(s, ReasonCAAForbids, text+several(problems[caa.Forbidden])), false
	case len(problems[caa.Bogus]) > 0:
		return hold(s, ReasonDNSSECBogus, text+several(problems[caa.Bogus])), false
	case len(problems[caa.Unknown]) > 0:
		message := text + several(problems[caa.Unknown]) + "; it is tried again by itself; if the cluster can't look names up, set spec.dcv.propagation.nameservers, or spec.dcv.caaPolicy to Warn"
		return wait(s, ReasonCAAUnknown, message, observeInterval(s.view.Now.Sub(issuance.Since.Time))), false
	}
	return outcome{}, true
}

// caaReasons are the verdicts with which an order doesn't go on.
var caaReasons = map[caa.Verdict]Reason{
	caa.Forbidden: ReasonCAAForbids, caa.Bogus: ReasonDNSSECBogus, caa.Unknown: ReasonCAAUnknown,
}

// several joins messages about names, each once, and counts those for which there is no room.
func several(messages []string) string {
	const most = 2
	text := strings.Join(messages[:min(most, len(messages))], "; ")
	if more := len(messages) - most; more > 0 {
		text += fmt.Sprintf("; and %d more name(s)", more)
	}
	return text
}

// warnOnce adds a warning, but not while the order waits and looks again and again.
func (s *scope) warnOnce(reason, message string) {
	if s.order.Status.Waiting == nil {
		s.events = append(s.events, happening{warning: true, reason: reason, message: clip(message)})
	}
}

// misfit says why a method can't be used with the data that the reseller has prepared for it,
// nothing if it can: before anything is paid.
func (r *Reconciler) misfit(ctx context.Context, s *scope, challenges []v1alpha1.OrderChallenge) string {
	issuance := s.order.Status.Issuance
	if issuance.Provisioned {
		return ""
	}
	chosen := r.choiceOf(ctx, s)
	values := map[string]string{}
	for i := range challenges {
		c := &challenges[i]
		if c.RecordName == "" || c.Validated {
			continue
		}
		solver, err := chosen.solver(c.Method, requestedName(c.Domain, issuance.Names), r.fitting(ctx, s, c))
		if err != nil {
			return err.Error()
		}
		before, known := values[c.RecordName]
		if values[c.RecordName] = c.RecordValue; known && before != c.RecordValue && !chosen.capabilities(solver).MultiValue {
			return fmt.Sprintf("%s needs several values at %s, and solver %s publishes one", c.Method, c.RecordName, kindOf(solver))
		}
	}
	return ""
}

// fitting tells whether a solver can publish the record of a challenge.
func (r *Reconciler) fitting(ctx context.Context, s *scope, c *v1alpha1.OrderChallenge) fits {
	can := publishing(c.Method)
	return func(solver *v1alpha1.Solver, capabilities dcv.Capabilities) error {
		if err := can(solver, capabilities); err != nil {
			return err
		}
		if c.Method != v1alpha1.DCVMethodFile && !capabilities.Apex && !follows(solver, c) && r.atApex(ctx, s, c.RecordName) {
			return fmt.Errorf("it can't publish at the apex of a zone, which %s is", c.RecordName)
		}
		return nil
	}
}

// atApex reports whether a record is at the apex of its zone, as far as that can be found
// out now: a hook that is given the wrong record refuses it.
func (r *Reconciler) atApex(ctx context.Context, s *scope, name string) bool {
	if strings.HasPrefix(name, "_") {
		return false
	}
	observer, err := r.Observers(s.supplier.Spec.DCV.Propagation)
	if err != nil {
		return false
	}
	zone, err := observer.Zone(ctx, name)
	return err == nil && zone == name
}
