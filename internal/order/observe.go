package order

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/manual"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/propagation"
)

// aliasError says that it can't be found out where a CNAME leads.
type aliasError struct {
	record string
	cause  error
}

func (e *aliasError) Error() string {
	return fmt.Sprintf("the solver follows the CNAME at %s, but where it leads can't be found out now: %v", e.record, e.cause)
}

func (e *aliasError) Unwrap() error { return e.cause }

// publishName is where the record of a challenge is published.
func publishName(c *v1alpha1.OrderChallenge) string {
	if c.PublishName != "" {
		return c.PublishName
	}
	return c.RecordName
}

// follows reports whether a solver publishes the record of a challenge where a CNAME leads. A
// CNAME record is never followed: it is the proof itself.
func follows(solver *v1alpha1.Solver, c *v1alpha1.OrderChallenge) bool {
	return solver.CNAMEStrategy == v1alpha1.CNAMEFollow && c.Method == v1alpha1.DCVMethodTXT
}

// findTarget finds where a record that isn't published yet belongs.
func (r *Reconciler) findTarget(ctx context.Context, s *scope, solver *v1alpha1.Solver, c *v1alpha1.OrderChallenge) error {
	c.PublishName, c.TargetUnknown = "", false
	if !follows(solver, c) {
		return nil
	}
	observer, err := r.Observers(s.supplier.Spec.DCV.Propagation)
	if err != nil {
		return fmt.Errorf("order: spec.dcv.propagation: %w", err)
	}
	target, err := observer.Target(ctx, c.RecordName)
	if c.TargetUnknown = err != nil; c.TargetUnknown {
		return &aliasError{c.RecordName, err}
	}
	if target != c.RecordName {
		c.PublishName = target
	}
	return nil
}

// observe looks once whether the records and files are published everywhere, for all at once.
func (r *Reconciler) observe(ctx context.Context, s *scope) (outcome, error) {
	issuance := s.order.Status.Issuance
	observer, err := r.Observers(s.supplier.Spec.DCV.Propagation)
	if err != nil {
		return hold(s, ReasonNoSolver, "spec.dcv.propagation: "+err.Error()), nil //nolint:nilerr // it is the order's state, not a fault
	}
	var open []*v1alpha1.OrderChallenge
	for i := range issuance.Challenges {
		if c := &issuance.Challenges[i]; observable(c) && !c.Validated && !c.Seen {
			open = append(open, c)
		}
	}
	seen, err := r.look(ctx, s, observer, open)
	if err != nil {
		return outcome{}, err
	}
	var missing []int
	for i := range seen {
		if open[i].Seen = seen[i].Propagated; !open[i].Seen {
			missing = append(missing, i)
		}
		keepNegativeTTL(issuance, seen[i].NegativeTTL)
	}
	if len(missing) == 0 {
		warnOfServers(s, seen)
		return propagated(s, seenMessage(issuance.Method)), nil
	}
	if proceeds(s) {
		return propagated(s, "going on without seeing all records, as spec.dcv.propagation.onTimeout says"), nil
	}
	if issuance.Attempts++; issuance.Attempts%republishEvery == 0 {
		publishAgain(s)
	}
	return r.notSeen(s, open[missing[0]], seen[missing[0]], len(missing)-1), nil
}

// republishEvery is after how many looks in vain a record is published once more: first after a
// quarter of an hour.
const republishEvery = 40

// publishAgain has what nobody sees published once more, which changes nothing where it is:
// somebody may have taken it away, such as a process that was replaced in the middle of its
// clean-up.
func publishAgain(s *scope) {
	status := &s.order.Status
	for i := range status.Records {
		record := &status.Records[i]
		if slices.ContainsFunc(status.Issuance.Challenges, func(c v1alpha1.OrderChallenge) bool {
			return !c.Seen && !c.Validated && isRecordOf(&c, record)
		}) {
			record.Presented = false
		}
	}
}

// look looks once for the record or the files of each challenge.
func (r *Reconciler) look(ctx context.Context, s *scope, observer Observer, open []*v1alpha1.OrderChallenge) ([]propagation.Observation, error) {
	seen := r.lookForFiles(ctx, s, open)
	var records []dcv.Record
	var at []int
	for i, c := range open {
		if c.Method != v1alpha1.DCVMethodFile {
			at = append(at, i)
			records = append(records, dcv.Record{Type: dcv.RecordType(c.Method), FQDN: c.RecordName, Value: c.RecordValue})
		}
	}
	if len(records) == 0 {
		return seen, nil
	}
	found, err := observer.CheckAll(ctx, records)
	for i := range found {
		seen[at[i]] = found[i]
	}
	return seen, err
}

// notSeen waits for the first of the records that are missing; more is how many others are.
func (r *Reconciler) notSeen(s *scope, c *v1alpha1.OrderChallenge, seen propagation.Observation, more int) outcome {
	after := max(seen.RetryAfter, observeInterval(s.view.Now.Sub(s.order.Status.Issuance.Since.Time)))
	suffix := ""
	if more > 0 {
		suffix = fmt.Sprintf("; %d more record(s) are missing", more)
	}
	if r.isManual(s, c.Solver) {
		return wait(s, ReasonAwaitingRecords, instruction(c)+suffix, after)
	}
	if seen.RetryAfter >= time.Minute {
		// Earlier a resolver could only repeat what it remembers.
		suffix += "; what was answered may be remembered until " + s.view.Now.Add(after).UTC().Format(time.TimeOnly) + " UTC, the next look is then"
	}
	return wait(s, ReasonAwaitingPropagation, seen.Message+suffix, after)
}

// keepNegativeTTL notes the longest time for which a CA's resolver may remember an absence.
func keepNegativeTTL(issuance *v1alpha1.Issuance, ttl time.Duration) {
	if ttl > 0 && (issuance.NegativeTTL == nil || issuance.NegativeTTL.Duration < ttl) {
		issuance.NegativeTTL = &metav1.Duration{Duration: ttl}
	}
}

// warnOfServers tells of name servers that give no answer once all that do agree.
func warnOfServers(s *scope, seen []propagation.Observation) {
	var warnings []string
	for _, o := range seen {
		warnings = append(warnings, o.Warnings...)
	}
	slices.Sort(warnings)
	if warnings = slices.Compact(warnings); len(warnings) > 0 {
		const most = 3
		message := strings.Join(warnings[:min(most, len(warnings))], "; ") + ": the CA may meet it, too"
		s.events = append(s.events, happening{warning: true, reason: "NameServerFails", message: clip(message)})
	}
}

func propagated(s *scope, message string) outcome {
	now := metav1.NewTime(s.view.Now)
	s.order.Status.Issuance.PropagatedAt = &now
	s.note("Propagated", "%s", message)
	clearWaiting(&s.order.Status)
	return goOn
}

// proceeds reports whether the admin chose to go on after the time-out.
func proceeds(s *scope) bool {
	settings := s.view.Issuer.Propagation
	if settings.OnTimeout != v1alpha1.PropagationProceed || settings.Timeout == nil {
		return false
	}
	return s.view.Now.Sub(s.order.Status.Issuance.Since.Time) > settings.Timeout.Duration
}

func (r *Reconciler) isManual(s *scope, hash string) bool {
	i := slices.IndexFunc(s.order.Status.Solvers, func(o v1alpha1.SolverSnapshot) bool { return o.Hash == hash })
	return i >= 0 && s.order.Status.Solvers[i].Solver.Manual != nil
}

// instruction tells a person what to publish.
func instruction(c *v1alpha1.OrderChallenge) string {
	record := dcv.Record{Type: dcv.RecordType(c.Method), FQDN: publishName(c), Value: c.RecordValue}
	return manual.Instruction(record) + "; the order goes on by itself when the record is visible"
}
