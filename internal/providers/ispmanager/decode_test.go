package ispmanager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func parsed(t testing.TB, text string) node {
	t.Helper()
	answer, ok := parse([]byte(text))
	require.True(t, ok, text)
	return answer
}

func TestNode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":"v"}`: "v", `{"a":5}`: "5", `{"a":true}`: "true", `{"a":null}`: "", `{"doc":{"a":{"$":" v "}}}`: "v",
		`{"doc":{"$a":"v"}}`: "v", `{"a":{"$orig":"2","$":"Active"}}`: "2", `{"a":["v","w"]}`: "v", `{"a":[]}`: "", `{"a":{}}`: "",
		`{"model":{"a":"v"}}`: "v", `{"a":12345678901234567890}`: "12345678901234567890", "\ufeff" + `{"a":"v"}`: "v",
	} {
		assert.Equal(t, want, parsed(t, text).field("a"), text)
	}
	for _, text := range []string{"", "x", "[]", `"a"`, `{"a":1}{"b":2}`, `{"a"`} {
		_, ok := parse([]byte(text))
		assert.False(t, ok, text)
	}
	assert.Len(t, parsed(t, `{"elem":[{"id":1},{"id":2}]}`).get("elem").list(), 2)
	assert.Len(t, parsed(t, `{"elem":{"id":1}}`).get("elem").list(), 1, "a lone row is no list")
	assert.Empty(t, parsed(t, `{"elem":""}`).get("elem").list())
	assert.Empty(t, parsed(t, `{}`).get("elem").list())
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	txt := func(domain, name, value string) providers.Challenge {
		return providers.Challenge{Domain: domain, Method: providers.MethodTXT, RecordName: name, RecordValue: value}
	}
	cname := func(domain, name, value string) providers.Challenge {
		return providers.Challenge{Domain: domain, Method: providers.MethodCNAME, RecordName: name, RecordValue: value}
	}
	file := func(url string) providers.Challenge {
		return providers.Challenge{Domain: "a.com", Method: providers.MethodFile, URLs: []string{url}, Body: "b"}
	}
	for text, want := range map[string][]providers.Challenge{
		`{"CN":"a.com","approver_method":"auth_dnstxt","auth_dnstxt_value":"_globalsign=x"}`:       {txt("a.com", "a.com.", "_globalsign=x")},
		`{"CN":"*.A.com.","auth_dnstxt_value":"\"x\""}`:                                            {txt("*.a.com", "a.com.", "x")},
		`{"CN":"a.com","altname":"b.com c.com","auth_dnstxt_value":"x","auth_dnstxt_value_3":"z"}`: {txt("a.com", "a.com.", "x"), txt("b.com", "b.com.", "x"), txt("c.com", "c.com.", "z")},
		`{"CN":"a.com","auth_cname_name":"_AB.a.com","auth_cname_value":"x.sectigo.com."}`:         {cname("a.com", "_ab.a.com.", "x.sectigo.com.")},
		`{"CN":"a.com","altname":"*.b.com","auth_cname_name":"_AB","auth_cname_value":"x.y"}`:      {cname("a.com", "_ab.a.com.", "x.y"), cname("*.b.com", "_ab.b.com.", "x.y")},
		`{"CN":"a.com","auth_file_name":"f.txt","auth_file_value":"b"}`:                            {file("http://a.com/.well-known/pki-validation/f.txt")},
		`{"CN":"a.com","auth_file_name":".well-known/pki-validation/f.txt","auth_file_value":"b"}`: {file("http://a.com/.well-known/pki-validation/f.txt")},
		`{"CN":"a.com","auth_file_name":"/x/f.txt","auth_file_value":"b"}`:                         {file("http://a.com/x/f.txt")},
		`{"CN":"a.com","approver_method":"auth_cname"}`:                                            nil,
		`{"CN":"a.com","approver_method":"auth_cname","auth_dnstxt_value":"of another method"}`:    nil,
		`{"CN":"a.com"}`: nil,
	} {
		challenges, err := form{parsed(t, text)}.challenges()
		require.NoError(t, err, text)
		assert.Equal(t, want, challenges, text)
	}
	for _, text := range []string{
		`{"CN":"a.com","auth_cname_name":"www.a.com","auth_cname_value":"x"}`, `{"CN":"a.com","auth_cname_name":"_a","auth_cname_value":"x y"}`,
		`{"CN":"*.a.com","auth_file_name":"f","auth_file_value":"b"}`, `{"CN":"a.com","auth_file_name":"../f","auth_file_value":"b"}`,
		`{"CN":"a.com","auth_file_name":"f?x","auth_file_value":"b"}`, `{"CN":"a.com","approver_method":"auth_pigeon"}`,
	} {
		challenges, err := form{parsed(t, text)}.challenges()
		require.Error(t, err, text)
		assert.Empty(t, challenges)
	}
	email, err := form{parsed(t, `{"CN":"*.a.com","approver_method":"auth_email","approver_email_1":"admin@a.com"}`)}.challenges()
	require.NoError(t, err)
	require.Len(t, email, 1)
	assert.Equal(t, "admin@a.com", email[0].Chosen)
	assert.Contains(t, email[0].Emails, "postmaster@a.com")
}

func TestStates(t *testing.T) {
	t.Parallel()
	const record = `,"auth_dnstxt_value":"x"`
	const download, none = "PEM", `{"error":{"type":"missed","object":"file"}}`
	for name, test := range map[string]struct {
		form, file string
		want       providers.State
	}{
		"unpaid":                             {`"item_status":"1","service_status":"1"`, "", providers.StatePendingOrder},
		"nothing told yet":                   {`"item_status":"5","service_status":"3"`, "", providers.StatePendingOrder},
		"awaiting validation":                {`"item_status":"5","service_status":"3"` + record, "", providers.StateAwaitingValidation},
		"waiting with a record":              {`"item_status":"2","service_status":"4"` + record, "", providers.StateAwaitingValidation},
		"waiting without":                    {`"item_status":"2","service_status":"4"`, "", providers.StateIssuing},
		"phishing check":                     {`"item_status":"2","service_status":"4","service_status_addition":"check"` + record, "", providers.StateIssuing},
		"mail approved":                      {`"item_status":"2","service_status":"4","approver_method":"auth_email"`, "", providers.StateIssuing},
		"mail sent":                          {`"item_status":"2","service_status":"3","approver_method":"auth_email"`, "", providers.StateAwaitingValidation},
		"issued":                             {`"item_status":"2","service_status":"5"`, download, providers.StateIssued},
		"issued, file to come":               {`"item_status":"2","service_status":"5"`, none, providers.StateIssuing},
		"issued, file empty":                 {`"item_status":"2","service_status":"5"`, " ", providers.StateIssuing},
		"status not shown, file there":       {`"item_status":"2"`, download, providers.StateIssued},
		"status not shown, no file":          {`"item_status":"2"`, none, providers.StateIssuing},
		"status in words":                    {`"item_status":{"$orig":"2","$":"Active"},"service_status":{"$orig":"5","$":"Issued"}`, download, providers.StateIssued},
		"failed":                             {`"item_status":"2","service_status":"6"` + record, "", providers.StateRejected},
		"deleted":                            {`"item_status":"4","service_status":"5"`, download, providers.StateCancelled},
		"suspended at the end of the term":   {`"item_status":"3","expiredate":"2026-11-01"`, "", providers.StateExpired},
		"suspended, the term isn't over":     {`"item_status":"3","expiredate":"2027-11-01"`, "", providers.StateIssuing},
		"suspended on the last day":          {`"item_status":"3","expiredate":"2026-12-01 10:00:00"`, "", providers.StateIssuing},
		"record that can't be understood":    {`"item_status":"5","service_status":"3","auth_cname_name":"x","auth_cname_value":"y"`, "", ""},
		"an unknown word while it's ordered": {`"item_status":"5","service_status":"frozen"`, "", providers.StatePendingOrder},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, map[string][]string{
				"certificate.edit": {`{"elid":"777","CN":"a.com",` + test.form + `}`}, "certificate.file": {test.file},
			})
			order, err := v.provider(nil).Order(t.Context(), order777)
			if test.want == "" {
				assert.Equal(t, providers.Unavailable, providers.KindOf(err))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, order.State)
			assert.NotEmpty(t, order.Detail)
			assert.Equal(t, test.want == providers.StateIssued, len(order.Certificates) > 0)
			assert.Equal(t, order777, order.IDs)
		})
	}
}

func TestScalars(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "12.50 EUR", amount("12.50 EUR").String())
	assert.Equal(t, "12.50", amount("12.50 евро").String())
	assert.Nil(t, amount("much"))
	assert.Equal(t, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), date("2026-12-01 10:11:12"))
	assert.True(t, date("0000-00-00").IsZero())
	assert.True(t, sameCSR([]byte(oneLineCSR), []byte(testCSR)))
	assert.True(t, sameCSR([]byte("Q1NS"), []byte(testCSR)))
	assert.False(t, sameCSR([]byte(otherCSR), []byte(testCSR)))
	assert.False(t, sameCSR(nil, nil), "nothing equals nothing")
	assert.Equal(t, testCSR, string(pemCSR([]byte(oneLineCSR))), "on one line it would be taken for another order's")
	assert.Nil(t, pemCSR([]byte("?")))
}
