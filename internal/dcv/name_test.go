package dcv

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"Example.COM":          "example.com",
		"example.com.":         "example.com",
		"*.Example.com":        "*.example.com",
		"bücher.example":       "xn--bcher-kva.example",
		"BÜCHER.example":       "xn--bcher-kva.example",
		"straße.example":       "xn--strae-oqa.example",
		"xn--bcher-kva.ex":     "xn--bcher-kva.ex",
		"_DnsAuth.example.com": "_dnsauth.example.com",
		"r3---sn.example.com":  "r3---sn.example.com",
		"*.例え.テスト":             "*.xn--r8jz45g.xn--zckzah",
		"a。example":            "a.example",
	}
	for name, want := range tests {
		got, err := Normalise(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, got)
		again, err := Normalise(got)
		require.NoError(t, err, name)
		assert.Equal(t, got, again, "normalising twice changes nothing")
	}
}

func TestNormaliseRefuses(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	for _, name := range []string{
		"", ".", "a..b", ".a", "a b.example", "a/b", "a:53", "a.*.example", "*", "**.example", "\x00.example",
		strings.Repeat("a", 64) + ".example", strings.Join([]string{label, label, label, label}, "."), "xn--a.example",
	} {
		_, err := Normalise(name)
		assert.ErrorIs(t, err, ErrUnsupported, "%q", name)
	}
}

func TestFQDN(t *testing.T) {
	t.Parallel()
	got, err := FQDN("WWW.example.com")
	require.NoError(t, err)
	assert.Equal(t, "www.example.com.", got)
	_, err = FQDN("*.example.com")
	require.ErrorIs(t, err, ErrUnsupported)
	_, err = FQDN("")
	require.ErrorIs(t, err, ErrUnsupported)
}

func TestWildcard(t *testing.T) {
	t.Parallel()
	assert.True(t, IsWildcard("*.example.com"))
	assert.False(t, IsWildcard("www.example.com"))
	assert.Equal(t, "example.com", WildcardBase("*.example.com"))
	assert.Equal(t, "example.com", WildcardBase("example.com"))
}

func TestClimb(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"a.b.c", "b.c", "c"}, Climb("a.b.c"))
	assert.Equal(t, []string{"a.b.", "b."}, Climb("a.b."))
	assert.Empty(t, Climb("."))
	assert.Empty(t, Climb(""))
}
