package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// parallelHooks bounds how many records of one order are published at a time.
const parallelHooks = 8

// errRecordBusy says that another order works on the same record set right now.
var errRecordBusy = errors.New("another order is changing the same record set")

// prepare asks for the challenges before anything is paid.
func (r *Reconciler) prepare(ctx context.Context, s *scope) (outcome, error) {
	issuance := s.order.Status.Issuance
	var challenges []providers.Challenge
	err := r.call(ctx, s, func(ctx context.Context) (err error) {
		challenges, issuance.Prepared, err = s.supplier.Provider.(providers.Preparer).Prepare(ctx, providerRequest(s))
		return err
	})
	if err != nil {
		if message, ok := r.otherMethod(ctx, s, err); ok {
			return unsuit(s, message), nil
		}
		return callFailed(s, err), nil
	}
	if problem := r.misfit(ctx, s, orderChallenges(challenges)); problem != "" {
		return unsuit(s, problem), nil
	}
	if problem := mailboxProblem(issuance, challenges, s.supplier.Spec.DCV.ApproverMailbox); problem != "" {
		return unsuit(s, problem), nil
	}
	if err := r.setChallenges(ctx, s, challenges); err != nil {
		return outcome{}, err
	}
	if len(challenges) == 0 {
		moveTo(s, v1alpha1.OrderOrdering)
	}
	return goOn, nil
}

// otherMethod returns what the reseller said if it can't prepare the method, but perhaps
// another one that is listed.
func (r *Reconciler) otherMethod(ctx context.Context, s *scope, err error) (message string, ok bool) {
	if providers.KindOf(err) != providers.Invalid {
		return "", false
	}
	issuance, without := s.order.Status.Issuance, r.choiceOf(ctx, s)
	without.unsuited[issuance.Method] = err.Error()
	other, _ := without.method(s.supplier.Spec.DCV.Methods)
	return err.Error(), other != ""
}

// orderChallenges are the reseller's challenges as the order keeps them.
func orderChallenges(challenges []providers.Challenge) []v1alpha1.OrderChallenge {
	list := make([]v1alpha1.OrderChallenge, 0, len(challenges))
	for _, c := range challenges {
		list = append(list, v1alpha1.OrderChallenge{
			Domain: c.Domain, Method: v1alpha1.DCVMethod(c.Method),
			RecordName: c.RecordName, RecordValue: c.RecordValue,
			URLs: c.URLs, Body: c.Body, Email: c.Chosen, Emails: c.Emails, Validated: c.Done,
		})
	}
	return list
}

// setChallenges takes over challenges that the reseller told, and notes their records as
// about to be published, finalizer first: from then on they are cleaned up whatever
// happens.
func (r *Reconciler) setChallenges(ctx context.Context, s *scope, challenges []providers.Challenge) error {
	if len(challenges) == 0 {
		return nil
	}
	issuance := s.order.Status.Issuance
	list := orderChallenges(challenges)
	for i := range list {
		list[i].URLs = fileURLs(s, challenges[i])
		known := slices.IndexFunc(issuance.Challenges, func(o v1alpha1.OrderChallenge) bool { return sameData(o, list[i]) })
		if known >= 0 {
			list[i].Seen, list[i].PublishName = issuance.Challenges[known].Seen, issuance.Challenges[known].PublishName
		} else if !list[i].Validated {
			issuance.PropagatedAt, issuance.ValidationAskedAt = nil, nil
		}
	}
	issuance.Challenges = list
	noteMailboxes(issuance, s.supplier.Spec.DCV.ApproverMailbox)
	err := r.registerRecords(ctx, s)
	if _, unknown := errors.AsType[*aliasError](err); unknown {
		return nil // publish tries again, and says so
	}
	return err
}

// noteMailboxes fills in the mailboxes that are asked where the reseller doesn't tell.
func noteMailboxes(issuance *v1alpha1.Issuance, mailbox v1alpha1.ApproverMailbox) {
	asked := approvers(issuance, mailbox)
	for i := range issuance.Challenges {
		if c := &issuance.Challenges[i]; c.Method == v1alpha1.DCVMethodEmail && c.Email == "" {
			c.Email = asked[requestedName(c.Domain, issuance.Names)]
		}
	}
}

func sameData(a, b v1alpha1.OrderChallenge) bool {
	return a.Method == b.Method && a.RecordName == b.RecordName && a.RecordValue == b.RecordValue && a.Body == b.Body
}

// registerRecords writes down what is about to be published. It returns an [*aliasError] if
// it can't be found out now where a record belongs; the others are written down.
func (r *Reconciler) registerRecords(ctx context.Context, s *scope) error {
	status := &s.order.Status
	chosen := r.choiceOf(ctx, s)
	var unknown error
	for i := range status.Issuance.Challenges {
		c := &status.Issuance.Challenges[i]
		if status.Issuance.Provisioned || c.RecordName == "" && c.Method != v1alpha1.DCVMethodFile || c.Validated || isPresented(status, c) {
			continue
		}
		err := r.register(ctx, s, chosen, c)
		if _, alias := errors.AsType[*aliasError](err); alias {
			unknown = err
		} else if err != nil {
			return err
		}
	}
	status.Solvers = slices.DeleteFunc(status.Solvers, func(o v1alpha1.SolverSnapshot) bool {
		return !slices.ContainsFunc(status.Records, func(record v1alpha1.PublishedRecord) bool { return record.Solver == o.Hash })
	})
	if len(status.Records) > 0 && !controllerutil.ContainsFinalizer(s.order, v1alpha1.FinalizerRecords) {
		if err := r.setFinalizer(ctx, s.order, true); err != nil {
			return err
		}
	}
	return unknown
}

// register writes down the record or the files of one challenge. Where the reseller turns out to publish
// it, that goes for all of them.
func (r *Reconciler) register(ctx context.Context, s *scope, chosen choice, c *v1alpha1.OrderChallenge) error {
	status := &s.order.Status
	solver, err := chosen.solver(c.Method, requestedName(c.Domain, status.Issuance.Names), r.fitting(ctx, s, c))
	switch {
	case err != nil:
		solver = &manualSolver
	case solver.Reseller != nil:
		status.Issuance.Provisioned = true
		return nil
	}
	if c.Method == v1alpha1.DCVMethodFile && solver.HTTPFile == nil {
		return nil // a person serves it, and takes it away
	}
	if err := r.findTarget(ctx, s, solver, c); err != nil {
		return err
	}
	hash, err := solverHash(*solver, s.supplier.SecretNamespace)
	if err != nil {
		return err
	}
	addSnapshot(status, v1alpha1.SolverSnapshot{Hash: hash, SecretNamespace: s.supplier.SecretNamespace, Solver: *solver})
	for _, record := range recordsOf(c) {
		record.Solver = hash
		c.Solver = addRecord(status, record)
	}
	return nil
}

// isPresented reports whether the record of a challenge is published already; its challenge
// then names the solver.
func isPresented(status *v1alpha1.ResellerOrderStatus, c *v1alpha1.OrderChallenge) bool {
	for i := range status.Records {
		if record := &status.Records[i]; record.Presented && isRecordOf(c, record) {
			c.Solver = record.Solver
			return true
		}
	}
	return false
}

// addRecord notes a record once and returns the hash of its solver. As long as none has
// published it, that is the one selected now: the one before may have been corrected.
func addRecord(status *v1alpha1.ResellerOrderStatus, record v1alpha1.PublishedRecord) string {
	i := slices.IndexFunc(status.Records, func(o v1alpha1.PublishedRecord) bool { return sameRecord(o, record) })
	if i < 0 {
		status.Records = append(status.Records, record)
		return record.Solver
	}
	if !status.Records[i].Presented {
		status.Records[i].Solver = record.Solver
	}
	return status.Records[i].Solver
}

func sameRecord(a, b v1alpha1.PublishedRecord) bool {
	return a.Type == b.Type && a.Name == b.Name && a.Value == b.Value
}

func addSnapshot(status *v1alpha1.ResellerOrderStatus, snapshot v1alpha1.SolverSnapshot) {
	if !slices.ContainsFunc(status.Solvers, func(o v1alpha1.SolverSnapshot) bool { return o.Hash == snapshot.Hash }) {
		status.Solvers = append(status.Solvers, snapshot)
	}
}

// setFinalizer changes nothing but the finalizer; the status in memory stays.
func (r *Reconciler) setFinalizer(ctx context.Context, order *v1alpha1.ResellerOrder, present bool) error {
	return r.patchFinalizers(ctx, order, present, v1alpha1.FinalizerRecords)
}

// publish has the solvers publish what isn't yet, several records at a time.
func (r *Reconciler) publish(ctx context.Context, s *scope) (outcome, error) {
	status := &s.order.Status
	if err := r.registerRecords(ctx, s); err != nil {
		if unknown, ok := errors.AsType[*aliasError](err); ok {
			status.Failures++
			return wait(s, ReasonSolverFailed, unknown.Error(), retryInterval(status.Failures)), nil
		}
		return outcome{}, err
	}
	// Who was replaced meanwhile must not publish what its successor has removed.
	if err := r.unchanged(ctx, s.order); err != nil {
		return outcome{}, err
	}
	var published []string
	failures := r.eachRecord(ctx, s, func(record *v1alpha1.PublishedRecord) bool {
		return !record.Presented && wanted(status.Issuance, *record)
	}, present, func(record *v1alpha1.PublishedRecord) {
		record.Presented = true
		published = append(published, record.Name)
	})
	if len(failures) > 0 {
		return r.notPublished(ctx, s, failures[0])
	}
	if len(published) > 0 && !s.manualOnly() {
		s.note("Published", "published %d record(s), first %s", len(published), published[0])
	}
	clearWaiting(status)
	return goOn, nil
}

// notPublished is what follows from the first record that isn't published.
func (r *Reconciler) notPublished(ctx context.Context, s *scope, err error) (outcome, error) {
	if errors.Is(err, errRecordBusy) {
		return outcome{after: time.Second}, nil
	}
	if pending, ok := errors.AsType[*pendingError](err); ok {
		return wait(s, ReasonAwaitingPropagation, pending.Error(), pending.after), nil
	}
	if left, err := r.leaveMethod(ctx, s, err); left || err != nil {
		return goOn, err
	}
	status := &s.order.Status
	status.Failures++
	after := retryInterval(status.Failures)
	if errors.Is(err, dcv.ErrConflict) || errors.Is(err, dcv.ErrDenied) || errors.Is(err, dcv.ErrUnsupported) {
		after = max(after, time.Minute)
	}
	return wait(s, ReasonSolverFailed, "a solver could not publish a record, nothing is lost: "+err.Error(), after), nil
}

// pendingError says that a DNS service has taken a record and works on it.
type pendingError struct {
	record  string
	message string
	after   time.Duration
}

func (e *pendingError) Error() string {
	return fmt.Sprintf("the DNS service is still storing %s: %s", e.record, e.message)
}

// minPending is how long to wait at least for a DNS service.
const minPending = 2 * time.Second

func present(ctx context.Context, hook dcv.Hook, request dcv.Request) error {
	state, err := hook.Present(ctx, request)
	if err == nil && state.Phase == dcv.Pending {
		return &pendingError{record: setKey(request), message: state.Message, after: max(minPending, state.RetryAfter)}
	}
	return err
}

// hookFunc is a call of a hook for one record.
type hookFunc func(context.Context, dcv.Hook, dcv.Request) error

// eachRecord runs a hook call for the records that are selected, at most parallelHooks at
// a time and never two on the same record set, and calls done for those that succeed.
// The errors of the others come back in the order of the records, those that pass by
// themselves last.
func (r *Reconciler) eachRecord(ctx context.Context, s *scope, selected func(*v1alpha1.PublishedRecord) bool,
	call hookFunc, done func(*v1alpha1.PublishedRecord),
) []error {
	records := s.order.Status.Records
	results := make([]error, len(records))
	chosen := make([]bool, len(records))
	hooks := r.hooksOf(ctx, s)
	group, groupCtx := errgroup.WithContext(context.WithoutCancel(ctx))
	group.SetLimit(parallelHooks)
	for i := range records {
		if chosen[i] = selected(&records[i]); !chosen[i] {
			continue
		}
		group.Go(func() error {
			results[i] = r.hookCall(groupCtx, s, hooks[records[i].Solver], records[i], call)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return []error{err}
	}
	var failures []error
	for i := range records {
		switch {
		case results[i] != nil:
			failures = append(failures, results[i])
		case chosen[i]:
			done(&records[i])
		}
	}
	slices.SortStableFunc(failures, func(a, b error) int { return cmp.Compare(passing(a), passing(b)) })
	return failures
}

// passing ranks errors by how soon they pass by themselves.
func passing(err error) int {
	if errors.Is(err, errRecordBusy) {
		return 2
	}
	if _, pending := errors.AsType[*pendingError](err); pending {
		return 1
	}
	return 0
}

// hookTimeout bounds one call of a hook.
const hookTimeout = 30 * time.Second

// solverHook is the hook of one solver, and where its Secrets are.
type solverHook struct {
	hook            dcv.Hook
	secretNamespace string
	err             error
}

// hooksOf makes the hooks of the order's solvers, one for each: a hook bounds its own
// traffic.
func (r *Reconciler) hooksOf(ctx context.Context, s *scope) map[string]solverHook {
	hooks := make(map[string]solverHook, len(s.order.Status.Solvers))
	for _, snapshot := range s.order.Status.Solvers {
		hook, err := r.Hooks(ctx, snapshot.Solver, snapshot.SecretNamespace)
		hooks[snapshot.Hash] = solverHook{hook: hook, secretNamespace: snapshot.SecretNamespace, err: err}
	}
	return hooks
}

func (r *Reconciler) hookCall(ctx context.Context, s *scope, solver solverHook, record v1alpha1.PublishedRecord, call hookFunc) error {
	switch {
	case solver.err != nil:
		return solver.err
	case solver.hook == nil:
		return fmt.Errorf("order: record %s: its solver is not in status.solvers", record.Name)
	}
	request, err := hookRequest(s.order, record, solver.secretNamespace)
	if err != nil {
		return err
	}
	if !r.records.try(setKey(request)) {
		return errRecordBusy
	}
	defer r.records.release(setKey(request))
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	return call(ctx, solver.hook, request)
}

// manualOnly reports whether a person publishes all records.
func (s *scope) manualOnly() bool {
	return !slices.ContainsFunc(s.order.Status.Solvers, func(o v1alpha1.SolverSnapshot) bool { return o.Solver.Manual == nil })
}
