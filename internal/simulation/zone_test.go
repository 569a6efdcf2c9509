package simulation

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/propagation"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// zone is all of DNS: what a hook has published, observers and the CA see at once.
type zone struct {
	mu      sync.Mutex
	records map[string]bool
	// hidden keeps the records from the CA.
	hidden bool
}

// recordKey is a record as DNS compares it, whose values here are names or have no letters in two cases.
func recordKey(name, kind, value string) string {
	return strings.ToLower(name + " " + kind + " " + strings.TrimSuffix(value, "."))
}

// Capabilities implements dcv.Hook.
func (*zone) Capabilities() dcv.Capabilities {
	return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT, dcv.CNAME}}
}

// Present implements dcv.Hook.
func (z *zone) Present(_ context.Context, r dcv.Request) (dcv.State, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records[recordKey(r.Record.FQDN, string(r.Record.Type), r.Record.Value)] = true
	return dcv.State{}, nil
}

// CleanUp implements dcv.Hook.
func (z *zone) CleanUp(_ context.Context, r dcv.Request) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.records, recordKey(r.Record.FQDN, string(r.Record.Type), r.Record.Value))
	return nil
}

// Check implements order.Observer.
func (z *zone) Check(_ context.Context, record dcv.Record) (propagation.Observation, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.records[recordKey(record.FQDN, string(record.Type), record.Value)] {
		return propagation.Observation{Propagated: true}, nil
	}
	return propagation.Observation{Message: record.FQDN + " is not published", RetryAfter: 10 * time.Second}, nil
}

// validate is the CA's look.
func (z *zone) validate(_ context.Context, c sandbox.Challenge) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.hidden || !z.records[recordKey(c.RecordName, c.RecordType, c.RecordValue)] {
		return fmt.Errorf("no record at %s", c.RecordName)
	}
	return nil
}

func (z *zone) published() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	var list []string
	for record := range z.records {
		list = append(list, record)
	}
	return list
}

// permitted takes every CA as permitted.
type permitted struct{}

func (permitted) Check(context.Context, caa.Question) caa.Result {
	return caa.Result{Verdict: caa.Allowed}
}

// unheard drops events.
type unheard struct{}

func (unheard) Eventf(_, _ runtime.Object, _, _, _, _ string, _ ...any) {}
