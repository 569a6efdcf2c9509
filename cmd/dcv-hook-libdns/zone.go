package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libdns/libdns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

const (
	// batchTimeout bounds the work for all changes that wait at a time.
	batchTimeout = 2 * time.Minute
	// patience is how long a caller is kept waiting before it is told to come back. The
	// work goes on meanwhile.
	patience = 12 * time.Second
	// comeBack is when a caller looks again.
	comeBack = 5 * time.Second
)

// backend is what is needed of a libdns provider.
type backend interface {
	libdns.RecordGetter
	libdns.RecordAppender
	libdns.RecordDeleter
}

// zone changes one zone. Changes are made one after another, because most providers read a
// set of records, change it and write it back; those that come meanwhile are made together
// afterwards, so that many names cost few listings of the zone.
type zone struct {
	name     string // absolute, lower case
	backend  backend
	kind     kind
	patience time.Duration

	mu      sync.Mutex
	waiting []*change
	working bool
}

var _ dcv.Hook = (*zone)(nil)

// change is one record to add or to remove.
type change struct {
	record dcv.Record
	remove bool

	done  chan struct{} // closed when state and err are set
	state dcv.State
	err   error
}

func (c *change) finish(state dcv.State, err error) {
	c.state, c.err = state, err
	close(c.done)
}

// Capabilities implements dcv.Hook.
func (z *zone) Capabilities() dcv.Capabilities {
	return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT, dcv.CNAME}, Apex: true, MultiValue: !z.kind.wholeSets, Async: true}
}

// Present implements dcv.Hook.
func (z *zone) Present(ctx context.Context, r dcv.Request) (dcv.State, error) {
	return z.do(ctx, &change{record: r.Record, done: make(chan struct{})})
}

// errWorking says that a removal takes longer than a caller waits.
var errWorking = errors.New("the DNS service is still at work, come back later")

// CleanUp implements dcv.Hook.
func (z *zone) CleanUp(ctx context.Context, r dcv.Request) error {
	state, err := z.do(ctx, &change{record: r.Record, remove: true, done: make(chan struct{})})
	if err == nil && state.Phase == dcv.Pending {
		return errWorking
	}
	return err
}

// do has a change made and waits for it, but not for long.
func (z *zone) do(ctx context.Context, c *change) (dcv.State, error) {
	z.mu.Lock()
	z.waiting = append(z.waiting, c)
	idle := !z.working
	z.working = true
	z.mu.Unlock()
	if idle {
		go z.work(context.WithoutCancel(ctx))
	}
	timer := time.NewTimer(z.patience)
	defer timer.Stop()
	select {
	case <-c.done:
		return c.state, c.err
	case <-timer.C:
		return dcv.State{Phase: dcv.Pending, RetryAfter: comeBack, Message: "changes of zone " + z.name + " are being made"}, nil
	case <-ctx.Done():
		return dcv.State{}, context.Cause(ctx)
	}
}

// work makes changes until none is left.
func (z *zone) work(ctx context.Context) {
	for {
		z.mu.Lock()
		batch := z.waiting
		z.waiting = nil
		z.working = len(batch) > 0
		z.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		z.make(ctx, batch)
	}
}

// make makes the changes of a batch: it lists the zone, decides and writes, and lists
// again, because what a provider has accepted isn't always what it has stored.
func (z *zone) make(ctx context.Context, batch []*change) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	before, err := z.list(ctx)
	if err != nil {
		for _, c := range batch {
			c.finish(dcv.State{}, err)
		}
		return
	}
	expected := before.copy()
	var written []*change
	for _, c := range batch {
		wrote, err := z.write(ctx, expected, c)
		if wrote {
			written = append(written, c)
			continue
		}
		c.finish(dcv.State{}, err)
	}
	if len(written) == 0 {
		return
	}
	after, err := z.list(ctx)
	for _, c := range written {
		if err != nil {
			c.finish(dcv.State{}, fmt.Errorf("the change is made but can't be read back: %w", err))
			continue
		}
		c.finish(judge(c, expected, after))
	}
}

// judge compares what a zone should hold after a change with what it does.
func judge(c *change, expected, after contents) (dcv.State, error) {
	for _, e := range expected.others(c.record) {
		if !after.has(e) {
			return dcv.State{}, fmt.Errorf("%s %s with %q is gone since %s was changed: put it back if nobody has removed it", e.fqdn, e.kind, e.value, c.record.Key())
		}
	}
	switch there := after.holds(c.record); {
	case c.remove && there:
		return dcv.State{}, fmt.Errorf("the DNS service has accepted the removal but still lists %s", c.record)
	case !c.remove && !there:
		return dcv.State{Phase: dcv.Pending, RetryAfter: comeBack, Message: "the DNS service has accepted " + c.record.Key() + " but doesn't list it yet"}, nil
	}
	return dcv.State{}, nil
}

func (z *zone) list(ctx context.Context) (contents, error) {
	records, err := z.backend.GetRecords(ctx, z.name)
	if err != nil {
		return nil, z.explain("list the records", err)
	}
	if len(records) == 0 && z.kind.neverEmpty {
		return nil, fmt.Errorf("the DNS service lists no records of zone %s, not even its SOA: one of them may be of a type that the library can't read", z.name)
	}
	found := contents{}
	for _, r := range records {
		found.add(newEntry(r, z.name))
	}
	return found, nil
}

// write makes one change. It reports whether anything was written; the zone should then
// hold what is in expected.
func (z *zone) write(ctx context.Context, expected contents, c *change) (bool, error) {
	if c.remove {
		return z.remove(ctx, expected, c.record)
	}
	return z.add(ctx, expected, c.record)
}

func (z *zone) add(ctx context.Context, expected contents, r dcv.Record) (bool, error) {
	if expected.holds(r) {
		return false, nil
	}
	if err := z.obstacle(expected, r); err != nil {
		return false, err
	}
	rec := newRecord(r, z.name, expected.ttl(r))
	if _, err := z.backend.AppendRecords(ctx, z.name, []libdns.Record{rec}); err != nil {
		return false, z.explain("add "+r.String(), err)
	}
	expected.add(newEntry(rec, z.name))
	return true, nil
}

func (z *zone) remove(ctx context.Context, expected contents, r dcv.Record) (bool, error) {
	var matching []libdns.Record
	for _, e := range expected.at(r.FQDN) {
		if e.is(r) {
			matching = append(matching, e.record)
		}
	}
	if len(matching) == 0 {
		return false, nil
	}
	if others := expected.others(r); len(others) > 0 && z.kind.wholeSets {
		return false, fmt.Errorf("%w: %s has other values too, and the library for this DNS service removes or rewrites them all: remove %s by hand", dcv.ErrUnsupported, r.FQDN, r)
	}
	if _, err := z.backend.DeleteRecords(ctx, z.name, matching); err != nil {
		return false, z.explain("remove "+r.String(), err)
	}
	expected.drop(r)
	return true, nil
}

// explain puts an error of a provider into one of dcv's classes.
func (z *zone) explain(what string, err error) error {
	if refused(err) {
		return fmt.Errorf("%w: zone %s: %s: %w: correct the credentials or their permissions", dcv.ErrDenied, z.name, what, err)
	}
	return fmt.Errorf("zone %s: %s: %w", z.name, what, err)
}
