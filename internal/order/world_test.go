package order

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
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
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// world is a cluster with one issuer, one Certificate's order and one reseller account.
type world struct {
	t        *testing.T
	clock    *manualClock
	reseller *reseller
	provider providers.Provider
	zone     *dnsZone
	caa      *caaAnswer
	web      *webView
	recorder *recorder
	// client is the API server; api is what the process under test sees of it.
	client client.Client
	api    client.Client
	r      *Reconciler
	key    client.ObjectKey
	issuer *v1alpha1.ResellerIssuer
	// solver that hooks were made of last.
	solvers []v1alpha1.Solver
}

var testScheme = sync.OnceValue(func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, cmapi.AddToScheme, corev1.AddToScheme, certificatesv1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return scheme
})

type option func(*world)

func withEverything(w *world) { w.provider = asEverything(w.reseller) }

func issuerSpec(edit func(*v1alpha1.ResellerIssuerSpec)) option {
	return func(w *world) { edit(&w.issuer.Spec) }
}

func indexer(b *fake.ClientBuilder) client.FieldIndexer { return builderIndexer{b} }

type builderIndexer struct{ builder *fake.ClientBuilder }

func (i builderIndexer) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	i.builder.WithIndex(object, field, values)
	return nil
}

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	builder := fake.NewClientBuilder().WithScheme(testScheme()).WithStatusSubresource(&v1alpha1.ResellerOrder{}, &v1alpha1.ResellerIssuer{}, &cmapi.CertificateRequest{})
	require.NoError(t, AddIndexes(t.Context(), indexer(builder)))
	w := &world{
		t: t, clock: &manualClock{now: testNow}, client: builder.Build(), recorder: &recorder{},
		web:  &webView{},
		zone: &dnsZone{records: map[string]bool{}}, caa: &caaAnswer{result: caa.Result{Verdict: caa.Allowed}},
		key: client.ObjectKey{Namespace: "team", Name: "web"},
	}
	w.reseller = newReseller(w.clock.Now)
	w.provider = asUsual(w.reseller)
	w.issuer = testIssuer()
	for _, o := range options {
		o(w)
	}
	w.create(w.issuer)
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "credentials", UID: "secret"}})
	w.restart(w.client)
	return w
}

func testIssuer() *v1alpha1.ResellerIssuer {
	ten := int32(10)
	return &v1alpha1.ResellerIssuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "shop", UID: "issuer", Generation: 1},
		Spec: v1alpha1.ResellerIssuerSpec{
			Reseller: v1alpha1.Reseller{CyberSSL: &v1alpha1.CyberSSL{ResellerAccess: v1alpha1.ResellerAccess{CredentialsSecretRef: v1alpha1.SecretReference{Name: "credentials"}}}},
			Term:     v1alpha1.Term{Months: 12},
			DCV: v1alpha1.DCV{
				Methods: []v1alpha1.DCVMethod{v1alpha1.DCVMethodTXT},
				Solvers: []v1alpha1.Solver{{RFC2136: &v1alpha1.SolverRFC2136{Nameserver: "192.0.2.1"}}},
			},
			Purchase: v1alpha1.PurchasePolicy{
				Mode: v1alpha1.PurchaseLive, Reissue: v1alpha1.ReissueWhenSafe,
				Budgets:     []v1alpha1.Budget{{Window: metav1.Duration{Duration: testDay}, MaxPurchases: &ten}},
				LoopBreaker: v1alpha1.LoopBreaker{MaxPurchases: 2, MaxReissues: 5},
			},
		},
	}
}

// restart begins a new process that sees the API server through a client.
func (w *world) restart(api client.Client) {
	w.api = api
	n := 0
	limits := providers.NewLimiters(providers.LimiterOptions{PerSecond: 1000, Burst: 1000, Now: w.clock.Now})
	w.r = &Reconciler{
		Client: api, Reader: api, Limits: limits, Recorder: w.recorder, Now: w.clock.Now, Files: w.web,
		CAA:          func(v1alpha1.Propagation) (CAAChecker, error) { return w.caa, nil },
		OverdueAfter: 24 * time.Hour, MinPoll: time.Second, Concurrency: 1,
		Suppliers: &Suppliers{
			Client: api, Secrets: api, ClusterResourceNamespace: "system",
			Drivers: map[string]Driver{"cyberssl": {
				Access: func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.CyberSSL.ResellerAccess },
				New: func(*v1alpha1.ResellerIssuerSpec, map[string][]byte) (providers.Provider, error) {
					return w.provider, nil
				},
			}},
		},
		Ledger: &ledger.Ledger{
			Client: api, Reader: api, Now: w.clock.Now, ClusterID: testCluster,
			NewID: func() string { n++; return fmt.Sprintf("op-%d-%d", w.clock.Now().Unix(), n) },
		},
		Hooks: func(_ context.Context, solver v1alpha1.Solver, _ string) (dcv.Hook, error) {
			w.solvers = append(w.solvers, solver)
			return w.zone, nil
		},
		Observers: func(v1alpha1.Propagation) (Observer, error) { return w.zone, nil },
	}
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	require.NoError(w.t, w.client.Create(w.t.Context(), object))
}

// ask makes an approved request with a key and points the order to it.
func (w *world) ask(name string, key func() *ecdsa.PrivateKey, names ...string) {
	w.t.Helper()
	if len(names) == 0 {
		names = testNames
	}
	csr := csrPEM(w.t, key, names...)
	request := &cmapi.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID("uid-" + name)},
		Spec:       cmapi.CertificateRequestSpec{Request: csr},
	}
	apiutil.SetCertificateRequestCondition(request, cmapi.CertificateRequestConditionApproved, cmmeta.ConditionTrue, "ok", "ok")
	w.create(request)
	sorted := slices.Sorted(slices.Values(names))
	wanted := &v1alpha1.OrderRequest{
		Kind: v1alpha1.RequestKindCertificateRequest, Name: name, UID: request.UID, CreatedAt: metav1.NewTime(w.clock.Now()),
		CSR: csr, CSRDigest: digestOf(w.t, csr), CommonName: names[0], Names: sorted, CertificateUID: "certificate",
	}
	order := &v1alpha1.ResellerOrder{}
	if err := w.client.Get(w.t.Context(), w.key, order); err == nil {
		order.Spec.Request = wanted
		require.NoError(w.t, w.client.Update(w.t.Context(), order))
		return
	}
	w.create(&v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web", UID: "order"},
		Spec: v1alpha1.ResellerOrderSpec{
			IssuerRef: v1alpha1.IssuerReference{Kind: KindIssuer, Namespace: "team", Name: "shop"},
			Key:       testKey, CertificateName: "web", Request: wanted,
		},
	})
}

func (w *world) order() *v1alpha1.ResellerOrder {
	w.t.Helper()
	order := &v1alpha1.ResellerOrder{}
	require.NoError(w.t, w.client.Get(w.t.Context(), w.key, order))
	return order
}

func (w *world) state() v1alpha1.OrderState { return w.order().Status.State }

// waitsFor is the reason for which the order waits, empty if for none.
func (w *world) waitsFor() Reason {
	if waiting := w.order().Status.Waiting; waiting != nil {
		return Reason(waiting.Reason)
	}
	return ""
}

func (w *world) purchases() []v1alpha1.ResellerPurchase {
	w.t.Helper()
	list := &v1alpha1.ResellerPurchaseList{}
	require.NoError(w.t, w.client.List(w.t.Context(), list))
	ledger.Sort(list.Items)
	return list.Items
}

func (w *world) purchaseStates() []v1alpha1.PurchaseState {
	var states []v1alpha1.PurchaseState
	for _, p := range w.purchases() {
		states = append(states, p.Spec.State)
	}
	return states
}

// edit changes a purchase as an admin does.
func (w *world) edit(number int, change specEdit) {
	w.t.Helper()
	p := w.purchases()[number-1]
	change(&p.Spec)
	require.NoError(w.t, w.client.Update(w.t.Context(), &p))
}

// editIssuer changes the issuer as an admin does.
func (w *world) editIssuer(change func(*v1alpha1.ResellerIssuerSpec)) {
	w.t.Helper()
	require.NoError(w.t, w.client.Get(w.t.Context(), client.ObjectKeyFromObject(w.issuer), w.issuer))
	change(&w.issuer.Spec)
	w.issuer.Generation++
	require.NoError(w.t, w.client.Update(w.t.Context(), w.issuer))
}

func (w *world) reconcile() (ctrl.Result, error) {
	return w.r.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: w.key})
}

// run reconciles and lets the time pass that each reconciliation asks for, until the order
// rests for good, a condition is met, or a span of time is over.
func (w *world) run(span time.Duration, until ...func() bool) {
	w.t.Helper()
	end := w.clock.Now().Add(span)
	for range 2000 {
		result, err := w.reconcile()
		require.NoError(w.t, err)
		if len(until) > 0 && until[0]() {
			return
		}
		if result.RequeueAfter == 0 || w.clock.Now().Add(result.RequeueAfter).After(end) {
			return
		}
		w.clock.advance(result.RequeueAfter)
	}
	w.t.Fatalf("the order never rests: %s", w.order().Status.Message)
}

func (w *world) untilState(state v1alpha1.OrderState) {
	w.t.Helper()
	w.run(48*time.Hour, func() bool { return w.state() == state })
	require.Equal(w.t, state, w.state(), w.order().Status.Message)
}

func (w *world) untilWaiting(reason Reason) {
	w.t.Helper()
	w.run(48*time.Hour, func() bool { return w.waitsFor() == reason })
	require.Equal(w.t, reason, w.waitsFor(), w.order().Status.Message)
}

// handOver does what the signer does with a certificate that is there.
func (w *world) handOver() {
	w.t.Helper()
	order := w.order()
	require.NotNil(w.t, order.Status.Certificate)
	require.Equal(w.t, order.Spec.Request.CSRDigest, order.Status.Certificate.CSRDigest)
	request := w.request()
	request.Status.Certificate = order.Status.Certificate.Chain
	apiutil.SetCertificateRequestCondition(request, cmapi.CertificateRequestConditionReady, cmmeta.ConditionTrue, cmapi.CertificateRequestReasonIssued, "")
	require.NoError(w.t, w.client.Status().Update(w.t.Context(), request))
}

func (w *world) request() *cmapi.CertificateRequest {
	w.t.Helper()
	request := &cmapi.CertificateRequest{}
	require.NoError(w.t, w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "team", Name: w.order().Spec.Request.Name}, request))
	return request
}

// atMostOnce is what must hold whatever happens.
func (w *world) atMostOnce() {
	w.t.Helper()
	w.reseller.mu.Lock()
	defer w.reseller.mu.Unlock()
	for intent, n := range w.reseller.sent {
		require.Equal(w.t, 1, n, "intent %s was sent %d times", intent, n)
	}
}

var errBroken = errors.New("the API server is not reachable")
