// Command bench measures the memory of the controller with orders that are done, each with its
// purchase and its request, on a real API server. Making 10,000 takes minutes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/order/crowd"
)

const (
	// writers at a time.
	writers = 32
	// watched is how long the memory is looked at, after the caches are filled.
	watched = 45 * time.Second
	limit   = 150 << 20
)

func main() {
	orders := flag.Int("orders", 10_000, "how many")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := measure(ctx, *orders, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, orders int, out io.Writer) (err error) {
	world, err := lab.Start(ctx, lab.Options{Zones: []string{"example.com"}, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Stop()) }()
	begin := time.Now()
	if err := populate(ctx, world, orders); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%5.0f s  %d orders, purchases and requests\n", time.Since(begin).Seconds(), orders); err != nil {
		return err
	}
	// As the Deployment has it: the garbage collector keeps the process below, where it can.
	if err := os.Setenv("GOMEMLIMIT", "140MiB"); err != nil {
		return err
	}
	begin = time.Now()
	if err := world.StartController(ctx); err != nil {
		return err
	}
	ready := time.Since(begin)
	highest, last, err := watch(ctx, world)
	if err != nil {
		return err
	}
	const mib = 1 << 20
	if _, err := fmt.Fprintf(out, "ready after %.1f s; resident memory at most %d MiB, in the end %d MiB\n", ready.Seconds(), highest/mib, last/mib); err != nil {
		return err
	}
	if last > limit {
		return fmt.Errorf("the controller takes %d MiB, %d are promised", last/mib, limit/mib)
	}
	return nil
}

// populate makes the objects, with a client that isn't slowed down.
func populate(ctx context.Context, world *lab.Lab, orders int) error {
	config := rest.CopyConfig(world.Plane().RESTConfig())
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: world.Client().Scheme()})
	if err != nil {
		return err
	}
	many, err := crowd.New(time.Now())
	if err != nil {
		return err
	}
	if err := c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: crowd.Namespace}}); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for n := range orders {
		group.Go(func() error { return one(ctx, c, many, n) })
	}
	return group.Wait()
}

func one(ctx context.Context, c client.Client, many *crowd.Crowd, n int) error {
	request := many.Request(n)
	done := request.Status
	if err := withStatus(ctx, c, request, func() { finish(request, done) }); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	order := many.Order(n, request.UID)
	status := order.Status
	if err := withStatus(ctx, c, order, func() { order.Status = status }); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	if err := c.Create(ctx, many.Purchase(n)); err != nil {
		return fmt.Errorf("purchase: %w", err)
	}
	return nil
}

// finish gives a request its certificate. Once it is approved, by cert-manager or here, that
// can't be changed any more.
func finish(request *cmapi.CertificateRequest, done cmapi.CertificateRequestStatus) {
	request.Status.Certificate = done.Certificate
	for _, condition := range done.Conditions {
		if apiutil.GetCertificateRequestCondition(request, condition.Type) == nil {
			request.Status.Conditions = append(request.Status.Conditions, condition)
		}
	}
}

// withStatus creates an object and then writes its status, also where cert-manager has written
// to it in between.
func withStatus(ctx context.Context, c client.Client, object client.Object, set func()) error {
	if err := c.Create(ctx, object); err != nil {
		return err
	}
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		set()
		return c.Status().Update(ctx, object)
	})
}

// watch reads the controller's resident memory each second.
func watch(ctx context.Context, world *lab.Lab) (highest, last int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, watched)
	defer cancel()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return highest, last, nil
		case <-ticker.C:
		}
		now, err := resident(ctx, world)
		if ctx.Err() != nil {
			return highest, last, nil
		}
		if err != nil {
			return 0, 0, err
		}
		last = now
		highest = max(highest, last)
	}
}

func resident(ctx context.Context, world *lab.Lab) (int64, error) {
	text, err := world.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "process_resident_memory_bytes "); ok {
			bytes, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int64(bytes), err
		}
	}
	return 0, errors.New("the controller doesn't tell its memory")
}
