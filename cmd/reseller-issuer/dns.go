package main

import (
	"context"
	"fmt"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/propagation"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// resolvConf has the recursive name servers where no flag names any.
const resolvConf = "/etc/resolv.conf"

// dns looks things up as the flags say.
type dns struct {
	recursors         []string
	authoritative     []string
	authoritativePort uint16
}

func newDNS(c config) (dns, error) {
	d := dns{authoritative: c.authoritativeServers, authoritativePort: c.authoritativePort}
	var err error
	if len(c.nameservers) > 0 {
		d.recursors, err = resolver.ParseServers(c.nameservers)
	} else {
		d.recursors, err = resolver.FromFile(resolvConf)
	}
	if err != nil {
		return dns{}, fmt.Errorf("recursive name servers: %w", err)
	}
	return d, nil
}

// recursorsOf are the recursive servers that an issuer wants to be asked.
func (d dns) recursorsOf(settings v1alpha1.Propagation) ([]string, error) {
	if len(settings.Nameservers) == 0 {
		return d.recursors, nil
	}
	return resolver.ParseServers(settings.Nameservers)
}

// observer looks for validation records, as an issuer wants it: at the authoritative
// servers, and once these agree at the recursive ones.
func (d dns) observer(settings v1alpha1.Propagation) (order.Observer, error) {
	recursors, err := d.recursorsOf(settings)
	if err != nil {
		return nil, err
	}
	return propagation.New(propagation.Config{
		Mode: propagation.Mode(settings.Check), Recursors: recursors, Confirm: recursors,
		AuthoritativeServers: d.authoritative, AuthoritativePort: d.authoritativePort,
	})
}

// Zone returns the apex of the zone of a name; both are absolute.
func (d dns) Zone(ctx context.Context, fqdn string) (string, error) {
	recursive := resolver.Resolver{Client: &resolver.Client{}, Servers: d.recursors}
	zone, err := resolver.FindZone(ctx, fqdn, recursive.Lookup)
	if err != nil {
		return "", fmt.Errorf("find the zone of %s: %w", fqdn, err)
	}
	return zone.Name, nil
}

// caa looks up CAA records at the same recursive servers.
func (d dns) caa(settings v1alpha1.Propagation) (order.CAAChecker, error) {
	recursors, err := d.recursorsOf(settings)
	if err != nil {
		return nil, err
	}
	return caa.New(&resolver.Resolver{Client: &resolver.Client{}, Servers: recursors}), nil
}
