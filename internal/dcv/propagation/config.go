// Package propagation observes whether a validation record is visible where a
// certificate authority will look for it.
package propagation

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

// Mode is whom a Checker asks.
type Mode string

const (
	// Authoritative asks every authoritative server itself. Recursors are
	// asked for the record only afterwards, because a question that comes too
	// early makes them remember its absence (RFC 2308).
	Authoritative Mode = "Authoritative"
	// Recursive asks the recursive servers only: for networks that cannot
	// reach the authoritative ones, or see other data there (split horizon).
	Recursive Mode = "Recursive"
	// Off asks nobody and takes every record for propagated.
	Off Mode = "Off"
)

// resolvConf is where the recursive servers come from by default.
const resolvConf = "/etc/resolv.conf"

const (
	defaultDeadline    = 30 * time.Second
	defaultConcurrency = 16
)

// Config is how to look.
type Config struct {
	// Mode is Authoritative by default.
	Mode Mode
	// Recursors are recursive name servers: host, host:port, or an https URL
	// (RFC 8484). They find zones and name servers, and in mode Recursive
	// they are asked for the record. Default: those of /etc/resolv.conf.
	Recursors []string
	// Confirm are recursive servers that must have the record too, asked after
	// all authoritative servers agree. None by default; mode Authoritative only.
	Confirm []string
	// AuthoritativeServers, host or host:port, are asked in place of the name
	// servers in the DNS, for a zone whose public servers are out of reach.
	AuthoritativeServers []string
	// AuthoritativePort is the port of the name servers found in the DNS;
	// default 53. Another one is for tests against a local server.
	AuthoritativePort uint16
	// QueryTimeout bounds one attempt; default [resolver.DefaultTimeout].
	QueryTimeout time.Duration
	// Deadline bounds one Check or CheckAll; default 30 s.
	Deadline time.Duration
	// Concurrency is how many questions one of them has under way to authoritative
	// servers, and as many to recursors; default 16.
	Concurrency int
	// HTTP carries DNS over HTTPS; default [resolver.Client].
	HTTP *http.Client
}

// Checker observes records. It is safe for concurrent use and remembers nothing from
// one check to the next.
type Checker struct {
	config Config
	client *resolver.Client
	// recursors answer about zones and name servers.
	recursors *resolver.Resolver
}

// New checks the configuration. It makes no call.
func New(c Config) (*Checker, error) {
	c.Mode = cmp.Or(c.Mode, Authoritative)
	if c.Mode != Authoritative && c.Mode != Recursive && c.Mode != Off {
		return nil, fmt.Errorf("propagation: mode %q: want Authoritative, Recursive or Off", c.Mode)
	}
	if err := c.parseServers(); err != nil {
		return nil, err
	}
	c.AuthoritativePort = cmp.Or(c.AuthoritativePort, 53)
	c.Deadline = cmp.Or(c.Deadline, defaultDeadline)
	c.Concurrency = cmp.Or(c.Concurrency, defaultConcurrency)
	if c.Concurrency < 0 || c.Deadline < 0 || c.QueryTimeout < 0 {
		return nil, fmt.Errorf("propagation: concurrency and time-outs must not be negative")
	}
	client := &resolver.Client{Timeout: c.QueryTimeout, HTTP: c.HTTP}
	return &Checker{config: c, client: client, recursors: &resolver.Resolver{Client: client, Servers: c.Recursors}}, nil
}

func (c *Config) parseServers() error {
	for _, list := range []*[]string{&c.Recursors, &c.Confirm, &c.AuthoritativeServers} {
		servers, err := resolver.ParseServers(*list)
		if err != nil {
			return fmt.Errorf("propagation: %w", err)
		}
		*list = servers
	}
	if len(c.Recursors) > 0 || c.Mode == Off {
		return nil
	}
	servers, err := resolver.FromFile(resolvConf)
	if err != nil {
		return fmt.Errorf("propagation: %w", err)
	}
	c.Recursors = servers
	return nil
}
