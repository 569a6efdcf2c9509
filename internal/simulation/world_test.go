package simulation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
	"github.com/reseller-issuer/reseller-issuer/internal/simulation/store"
)

const (
	team      = "team"
	issuer    = "shop"
	clusterID = "cluster"
	// other is a second account at the reseller.
	other    = "other"
	otherKey = "other-api-key"
	day      = 24 * time.Hour
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

var scheme = sync.OnceValue(func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, cmapi.AddToScheme, corev1.AddToScheme, certificatesv1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return scheme
})

// authority is shared by all runs. Bubbles begin at midnight 2000-01-01 UTC.
var authority = sync.OnceValue(func() *sandbox.CA {
	ca, err := sandbox.NewCA(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		panic(err)
	}
	return ca
})

// world is one run: a cluster, a reseller, and the processes of the controller.
type world struct {
	*testing.T
	reseller reseller
	scenario scenario
	schedule schedule
	// random draws what the schedule doesn't say; nil for nothing.
	random *mathrand.Rand
	mutant mutant

	store    *store.Store
	engine   *sandbox.Engine
	network  *network
	zone     *zone
	requests int

	processes []*process
	// watched is the state of the world that frozen workers last saw, and changes how often it
	// has changed since the first of them froze.
	watched string
	changes int
	// seen are the last state, and what it was made of.
	seenState    string
	seenRevision int64
	seenEffects  int
	// quiet is true while the scenario is prepared: nothing goes wrong then.
	quiet  bool
	rounds int
	trace  []string
	// sites are the points of process 1 of the scenario.
	sites []site
	// drawn is how many events were drawn at random.
	drawn int
	// replaced is how often a request was replaced.
	replaced int
	// byHand is how many orders a person placed in the reseller's panel.
	byHand int
	// woke is when a frozen worker last woke.
	woke time.Time
	// meanwhile is one more than the length of the reseller's ledger when people did what they
	// do while no process runs; 0 before.
	meanwhile int
}

func newWorld(t *testing.T, r reseller, sc scenario, s schedule, m mutant) *world {
	t.Helper()
	w := &world{T: t, reseller: r, scenario: sc, schedule: s, mutant: m, zone: &zone{records: map[string]bool{}}, quiet: true}
	if s.seed != 0 {
		w.random = mathrand.New(mathrand.NewPCG(s.seed, s.seed))
	}
	w.store = store.New(scheme(), time.Now)
	require.NoError(t, order.AddIndexes(t.Context(), w.store))
	w.store.OnChange(w.changed)
	var err error
	w.engine, err = sandbox.New(sandbox.Config{
		Now: time.Now, Rand: mathrand.NewChaCha8([32]byte{}), CA: authority(),
		Accounts: []sandbox.Account{
			{Name: sandbox.DefaultAccount, Key: sandbox.DefaultAPIKey, Balance: 1_000_000, Currency: "USD"},
			{Name: other, Key: otherKey, Balance: 1_000_000, Currency: "USD"},
		},
		Validator: sandbox.ValidatorFunc(w.zone.validate),
	})
	require.NoError(t, err)
	w.network = newNetwork(w)
	w.populate()
	return w
}

// populate makes the namespace's issuer with its Secrets.
func (w *world) populate() {
	w.Helper()
	for name, key := range map[string]string{sandbox.DefaultAccount: sandbox.DefaultAPIKey, other: otherKey} {
		w.create(&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: name},
			Data:       map[string][]byte{"account": []byte(name), "key": []byte(key)},
		})
	}
	ten, reissue := int32(10), w.reseller.reissue
	if reissue == "" {
		reissue = v1alpha1.ReissueWhenSafe
	}
	object := &v1alpha1.ResellerIssuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: issuer},
		Spec: v1alpha1.ResellerIssuerSpec{
			Term: v1alpha1.Term{Months: 12},
			DCV: v1alpha1.DCV{
				Methods: []v1alpha1.DCVMethod{v1alpha1.DCVMethodCNAME}, CAAPolicy: v1alpha1.CAAIgnore,
				Solvers:     []v1alpha1.Solver{{RFC2136: &v1alpha1.SolverRFC2136{Nameserver: "192.0.2.1"}}},
				Propagation: v1alpha1.Propagation{SettleTime: &metav1.Duration{}},
			},
			Purchase: v1alpha1.PurchasePolicy{
				Mode: v1alpha1.PurchaseLive, Reissue: reissue,
				Budgets:     []v1alpha1.Budget{{Window: metav1.Duration{Duration: day}, MaxPurchases: &ten}},
				LoopBreaker: v1alpha1.LoopBreaker{MaxPurchases: 2, MaxReissues: 5},
			},
		},
	}
	pointTo(w, sandbox.DefaultAccount)(&object.Spec)
	w.create(object)
}

func (w *world) create(object client.Object) {
	w.Helper()
	require.NoError(w, w.store.Client().Create(w.Context(), object))
}

// editIssuer changes the issuer as an admin does.
func (w *world) editIssuer(change func(*v1alpha1.ResellerIssuerSpec)) {
	w.Helper()
	object := &v1alpha1.ResellerIssuer{}
	require.NoError(w, w.store.Client().Get(w.Context(), client.ObjectKey{Namespace: team, Name: issuer}, object))
	change(&object.Spec)
	require.NoError(w, w.store.Client().Update(w.Context(), object))
}

// pointTo is a change of the issuer to another account.
func pointTo(w *world, account string) func(*v1alpha1.ResellerIssuerSpec) {
	return func(spec *v1alpha1.ResellerIssuerSpec) {
		spec.Reseller = w.reseller.section(v1alpha1.ResellerAccess{CredentialsSecretRef: v1alpha1.SecretReference{Name: account}}, account)
	}
}

// csrOf is a signing request, always the same for a number and a name.
func csrOf(number int, name string) []byte {
	type question struct {
		number int
		name   string
	}
	made, _ := csrs.LoadOrStore(question{number, name}, sync.OnceValue(func() []byte {
		scalar := make([]byte, 32)
		scalar[0], scalar[31] = 1, byte(number+1)
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
		if err != nil {
			panic(err)
		}
		der, err := x509.CreateCertificateRequest(nil, &x509.CertificateRequest{
			Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, SignatureAlgorithm: x509.ECDSAWithSHA256,
		}, key)
		if err != nil {
			panic(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	}))
	return made.(func() []byte)()
}

var csrs sync.Map

// ask does what cert-manager does for a Certificate that needs a certificate: a request with a
// new key, approved. Names are those of the Certificate in DNS, below example.com.
func (w *world) ask(certificate, name string) *cmapi.CertificateRequest {
	w.Helper()
	c := w.store.Client()
	owner := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: certificate}}
	if err := c.Get(w.Context(), client.ObjectKeyFromObject(owner), owner); err != nil {
		w.create(owner)
	}
	w.requests++
	request := &cmapi.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: team, Name: fmt.Sprintf("%s-%d", certificate, w.requests),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, cmapi.SchemeGroupVersion.WithKind(cmapi.CertificateKind))},
		},
		Spec: cmapi.CertificateRequestSpec{Request: csrOf(w.requests, name), IssuerRef: cmmeta.IssuerReference{Name: issuer}},
	}
	w.create(request)
	apiutil.SetCertificateRequestCondition(request, cmapi.CertificateRequestConditionApproved, cmmeta.ConditionTrue, "ok", "ok")
	require.NoError(w, c.Status().Update(w.Context(), request))
	return request
}

// renew does what cert-manager does when a certificate gets old: the request before goes.
func (w *world) renew(certificate, name string) {
	w.Helper()
	for _, request := range w.certificateRequests() {
		if metav1.GetControllerOf(&request).Name == certificate {
			require.NoError(w, w.store.Client().Delete(w.Context(), &request))
		}
	}
	w.ask(certificate, name)
}

// replaceRequest gives the Certificate of a live request a new key. The old request stays,
// as it does when a person asks twice.
func (w *world) replaceRequest() {
	for _, request := range w.certificateRequests() {
		if order.StateOfRequest(&request) != order.RequestLive {
			continue
		}
		csr, _ := pem.Decode(request.Spec.Request)
		parsed, err := x509.ParseCertificateRequest(csr.Bytes)
		require.NoError(w, err)
		// Creation times have whole seconds.
		pass(time.Second)
		w.replaced++
		w.renew(metav1.GetControllerOf(&request).Name, parsed.DNSNames[0])
		return
	}
}

func (w *world) certificateRequests() []cmapi.CertificateRequest {
	w.Helper()
	var list cmapi.CertificateRequestList
	require.NoError(w, w.store.Client().List(w.Context(), &list))
	return list.Items
}

func (w *world) orders() []v1alpha1.ResellerOrder {
	w.Helper()
	var list v1alpha1.ResellerOrderList
	require.NoError(w, w.store.Client().List(w.Context(), &list))
	return list.Items
}

func (w *world) purchases() []v1alpha1.ResellerPurchase {
	w.Helper()
	var list v1alpha1.ResellerPurchaseList
	require.NoError(w, w.store.Client().List(w.Context(), &list))
	ledger.Sort(list.Items)
	return list.Items
}

// live are the requests that still want a certificate, without those that cert-manager has given
// up: a younger one of the same Certificate is ready.
func (w *world) live() []cmapi.CertificateRequest {
	all := w.certificateRequests()
	return slices.DeleteFunc(slices.Clone(all), func(r cmapi.CertificateRequest) bool {
		return order.StateOfRequest(&r) != order.RequestLive || slices.ContainsFunc(all, func(o cmapi.CertificateRequest) bool {
			return metav1.GetControllerOf(&o).UID == metav1.GetControllerOf(&r).UID && r.CreationTimestamp.Before(&o.CreationTimestamp) &&
				order.StateOfRequest(&o) == order.RequestReady
		})
	})
}

// settled reports whether there is nothing left to wait for: no live request, no records.
func (w *world) settled() bool {
	if len(w.live()) > 0 || w.anyCommand() {
		return false
	}
	return !slices.ContainsFunc(w.orders(), func(o v1alpha1.ResellerOrder) bool {
		return len(o.Status.Records) > 0 || o.Status.Certificate != nil && len(o.Status.Certificate.Chain) > 0
	})
}

// commanded reports whether a person has asked something of a purchase that isn't answered.
func commanded(p *v1alpha1.ResellerPurchase) bool {
	return p.Spec.Command != nil || openCommand(p)
}

// openCommand reports whether the outcome of what a person asked isn't known.
func openCommand(p *v1alpha1.ResellerPurchase) bool {
	return p.Spec.CommandOperation != nil && p.Spec.CommandOperation.Outcome == v1alpha1.OperationIntended
}

func (w *world) anyCommand() bool {
	return slices.ContainsFunc(w.purchases(), func(p v1alpha1.ResellerPurchase) bool { return commanded(&p) })
}

// maxRounds is far beyond what any run needs without time passing: who gets there runs in circles.
const maxRounds = 100

// run lets the processes work until everything is settled or a span of time is over.
func (w *world) run(span time.Duration) {
	w.Helper()
	end := time.Now().Add(span)
	for {
		if w.rounds++; w.rounds > maxRounds {
			return
		}
		if w.round() {
			continue
		}
		if w.settled() && !w.anyFrozen() {
			return
		}
		next := w.next()
		if w.woke.Add(span).After(end) {
			end = w.woke.Add(span)
		}
		if next.IsZero() || next.After(end) {
			if !w.wakeFrozen() {
				return
			}
			continue
		}
		pass(time.Until(next))
		w.rounds = 0
		w.engine.Tick(w.Context())
	}
}

// round lets each process do what is due and reports whether there was anything.
func (w *world) round() bool {
	worked := false
	// A process that is started meanwhile takes its turn in the next round.
	for i := range w.processes {
		if p := w.processes[i]; !p.dead && p.due() {
			p.work()
			worked = true
		}
	}
	w.replaceDead()
	return worked
}

// next is when a process has something to do, zero for never.
func (w *world) next() time.Time {
	var next time.Time
	for _, p := range w.processes {
		if at := p.next(); !p.dead && !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// replaceDead begins a process in place of one that died or froze, as the lease has it.
func (w *world) replaceDead() {
	if slices.ContainsFunc(w.processes, func(p *process) bool { return !p.dead && !p.replaced() }) {
		return
	}
	if w.scenario.meanwhile != nil && w.meanwhile == 0 && !w.quiet {
		w.meanwhile = len(w.engine.Ledger()) + 1
		w.scenario.meanwhile(w)
	}
	w.boot()
}

func (w *world) anyFrozen() bool {
	return slices.ContainsFunc(w.processes, func(p *process) bool { return !p.dead && p.frozen() })
}

// wakeFrozen wakes all that are still frozen and reports whether there were any.
func (w *world) wakeFrozen() bool {
	woken := false
	for _, p := range w.processes {
		woken = p.wake(func(int) bool { return true }) || woken
	}
	return woken
}

// kill ends all processes, so that the bubble can end.
func (w *world) kill() {
	for _, p := range w.processes {
		p.dead = true
		p.wake(func(int) bool { return true })
	}
}

// note adds a line to the trace.
func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}
