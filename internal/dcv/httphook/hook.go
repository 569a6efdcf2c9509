package httphook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

const (
	// defaultTimeout bounds one call. A hook that needs longer answers Pending.
	defaultTimeout = 20 * time.Second
	// defaultRetryAfter is for a hook that says Pending without a time.
	defaultRetryAfter = 5 * time.Second
	maxRetryAfter     = time.Hour
)

// Config is where the program is.
type Config struct {
	// URL is that of the program, below which the calls are: https without credentials,
	// query or fragment.
	URL string
	// Token is sent as bearer token (RFC 6750).
	Token dcv.Secret
	// Client makes the calls. It must refuse plain HTTP, redirects of POST, and addresses
	// that nobody but an administrator may have called.
	Client *http.Client
	// Timeout bounds each call; default 20 s.
	Timeout time.Duration
	// Now is the clock that a Retry-After date is compared with; default time.Now.
	Now func() time.Time
}

// Hook calls one program.
type Hook struct {
	config Config
	base   *url.URL
}

var (
	_ dcv.Hook   = (*Hook)(nil)
	_ dcv.Prober = (*Hook)(nil)
)

// New checks the configuration; it makes no call.
func New(c Config) (*Hook, error) {
	base, err := url.Parse(c.URL)
	switch {
	case err != nil, base.Host == "", base.Scheme != "https" && base.Scheme != "http":
		return nil, errors.New("http: url: want an https URL")
	case base.User != nil, base.RawQuery != "", base.ForceQuery, base.Fragment != "":
		return nil, errors.New("http: url: want it without credentials, query and fragment; the token comes from a Secret")
	case c.Token.IsZero():
		return nil, errors.New("http: token: want one; whoever can call a hook without can change the zone")
	case c.Client == nil:
		return nil, errors.New("http: no HTTP client")
	case c.Timeout < 0:
		return nil, errors.New("http: timeout must not be negative")
	}
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Hook{config: c, base: base}, nil
}

// Capabilities implements dcv.Hook: what the protocol can carry. What the program can't
// publish it refuses as unsupported.
func (h *Hook) Capabilities() dcv.Capabilities {
	return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT, dcv.CNAME}, Apex: true, MultiValue: true, Async: true}
}

// Probe implements dcv.Prober: the program answers, accepts the token and publishes at
// least one type of record.
func (h *Hook) Probe(ctx context.Context) error {
	var answer capabilities
	if err := h.call(ctx, http.MethodGet, pathCapabilities, nil, &answer); err != nil {
		return fmt.Errorf("http: capabilities: %w", err)
	}
	if !slices.Contains(answer.Types, dcv.TXT) && !slices.Contains(answer.Types, dcv.CNAME) {
		return fmt.Errorf("http: capabilities: %w: %s publishes neither TXT nor CNAME records", dcv.ErrUnsupported, h.base)
	}
	return nil
}

// Present implements dcv.Hook.
func (h *Hook) Present(ctx context.Context, r dcv.Request) (dcv.State, error) {
	state, err := h.present(ctx, r)
	if busy, ok := errors.AsType[*busyError](err); ok {
		return dcv.State{Phase: dcv.Pending, RetryAfter: busy.after, Message: busy.Error()}, nil
	}
	if err != nil {
		return dcv.State{}, fmt.Errorf("http: present %s: %w", r.Record, err)
	}
	return state, nil
}

func (h *Hook) present(ctx context.Context, r dcv.Request) (dcv.State, error) {
	if err := r.Record.Validate(); err != nil {
		return dcv.State{}, err
	}
	var answer presented
	if err := h.call(ctx, http.MethodPost, pathPresent, newChange(r), &answer); err != nil {
		return dcv.State{}, err
	}
	switch answer.State {
	case stateDone:
		return dcv.State{Phase: dcv.Done}, nil
	case statePending:
		return dcv.State{
			Phase: dcv.Pending, RetryAfter: pause(answer.RetryAfter),
			Message: dcv.ForeignText(cmp.Or(answer.Message, h.base.Host+" works on it"), h.config.Token),
		}, nil
	}
	return dcv.State{}, fmt.Errorf("%s answers state %q, want %s or %s", h.base, dcv.ForeignText(answer.State, h.config.Token), stateDone, statePending)
}

// CleanUp implements dcv.Hook.
func (h *Hook) CleanUp(ctx context.Context, r dcv.Request) error {
	err := r.Record.Validate()
	if err == nil {
		err = h.call(ctx, http.MethodPost, pathCleanUp, newChange(r), nil)
	}
	if err != nil {
		return fmt.Errorf("http: clean up %s: %w", r.Record, err)
	}
	return nil
}

// pause is how long to wait for a number of seconds that a program has said.
func pause(seconds int) time.Duration {
	if seconds <= 0 {
		return defaultRetryAfter
	}
	return time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
}

// call makes one call; body and answer may be nil.
func (h *Hook) call(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, h.config.Timeout)
	defer cancel()
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, h.base.JoinPath(path).String(), bytes.NewReader(content)) //nolint:gosec // the client refuses addresses that no issuer may name
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", mediaJSON)
	}
	req.Header.Set("Accept", mediaJSON+", "+mediaProblem)
	req.Header.Set("Authorization", "Bearer "+h.config.Token.Reveal())
	resp, err := h.config.Client.Do(req) //nolint:gosec // as above
	if err != nil {
		return h.unreachable(err)
	}
	defer func() { _ = resp.Body.Close() }() // what matters was read
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return h.failure(resp)
	}
	if answer == nil {
		return nil
	}
	if kind := mediaType(resp); kind != mediaJSON {
		return fmt.Errorf("%s answers status %d without %s: correct the url", h.base, resp.StatusCode, mediaJSON)
	}
	if err := readJSON(resp.Body, answer); err != nil {
		return fmt.Errorf("%s: %s", h.base, dcv.ForeignText(err.Error(), h.config.Token))
	}
	return nil
}

// unreachable keeps the text of a transport's error, not the error: it tells the whole URL.
func (h *Hook) unreachable(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return fmt.Errorf("%s gives no answer: %s", h.base, dcv.ForeignText(err.Error(), h.config.Token))
}

func mediaType(resp *http.Response) string {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

// failure is the error for a status.
func (h *Hook) failure(resp *http.Response) error {
	status := resp.StatusCode
	text := fmt.Sprintf("%s answers status %d%s", h.base, status, h.said(resp))
	later := resp.Header.Get("Retry-After")
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && later != "":
		return &busyError{text: text, after: dcv.RetryAfter(later, h.config.Now())}
	case status == http.StatusRequestTimeout, status >= http.StatusInternalServerError, status < http.StatusMultipleChoices:
		return errors.New(text)
	}
	hint, class := classOf(status)
	return fmt.Errorf("%w: %s%s", class, text, hint)
}

// classOf is what a status below 500 means that will come again, and what to do.
func classOf(status int) (hint string, class error) {
	switch status {
	case http.StatusConflict:
		return "", dcv.ErrConflict
	case http.StatusUnauthorized:
		return ": correct the token in the Secret", dcv.ErrDenied
	case http.StatusForbidden:
		return "", dcv.ErrDenied
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return ": correct the url", dcv.ErrUnsupported
	}
	if status < http.StatusBadRequest {
		return ": redirects are not followed, correct the url", dcv.ErrUnsupported
	}
	return "", dcv.ErrUnsupported
}

// said is what the program says about a failure. It is taken from problem details only:
// anything else that answers at this URL has nothing to say in the status of an order.
func (h *Hook) said(resp *http.Response) string {
	var p problem
	if mediaType(resp) != mediaProblem || readJSON(resp.Body, &p) != nil {
		return ""
	}
	text := dcv.ForeignText(cmp.Or(p.Detail, p.Title), h.config.Token)
	if text == "" {
		return ""
	}
	return ": " + text
}

// busyError says that the program asks to come back later.
type busyError struct {
	text  string
	after time.Duration
}

func (e *busyError) Error() string { return e.text + ", trying again in " + e.after.String() }
