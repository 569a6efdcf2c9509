package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
	"github.com/reseller-issuer/reseller-issuer/internal/tracing"
)

// namespaceFile is where Kubernetes tells a container its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// The values of --secret-watch.
const (
	watchAll        = "All"
	watchNamespaces = "Namespaces"
	watchOff        = "Off"
)

// config is the command line.
type config struct {
	metricsAddress  string
	metricsCertDir  string
	metricsClientCA string
	healthAddress   string

	leaderElect    bool
	leaseNamespace string
	leaseDuration  time.Duration
	renewDeadline  time.Duration
	retryPeriod    time.Duration

	clusterID                string
	clusterResourceNamespace string
	namespaces               []string
	secretWatch              string
	// namespace is the controller's own.
	namespace string

	qps         float32
	burst       int
	concurrency int

	recheckInterval time.Duration
	overdueAfter    time.Duration
	pollInterval    time.Duration

	allowedEndpoints []string
	allowedHooks     []string
	caBundles        []string
	insecureLoopback bool
	allowedSolvers   []string

	fileAddress string
	fileService string
	filePort    uint16

	nameservers          []string
	authoritativeServers []string
	authoritativePort    uint16

	tracingEndpoint string

	logLevel  string
	logFormat string
	version   bool
}

// defaults are those of the flags. Where nothing is set, the namespaces are the
// controller's own and the cluster id is the UID of the namespace kube-system.
func defaults() config {
	return config{
		metricsAddress: ":8080",
		healthAddress:  ":8081",
		leaderElect:    true,
		leaseDuration:  15 * time.Second,
		renewDeadline:  10 * time.Second,
		retryPeriod:    2 * time.Second,
		secretWatch:    watchAll,
		// client-go's own defaults of 5 and 10 would slow a renewal wave down, and
		// none at all would let a fault hammer the API server.
		qps:               200,
		burst:             400,
		concurrency:       8,
		recheckInterval:   10 * time.Minute,
		overdueAfter:      24 * time.Hour,
		allowedEndpoints:  vendorEndpoints,
		allowedHooks:      []string{anyEndpoint},
		fileAddress:       ":8089",
		fileService:       "reseller-issuer-files:80",
		filePort:          80,
		authoritativePort: 53,
		logLevel:          "info",
		logFormat:         "json",
	}
}

func (c *config) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("reseller-issuer", pflag.ContinueOnError)
	f.SortFlags = false
	f.StringVar(&c.metricsAddress, "metrics-bind-address", c.metricsAddress, "address of the Prometheus metrics, plain HTTP without --metrics-cert-dir; 0 for none")
	f.StringVar(&c.metricsCertDir, "metrics-cert-dir", c.metricsCertDir, "directory with tls.crt and tls.key, such as a mounted Secret of cert-manager, with which metrics are served over HTTPS")
	f.StringVar(&c.metricsClientCA, "metrics-client-ca", c.metricsClientCA, "PEM file of the CAs whose clients may read the metrics; needs --metrics-cert-dir. It is read at the start")
	f.StringVar(&c.healthAddress, "health-probe-bind-address", c.healthAddress, "address of /healthz and /readyz; 0 for none")

	f.BoolVar(&c.leaderElect, "leader-elect", c.leaderElect, "let one replica work at a time; without it two replicas could buy at the same time")
	f.StringVar(&c.leaseNamespace, "leader-election-namespace", c.leaseNamespace, "namespace of the lease; by default the controller's own")
	f.DurationVar(&c.leaseDuration, "leader-election-lease-duration", c.leaseDuration, "how long a leader that has vanished is waited for")
	f.DurationVar(&c.renewDeadline, "leader-election-renew-deadline", c.renewDeadline, "how long a leader tries to renew its lease before it gives up")
	f.DurationVar(&c.retryPeriod, "leader-election-retry-period", c.retryPeriod, "time between two attempts to get or renew the lease")

	f.StringVar(&c.clusterID, "cluster-id", c.clusterID, "identity of this cluster in purchases; by default the UID of the namespace kube-system. Purchases of another cluster are not touched")
	f.StringVar(&c.clusterResourceNamespace, "cluster-resource-namespace", c.clusterResourceNamespace, "namespace of the Secrets of ResellerClusterIssuers and of the orders of CertificateSigningRequests; by default the controller's own")
	f.StringSliceVar(&c.namespaces, "namespaces", c.namespaces, "namespaces to work in, besides the cluster resource namespace; by default all")
	f.StringVar(&c.secretWatch, "secret-watch", c.secretWatch, "where changes of Secrets are noticed at once: All that are worked in, Namespaces (only --namespaces and the cluster resource namespace), or Off. Only metadata are watched; without it a corrected Secret is noticed by the next check")

	f.Float32Var(&c.qps, "kube-api-qps", c.qps, "requests per second to the Kubernetes API")
	f.IntVar(&c.burst, "kube-api-burst", c.burst, "requests to the Kubernetes API that may come at once")
	f.IntVar(&c.concurrency, "concurrency", c.concurrency, "workers for each kind of object")

	f.DurationVar(&c.recheckInterval, "recheck-interval", c.recheckInterval, "time between two checks of an issuer that is ready")
	f.DurationVar(&c.overdueAfter, "overdue-after", c.overdueAfter, "age at which a waiting request is marked as overdue; it goes on waiting")
	f.DurationVar(&c.pollInterval, "poll-interval", c.pollInterval, "shortest time between two looks at an order at the reseller")

	f.StringSliceVar(&c.allowedEndpoints, "allowed-endpoints", c.allowedEndpoints, "URL prefixes that issuers may use as endpoint; * allows all")
	f.StringSliceVar(&c.allowedHooks, "allowed-hook-urls", c.allowedHooks, "URL prefixes that issuers may use as url of a solver of the kind http; * allows all")
	f.StringSliceVar(&c.caBundles, "ca-bundle", c.caBundles, "files with CA certificates in PEM that are trusted besides the well-known ones when resellers and solvers are called, as for a proxy that inspects TLS; read at start")
	f.BoolVar(&c.insecureLoopback, "insecure-loopback", c.insecureLoopback, "for development: resellers may be on this machine, and plain HTTP to it is allowed")

	f.StringSliceVar(&c.allowedSolvers, "allow-solver", c.allowedSolvers, "NAMESPACE/KIND: ResellerIssuers in the namespace (* for all) may use solvers of the kind, which reach beyond it: externalDNS, certManagerWebhook or httpFile. ResellerClusterIssuers and issuers in the cluster resource namespace always may")
	f.StringVar(&c.fileAddress, "http-file-bind-address", c.fileAddress, "address at which every replica serves validation files, plain HTTP; 0 for none")
	f.StringVar(&c.fileService, "http-file-service", c.fileService, "NAME:PORT of the Service in front of that address, in the controller's namespace: where HTTPRoutes and Ingresses for validation files lead to")
	f.Uint16Var(&c.filePort, "http-file-port", c.filePort, "for development: port at which the controller looks whether its validation files can be seen")

	f.StringSliceVar(&c.nameservers, "dns-recursive-nameservers", c.nameservers, "recursive name servers for the checks of validation records, CAA and DNSSEC, of which one at least should validate, as host, host:port or https URL (RFC 8484); by default those of /etc/resolv.conf")
	f.StringSliceVar(&c.authoritativeServers, "dns-authoritative-servers", c.authoritativeServers, "name servers to ask for validation records in place of those in the DNS, as host or host:port; for zones whose public servers can't be reached from here")
	f.Uint16Var(&c.authoritativePort, "dns-authoritative-port", c.authoritativePort, "for development: port of the name servers found in the DNS")

	f.StringVar(&c.tracingEndpoint, "tracing-endpoint", c.tracingEndpoint, "base URL of a receiver of OpenTelemetry traces (OTLP over HTTP), such as http://collector.monitoring:4318; by default there are none")

	f.StringVar(&c.logLevel, "log-level", c.logLevel, "error, warn, info or debug")
	f.StringVar(&c.logFormat, "log-format", c.logFormat, "json or text")
	f.BoolVar(&c.version, "version", c.version, "print the version and exit")
	if kubeconfig := flag.CommandLine.Lookup("kubeconfig"); kubeconfig != nil {
		f.AddGoFlag(kubeconfig)
	}
	return f
}

// parse reads the command line; its errors name the flag.
func parse(args []string, stderr io.Writer) (config, error) {
	c := defaults()
	f := c.flags()
	f.SetOutput(stderr)
	if err := f.Parse(args); err != nil {
		return config{}, err
	}
	if f.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if c.version {
		return c, nil
	}
	if err := c.complete(ownNamespace()); err != nil {
		return config{}, err
	}
	return c, nil
}

// ownNamespace is the namespace that the controller runs in, empty outside a cluster.
func ownNamespace() string {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	text, err := os.ReadFile(namespaceFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// complete fills in the namespaces and checks everything that can be checked here.
func (c *config) complete(own string) error {
	c.fillIn(own)
	if err := c.checkValues(); err != nil {
		return err
	}
	return errors.Join(c.checkTimes(), c.checkEndpoints(), c.checkDNS(), c.checkFiles(), checkAllowedSolvers(c.allowedSolvers), c.checkTracing(), c.checkLog())
}

// fillIn derives what isn't set from the controller's own namespace.
func (c *config) fillIn(own string) {
	if c.clusterResourceNamespace == "" {
		c.clusterResourceNamespace = own
	}
	if c.leaseNamespace == "" {
		c.leaseNamespace = own
	}
	c.namespace = cmp.Or(own, c.clusterResourceNamespace)
	if len(c.namespaces) > 0 && !slices.Contains(c.namespaces, c.clusterResourceNamespace) {
		c.namespaces = append(c.namespaces, c.clusterResourceNamespace)
	}
}

func (c *config) checkValues() error {
	switch {
	case c.clusterResourceNamespace == "":
		return errors.New("--cluster-resource-namespace: it must be set outside a cluster")
	case c.leaderElect && c.leaseNamespace == "":
		return errors.New("--leader-election-namespace: it must be set outside a cluster")
	case !slices.Contains([]string{watchAll, watchNamespaces, watchOff}, c.secretWatch):
		return fmt.Errorf("--secret-watch: %q: want All, Namespaces or Off", c.secretWatch)
	case len(c.clusterID) > 128:
		return errors.New("--cluster-id: at most 128 characters are possible")
	case c.qps <= 0 || c.burst < 1:
		return errors.New("--kube-api-qps and --kube-api-burst: they must be positive")
	case c.concurrency < 1:
		return errors.New("--concurrency: it must be positive")
	case c.metricsClientCA != "" && c.metricsCertDir == "":
		return errors.New("--metrics-client-ca: it needs --metrics-cert-dir")
	}
	return nil
}

func (c *config) checkTimes() error {
	switch {
	case c.leaderElect && (c.retryPeriod <= 0 || c.renewDeadline <= c.retryPeriod || c.leaseDuration <= c.renewDeadline):
		return errors.New("--leader-election-lease-duration, -renew-deadline and -retry-period: each must be longer than the next")
	case c.recheckInterval < time.Second:
		return errors.New("--recheck-interval: want at least 1s")
	case c.overdueAfter <= 0:
		return errors.New("--overdue-after: it must be positive")
	case c.pollInterval < 0:
		return errors.New("--poll-interval: it must not be negative")
	}
	return nil
}

func (c *config) checkEndpoints() error {
	return errors.Join(checkPrefixes("--allowed-endpoints", c.allowedEndpoints), checkPrefixes("--allowed-hook-urls", c.allowedHooks))
}

func checkPrefixes(flag string, prefixes []string) error {
	for _, prefix := range prefixes {
		if prefix == anyEndpoint {
			continue
		}
		if _, err := parseEndpoint(prefix); err != nil {
			return fmt.Errorf("%s: %q: %w", flag, prefix, err)
		}
	}
	return nil
}

func (c *config) checkDNS() error {
	if _, err := resolver.ParseServers(c.nameservers); err != nil {
		return fmt.Errorf("--dns-recursive-nameservers: %w", err)
	}
	if _, err := resolver.ParseServers(c.authoritativeServers); err != nil {
		return fmt.Errorf("--dns-authoritative-servers: %w", err)
	}
	if c.authoritativePort == 0 {
		return errors.New("--dns-authoritative-port: it must not be 0")
	}
	return nil
}

func (c *config) checkTracing() error {
	if c.tracingEndpoint == "" {
		return nil
	}
	if err := tracing.CheckEndpoint(c.tracingEndpoint); err != nil {
		return fmt.Errorf("--tracing-endpoint: %w", err)
	}
	return nil
}

func (c *config) checkLog() error {
	_, err := newLogger(io.Discard, c.logLevel, c.logFormat)
	return err
}
