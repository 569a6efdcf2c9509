package chain

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxHops        = 4
	maxRedirects   = 3
	maxAIABody     = 64 << 10
	aiaTimeout     = 10 * time.Second // for one download
	maxURLsOneCert = 3
)

// ErrHostNotAllowed is wrapped by Fetch where an issuer URL, or a redirect from it, leaves the
// allowed hosts: trying again does not help, allowing the host or configuring the intermediate does.
var ErrHostNotAllowed = errors.New("the host is not allowed for downloads of intermediates")

// Fetcher downloads missing intermediates from the issuer URLs that certificates carry (Authority
// Information Access, RFC 5280 section 4.2.2.1). Plain http is the rule there; what comes back is
// believed only by its signature.
type Fetcher struct {
	// Client must allow plain http and refuse internal addresses. Its redirect policy is replaced:
	// a redirect stays within the allowed hosts.
	Client *http.Client
	// AllowedHosts are domain names; each allows itself and everything below it. Empty allows nothing.
	AllowedHosts []string
}

// Fetch climbs from cert towards its root, at most four steps, and returns the intermediates in
// signing order, without the root. It stops without an error where a certificate names no issuer
// URL. With an error it still returns what it found: that may complete a chain for Build, but who
// can wait should try again first. It sends one GET for a URL and never retries by itself.
func (f Fetcher) Fetch(ctx context.Context, cert *x509.Certificate) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for range maxHops {
		if len(cert.IssuingCertificateURL) == 0 || isRoot(cert) {
			return found, nil
		}
		issuer, err := f.issuer(ctx, cert)
		if err != nil {
			return found, fmt.Errorf("chain: fetch the issuer of certificate %s: %w", serial(cert.SerialNumber), err)
		}
		if isRoot(issuer) {
			return found, nil
		}
		found, cert = append(found, issuer), issuer
	}
	return found, nil
}

// issuer tries the URLs of cert in turn until one yields a certificate that signed it.
func (f Fetcher) issuer(ctx context.Context, cert *x509.Certificate) (*x509.Certificate, error) {
	var failures []error
	for _, address := range cert.IssuingCertificateURL[:min(maxURLsOneCert, len(cert.IssuingCertificateURL))] {
		candidates, err := f.download(ctx, address)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		for _, candidate := range candidates {
			if cert.CheckSignatureFrom(candidate) == nil {
				return candidate, nil
			}
		}
		failures = append(failures, errors.New("the download did not sign it"))
	}
	return nil, errors.Join(failures...)
}

func (f Fetcher) download(ctx context.Context, address string) (certs []*x509.Certificate, err error) {
	ctx, cancel := context.WithTimeout(ctx, aiaTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the address is malformed")
	}
	if !f.allowed(req.URL) {
		return nil, fmt.Errorf("%q: %w", printable(req.URL.Hostname()), ErrHostNotAllowed)
	}
	client := *f.Client
	client.CheckRedirect = f.checkRedirect
	resp, err := client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("%q: %w", printable(req.URL.Hostname()), err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%q answered with status %d", printable(req.URL.Hostname()), resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAIABody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAIABody {
		return nil, unparsable("the download is larger than %d bytes", maxAIABody)
	}
	return Parse(body)
}

func (f Fetcher) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	if !f.allowed(req.URL) {
		return ErrHostNotAllowed
	}
	return nil
}

// allowed goes by whole labels: "example.com" does not allow "badexample.com".
func (f Fetcher) allowed(u *url.URL) bool {
	if u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return false
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	for _, domain := range f.AllowedHosts {
		domain = strings.ToLower(strings.Trim(domain, "."))
		if domain != "" && (host == domain || strings.HasSuffix(host, "."+domain)) {
			return true
		}
	}
	return false
}
