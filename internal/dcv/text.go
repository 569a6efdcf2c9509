package dcv

import (
	"strings"
	"unicode"
)

// maxForeign is how many bytes of a stranger's text an error may carry.
const maxForeign = 300

// ForeignText makes what a DNS service has written fit for an error message: one
// printable line of at most 300 bytes without the credentials.
func ForeignText(text string, credentials ...Secret) string {
	text = hide(text, credentials)
	text = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case !unicode.IsPrint(c):
			return -1
		}
		return c
	}, text)
	// Cleaning may have joined the parts of a credential.
	text = hide(strings.Join(strings.Fields(text), " "), credentials)
	if len(text) <= maxForeign {
		return text
	}
	const more = "..."
	return strings.ToValidUTF8(text[:maxForeign-len(more)], "") + more
}

func hide(text string, credentials []Secret) string {
	for _, c := range credentials {
		if !c.IsZero() {
			text = strings.ReplaceAll(text, c.Reveal(), redacted)
		}
	}
	return text
}
