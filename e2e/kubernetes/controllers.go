package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
)

const (
	// resync is how often informers replay their caches.
	resync = 10 * time.Hour
	// discoveryPeriod is how soon the garbage collector sees a new resource
	// type. Upstream takes 30 s; tests that have just made a CRD should not wait.
	discoveryPeriod = 5 * time.Second
	// garbageWorkers and namespaceWorkers are upstream's defaults.
	garbageWorkers   = 20
	namespaceWorkers = 10
)

func newControllersCommand() *cobra.Command {
	var kubeconfig string
	cmd := &cobra.Command{
		Use:   "kube-controllers",
		Short: "Garbage collector, namespace and service account controllers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return fmt.Errorf("kube-controllers: kubeconfig: %w", err)
			}
			return runControllers(cmd.Context(), config)
		},
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "file with the API server's address and an administrator's credentials")
	return cmd
}

// clients are what the controllers talk to the API server with, unlimited:
// the server's own fairness is limit enough on a machine that runs only this.
type clients struct {
	kube     kubernetes.Interface
	metadata metadata.Interface
}

func newClients(config *rest.Config) (clients, error) {
	config = rest.AddUserAgent(rest.CopyConfig(config), "kube-controllers")
	config.QPS = -1
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return clients{}, fmt.Errorf("kube-controllers: client: %w", err)
	}
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		return clients{}, fmt.Errorf("kube-controllers: metadata client: %w", err)
	}
	return clients{kube: kube, metadata: meta}, nil
}

// runControllers returns when ctx is done.
func runControllers(ctx context.Context, config *rest.Config) error {
	c, err := newClients(config)
	if err != nil {
		return err
	}
	shared := informers.NewSharedInformerFactory(c.kube, resync)
	started := make(chan struct{})
	collect, err := newGarbageCollector(ctx, c, shared, started)
	if err != nil {
		return err
	}
	accounts, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx),
		shared.Core().V1().ServiceAccounts(), shared.Core().V1().Namespaces(), c.kube,
		serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return fmt.Errorf("kube-controllers: service accounts: %w", err)
	}
	namespaces := namespace.NewNamespaceController(ctx, c.kube, c.metadata,
		c.kube.Discovery().ServerPreferredNamespacedResources, shared.Core().V1().Namespaces(),
		resync, corev1.FinalizerKubernetes)

	shared.Start(ctx.Done())
	close(started)
	var running sync.WaitGroup
	running.Go(func() { collect(ctx) })
	running.Go(func() { accounts.Run(ctx, 1) })
	running.Go(func() { namespaces.Run(ctx, namespaceWorkers) })
	running.Wait()
	return nil
}

// newGarbageCollector returns the function that runs the collector. It keeps
// its REST mapper in step with discovery, so that objects of CRDs which are
// made later are collected too.
func newGarbageCollector(ctx context.Context, c clients, shared informers.SharedInformerFactory, started <-chan struct{}) (func(context.Context), error) {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.kube.Discovery()))
	factory := informerfactory.NewInformerFactory(shared, metadatainformer.NewSharedInformerFactory(c.metadata, resync))
	collector, err := garbagecollector.NewGarbageCollector(ctx, c.kube, c.metadata, mapper,
		garbagecollector.DefaultIgnoredResources(), factory, started)
	if err != nil {
		return nil, fmt.Errorf("kube-controllers: garbage collector: %w", err)
	}
	return func(ctx context.Context) {
		var running sync.WaitGroup
		running.Go(func() { collector.Run(ctx, garbageWorkers, discoveryPeriod) })
		running.Go(func() { collector.Sync(ctx, c.kube.Discovery(), discoveryPeriod) })
		running.Wait()
	}, nil
}
