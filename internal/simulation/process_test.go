package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	issuersigner "github.com/cert-manager/issuer-lib/controllers/signer"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/signer"
	"github.com/reseller-issuer/reseller-issuer/internal/simulation/store"
)

// catchUp is how long the caches of a new process may be late.
const catchUp = 20 * time.Second

// duty is what a worker does with an item, in the order in which they are done.
type duty int

const (
	sign duty = iota
	supply
	obey
)

// item is a key in a work queue.
type item struct {
	duty duty
	key  client.ObjectKey
}

// process is one process of the controller.
type process struct {
	w      *world
	number int
	cache  *store.Cache
	orders *order.Reconciler
	clerk  *order.Clerk
	signer *signer.Signer
	// queue has when items are due, and inWork those that a frozen worker has in hand.
	queue  map[item]time.Time
	inWork map[item]bool
	// late is until when the cache is late.
	late     time.Time
	failures map[item]int
	points   int
	dead     bool
	workers  []*worker
}

// worker is a goroutine of a process. It runs only while somebody waits for idle.
type worker struct {
	p *process
	// began is the revision of the store at which the worker took up its present item.
	began      int64
	idle, woke chan struct{}
	frozen     bool
	wakeAt     int
	// stalled is true if the other workers of the process go on.
	stalled bool
	// done is true once the goroutine ends.
	done bool
}

type workerKey struct{}

// boot begins a process, which looks at everything there is.
func (w *world) boot() *process {
	p := &process{w: w, number: len(w.processes), queue: map[item]time.Time{}, inWork: map[item]bool{}, failures: map[item]int{}}
	lag := w.schedule.lag
	if w.random != nil {
		lag = lags[w.random.IntN(len(lags))]
	}
	if w.quiet || p.number < 2 {
		lag = 0
	}
	p.cache = w.store.Cache(lag)
	if lag > 0 {
		p.late = time.Now().Add(catchUp)
	}
	p.build()
	w.processes = append(w.processes, p)
	w.note("p%d begins", p.number)
	p.resync()
	return p
}

// build wires the controller as cmd does.
func (p *process) build() {
	w := p.w
	api := &steppingClient{Cached: p.cache.Client(), w: w}
	past := w.store.Client()
	transport := &connection{network: w.network}
	http := providers.NewHTTPClient(providers.Options{Network: transport})
	driver := w.reseller.driver(http)
	suppliers := &order.Suppliers{
		Client: api, Secrets: past, ClusterResourceNamespace: "system",
		Drivers: map[string]order.Driver{w.reseller.name: w.mutant.driver(driver)},
	}
	limits := providers.NewLimiters(providers.LimiterOptions{PerSecond: 1000, Burst: 1000, Now: time.Now})
	operations := 0
	p.orders = &order.Reconciler{
		Client: api, Reader: past, Suppliers: suppliers, Limits: limits,
		Ledger: &ledger.Ledger{
			Client: api, Reader: past, Now: time.Now, ClusterID: clusterID,
			NewID: func() string { operations++; return fmt.Sprintf("p%d-%d", p.number, operations) },
		},
		Hooks:     w.hook,
		Observers: func(v1alpha1.Propagation) (order.Observer, error) { return w.zone, nil },
		CAA:       func(v1alpha1.Propagation) (order.CAAChecker, error) { return permitted{}, nil },
		Recorder:  unheard{}, Now: time.Now,
		OverdueAfter: 10 * day, MinPoll: time.Second, Concurrency: 2,
	}
	p.clerk = p.orders.Clerk()
	p.signer = &signer.Signer{
		Client: api, Reader: past, Suppliers: suppliers, Limits: limits,
		Recorder: signer.NewRecorder(unheard{}), Clock: clock.RealClock{},
	}
	if w.mutant.edit != nil {
		w.mutant.edit(p)
	}
}

// resync puts everything into the queue.
func (p *process) resync() {
	for _, request := range p.w.certificateRequests() {
		p.enqueue(item{sign, client.ObjectKeyFromObject(&request)})
	}
	for _, o := range p.w.orders() {
		p.enqueue(item{supply, client.ObjectKeyFromObject(&o)})
	}
	for _, purchase := range p.w.purchases() {
		if commanded(&purchase) {
			p.enqueue(item{obey, client.ObjectKeyFromObject(&purchase)})
		}
	}
}

// enqueue makes an item due now. While the cache is late everything is due again when it has caught
// up.
func (p *process) enqueue(i item) {
	p.queue[i] = time.Now()
}

// due reports whether there is work now.
func (p *process) due() bool {
	if !p.late.IsZero() && !p.late.After(time.Now()) {
		p.late = time.Time{}
		p.cache.Lag(0)
		p.resync()
	}
	_, ok := p.take(false)
	return ok
}

// next is when there will be work.
func (p *process) next() time.Time {
	next := p.late
	for i, at := range p.queue {
		if !p.inWork[i] && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// take picks the first item that is due, by duty and name, in every other process by name backwards.
func (p *process) take(remove bool) (item, bool) {
	items := slices.SortedFunc(maps.Keys(p.queue), func(a, b item) int {
		names := cmp.Compare(a.key.Name, b.key.Name)
		if p.number%2 == 0 {
			names = -names
		}
		return cmp.Or(cmp.Compare(a.duty, b.duty), names)
	})
	for _, i := range items {
		if !p.inWork[i] && !p.queue[i].After(time.Now()) {
			if remove {
				delete(p.queue, i)
			}
			return i, true
		}
	}
	return item{}, false
}

// work has a worker do what is due now, until that is done, the worker freezes, or the process
// ends.
func (p *process) work() {
	k := &worker{p: p, idle: make(chan struct{}), woke: make(chan struct{})}
	p.workers = append(p.workers, k)
	ctx := context.WithValue(p.w.Context(), workerKey{}, k)
	go func() {
		defer func() {
			k.done = true
			k.idle <- struct{}{}
		}()
		for range 20 {
			i, ok := p.take(true)
			if !ok || p.dead {
				return
			}
			p.inWork[i], k.began = true, p.w.store.Revision()
			p.handle(ctx, i)
			delete(p.inWork, i)
		}
	}()
	<-k.idle
	p.workers = slices.DeleteFunc(p.workers, func(k *worker) bool { return k.done })
}

func (p *process) handle(ctx context.Context, i item) {
	var result ctrl.Result
	var err error
	switch i.duty {
	case sign:
		result, err = p.sign(ctx, i.key)
	case supply:
		result, err = p.orders.Reconcile(ctx, ctrl.Request{NamespacedName: i.key})
	case obey:
		result, err = p.clerk.Reconcile(ctx, ctrl.Request{NamespacedName: i.key})
	}
	if err != nil {
		p.failures[i]++
		result.RequeueAfter = min(time.Second<<min(p.failures[i], 10), 1000*time.Second)
	} else {
		delete(p.failures, i)
	}
	if result.RequeueAfter <= 0 {
		return
	}
	at := time.Now().Add(result.RequeueAfter)
	if known, ok := p.queue[i]; !ok || at.Before(known) {
		p.queue[i] = at
	}
}

// sign does what issuer-lib does with a request.
func (p *process) sign(ctx context.Context, key client.ObjectKey) (ctrl.Result, error) {
	request := &cmapi.CertificateRequest{}
	if err := p.orders.Client.Get(ctx, key, request); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if order.StateOfRequest(request) != order.RequestLive {
		return ctrl.Result{}, nil
	}
	owner := &v1alpha1.ResellerIssuer{}
	if err := p.orders.Client.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: request.Spec.IssuerRef.Name}, owner); err != nil {
		return ctrl.Result{}, err
	}
	bundle, err := p.signer.Sign(ctx, issuersigner.CertificateRequestObjectFromCertificateRequest(request), owner)
	var permanent issuersigner.PermanentError
	var pending issuersigner.PendingError
	switch {
	case errors.As(err, &pending):
		return ctrl.Result{RequeueAfter: pending.RequeueAfter}, nil
	case errors.As(err, &permanent):
		apiutil.SetCertificateRequestCondition(request, cmapi.CertificateRequestConditionReady, cmmeta.ConditionFalse, cmapi.CertificateRequestReasonFailed, permanent.Error())
	case err != nil:
		return ctrl.Result{}, err
	default:
		request.Status.Certificate = bundle.ChainPEM
		apiutil.SetCertificateRequestCondition(request, cmapi.CertificateRequestConditionReady, cmmeta.ConditionTrue, cmapi.CertificateRequestReasonIssued, "")
	}
	err = p.orders.Client.Status().Update(ctx, request)
	if apierrors.IsNotFound(err) {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, err
}

// replaced reports whether another process has taken over.
func (p *process) replaced() bool {
	return slices.ContainsFunc(p.workers, func(k *worker) bool { return k.frozen && !k.stalled })
}

// frozen reports whether any worker waits to be woken.
func (p *process) frozen() bool {
	return slices.ContainsFunc(p.workers, func(k *worker) bool { return k.frozen })
}

// wake lets the frozen workers go on whose time has come, one after the other, until each has
// nothing left to do. It reports whether there were any.
func (p *process) wake(now func(at int) bool) bool {
	woken := false
	for _, k := range slices.Clone(p.workers) {
		if k.frozen && now(k.wakeAt) {
			k.frozen, woken = false, true
			k.woke <- struct{}{}
			<-k.idle
		}
	}
	p.workers = slices.DeleteFunc(p.workers, func(k *worker) bool { return k.done })
	return woken
}

// step is a point: what the schedule has for it happens now. A worker of a process that is dead
// goes no further.
func (w *world) step(ctx context.Context, m moment, what string) deed {
	k, ok := ctx.Value(workerKey{}).(*worker)
	if !ok {
		return nothing
	}
	p := k.p
	if p.dead {
		goruntime.Goexit()
	}
	p.points++
	if w.quiet {
		return nothing
	}
	if p.number == 1 {
		w.sites = append(w.sites, site{m, what})
	}
	e := w.eventAt(p, m)
	w.note("p%d#%d %s %s %s %s", p.number, p.points, time.Now().UTC().Format(time.TimeOnly), m, what, e.deed)
	w.wakeOthers()
	switch e.deed {
	case crash:
		p.dead = true
	case replace:
		w.replaceRequest()
		return nothing
	case freeze, stall:
		k.stalled = e.deed == stall
		k.freeze(e.wake)
	default:
	}
	if p.dead {
		goruntime.Goexit()
	}
	return e.deed
}

// eventAt is what happens at the present point of a process.
func (w *world) eventAt(p *process, m moment) event {
	if w.random != nil {
		return w.draw(m)
	}
	return w.schedule.at(p.number, p.points)
}

// freeze stops a worker until it is woken.
func (k *worker) freeze(wake int) {
	w := k.p.w
	if !w.anyFrozen() {
		w.changes, w.watched = 0, w.state()
	}
	k.frozen, k.wakeAt = true, wake
	k.idle <- struct{}{}
	<-k.woke
	w.woke = time.Now()
	w.note("p%d wakes", k.p.number)
}

// wakeOthers counts how often the world has changed for the workers that are frozen, and wakes
// those that wait for this change.
func (w *world) wakeOthers() {
	if !w.anyFrozen() {
		return
	}
	state := w.state()
	if state == w.watched {
		return
	}
	w.watched = state
	w.changes++
	now := w.changes
	for _, p := range w.processes {
		p.wake(func(at int) bool { return at == now })
	}
}

// state is what makes a difference to a worker that wakes: requests, the ledger, what became of the
// orders, and what the reseller did. A status that only says since when something is waited for
// makes none: it isn't what the worker has read, whatever it says.
func (w *world) state() string {
	revision, effects := w.store.Revision(), len(w.engine.Ledger())
	if revision == w.seenRevision && effects == w.seenEffects {
		return w.seenState
	}
	var text strings.Builder
	fmt.Fprint(&text, effects)
	for _, p := range w.purchases() {
		fmt.Fprint(&text, " ", p.Name, p.ResourceVersion)
	}
	for _, request := range w.certificateRequests() {
		fmt.Fprint(&text, " ", request.Name, request.ResourceVersion)
	}
	for _, o := range w.orders() {
		fmt.Fprint(&text, " ", o.UID, o.Generation, o.Status.State, len(o.Status.Records))
		if issuance := o.Status.Issuance; issuance != nil {
			fmt.Fprint(&text, " ", issuance.State, issuance.Purchase, len(issuance.Challenges), issuance.CSRDigest)
		}
	}
	w.seenRevision, w.seenEffects, w.seenState = revision, effects, text.String()
	return w.seenState
}

// changed is the watch of all processes.
func (w *world) changed(c store.Change) {
	object := c.New
	if object == nil {
		object = c.Old
	}
	for _, p := range w.processes {
		if !p.dead {
			p.watch(c, object)
		}
	}
}

// watch does what the watches of order and signer do with a change.
func (p *process) watch(c store.Change, object client.Object) {
	switch object := object.(type) {
	case *v1alpha1.ResellerOrder:
		if c.Old == nil || c.New == nil || c.Old.GetGeneration() != c.New.GetGeneration() {
			p.enqueue(item{supply, client.ObjectKeyFromObject(object)})
		}
		p.enqueueRequests()
	case *cmapi.CertificateRequest:
		p.enqueue(item{sign, client.ObjectKeyFromObject(object)})
		p.enqueueOrdersOf(object)
	case *v1alpha1.ResellerPurchase:
		if c.New == nil || object.Spec.Resolution != nil {
			p.enqueue(item{supply, client.ObjectKey{Namespace: object.Spec.OrderNamespace, Name: object.Spec.OrderName}})
		}
		if c.New != nil && commanded(object) {
			p.enqueue(item{obey, client.ObjectKeyFromObject(object)})
		}
	case *v1alpha1.ResellerIssuer:
		p.resync()
	}
}

// enqueueOrdersOf wakes the order that serves a request.
func (p *process) enqueueOrdersOf(request *cmapi.CertificateRequest) {
	for _, o := range p.w.orders() {
		if o.Spec.Request != nil && o.Spec.Request.UID == request.UID {
			p.enqueue(item{supply, client.ObjectKeyFromObject(&o)})
		}
	}
}

// enqueueRequests wakes the requests that wait for an order.
func (p *process) enqueueRequests() {
	for _, request := range p.w.live() {
		p.enqueue(item{sign, client.ObjectKeyFromObject(&request)})
	}
}
