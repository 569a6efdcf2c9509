package order

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/propagation"
)

// manualClock moves only when it is told to.
type manualClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// dnsZone is hook and observer in one: what is presented can be seen.
type dnsZone struct {
	mu      sync.Mutex
	records map[string]bool
	removed []string
	// presentErr, cleanErr and pending disturb the next calls; invisible hides everything.
	presentErr, cleanErr []error
	pending              int
	invisible            bool
	presents             int
	// aliases are CNAMEs; aliasErr is why they can't be found.
	aliases  map[string]string
	aliasErr []error
	// apex is the apex of all names.
	apex string
	// ttl is the negative TTL of every answer; warning is of every answer, too.
	ttl     time.Duration
	warning string
	looks   int
	retry   time.Duration
}

func (z *dnsZone) Capabilities() dcv.Capabilities {
	return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT, dcv.CNAME}}
}

func (z *dnsZone) Zone(context.Context, string) (string, error) { return z.apex, nil }

func (z *dnsZone) Target(_ context.Context, name string) (string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if err := take(&z.aliasErr); err != nil {
		return "", err
	}
	if target, ok := z.aliases[name]; ok {
		return target, nil
	}
	return name, nil
}

func take(list *[]error) error {
	if len(*list) == 0 {
		return nil
	}
	err := (*list)[0]
	*list = (*list)[1:]
	return err
}

func (z *dnsZone) Present(_ context.Context, r dcv.Request) (dcv.State, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.presents++
	if err := take(&z.presentErr); err != nil {
		return dcv.State{}, err
	}
	if z.pending > 0 {
		z.pending--
		return dcv.State{Phase: dcv.Pending, RetryAfter: 20 * time.Second, Message: "queued"}, nil
	}
	z.records[r.Record.String()] = true
	return dcv.State{}, nil
}

func (z *dnsZone) CleanUp(_ context.Context, r dcv.Request) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	if err := take(&z.cleanErr); err != nil {
		return err
	}
	delete(z.records, r.Record.String())
	z.removed = append(z.removed, r.Record.String())
	return nil
}

func (z *dnsZone) CheckAll(_ context.Context, records []dcv.Record) ([]propagation.Observation, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.looks++
	seen := make([]propagation.Observation, len(records))
	for i, record := range records {
		seen[i] = propagation.Observation{Message: record.FQDN + " is not published", RetryAfter: max(10*time.Second, z.retry), NegativeTTL: z.ttl}
		wanted := record
		if target, ok := z.aliases[record.FQDN]; ok {
			wanted.FQDN = target
		}
		if z.records[wanted.String()] && !z.invisible {
			seen[i] = propagation.Observation{Propagated: true, NegativeTTL: z.ttl}
			if z.warning != "" {
				seen[i].Warnings = []string{z.warning}
			}
		}
	}
	return seen, nil
}

func (z *dnsZone) published() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	var list []string
	for text := range z.records {
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

// caaAnswer is the same for all names.
type caaAnswer struct {
	result caa.Result
	asked  int
}

func (c *caaAnswer) CheckAll(_ context.Context, questions []caa.Question) []caa.Result {
	c.asked++
	return slices.Repeat([]caa.Result{c.result}, len(questions))
}

// recorder keeps events.
type recorder struct {
	mu    sync.Mutex
	texts []string
}

var _ events.EventRecorder = (*recorder)(nil)

func (r *recorder) Eventf(_, _ runtime.Object, kind, reason, _, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, kind+" "+reason+" "+fmt.Sprintf(note, args...))
}

func (r *recorder) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.texts, "\n")
}
