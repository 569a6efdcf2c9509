package resello

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func cname(domain, owner, value string) providers.Challenge {
	return providers.Challenge{Domain: domain, Method: providers.MethodCNAME, RecordName: owner, RecordValue: value}
}

// TestDecodeDetails: nobody knows the shape of validation-details, so many are understood.
func TestDecodeDetails(t *testing.T) {
	t.Parallel()
	record := cname("example.com", "_ab.example.com.", "c.sectigo.com")
	done := record
	done.Done = true
	file := providers.Challenge{
		Domain: "example.com", Method: providers.MethodFile, Body: "token",
		URLs: []string{"http://example.com/.well-known/pki-validation/AB.txt"},
	}
	linked := file
	linked.URLs = []string{"http://example.com/AB.txt", file.URLs[0]}
	text := providers.Challenge{Domain: "example.com", Method: providers.MethodTXT, RecordName: "example.com.", RecordValue: "a b"}
	mail := providers.Challenge{Domain: "example.com", Method: providers.MethodEmail, Emails: []string{"admin@example.com"}, Chosen: "admin@example.com"}
	for body, want := range map[string][]providers.Challenge{
		`{"type":"CNAME","name":"_AB.example.com.","value":"c.sectigo.com"}`:                       {record},
		`[{"record_type":"cname","host":"_ab.example.com","target":"c.sectigo.com"}]`:              {record},
		`{"a":{"b":[{"type":"CNAME","record_name":"_ab.example.com","data":"c.sectigo.com"}]}}`:    {record},
		`{"steps":[{"text":"_ab.example.com. 3600 IN CNAME c.sectigo.com"}]}`:                      {record},
		`"_ab.example.com CNAME c.sectigo.com"`:                                                    {record},
		`["_ab.example.com CNAME c.sectigo.com","_ab.example.com. 60 CNAME c.sectigo.com"]`:        {record},
		`{"status":"Completed","type":"CNAME","name":"_ab.example.com","value":"c.sectigo.com"}`:   {done},
		`{"state":"pending","dns":{"status":"done","line":"_ab.example.com CNAME c.sectigo.com"}}`: {done},
		`{"type":"TXT","name":"example.com","value":"\"a b\""}`:                                    {text},
		`"example.com. IN TXT \"a b\""`:                                                            {text},
		`{"filename":"AB.txt","content":"token"}`:                                                  {file},
		`{"file":"/.well-known/pki-validation/AB.txt","contents":"token"}`:                         {file},
		`{"url":"http://elsewhere.org/AB.txt","body":"token"}`:                                     {linked},
		`{"email":"admin@example.com"}`:                                                            {mail},
		`{"domain":"other.org","type":"CNAME","name":"_ab.other.org","value":"c"}`:                 {cname("other.org", "_ab.other.org.", "c")},
		`{"type":"CNAME","name":"_ab.elsewhere.org","value":"c.sectigo.com"}`:                      nil,
		`{"type":"CNAME","name":"com","value":"c.sectigo.com"}`:                                    nil,
		`{"type":"CNAME","name":"_ab.example.com","value":"two words"}`:                            nil,
		`{"type":"A","name":"_ab.example.com","value":"192.0.2.1"}`:                                nil,
		`"please add a CNAME record"`:                                                              nil,
		`{"filename":"a?b","content":"token"}`:                                                     nil,
		`{"filename":"AB.txt","content":""}`:                                                       nil,
		`null`:                                                                                     nil, `7`: nil, `{}`: nil,
	} {
		var details tree
		require.NoError(t, json.Unmarshal([]byte(body), &details))
		found, _ := decodeDetails(details.value, []string{"example.com"})
		assert.Equal(t, want, found, body)
	}
}

// TestMethodTold: what is told for other methods isn't asked for.
func TestMethodTold(t *testing.T) {
	t.Parallel()
	const both = `"record":{"type":"CNAME","name":"_ab.example.com","value":"c"},"file":{"filename":"A.txt","content":"t"}`
	for details, want := range map[string]providers.Method{
		`{"dcv_type":"dns","domain":"example.com",` + both + `}`:  providers.MethodCNAME,
		`{"dcv_type":"FILE","domain":"example.com",` + both + `}`: providers.MethodFile,
	} {
		v := newVendor(t, map[string][]string{getOne: object("pending"), getCSR: no("x"), getDCV: ok(details)})
		order, err := v.provider(nil).Order(t.Context(), testIDs)
		require.NoError(t, err)
		require.Len(t, order.Challenges, 1)
		assert.Equal(t, want, order.Challenges[0].Method)
	}
	v := newVendor(t, map[string][]string{
		getOne: ok(`{"id":"` + testID + `","status":"pending","dcv_type":"FILE","domain":"example.com"}`), getCSR: no("x"), getDCV: ok(`{` + both + `}`),
	})
	order, err := v.provider(nil).Order(t.Context(), testIDs)
	require.NoError(t, err)
	require.Len(t, order.Challenges, 1, "the certificate object tells the method too")
	assert.Equal(t, providers.MethodFile, order.Challenges[0].Method)
}

func TestDecodeDetailsIsBounded(t *testing.T) {
	t.Parallel()
	var list []any
	for i := range 3 * maxChallenges {
		list = append(list, map[string]any{"filename": string(rune('a'+i%26)) + ".txt", "content": string(rune(0x4e00 + i))})
	}
	found, _ := decodeDetails(list, []string{"example.com"})
	assert.Len(t, found, maxChallenges)
}

// TestComputed: Sectigo's rule, from the digests of the CSR.
func TestComputed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method string
		want   providers.Method
	}{
		"example.com": {"", providers.MethodCNAME}, "a.example.com": {dcvDNS, providers.MethodCNAME},
		"b.example.com": {dcvFile, providers.MethodFile}, "*.example.com": {dcvFile, providers.MethodCNAME}, "c.example.com": {dcvEmail, ""},
	} {
		csr, err := chain.ParseCSR([]byte(newPair(t, name).csr))
		require.NoError(t, err)
		found := computed(csr, test.method)
		if test.want == "" {
			assert.Empty(t, found)
			continue
		}
		require.Len(t, found, 1, name)
		assert.Equal(t, test.want, found[0].Method, name)
		assert.Equal(t, name, found[0].Domain)
		if test.want == providers.MethodFile {
			assert.Regexp(t, `^http://b\.example\.com/\.well-known/pki-validation/[0-9A-F]{32}\.txt$`, found[0].URLs[0])
			assert.Equal(t, chain.Digest(csr)+"\nsectigo.com", found[0].Body)
			continue
		}
		assert.Regexp(t, `^_[0-9a-f]{32}\.(a\.)?example\.com\.$`, found[0].RecordName)
		assert.Equal(t, chain.Digest(csr)[:32]+"."+chain.Digest(csr)[32:]+".sectigo.com.", found[0].RecordValue)
	}
}
