// Package trial has the test of what a newcomer does: install the chart with its sandbox,
// ask for a certificate, upgrade, uninstall. There are no nodes, so the test starts what
// the Deployments say.
package trial

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

const (
	root = "../.."
	// release is also the namespace.
	release     = "reseller-issuer"
	version     = "0.0.1-trial"
	sandboxHost = "reseller-issuer-sandbox.reseller-issuer.svc:8443"
	patience    = 90 * time.Second
	period      = 150 * time.Millisecond
)

// cluster is a control plane and what runs in it.
type cluster struct {
	t          *testing.T
	plane      *controlplane.ControlPlane
	client     client.Client
	kubeconfig string
	dir        string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	plane, err := controlplane.Start(t.Context(), controlplane.Options{CertManager: true, BackoffMin: time.Second, BackoffMax: 2 * time.Second, Log: os.Stderr})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, plane.Stop()) })
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, cmapi.AddToScheme, v1alpha1.AddToScheme} {
		require.NoError(t, add(types))
	}
	c := &cluster{t: t, plane: plane, dir: t.TempDir()}
	c.client, err = client.New(plane.RESTConfig(), client.Options{Scheme: types})
	require.NoError(t, err)
	c.kubeconfig = filepath.Join(c.dir, "admin.kubeconfig")
	require.NoError(t, plane.WriteKubeconfig(c.kubeconfig))
	return c
}

// run returns what a command prints.
func (c *cluster) run(name string, args ...string) string {
	c.t.Helper()
	command := exec.CommandContext(c.t.Context(), name, args...)
	command.Dir = root
	command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig, "HELM_CACHE_HOME="+c.dir, "HELM_CONFIG_HOME="+c.dir, "HELM_DATA_HOME="+c.dir)
	output, err := command.CombinedOutput()
	require.NoError(c.t, err, "%s %s: %s", name, args, output)
	return string(output)
}

func (c *cluster) helm(args ...string) string {
	c.t.Helper()
	return c.run("go", append([]string{"tool", "-modfile=tools/helm/go.mod", "helm", "--namespace=" + release}, args...)...)
}

func (c *cluster) get(object client.Object, namespace, name string) {
	c.t.Helper()
	require.NoError(c.t, c.client.Get(c.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object))
}

// arguments are those of a Deployment's container, with paths and addresses of this machine.
func (c *cluster) arguments(deployment string, here ...string) []string {
	c.t.Helper()
	d := &appsv1.Deployment{}
	c.get(d, release, deployment)
	args := d.Spec.Template.Spec.Containers[0].Args
	for i := range args {
		args[i] = strings.NewReplacer(here...).Replace(args[i])
	}
	return args
}

func (c *cluster) start(spec process.Spec) {
	c.t.Helper()
	spec.Path = filepath.Join(root, "bin", spec.Name)
	spec.LogFile = filepath.Join(c.dir, spec.Name+".log")
	started, err := process.Start(c.t.Context(), spec)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { assert.NoError(c.t, started.Stop()) })
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := process.FreePort(t.Context())
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// startSandbox runs the sandbox with the certificate of its Secret, and returns its address.
func (c *cluster) startSandbox() string {
	c.t.Helper()
	for name, content := range c.tls() {
		require.NoError(c.t, os.WriteFile(filepath.Join(c.dir, name), content, 0o600))
	}
	address := freeAddress(c.t)
	c.start(process.Spec{
		Name: "reseller-sandbox",
		Args: c.arguments(release+"-sandbox", "--listen=:8443", "--listen="+address, "--admin-listen=127.0.0.1:8080", "--admin-listen="+freeAddress(c.t),
			"/etc/reseller-sandbox", c.dir),
		Ready: func(ctx context.Context) error {
			connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				return err
			}
			return connection.Close()
		},
	})
	return address
}

func (c *cluster) tls() map[string][]byte {
	c.t.Helper()
	secret := &corev1.Secret{}
	c.get(secret, release, release+"-sandbox-tls")
	return secret.Data
}

// startController runs the controller as the chart's account. A proxy stands for the cluster's
// DNS: it leads the name of the sandbox's Service to the sandbox, and nowhere else.
func (c *cluster) startController(sandbox string) {
	c.t.Helper()
	kubeconfig, err := c.plane.ServiceAccountConfig(c.t.Context(), release, release)
	require.NoError(c.t, err)
	args := append(c.arguments(release, "/etc/reseller-issuer/sandbox", c.dir), "--kubeconfig="+kubeconfig)
	health := ""
	for i, arg := range args {
		flag, _, isAddress := strings.Cut(arg, "-bind-address=")
		if !isAddress {
			continue
		}
		address := freeAddress(c.t)
		args[i] = flag + "-bind-address=" + address
		if flag == "--health-probe" {
			health = address
		}
	}
	c.start(process.Spec{
		Name:  "reseller-issuer",
		Args:  args,
		Env:   []string{"POD_NAMESPACE=" + release, "HTTPS_PROXY=" + proxyTo(c.t, sandboxHost, sandbox)},
		Ready: process.HTTPReady("http://"+health+"/readyz", nil),
	})
}

func TestTrial(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.run("make", "--no-print-directory", "chart", "VERSION=v"+version)
	pack := filepath.Join("dist", "reseller-issuer-"+version+".tgz")
	assert.Contains(t, c.helm("install", release, pack, "--create-namespace", "--set=sandbox.enabled=true"), "ONE MORE STEP")
	notes := c.helm("upgrade", release, pack, "--reuse-values")
	assert.Contains(t, notes, "SIMULATED reseller. It buys nothing")
	assert.NotContains(t, notes, "ONE MORE STEP")
	c.startController(c.startSandbox())

	leaf := c.obtain(&cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "trial"},
		Spec: cmapi.CertificateSpec{
			SecretName: "trial-tls", CommonName: "www.example.com", DNSNames: []string{"www.example.com", "*.example.net"},
			IssuerRef: cmmeta.IssuerReference{Group: v1alpha1.GroupVersion.Group, Kind: "ResellerClusterIssuer", Name: "sandbox"},
		},
	})
	assert.Contains(t, leaf.Issuer.CommonName, "SANDBOX - NOT TRUSTED")
	assert.ElementsMatch(t, []string{"www.example.com", "*.example.net"}, leaf.DNSNames)

	// The quick start's last step: a new key, and the same purchase.
	secret := &corev1.Secret{}
	c.get(secret, "default", "trial-tls")
	require.NoError(t, c.client.Delete(t.Context(), secret))
	again := c.await("default", "trial-tls")
	assert.NotEqual(t, leaf.SerialNumber, again.SerialNumber)

	before := c.tls()
	c.helm("upgrade", release, pack, "--set=sandbox.enabled=true,replicaCount=1")
	assert.Equal(t, before, c.tls(), "an upgrade keeps the certificate that both sides have loaded")
	assert.NotContains(t, c.log(), "forbidden: User", "the chart grants all that is needed")
	c.helm("uninstall", release)
	err := c.client.Get(t.Context(), client.ObjectKey{Namespace: release, Name: release}, &appsv1.Deployment{})
	assert.True(t, apierrors.IsNotFound(err), "%v", err)
	err = c.client.Get(t.Context(), client.ObjectKey{Name: "sandbox"}, &v1alpha1.ResellerClusterIssuer{})
	assert.True(t, apierrors.IsNotFound(err), "no trial issuer is left: %v", err)
	purchases := &v1alpha1.ResellerPurchaseList{}
	require.NoError(t, c.client.List(t.Context(), purchases))
	require.Len(t, purchases.Items, 1, "an uninstall keeps the ledger")
	assert.Equal(t, "sandbox-not-a-live-account", purchases.Items[0].Spec.Account.Name)

	c.helm("install", release, pack)
	require.NoError(t, c.client.List(t.Context(), purchases))
	assert.Len(t, purchases.Items, 1, "the next installation finds it")
}

// obtain waits for a Certificate and returns its leaf.
func (c *cluster) obtain(certificate *cmapi.Certificate) *x509.Certificate {
	c.t.Helper()
	require.NoError(c.t, c.client.Create(c.t.Context(), certificate))
	return c.await(certificate.Namespace, certificate.Spec.SecretName)
}

// await waits for a Secret and returns the leaf in it.
func (c *cluster) await(namespace, name string) *x509.Certificate {
	c.t.Helper()
	secret := &corev1.Secret{}
	require.EventuallyWithT(c.t, func(collect *assert.CollectT) {
		require.NoError(collect, c.client.Get(c.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, secret))
	}, patience, period, "the controller's log: %s", c.log())
	block, _ := pem.Decode(secret.Data[corev1.TLSCertKey])
	require.NotNil(c.t, block)
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(c.t, err)
	return leaf
}

func (c *cluster) log() string {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, "reseller-issuer.log"))
	require.NoError(c.t, err)
	return string(content)
}
