// Package dnstest starts DNS servers for tests and demonstrations: a real BIND 9
// with dynamic zones, and fakes that misbehave on purpose. Everything listens on
// loopback addresses and ends with Stop or Close.
package dnstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

const (
	readyTimeout = 15 * time.Second
	stopTimeout  = 5 * time.Second
	logTail      = 4 << 10
)

// Key is a TSIG key.
type Key struct {
	Name      string // without trailing dot
	Secret    string // base64
	Algorithm string // such as hmac-sha512; default hmac-sha256
}

// NewKey makes a random key.
func NewKey(name string) Key {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return Key{Name: name, Secret: base64.StdEncoding.EncodeToString(secret)}
}

// ZoneSpec is a zone to serve.
type ZoneSpec struct {
	// Name is the apex, with or without trailing dot.
	Name string
	// Records are extra lines in zone file syntax, names relative to the apex.
	Records []string
	// Policy are BIND's update-policy rules, each without semicolon. None means
	// that the key may change TXT and CNAME everywhere in the zone.
	Policy []string
	// Nameservers are the loopback addresses in the NS set, named ns1, ns2, and
	// so on. None means the address of the server itself.
	Nameservers []string
	// DNSSEC says whether and how the zone is signed; default [Unsigned].
	DNSSEC Signing
}

// Options describe a server.
type Options struct {
	// Software is BIND by default.
	Software Software
	// Host is a loopback address, also ::1; default 127.0.0.1. BIND binds only
	// addresses that an interface has, so others of 127.0.0.0/8 are served by a relay in
	// this process. It re-packs messages: good for a secondary, not for TSIG.
	Host string
	// Port is a port that is free for UDP and TCP; zero picks one.
	Port int
	// Zones are served besides an empty root zone, so that every other name
	// is NXDOMAIN and the server can also play the recursor.
	Zones []ZoneSpec
	// Key signs updates; default is a new one named "dcv".
	Key Key
	// Dir holds configuration, zones and log, and must exist. Default: a
	// temporary directory, in memory if possible, that Stop removes.
	Dir string
	// ForwardTo makes the server a recursor, without zones, that sends all questions
	// to the server at host:port, remembers the answers, and validates DNSSEC below
	// the TrustAnchors.
	ForwardTo string
	// TrustAnchors are keys as [Server.TrustAnchor] returns them. Everything outside
	// their zones counts as unsigned.
	TrustAnchors []string
	// PrimaryAddr makes the zones secondaries of the server at host:port. They
	// are transferred at the start and then lag until [Server.Transfer].
	PrimaryAddr string
}

// Server is a running name server.
type Server struct {
	addr    string // of the process
	relay   *Fake  // in front of it, or nil
	key     Key
	dir     string
	ownsDir bool
	cancel  context.CancelFunc
	exited  chan struct{}
	err     error // of the process, after exited is closed
}

// Start runs a server and returns when it answers for every zone. The process
// outlives ctx, which bounds the start only.
func Start(ctx context.Context, o Options) (*Server, error) {
	path, err := o.Software.find()
	if err != nil {
		return nil, err
	}
	if o, err = o.complete(ctx); err != nil {
		return nil, err
	}
	s := &Server{key: o.Key, dir: o.Dir, exited: make(chan struct{})}
	if err := s.start(ctx, path, o); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, path string, o Options) (err error) {
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp(fastDir(), "dnstest-"); err != nil {
			return fmt.Errorf("dnstest: %w", err)
		}
		s.ownsDir = true
	}
	if o.Host != defaultHost && o.Host != ipv6Host {
		if o, err = s.startRelay(ctx, o); err != nil {
			return err
		}
	}
	s.addr = hostPort(o.Host, o.Port)
	if err := s.launch(ctx, path, o); err != nil {
		return err
	}
	if o.ForwardTo != "" {
		o.Zones = []ZoneSpec{{Name: "."}}
	}
	return s.waitReady(ctx, o)
}

// fastDir is in memory where possible: named waits for the disk at each update.
func fastDir() string {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		return memory
	}
	return os.TempDir()
}

// startRelay takes the address in o and returns o with another one for named.
func (s *Server) startRelay(ctx context.Context, o Options) (Options, error) {
	port, err := freePort(ctx, defaultHost)
	if err != nil {
		return o, err
	}
	s.relay, err = StartFake(context.WithoutCancel(ctx), o.Host, o.Port, Relay(hostPort(defaultHost, port)))
	o.Host, o.Port = defaultHost, port
	return o, err
}

func (s *Server) launch(ctx context.Context, path string, o Options) error {
	if err := o.Software.configure(ctx, s.dir, o); err != nil {
		return err
	}
	log, err := os.Create(s.logFile())
	if err != nil {
		return fmt.Errorf("dnstest: %w", err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	cmd := exec.CommandContext(run, path, o.Software.arguments(s.dir)...) //nolint:gosec // the path is found above
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	go func() {
		defer close(s.exited)
		// Linux counts the end of the starting thread as that of the parent.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		s.err = errors.Join(cmd.Run(), log.Close())
	}()
	return nil
}

// waitReady polls until every zone is loaded and, where it is to be, signed.
func (s *Server) waitReady(ctx context.Context, o Options) error {
	zones, program := o.Zones, o.Software.program()
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	client := &resolver.Client{Timeout: time.Second}
	for len(zones) > 0 {
		reply, err := client.Ask(ctx, s.Addr(), resolver.Question(zones[0].Name, dns.TypeSOA, false))
		if err == nil && (reply.Authoritative || reply.RecursionAvailable) && s.signed(ctx, client, zones[0]) {
			zones = zones[1:]
			continue
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return fmt.Errorf("dnstest: %s has ended: %w\n%s", program, s.err, s.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("dnstest: %s does not serve %s: %w\n%s", program, zones[0].Name, ctx.Err(), s.LogTail())
		}
	}
	return nil
}

// Addr is host:port, for UDP and TCP.
func (s *Server) Addr() string {
	if s.relay != nil {
		return s.relay.Addr
	}
	return s.addr
}

// Port is the port, for UDP and TCP.
func (s *Server) Port() int { return portOf(s.Addr()) }

// Key is the TSIG key that may update the zones.
func (s *Server) Key() Key { return s.key }

// Stop ends the process, waits for it, and removes what Start has created. It
// may be called again.
func (s *Server) Stop() error {
	var errs []error
	if s.relay != nil {
		errs = append(errs, s.relay.Close())
	}
	if s.cancel != nil {
		s.cancel()
		<-s.exited
	}
	if s.ownsDir {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// LogTail is the end of the log.
func (s *Server) LogTail() string {
	data, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	if len(data) > logTail {
		data = data[len(data)-logTail:]
	}
	return string(bytes.TrimSpace(data))
}

// Transfer makes a secondary fetch the current zone from its primary and
// returns when it serves the primary's serial number.
func (s *Server) Transfer(ctx context.Context, primary *Server, zone string) error {
	client := &resolver.Client{Timeout: time.Second}
	want, err := serial(ctx, client, primary.Addr(), zone)
	if err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		have, err := serial(ctx, client, s.Addr(), zone)
		if err == nil && have == want {
			return nil
		}
		// BIND ignores a notify that comes while it is asking for the SOA.
		notify := new(dns.Msg).SetNotify(dns.Fqdn(zone))
		if _, err := client.Ask(ctx, s.Addr(), notify); err != nil {
			return fmt.Errorf("dnstest: notify: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("dnstest: %s has serial %d of %s, not %d: %w\n%s", s.Addr(), have, zone, want, ctx.Err(), s.LogTail())
		}
	}
}

func serial(ctx context.Context, client *resolver.Client, server, zone string) (uint32, error) {
	reply, err := client.Ask(ctx, server, resolver.Question(zone, dns.TypeSOA, false))
	if err != nil {
		return 0, err
	}
	for _, rr := range reply.Answer {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa.Serial, nil
		}
	}
	return 0, fmt.Errorf("dnstest: %s has no SOA for %s", server, zone)
}
