package dcv

import (
	"fmt"
	"strings"

	"golang.org/x/net/idna"
)

// Limits of RFC 1035, section 2.3.4, in presentation form without the last dot.
const (
	maxName  = 253
	maxLabel = 63
)

// toASCII maps and converts like a browser does, but leaves underscores,
// wildcards and hyphens anywhere alone: owner names of validation records are
// not host names.
var toASCII = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false))

// Normalise returns a DNS name in the one form in which names are compared:
// lower case A-labels without a trailing dot. "*." in front is kept,
// underscores are allowed. The error is an [ErrUnsupported].
func Normalise(name string) (string, error) {
	ascii, err := toASCII.ToASCII(strings.TrimSuffix(name, "."))
	if err != nil {
		return "", fmt.Errorf("dcv: name %q: %w: %w", name, ErrUnsupported, err)
	}
	ascii = strings.ToLower(ascii)
	if len(ascii) > maxName {
		return "", fmt.Errorf("dcv: name %q: %w: longer than %d characters", name, ErrUnsupported, maxName)
	}
	for label := range strings.SplitSeq(WildcardBase(ascii), ".") {
		if !validLabel(label) {
			return "", fmt.Errorf("dcv: name %q: %w: %q is not a DNS label", name, ErrUnsupported, label)
		}
	}
	return ascii, nil
}

func validLabel(label string) bool {
	if label == "" || len(label) > maxLabel {
		return false
	}
	return !strings.ContainsFunc(label, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
}

// FQDN is Normalise with a trailing dot. A wildcard is refused: no validation
// record has one as its owner.
func FQDN(name string) (string, error) {
	n, err := Normalise(name)
	if err != nil {
		return "", err
	}
	if IsWildcard(n) {
		return "", fmt.Errorf("dcv: name %q: %w: a wildcard cannot own a validation record", name, ErrUnsupported)
	}
	return n + ".", nil
}

// IsWildcard reports whether name is "*." followed by another name.
func IsWildcard(name string) bool { return strings.HasPrefix(name, "*.") }

// WildcardBase returns the name below which a wildcard stands, and any other
// name unchanged. Control of a wildcard is proved at its base.
func WildcardBase(name string) string { return strings.TrimPrefix(name, "*.") }

// Climb returns name and all its parents up to the top-level domain, nearest
// first. A trailing dot is kept throughout.
func Climb(name string) []string {
	var names []string
	for name != "" && name != "." {
		names = append(names, name)
		_, name, _ = strings.Cut(name, ".")
	}
	return names
}
