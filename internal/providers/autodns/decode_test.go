package autodns

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func TestDecodeRecord(t *testing.T) {
	t.Parallel()
	txt := func(name, value string) providers.Challenge {
		return providers.Challenge{Domain: "shop.example.com", Method: providers.MethodTXT, RecordName: name, RecordValue: value}
	}
	for line, want := range map[string]providers.Challenge{
		"example.com.\t\t300\tIN\tTXT\t\t\"20170407\"":          txt("example.com.", "20170407"),
		"example.com. 300 IN TXT \"20170407\n\"":                txt("example.com.", "20170407"),
		"_dnsauth.Shop.Example.com.\t300\tIN\ttxt\t\"2020\"\n":  txt("_dnsauth.shop.example.com.", "2020"),
		`shop.example.com. TXT "one" "two"`:                     txt("shop.example.com.", "onetwo"),
		`shop.example.com. TXT "a  b=C"`:                        txt("shop.example.com.", "a  b=C"),
		"shop.example.com 60 TXT plain":                         txt("shop.example.com.", "plain"),
		"_ab12.shop.example.com. 300 IN CNAME x.y.sectigo.com.": {Domain: "shop.example.com", Method: providers.MethodCNAME, RecordName: "_ab12.shop.example.com.", RecordValue: "x.y.sectigo.com."},
	} {
		challenge, err := decodeRecord("shop.example.com", line)
		require.NoError(t, err, line)
		assert.Equal(t, want, challenge)
	}
	for name, line := range map[string]string{
		"nothing": "", "one word": "example.com.", "no value": "example.com. 300 IN TXT", "empty value": `example.com. TXT ""`,
		"another type": "example.com. A 192.0.2.1", "open quotes": `example.com. TXT "a`, "text between quotes": `example.com. TXT "a" b "c"`,
		"two words": "example.com. TXT a b", "two targets": "_a.example.com. CNAME a. b.", "a neighbour": `_a.mail.example.com. TXT "a"`,
		"another domain": `_a.example.org. TXT "a"`, "a suffix": `_a.evil-example.com. TXT "a"`, "the top level": `com. TXT "a"`,
		"below the top level": `_a.com. TXT "a"`, "the root": `. TXT "a"`, "quoted target": `_a.example.com. CNAME "a."`,
	} {
		_, err := decodeRecord("shop.example.com", line)
		assert.Error(t, err, name)
	}
}

func TestDecodeFile(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"http://example.com/.well-known/pki-validation/fileauth.txt": "http://example.com/.well-known/pki-validation/fileauth.txt",
		"example.com/.well-known/pki-validation/fileauth.txt":        "http://example.com/.well-known/pki-validation/fileauth.txt",
		"/.well-known/pki-validation/A.txt":                          "http://example.com/.well-known/pki-validation/A.txt",
		"https://evil.org/x/A%2Fb.txt":                               "http://example.com/x/A%2Fb.txt",
		"A.txt":                                                      "http://example.com/.well-known/pki-validation/A.txt",
	} {
		challenge, err := decodeFile("example.com", name, "a\nb")
		require.NoError(t, err, name)
		assert.Equal(t, providers.Challenge{Domain: "example.com", Method: providers.MethodFile, URLs: []string{want}, Body: "a\nb"}, challenge)
	}
	for _, name := range []string{"http://example.com/x/", "http://example.com/../x", "http://example.com/x?y", "http://[", "http://example.com/x#y", "x/example.com/ttp://a.txt", "ftp://example.com/x"} {
		_, err := decodeFile("example.com", name, "a")
		assert.Error(t, err, name)
	}
	_, err := decodeFile("example.com", "A.txt", "")
	require.Error(t, err, "no content")
	_, err = decodeFile("*.example.com", "A.txt", "a")
	assert.Error(t, err, "a wildcard")
}

func decodeAuthentication(t testing.TB, text string) authentication {
	t.Helper()
	var a authentication
	require.NoError(t, json.Unmarshal([]byte(text), &a))
	return a
}

func TestSeveralNames(t *testing.T) {
	t.Parallel()
	a := decodeAuthentication(t, `{"method":"dns","dns":"example.com. IN TXT \"a\"","domains":[
		{"name":"example.com","dns":"example.com. IN TXT \"a\""},{"name":"Example.org.","method":"DNS","dns":"example.org. IN TXT \"b\""},
		{"name":"odd.example","dns":"?"}]}`)
	challenges, err := a.challenges("example.com")
	require.ErrorContains(t, err, "odd.example")
	require.Len(t, challenges, 2)
	assert.Equal(t, "example.org", challenges[1].Domain)
	assert.Equal(t, "b", challenges[1].RecordValue)
	email := decodeAuthentication(t, `{"method":"EMAIL","approverEmails":"admin@example.com"}`)
	challenges, err = email.challenges("example.com")
	require.NoError(t, err)
	assert.Equal(t, []providers.Challenge{{
		Domain: "example.com", Method: providers.MethodEmail, Emails: []string{"admin@example.com"}, Chosen: "admin@example.com",
	}}, challenges)
}

// TestEmailOfAnotherDomain: an address that the vendor doesn't list is refused before paying.
func TestEmailOfAnotherDomain(t *testing.T) {
	t.Parallel()
	v := newVendor(t, nil)
	request := testRequest("example.com")
	request.Method, request.Emails = providers.MethodEmail, map[string]string{"example.com": "me@example.com"}
	_, _, err := v.provider(nil).Prepare(t.Context(), request)
	require.Equal(t, providers.Invalid, providers.KindOf(err))
	assert.ErrorContains(t, err, "spec.dcv.approverMailbox")
}

func decodeCertificate(t testing.TB, text string) certificate {
	t.Helper()
	var c certificate
	require.NoError(t, json.Unmarshal([]byte(text), &c))
	return c
}

// TestDocumentedCertificate is the guide's example of CertificateInfo.
func TestDocumentedCertificate(t *testing.T) {
	t.Parallel()
	c := decodeCertificate(t, `{"created":"2018-09-26T00:00:00.000+0200","updated":"2018-09-26T11:38:08.000+0200","id":13258,
		"owner":{"user":"user","context":9},"orderId":"2695961","adminContact":{"id":100},"name":"example.com",
		"lifetime":{"unit":"MONTH","period":12},"csr":"","server":"LEAF\n","serialNumber":"750C","product":"QUICKSSLPREMIUM",
		"expire":"2019-09-26T12:00:00.000+0200","authentication":{"method":"DNS",
		"dns":"example.com.\t\t300\tIN\tTXT\t\t\"2017\"","provisioning":true},"domain":"example.com"}`)
	assert.Equal(t, []string{"example.com"}, c.names())
	assert.Equal(t, time.Date(2019, 9, 26, 10, 0, 0, 0, time.UTC), c.paidUntil().UTC())
	assert.Equal(t, [][]byte{[]byte("LEAF\n")}, c.blobs())
	challenges, err := c.challenges()
	require.NoError(t, err)
	assert.Equal(t, "2017", challenges[0].RecordValue)
}

func TestPaidUntil(t *testing.T) {
	t.Parallel()
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		return at
	}
	for name, test := range map[string]struct {
		text string
		want time.Time
	}{
		"payable":                {`{"payable":"2027-12-01","expire":"2027-06-18"}`, day("2027-12-01")},
		"the term":               {`{"created":"2026-12-01","expire":"2027-12-01","lifetime":{"unit":"MONTH","period":12}}`, day("2027-12-01")},
		"the certificate's life": {`{"created":"2026-12-01","expire":"2027-06-18","lifetime":{"period":"12"}}`, time.Time{}},
		"no lifetime":            {`{"created":"2026-12-01","expire":"2027-12-01","lifetime":12}`, time.Time{}},
		"odd lifetime":           {`{"created":"2026-12-01","expire":"2027-12-01","lifetime":{"period":1e99}}`, time.Time{}},
		"nothing":                {`{"expire":"soon","payable":null}`, time.Time{}},
	} {
		assert.Equal(t, test.want, decodeCertificate(t, test.text).paidUntil(), name)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]providers.State{
		`{"job":{"status":"RUNNING"}}`:                                                                             providers.StateAwaitingValidation,
		`{"job":{"status":"WAIT"},"dcvAuth":[{"domain":"a","status":"PENDING"}]}`:                                  providers.StateAwaitingValidation,
		`{"job":{"status":"wait"},"dcvAuth":[{"status":"COMPLETED"},{"status":"?"}]}`:                              providers.StateAwaitingValidation,
		`{"job":{"status":"RUNNING"},"dcvAuth":[{"status":"COMPLETED"}]}`:                                          providers.StateIssuing,
		`{"job":{"status":"DEFERRED"},"authentication":[{"step":"DCV_CHECK","status":"x"}]}`:                       providers.StateAwaitingValidation,
		`{"job":{"status":"RUNNING"},"authentication":[{"step":"CSR_CHECK","status":"x"}]}`:                        providers.StateAwaitingValidation,
		`{"job":{"status":"RUNNING"},"authentication":{"step":"DOMAIN_VERIFICATION","status":"COMPLETED_PASSED"}}`: providers.StateIssuing,
		`{"job":{"status":"SUPPORT"}}`:                                                                             providers.StateIssuing,
		`{"job":{"status":"FAILED"}}`:                                                                              providers.StateRejected,
		`{"job":{"status":"CANCELED"}}`:                                                                            providers.StateCancelled,
		`{"job":{"status":"FROZEN"}}`:                                                                              providers.StateIssuing,
		`{"job":{"status":"SUCCESS"}}`:                                                                             providers.StateIssued,
	} {
		var job objectJob
		require.NoError(t, json.Unmarshal([]byte(text), &job))
		state, detail := job.state("1")
		assert.Equal(t, want, state, text)
		assert.NotEmpty(t, detail)
		assert.NotContains(t, detail, "FROZEN", "the vendor's words stay here")
	}
}

func TestIssued(t *testing.T) {
	t.Parallel()
	ours, other := newPair(t), newPair(t)
	v := newVendor(t, nil)
	p := v.provider(nil)
	certificateOf := func(csr, server, more string) certificate {
		text, err := json.Marshal(map[string]string{"csr": csr, "server": server})
		require.NoError(t, err)
		return decodeCertificate(t, strings.TrimSuffix(string(text), "}")+more+"}")
	}
	for name, test := range map[string]struct {
		c    certificate
		want providers.State
	}{
		"issued":               {certificateOf(ours.csr, ours.certificate, ""), providers.StateIssued},
		"CSR in one line":      {certificateOf(vendorCSR([]byte(ours.csr)), ours.certificate, ""), providers.StateIssued},
		"before a reissue":     {certificateOf(ours.csr, other.certificate, ""), providers.StateIssuing},
		"no CSR told":          {certificateOf("", other.certificate, ""), providers.StateIssued},
		"not PEM":              {certificateOf(ours.csr, "MIIB", ""), providers.StateIssued},
		"nothing yet":          {certificateOf(ours.csr, " ", ""), providers.StateIssuing},
		"term over":            {certificateOf(ours.csr, ours.certificate, `,"payable":"2026-11-30"`), providers.StateExpired},
		"life over, term not":  {certificateOf(ours.csr, ours.certificate, `,"payable":"2027-11-30","expire":"2026-11-30"`), providers.StateIssued},
		"life over, term open": {certificateOf(ours.csr, ours.certificate, `,"expire":"2026-11-30"`), providers.StateExpired},
	} {
		order := p.issued(placed, test.c)
		assert.Equal(t, test.want, order.State, name)
		assert.Equal(t, test.want == providers.StateIssued, len(order.Certificates) > 0, name)
	}
	assert.True(t, sameCSR([]byte(vendorCSR([]byte(ours.csr))), []byte(ours.csr)))
	assert.False(t, sameCSR([]byte(other.csr), []byte(ours.csr)))
	assert.False(t, sameCSR(nil, nil), "nothing equals nothing")
}

func TestWire(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{`12`: "12", `"12"`: "12", `" 7 "`: "7", `0`: "", `-1`: "", `1.5`: "", `"a/b"`: "", `null`: "", `{}`: ""} {
		var got struct{ ID objectID }
		require.NoError(t, json.Unmarshal([]byte(`{"ID":`+text+`}`), &got))
		assert.Equal(t, want, got.ID.number(), text)
	}
	assert.Equal(t, time.Date(2018, 9, 26, 9, 38, 8, 0, time.UTC), text("2018-09-26T11:38:08.000+0200").instant().UTC())
	assert.Equal(t, time.Date(2018, 9, 26, 9, 38, 8, 0, time.UTC), text("2018-09-26T11:38:08+02:00").instant().UTC())
	assert.Equal(t, []string{"a", "b", "c"}, codes([]message{{Code: "a", Messages: list[message]{{Code: "b"}}}, {Code: "c"}}))
}

type objectID = text
