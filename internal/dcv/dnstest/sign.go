package dnstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/miekg/dns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// Signing is how a zone is signed.
type Signing string

const (
	// Unsigned zones have no DNSSEC.
	Unsigned Signing = ""
	// Signed zones are signed by BIND, updates included.
	Signed Signing = "Signed"
	// Expired zones have signatures that ended years ago. They can't be changed.
	Expired Signing = "Expired"
)

// algorithm of the keys, by its name and number.
const (
	algorithmName = "ECDSAP256SHA256"
	algorithm     = dns.ECDSAP256SHA256
)

var errNoKey = errors.New("dnstest: the zone has no key that signs keys")

// signed reports whether a zone has got the signatures that it is to have: BIND signs
// in the background.
func (s *Server) signed(ctx context.Context, client *resolver.Client, zone ZoneSpec) bool {
	if zone.DNSSEC != Signed {
		return true
	}
	m := resolver.Question(zone.Name, dns.TypeSOA, false)
	m.IsEdns0().SetDo()
	reply, err := client.Ask(ctx, s.Addr(), m)
	return err == nil && hasType(reply.Answer, dns.TypeRRSIG)
}

func hasType(records []dns.RR, rrtype uint16) bool {
	for _, rr := range records {
		if rr.Header().Rrtype == rrtype {
			return true
		}
	}
	return false
}

// TrustAnchor is the key of a signed zone, for [Options.TrustAnchors].
func (s *Server) TrustAnchor(ctx context.Context, zone string) (string, error) {
	client := &resolver.Client{}
	reply, err := client.Ask(ctx, s.Addr(), resolver.Question(zone, dns.TypeDNSKEY, false))
	if err != nil {
		return "", fmt.Errorf("dnstest: key of %s: %w", zone, err)
	}
	for _, rr := range reply.Answer {
		if key, ok := rr.(*dns.DNSKEY); ok && key.Flags&dns.SEP != 0 {
			return anchor(zone, key), nil
		}
	}
	return "", fmt.Errorf("%w: %s", errNoKey, zone)
}

// WrongAnchor is a key that a zone does not have, as after a change of the DNS
// provider that forgot the DS record at the registry.
func WrongAnchor(zone string) (string, error) {
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: dns.Fqdn(zone), Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: algorithm,
	}
	if _, err := key.Generate(256); err != nil {
		return "", fmt.Errorf("dnstest: %w", err)
	}
	return anchor(zone, key), nil
}

func anchor(zone string, key *dns.DNSKEY) string {
	return fmt.Sprintf("%q static-key %d %d %d %q", dns.CanonicalName(zone), key.Flags, key.Protocol, key.Algorithm, key.PublicKey)
}

// signExpired replaces the file of a zone by a signed one whose signatures are over.
func signExpired(ctx context.Context, dir, zone string) error {
	if err := run(ctx, dir, "dnssec-keygen", "-q", "-a", algorithmName, "-f", "KSK", "-K", dir, zone); err != nil {
		return err
	}
	if err := run(ctx, dir, "dnssec-keygen", "-q", "-a", algorithmName, "-K", dir, zone); err != nil {
		return err
	}
	file := filepath.Join(dir, zone+"zone")
	err := run(ctx, dir, "dnssec-signzone", "-q", "-P", "-S", "-K", dir, "-o", zone, "-f", file+".signed", "-s", "20200101000000", "-e", "20200201000000", file)
	if err != nil {
		return err
	}
	if err := os.Rename(file+".signed", file); err != nil {
		return fmt.Errorf("dnstest: %w", err)
	}
	return nil
}

// run executes a program of BIND in a directory.
func run(ctx context.Context, dir, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("dnstest: %s %w: apt-get install bind9", name, ErrNotInstalled)
	}
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // a program of BIND
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("dnstest: %s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}
