package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Validator looks at what was published for a challenge. It must be safe for
// concurrent use; an error means "not there", and its text is shown by the admin API.
type Validator interface {
	Validate(ctx context.Context, challenge Challenge) error
}

// ValidatorFunc is a function as a Validator, for simulations.
type ValidatorFunc func(ctx context.Context, challenge Challenge) error

// Validate calls the function.
func (f ValidatorFunc) Validate(ctx context.Context, challenge Challenge) error {
	return f(ctx, challenge)
}

const (
	lookTimeout  = 5 * time.Second
	maxFileBytes = 4096
)

// errMissing is what a Validator finds wrong with a record or file.
var errMissing = errors.New("sandbox: validation")

// NetworkValidator validates as a CA does: by DNS lookups and HTTP requests.
type NetworkValidator struct {
	resolver string
	client   *http.Client
}

// NewNetworkValidator asks the resolver at an address host:port, or the first one of
// /etc/resolv.conf when it is empty. Requests for files go to dialAddress
// (host:port) whatever their host is, or to the host itself when it is empty.
func NewNetworkValidator(resolver, dialAddress string) (*NetworkValidator, error) {
	if resolver == "" {
		system, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil || len(system.Servers) == 0 {
			return nil, fmt.Errorf("sandbox: no resolver is set and /etc/resolv.conf names none: %w", err)
		}
		resolver = net.JoinHostPort(system.Servers[0], system.Port)
	}
	dialer := &net.Dialer{Timeout: lookTimeout}
	transport := &http.Transport{
		// CAs don't look at the certificate of the host that is to get one.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if dialAddress != "" {
				address = dialAddress
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
	client := &http.Client{
		Transport: transport, Timeout: lookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &NetworkValidator{resolver: resolver, client: client}, nil
}

// Validate looks once.
func (v *NetworkValidator) Validate(ctx context.Context, challenge Challenge) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	switch challenge.Method() {
	case MethodDNS:
		return v.record(ctx, challenge)
	case MethodHTTP, MethodHTTPS:
		return v.file(ctx, challenge)
	case MethodEmail:
		return fmt.Errorf("%w: an e-mail is approved by a person", errMissing)
	default:
		return fmt.Errorf("%w: method %q is not known", errMissing, challenge.Method())
	}
}

func (v *NetworkValidator) record(ctx context.Context, challenge Challenge) error {
	query := new(dns.Msg)
	query.SetQuestion(challenge.RecordName, dns.StringToType[challenge.RecordType])
	query.SetEdns0(1232, false)
	reply, _, err := (&dns.Client{}).ExchangeContext(ctx, query, v.resolver)
	if err == nil && reply.Truncated {
		reply, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, query, v.resolver)
	}
	if err != nil {
		return fmt.Errorf("%w: ask for %s %s: %w", errMissing, challenge.RecordType, challenge.RecordName, err)
	}
	for _, answer := range reply.Answer {
		if matches(answer, challenge) {
			return nil
		}
	}
	return fmt.Errorf("%w: no matching %s record at %s (%s, %d answers)", errMissing,
		challenge.RecordType, challenge.RecordName, dns.RcodeToString[reply.Rcode], len(reply.Answer))
}

func matches(answer dns.RR, challenge Challenge) bool {
	switch record := answer.(type) {
	case *dns.CNAME:
		return challenge.RecordType == "CNAME" && strings.EqualFold(record.Hdr.Name, challenge.RecordName) &&
			strings.EqualFold(dns.Fqdn(record.Target), challenge.RecordValue)
	case *dns.TXT:
		return challenge.RecordType == "TXT" && strings.Join(record.Txt, "") == challenge.RecordValue
	default:
		return false
	}
}

func (v *NetworkValidator) file(ctx context.Context, challenge Challenge) error {
	url := string(challenge.Method()) + "://" + challenge.Name + challenge.FilePath
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	response, err := v.client.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing is lost with it
	body, err := io.ReadAll(io.LimitReader(response.Body, maxFileBytes))
	if err != nil {
		return fmt.Errorf("%w: read %s: %w", errMissing, url, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s answers %d", errMissing, url, response.StatusCode)
	}
	if normalLines(string(body)) != challenge.FileBody {
		return fmt.Errorf("%w: the file at %s has other content", errMissing, url)
	}
	return nil
}

func normalLines(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}
