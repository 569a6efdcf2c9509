// Command demo shows the main job from end to end: a Certificate and an annotated
// Ingress become Secrets with a verified chain, bought from a sandbox reseller
// after a real DNS validation. Everything runs on loopback addresses and ends
// with the command.
//
//	demo          shows it and stops everything
//	demo --keep   leaves everything up until Ctrl-C, to look around
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
)

const zone = "example.com"

func main() {
	keep := flag.Bool("keep", false, "leave everything up until Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	out := &printer{w: os.Stdout}
	err := errors.Join(run(ctx, out, *keep), out.err)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out *printer, keep bool) (err error) {
	begin := time.Now()
	out.title("Starting the control plane, cert-manager, BIND, the sandbox reseller and the controller")
	l, err := lab.Start(ctx, lab.Options{Zones: []string{zone}, SandboxArgs: []string{"--issue-delay=500ms"}, Log: out})
	if err != nil {
		return unlessInterrupted(ctx, err)
	}
	defer func() {
		err = errors.Join(err, l.Stop())
		if err == nil {
			out.printf("\nEverything is stopped. The demo took %.0f s.\n", time.Since(begin).Seconds())
		}
	}()
	if err := (&scenario{lab: l, out: out}).show(ctx); err != nil {
		return unlessInterrupted(ctx, errors.Join(err, explain(l)))
	}
	if !keep {
		return nil
	}
	if err := invite(l, out); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// unlessInterrupted spares who presses Ctrl-C what failed by that.
func unlessInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted, everything is stopped")
	}
	return err
}

// explain adds what the controller said last to a failure.
func explain(l *lab.Lab) error {
	log, err := l.Log()
	if err != nil {
		return err
	}
	const end = 8 << 10
	return fmt.Errorf("the controller's log ends with:\n%s", log[max(0, len(log)-end):])
}

// invite says what can be done with the lab while it is up.
func invite(l *lab.Lab, out *printer) error {
	kubeconfig, err := l.Kubeconfig()
	if err != nil {
		return err
	}
	out.title("All of it stays up until Ctrl-C. To look around:")
	out.printf(`  export KUBECONFIG=%s
  kubectl get resellerclusterissuers,resellerpurchases
  kubectl get certificates,certificaterequests,resellerorders,secrets -n shop
  kubectl describe resellerorders -n shop
  kubectl get events -n shop --sort-by=.metadata.creationTimestamp

  # Renew with a new key; the paid term serves, the ledger stays as it is:
  kubectl delete secret shop-tls -n shop
  curl %sledger

  # Say what would be bought, and buy nothing:
  kubectl patch resellerclusterissuer cyberssl --type=merge -p '{"spec":{"purchase":{"mode":"DryRun"}}}'

  # The reseller loses the answer to the next purchase; the order is found, not bought twice:
  curl -d '{"kind":"drop-after","op":"buy"}' %sfaults
`, kubeconfig, l.AdminURL(), l.AdminURL())
	return nil
}
