package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

const (
	maxBody = 4 << 20
	perPage = 100
	// maxPages bounds a list; a name has a few records.
	maxPages = 20
)

// Codes in the errors of the API.
const (
	codeInvalidHeaders = 6003  // a token of the wrong form
	codeUnauthorized   = 9109  // a token that is invalid, or without the permission
	codeAuthentication = 10000 // the same, from other parts of the API
	codeMissing        = 81044 // the record to delete doesn't exist
	codeHostTaken      = 81053 // an A, AAAA or CNAME record is in the way
	codeAliasTaken     = 81054 // a CNAME record is in the way
	codeNSTaken        = 81056 // an NS record is in the way
	codeExists         = 81057 // the record exists
	codeIdentical      = 81058 // an identical record exists
)

// errExists says that the record to create is there already.
var errExists = errors.New("the record exists")

// envelope is around every answer.
type envelope struct {
	Success bool            `json:"success"`
	Errors  []apiError      `json:"errors"`
	Result  json.RawMessage `json:"result"`
	Info    struct {
		TotalPages int `json:"total_pages"`
	} `json:"result_info"`
}

type apiError struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Chain   []apiError `json:"error_chain"`
}

func (e envelope) has(codes ...int) bool {
	return slices.ContainsFunc(e.Errors, func(err apiError) bool { return slices.Contains(codes, err.Code) })
}

// text is what the API says, the cause behind an error included.
func (e envelope) text() string {
	var parts []string
	for _, err := range e.Errors {
		parts = append(parts, fmt.Sprintf("%s (%d)", err.Message, err.Code))
		for _, cause := range err.Chain {
			parts = append(parts, fmt.Sprintf("%s (%d)", cause.Message, cause.Code))
		}
	}
	return strings.Join(parts, ", ")
}

// busyError says that the API asks to come back later.
type busyError struct{ after time.Duration }

func (e *busyError) Error() string {
	return "Cloudflare's limit of requests is reached, trying again in " + e.after.String()
}

// listZones lists the zones of exactly this name, or some zones if it is empty.
func (h *Hook) listZones(ctx context.Context, name string) ([]zone, error) {
	query := url.Values{"per_page": {"50"}}
	if name != "" {
		query.Set("name", name)
	}
	answer, err := h.call(ctx, http.MethodGet, "zones?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	zones, err := decode[[]zone](answer)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(zones, func(z zone) bool { return z.ID == "" || name != "" && !sameName(z.Name, name) }), nil
}

// at lists all records at a name.
func (h *Hook) at(ctx context.Context, z zone, fqdn string) ([]record, error) {
	var found []record
	for page := 1; ; page++ {
		if page > maxPages {
			return nil, fmt.Errorf("%s has more than %d pages of records", fqdn, maxPages)
		}
		query := url.Values{
			"name.exact": {strings.TrimSuffix(fqdn, ".")},
			"per_page":   {strconv.Itoa(perPage)}, "page": {strconv.Itoa(page)},
		}
		answer, err := h.call(ctx, http.MethodGet, recordsOf(z)+"?"+query.Encode(), nil)
		if err != nil {
			return nil, err
		}
		records, err := decode[[]record](answer)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if sameName(r.Name, fqdn) {
				found = append(found, r)
			}
		}
		if page >= answer.Info.TotalPages || len(records) == 0 {
			return found, nil
		}
	}
}

func recordsOf(z zone) string { return "zones/" + url.PathEscape(z.ID) + "/dns_records" }

// create adds a record and checks what was stored.
func (h *Hook) create(ctx context.Context, z zone, r record) error {
	answer, err := h.call(ctx, http.MethodPost, recordsOf(z), r)
	if err != nil {
		return err
	}
	stored, err := decode[record](answer)
	switch {
	case err != nil:
		return err
	case stored.Proxied:
		return fmt.Errorf("%w: Cloudflare has stored the record as proxied, so that nobody sees it: set it to DNS only", dcv.ErrUnsupported)
	case stored.Type != r.Type || resolver.UnquoteTXT(stored.Content) != resolver.UnquoteTXT(r.Content) && !strings.EqualFold(stored.Content, r.Content):
		return fmt.Errorf("another record was stored: %s %q", dcv.ForeignText(stored.Type), dcv.ForeignText(stored.Content))
	}
	return nil
}

// remove deletes a record by its id. One that is gone is success.
func (h *Hook) remove(ctx context.Context, z zone, id string) error {
	_, err := h.call(ctx, http.MethodDelete, recordsOf(z)+"/"+url.PathEscape(id), nil)
	if errors.Is(err, errMissing) {
		return nil
	}
	return err
}

var errMissing = errors.New("the record doesn't exist")

func decode[T any](answer envelope) (T, error) {
	var result T
	if err := json.Unmarshal(answer.Result, &result); err != nil {
		return result, fmt.Errorf("unexpected answer of the API: %w", err)
	}
	return result, nil
}

// call makes one call; body may be nil.
func (h *Hook) call(ctx context.Context, method, path string, body any) (envelope, error) {
	ctx, cancel := context.WithTimeout(ctx, h.config.Timeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return envelope{}, err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(h.config.Endpoint, "/")+"/"+path, content)
	if err != nil {
		return envelope{}, err
	}
	req.Header.Set("Authorization", "Bearer "+h.config.Token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := h.config.Client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return envelope{}, fmt.Errorf("no answer: %s", dcv.ForeignText(err.Error(), h.config.Token))
	}
	defer func() { _ = resp.Body.Close() }() // what matters was read
	if resp.StatusCode == http.StatusTooManyRequests {
		return envelope{}, &busyError{after: dcv.RetryAfter(resp.Header.Get("Retry-After"), h.config.Now())}
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil || len(text) > maxBody {
		return envelope{}, fmt.Errorf("no complete answer of at most %d bytes", maxBody)
	}
	return h.read(resp.StatusCode, text)
}

// read reads an answer and sorts its errors into dcv's classes.
func (h *Hook) read(status int, text []byte) (envelope, error) {
	var answer envelope
	if err := json.Unmarshal(text, &answer); err != nil {
		return envelope{}, fmt.Errorf("unexpected answer: HTTP status %d without JSON", status)
	}
	if answer.Success && status < http.StatusMultipleChoices {
		return answer, nil
	}
	said := dcv.ForeignText(fmt.Sprintf("status %d, %s", status, answer.text()), h.config.Token)
	switch {
	case answer.has(codeExists, codeIdentical):
		return envelope{}, errExists
	case answer.has(codeHostTaken, codeAliasTaken, codeNSTaken):
		return envelope{}, fmt.Errorf("%w: %s: remove the other record, or use another validation method", dcv.ErrConflict, said)
	case answer.has(codeMissing):
		return envelope{}, errMissing
	case status == http.StatusUnauthorized, status == http.StatusForbidden, answer.has(codeInvalidHeaders, codeUnauthorized, codeAuthentication):
		return envelope{}, fmt.Errorf("%w: %s: the API token must be valid and have Zone:Read and DNS:Edit for the zone", dcv.ErrDenied, said)
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError && status != http.StatusRequestTimeout:
		return envelope{}, fmt.Errorf("%w: %s", dcv.ErrUnsupported, said)
	}
	return envelope{}, fmt.Errorf("the API fails: %s", said)
}
