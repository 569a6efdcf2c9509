// Package cloudflare publishes validation records in zones of Cloudflare, through version 4
// of its API (developers.cloudflare.com/api, read in 2026) with an API token. Four calls are
// needed, so there is no SDK: none of the available ones tells an existing CNAME, a proxied
// one and a refusal to come back later apart.
package cloudflare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// LiveEndpoint is the base URL of the API.
const LiveEndpoint = "https://api.cloudflare.com/client/v4"

const (
	defaultTTL     = time.Minute // the shortest outside of Enterprise plans
	defaultTimeout = 20 * time.Second
	// settleDelay is for a record that the API says exists and doesn't list.
	settleDelay = 5 * time.Second
	// maxComment is what all plans store.
	maxComment = 100
)

// Config is whose zones to change.
type Config struct {
	// Token is an API token with Zone:Read and DNS:Edit for the zones. Global API keys are
	// not supported: they can do anything to the account.
	Token dcv.Secret
	// Zone is the name of the zone to change. Empty: the nearest above the record that the
	// token sees.
	Zone string
	// Client makes the calls; it must refuse plain HTTP and not follow redirects elsewhere.
	Client *http.Client
	// Endpoint is [LiveEndpoint] by default.
	Endpoint string
	// Timeout bounds each call; default 20 s.
	Timeout time.Duration
	// Now is the clock that a Retry-After date is compared with; default time.Now.
	Now func() time.Time
}

// Hook changes zones at Cloudflare. It reads what is at a name before it writes, adds and
// removes single records by their ids, and never changes one that is there. It remembers
// the zones that it has seen: make a new one for each pass over an order.
type Hook struct {
	config Config

	mu    sync.Mutex
	zones map[string][]zone // by name; empty for a name that is no zone
}

var (
	_ dcv.Hook   = (*Hook)(nil)
	_ dcv.Prober = (*Hook)(nil)
)

// New checks the configuration; it makes no call.
func New(c Config) (*Hook, error) {
	c.Endpoint = cmp.Or(c.Endpoint, LiveEndpoint)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Zone != "" {
		name, err := dcv.Normalise(c.Zone)
		if err != nil || dcv.IsWildcard(name) {
			return nil, fmt.Errorf("cloudflare: zone %q is not a domain name", c.Zone)
		}
		c.Zone = name
	}
	switch _, err := url.Parse(c.Endpoint); {
	case err != nil:
		return nil, errors.New("cloudflare: endpoint: want a URL")
	case c.Token.IsZero():
		return nil, errors.New("cloudflare: API token: want one")
	case strings.ContainsFunc(c.Token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("cloudflare: API token: want printable characters only; copy it again")
	case c.Client == nil:
		return nil, errors.New("cloudflare: no HTTP client")
	}
	return &Hook{config: c, zones: map[string][]zone{}}, nil
}

// Capabilities implements dcv.Hook. A CNAME at the apex is refused when it comes.
func (h *Hook) Capabilities() dcv.Capabilities {
	return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT, dcv.CNAME}, Apex: true, MultiValue: true}
}

// Probe implements dcv.Prober: the token is accepted and sees the zone, or any zone.
func (h *Hook) Probe(ctx context.Context) error {
	zones, err := h.listZones(ctx, h.config.Zone)
	if err == nil && len(zones) == 0 {
		err = fmt.Errorf("%w: the API token sees no zone%s: give it Zone:Read and DNS:Edit", dcv.ErrDenied, of(h.config.Zone))
	}
	if err != nil {
		return fmt.Errorf("cloudflare: %w", err)
	}
	return nil
}

func of(name string) string {
	if name == "" {
		return ""
	}
	return " " + name
}

// Present implements dcv.Hook.
func (h *Hook) Present(ctx context.Context, r dcv.Request) (dcv.State, error) {
	state, err := h.present(ctx, r)
	if busy, ok := errors.AsType[*busyError](err); ok {
		return dcv.State{Phase: dcv.Pending, RetryAfter: busy.after, Message: busy.Error()}, nil
	}
	if err != nil {
		return dcv.State{}, fmt.Errorf("cloudflare: present %s: %w", r.Record, err)
	}
	return state, nil
}

func (h *Hook) present(ctx context.Context, req dcv.Request) (dcv.State, error) {
	r := req.Record
	if err := r.Validate(); err != nil {
		return dcv.State{}, err
	}
	z, err := h.zone(ctx, r.FQDN)
	if err != nil {
		return dcv.State{}, err
	}
	if r.Type == dcv.CNAME && sameName(r.FQDN, z.Name) {
		return dcv.State{}, fmt.Errorf("%w: Cloudflare serves no CNAME at the apex of a zone, it answers with addresses instead: use another validation method", dcv.ErrUnsupported)
	}
	found, err := h.at(ctx, z, r.FQDN)
	if err != nil {
		return dcv.State{}, err
	}
	if there, err := judge(found, r); there || err != nil {
		return dcv.State{}, err
	}
	switch err := h.create(ctx, z, newRecord(req, found)); {
	case errors.Is(err, errExists):
		return h.confirm(ctx, z, r)
	case err != nil:
		return dcv.State{}, err
	}
	return dcv.State{Phase: dcv.Done}, nil
}

// confirm looks again after the API has said that the record exists.
func (h *Hook) confirm(ctx context.Context, z zone, r dcv.Record) (dcv.State, error) {
	found, err := h.at(ctx, z, r.FQDN)
	if err != nil {
		return dcv.State{}, err
	}
	there, err := judge(found, r)
	if there || err != nil {
		return dcv.State{}, err
	}
	return dcv.State{Phase: dcv.Pending, RetryAfter: settleDelay, Message: "Cloudflare says that " + r.Key() + " exists but does not list it yet"}, nil
}

// CleanUp implements dcv.Hook.
func (h *Hook) CleanUp(ctx context.Context, r dcv.Request) error {
	if err := h.cleanUp(ctx, r.Record); err != nil {
		return fmt.Errorf("cloudflare: clean up %s: %w", r.Record, err)
	}
	return nil
}

func (h *Hook) cleanUp(ctx context.Context, r dcv.Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	z, err := h.zone(ctx, r.FQDN)
	if err != nil {
		return err
	}
	found, err := h.at(ctx, z, r.FQDN)
	if err != nil {
		return err
	}
	for _, existing := range found {
		if !existing.is(r) {
			continue
		}
		if err := h.remove(ctx, z, existing.ID); err != nil {
			return err
		}
	}
	return nil
}

// zone finds the zone of a name.
func (h *Hook) zone(ctx context.Context, fqdn string) (zone, error) {
	name := strings.TrimSuffix(fqdn, ".")
	candidates := dcv.Climb(name)
	if configured := h.config.Zone; configured != "" {
		if name != configured && !strings.HasSuffix(name, "."+configured) {
			return zone{}, fmt.Errorf("%w: %s is not in the configured zone %s: restrict the solver by selector.dnsZones", dcv.ErrUnsupported, name, configured)
		}
		candidates = []string{configured}
	}
	for _, candidate := range candidates {
		if strings.HasPrefix(candidate, "_") || !strings.Contains(candidate, ".") {
			continue // neither is ever a zone there
		}
		zones, err := h.named(ctx, candidate)
		if err != nil {
			return zone{}, err
		}
		if len(zones) > 0 {
			return choose(zones)
		}
	}
	return zone{}, fmt.Errorf("%w: the API token sees no zone for %s: give it Zone:Read and DNS:Edit for that zone", dcv.ErrDenied, name)
}

// named lists the zones of a name and remembers them, because all records of an order ask.
// A hook lives for one pass over an order, so nothing grows old.
func (h *Hook) named(ctx context.Context, name string) ([]zone, error) {
	h.mu.Lock()
	known, ok := h.zones[name]
	h.mu.Unlock()
	if ok {
		return known, nil
	}
	found, err := h.listZones(ctx, name)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.zones[name] = found
	h.mu.Unlock()
	return found, nil
}

// choose takes the zone that the world sees: others of the same name may wait in other
// accounts.
func choose(zones []zone) (zone, error) {
	for _, z := range zones {
		if z.Status == "active" && (z.Type == "" || z.Type == "full") {
			return z, nil
		}
	}
	return zone{}, fmt.Errorf("%w: zone %s is %s (%s setup) at Cloudflare, so its records are not in the public DNS: activate it, or use another solver",
		dcv.ErrUnsupported, zones[0].Name, dcv.ForeignText(cmp.Or(zones[0].Status, "in an unknown state")), dcv.ForeignText(cmp.Or(zones[0].Type, "unknown")))
}
