package simulation

import (
	"context"
	"fmt"
	"slices"
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

// CheckAll implements order.Observer.
func (z *zone) CheckAll(_ context.Context, records []dcv.Record) ([]propagation.Observation, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	seen := make([]propagation.Observation, 0, len(records))
	for _, record := range records {
		seen = append(seen, propagation.Observation{
			Propagated: z.records[recordKey(record.FQDN, string(record.Type), record.Value)],
			Message:    record.FQDN + " is not published", RetryAfter: 10 * time.Second,
		})
	}
	return seen, nil
}

// Target implements order.Observer: there are no aliases.
func (*zone) Target(_ context.Context, name string) (string, error) { return name, nil }

// Zone implements order.Observer.
func (*zone) Zone(context.Context, string) (string, error) { return "example.com.", nil }

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

// CheckAll implements order.CAAChecker.
func (permitted) CheckAll(_ context.Context, questions []caa.Question) []caa.Result {
	return slices.Repeat([]caa.Result{{Verdict: caa.Allowed}}, len(questions))
}

// unheard drops events.
type unheard struct{}

func (unheard) Eventf(_, _ runtime.Object, _, _, _, _ string, _ ...any) {}
