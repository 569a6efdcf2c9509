// Command kubectl-reseller is the kubectl plug-in: `kubectl reseller VERB`.
//
// It reads what the controller wrote, and writes requests that the controller
// carries out and answers. It never calls a reseller and has no credentials but
// those of the kubeconfig.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set when the program is linked.
var version = "unknown"

// The exit codes.
const (
	exitFailed      = 1 // the API server refused, or something is broken
	exitUsage       = 2 // the command line is wrong
	exitRefused     = 3 // the controller's answer is no, or a check found what blocks
	exitUnconfirmed = 4 // nobody confirmed
)

// coded is an error with an exit code of its own.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string { return c.err.Error() }
func (c coded) Unwrap() error { return c.err }

func usage(format string, args ...any) error { return coded{exitUsage, fmt.Errorf(format, args...)} }

// arguments makes wrong arguments an error of usage.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return coded{exitUsage, err}
		}
		return nil
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot(os.Stdin, os.Stdout, os.Stderr).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(exitCode(err))
	}
}

func exitCode(err error) int {
	if c, ok := errors.AsType[coded](err); ok {
		return c.code
	}
	return exitFailed
}
