package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// router passes each record to the zone that it is in.
type router struct {
	zones []*zone
}

var _ dcv.Hook = router{}

// Capabilities implements dcv.Hook: what all zones can do.
func (r router) Capabilities() dcv.Capabilities {
	c := dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT, dcv.CNAME}, Apex: true, MultiValue: true, Async: true}
	for _, z := range r.zones {
		c.MultiValue = c.MultiValue && z.Capabilities().MultiValue
	}
	return c
}

// Present implements dcv.Hook.
func (r router) Present(ctx context.Context, req dcv.Request) (dcv.State, error) {
	z, err := r.zoneOf(req.Record)
	if err != nil {
		return dcv.State{}, err
	}
	return z.Present(ctx, req)
}

// CleanUp implements dcv.Hook.
func (r router) CleanUp(ctx context.Context, req dcv.Request) error {
	z, err := r.zoneOf(req.Record)
	if err != nil {
		return err
	}
	return z.CleanUp(ctx, req)
}

// zoneOf is the configured zone with the longest name.
func (r router) zoneOf(record dcv.Record) (*zone, error) {
	for _, name := range dcv.Climb(record.FQDN) {
		if i := slices.IndexFunc(r.zones, func(z *zone) bool { return z.name == name }); i >= 0 {
			return r.zones[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %s is in none of the zones of this hook, which are %s", dcv.ErrUnsupported, record.FQDN, r.names())
}

func (r router) names() string {
	names := make([]string, len(r.zones))
	for i, z := range r.zones {
		names[i] = z.name
	}
	return strings.Join(names, ", ")
}
