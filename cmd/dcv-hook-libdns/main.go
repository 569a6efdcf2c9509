// Command dcv-hook-libdns publishes validation records for reseller-issuer at DNS services
// whose SDKs the controller doesn't carry: Amazon Route 53, Google Cloud DNS, Azure DNS,
// Hetzner, OVH and others, through the libraries of github.com/libdns. It answers the calls
// of the solver http; docs/hooks/libdns.md says how to run it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	// The image has no time zones of its own,
	_ "time/tzdata"

	// and no certificates.
	_ "golang.org/x/crypto/x509roots/fallback"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/httphook"
)

// version is set by the linker.
var version = "unknown"

const (
	// prefix of the calls of the protocol.
	prefix = "/v1"
	// stopTimeout lets a batch of changes end.
	stopTimeout = 30 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dcv-hook-libdns:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string) error {
	o, err := parse(args, getenv)
	if err != nil {
		return err
	}
	if o.version {
		_, err := fmt.Println("dcv-hook-libdns", version) //nolint:forbidigo // it is the output
		return err
	}
	zones, secrets, err := load(o.config)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	server := newServer(zones, secrets, fileToken(o.tokenFile), log)
	log.InfoContext(ctx, "listening", "address", listener.Addr().String(), "zones", zones.names(), "version", version)
	return serve(ctx, server, listener, o.certificate())
}

// newServer answers the protocol below /v1, and /healthz to everybody.
func newServer(hook dcv.Hook, secrets []dcv.Secret, token func() (dcv.Secret, error), log *slog.Logger) *http.Server {
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, httphook.NewHandler(httphook.Options{
		Hook: hook, Token: token, Secrets: secrets, Log: log,
	})))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	return &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// serve answers until ctx is done, over TLS where there is a certificate.
func serve(ctx context.Context, server *http.Server, listener net.Listener, keys *keyFiles) error {
	failed := make(chan error, 1)
	go func() {
		if keys == nil {
			failed <- server.Serve(listener)
			return
		}
		server.TLSConfig = keys.config()
		failed <- server.ServeTLS(listener, "", "")
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// fileToken reads the token at each call, so that a changed Secret counts at once.
func fileToken(path string) func() (dcv.Secret, error) {
	return func() (dcv.Secret, error) {
		text, err := os.ReadFile(path) //nolint:gosec // the operator names it
		if err != nil {
			return dcv.Secret{}, err
		}
		return dcv.NewSecret(strings.TrimSpace(string(text))), nil
	}
}
