package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

// startTimeout is generous for a machine that is busy with something else.
const startTimeout = 2 * time.Minute

const (
	serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local"
	frontProxyUser       = "front-proxy"
)

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// kubernetesProgram is the Spec of one of the programs in the kubernetes helper.
func (c *ControlPlane) kubernetesProgram(name string, args ...string) process.Spec {
	return process.Spec{
		Name:         name,
		Path:         filepath.Join(c.kubernetesDir, "kubernetes"),
		Args:         args,
		ReadyTimeout: startTimeout,
		StopTimeout:  5 * time.Second,
	}
}

func (c *ControlPlane) startEtcd(ctx context.Context) error {
	client, err := process.FreePort(ctx)
	if err != nil {
		return err
	}
	peer, err := process.FreePort(ctx)
	if err != nil {
		return err
	}
	c.etcdURL = "http://" + loopback(client)
	peerURL := "http://" + loopback(peer)
	spec := c.kubernetesProgram(Etcd,
		"--data-dir="+filepath.Join(c.dir, "etcd"),
		"--listen-client-urls="+c.etcdURL,
		"--advertise-client-urls="+c.etcdURL,
		"--listen-peer-urls="+peerURL,
		"--initial-advertise-peer-urls="+peerURL,
		"--initial-cluster=default="+peerURL,
		"--unsafe-no-fsync", // the data need not outlive a crash
		"--log-level=warn",
	)
	spec.Ready = process.HTTPReady(c.etcdURL+"/health", nil)
	return c.run(ctx, spec)
}

func (c *ControlPlane) startAPIServer(ctx context.Context) error {
	port, err := process.FreePort(ctx)
	if err != nil {
		return err
	}
	if err := c.writeAPIServerKeys(); err != nil {
		return err
	}
	host := "https://" + loopback(port)
	if err := c.connect(host); err != nil {
		return err
	}
	spec := c.kubernetesProgram(APIServer, append(c.apiServerArgs(port), c.options.APIServerArgs...)...)
	// With open watches it would wait for a minute; etcd has all it has promised.
	spec.StopTimeout = time.Second
	pool := x509.NewCertPool()
	pool.AddCert(c.pki.ca.certificate)
	spec.Ready = process.HTTPReady(host+"/readyz", &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
	return c.run(ctx, spec)
}

func (c *ControlPlane) writeAPIServerKeys() error {
	admin := pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}
	return errors.Join(
		c.pki.serve("kube-apiserver", "kubernetes.default.svc"),
		c.pki.client("admin", admin, c.pki.ca),
		c.pki.client("front-proxy", pkix.Name{CommonName: frontProxyUser}, c.pki.frontCA),
	)
}

func (c *ControlPlane) apiServerArgs(port int) []string {
	return []string{
		"--etcd-servers=" + c.etcdURL,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--endpoint-reconciler-type=none", // Endpoints can't hold a loopback address
		"--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC",
		"--disable-admission-plugins=ServiceAccount", // it wants what only kubelets and the token controller give
		"--tls-cert-file=" + c.pki.certPath("kube-apiserver"),
		"--tls-private-key-file=" + c.pki.keyPath("kube-apiserver"),
		"--client-ca-file=" + c.pki.certPath("ca"),
		"--service-account-issuer=" + serviceAccountIssuer,
		"--service-account-key-file=" + c.pki.pubPath("service-accounts"),
		"--service-account-signing-key-file=" + c.pki.keyPath("service-accounts"),
		"--requestheader-client-ca-file=" + c.pki.certPath("front-proxy-ca"),
		"--requestheader-allowed-names=" + frontProxyUser,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.pki.certPath("front-proxy"),
		"--proxy-client-key-file=" + c.pki.keyPath("front-proxy"),
	}
}

// startControllers waits for the default service account: the sign that
// controllers work.
func (c *ControlPlane) startControllers(ctx context.Context) error {
	kubeconfig := filepath.Join(c.dir, "admin.kubeconfig")
	if err := c.WriteKubeconfig(kubeconfig); err != nil {
		return err
	}
	spec := c.kubernetesProgram(Controllers, "--kubeconfig="+kubeconfig)
	spec.Ready = func(ctx context.Context) error {
		_, err := c.kube.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("default service account: %w", err)
		}
		return nil
	}
	return c.run(ctx, spec)
}
