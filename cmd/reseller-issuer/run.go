package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/query"
	"github.com/reseller-issuer/reseller-issuer/internal/signer"
)

const (
	// name of the lease, of the reporter of events, and of the API client.
	name = "reseller-issuer"
	// startTimeout bounds the calls before the manager runs.
	startTimeout = 30 * time.Second
	// shutdownTimeout lets a paying call end and be recorded: it is longer than the time-out
	// of any call. The Deployment's grace period must be longer than this.
	shutdownTimeout = 80 * time.Second
	// readyTimeout bounds one answer of /readyz.
	readyTimeout = time.Second
)

// serve runs the controllers until ctx is done.
func serve(ctx context.Context, c config, stderr io.Writer) error {
	logger, err := newLogger(stderr, c.logLevel, c.logFormat)
	if err != nil {
		return err
	}
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	restConfig, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	mgr, err := newManager(restConfig, c)
	if err != nil {
		return err
	}
	if c.clusterID, err = clusterID(ctx, mgr.GetAPIReader(), c.clusterID); err != nil {
		return err
	}
	if err := setup(ctx, mgr, c); err != nil {
		return err
	}
	logger.Info("starting", "version", version, "clusterID", c.clusterID, "clusterResourceNamespace", c.clusterResourceNamespace)
	return mgr.Start(ctx)
}

func newManager(restConfig *rest.Config, c config) (ctrl.Manager, error) {
	restConfig = rest.CopyConfig(restConfig)
	restConfig.QPS, restConfig.Burst = c.qps, c.burst
	restConfig.UserAgent = name + "/" + version
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	metrics, err := metricsOptions(c)
	if err != nil {
		return nil, err
	}
	shutdown := shutdownTimeout
	return ctrl.NewManager(restConfig, ctrl.Options{
		Scheme:                  scheme,
		Cache:                   cacheOptions(c),
		NewClient:               signer.NewClient,
		Client:                  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Metrics:                 metrics,
		HealthProbeBindAddress:  c.healthAddress,
		GracefulShutdownTimeout: &shutdown,

		LeaderElection:          c.leaderElect,
		LeaderElectionID:        name,
		LeaderElectionNamespace: c.leaseNamespace,
		LeaseDuration:           &c.leaseDuration,
		RenewDeadline:           &c.renewDeadline,
		RetryPeriod:             &c.retryPeriod,
		// The process ends right after, and by then no controller runs any more.
		LeaderElectionReleaseOnCancel: true,
	})
}

// clusterID is the given one or the UID of the namespace kube-system, which lives as
// long as the cluster.
func clusterID(ctx context.Context, reader client.Reader, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	namespace := &corev1.Namespace{}
	if err := reader.Get(ctx, types.NamespacedName{Name: "kube-system"}, namespace); err != nil {
		return "", fmt.Errorf("read namespace kube-system, or set --cluster-id: %w", err)
	}
	return string(namespace.UID), nil
}

// setup builds everything and hands it to the manager.
func setup(ctx context.Context, mgr ctrl.Manager, c config) error {
	wall := clock.RealClock{}
	roots, err := trustedRoots(c.caBundles)
	if err != nil {
		return err
	}
	outward := providers.Options{RootCAs: roots, AllowLoopback: c.insecureLoopback}
	reseller := connection{
		allowed: endpoints{prefixes: c.allowedEndpoints, loopback: c.insecureLoopback},
		now:     wall.Now,
	}
	watch, err := newObservation(c, mgr, slices.Sorted(maps.Keys(reseller.resellers())))
	if err != nil {
		return err
	}
	observed := outward
	observed.Observer = watch
	reseller.http = providers.NewHTTPClient(observed)
	suppliers := &order.Suppliers{
		Client: mgr.GetClient(), Secrets: mgr.GetAPIReader(),
		Drivers: reseller.resellers(), ClusterResourceNamespace: c.clusterResourceNamespace,
	}
	limits := providers.NewLimiters(providers.LimiterOptions{Now: wall.Now, Outcome: watch.activity.Outcome})
	if err := watch.register(suppliers, limits); err != nil {
		return err
	}
	lookup, err := newDNS(c)
	if err != nil {
		return err
	}
	cluster, err := newClusterHooks(mgr, c, lookup)
	if err != nil {
		return err
	}
	publish := solvers{
		secrets: mgr.GetAPIReader(), now: wall.Now, cluster: cluster,
		http: providers.NewHTTPClient(outward), options: outward,
		allowed: endpoints{prefixes: c.allowedHooks, loopback: c.insecureLoopback, flag: "--allowed-hook-urls"},
	}
	if err := errors.Join(setupProbes(mgr), setupFiles(mgr, c)); err != nil {
		return err
	}
	if err := signer.Setup(ctx, mgr, signer.Options{
		Suppliers: suppliers, Limits: limits, CheckSolver: publish.check,
		Recorder: mgr.GetEventRecorder(name), Clock: wall,
		Concurrency: c.concurrency, RecheckInterval: c.recheckInterval, WatchSecrets: c.secretWatch != watchOff,
		Checked: watch.collector.Checked,
	}); err != nil {
		return err
	}
	return setupOrders(ctx, mgr, c, suppliers, limits, publish, lookup, watch)
}

// setupOrders builds the reconciler of orders, which is what spends money.
func setupOrders(ctx context.Context, mgr ctrl.Manager, c config, suppliers *order.Suppliers, limits *providers.Limiters, publish solvers, lookup dns, watch *observation) error {
	// Intermediates come over plain HTTP from hosts that issuers name: never from inside
	// the network.
	downloads := providers.NewHTTPClient(providers.Options{AllowHTTP: true, AllowLoopback: c.insecureLoopback, RefusePrivate: true})
	books := &ledger.Ledger{
		Client: mgr.GetClient(), Reader: mgr.GetAPIReader(), ClusterID: c.clusterID,
		Now: time.Now, NewID: func() string { return string(uuid.NewUUID()) },
	}
	if err := mgr.Add(collector(books.Collect)); err != nil {
		return fmt.Errorf("collection of old purchases: %w", err)
	}
	questions := &query.Reconciler{
		Client: mgr.GetClient(), Suppliers: suppliers, Ledger: books, Limits: limits,
		CAA: lookup.caa, CheckSolver: publish.check, Now: time.Now,
	}
	if err := questions.SetupWithManager(mgr); err != nil {
		return err
	}
	return (&order.Reconciler{
		Client: mgr.GetClient(), Reader: mgr.GetAPIReader(),
		Suppliers: suppliers, Limits: limits, Ledger: books,
		Hooks: watch.hooks(publish.hook), Observers: lookup.observer, CAA: lookup.caa, Files: lookup.files(c),
		Intermediates: chain.Fetcher{Client: downloads},
		Recorder:      mgr.GetEventRecorder(name), Now: time.Now, Monitor: watch,
		OverdueAfter: c.overdueAfter, MinPoll: c.pollInterval, Concurrency: c.concurrency,
	}).SetupWithManager(ctx, mgr)
}

// collector removes purchases whose time of keeping is over, once a day, while this
// replica leads.
func collector(collect func(context.Context) (int, error)) manager.RunnableFunc {
	return func(ctx context.Context) error {
		logger := ctrl.LoggerFrom(ctx).WithName("ledger")
		wait.UntilWithContext(ctx, func(ctx context.Context) {
			count, err := collect(ctx)
			if err != nil {
				logger.Error(err, "old purchases are not removed, trying again tomorrow")
			}
			if count > 0 {
				logger.Info("removed old purchases", "count", count)
			}
		}, 24*time.Hour)
		return nil
	}
}

var errNotSynced = errors.New("caches are not filled yet")

// setupProbes: alive is who answers, ready is who has filled its caches. Resellers don't
// count: a controller that can't reach one still serves the others.
func setupProbes(mgr ctrl.Manager) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return mgr.AddReadyzCheck("caches", func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), readyTimeout)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errNotSynced
		}
		return nil
	})
}
