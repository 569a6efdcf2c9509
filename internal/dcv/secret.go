package dcv

import "log/slog"

const redacted = "***"

// Secret is a credential that does not show in logs, errors or JSON, not even
// when a struct that holds it is printed.
type Secret struct {
	// A closure, because fmt prints the bytes of a string in an unexported
	// field of another struct without asking for String.
	reveal func() string
}

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{reveal: func() string { return value }} }

// Reveal returns the credential, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether there is no credential.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler, also for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
