package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"

	config "github.com/cert-manager/cert-manager/internal/apis/config/webhook"
	"github.com/cert-manager/cert-manager/internal/webhook"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/webhook/admission"
	"github.com/spf13/cobra"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

// webhookFlags are the settings of cert-manager-webhook.
type webhookFlags struct {
	kubeconfig        string
	host              string
	port              int
	certFile, keyFile string
}

func newWebhookCommand() *cobra.Command {
	var f webhookFlags
	cmd := &cobra.Command{
		Use:   "cert-manager-webhook",
		Short: "cert-manager's validating and mutating admission webhook",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return runWebhook(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of the webhook's service account")
	flags.StringVar(&f.host, "host", "127.0.0.1", "address to listen on")
	flags.IntVar(&f.port, "secure-port", 10250, "port to listen on")
	flags.StringVar(&f.certFile, "tls-cert-file", "", "PEM file with the serving certificate")
	flags.StringVar(&f.keyFile, "tls-private-key-file", "", "PEM file with the serving certificate's key, in the certificate's directory")
	return cmd
}

// runWebhook serves cert-manager's own admission chain until ctx is done. Only
// the listener differs from upstream, which can't be told an address.
func runWebhook(ctx context.Context, f webhookFlags) error {
	log := logf.FromContext(ctx)
	ctrllog.SetLogger(log)
	chain, err := webhook.NewCertManagerWebhookServer(log, config.WebhookConfiguration{KubeConfig: f.kubeconfig})
	if err != nil {
		return fmt.Errorf("cert-manager-webhook: %w", err)
	}
	server := ctrlwebhook.NewServer(ctrlwebhook.Options{
		Host:     f.host,
		Port:     f.port,
		CertDir:  filepath.Dir(f.certFile),
		CertName: filepath.Base(f.certFile),
		KeyName:  filepath.Base(f.keyFile),
		TLSOpts:  []func(*tls.Config){func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 }},
	})
	server.Register("/mutate", admission.NewCustomMutationWebhook(chain.MutationWebhook))
	server.Register("/validate", admission.NewCustomValidationWebhook(chain.ResourceScheme, chain.ValidationWebhook))
	if err := server.Start(ctx); err != nil {
		return fmt.Errorf("cert-manager-webhook: %w", err)
	}
	return nil
}
