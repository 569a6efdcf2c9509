package suites

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

const (
	// zone has the names of all tests.
	zone = "example.com"
	// brokenZone is signed, and its signatures have expired.
	brokenZone = "broken.example"
	// parallel tests mostly wait, so more of them run than there are processors.
	parallel = "12"
	// balance of the sandbox's account.
	balance = "1000000.00"
)

// world is the lab of all tests.
var world *lab.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := runAll(ctx, m)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runAll(ctx context.Context, m *testing.M) (err error) {
	if err := flag.Set("test.parallel", parallel); err != nil {
		return err
	}
	world, err = lab.Start(ctx, lab.Options{
		Zones: []string{zone}, BrokenZones: []string{brokenZone}, HostZone: hostZone, GatewayAPI: true, DNS01Webhook: true,
		SandboxArgs: []string{"--balance=" + balance}, Log: os.Stderr,
	})
	if err != nil {
		return err
	}
	// The tests may never return: an interrupt stops the lab first.
	stopWorld := sync.OnceValue(world.Stop)
	uninterrupted := context.AfterFunc(ctx, func() {
		fmt.Fprintln(os.Stderr, errors.Join(errors.New("suites: interrupted"), stopWorld()))
		os.Exit(1)
	})
	defer func() {
		uninterrupted()
		err = errors.Join(err, stopWorld())
	}()
	if hurried, err = world.StartSandbox(ctx, "hurried", hurriedArgs()...); err != nil {
		return err
	}
	if err := world.StartController(ctx); err != nil {
		return err
	}
	if err := world.StartPrometheus(ctx); err != nil {
		return err
	}
	code := m.Run()
	if err := errors.Join(inspectLog(), inspectObjects(ctx), inspectMetrics(ctx), inspectAlerts(ctx), inspectDashboard(ctx)); err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("suites: failed with code %d", code)
	}
	return nil
}

// inspectLog fails when the controller, over all tests, tried what the RBAC of
// the Helm chart doesn't allow, crashed, or wrote a credential into its log.
func inspectLog() error {
	log, err := world.Log()
	if err != nil {
		return err
	}
	if !world.Running() {
		return fmt.Errorf("suites: the controller has ended by itself; its log ends with:\n%s", log[max(0, len(log)-4096):])
	}
	if err := discloses("the controller's log", log); err != nil {
		return err
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "forbidden: User") || strings.Contains(line, "panic") {
			return fmt.Errorf("suites: the controller's log has: %s", line)
		}
	}
	return nil
}

// discloses fails when a text has one of the credentials with which issuers were configured.
func discloses(where, text string) error {
	for _, credential := range []string{
		sandbox.DefaultAPIKey, world.TSIGKey().Secret, hookToken,
		sandbox.ConnectResellerPassphrase, sandbox.ConnectResellerSalt, sandbox.ConnectResellerIV,
	} {
		if strings.Contains(text, credential) {
			return fmt.Errorf("suites: a credential stands in %s", where)
		}
	}
	return nil
}

// inspectObjects fails when a credential stands in what the controller wrote for people
// to read: events, status and ledger.
func inspectObjects(ctx context.Context) error {
	lists := map[string]client.ObjectList{
		"events": &eventsv1.EventList{}, "issuers": &v1alpha1.ResellerIssuerList{}, "cluster issuers": &v1alpha1.ResellerClusterIssuerList{},
		"orders": &v1alpha1.ResellerOrderList{}, "purchases": &v1alpha1.ResellerPurchaseList{}, "requests": &cmapi.CertificateRequestList{},
		"queries": &v1alpha1.ResellerQueryList{},
	}
	for name, list := range lists {
		if err := world.Client().List(ctx, list); err != nil {
			return fmt.Errorf("suites: list %s: %w", name, err)
		}
		text, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("suites: %s: %w", name, err)
		}
		if err := discloses(name, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// timed prints how long a test took, and is the first line of each.
func timed(t *testing.T) {
	t.Helper()
	begin := time.Now()
	t.Cleanup(func() {
		verdict := "ok"
		if t.Failed() {
			verdict = "FAILED"
		}
		fmt.Fprintf(os.Stderr, "%6.1f s  %s %s\n", time.Since(begin).Seconds(), t.Name(), verdict)
	})
}
