package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/rfc2136"
)

// Nameserver is host:port of the name server, for queries and updates.
func (l *Lab) Nameserver() string { return l.dns.Addr() }

// ValidatingResolver is host:port of a resolver that validates DNSSEC, as those of CAs do.
func (l *Lab) ValidatingResolver() string { return l.validating.Addr() }

// TSIGKey may change TXT and CNAME records in all zones but the broken ones.
func (l *Lab) TSIGKey() dnstest.Key { return l.dns.Key() }

// Publish adds a record as a person with access to the zone would.
func (l *Lab) Publish(ctx context.Context, kind dcv.RecordType, name, value string) error {
	record, err := dcv.NewRecord(kind, name, value)
	if err != nil {
		return fmt.Errorf("lab: publish: %w", err)
	}
	key := l.dns.Key()
	hook, err := rfc2136.New(rfc2136.Config{
		Nameserver: l.dns.Addr(), TSIGKeyName: key.Name, TSIGSecret: dcv.NewSecret(key.Secret),
	})
	if err != nil {
		return fmt.Errorf("lab: publish: %w", err)
	}
	if _, err := hook.Present(ctx, dcv.Request{Record: record}); err != nil {
		return fmt.Errorf("lab: publish: %w", err)
	}
	return nil
}

// Records transfers a zone and returns its TXT and CNAME records at or below
// name, as in a zone file. A transfer takes 2 s at most.
func (l *Lab) Records(zone, name string) ([]string, error) {
	envelopes, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr(dns.Fqdn(zone)), l.dns.Addr())
	if err != nil {
		return nil, fmt.Errorf("lab: transfer %s: %w", zone, err)
	}
	var records []string
	for envelope := range envelopes {
		if envelope.Error != nil {
			return nil, fmt.Errorf("lab: transfer %s: %w", zone, envelope.Error)
		}
		for _, record := range envelope.RR {
			kind := record.Header().Rrtype
			if (kind == dns.TypeTXT || kind == dns.TypeCNAME) && dns.IsSubDomain(dns.Fqdn(name), record.Header().Name) {
				records = append(records, strings.ReplaceAll(record.String(), "\t", " "))
			}
		}
	}
	slices.Sort(records)
	return records, nil
}
