package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/reseller-issuer/reseller-issuer/e2e/process"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

const (
	adminTimeout = 10 * time.Second
	maxAdminBody = 16 << 20
)

// Sandbox is a sandbox reseller with money, orders and a CA of its own.
type Sandbox struct {
	*process.Process
	base     string // http://127.0.0.1:PORT
	rootFile string
}

func (l *Lab) startSandbox(ctx context.Context, options Options) error {
	var err error
	l.sandbox, err = l.StartSandbox(ctx, sandboxName, options.SandboxArgs...)
	return err
}

// StartSandbox starts a sandbox reseller with flags of its own, which validates with the
// lab's name server as a CA would with the world's. A controller that is started later
// may use it. It ends with the lab. The name is that of its files.
func (l *Lab) StartSandbox(ctx context.Context, name string, args ...string) (*Sandbox, error) {
	port, err := process.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	dir := l.plane.Dir()
	if l.proxy != nil {
		args = append([]string{"--file-dial=" + l.proxy.address}, args...)
	}
	s := &Sandbox{base: "http://" + address, rootFile: filepath.Join(dir, name+"-root.pem")}
	s.Process, err = process.Start(ctx, process.Spec{
		Name: sandboxName,
		Path: l.executable(sandboxName),
		Args: append([]string{
			"--listen=" + address,
			"--resolver=" + l.dns.Addr(),
			"--tick=100ms",
			"--validation-interval=2s",
			"--root-out=" + s.rootFile,
		}, args...),
		LogFile: filepath.Join(dir, name+".log"),
		Ready:   process.HTTPReady(s.base+sandbox.AdminPrefix+"healthz", nil),
	})
	if err != nil {
		return nil, err
	}
	l.sandboxes = append(l.sandboxes, s)
	return s, nil
}

// URL is where the sandbox's resellers are, each under a path of its own.
func (s *Sandbox) URL() string { return s.base }

// Ledger is what the sandbox charged and did, oldest first.
func (s *Sandbox) Ledger(ctx context.Context) ([]sandbox.Entry, error) {
	var entries []sandbox.Entry
	return entries, s.admin(ctx, http.MethodGet, "ledger", nil, &entries)
}

// ResellerURL is where the sandbox's resellers are, each under a path of its own.
func (l *Lab) ResellerURL() string { return l.sandbox.base }

// ResellerEndpoint is the base URL of the sandbox's CyberSSL API.
func (l *Lab) ResellerEndpoint() string { return l.sandbox.base + "/v1" }

// AdminURL is the base URL of the sandbox's admin API, with a slash at the end.
func (l *Lab) AdminURL() string { return l.sandbox.base + sandbox.AdminPrefix }

// Ledger is what the sandbox charged and did, oldest first.
func (l *Lab) Ledger(ctx context.Context) ([]sandbox.Entry, error) {
	return l.sandbox.Ledger(ctx)
}

// Orders are all orders at the sandbox.
func (l *Lab) Orders(ctx context.Context) ([]sandbox.Order, error) {
	var orders []sandbox.Order
	return orders, l.sandbox.admin(ctx, http.MethodGet, "orders", nil, &orders)
}

// Approve clicks the link in the messages about an order at the sandbox.
func (l *Lab) Approve(ctx context.Context, id string) error {
	return l.sandbox.admin(ctx, http.MethodPost, "order/"+id+"/approve", nil, nil)
}

// Inject makes the sandbox fail.
func (l *Lab) Inject(ctx context.Context, faults ...sandbox.Fault) error {
	return l.sandbox.admin(ctx, http.MethodPost, "faults", faults, nil)
}

// Faults are those that may still strike.
func (l *Lab) Faults(ctx context.Context) ([]sandbox.Fault, error) {
	var faults []sandbox.Fault
	return faults, l.sandbox.admin(ctx, http.MethodGet, "faults", nil, &faults)
}

// ClearFaults ends all faults.
func (l *Lab) ClearFaults(ctx context.Context) error {
	return l.sandbox.admin(ctx, http.MethodDelete, "faults", nil, nil)
}

// SetBalance gives the sandbox's account an amount of money, for example "12.50".
func (l *Lab) SetBalance(ctx context.Context, amount string) error {
	return l.sandbox.admin(ctx, http.MethodPost, "balance", map[string]string{"balance": amount}, nil)
}

// Reset makes the sandbox forget everything.
func (l *Lab) Reset(ctx context.Context) error {
	return l.sandbox.admin(ctx, http.MethodPost, "reset", nil, nil)
}

// admin calls the sandbox's admin API; reply may be nil.
func (s *Sandbox) admin(ctx context.Context, method, path string, body, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	content, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("lab: sandbox: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.base+sandbox.AdminPrefix+path, bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("lab: sandbox: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("lab: sandbox: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAdminBody))
	if err != nil {
		return fmt.Errorf("lab: sandbox: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("lab: sandbox: %s %s: %s: %s", method, path, response.Status, text)
	}
	if reply == nil {
		return nil
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return fmt.Errorf("lab: sandbox: %s: %w", path, err)
	}
	return nil
}
