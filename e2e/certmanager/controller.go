package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/cert-manager/cert-manager/pkg/controller"
	gateways "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/gateways"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/ingresses"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/metrics"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificatesigningrequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificatesigningrequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// workersPerController is upstream's default.
const workersPerController = 5

// controllerFlags are the settings of cert-manager-controller. There is one
// process, so there is no leader election.
type controllerFlags struct {
	kubeconfig               string
	healthzListenAddress     string
	clusterResourceNamespace string
	enableGatewayAPI         bool
	backoffMin, backoffMax   time.Duration
}

func newControllerCommand() *cobra.Command {
	var f controllerFlags
	cmd := &cobra.Command{
		Use:   "cert-manager-controller",
		Short: "cert-manager's controllers with the CA and self-signed issuers",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runControllers(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of cert-manager's service account")
	flags.StringVar(&f.healthzListenAddress, "healthz-listen-address", "127.0.0.1:9403", "host and port where /livez answers once the caches are filled")
	flags.StringVar(&f.clusterResourceNamespace, "cluster-resource-namespace", "cert-manager", "namespace of the Secrets of cluster issuers")
	flags.BoolVar(&f.enableGatewayAPI, "enable-gateway-api", false, "make Certificates for annotated Gateways; needs the Gateway API's CRDs")
	flags.DurationVar(&f.backoffMin, "certificate-request-minimum-backoff-duration", time.Hour, "wait after the first failed CertificateRequest")
	flags.DurationVar(&f.backoffMax, "certificate-request-maximum-backoff-duration", 32*time.Hour, "longest wait after a failed CertificateRequest")
	return cmd
}

func (f controllerFlags) contextOptions() controller.ContextOptions {
	return controller.ContextOptions{
		Kubeconfig:         f.kubeconfig,
		KubernetesAPIQPS:   -1,
		KubernetesAPIBurst: -1,
		IssuerOptions:      controller.IssuerOptions{ClusterResourceNamespace: f.clusterResourceNamespace},
		IngressShimOptions: controller.IngressShimOptions{
			DefaultIssuerKind:                 "Issuer",
			DefaultIssuerGroup:                "cert-manager.io",
			DefaultAutoCertificateAnnotations: []string{"kubernetes.io/tls-acme"},
		},
		CertificateOptions: controller.CertificateOptions{
			CopiedAnnotationPrefixes:                 []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"},
			CertificateRequestMinimumBackoffDuration: f.backoffMin,
			CertificateRequestMaximumBackoffDuration: f.backoffMax,
		},
		ConfigOptions: controller.ConfigOptions{EnableGatewayAPI: f.enableGatewayAPI},
	}
}

// runControllers returns when ctx is done or the first controller fails.
func runControllers(ctx context.Context, f controllerFlags) error {
	group, ctx := errgroup.WithContext(ctx)
	factory, err := controller.NewContextFactory(ctx, f.contextOptions())
	if err != nil {
		return fmt.Errorf("cert-manager-controller: %w", err)
	}
	for name, construct := range controller.Known() {
		if name == gateways.ControllerName && !f.enableGatewayAPI {
			continue
		}
		c, err := construct(factory)
		if err != nil {
			return fmt.Errorf("cert-manager-controller: %s: %w", name, err)
		}
		group.Go(func() error { return c.Run(workersPerController, ctx) })
	}
	shared, err := factory.Build()
	if err != nil {
		return fmt.Errorf("cert-manager-controller: %w", err)
	}
	if err := startInformers(ctx, shared); err != nil {
		return err
	}
	logf.FromContext(ctx).Info("caches filled", "controllers", len(controller.Known()))
	group.Go(func() error { return serveHealth(ctx, f.healthzListenAddress) })
	return group.Wait()
}

// startInformers returns when every cache that a controller asked for is filled.
func startInformers(ctx context.Context, c *controller.Context) error {
	c.KubeSharedInformerFactory.Start(ctx.Done())
	c.SharedInformerFactory.Start(ctx.Done())
	c.GWShared.Start(ctx.Done())
	var synced []bool
	for _, ok := range c.KubeSharedInformerFactory.WaitForCacheSync(ctx.Done()) {
		synced = append(synced, ok)
	}
	for _, ok := range c.SharedInformerFactory.WaitForCacheSync(ctx.Done()) {
		synced = append(synced, ok)
	}
	for _, ok := range c.GWShared.WaitForCacheSync(ctx.Done()) {
		synced = append(synced, ok)
	}
	if slices.Contains(synced, false) {
		return errors.New("cert-manager-controller: stopped before the caches were filled")
	}
	return nil
}

// serveHealth answers /livez with 200 until ctx is done.
func serveHealth(ctx context.Context, address string) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("cert-manager-controller: health: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cert-manager-controller: health: %w", err)
	}
	return nil
}
