package chain

import (
	"archive/zip"
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func derOf(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, cert := range certs {
		out = append(out, cert.Raw...)
	}
	return out
}

func p7DER(t testing.TB, certs ...*x509.Certificate) []byte {
	t.Helper()
	der, err := pkcs7.DegenerateCertificate(derOf(certs...))
	require.NoError(t, err)
	return der
}

func p7PEM(t testing.TB, label string, certs ...*x509.Certificate) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: p7DER(t, certs...)})
}

// p7BER is the same structure with indefinite lengths, as Java and Windows write it.
func p7BER(certs ...*x509.Certificate) []byte {
	open := func(tag byte, parts ...[]byte) []byte {
		return slices.Concat([]byte{tag, 0x80}, slices.Concat(parts...), []byte{0, 0})
	}
	oid := func(last byte) []byte {
		return []byte{0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, last}
	}
	signedData := open(0x30, []byte{0x02, 1, 1}, []byte{0x31, 0}, open(0x30, oid(1)), open(0xA0, derOf(certs...)), []byte{0x31, 0})
	return open(0x30, oid(2), open(0xA0, signedData))
}

func zipOf(t testing.TB, files ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for i, content := range files {
		w, err := archive.Create(fmt.Sprintf("certs/%d.crt", i))
		require.NoError(t, err)
		_, err = w.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	return out.Bytes()
}

func b64(data []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(data)) }

func wrap(text []byte, width int) []byte {
	return bytes.Join(slices.Collect(slices.Chunk(text, width)), []byte("\r\n"))
}

func TestParseFormats(t *testing.T) {
	t.Parallel()
	d := newDelivery(t)
	a, b, c := d.leaf, d.inter.cert, d.root.cert
	key := "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	crlf := func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")) }

	tests := map[string]struct {
		data []byte
		want []*x509.Certificate
	}{
		"PEM":                    {certPEM(a), list(a)},
		"PEM, several":           {certPEM(a, b, c), list(a, b, c)},
		"PEM, CRLF":              {crlf(certPEM(a, b)), list(a, b)},
		"PEM, CR":                {bytes.ReplaceAll(certPEM(a, b), []byte("\n"), []byte("\r")), list(a, b)},
		"PEM, glued":             {bytes.ReplaceAll(certPEM(a, b), []byte("\n"), nil), list(a, b)},
		"PEM, spaces":            {bytes.ReplaceAll(certPEM(a, b), []byte("\n"), []byte(" ")), list(a, b)},
		"PEM, byte order mark":   {append([]byte("\xEF\xBB\xBF"), certPEM(a)...), list(a)},
		"PEM, text around":       {slices.Concat([]byte("0 s:CN = example.com\n"), certPEM(a), []byte("Bag Attributes\n"), certPEM(b)), list(a, b)},
		"PEM, key is skipped":    {append([]byte(key), certPEM(a)...), list(a)},
		"PEM, damaged block":     {slices.Concat([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), certPEM(a)), list(a)},
		"PEM, unfinished block":  {slices.Concat([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n"), certPEM(a)), list(a)},
		"PEM, old label":         {bytes.ReplaceAll(certPEM(a), []byte("CERTIFICATE"), []byte("X509 CERTIFICATE")), list(a)},
		"PEM, duplicates":        {certPEM(a, b, a, b), list(a, b)},
		"PEM with PKCS#7":        {p7PEM(t, "PKCS7", a, b), list(a, b)},
		"PEM, PKCS#7 mislabeled": {p7PEM(t, "CERTIFICATE", a, b), list(a, b)},
		"PEM, CMS and PEM":       {append(p7PEM(t, "CMS", a), certPEM(b)...), list(a, b)},
		"DER":                    {derOf(a), list(a)},
		"DER, several":           {derOf(a, b), list(a, b)},
		"DER with a line break":  {append(derOf(a), '\r', '\n'), list(a)},
		"PKCS#7 DER":             {p7DER(t, c, b, a), list(c, b, a)},
		"PKCS#7 BER":             {p7BER(a, b), list(a, b)},
		"base64 of DER":          {b64(derOf(a)), list(a)},
		"base64 in lines":        {wrap(b64(derOf(a)), 76), list(a)},
		"base64 of PEM":          {b64(certPEM(a, b)), list(a, b)},
		"base64 of PKCS#7":       {b64(p7DER(t, a)), list(a)},
		"base64 without padding": {[]byte(base64.RawURLEncoding.EncodeToString(p7DER(t, a, b))), list(a, b)},
		"ZIP":                    {zipOf(t, certPEM(a), derOf(b), p7DER(t, b, c)), list(a, b, c)},
		"ZIP with other files":   {zipOf(t, []byte("read me"), []byte(key), nil, certPEM(a)), list(a)},
		"ZIP in base64":          {wrap(b64(zipOf(t, p7DER(t, a, b))), 64), list(a, b)},
		"base64 in ZIP in ZIP":   {zipOf(t, zipOf(t, b64(derOf(a)))), list(a)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(tt.data)
			require.NoError(t, err)
			assert.Equal(t, subjects(tt.want), subjects(got))
			assert.Equal(t, derOf(tt.want...), derOf(got...))
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	d := newDelivery(t)
	small := derOf(d.leaf)
	deep := small
	for range maxLayers {
		deep = b64(deep)
	}
	p7 := p7DER(t, d.leaf)
	otherOID := bytes.Replace(p7, oidSignedData, append(bytes.Clone(oidSignedData[:8]), 3), 1)
	tests := map[string]struct {
		data   []byte
		reason Reason
	}{
		"empty":            {nil, ReasonEmpty},
		"white space":      {[]byte(" \r\n\t"), ReasonEmpty},
		"HTML":             {[]byte("<html><body>Service unavailable</body></html>"), ReasonUnparsable},
		"JSON":             {[]byte(`{"success":false}`), ReasonUnparsable},
		"short word":       {[]byte("nil"), ReasonUnparsable},
		"CSR only":         {[]byte(CSRPEM(d.csr)), ReasonUnparsable},
		"cut DER":          {small[:len(small)-1], ReasonUnparsable},
		"cut ZIP":          {zipOf(t, small)[:100], ReasonUnparsable},
		"encrypted PKCS#7": {otherOID, ReasonUnparsable},
		"too many layers":  {deep, ReasonUnparsable},
		"zeros":            {make([]byte, 100), ReasonUnparsable},
		"too large":        {bytes.Repeat([]byte("x"), maxInput+1), ReasonUnparsable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tt.data)
			requireReason(t, err, tt.reason)
		})
	}
}

func TestParseKeepsCause(t *testing.T) {
	t.Parallel()
	_, err := Parse([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	require.Error(t, requireReason(t, err, ReasonUnparsable).Err)
}

func TestParseLimits(t *testing.T) {
	t.Parallel()
	d := newDelivery(t)
	var many []*x509.Certificate
	for range maxCertificates + 1 {
		many = append(many, d.inter.leaf(t, d.key.Public()))
	}
	files := make([][]byte, maxZIPEntries+1)
	bomb := zipOf(t, make([]byte, 3*maxTotal), certPEM(d.leaf))
	require.Less(t, len(bomb), maxInput)

	t.Run("certificates", func(t *testing.T) {
		t.Parallel()
		_, err := Parse(certPEM(many...))
		require.ErrorIs(t, err, errTooMany)
		got, err := Parse(certPEM(many[1:]...))
		require.NoError(t, err)
		assert.Len(t, got, maxCertificates)
	})
	t.Run("ZIP entries", func(t *testing.T) {
		t.Parallel()
		_, err := Parse(zipOf(t, files...))
		require.ErrorIs(t, err, errTooMany)
	})
	t.Run("ZIP bomb", func(t *testing.T) {
		t.Parallel()
		_, err := Parse(bomb)
		require.ErrorIs(t, err, errTooMuch)
	})
	t.Run("ZIP of many bombs", func(t *testing.T) {
		t.Parallel()
		files := make([][]byte, maxZIPEntries)
		for i := range files {
			files[i] = make([]byte, maxTotal/maxZIPEntries)
		}
		_, err := Parse(zipOf(t, files...))
		require.ErrorIs(t, err, errTooMuch)
	})
}

func TestParseBombMemory(t *testing.T) {
	d := newDelivery(t)
	bomb := zipOf(t, make([]byte, 3*maxTotal), certPEM(d.leaf))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Parse(bomb)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, errTooMuch)
	// io.ReadAll grows its buffer by copying, hence the factor.
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8*maxTotal))
}

// Input that makes naive readers slow; each takes milliseconds.
func TestParseHostileInputIsFast(t *testing.T) {
	t.Parallel()
	repeat := func(s string) []byte { return []byte(strings.Repeat(s, maxInput/len(s))) }
	tests := map[string][]byte{
		"headers without footers": repeat("-----BEGIN CERTIFICATE-----"),
		"headers and a footer":    append(repeat("-----BEGIN A-----")[:maxInput/2], "-----END B-----"...),
		"dashes":                  repeat("-----BEGIN "),
		"nested indefinite":       repeat("\x30\x80"),
		"empty indefinite":        repeat("\x30\x80\x00\x00"),
		"overlapping children":    repeat("\x30\x02\x30\x82\x7f\xff"),
		"nested definite":         repeat("\x30\x83\x1f\x00\x00"),
		"small elements":          repeat("\x30\x00"),
		"base64 letters":          repeat("MIIA"),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse(data)
			requireReason(t, err, ReasonUnparsable)
			assert.Less(t, time.Since(start), 5*time.Second)
		})
	}
}
