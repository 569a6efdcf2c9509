package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// timeline prints what happens in the namespace, with the seconds since it began.
type timeline struct {
	out     *printer
	begin   time.Time
	cancel  context.CancelFunc
	tellers sync.WaitGroup
	printer sync.Mutex
	// awaited are the orders that are not validated yet.
	awaited map[types.UID]bool
}

// startTimeline tells what happens from now on.
func startTimeline(ctx context.Context, c client.WithWatch, out *printer) (*timeline, error) {
	ctx, cancel := context.WithCancel(ctx)
	t := &timeline{out: out, cancel: cancel, awaited: map[types.UID]bool{}}
	for _, source := range []struct {
		list client.ObjectList
		tell func(watch.Event)
	}{
		{&cmapi.CertificateRequestList{}, t.tellRequest},
		{&v1alpha1.ResellerOrderList{}, t.tellOrder},
		{&eventsv1.EventList{}, t.tellEvent},
	} {
		changes, err := watchFromNow(ctx, c, source.list)
		if err != nil {
			t.stop()
			return nil, fmt.Errorf("time line: %w", err)
		}
		t.tellers.Go(func() {
			defer changes.Stop()
			for change := range changes.ResultChan() {
				source.tell(change)
			}
		})
	}
	t.begin = time.Now()
	return t, nil
}

// watchFromNow leaves out what exists already.
func watchFromNow(ctx context.Context, c client.WithWatch, list client.ObjectList) (watch.Interface, error) {
	if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	since := &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}
	return c.Watch(ctx, list, client.InNamespace(namespace), &client.ListOptions{Raw: since})
}

// stop ends the time line. It may be called again.
func (t *timeline) stop() {
	t.cancel()
	t.tellers.Wait()
}

func (t *timeline) elapsed() time.Duration { return time.Since(t.begin) }

func (t *timeline) say(format string, args ...any) {
	t.printer.Lock()
	defer t.printer.Unlock()
	t.out.printf("%5.1f s  %s\n", t.elapsed().Seconds(), fmt.Sprintf(format, args...))
}

func (t *timeline) tellRequest(change watch.Event) {
	request, ok := change.Object.(*cmapi.CertificateRequest)
	if ok && change.Type == watch.Added {
		t.say("cert-manager has made a key and CertificateRequest %s", request.Name)
	}
}

func (t *timeline) tellOrder(change watch.Event) {
	order, ok := change.Object.(*v1alpha1.ResellerOrder)
	if !ok {
		return
	}
	if change.Type == watch.Added {
		t.awaited[order.UID] = true
		t.say("ResellerOrder %s is written", order.Name)
	}
	if meta.IsStatusConditionTrue(order.Status.Conditions, v1alpha1.ConditionValidated) && t.awaited[order.UID] {
		delete(t.awaited, order.UID)
		t.say("Validated: the CA has seen the records")
	}
}

func (t *timeline) tellEvent(change watch.Event) {
	event, ok := change.Object.(*eventsv1.Event)
	if ok && change.Type == watch.Added && event.Regarding.Kind == "ResellerOrder" {
		t.say("%s: %s", event.Reason, event.Note)
	}
}
