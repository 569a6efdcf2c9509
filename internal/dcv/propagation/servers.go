package propagation

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// endpoint is one address to ask.
type endpoint struct {
	name      string // of the name server
	addr      string // for [resolver.Client]; empty if there is none
	missing   string // why there is no addr
	recursive bool
}

// errNotDelegated: no public zone below the root holds the name.
var errNotDelegated = errors.New("the name is not in any delegated zone: check the registration of the domain")

// locate finds the zone of name and its servers. The recursors are not asked
// about labels with an underscore in front: the answer NXDOMAIN would make them
// remember that the record is absent. If such a label is a zone of its own, the
// servers of its parent refer to it.
func (v *survey) locate(ctx context.Context, name string, first bool) (resolver.Zone, []endpoint, error) {
	if configured := v.config.AuthoritativeServers; first && len(configured) > 0 {
		servers := make([]endpoint, 0, len(configured))
		for _, addr := range configured {
			servers = append(servers, endpoint{addr: addr})
		}
		return resolver.Zone{Name: "."}, servers, nil
	}
	zone, err := resolver.FindZone(ctx, withoutUnderscores(name), v.lookup)
	if err != nil {
		return zone, nil, err
	}
	if zone.Name == "." {
		return zone, nil, errNotDelegated
	}
	nameservers, err := v.nameservers(ctx, zone.Name)
	if err != nil {
		return zone, nil, err
	}
	return zone, v.addresses(ctx, nameservers), nil
}

func withoutUnderscores(name string) string {
	for strings.HasPrefix(name, "_") {
		_, name, _ = strings.Cut(name, ".")
	}
	return name
}

func (v *survey) nameservers(ctx context.Context, zone string) ([]string, error) {
	reply, err := v.lookup(ctx, zone, dns.TypeNS)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, rr := range reply.Answer {
		if ns, ok := rr.(*dns.NS); ok && dns.CanonicalName(ns.Hdr.Name) == zone {
			names = append(names, dns.CanonicalName(ns.Ns))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("dns: zone %s has no name servers", zone)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// addresses looks up the IPv4 and IPv6 addresses of name servers. A name
// without any yields an endpoint that cannot be asked.
func (v *survey) addresses(ctx context.Context, names []string) []endpoint {
	types := []uint16{dns.TypeA, dns.TypeAAAA}
	found := make([][]endpoint, len(names)*len(types))
	errs := make([]error, len(found))
	var group errgroup.Group
	for i := range found {
		group.Go(func() error {
			found[i], errs[i] = v.addressesOf(ctx, names[i/len(types)], types[i%len(types)])
			return nil
		})
	}
	_ = group.Wait() // the functions return no error
	var all []endpoint
	for i, name := range names {
		v4, v6 := i*len(types), i*len(types)+1
		all = append(append(all, found[v4]...), found[v6]...)
		if len(found[v4])+len(found[v6]) > 0 {
			continue
		}
		missing := "it has no usable address"
		if err := errors.Join(errs[v4], errs[v6]); err != nil {
			missing = "its address cannot be looked up: " + resolver.Reason(err)
		}
		all = append(all, endpoint{name: name, missing: missing})
	}
	return all
}

func (v *survey) addressesOf(ctx context.Context, name string, qtype uint16) ([]endpoint, error) {
	reply, err := v.lookup(ctx, name, qtype)
	if err != nil {
		return nil, err
	}
	var found []endpoint
	for _, rr := range reply.Answer {
		if addr := address(rr); resolver.Usable(addr) {
			found = append(found, endpoint{name: name, addr: netip.AddrPortFrom(addr, v.config.AuthoritativePort).String()})
		}
	}
	return found, nil
}

func address(rr dns.RR) netip.Addr {
	var addr netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		addr, _ = netip.AddrFromSlice(rr.A)
	case *dns.AAAA:
		addr, _ = netip.AddrFromSlice(rr.AAAA)
	}
	return addr.Unmap()
}
