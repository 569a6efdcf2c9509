// Package httphook publishes validation records through a program of the user's own, by
// three JSON calls over HTTPS: capabilities, present and cleanup. The protocol is described
// in docs/hooks/http.md and, formally, in docs/reference/dcv-hook.openapi.yaml. The package
// has both ends: [Hook] calls, [Handler] answers for any other dcv.Hook.
package httphook

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// The paths of the calls, below the hook's URL.
const (
	pathCapabilities = "capabilities"
	pathPresent      = "present"
	pathCleanUp      = "cleanup"
)

// The media types of bodies. Errors are problem details (RFC 9457).
const (
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"
)

// maxBody bounds a body of either end in bytes: a TXT value has 4096 at most.
const maxBody = 64 << 10

// maxTTL is a week in seconds, as long as any resolver keeps a record.
const maxTTL = 7 * 24 * 60 * 60

// The states that present answers.
const (
	stateDone    = "Done"
	statePending = "Pending"
)

// capabilities is what a hook can publish.
type capabilities struct {
	Types      []dcv.RecordType `json:"types"`
	Apex       bool             `json:"apex"`
	MultiValue bool             `json:"multiValue"`
}

// change is the body of present and cleanup.
type change struct {
	// ID is the same in all calls for one order.
	ID string `json:"id,omitempty"`
	// DNSName is the name that is being validated.
	DNSName string `json:"dnsName,omitempty"`
	Record  record `json:"record"`
}

type record struct {
	Type  dcv.RecordType `json:"type"`
	Name  string         `json:"name"` // absolute, lower case, with trailing dot
	Value string         `json:"value"`
	TTL   int            `json:"ttl,omitempty"` // seconds
}

// presented is the answer of present.
type presented struct {
	State      string `json:"state"`
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
	Message    string `json:"message,omitempty"`
}

// problem is the answer of a call that failed.
type problem struct {
	Title  string `json:"title,omitempty"`
	Status int    `json:"status,omitempty"`
	Detail string `json:"detail,omitempty"`
}

func newChange(r dcv.Request) change {
	return change{ID: r.ID, DNSName: r.DNSName, Record: record{
		Type: r.Record.Type, Name: r.Record.FQDN, Value: r.Record.Value, TTL: int(r.Record.TTL / time.Second),
	}}
}

// request is the change in dcv's terms. An error says what is wrong with the record.
func (c change) request() (dcv.Request, error) {
	r := dcv.Record{Type: c.Record.Type, FQDN: c.Record.Name, Value: c.Record.Value}
	if c.Record.TTL < 0 || c.Record.TTL > maxTTL {
		return dcv.Request{}, fmt.Errorf("%w: record.ttl %d: want 0 to %d seconds", dcv.ErrUnsupported, c.Record.TTL, maxTTL)
	}
	r.TTL = time.Duration(c.Record.TTL) * time.Second
	return dcv.Request{ID: c.ID, DNSName: c.DNSName, Record: r}, r.Validate()
}

// readJSON reads one JSON value and nothing else. Fields that this version doesn't know
// are left out.
func readJSON(r io.Reader, into any) error {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return err
	}
	if len(body) > maxBody {
		return fmt.Errorf("the body has more than %d bytes", maxBody)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the body is not the expected JSON: %w", err)
	}
	return nil
}
