package cyberssl

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func decodeOptions(t testing.TB, body string) dvOptions {
	t.Helper()
	var reply optionsReply
	require.NoError(t, json.Unmarshal([]byte(body), &reply))
	return reply.Options
}

// documented is the example of the API page, section 6, as PHP encodes it. Its links are
// shortened on the page too.
const documented = `{"success":true,"dv_options":{
	"http":{"mysite.com":{"filename":"38ED81977C297795C94A10272D791CD4.txt","content":"b354ed749af42a09","link":"http:\/\/mysite.com\/38ED81977C2.txt"}},
	"https":{"mysite.com":{"filename":"38ED81977C297795C94A10272D791CD4.txt","content":"b354ed749af42a09","link":"https:\/\/mysite.com\/38ED81977C297.txt"}},
	"dns":{"mysite.com":{"record":"38ED81977C297795C94A10272D791CD4.mysite.com. CNAME b354ed749af42a09f09ed.comodoca.com."}},
	"email":{"mysite.com":["test@mysite.com","admin@mysite.com"]}}}`

func TestDocumentedOptions(t *testing.T) {
	t.Parallel()
	options := decodeOptions(t, documented)
	file := providers.Challenge{
		Domain: "mysite.com", Method: providers.MethodFile, Body: "b354ed749af42a09",
		URLs: []string{
			"http://mysite.com/38ED81977C2.txt",
			"http://mysite.com/.well-known/pki-validation/38ED81977C297795C94A10272D791CD4.txt",
		},
	}
	both := file
	both.URLs = append(append([]string{}, file.URLs...), "https://mysite.com/38ED81977C297.txt",
		"https://mysite.com/.well-known/pki-validation/38ED81977C297795C94A10272D791CD4.txt")
	cname := providers.Challenge{
		Domain: "mysite.com", Method: providers.MethodCNAME,
		RecordName: "38ed81977c297795c94a10272d791cd4.mysite.com.", RecordValue: "b354ed749af42a09f09ed.comodoca.com.",
	}
	email := providers.Challenge{
		Domain: "mysite.com", Method: providers.MethodEmail, Emails: []string{"test@mysite.com", "admin@mysite.com"},
	}
	for name, test := range map[string]struct {
		methods []string
		want    []providers.Challenge
	}{
		"dns": {[]string{dvDNS}, []providers.Challenge{cname}}, "http": {[]string{dvHTTP}, []providers.Challenge{file}},
		"email": {[]string{dvEmail}, []providers.Challenge{email}},
		"all":   {vendorMethods, []providers.Challenge{cname, both, email}}, "none": {nil, nil},
	} {
		challenges, err := options.challenges(test.methods...)
		require.NoError(t, err, name)
		assert.Equal(t, test.want, challenges, name)
	}
}

func TestDecodeRecord(t *testing.T) {
	t.Parallel()
	cname := func(name, value string) providers.Challenge {
		return providers.Challenge{Domain: "shop.test.com", Method: providers.MethodCNAME, RecordName: name, RecordValue: value}
	}
	txt := func(name, value string) providers.Challenge {
		return providers.Challenge{Domain: "shop.test.com", Method: providers.MethodTXT, RecordName: name, RecordValue: value}
	}
	for record, want := range map[string]providers.Challenge{
		"_AB.shop.test.com. CNAME 0a.1b.s2.sectigo.com.":    cname("_ab.shop.test.com.", "0a.1b.s2.sectigo.com."),
		"_AB.Shop.test.com CNAME 0a.1b.sectigo.com":         cname("_ab.shop.test.com.", "0a.1b.sectigo.com"),
		"_AB.test.com.\t3600  IN cname\t0a.sectigo.com. \n": cname("_ab.test.com.", "0a.sectigo.com."),
		"shop.test.com. TXT _token":                         txt("shop.test.com.", "_token"),
		`_dnsauth.shop.test.com. 60 TXT "a b=C"`:            txt("_dnsauth.shop.test.com.", "a b=C"),
	} {
		challenge, err := decodeRecord("shop.test.com", record)
		require.NoError(t, err, record)
		assert.Equal(t, want, challenge)
	}
}

func TestDecodeRecordRefuses(t *testing.T) {
	t.Parallel()
	for name, record := range map[string]string{
		"nothing":                  "",
		"one word":                 "_ab.test.com.",
		"no value":                 "_ab.test.com. CNAME",
		"two targets":              "_ab.test.com. CNAME a.com. b.com.",
		"another type":             "_ab.test.com. A 192.0.2.1",
		"another domain":           "_ab.example.com. CNAME a.com.",
		"a suffix, not a parent":   "_ab.evil-test.com. CNAME a.com.",
		"a neighbour":              "_ab.mail.test.com. CNAME a.com.",
		"the top-level domain":     "_ab.com. CNAME a.com.",
		"the root":                 ". CNAME a.com.",
		"an empty TXT":             `_ab.test.com. TXT ""`,
		"only time and class":      "_ab.test.com. 60 IN",
		"a second line of its own": "_ab.test.com. CNAME a.com.\nwww.test.com. CNAME b.com.",
	} {
		_, err := decodeRecord("shop.test.com", record)
		assert.Error(t, err, name)
	}
}

func TestDecodeFile(t *testing.T) {
	t.Parallel()
	const content = "2ab9\nsectigo.com\ns1\n"
	for name, test := range map[string]struct {
		option dvOption
		want   []string
	}{
		"link of today": {
			dvOption{Filename: "A.txt", Content: content, Link: "http://test.com/.well-known/pki-validation/A.txt"},
			[]string{"http://test.com/.well-known/pki-validation/A.txt"},
		},
		"link of the API page": {
			dvOption{Filename: "A.txt", Content: content, Link: "http://test.com/A.txt"},
			[]string{"http://test.com/A.txt", "http://test.com/.well-known/pki-validation/A.txt"},
		},
		"no file name": {
			dvOption{Content: content, Link: "http://test.com/x/B.txt"},
			[]string{"http://test.com/x/B.txt", "http://test.com/.well-known/pki-validation/B.txt"},
		},
		"no link": {
			dvOption{Filename: "A.txt", Content: content},
			[]string{"http://test.com/.well-known/pki-validation/A.txt"},
		},
		"link at another host": {
			dvOption{Filename: "A.txt", Content: content, Link: "http://evil.com/a%2Fb"},
			[]string{"http://test.com/a%2Fb", "http://test.com/.well-known/pki-validation/A.txt"},
		},
	} {
		challenge, err := decodeFile(dvHTTP, "test.com", test.option)
		require.NoError(t, err, name)
		assert.Equal(t, test.want, challenge.URLs, name)
		assert.Equal(t, content, challenge.Body, "the content is exact")
	}
	for name, option := range map[string]dvOption{
		"no content": {Filename: "A.txt"}, "no name at all": {Content: content},
		"a path as name": {Filename: "../A.txt", Content: content}, "a query as name": {Filename: "A?b", Content: content},
	} {
		_, err := decodeFile(dvHTTP, "test.com", option)
		assert.Error(t, err, name)
	}
	_, err := decodeFile(dvHTTP, "*.test.com", dvOption{Filename: "A.txt", Content: content})
	assert.Error(t, err, "a wildcard")
}

// TestLenientOptions: what PHP makes of empty maps, and one bad entry among good ones.
func TestLenientOptions(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"dv_options":[]}`, `{"dv_options":null}`, `{"dv_options":""}`, `{}`, `{"dv_options":{"dns":[],"email":[]}}`,
	} {
		challenges, err := decodeOptions(t, body).challenges(vendorMethods...)
		require.NoError(t, err, body)
		assert.Empty(t, challenges, body)
	}
	mixed := `{"dv_options":{"dns":{"a.com":{"record":"_x.a.com. CNAME y.com."},"b.com":"","c.com":{"record":["?"]}},
		"email":{"a.com":{"0":"admin@a.com","1":"webmaster@a.com"},"b.com":"admin@b.com"}}}`
	challenges, err := decodeOptions(t, mixed).challenges(vendorMethods...)
	require.Error(t, err)
	require.Len(t, challenges, 3)
	assert.Equal(t, "_x.a.com.", challenges[0].RecordName)
	assert.Equal(t, []string{"admin@a.com", "webmaster@a.com"}, challenges[1].Emails)
	assert.Equal(t, []string{"admin@b.com"}, challenges[2].Emails)
}
