package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	cmutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

const (
	namespace = "shop"
	// patience is how long a Secret may take; limit is how long it should.
	patience = 90 * time.Second
	limit    = 15 * time.Second
	period   = 50 * time.Millisecond
)

//go:embed manifests/*.yaml
var manifests embed.FS

// supply is a manifest that asks for a certificate, and what comes of it.
type supply struct {
	manifest, what, certificate, secret string
	names                               []string
}

var supplies = []supply{
	{"30-certificate.yaml", "A Certificate with two names, one of them a wildcard", "shop", "shop-tls", []string{"shop.example.com", "any.shop.example.com"}},
	{"40-ingress.yaml", "An annotated Ingress", "www-tls", "www-tls", []string{"www.example.com"}},
}

// scenario is what the demo shows in a lab.
type scenario struct {
	lab *lab.Lab
	out *printer
}

// show runs the scenario.
func (d *scenario) show(ctx context.Context) error {
	begin := time.Now()
	if err := d.apply(ctx, "10-secrets.yaml", "20-issuer.yaml"); err != nil {
		return err
	}
	if err := d.lab.StartController(ctx); err != nil {
		return err
	}
	d.out.printf("%5.1f s  controller\n", time.Since(begin).Seconds())
	for _, s := range supplies {
		if err := d.obtain(ctx, s); err != nil {
			return err
		}
	}
	d.out.title("The orders, as kubectl shows them")
	if err := d.printOrders(ctx); err != nil {
		return err
	}
	d.out.title("The sandbox reseller's ledger: one charge for each")
	if err := d.printLedger(ctx); err != nil {
		return err
	}
	d.out.title("The chains, verified against the sandbox's root")
	for _, s := range supplies {
		if err := d.verify(ctx, s); err != nil {
			return fmt.Errorf("secret %s: %w", s.secret, err)
		}
	}
	return nil
}

// obtain applies a manifest and tells what happens until the Secret is ready.
func (d *scenario) obtain(ctx context.Context, s supply) error {
	d.out.title(fmt.Sprintf("%s (e2e/cmd/demo/manifests/%s)", s.what, s.manifest))
	line, err := startTimeline(ctx, d.lab.Client(), d.out)
	if err != nil {
		return err
	}
	defer line.stop()
	if err := d.apply(ctx, s.manifest); err != nil {
		return err
	}
	line.say("%s applied", s.manifest)
	if err := awaitReady(ctx, d.lab.Client(), s.certificate); err != nil {
		return err
	}
	took := line.elapsed()
	line.stop()
	line.say("Secret %s is ready: %.1f s after it was asked for", s.secret, took.Seconds())
	if took > limit {
		return fmt.Errorf("the Secret took %.1f s, more than %.0f", took.Seconds(), limit.Seconds())
	}
	return nil
}

// awaitReady waits until a Certificate is ready.
func awaitReady(ctx context.Context, c client.Client, name string) error {
	certificate := &cmapi.Certificate{}
	ready := cmapi.CertificateCondition{Type: cmapi.CertificateConditionReady, Status: cmmeta.ConditionTrue}
	err := wait.PollUntilContextTimeout(ctx, period, patience, true, func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, certificate)
		if apierrors.IsNotFound(err) {
			return false, nil // the Ingress's is still to be made
		}
		return err == nil && cmutil.CertificateHasCondition(certificate, ready), err
	})
	if err != nil {
		return fmt.Errorf("certificate %s is not ready: %w", name, err)
	}
	return nil
}

// apply fills in what is known only now and applies manifests.
func (d *scenario) apply(ctx context.Context, names ...string) error {
	values := map[string]string{
		"CONTROLLER_NAMESPACE": lab.Namespace,
		"API_KEY":              sandbox.DefaultAPIKey,
		"RESELLER_ENDPOINT":    d.lab.ResellerEndpoint(),
		"NAMESERVER":           d.lab.Nameserver(),
		"TSIG_KEY_NAME":        d.lab.TSIGKey().Name,
		"TSIG_SECRET":          d.lab.TSIGKey().Secret,
	}
	for _, name := range names {
		content, err := manifests.ReadFile("manifests/" + name)
		if err != nil {
			return err
		}
		file := filepath.Join(d.lab.Plane().Dir(), name)
		text := os.Expand(string(content), func(key string) string { return values[key] })
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		if err := d.lab.Apply(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

func (d *scenario) printOrders(ctx context.Context) error {
	d.out.printf("$ kubectl get resellerorders -n %s\n", namespace)
	table, err := d.lab.Table(ctx, namespace, "resellerorders")
	if err != nil {
		return err
	}
	return lab.PrintTable(d.out, table)
}

// printLedger also fails the demo when anything was charged twice, or not at all.
func (d *scenario) printLedger(ctx context.Context) error {
	entries, err := d.lab.Ledger(ctx)
	if err != nil {
		return err
	}
	lines := tabwriter.NewWriter(d.out, 0, 8, 3, ' ', 0)
	table := &printer{w: lines}
	table.printf("TIME\tKIND\tORDER\tAMOUNT\tNAMES\n")
	for _, e := range entries {
		table.printf("%s\t%s\t%s\t%s %s\t%v\n", e.Time.Format(time.TimeOnly), e.Kind, e.Order, e.Amount, e.Currency, e.Names)
	}
	if err := errors.Join(table.err, lines.Flush()); err != nil {
		return err
	}
	if len(entries) != len(supplies) {
		return errors.New("the ledger should have one line for each certificate")
	}
	return nil
}
