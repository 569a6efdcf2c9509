package lab

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/chart"
	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
	"github.com/reseller-issuer/reseller-issuer/e2e/process"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
)

// cert-manager's back-off after a failed request: long enough not to hide that
// it failed, short enough to wait for.
const (
	backoffMin = 2 * time.Second
	backoffMax = 4 * time.Second
)

// Options says what is in the lab.
type Options struct {
	// Zones that the name server serves and that the TSIG key may change.
	Zones []string
	// HostZone is a further zone, in which every name is a host behind a reverse proxy
	// (nginx) that forwards validation files to the controller. Empty means no proxy.
	HostZone string
	// BrokenZones have expired DNSSEC signatures. With any, there is a resolver that
	// validates, see [Lab.ValidatingResolver].
	BrokenZones []string
	// GatewayAPI adds the Gateway API.
	GatewayAPI bool
	// DNS01Webhook adds a DNS01 webhook for cert-manager's ACME issuers.
	DNS01Webhook bool
	// SandboxArgs are further flags of the sandbox reseller.
	SandboxArgs []string
	// Log receives a line for each step; nil means nowhere.
	Log io.Writer
}

// Lab is running. Its methods may be called concurrently, except those that
// start and stop the controller.
type Lab struct {
	plane      *controlplane.ControlPlane
	dns        *dnstest.Server
	validating *dnstest.Server // nil without broken zones
	sandbox    *Sandbox
	proxy      *proxy
	client     client.WithWatch
	root       string // of the repository
	// metrics is the address of the controller's metrics, once it is known.
	metrics    string
	prometheus *prometheusProcess
	// sandboxes are all that Stop ends.
	sandboxes []*Sandbox
	// sibling is true if name server and sandbox belong to another lab.
	sibling bool

	// filePort is where the controller serves validation files.
	filePort int

	mu         sync.Mutex
	controller *process.Process
	standby    *process.Process
}

// Start starts everything but the controller. On failure, or when ctx ends
// before it returns, nothing is left running. The end of ctx after that does not
// stop anything: call Stop.
func Start(ctx context.Context, options Options) (*Lab, error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	l := &Lab{}
	if err := l.start(ctx, options); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %w", err), l.Stop())
	}
	return l, nil
}

func (l *Lab) start(ctx context.Context, options Options) error {
	module, err := controlplane.ModuleDir()
	if err != nil {
		return err
	}
	l.root = filepath.Dir(module)
	if err := l.checkExecutables(); err != nil {
		return err
	}
	if l.plane, err = controlplane.Start(ctx, controlplane.Options{
		CertManager: true, GatewayAPI: options.GatewayAPI, DNS01Webhook: options.DNS01Webhook,
		BackoffMin: backoffMin, BackoffMax: backoffMax,
		Manifests: []string{l.config("crd", "bases")},
		Log:       options.Log,
	}); err != nil {
		return err
	}
	for _, step := range []struct {
		title string
		do    func(context.Context, Options) error
	}{
		{"client and permissions", l.prepareCluster},
		{"name server (BIND)", l.startDNS},
		{"reverse proxy (nginx)", l.startProxy},
		{"sandbox reseller", l.startSandbox},
	} {
		begin := time.Now()
		if err := step.do(ctx, options); err != nil {
			return fmt.Errorf("%s: %w", step.title, err)
		}
		if _, err := fmt.Fprintf(options.Log, "%5.1f s  %s\n", time.Since(begin).Seconds(), step.title); err != nil {
			return err
		}
	}
	return nil
}

// The executables that `make build` makes.
const (
	controllerName = "reseller-issuer"
	sandboxName    = "reseller-sandbox"
)

// PluginName is the file name of the kubectl plug-in.
const PluginName = "kubectl-reseller"

// Executable is the path of a program that `make build` makes.
func (l *Lab) Executable(name string) string { return l.executable(name) }

func (l *Lab) executable(name string) string { return filepath.Join(l.root, "bin", name) }

func (l *Lab) checkExecutables() error {
	for _, name := range []string{controllerName, sandboxName, PluginName} {
		if _, err := os.Stat(l.executable(name)); err != nil {
			return fmt.Errorf("%w: run `make build`", err)
		}
	}
	return nil
}

// config is a path below config/.
func (l *Lab) config(elements ...string) string {
	return filepath.Join(append([]string{l.root, "config"}, elements...)...)
}

// prepareCluster makes the client, and the controller's namespace, account and
// permissions.
func (l *Lab) prepareCluster(ctx context.Context, _ Options) error {
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		scheme.AddToScheme, apiextensionsv1.AddToScheme, cmapi.AddToScheme, v1alpha1.AddToScheme,
	} {
		if err := add(types); err != nil {
			return err
		}
	}
	var err error
	if l.client, err = client.NewWithWatch(l.plane.RESTConfig(), client.Options{Scheme: types}); err != nil {
		return err
	}
	if err := l.plane.Apply(ctx, l.config("rbac", "namespace.yaml")); err != nil {
		return err
	}
	permissions, err := l.permissions()
	if err != nil {
		return err
	}
	return l.plane.ApplyObjects(ctx, permissions...)
}

// permissions are the account, roles and bindings of the Helm chart as it comes: the controller
// can do here what it can do there.
func (l *Lab) permissions() ([]*unstructured.Unstructured, error) {
	objects, err := chart.Render(l.Chart(), chart.Release{Name: serviceAccount, Namespace: Namespace})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(objects, func(object *unstructured.Unstructured) bool {
		group := object.GroupVersionKind().Group
		return group != "rbac.authorization.k8s.io" && object.GetKind() != "ServiceAccount"
	}), nil
}

// Chart is the directory of the Helm chart.
func (l *Lab) Chart() string { return filepath.Join(l.root, "charts", "reseller-issuer") }

func (l *Lab) startDNS(ctx context.Context, options Options) error {
	zones := make([]dnstest.ZoneSpec, len(options.Zones))
	for i, name := range options.Zones {
		zones[i].Name = name
	}
	if options.HostZone != "" {
		zones = append(zones, dnstest.ZoneSpec{Name: options.HostZone, Records: []string{"* A 127.0.0.1"}})
	}
	for _, name := range options.BrokenZones {
		zones = append(zones, dnstest.ZoneSpec{Name: name, DNSSEC: dnstest.Expired})
	}
	var err error
	if l.dns, err = dnstest.Start(ctx, dnstest.Options{Zones: zones}); err != nil || len(options.BrokenZones) == 0 {
		return err
	}
	var anchors []string
	for _, name := range options.BrokenZones {
		anchor, err := l.dns.TrustAnchor(ctx, name)
		if err != nil {
			return err
		}
		anchors = append(anchors, anchor)
	}
	l.validating, err = dnstest.Start(ctx, dnstest.Options{ForwardTo: l.dns.Addr(), TrustAnchors: anchors})
	return err
}

// Stop ends everything and removes what was stored. It may be called again.
func (l *Lab) Stop() error {
	problems := []error{l.StopController(), l.StopStandby()}
	if l.prometheus != nil {
		problems = append(problems, l.prometheus.Stop())
	}
	if l.proxy != nil {
		problems = append(problems, l.proxy.Stop())
	}
	for _, s := range l.sandboxes {
		problems = append(problems, s.Stop())
	}
	if l.validating != nil {
		problems = append(problems, l.validating.Stop())
	}
	if l.dns != nil && !l.sibling {
		problems = append(problems, l.dns.Stop())
	}
	if l.plane != nil {
		problems = append(problems, l.plane.Stop())
	}
	return errors.Join(problems...)
}

// Client has the administrator's rights and knows the kinds of Kubernetes,
// cert-manager and this project. It has no cache.
func (l *Lab) Client() client.WithWatch { return l.client }

// Directory is that of the repository.
func (l *Lab) Directory() string { return l.root }

// Plane is the control plane.
func (l *Lab) Plane() *controlplane.ControlPlane { return l.plane }

// Apply applies YAML files or directories server-side, as administrator.
func (l *Lab) Apply(ctx context.Context, paths ...string) error { return l.plane.Apply(ctx, paths...) }

// Kubeconfig writes the administrator's kubeconfig, which goes away with Stop,
// and returns its path.
func (l *Lab) Kubeconfig() (string, error) {
	path := filepath.Join(l.plane.Dir(), "admin.kubeconfig")
	return path, l.plane.WriteKubeconfig(path)
}

// Roots is a pool with the sandbox's root certificate, the only one that signs
// for it.
func (l *Lab) Roots() (*x509.CertPool, error) {
	content, err := os.ReadFile(l.sandbox.rootFile)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("lab: %s has no certificate", l.sandbox.rootFile)
	}
	return pool, nil
}
