package signer

import (
	"context"
	"errors"
	"fmt"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	issuerapi "github.com/cert-manager/issuer-lib/api/v1alpha1"
	"github.com/cert-manager/issuer-lib/controllers"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// maxRetryDuration is issuer-lib's limit for the age of a request with a plain error.
	// Sign never returns one; this is the second lock on that door.
	maxRetryDuration = 20 * 365 * 24 * time.Hour

	// A check that failed is a login with bad credentials or a call to a reseller in
	// trouble: too many lock accounts.
	minCheckDelay = 2 * time.Second
	maxCheckDelay = 5 * time.Minute
)

// Options of the controllers.
type Options struct {
	Suppliers *order.Suppliers
	Limits    *providers.Limiters
	// CheckSolver is that of [Signer].
	CheckSolver func(ctx context.Context, solver v1alpha1.Solver, secretNamespace string) error
	// Recorder takes the events of issuer-lib.
	Recorder events.EventRecorder
	// Checked learns what each check that succeeded has found; nil for nobody.
	Checked func(issuer v1alpha1.IssuerReference, info providers.AccountInfo)
	// Clock of the checks and of issuer-lib's conditions.
	Clock clock.WithTicker
	// Concurrency is the number of workers of each controller.
	Concurrency int
	// RecheckInterval is how often issuers that are ready are checked.
	RecheckInterval time.Duration
	// WatchSecrets has issuers checked when a Secret changes that they name. Which
	// namespaces are watched is up to the manager's cache; only metadata are.
	WatchSecrets bool
}

// Setup registers the controllers of issuers, CertificateRequests and
// CertificateSigningRequests. It adds the types of cert-manager to the manager's scheme.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if o.Suppliers == nil || o.Limits == nil || o.CheckSolver == nil || o.Recorder == nil || o.Clock == nil {
		return errors.New("signer: set up: an option is missing")
	}
	if o.Concurrency < 1 || o.RecheckInterval <= 0 {
		return errors.New("signer: set up: concurrency and recheck interval must be positive")
	}
	s := &Signer{
		Client: mgr.GetClient(), Reader: mgr.GetAPIReader(),
		Suppliers: o.Suppliers, Limits: o.Limits, CheckSolver: o.CheckSolver,
		Recorder: NewRecorder(o.Recorder), Clock: o.Clock, Checked: o.Checked,
	}
	if err := s.addIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("signer: set up: %w", err)
	}
	combined := &controllers.CombinedController{
		IssuerTypes:         []issuerapi.Issuer{&v1alpha1.ResellerIssuer{}},
		ClusterIssuerTypes:  []issuerapi.Issuer{&v1alpha1.ResellerClusterIssuer{}},
		FieldOwner:          FieldOwner,
		MaxRetryDuration:    maxRetryDuration,
		Sign:                s.Sign,
		Check:               s.Check,
		EventRecorder:       s.Recorder,
		Clock:               o.Clock,
		PreSetupWithManager: s.configure(o),
	}
	if err := combined.SetupWithManager(ctx, mgr); err != nil {
		return fmt.Errorf("signer: set up: %w", err)
	}
	if err := (&denials{client: mgr.GetClient(), clock: o.Clock}).setup(mgr); err != nil {
		return fmt.Errorf("signer: set up: %w", err)
	}
	return nil
}

// configure adds to each of issuer-lib's controllers what it lacks. The concurrency is set
// here, too: ControllerOptions of the CombinedController reach the controllers of issuers
// only, those of requests would have one worker.
func (s *Signer) configure(o Options) func(context.Context, schema.GroupVersionKind, ctrl.Manager, *builder.Builder) error {
	return func(_ context.Context, gvk schema.GroupVersionKind, _ ctrl.Manager, build *builder.Builder) error {
		options := controller.Options{MaxConcurrentReconciles: o.Concurrency}
		switch gvk.Kind {
		case order.KindIssuer, order.KindClusterIssuer:
			options.RateLimiter = workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](minCheckDelay, maxCheckDelay)
			s.watchForIssuers(build, gvk.Kind, o)
		case cmapi.CertificateRequestKind:
			s.watchForRequests(build, v1alpha1.RequestKindCertificateRequest)
		case string(v1alpha1.RequestKindCertificateSigningRequest):
			s.watchForRequests(build, v1alpha1.RequestKindCertificateSigningRequest)
		default:
			return fmt.Errorf("unexpected controller of %s", gvk)
		}
		build.WithOptions(options)
		return nil
	}
}

func (s *Signer) watchForIssuers(build *builder.Builder, kind string, o Options) {
	list := func(ctx context.Context) []reconcile.Request { return s.issuers(ctx, kind) }
	build.WatchesRawSource(recheck(o.Clock, o.RecheckInterval, list))
	// An order that lacks money, or does no longer, changes the issuer's conditions.
	build.Watches(&v1alpha1.ResellerOrder{}, handler.EnqueueRequestsFromMapFunc(issuerOf(kind)),
		builder.WithPredicates(onlyUpdates(false, func(was, is *v1alpha1.ResellerOrder) bool { return lacksMoney(was) != lacksMoney(is) })))
	if o.WatchSecrets {
		build.WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(s.usersOf(kind)),
			builder.WithPredicates(predicate.ResourceVersionChangedPredicate{}))
	}
}

func (s *Signer) watchForRequests(build *builder.Builder, kind v1alpha1.RequestKind) {
	build.Watches(&v1alpha1.ResellerOrder{}, handler.EnqueueRequestsFromMapFunc(s.requestsOf(kind)),
		builder.WithPredicates(onlyUpdates(true, matters)))
}

func (s *Signer) addIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, index := range s.indexes() {
		if err := indexer.IndexField(ctx, index.object, index.field, index.values); err != nil {
			return fmt.Errorf("index %s: %w", index.field, err)
		}
	}
	return nil
}

type index struct {
	object client.Object
	field  string
	values client.IndexerFunc
}

func (s *Signer) indexes() []index {
	return []index{
		{&v1alpha1.ResellerIssuer{}, indexSecrets, func(o client.Object) []string {
			return s.secretNames(&o.(*v1alpha1.ResellerIssuer).Spec)
		}},
		{&v1alpha1.ResellerClusterIssuer{}, indexSecrets, func(o client.Object) []string {
			return s.secretNames(&o.(*v1alpha1.ResellerClusterIssuer).Spec.ResellerIssuerSpec)
		}},
		{&v1alpha1.ResellerOrder{}, indexShortOfFunds, func(o client.Object) []string {
			if held := o.(*v1alpha1.ResellerOrder); lacksMoney(held) {
				return []string{refKey(held.Spec.IssuerRef)}
			}
			return nil
		}},
	}
}
