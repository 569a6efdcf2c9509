package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
)

// Namespace has the controller's service account and, as the cluster resource
// namespace, the Secrets of cluster issuers. It and the name of the account are
// those of config/rbac.
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
	kubeconfig, err := l.plane.ServiceAccountConfig(ctx, Namespace, serviceAccount)
	if err != nil {
		return err
	}
	var addresses [2]string
	for i := range addresses {
		port, err := process.FreePort(ctx)
		if err != nil {
			return err
		}
		addresses[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	metrics, health := addresses[0], addresses[1]
	l.controller, err = process.Start(ctx, process.Spec{
		Name: controllerName,
		Path: l.executable(controllerName),
		Args: append([]string{
			"--kubeconfig=" + kubeconfig,
			"--metrics-bind-address=" + metrics,
			"--health-probe-bind-address=" + health,
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
			"--allowed-endpoints=" + l.ResellerURL(),
			"--dns-recursive-nameservers=" + l.dns.Addr(),
			"--dns-authoritative-port=" + strconv.Itoa(l.dns.Port()),
		}, flags...),
		LogFile: l.controllerLog(),
		Ready:   process.HTTPReady("http://"+health+"/readyz", nil),
	})
	return err
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
