package main

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// anyEndpoint in --allowed-endpoints allows all.
const anyEndpoint = "*"

// endpoints are the base URLs that issuers may name.
type endpoints struct {
	prefixes []string
	loopback bool
	// flag is the one that sets the prefixes, --allowed-endpoints by default.
	flag string
}

// permit returns nil if an issuer may use the endpoint.
func (e endpoints) permit(endpoint string) error {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return err
	}
	if u.Scheme != "https" && (!e.loopback || !isLoopback(u.Hostname())) {
		return errors.New("it must be https")
	}
	for _, prefix := range e.prefixes {
		if prefix == anyEndpoint {
			return nil
		}
		if p, err := parseEndpoint(prefix); err == nil && below(p, u) {
			return nil
		}
	}
	return fmt.Errorf("%s is not in the controller's %s", endpoint, cmp.Or(e.flag, "--allowed-endpoints"))
}

// trustedRoots are the well-known CAs and those in the files of --ca-bundle; nil, which means
// the well-known ones, without files.
func trustedRoots(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	var bundle []byte
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // the administrator names it
		if err != nil {
			return nil, fmt.Errorf("--ca-bundle: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("--ca-bundle: %s has no certificate in PEM", file)
		}
		bundle = append(append(bundle, content...), '\n')
	}
	return providers.CertPool(bundle)
}

// parseEndpoint refuses all that could make two readers of the URL disagree about where
// it leads.
func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("it is not a URL")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, errors.New("it is not an http or https URL with a host")
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "", u.RawFragment != "":
		return nil, errors.New("it must have no credentials, query or fragment")
	case u.RawPath != "", strings.Contains(u.Path, `\`), cleaned(u.Path) != strings.TrimRight(u.Path, "/"):
		return nil, errors.New("its path must be plain")
	}
	u.Path = cleaned(u.Path)
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

func cleaned(p string) string { return strings.TrimRight(path.Clean("/"+p), "/") }

// below reports whether u is the prefix or a path below it.
func below(prefix, u *url.URL) bool {
	return u.Scheme == prefix.Scheme && u.Hostname() == prefix.Hostname() && port(u) == port(prefix) &&
		(u.Path == prefix.Path || strings.HasPrefix(u.Path, prefix.Path+"/"))
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && address.IsLoopback())
}
