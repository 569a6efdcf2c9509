package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

// Names of the programs, for Restart, LogTail and in Processes.
const (
	Etcd                  = "etcd"
	APIServer             = "kube-apiserver"
	Controllers           = "kube-controllers"
	CertManagerController = "cert-manager-controller"
	CertManagerWebhook    = "cert-manager-webhook"
)

// startOrder is also, backwards, the order in which Stop ends the programs.
func startOrder() []string {
	return []string{Etcd, APIServer, Controllers, CertManagerWebhook, CertManagerController, DNS01Webhook}
}

// Options says what Start starts. The zero value is an API server with its
// controllers and nothing else.
type Options struct {
	// CertManager adds cert-manager's CRDs, controllers and webhook. cert-manager
	// runs as the service account cert-manager/cert-manager with the permissions
	// of its chart, so it approves requests for foreign issuers only when a
	// ClusterRole with verb approve on signers is bound to it.
	CertManager bool
	// CertManagerCRDs adds cert-manager's CRDs, and nothing that serves them.
	CertManagerCRDs bool
	// GatewayAPI adds the Gateway API's standard CRDs, and Certificates for
	// annotated Gateways when CertManager is set.
	GatewayAPI bool
	// DNS01Webhook adds an aggregated API server: a DNS01 webhook made with
	// cert-manager's library, which sends dynamic updates to a name server.
	DNS01Webhook bool
	// BackoffMin and BackoffMax limit cert-manager's wait after a failed request.
	// Zero means cert-manager's defaults, 1 h and 32 h.
	BackoffMin, BackoffMax time.Duration
	// Manifests are YAML files or directories to apply at the end, as Apply does.
	Manifests []string
	// APIServerArgs are further flags for kube-apiserver.
	APIServerArgs []string
	// Dir is an empty or missing directory for the data, keys, kubeconfigs and
	// logs. "" means a temporary one, which Stop removes unless KeepDir is set.
	Dir     string
	KeepDir bool
	// Log receives a line for every step with its duration; nil means nowhere.
	Log io.Writer
}

// ControlPlane is a running control plane. Its methods may be called
// concurrently.
type ControlPlane struct {
	options Options
	dir     string
	pki     *pki
	config  *rest.Config
	kube    kubernetes.Interface
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper

	kubernetesDir, certManagerDir string // executables
	etcdURL                       string

	mu        sync.Mutex
	processes []*process.Process // in startOrder
}

// Start builds what is missing (see Build), starts everything that the options
// ask for and returns when it can be used. On failure nothing is left running,
// and the error has the end of the log of the program that failed. The end of
// ctx after Start has returned does not stop anything: call Stop.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	c := &ControlPlane{options: options}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("controlplane: %w", err), c.Stop())
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context) error {
	steps := []struct {
		title string
		do    func(context.Context) error
	}{
		{"executables", c.findExecutables},
		{"keys and certificates", c.prepare},
		{"etcd", c.startEtcd},
		{"Kubernetes API server", c.startAPIServer},
		{"garbage collector, namespaces, service accounts", c.startControllers},
		{"cert-manager", c.setUpCertManager},
		{"manifests", func(ctx context.Context) error { return c.Apply(ctx, c.options.Manifests...) }},
		{"DNS01 webhook", c.startSolver},
	}
	begin := time.Now()
	for _, step := range steps {
		stepBegin := time.Now()
		if err := step.do(ctx); err != nil {
			return err
		}
		if err := say(c.options.Log, "%5.1f s  %s", time.Since(stepBegin).Seconds(), step.title); err != nil {
			return err
		}
	}
	return say(c.options.Log, "%5.1f s  in all; API server %s, logs in %s", time.Since(begin).Seconds(), c.config.Host, c.dir)
}

func (c *ControlPlane) findExecutables(ctx context.Context) error {
	var err error
	if c.kubernetesDir, err = kubernetesHelper().build(ctx, c.options.Log); err != nil {
		return err
	}
	if c.options.CertManager || c.options.CertManagerCRDs || c.options.GatewayAPI || c.options.DNS01Webhook {
		c.certManagerDir, err = certManagerHelper().build(ctx, c.options.Log)
	}
	return err
}

func (c *ControlPlane) prepare(context.Context) error {
	if err := c.makeDir(); err != nil {
		return err
	}
	var err error
	c.pki, err = newPKI(filepath.Join(c.dir, "pki"))
	return err
}

// connect makes the clients once the API server's address is known.
func (c *ControlPlane) connect(host string) error {
	certificate, err := os.ReadFile(c.pki.certPath("admin"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(c.pki.keyPath("admin"))
	if err != nil {
		return err
	}
	c.config = &rest.Config{
		Host:            host,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.pki.bundle(), CertData: certificate, KeyData: key},
		QPS:             -1,
	}
	if c.kube, err = kubernetes.NewForConfig(c.config); err != nil {
		return err
	}
	if c.dynamic, err = dynamic.NewForConfig(c.config); err != nil {
		return err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.kube.Discovery()))
	return nil
}

// run starts a program and remembers it for Stop.
func (c *ControlPlane) run(ctx context.Context, spec process.Spec) error {
	spec.LogFile = filepath.Join(c.dir, spec.Name+".log")
	started, err := process.Start(ctx, spec)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.processes = append(c.processes, started)
	slices.SortFunc(c.processes, func(a, b *process.Process) int {
		return cmp.Compare(slices.Index(startOrder(), a.Name()), slices.Index(startOrder(), b.Name()))
	})
	return nil
}

// take removes the program called name from the list of those that run.
func (c *ControlPlane) take(name string) (*process.Process, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.processes, func(p *process.Process) bool { return p.Name() == name })
	if i < 0 {
		return nil, false
	}
	found := c.processes[i]
	c.processes = slices.Delete(c.processes, i, i+1)
	return found, true
}

// Restart stops a program and starts it again with the same arguments, port and
// data, and returns when it can be used.
func (c *ControlPlane) Restart(ctx context.Context, name string) error {
	program, ok := c.take(name)
	if !ok {
		return fmt.Errorf("controlplane: restart: %s is not running", name)
	}
	if err := program.Stop(); err != nil {
		return fmt.Errorf("controlplane: restart: %w", err)
	}
	if err := c.run(ctx, program.Spec()); err != nil {
		return fmt.Errorf("controlplane: restart: %w", err)
	}
	return nil
}

// Stop ends all programs, the last started first, and removes the temporary
// directory. It may be called again.
func (c *ControlPlane) Stop() error {
	c.mu.Lock()
	running := c.processes
	c.processes = nil
	c.mu.Unlock()
	var problems []error
	for _, p := range slices.Backward(running) {
		problems = append(problems, p.Stop())
	}
	if c.dir != "" && c.options.Dir == "" && !c.options.KeepDir {
		problems = append(problems, os.RemoveAll(c.dir))
	}
	return errors.Join(problems...)
}

// Dir returns the directory with the data, keys, kubeconfigs and logs.
func (c *ControlPlane) Dir() string { return c.dir }

// Processes returns the running programs, for their names and pids.
func (c *ControlPlane) Processes() []*process.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.processes)
}

// LogTail returns the end of a program's log, at most 4 KiB; the whole log is
// NAME.log in Dir.
func (c *ControlPlane) LogTail(name string) string {
	return process.LogTail(filepath.Join(c.dir, name+".log"))
}

func say(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(w, format+"\n", args...)
	return err
}
