package dcv

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// RecordType is a type of DNS record that proves control of a name.
type RecordType string

// The record types that certificate authorities look for (CA/Browser Forum
// Baseline Requirements 3.2.2.4.7; CAA is not offered by any reseller).
const (
	TXT   RecordType = "TXT"
	CNAME RecordType = "CNAME"
)

// maxTXT is the longest TXT value in bytes. Tokens are below 100; the limit
// keeps an answer with several of them in one TCP message of sane size.
const maxTXT = 4096

// Record is a DNS record to publish.
type Record struct {
	Type RecordType
	// FQDN is the owner name: absolute, lower case A-labels, trailing dot.
	FQDN string
	// Value is the verbatim text of a TXT record, however it is split into
	// strings, or the target of a CNAME with or without the trailing dot.
	Value string
	// TTL is a wish; zero leaves it to the hook. A value that joins an
	// existing set of values takes the TTL of that set.
	TTL time.Duration
}

// NewRecord returns a valid record with a normalised owner name.
func NewRecord(t RecordType, name, value string) (Record, error) {
	fqdn, err := FQDN(name)
	if err != nil {
		return Record{}, err
	}
	r := Record{Type: t, FQDN: fqdn, Value: value}
	return r, r.Validate()
}

// Key is the type and name, such as "TXT example.com.": what calls are serialised by.
func (r Record) Key() string { return string(r.Type) + " " + r.FQDN }

// String is the record as a person would write it in a zone file.
func (r Record) String() string {
	if r.Type == CNAME {
		return r.FQDN + " CNAME " + CanonicalTarget(r.Value)
	}
	return r.FQDN + " " + string(r.Type) + " " + strconv.Quote(r.Value)
}

// Matches reports whether value, as found in the DNS, is the value of r: bytes
// for TXT, a name without regard to case and trailing dot for CNAME.
func (r Record) Matches(value string) bool {
	if r.Type == CNAME {
		return CanonicalTarget(value) == CanonicalTarget(r.Value)
	}
	return value == r.Value
}

// Validate reports what is wrong with r as an [ErrUnsupported].
func (r Record) Validate() error {
	fqdn, err := FQDN(r.FQDN)
	switch {
	case err != nil:
		return err
	case fqdn != r.FQDN:
		return fmt.Errorf("dcv: owner name %q: %w: want it absolute and in lower case, as %q", r.FQDN, ErrUnsupported, fqdn)
	case r.Type != TXT && r.Type != CNAME:
		return fmt.Errorf("dcv: %s: %w: record type %q", r.FQDN, ErrUnsupported, r.Type)
	case r.Value == "":
		return fmt.Errorf("dcv: %s: %w: the value is empty", r.Key(), ErrUnsupported)
	case len(r.Value) > maxTXT:
		return fmt.Errorf("dcv: %s: %w: the value has %d bytes, at most %d are possible", r.Key(), ErrUnsupported, len(r.Value), maxTXT)
	case r.TTL < 0:
		return fmt.Errorf("dcv: %s: %w: the TTL %s is negative", r.Key(), ErrUnsupported, r.TTL)
	}
	if r.Type == CNAME {
		if _, err := FQDN(r.Value); err != nil {
			return fmt.Errorf("dcv: %s: target: %w", r.Key(), err)
		}
	}
	return nil
}

// CanonicalTarget is a CNAME target in the form in which it is compared: lower
// case with a trailing dot.
func CanonicalTarget(target string) string {
	return strings.ToLower(strings.TrimSuffix(target, ".")) + "."
}
