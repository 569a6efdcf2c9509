package dcv

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestForeignText(t *testing.T) {
	t.Parallel()
	token := NewSecret("hunter2")
	tests := map[string]string{
		"":                         "",
		"zone not found":           "zone not found",
		"two\r\n lines\tand a tab": "two lines and a tab",
		"bell\x07 and \u202eturn":  "bell and turn",
		"token hunter2 is wrong":   "token *** is wrong",
		"hun\x00ter2":              "***",
		"bad \xff byte":            "bad \ufffd byte",
	}
	for text, want := range tests {
		assert.Equal(t, want, ForeignText(text, token, Secret{}), "%q", text)
	}
	long := ForeignText(strings.Repeat("ü", 400))
	assert.LessOrEqual(t, len(long), maxForeign)
	assert.True(t, strings.HasSuffix(long, "ü..."), long)
}
