// Package rfc2136 publishes validation records by DNS UPDATE (RFC 2136), signed
// with TSIG (RFC 8945): BIND, Knot, PowerDNS, Windows DNS, Infoblox and others.
package rfc2136

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

const (
	defaultTTL     = time.Minute
	defaultTimeout = 10 * time.Second
	// fudge is the clock difference in seconds that TSIG tolerates, as RFC
	// 8945, section 10 recommends.
	fudge = 300
)

// Transport is how messages travel to the server.
type Transport string

// The transports. Queries fall back from UDP to TCP where the answer is long.
const (
	TCP Transport = "TCP"
	UDP Transport = "UDP"
)

// Config is where and how to send updates.
type Config struct {
	// Nameserver is the primary that takes updates: host or host:port, default
	// port 53. It may be hidden; it must answer queries of the key as well.
	Nameserver string
	// Zone is the zone to update. Empty: found by asking Nameserver for SOA.
	Zone string
	// TSIGKeyName and TSIGSecret (base64) are both set or both empty; without
	// them the server decides by address.
	TSIGKeyName string
	TSIGSecret  dcv.Secret
	// TSIGAlgorithm is hmac-sha256 by default; also -sha224, -sha384, -sha512.
	// cert-manager's spelling, such as HMACSHA256, is understood.
	TSIGAlgorithm string
	// AllowWeakTSIG admits hmac-sha1. hmac-md5 is never possible.
	AllowWeakTSIG bool
	// Transport is TCP by default.
	Transport Transport
	// TTL of new record sets; default one minute. Whole seconds.
	TTL time.Duration
	// Timeout bounds each message and its reply; default 10 s.
	Timeout time.Duration
	// Now is the clock that signs messages; default time.Now.
	Now func() time.Time
}

// complete checks c and fills in the defaults. Errors never show the secret.
func (c Config) complete() (Config, error) {
	if c.Nameserver == "" || strings.Contains(c.Nameserver, "://") {
		return c, errors.New("rfc2136: nameserver: want host or host:port")
	}
	server, err := resolver.ParseServer(c.Nameserver)
	if err != nil {
		return c, fmt.Errorf("rfc2136: nameserver: %w", err)
	}
	c.Nameserver = server
	if c.Zone != "" {
		if c.Zone, err = dcv.FQDN(c.Zone); err != nil {
			return c, fmt.Errorf("rfc2136: zone: %w", err)
		}
	}
	switch c.Transport {
	case "":
		c.Transport = TCP
	case TCP, UDP:
	default:
		return c, fmt.Errorf("rfc2136: transport %q: want TCP or UDP", c.Transport)
	}
	if c.TTL < 0 || c.Timeout < 0 {
		return c, errors.New("rfc2136: TTL and timeout must not be negative")
	}
	if c.TTL == 0 {
		c.TTL = defaultTTL
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c.completeKey()
}

func (c Config) completeKey() (Config, error) {
	if (c.TSIGKeyName == "") != c.TSIGSecret.IsZero() {
		return c, errors.New("rfc2136: TSIG key name and secret: want both or none")
	}
	if c.TSIGKeyName == "" {
		return c, nil
	}
	if _, ok := dns.IsDomainName(c.TSIGKeyName); !ok {
		return c, fmt.Errorf("rfc2136: TSIG key name %q is not a domain name", c.TSIGKeyName)
	}
	c.TSIGKeyName = dns.CanonicalName(c.TSIGKeyName)
	secret := strings.TrimSpace(c.TSIGSecret.Reveal())
	if _, err := base64.StdEncoding.DecodeString(secret); err != nil {
		return c, errors.New("rfc2136: TSIG secret is not base64")
	}
	c.TSIGSecret = dcv.NewSecret(secret)
	algorithm, err := parseAlgorithm(c.TSIGAlgorithm, c.AllowWeakTSIG)
	c.TSIGAlgorithm = algorithm
	return c, err
}

// parseAlgorithm returns the name of a TSIG algorithm on the wire.
func parseAlgorithm(name string, allowWeak bool) (string, error) {
	canonical := strings.ToLower(strings.NewReplacer("-", "", ".", "").Replace(name))
	switch canonical {
	case "", "hmacsha256":
		return dns.HmacSHA256, nil
	case "hmacsha224":
		return dns.HmacSHA224, nil
	case "hmacsha384":
		return dns.HmacSHA384, nil
	case "hmacsha512":
		return dns.HmacSHA512, nil
	case "hmacsha1":
		if allowWeak {
			return dns.HmacSHA1, nil
		}
		return "", errors.New("rfc2136: TSIG algorithm hmac-sha1 is weak: make a new key with hmac-sha256")
	case "hmacmd5", "hmacmd5sigalgregint":
		return "", errors.New("rfc2136: TSIG algorithm hmac-md5 is broken: make a new key with hmac-sha256")
	default:
		return "", fmt.Errorf("rfc2136: TSIG algorithm %q: want hmac-sha224, -sha256, -sha384 or -sha512", name)
	}
}
