package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

const (
	headerTimeout   = 10 * time.Second
	shutdownTimeout = 5 * time.Second
)

// banner says what this is, before anything else.
const banner = `reseller-sandbox: a simulator of an SSL reseller.
It buys nothing, charges nobody and knows no real account. Its certificates come from a
throw-away CA that no browser trusts. Everything is kept in memory and lost on exit.
`

// service is the simulated reseller with its listeners.
type service struct {
	opts   options
	engine *sandbox.Engine
	// protocols are the vendors' APIs, the first also at the root.
	protocols []sandbox.Protocol
	log       *slog.Logger
}

func newService(opts options, logs io.Writer) (*service, error) {
	cfg, err := opts.config()
	if err != nil {
		return nil, err
	}
	engine, err := sandbox.New(cfg)
	if err != nil {
		return nil, err
	}
	connectReseller, err := sandbox.NewConnectReseller(engine, opts.connectreseller)
	if err != nil {
		return nil, err
	}
	protocols := []sandbox.Protocol{
		sandbox.NewCyberSSL(engine, opts.cyberssl),
		sandbox.NewAutoDNS(engine, opts.autodns),
		sandbox.NewISPmanager(engine, opts.ispmanager),
		connectReseller,
		sandbox.NewResello(engine, opts.resello),
	}
	return &service{opts: opts, engine: engine, protocols: protocols, log: slog.New(slog.NewTextHandler(logs, nil))}, nil
}

// endpoint is one listener and what it serves.
type endpoint struct {
	name     string
	listener net.Listener
	server   *http.Server
}

// run listens, writes the banner with the addresses to stdout and serves until ctx is done.
func (s *service) run(ctx context.Context, stdout io.Writer) error {
	if s.opts.rootOut != "" {
		if err := os.WriteFile(s.opts.rootOut, []byte(s.engine.CA().RootPEM()), 0o644); err != nil { //nolint:gosec // a certificate is public
			return fmt.Errorf("write the root certificate: %w", err)
		}
	}
	endpoints, err := s.endpoints(ctx)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, banner+s.addresses(endpoints)); err != nil {
		return errors.Join(fmt.Errorf("write the banner: %w", err), closeAll(endpoints))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	failures := make(chan error, len(endpoints))
	for _, e := range endpoints {
		group.Go(func() {
			if err := e.server.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
				failures <- fmt.Errorf("serve %s: %w", e.name, err)
				stop()
			}
		})
	}
	group.Go(func() { s.tick(ctx) })
	<-ctx.Done()
	s.log.Info("shutting down")
	err = shutdown(context.WithoutCancel(ctx), endpoints)
	group.Wait()
	close(failures)
	return errors.Join(err, <-failures)
}

func (s *service) tick(ctx context.Context) {
	ticker := time.NewTicker(s.opts.tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.engine.Tick(ctx)
		}
	}
}

// endpoints opens the listeners: one for everything, or two.
func (s *service) endpoints(ctx context.Context) ([]endpoint, error) {
	protocols := sandbox.NewServer(s.engine, s.log, s.protocols...)
	admin := sandbox.AdminHandler(s.engine, s.log)
	mux := http.NewServeMux()
	mux.Handle("/", protocols)
	if s.opts.adminListen == "" {
		mux.Handle(sandbox.AdminPrefix, admin)
	}
	api, err := s.listen(ctx, "api", s.opts.listen, mux)
	if err != nil || s.opts.adminListen == "" {
		return []endpoint{api}, err
	}
	separate, err := s.listen(ctx, "admin", s.opts.adminListen, admin)
	if err != nil {
		return nil, errors.Join(err, closeAll([]endpoint{api}))
	}
	return []endpoint{api, separate}, nil
}

func (s *service) listen(ctx context.Context, name, address string, handler http.Handler) (endpoint, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return endpoint{}, fmt.Errorf("listen for %s: %w", name, err)
	}
	if s.opts.serveTLS() {
		certificate, err := s.certificate()
		if err != nil {
			return endpoint{}, errors.Join(err, listener.Close())
		}
		listener = tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
		})
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return endpoint{name: name, listener: listener, server: server}, nil
}

// certificate is the one that the flags name, else one of the sandbox's own CA.
func (s *service) certificate() (tls.Certificate, error) {
	if s.opts.tlsCert == "" {
		return s.engine.CA().ServerCertificate(s.opts.tlsHosts, time.Now())
	}
	certificate, err := tls.LoadX509KeyPair(s.opts.tlsCert, s.opts.tlsKey)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("--tls-cert-file and --tls-key-file: %w", err)
	}
	return certificate, nil
}

// addresses is one line per API, "api: URL" and "admin: URL", for people and scripts.
func (s *service) addresses(endpoints []endpoint) string {
	scheme := "http://"
	if s.opts.serveTLS() {
		scheme = "https://"
	}
	api, admin := endpoints[0], endpoints[len(endpoints)-1]
	return "api: " + scheme + api.listener.Addr().String() + "/v1/\n" +
		"admin: " + scheme + admin.listener.Addr().String() + sandbox.AdminPrefix + "\n"
}

func closeAll(endpoints []endpoint) error {
	var failures []error
	for _, e := range endpoints {
		failures = append(failures, e.listener.Close())
	}
	return errors.Join(failures...)
}

// shutdown lets running calls end for a moment and then closes their connections.
func shutdown(ctx context.Context, endpoints []endpoint) error {
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	var failures []error
	for _, e := range endpoints {
		if err := e.server.Shutdown(ctx); err != nil {
			failures = append(failures, errors.Join(err, e.server.Close()))
		}
	}
	return errors.Join(failures...)
}
