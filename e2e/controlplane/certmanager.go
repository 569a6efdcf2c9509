package controlplane

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"time"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

// setUpCertManager installs and starts what the options ask for: the Gateway
// API's CRDs, cert-manager, both or nothing.
func (c *ControlPlane) setUpCertManager(ctx context.Context) error {
	var crds []string
	if c.options.GatewayAPI {
		crds = append(crds, filepath.Join(c.certManagerDir, "gateway-api"))
	}
	if c.options.CertManager || c.options.CertManagerCRDs {
		crds = append(crds, filepath.Join(c.certManagerDir, "crds"))
	}
	if err := c.Apply(ctx, crds...); err != nil || !c.options.CertManager {
		return err
	}
	release, err := loadChart(filepath.Join(c.certManagerDir, "chart"))
	if err != nil {
		return err
	}
	webhookConfig, err := c.ServiceAccountConfig(ctx, certManagerNamespace, webhookAccount)
	if err != nil {
		return err
	}
	if _, err := c.ServiceAccountConfig(ctx, certManagerNamespace, certManagerAccount); err != nil {
		return err
	}
	roles, err := release.rbac()
	if err != nil {
		return err
	}
	if err := c.ApplyObjects(ctx, roles...); err != nil {
		return err
	}
	if err := c.startWebhook(ctx, release, webhookConfig); err != nil {
		return err
	}
	return c.StartCertManager(ctx)
}

func (c *ControlPlane) startWebhook(ctx context.Context, release *chart, kubeconfig string) error {
	port, err := process.FreePort(ctx)
	if err != nil {
		return err
	}
	if err := c.pki.serve(CertManagerWebhook); err != nil {
		return err
	}
	spec := c.certManagerProgram(CertManagerWebhook,
		"--kubeconfig="+kubeconfig,
		"--secure-port="+strconv.Itoa(port),
		"--tls-cert-file="+c.pki.certPath(CertManagerWebhook),
		"--tls-private-key-file="+c.pki.keyPath(CertManagerWebhook),
	)
	spec.Ready = process.TCPReady(loopback(port))
	if err := c.run(ctx, spec); err != nil {
		return err
	}
	configurations, err := release.webhooks(port, c.pki.bundle())
	if err != nil {
		return err
	}
	return c.ApplyObjects(ctx, configurations...)
}

// StartCertManager starts cert-manager's controllers, after StopCertManager,
// and returns when their caches are filled.
func (c *ControlPlane) StartCertManager(ctx context.Context) error {
	kubeconfig, err := c.ServiceAccountConfig(ctx, certManagerNamespace, certManagerAccount)
	if err != nil {
		return err
	}
	port, err := process.FreePort(ctx)
	if err != nil {
		return err
	}
	args := []string{
		"--kubeconfig=" + kubeconfig,
		"--healthz-listen-address=" + loopback(port),
		"--cluster-resource-namespace=" + certManagerNamespace,
		"--enable-gateway-api=" + strconv.FormatBool(c.options.GatewayAPI),
	}
	if c.options.BackoffMin != 0 {
		args = append(args, "--certificate-request-minimum-backoff-duration="+c.options.BackoffMin.String())
	}
	if c.options.BackoffMax != 0 {
		args = append(args, "--certificate-request-maximum-backoff-duration="+c.options.BackoffMax.String())
	}
	spec := c.certManagerProgram(CertManagerController, args...)
	spec.Ready = process.HTTPReady("http://"+loopback(port)+"/livez", nil)
	return c.run(ctx, spec)
}

// StopCertManager stops cert-manager's controllers. The webhook stays, so that
// cert-manager's objects can still be written.
func (c *ControlPlane) StopCertManager() error {
	running, ok := c.take(CertManagerController)
	if !ok {
		return errors.New("controlplane: cert-manager is not running")
	}
	return running.Stop()
}

// certManagerProgram is the Spec of one of the programs in the certmanager helper.
func (c *ControlPlane) certManagerProgram(name string, args ...string) process.Spec {
	return process.Spec{
		Name:         name,
		Path:         filepath.Join(c.certManagerDir, "certmanager"),
		Args:         args,
		ReadyTimeout: startTimeout,
		StopTimeout:  5 * time.Second,
	}
}
