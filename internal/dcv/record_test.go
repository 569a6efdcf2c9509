package dcv

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNewRecord(t *testing.T) {
	t.Parallel()
	r, err := NewRecord(CNAME, "_ABC.Bücher.example", "X.Sectigo.com")
	require.NoError(t, err)
	assert.Equal(t, Record{Type: CNAME, FQDN: "_abc.xn--bcher-kva.example.", Value: "X.Sectigo.com"}, r)
	assert.Equal(t, "CNAME _abc.xn--bcher-kva.example.", r.Key())
	assert.Equal(t, "_abc.xn--bcher-kva.example. CNAME x.sectigo.com.", r.String())

	r, err = NewRecord(TXT, "example.com.", `say "hi"`)
	require.NoError(t, err)
	assert.Equal(t, `example.com. TXT "say \"hi\""`, r.String())
}

func TestRecordMatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		typ         RecordType
		value, seen string
		want        bool
	}{
		{TXT, "Token", "Token", true},
		{TXT, "Token", "token", false},
		{TXT, "token.", "token", false},
		{CNAME, "A.example", "a.EXAMPLE.", true},
		{CNAME, "a.example.", "a.example", true},
		{CNAME, "a.example", "b.example", false},
	}
	for _, tt := range tests {
		r := Record{Type: tt.typ, FQDN: "x.example.", Value: tt.value}
		assert.Equal(t, tt.want, r.Matches(tt.seen), "%s %q %q", tt.typ, tt.value, tt.seen)
	}
}

func TestRecordValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]Record{
		"no type":       {FQDN: "example.com.", Value: "x"},
		"other type":    {Type: "A", FQDN: "example.com.", Value: "x"},
		"no name":       {Type: TXT, Value: "x"},
		"relative name": {Type: TXT, FQDN: "example.com", Value: "x"},
		"upper case":    {Type: TXT, FQDN: "Example.com.", Value: "x"},
		"wildcard":      {Type: TXT, FQDN: "*.example.com.", Value: "x"},
		"no value":      {Type: TXT, FQDN: "example.com."},
		"long value":    {Type: TXT, FQDN: "example.com.", Value: strings.Repeat("x", maxTXT+1)},
		"bad target":    {Type: CNAME, FQDN: "example.com.", Value: "a b"},
		"negative TTL":  {Type: TXT, FQDN: "example.com.", Value: "x", TTL: -1},
	}
	for name, r := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ErrorIs(t, r.Validate(), ErrUnsupported)
		})
	}
	assert.NoError(t, Record{Type: TXT, FQDN: "_a.example.com.", Value: strings.Repeat("x", maxTXT)}.Validate())
}

func TestCapabilitiesCheck(t *testing.T) {
	t.Parallel()
	limited := Capabilities{Types: []RecordType{TXT}}
	txt := Record{Type: TXT, FQDN: "example.com."}
	assert.NoError(t, limited.Check(txt, false))
	assert.NoError(t, Capabilities{Types: []RecordType{TXT}, Apex: true}.Check(txt, true))

	err := limited.Check(txt, true)
	require.ErrorIs(t, err, ErrUnsupported)
	require.ErrorContains(t, err, "TXT example.com.")
	err = limited.Check(Record{Type: CNAME, FQDN: "_a.example.com."}, false)
	require.ErrorIs(t, err, ErrUnsupported)
	require.ErrorContains(t, err, "CNAME _a.example.com.")
}

func TestFileURL(t *testing.T) {
	t.Parallel()
	f := File{Host: "example.com", Path: "/.well-known/pki-validation/a.txt"}
	assert.Equal(t, "http://example.com/.well-known/pki-validation/a.txt", f.URL())
}

func TestSecretDoesNotShow(t *testing.T) {
	t.Parallel()
	s := NewSecret("hunter2")
	assert.Equal(t, "hunter2", s.Reveal())
	assert.False(t, s.IsZero())
	assert.True(t, Secret{}.IsZero())
	assert.Empty(t, Secret{}.Reveal())

	type config struct {
		Public  Secret
		private Secret
	}
	c := config{s, s}
	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "config", c)
	for _, text := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, s, s, s), fmt.Sprintf("%#v", &c), string(encoded), log.String(),
	} {
		assert.NotContains(t, text, "hunter2")
		assert.NotContains(t, text, "68756e746572")
	}
	assert.Contains(t, string(encoded), redacted)
	assert.Equal(t, "hunter2", c.private.Reveal())
}
