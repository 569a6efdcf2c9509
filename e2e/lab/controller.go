package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

// Namespace has the controller's service account and, as the cluster resource
// namespace, the Secrets of cluster issuers. The account has the name of the release.
const (
	Namespace      = "reseller-issuer"
	serviceAccount = "reseller-issuer"
)

// StartController starts the controller with short leases and further flags, and
// returns when its caches are filled. It may take a few seconds more until it
// leads, when another controller was killed.
func (l *Lab) StartController(ctx context.Context, flags ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.controller != nil {
		return errors.New("lab: the controller is running")
	}
	if l.filePort == 0 {
		var err error
		if l.filePort, err = process.FreePort(ctx); err != nil {
			return err
		}
	}
	metrics, err := l.metricsAddress(ctx)
	if err != nil {
		return err
	}
	l.controller, err = l.startReplica(ctx, l.filePort, metrics, flags)
	return err
}

// StartStandby starts a second replica, which does not lead as long as the controller
// runs, and returns the base URL at which it serves validation files.
func (l *Lab) StartStandby(ctx context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.standby != nil {
		return "", errors.New("lab: the standby is running")
	}
	port, err := process.FreePort(ctx)
	if err != nil {
		return "", err
	}
	l.standby, err = l.startReplica(ctx, port, "0", nil)
	return "http://" + loopback(port), err
}

// StopStandby ends the second replica. It does nothing when there is none.
func (l *Lab) StopStandby() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.standby == nil {
		return nil
	}
	running := l.standby
	l.standby = nil
	return running.Stop()
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// startReplica starts a controller that serves validation files at a port, and its metrics at
// an address; "0" is none.
func (l *Lab) startReplica(ctx context.Context, filePort int, metrics string, flags []string) (*process.Process, error) {
	kubeconfig, err := l.plane.ServiceAccountConfig(ctx, Namespace, serviceAccount)
	if err != nil {
		return nil, err
	}
	port, err := process.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	health := loopback(port)
	if l.proxy != nil {
		flags = append([]string{"--http-file-port=" + strconv.Itoa(l.proxy.port)}, flags...)
	}
	return process.Start(ctx, process.Spec{
		Name: controllerName,
		Path: l.executable(controllerName),
		Args: append([]string{
			"--kubeconfig=" + kubeconfig,
			"--metrics-bind-address=" + metrics,
			"--health-probe-bind-address=" + health,
			"--http-file-bind-address=" + loopback(filePort),
			"--cluster-resource-namespace=" + Namespace,
			"--leader-election-namespace=" + Namespace,
			// Short, for tests that kill it; long enough for a machine that stands still
			// for seconds: who can't renew its lease in time ends.
			"--leader-election-lease-duration=12s",
			"--leader-election-renew-deadline=10s",
			"--leader-election-retry-period=500ms",
			"--insecure-loopback",
			// At its most talkative the log must be free of credentials.
			"--log-level=debug",
			"--allowed-endpoints=" + l.resellerURLs(),
			"--dns-recursive-nameservers=" + l.dns.Addr(),
			"--dns-authoritative-port=" + strconv.Itoa(l.dns.Port()),
		}, flags...),
		LogFile: l.controllerLog(),
		Ready:   process.HTTPReady("http://"+health+"/readyz", nil),
	})
}

// resellerURLs are those of all sandboxes that run.
func (l *Lab) resellerURLs() string {
	urls := []string{l.ResellerURL()}
	for _, s := range l.sandboxes {
		urls = append(urls, s.base)
	}
	return strings.Join(urls, ",")
}

// StopController ends the controller as a roll-out does. It does nothing when
// the controller isn't running.
func (l *Lab) StopController() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.controller == nil {
		return nil
	}
	running := l.controller
	l.controller = nil
	return running.Stop()
}

// KillController ends the controller with SIGKILL, as a crash does.
func (l *Lab) KillController() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.controller == nil {
		return errors.New("lab: the controller isn't running")
	}
	running := l.controller
	l.controller = nil
	return running.Kill()
}

// RestartController stops the controller and starts it with further flags.
func (l *Lab) RestartController(ctx context.Context, flags ...string) error {
	if err := l.StopController(); err != nil {
		return err
	}
	return l.StartController(ctx, flags...)
}

// Running reports whether the controller was started and has not ended since, also by
// itself.
func (l *Lab) Running() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.controller == nil {
		return false
	}
	select {
	case <-l.controller.Exited():
		return false
	default:
		return true
	}
}

// Log is all that the controller has logged, over its restarts.
func (l *Lab) Log() (string, error) {
	content, err := os.ReadFile(l.controllerLog())
	if err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	return string(content), nil
}

func (l *Lab) controllerLog() string {
	return filepath.Join(l.plane.Dir(), controllerName+".log")
}
