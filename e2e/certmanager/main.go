// Command certmanager is cert-manager without containers: its controllers, its
// webhook, and a DNS01 webhook made with its library, in one executable. The name it
// is called by (argv[0]) chooses the program: cert-manager-controller,
// cert-manager-webhook or dns01-webhook. ACME, Vault and Venafi are left out.
//
// The module path lies below cert-manager's own because only there may the
// webhook, an internal package, be imported.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(filepath.Base(os.Args[0])))
}

// run returns the exit code of the program called name.
func run(name string) int {
	commands := map[string]func() *cobra.Command{
		"cert-manager-controller": newControllerCommand,
		"cert-manager-webhook":    newWebhookCommand,
		"dns01-webhook":           newSolverCommand,
	}
	newCommand, ok := commands[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "%s: call this executable as cert-manager-controller, cert-manager-webhook or dns01-webhook\n", name)
		return 2
	}
	logf.InitLogs()
	defer logf.FlushLogs()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(logf.NewContext(ctx, logf.Log)); err != nil {
		return 1
	}
	return 0
}
