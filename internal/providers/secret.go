package providers

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

const mask = "***"

// Secret is a credential that prints, logs and marshals as "***"; only [Secret.Reveal] gives it
// away. Two places would show it, because no method is called there: an unexported field of a
// struct that is printed with %v, and the key of a map that is marshalled to JSON.
type Secret string

// Reveal returns the credential, to be sent to the one it is for.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s Secret) String() string { return mask }

// GoString implements fmt.GoStringer, for %#v.
func (s Secret) GoString() string { return mask }

// Format implements fmt.Formatter, so that %x and %q don't show it either.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, mask) // fmt ignores write errors too
}

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// maxVendorText is how many bytes of a stranger's text an error may carry.
const maxVendorText = 200

// Redactor makes a vendor's text fit for an error message. The zero value knows no secrets and
// still shortens and cleans. Safe for concurrent use.
type Redactor struct {
	known *strings.Replacer
}

// NewRedactor returns a Redactor that replaces the secrets, also where they appear URL-encoded,
// in JSON or HTML escapes, or inside base64 such as a Basic authorization. Empty ones are ignored.
func NewRedactor(secrets ...Secret) Redactor {
	var forms []string
	for _, secret := range secrets {
		if secret != "" {
			forms = append(forms, formsOf(secret.Reveal())...)
		}
	}
	// The longest first, or the raw form would leave the rest of a longer one behind.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var pairs []string
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, mask)
	}
	return Redactor{known: strings.NewReplacer(pairs...)}
}

// Text returns at most 200 bytes of a vendor's text as one printable line without markup and
// without the known secrets.
func (r Redactor) Text(text string) string {
	text = html.UnescapeString(withoutMarkup(r.hide(text)))
	text = strings.Map(func(c rune) rune {
		switch {
		case c == '<' || c == '>' || unicode.Is(unicode.Cf, c):
			return -1
		case !unicode.IsPrint(c):
			return ' '
		}
		return c
	}, text)
	// Unescaping and joining lines may have completed a secret.
	text = r.hide(strings.Join(strings.Fields(text), " "))
	if len(text) <= maxVendorText {
		return text
	}
	const more = "..."
	return strings.ToValidUTF8(text[:maxVendorText-len(more)], "") + more
}

func (r Redactor) hide(text string) string {
	if r.known == nil {
		return text
	}
	return r.known.Replace(text)
}

var (
	unseenContent = regexp.MustCompile(`(?is)<(script|style)\b.*?(</(script|style)\s*>|$)`)
	markup        = regexp.MustCompile(`(?s)<!--.*?(-->|$)|<[a-zA-Z/!?][^>]*(>|$)`)
)

func withoutMarkup(text string) string {
	return markup.ReplaceAllString(unseenContent.ReplaceAllString(text, " "), " ")
}

// minEncoded keeps encodings of short secrets from matching everywhere.
const minEncoded = 4

// formsOf lists how a secret may appear in a text.
func formsOf(secret string) []string {
	query, path := url.QueryEscape(secret), url.PathEscape(secret)
	forms := []string{query, path, lowerEscapes(query), lowerEscapes(path), html.EscapeString(secret)}
	for _, escapeHTML := range []bool{true, false} {
		forms = append(forms, jsonEscape(secret, escapeHTML))
	}
	for offset := range 3 {
		core := base64Core(secret, offset)
		forms = append(forms, core, strings.NewReplacer("+", "-", "/", "_").Replace(core), url.QueryEscape(core))
	}
	forms = slices.DeleteFunc(forms, func(form string) bool { return len(form) < minEncoded })
	return append(forms, secret)
}

var escapes = regexp.MustCompile(`%[0-9A-F]{2}`)

func lowerEscapes(text string) string { return escapes.ReplaceAllStringFunc(text, strings.ToLower) }

func jsonEscape(text string, escapeHTML bool) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(escapeHTML)
	if err := encoder.Encode(text); err != nil {
		return ""
	}
	return strings.Trim(strings.TrimSpace(out.String()), `"`)
}

// base64Core returns the characters that a secret yields in the base64 of any text in which it
// begins at offset modulo 3: those that depend on the neighbours are left out.
func base64Core(secret string, offset int) string {
	encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
	first := (offset*8 + 5) / 6
	last := (offset + len(secret)) * 8 / 6
	if first >= last {
		return ""
	}
	return encoded[first:last]
}
