// Command controlplane builds and runs a Kubernetes control plane with
// cert-manager on loopback addresses, without containers.
//
//	controlplane build   makes the helper executables, once
//	controlplane run     starts everything and prints the path of a kubeconfig
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
)

const usage = "usage: controlplane build | controlplane run [MANIFEST ...]"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := execute(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func execute(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "build":
		return controlplane.Build(ctx, os.Stdout)
	case len(args) >= 1 && args[0] == "run":
		return run(ctx, args[1:])
	default:
		return errors.New(usage)
	}
}

// run keeps the control plane up until ctx is done.
func run(ctx context.Context, manifests []string) (err error) {
	plane, err := controlplane.Start(ctx, controlplane.Options{
		CertManager: true,
		GatewayAPI:  true,
		Manifests:   manifests,
		Log:         os.Stderr,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Stop()) }()
	kubeconfig := filepath.Join(plane.Dir(), "admin.kubeconfig")
	if err := plane.WriteKubeconfig(kubeconfig); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "Ctrl-C stops it. The kubeconfig:")
	if _, err := fmt.Fprintln(os.Stdout, kubeconfig); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
