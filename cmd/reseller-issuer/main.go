// Command reseller-issuer is the controller: a cert-manager issuer that buys publicly
// trusted certificates from SSL resellers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	// Time zones for images that have none.
	_ "time/tzdata"

	"github.com/spf13/pflag"
	// Root certificates for images that have none; those of the system come first.
	_ "golang.org/x/crypto/x509roots/fallback"
)

// version is set by the linker.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "reseller-issuer:", err)
		os.Exit(1)
	}
}

// run works until ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.version {
		_, err := fmt.Fprintln(stdout, "reseller-issuer", version)
		return err
	}
	return serve(ctx, c, stderr)
}
