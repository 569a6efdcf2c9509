// Command reseller-sandbox serves a simulated SSL reseller for trials and tests. Its
// certificates come from a throw-away CA that nobody trusts, and it moves no money.
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
)

// version is set by the linker.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "reseller-sandbox:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if opts.version {
		_, err := fmt.Fprintln(stdout, "reseller-sandbox", version)
		return err
	}
	s, err := newService(opts, stderr)
	if err != nil {
		return err
	}
	return s.run(ctx, stdout)
}
