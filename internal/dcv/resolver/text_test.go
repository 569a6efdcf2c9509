package resolver

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUnquoteTXT(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":              "",
		"plain":         "plain",
		`"a"`:           "a",
		`"a" "b"`:       "ab",
		`"a"  "b" `:     "ab",
		`"a\"b\\c\252"`: "a\"b\\c\xfc",
		`"open`:         `"open`,
		`"a"b`:          `"a"b`,
		`a "b"`:         `a "b"`,
	} {
		assert.Equal(t, want, UnquoteTXT(content), content)
	}
	long := strings.Repeat("x", 300)
	assert.Equal(t, `"`+long[:255]+`" "`+long[255:]+`"`, QuoteTXT(long))
}

func FuzzUnquoteTXT(f *testing.F) {
	for _, content := range []string{"", `"a"`, `"a" "b"`, `"a\"b"`, `"\255\300\2"`, `"open`, `\`, `"a"b`, "plain"} {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = UnquoteTXT(text)
		assert.Equal(t, text, UnquoteTXT(QuoteTXT(text)), "what is written is read")
	})
}
