package dcv_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

func TestNewFile(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"http://example.com/.well-known/pki-validation/A1.txt",
		"https://Example.COM/.well-known/pki-validation/A1.txt",
		"http://EXAMPLE.com./.well-known/pki-validation/A1.txt",
	} {
		file, err := dcv.NewFile(address, "token\n")
		require.NoError(t, err, address)
		assert.Equal(t, dcv.File{Host: "example.com", Path: "/.well-known/pki-validation/A1.txt", Body: "token\n"}, file)
		assert.Equal(t, "http://example.com/.well-known/pki-validation/A1.txt", file.URL())
	}
	file, err := dcv.NewFile("http://bücher.example/.well-known/pki-validation/a-b_c.txt", "x")
	require.NoError(t, err)
	assert.Equal(t, "xn--bcher-kva.example", file.Host)
}

func TestNewFileRefuses(t *testing.T) {
	t.Parallel()
	const path = "/.well-known/pki-validation/"
	for name, address := range map[string]string{
		"nothing":          "",
		"other scheme":     "ftp://example.com" + path + "a.txt",
		"no host":          "http://" + path + "a.txt",
		"port":             "http://example.com:8080" + path + "a.txt",
		"user":             "http://user@example.com" + path + "a.txt",
		"query":            "http://example.com" + path + "a.txt?x",
		"fragment":         "http://example.com" + path + "a.txt#x",
		"wildcard":         "http://*.example.com" + path + "a.txt",
		"elsewhere":        "http://example.com/a.txt",
		"directory":        "http://example.com" + path,
		"below":            "http://example.com" + path + "a/b.txt",
		"parent":           "http://example.com" + path + "..",
		"hidden":           "http://example.com" + path + ".htaccess",
		"encoded slash":    "http://example.com" + path + "a%2fb.txt",
		"encoded space":    "http://example.com" + path + "a%20b.txt",
		"another language": "http://example.com" + path + "ä.txt",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dcv.NewFile(address, "token")
			require.ErrorIs(t, err, dcv.ErrUnsupported)
		})
	}
	_, err := dcv.NewFile("http://example.com"+path+"a.txt", "")
	require.ErrorIs(t, err, dcv.ErrUnsupported, "an empty file")
}

// What is accepted is served under the very address that identifies it.
func FuzzNewFile(f *testing.F) {
	f.Add("http://example.com/.well-known/pki-validation/A1.txt", "token")
	f.Add("https://bücher.example./.well-known/pki-validation/%41.txt", "token")
	f.Fuzz(func(t *testing.T, address, body string) {
		file, err := dcv.NewFile(address, body)
		if err != nil {
			return
		}
		again, err := dcv.NewFile(file.URL(), body)
		require.NoError(t, err)
		assert.Equal(t, file, again)
	})
}
