package providers

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const password = `p<ss&w/rd+ "ü=1`

func TestSecretNeverShows(t *testing.T) {
	t.Parallel()
	secret := Secret("hunter2")
	holder := struct {
		Key   Secret
		Keys  []Secret
		ByKey map[string]Secret
	}{secret, []Secret{secret}, map[string]Secret{"a": secret}}

	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, &secret), fmt.Sprintf(verb, holder))
	}
	shown = append(shown, secret.String(), secret.GoString(), fmt.Sprint(secret), fmt.Errorf("bad %v", secret).Error())
	for _, v := range []any{secret, holder} {
		data, err := json.Marshal(v)
		require.NoError(t, err)
		shown = append(shown, string(data))
	}
	for _, handler := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var log bytes.Buffer
		slog.New(handler(&log)).Info("x", "secret", secret, "holder", holder)
		shown = append(shown, log.String())
	}
	for _, text := range shown {
		assert.NotContains(t, text, "hunter2")
		assert.NotContains(t, text, "68756e746572") // its hexadecimal form
	}
	assert.Equal(t, "***", fmt.Sprint(secret))
	assert.Equal(t, "hunter2", secret.Reveal())
}

func TestSecretReadsJSON(t *testing.T) {
	t.Parallel()
	var in struct{ Key Secret }
	require.NoError(t, json.Unmarshal([]byte(`{"Key":"hunter2"}`), &in))
	assert.Equal(t, "hunter2", in.Key.Reveal())
}

func TestRedactorHidesEveryForm(t *testing.T) {
	t.Parallel()
	r := NewRedactor(Secret(password), "", "short")
	escaped, err := json.Marshal(password)
	require.NoError(t, err)
	forms := map[string]string{
		"raw":            password,
		"query":          url.QueryEscape(password),
		"query in lower": strings.ToLower(url.QueryEscape(password)),
		"path":           url.PathEscape(password),
		"JSON":           strings.Trim(string(escaped), `"`),
		"HTML":           html.EscapeString(password),
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, "login with *** failed", r.Text("login with "+form+" failed"))
		})
	}
}

func TestRedactorHidesBase64(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef?>~~"
	r := NewRedactor(key)
	for _, user := range []string{"", "u", "us", "use", "user:"} {
		for _, tail := range []string{"", "!", "!!"} {
			for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
				encoded := encoding.EncodeToString([]byte(user + key + tail))
				got := r.Text("Basic " + encoded)
				assert.Contains(t, got, "***")
				rest := strings.Replace(strings.TrimPrefix(got, "Basic "), "***", "", 1)
				assert.LessOrEqual(t, len(rest), len(encoded)-len(key)*8/6+2, got)
			}
		}
	}
}

func TestRedactorPrefersLongest(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a *** b", NewRedactor("abc", "abcdef").Text("a abcdef b"))
}

func TestRedactorText(t *testing.T) {
	t.Parallel()
	page := `<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>h1{color:red}</style>
<script>alert("x")</script></head><body><!-- build 17 --><h1>Bad&nbsp;Gateway</h1></body></html>`
	tests := map[string]struct{ in, want string }{
		"plain":          {"Insufficient funds", "Insufficient funds"},
		"lines":          {"a\r\n\tb\x00\x1b[31mc", "a b [31mc"},
		"page":           {page, "502 Bad Gateway Bad Gateway"},
		"unfinished tag": {"bad <a href=", "bad"},
		"escaped markup": {"&lt;b&gt;bold&lt;/b&gt;", "bbold/b"},
		"comparison":     {"1 < 2 > 0", "1 2 0"},
		"direction":      {"a\u202eb\u200bc", "abc"},
		"invalid UTF-8":  {"a\xffb", "a\uFFFDb"},
		"empty":          {"", ""},
		"secret":         {"<b>hunter2</b>", "***"},
		"split secret":   {"hun<i>ter2", "hun ter2"},
		"escaped secret": {"hun&#116;er2", "***"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, NewRedactor("hunter2").Text(tt.in))
		})
	}
}

func TestRedactorCuts(t *testing.T) {
	t.Parallel()
	var r Redactor
	assert.Equal(t, strings.Repeat("a", maxVendorText), r.Text(strings.Repeat("a", maxVendorText)))
	for _, text := range []string{strings.Repeat("ü", 300), "a" + strings.Repeat("€", 300), strings.Repeat("x", 1<<20)} {
		got := r.Text(text)
		assert.LessOrEqual(t, len(got), maxVendorText)
		assert.True(t, strings.HasSuffix(got, "..."))
		assert.True(t, utf8.ValidString(got))
	}
}

func FuzzRedactor(f *testing.F) {
	for _, seed := range []string{"", "<script>", "a<b", "&lt;hunter2", "\x00\u202e", "hunter2", "hun&#116;er2", "&amp;lt;x"} {
		f.Add(seed)
	}
	r := NewRedactor("hunter2")
	f.Fuzz(func(t *testing.T, text string) {
		got := r.Text(text)
		assert.NotContains(t, got, "hunter2")
		assert.LessOrEqual(t, len(got), maxVendorText)
		assert.NotContains(t, got, "<")
		assert.NotContains(t, got, "\n")
	})
}
