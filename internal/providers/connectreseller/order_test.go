package connectreseller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// TestStates derives the state from facts.
func TestStates(t *testing.T) {
	t.Parallel()
	ours, old := newPair(t, "a.com"), newPair(t, "a.com")
	const base = `"orderId":1,"sslid":2,"websiteName":"A.com","orderDate":"2023-05-01 00:00:00"`
	enrolled := base + `,"verificationmethod":"DNS_TXT","txtRecord":"0123456789abcdef"`
	for name, test := range map[string]struct {
		details, certificate string
		key                  string
		vendor               bool
		want                 providers.State
	}{
		"sample":                            {details: sampleDetails[1 : len(sampleDetails)-1], want: providers.StatePendingOrder},
		"not enrolled":                      {details: base, want: providers.StatePendingOrder},
		"deletion date":                     {details: base + `,"ssldeletionDate":"2023-05-02 00:00:00"`, want: providers.StateCancelled},
		"deleted":                           {details: enrolled + `,"isDeleted":"1"`, want: providers.StateCancelled},
		"not deleted":                       {details: enrolled + `,"isDeleted":false`, want: providers.StateAwaitingValidation},
		"term over":                         {details: `"sslid":2,"orderDate":"2022-05-01 00:00:00","expirationDate":"2023-05-01 00:00:00"`, want: providers.StateExpired},
		"term over by less than a day":      {details: enrolled[:len(base)-len(`,"orderDate":"2023-05-01 00:00:00"`)] + `,"orderDate":"2022-05-16 07:00:00","expirationDate":"2023-05-16 07:00:00","txtRecord":"x"`, want: providers.StateAwaitingValidation},
		"a certificate's end":               {details: enrolled + `,"expirationDate":"2023-05-02 00:00:00"`, want: providers.StateAwaitingValidation},
		"rejected, sandbox":                 {details: enrolled + `,"statusID":190`, want: providers.StateRejected},
		"the same number at the vendor":     {details: enrolled + `,"statusID":190`, vendor: true, want: providers.StateAwaitingValidation},
		"validated":                         {details: enrolled + `,"sanverification":1`, want: providers.StateIssuing},
		"no word on it":                     {details: enrolled + `,"sanverification":"0"`, want: providers.StateAwaitingValidation},
		"certificate":                       {details: enrolled, certificate: good(ours.delivery(t))[0], key: ours.key, want: providers.StateIssued},
		"certificate, key not known":        {details: enrolled, certificate: good(ours.delivery(t))[0], want: providers.StateIssued},
		"certificate of before":             {details: enrolled, certificate: good(old.delivery(t))[0], key: ours.key, want: providers.StateAwaitingValidation},
		"certificate of before, validated":  {details: enrolled + `,"sanverification":true`, certificate: good(old.delivery(t))[0], key: ours.key, want: providers.StateIssuing},
		"certificate without a leaf":        {details: enrolled, certificate: good(`{"caBundle":["-----BEGIN CERTIFICATE-----"]}`)[0], want: providers.StateAwaitingValidation},
		"serial number, nothing else told":  {details: base + `,"serialNumber":"0A"`, certificate: good(ours.delivery(t))[0], want: providers.StateIssued},
		"validation data aren't understood": {details: base + `,"verificationmethod":"FAX"`, want: providers.StateAwaitingValidation},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.certificate == "" {
				test.certificate = bad("1008")[0]
			}
			v := newVendor(t, map[string][]string{"SSLDetails": good("{" + test.details + "}"), "SSLCertificate": {test.certificate}})
			p := v.provider("1")
			p.client.vendor = test.vendor
			ids := providers.IDs{idOrder: "2"}
			if test.key != "" {
				ids[idPublicKey] = test.key
			}
			order, err := p.Order(t.Context(), ids)
			require.NoError(t, err)
			assert.Equal(t, test.want, order.State)
			assert.NotEmpty(t, order.Detail)
			assert.Equal(t, test.want == providers.StateIssued, len(order.Certificates) > 0)
			assert.Equal(t, "2", order.IDs[idOrder])
		})
	}
}

func TestOrderTerm(t *testing.T) {
	t.Parallel()
	for dates, want := range map[string]time.Time{
		`"orderDate":"2023-05-25 07:15:37","expirationDate":"2024-05-25 07:15:37"`: time.Date(2024, 5, 25, 7, 15, 37, 0, time.UTC),
		`"orderDate":"2023-05-25 07:15:37","expirationDate":"2024-05-12 07:15:37"`: time.Date(2024, 5, 12, 7, 15, 37, 0, time.UTC),
		`"orderDate":"2023-05-25 07:15:37","expirationDate":"2024-05-11 07:15:36"`: {},
		`"expirationDate":"2024-05-25 07:15:37"`:                                   {},
		`"orderDate":"yesterday","expirationDate":null`:                            {},
	} {
		v := newVendor(t, map[string][]string{"SSLDetails": good(`{"sslid":2,` + dates + `}`)})
		order, err := v.provider("1").Order(t.Context(), providers.IDs{idOrder: "2"})
		require.NoError(t, err)
		assert.Equal(t, want, order.PaidUntil, dates)
	}
}

func TestOrderNeedsTheCertificateCall(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]providers.Kind{
		"plain 502 <html>": providers.Unavailable, bad("1100")[0]: providers.Auth, `{"responseMsg":{"statusCode":401}}`: providers.Auth,
	} {
		v := newVendor(t, map[string][]string{"SSLDetails": good(enrolled), "SSLCertificate": {reply}})
		_, err := v.provider("1").Order(t.Context(), sampleIDs)
		assert.Equal(t, want, kindOf(t, err))
	}
}

// TestChallenges as each CA wants them.
func TestChallenges(t *testing.T) {
	t.Parallel()
	cname := func(owner, target string) []providers.Challenge {
		return []providers.Challenge{{Domain: "a.com", Method: providers.MethodCNAME, RecordName: owner, RecordValue: target}}
	}
	const code = "a7ab2100a768978f5d58ddaecc08a9c4a3b6119292d1b1611807752c5ea7275"
	for name, test := range map[string]struct {
		website, method, record string
		want                    []providers.Challenge
	}{
		"TXT":                 {"a.com", "DNS_TXT", code, []providers.Challenge{{Domain: "a.com", Method: providers.MethodTXT, RecordName: "a.com.", RecordValue: code}}},
		"TXT, wildcard":       {"*.A.com", "dns_txt", " " + code, []providers.Challenge{{Domain: "*.a.com", Method: providers.MethodTXT, RecordName: "a.com.", RecordValue: code}}},
		"TXT, odd code":       {"a.com", "DNS_TXT", "two words", nil},
		"no code":             {"a.com", "DNS_TXT", "", nil},
		"file":                {"a.com", "FILE", code, []providers.Challenge{{Domain: "a.com", Method: providers.MethodFile, URLs: []string{"http://a.com/.well-known/pki-validation/certum.txt"}, Body: code + "-certum.pl"}}},
		"file, wildcard":      {"*.a.com", "FILE", code, nil},
		"CNAME as the sample": {"a.com", "CNAME_CSR_HASH", "_F2AC.  \na.com & 998D.\n 663C.sectigo.com", cname("_f2ac.a.com.", "998d.663c.sectigo.com.")},
		"CNAME with dots":     {"a.com", "CNAME_CSR_HASH", "_F2AC.a.com. & 998D.663C.x1.comodoca.com.", cname("_f2ac.a.com.", "998d.663c.x1.comodoca.com.")},
		"CNAME at a parent":   {"x.a.com", "CNAME_CSR_HASH", "_F2AC.a.com & 998D.sectigo.com", []providers.Challenge{{Domain: "x.a.com", Method: providers.MethodCNAME, RecordName: "_f2ac.a.com.", RecordValue: "998d.sectigo.com."}}},
		"CNAME elsewhere":     {"a.com", "CNAME_CSR_HASH", "_F2AC.b.com & 998D.sectigo.com", nil},
		"CNAME at a suffix":   {"a.com", "CNAME_CSR_HASH", "_F2AC.com & 998D.sectigo.com", nil},
		"CNAME, other target": {"a.com", "CNAME_CSR_HASH", "_F2AC.a.com & 998D.evil.com", nil},
		"CNAME, no label":     {"a.com", "CNAME_CSR_HASH", "www.a.com & 998D.sectigo.com", nil},
		"CNAME, odd letters":  {"a.com", "CNAME_CSR_HASH", "_F;2.a.com & 99;8D.sectigo.com", nil},
		"CNAME, one half":     {"a.com", "CNAME_CSR_HASH", "_F2AC.a.com", nil},
		"unknown method":      {"a.com", "FAX", code, nil},
		"no name":             {"", "DNS_TXT", code, nil},
	} {
		got := details{Website: text(test.website), Method: text(test.method), Record: text(test.record)}.challenges()
		assert.Equal(t, test.want, got, name)
	}
	mail := details{Website: "*.a.com", Method: "EMAIL"}.challenges()
	require.Len(t, mail, 1)
	assert.Equal(t, []string{"admin@a.com", "administrator@a.com", "hostmaster@a.com", "postmaster@a.com", "webmaster@a.com"}, mail[0].Emails)
}

// TestComputedRecord is Sectigo's rule: nothing but the digests of the CSR.
func TestComputedRecord(t *testing.T) {
	t.Parallel()
	p := newPair(t, "*.a.com")
	request := p.request(providers.MethodCNAME, "*.a.com")
	told := sectigoRecord("*.a.com", p.record)
	assert.Equal(t, told, computed(request), "what the vendor would tell")
	assert.Equal(t, ourCSR, proof(told, request.CSR))
	assert.Equal(t, otherCSR, proof(told, []byte(newPair(t, "*.a.com").csr)))
	assert.Equal(t, noProof, proof(nil, request.CSR))
	assert.Equal(t, noProof, proof(told, []byte("no CSR")))
	assert.Equal(t, noProof, proof([]providers.Challenge{{Method: providers.MethodTXT}}, request.CSR))
	unique := sectigoRecord("*.a.com", p.record[:len(p.record)-len(".sectigo.com")]+".s1.sectigo.com")
	assert.Equal(t, ourCSR, proof(unique, request.CSR), "a unique value stands behind")
	request.Method = providers.MethodEmail
	assert.Empty(t, computed(request))
}

func TestValidate(t *testing.T) {
	t.Parallel()
	pending := []providers.Challenge{
		{Method: providers.MethodTXT, RecordValue: "done", Done: true},
		{Method: providers.MethodEmail},
		{Method: providers.MethodFile, Body: "the-code-certum.pl"},
	}
	v := newVendor(t, answers())
	p := v.provider("1")
	require.NoError(t, p.Validate(t.Context(), sampleIDs, pending))
	assert.Contains(t, v.sent("performSanVerification")[0], `"code":"the-code"`)
	require.NoError(t, p.Validate(t.Context(), sampleIDs, []providers.Challenge{{Method: providers.MethodCNAME, RecordName: "x"}}))
	assert.Len(t, v.sent("performSanVerification"), 1, "Sectigo looks by itself")
	for name, replies := range map[string]map[string][]string{
		"refused":        {"SSLDetails": good(enrolled), "performSanVerification": bad("1008x")},
		"no identifiers": {"SSLDetails": good(`{"sslid":2}`)},
		"no details":     {"SSLDetails": {"plain 502 x"}},
	} {
		assert.Equal(t, providers.Unavailable, kindOf(t, newVendor(t, replies).provider("1").Validate(t.Context(), sampleIDs, pending)), name)
	}
}

func TestChangeMethod(t *testing.T) {
	t.Parallel()
	p := newPair(t, "a.com")
	mail := good(`{"successCode":0,"approverEmail":"hostmaster@a.com","code":null}`)
	for name, test := range map[string]struct {
		code    string
		method  providers.Method
		domain  string
		email   string
		reply   []string
		details []string
		kind    providers.Kind
		record  string
		chosen  string
	}{
		"code told":              {code: "1", method: providers.MethodTXT, domain: "A.com", reply: good(`{"code":"0123456789"}`), record: "0123456789"},
		"record told":            {code: "5", method: providers.MethodCNAME, domain: "a.com", reply: good(`{"code":"` + p.record + `"}`), record: computed(p.request(providers.MethodCNAME, "a.com"))[0].RecordValue},
		"code in the details":    {code: "1", method: providers.MethodTXT, domain: "a.com", reply: good(`{"code":null}`), details: good(`{"sslid":2,"txtRecord":"9876543210"}`), record: "9876543210"},
		"code nowhere":           {code: "1", method: providers.MethodTXT, domain: "a.com", reply: good(`{}`), details: good(`{"sslid":2}`), kind: providers.Unavailable},
		"details can't be read":  {code: "1", method: providers.MethodTXT, domain: "a.com", reply: good(`{}`), details: []string{"x"}, kind: providers.Unavailable},
		"e-mail":                 {code: "5", method: providers.MethodEmail, domain: "a.com", email: "admin@a.com", reply: mail, chosen: "hostmaster@a.com"},
		"e-mail without address": {code: "5", method: providers.MethodEmail, domain: "a.com", kind: providers.Invalid},
		"refused":                {code: "1", method: providers.MethodTXT, domain: "a.com", reply: bad("?"), kind: providers.Unavailable},
		"wildcard":               {code: "3", method: providers.MethodTXT, domain: "*.a.com", kind: providers.Invalid},
		"file below":             {code: "1", method: providers.MethodFile, domain: "x.a.com", kind: providers.Invalid},
		"other CA's method":      {code: "1", method: providers.MethodCNAME, domain: "a.com", kind: providers.Invalid},
	} {
		v := newVendor(t, map[string][]string{"changeVerificationMethod": test.reply, "SSLDetails": test.details})
		challenges, err := v.provider(test.code).ChangeMethod(t.Context(), sampleIDs, test.domain, test.method, test.email)
		if test.kind != "" {
			assert.Equal(t, test.kind, kindOf(t, err), name)
			continue
		}
		require.NoError(t, err, name)
		require.Len(t, challenges, 1, name)
		assert.Equal(t, test.record, challenges[0].RecordValue, name)
		assert.Equal(t, test.chosen, challenges[0].Chosen, name)
	}
}
