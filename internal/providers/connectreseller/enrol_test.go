package connectreseller

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// issued is an order after SSLIssue with a record of Sectigo, which may be null.
func issued(name, record string) string {
	quoted := "null"
	if record != "" {
		quoted = `"` + record + `"`
	}
	return good(`{"orderId":1,"sslid":225735,"sslnameID":452,"clientId":122,"websiteName":"` + name + `","verificationmethod":"CNAME_CSR_HASH","txtRecord":` + quoted + `}`)[0]
}

func TestEnrolLeavesEnrolledOrdersAlone(t *testing.T) {
	t.Parallel()
	ours, other := newPair(t, "a.com"), newPair(t, "a.com")
	request := ours.request(providers.MethodCNAME, "a.com")
	for name, test := range map[string]struct {
		details string
		kind    providers.Kind
	}{
		"with our CSR":     {details: issued("a.com", ours.record)},
		"with any CSR":     {details: issued("a.com", "")},
		"with another CSR": {details: issued("a.com", other.record), kind: providers.Invalid},
		"for another name": {details: issued("b.com", ours.record), kind: providers.Invalid},
		"cancelled":        {details: good(`{"sslid":2,"isDeleted":1}`)[0], kind: providers.Rejected},
		"without a number": {details: good(`{"sslid":2}`)[0], kind: providers.Unavailable},
		"not readable":     {details: "x", kind: providers.Unavailable},
	} {
		v := newVendor(t, map[string][]string{"SSLDetails": {test.details}})
		intent := testIntent(providers.Enrol)
		placed, err := v.provider("5").Enrol(t.Context(), intent, providers.IDs{idOrder: "225735"}, request)
		assert.False(t, intent.Spent(), name)
		assert.Empty(t, v.sent("SSLIssue"), name)
		if test.kind != "" {
			assert.Equal(t, test.kind, kindOf(t, err), name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, ours.key, placed.IDs[idPublicKey])
		assert.Equal(t, "452", placed.IDs[idSSLName])
	}
}

// TestFirstChallenges come from the details, from the answer, from a change to the same
// method, or are computed; what is for another CSR never is.
func TestFirstChallenges(t *testing.T) {
	t.Parallel()
	ours, old := newPair(t, "a.com"), newPair(t, "a.com")
	plain := computed(ours.request(providers.MethodCNAME, "a.com"))
	for name, test := range map[string]struct {
		details string
		want    []providers.Challenge
	}{
		"details tell it":       {issued("a.com", ours.record), plain},
		"details tell nothing":  {issued("a.com", ""), plain},
		"details tell the old":  {issued("a.com", old.record), plain},
		"details aren't there":  {"plain 502 x", plain},
		"details are a refusal": {bad("?")[0], plain},
	} {
		v := newVendor(t, map[string][]string{
			"SSLDetails": {good(sampleDetails)[0], test.details}, "reissueCertificate": answers()["reissueCertificate"],
		})
		placed, err := v.provider("5").Reissue(t.Context(), testIntent(providers.Reissue), providers.IDs{idOrder: "279805"}, ours.request(providers.MethodCNAME, "a.com"))
		require.NoError(t, err, name)
		assert.Equal(t, test.want, placed.Challenges, name)
		assert.Equal(t, "2616163", placed.IDs[idOrder])
		assert.Equal(t, ours.key, placed.IDs[idPublicKey])
	}
}

func TestRenewalTellsTheRecord(t *testing.T) {
	t.Parallel()
	ours, old := newPair(t, "a.com"), newPair(t, "a.com")
	v := newVendor(t, map[string][]string{
		"SSLDetails": {issued("a.com", old.record)},
		"SSLRenew":   good(`{"successCode":0,"renewalId":"77","totalcost":5.0,"verificationMethod":"CNAME_CSR_HASH","txtRecord":"` + ours.record + `","dnsName":"test.xyz"}`),
	})
	placed, err := v.provider("5").Renew(t.Context(), testIntent(providers.Renew), sampleIDs, ours.request(providers.MethodCNAME, "a.com"))
	require.NoError(t, err)
	assert.Equal(t, computed(ours.request(providers.MethodCNAME, "a.com")), placed.Challenges)
	assert.Equal(t, "279805", placed.IDs[idOrder])
}

func TestCertumCodeByChange(t *testing.T) {
	t.Parallel()
	const silent = `{"orderId":1,"sslid":279805,"sslnameID":452,"clientId":122,"verificationmethod":"DNS_TXT"}`
	for name, test := range map[string]struct {
		code, domain string
		reply        []string
		want, calls  int
	}{
		"told":     {"1", "a.com", good(`{"code":"0123456789"}`), 1, 1},
		"refused":  {"1", "a.com", bad("?"), 0, 1},
		"wildcard": {"3", "*.a.com", good(`{"code":"0123456789"}`), 0, 0},
	} {
		v := newVendor(t, map[string][]string{
			"SSLDetails": {good(`{"sslid":279805,"sslnameID":452}`)[0], good(silent)[0]}, "SSLIssue": answers()["SSLIssue"], "changeVerificationMethod": test.reply,
		})
		placed, err := v.provider(test.code).Enrol(t.Context(), testIntent(providers.Enrol), sampleIDs, newPair(t, test.domain).request(providers.MethodTXT, test.domain))
		require.NoError(t, err, name)
		assert.Len(t, placed.Challenges, test.want, name)
		assert.Len(t, v.sent("changeVerificationMethod"), test.calls, name)
	}
}

// TestEffectsWithOddAnswers: without an order number a purchase is unclear; an order that is
// known stays known.
func TestEffectsWithOddAnswers(t *testing.T) {
	t.Parallel()
	request := newPair(t, "a.com").request(providers.MethodCNAME, "a.com")
	for _, data := range []string{`{}`, `{"orderID":0}`, `{"orderID":"x"}`, `{"orderID":null}`, `[]`, `7`} {
		v := newVendor(t, map[string][]string{
			"SSLOrder": good(data), "reissueCertificate": good(data), "SSLDetails": {good(sampleDetails)[0]},
		})
		p := v.provider("5")
		_, err := p.Buy(t.Context(), testIntent(providers.Purchase), request)
		assert.Equal(t, providers.Ambiguous, kindOf(t, err), data)
		placed, err := p.Reissue(t.Context(), testIntent(providers.Reissue), sampleIDs, request)
		require.NoError(t, err)
		assert.Equal(t, "279805", placed.IDs[idOrder], data)
	}
}

func TestReissueWithoutANumber(t *testing.T) {
	t.Parallel()
	request := newPair(t, "a.com").request(providers.MethodCNAME, "a.com")
	for _, details := range []string{good(`{"sslid":2}`)[0], "x"} {
		v := newVendor(t, map[string][]string{"SSLDetails": {details}})
		_, err := v.provider("5").Reissue(t.Context(), testIntent(providers.Reissue), providers.IDs{idOrder: "2"}, request)
		assert.Equal(t, providers.Unavailable, kindOf(t, err))
		assert.Empty(t, v.sent("reissueCertificate"))
	}
}
