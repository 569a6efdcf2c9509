package order

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/propagation"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// maxSteps bounds one reconciliation; what is left comes with the next.
const maxSteps = 25

// HookFactory makes the hook of a solver. Its Secrets are in the namespace given.
type HookFactory func(ctx context.Context, solver v1alpha1.Solver, secretNamespace string) (dcv.Hook, error)

// Observer looks into the DNS as an issuer's settings say.
type Observer interface {
	// CheckAll looks once whether records are published: one observation for each.
	CheckAll(ctx context.Context, records []dcv.Record) ([]propagation.Observation, error)
	// Target is the name to which the CNAMEs at a name lead, the name itself without any.
	Target(ctx context.Context, name string) (string, error)
	// Zone is the apex of the zone that a name lies in.
	Zone(ctx context.Context, name string) (string, error)
}

// ObserverFactory makes the observer for an issuer's settings.
type ObserverFactory func(settings v1alpha1.Propagation) (Observer, error)

// CAAChecker judges the CAA records of names: one result for each.
type CAAChecker interface {
	CheckAll(ctx context.Context, questions []caa.Question) []caa.Result
}

// FileChecker looks at what the world gets over HTTP.
type FileChecker interface {
	// Fetch returns nil if the world gets the file as it is published.
	Fetch(ctx context.Context, file dcv.File) error
	// Canary returns nil if requests for a host arrive at this controller.
	Canary(ctx context.Context, host string) error
}

// CAAFactory makes the checker for an issuer's settings.
type CAAFactory func(settings v1alpha1.Propagation) (CAAChecker, error)

// Reconciler supplies ResellerOrders.
type Reconciler struct {
	// Client reads from the cache and writes; Reader reads past the cache.
	Client client.Client
	Reader client.Reader

	Suppliers *Suppliers
	Ledger    *ledger.Ledger
	Limits    *providers.Limiters
	Hooks     HookFactory
	Observers ObserverFactory
	CAA       CAAFactory
	Files     FileChecker
	// Intermediates fetches what issuers permit; its AllowedHosts are set per issuer.
	Intermediates chain.Fetcher
	Recorder      events.EventRecorder
	// Monitor may be nil.
	Monitor Monitor
	Now     func() time.Time

	// OverdueAfter marks orders whose request waits longer.
	OverdueAfter time.Duration
	// MinPoll is the shortest time between two polls of one order.
	MinPoll time.Duration
	// Concurrency is the number of orders worked on at a time.
	Concurrency int

	buyers  locks
	records locks
	lists   locks
	watches watches
	polls   polls
	// unrecorded are the outcomes by intent that this process knows and could not
	// store: functions that store them.
	unrecorded sync.Map
}

// scope is one reconciliation.
type scope struct {
	order    *v1alpha1.ResellerOrder
	view     View
	supplier *Supplier
	events   []happening
	// wrote is true once this reconciliation has written to the ledger: the cache is
	// behind then.
	wrote bool
}

type happening struct {
	warning bool
	reason  string
	message string
}

// note announces a transition once its status is written.
func (s *scope) note(reason, format string, args ...any) {
	s.events = append(s.events, happening{reason: reason, message: fmt.Sprintf(format, args...)})
}

// outcome tells what follows a step: another step at once, or a pause.
type outcome struct {
	again bool
	after time.Duration
}

var goOn = outcome{again: true}

// Reconcile takes as many steps as there are to take now. Each step's status is
// written before the next is decided, so that nothing rests on a stale cache
// within one reconciliation.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	order := &v1alpha1.ResellerOrder{}
	if err := r.Client.Get(ctx, request.NamespacedName, order); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	ctx = log.IntoContext(ctx, orderLogger(ctx, order))
	s := &scope{order: order}
	for range maxSteps {
		result, err := r.step(ctx, s)
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			// Somebody else wrote, or the cache was behind: the newer object comes
			// through the watch, this only makes sure.
			return ctrl.Result{RequeueAfter: time.Second}, nil
		}
		if err != nil {
			return ctrl.Result{}, err
		}
		if !result.again {
			return ctrl.Result{RequeueAfter: result.after}, nil
		}
	}
	return ctrl.Result{RequeueAfter: time.Second}, nil
}

// orderLogger names the order's key, and the request that is served: what a person who reads the
// log looks for.
func orderLogger(ctx context.Context, order *v1alpha1.ResellerOrder) logr.Logger {
	values := []any{"key", order.Spec.Key}
	if request := order.Spec.Request; request != nil {
		values = append(values, "request", request.Name, "requestUID", request.UID)
	}
	return log.FromContext(ctx).WithValues(values...)
}

// step decides, acts and writes the status.
func (r *Reconciler) step(ctx context.Context, s *scope) (outcome, error) {
	if err := r.gather(ctx, s); err != nil {
		return outcome{}, err
	}
	before := s.order.DeepCopy()
	ctx = r.enter(ctx, s.order)
	action := next(s.view)
	log.FromContext(ctx).V(1).Info("next step", "action", fmt.Sprintf("%T", action))
	result, err := r.act(ctx, s, action)
	if err != nil {
		return outcome{}, err
	}
	switch action.(type) {
	case Release, CancelUnissued:
		return result, nil
	}
	if err := r.guardUnissued(ctx, s); err != nil {
		return outcome{}, err
	}
	summarise(s.order, s.view, r.OverdueAfter)
	if err := r.write(ctx, before, s); err != nil {
		return outcome{}, err
	}
	if result.after > 0 {
		// Never in phase with other orders, and never past the point at which an
		// overdue mark is due.
		result.after = min(max(result.after, time.Second), time.Hour)
	}
	return result, nil
}

// write stores the status if it changed, and announces the transition.
func (r *Reconciler) write(ctx context.Context, before *v1alpha1.ResellerOrder, s *scope) error {
	if !equality.Semantic.DeepEqual(before.Status, s.order.Status) {
		if err := r.Client.Status().Update(ctx, s.order); err != nil {
			return fmt.Errorf("order: write status: %w", err)
		}
		announceState(before, s)
	}
	r.stored(ctx, before, s)
	r.emit(ctx, s)
	return nil
}

// act carries an action out.
func (r *Reconciler) act(ctx context.Context, s *scope, action Action) (outcome, error) {
	switch a := action.(type) {
	case Rest:
		return rest(s, a), nil
	case Hold:
		return heldByPlan(s, a), nil
	case GoIdle:
		goIdle(s)
		return goOn, nil
	case Start:
		start(s, a.Plan)
		return goOn, nil
	case Release:
		return outcome{}, r.release(ctx, s.order)
	case Deliver:
		return r.deliver(ctx, s)
	case Resolve, Import, Obey, Forget, CancelUnissued:
		return r.byPerson(ctx, s, action)
	case Preflight, Prepare, Publish, Observe, RemoveRecords:
		return r.actOnDCV(ctx, s, action)
	case Pay, Reissue, Enrol:
		return r.spend(ctx, s, a)
	case Recover, Poll, AskValidation:
		return r.follow(ctx, s, action)
	}
	return outcome{}, fmt.Errorf("order: unknown action %T", action)
}

// spend makes a call that can't be repeated.
func (r *Reconciler) spend(ctx context.Context, s *scope, action Action) (outcome, error) {
	switch a := action.(type) {
	case Pay:
		return r.pay(ctx, s, a)
	case Reissue:
		return r.reissue(ctx, s, a)
	case Enrol:
		return r.enrol(ctx, s, a)
	}
	return outcome{}, fmt.Errorf("order: %T is not a call that can't be repeated", action)
}

// follow asks the reseller what became of an order, or to go on with it.
func (r *Reconciler) follow(ctx context.Context, s *scope, action Action) (outcome, error) {
	switch a := action.(type) {
	case Recover:
		return r.recover(ctx, s, a.Purchase)
	case Poll:
		return r.poll(ctx, s, a.Purchase)
	case AskValidation:
		return r.askValidation(ctx, s, a.Purchase)
	}
	return outcome{}, fmt.Errorf("order: %T follows no order", action)
}

// byPerson does what a person has written into the ledger or the order, or wants to be done
// when an order is deleted.
func (r *Reconciler) byPerson(ctx context.Context, s *scope, action Action) (outcome, error) {
	switch a := action.(type) {
	case Resolve:
		return r.resolve(ctx, s, a.Purchase)
	case Import:
		return r.importOrder(ctx, s, a.Purchase)
	case Obey:
		return r.obey(ctx, s, a.Command)
	case Forget:
		return goOn, r.forget(ctx, s)
	case CancelUnissued:
		return outcome{}, r.cancelUnissued(ctx, s)
	}
	return outcome{}, fmt.Errorf("order: %T is no word of a person", action)
}

func (r *Reconciler) actOnDCV(ctx context.Context, s *scope, action Action) (outcome, error) {
	switch action.(type) {
	case Preflight:
		return r.preflight(ctx, s)
	case Prepare:
		return r.prepare(ctx, s)
	case Publish:
		return r.publish(ctx, s)
	case Observe:
		return r.observe(ctx, s)
	}
	return r.removeRecords(ctx, s)
}

func rest(s *scope, a Rest) outcome {
	if a.Until.IsZero() {
		return outcome{}
	}
	return outcome{after: max(a.Until.Sub(s.view.Now), time.Second)}
}

// locks are non-blocking locks by name.
type locks struct{ held sync.Map }

func (l *locks) try(name string) bool {
	_, taken := l.held.LoadOrStore(name, struct{}{})
	return !taken
}

func (l *locks) release(name string) { l.held.Delete(name) }

// watches remember since when this process looks for the effects of open intents.
type watches struct {
	mu    sync.Mutex
	known map[string]Watch
}

func (w *watches) snapshot(names []string, now time.Time) map[string]Watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := make(map[string]Watch, len(names))
	for _, name := range names {
		if w.known == nil {
			w.known = map[string]Watch{}
		}
		if _, ok := w.known[name]; !ok {
			w.known[name] = Watch{Since: now}
		}
		seen[name] = w.known[name]
	}
	return seen
}

// look notes a search and returns how long this process has watched.
func (w *watches) look(name string, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	watch, ok := w.known[name]
	if !ok {
		watch.Since = now
	}
	watch.LastLook = now
	if w.known == nil {
		w.known = map[string]Watch{}
	}
	w.known[name] = watch
	return now.Sub(watch.Since)
}

func (w *watches) forget(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.known, name)
}
