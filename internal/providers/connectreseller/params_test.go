package connectreseller

import (
	"context"
	"encoding/json"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// sampleDetails is the answer to SSLDetails in the API document, with its trailing comma removed.
const sampleDetails = `{"isRegistered":null,"orderId":22176,"isDeleted":null,"tldId":null,"throughAPI":null,"serialNumber":null,
	"txtRecord":null,"verificationmethod":null,"sanverification":null,"productCode":631,"creationDate":"2023-05-25 07:15:37",
	"domainNameId":21540,"statusID":185,"clientId":122,"websiteName":"dsfdegdfg.com","orderDate":"2023-05-25 07:15:37",
	"sslid":279805,"sslname":"Trusted SSL","expirationDate":"2024-05-25 07:15:37","lastUpdatedDate":"2023-05-25 07:15:37",
	"sslnameID":452,"resellerID":7949,"businessCategory":"Business Entity","registryStatusID":0,"ssldeletionDate":null}`

// enrolled is the same after SSLIssue for a product of Certum.
const enrolled = `{"orderId":22176,"sslid":279805,"sslnameID":452,"clientId":122,"websiteName":"dsfdegdfg.com",
	"verificationmethod":"DNS_TXT","txtRecord":"a7ab2100a768978f5d58ddaecc08a9c4a3b6119292d1b1611807752c5ea7275"}`

func answers() map[string][]string {
	return map[string][]string{
		"SSLOrder":                 good(`{"successCode":0,"orderID":225735,"msg":"Your order has been placed successfully!","msgCode":"200","totalcost":400.02,"dnsName":"dsfdegdfg.com"}`),
		"SSLDetails":               {good(sampleDetails)[0], good(enrolled)[0]},
		"SSLIssue":                 good(`{"successCode":0,"orderID":332933,"msg":"SSL Issued successfully","msgCode":"200","totalcost":3.99,"dnsName":"scribble.xyz"}`),
		"changeVerificationMethod": good(`{"successCode":0,"approverMethod":"DNS_TXT","code":"a7ab2100a768978f5d58ddaecc08a9c4","approverEmail":"admin@connectreseller.com","dns":"iwusgdiacqud.com","userpreviousmethod":"FILE","msgCode":"200"}`),
		"cancelOrder":              good(`{"msg":"Your SSL Certificate has been Cancelled successfully","successCode":200}`),
		"SSLCertificate":           bad("1008"),
		"revokeCertificate":        good(`{"successCode":0,"msg":"certificate revoked successfully","msgcode":0}`),
		"performSanVerification":   {`{"responseMsg":{"message":"Sanverification has been done successfully","statusCode":0},"responseData":{"message":"x","statusCode":0},"timestamp":1732627346235}`},
		"reissueCertificate":       {`{"responseMsg":null,"responseData":{"successCode":0,"orderID":2616163,"msg":"SSL ReIssued successfully","msgCode":"200","id":null,"dnsName":"letstest001.xyz"},"timestamp":1732690189622}`},
		"SSLRenew":                 good(`{"successCode":0,"customerName":null,"msg":"SSL Renewed successfully","msgCode":"200","renewalId":"2321013709","totalcost":5.0,"verificationMethod":"CNAME_CSR_HASH","txtRecord":"","dnsName":"test.xyz"}`),
		"availablefund":            {`plain 200 {"responseMsg":{"message":"ok","statusCode":0},"responseData":1000.5}`},
	}
}

// second drops a result.
func second[T any](_ T, err error) error { return err }

var sampleIDs = providers.IDs{idOrder: "279805", idSSLName: "440"}

// requestCase is one call and the body that it sends.
type requestCase struct {
	do   func(context.Context, *Provider) error
	want string
}

const sampleStamp = `"timestamp":"1684223841387"`

// effectCases take a CSR, or can't be repeated; csr is the request's as JSON.
func effectCases(request providers.Request, csr string) map[string]requestCase {
	return map[string]requestCase{
		"SSLOrder": {
			func(ctx context.Context, p *Provider) error {
				return second(p.Buy(ctx, testIntent(providers.Purchase), request))
			},
			`{"resellerId":26,"productCode":1,"customerId":129,"businessCategory":"Private Organization","dNSName":"dsfdegdfg.com",` + sampleStamp + `}`,
		},
		"SSLIssue": {
			func(ctx context.Context, p *Provider) error {
				return second(p.Enrol(ctx, testIntent(providers.Enrol), sampleIDs, request))
			},
			`{"resellerId":26,"approverMethod":"DNS_TXT","csr":` + csr + `,"sslNameId":452,` + sampleStamp + `,"dNSName":"dsfdegdfg.com"}`,
		},
		"cancelOrder": {
			func(ctx context.Context, p *Provider) error {
				return p.Cancel(ctx, testIntent(providers.Cancel), sampleIDs)
			},
			`{"resellerId":26,"orderId":279805,` + sampleStamp + `}`,
		},
		"reissueCertificate": {
			func(ctx context.Context, p *Provider) error {
				return second(p.Reissue(ctx, testIntent(providers.Reissue), sampleIDs, request))
			},
			`{"sslNameId":440,"resellerId":26,"csr":` + csr + `,` + sampleStamp + `}`,
		},
		"SSLRenew": {
			func(ctx context.Context, p *Provider) error {
				return second(p.Renew(ctx, testIntent(providers.Renew), sampleIDs, request))
			},
			`{"sslNameId":440,"resellerId":26,"csr":` + csr + `,` + sampleStamp + `}`,
		},
	}
}

// otherCases may be repeated.
func otherCases(request providers.Request) map[string]requestCase {
	return map[string]requestCase{
		"SSLDetails": {
			func(ctx context.Context, p *Provider) error { return second(p.Order(ctx, sampleIDs)) },
			`{"resellerId":26,"customerId":129,"orderId":279805,` + sampleStamp + `}`,
		},
		"changeVerificationMethod": {
			func(ctx context.Context, p *Provider) error {
				return second(p.ChangeMethod(ctx, sampleIDs, "dsfdegdfg.com", providers.MethodFile, ""))
			},
			`{"resellerId":26,"approverMethod":"FILE","orderId":279805,` + sampleStamp + `}`,
		},
		"SSLCertificate": {
			func(ctx context.Context, p *Provider) error {
				return second(p.Find(ctx, providers.Trace{Kind: providers.Reissue, IDs: sampleIDs, CSR: request.CSR}))
			},
			`{"resellerId":26,"orderID":279805,` + sampleStamp + `}`,
		},
		"performSanVerification": {
			func(ctx context.Context, p *Provider) error {
				return p.Validate(ctx, sampleIDs, []providers.Challenge{{Domain: "dsfdegdfg.com", Method: providers.MethodTXT, RecordValue: "TXT_Code"}})
			},
			`{"resellerId":26,"clientId":122,"code":"TXT_Code","sslid":279805,` + sampleStamp + `}`,
		},
	}
}

// TestRequests compares each body with the sample of the API document; the values that are
// ours stand for the sample's.
func TestRequests(t *testing.T) {
	t.Parallel()
	p := newPair(t, "dsfdegdfg.com")
	quoted, err := json.Marshal(p.csr)
	require.NoError(t, err)
	request := p.request(providers.MethodTXT, "dsfdegdfg.com")
	cases := effectCases(request, string(quoted))
	maps.Copy(cases, otherCases(request))
	for operation, test := range cases {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			replies := answers()
			if operation == "SSLCertificate" {
				replies["SSLDetails"] = good(enrolled)
			}
			v := newVendor(t, replies)
			require.NoError(t, test.do(t.Context(), v.provider("1")))
			sent := v.sent(operation)
			require.NotEmpty(t, sent)
			assert.Equal(t, "POST /ESHOP/"+operation+"?APIKey="+testKey+" text/plain "+test.want, sent[0])
		})
	}
}

func TestRevokeRequest(t *testing.T) {
	t.Parallel()
	replies := answers()
	replies["SSLCertificate"] = good(newPair(t, "a.com").delivery(t))
	v := newVendor(t, replies)
	require.NoError(t, v.provider("5").Revoke(t.Context(), testIntent(providers.Revoke), sampleIDs, "0ABC"))
	assert.Equal(t, []string{`POST /ESHOP/revokeCertificate?APIKey=` + testKey + ` text/plain {"resellerId":26,"orderID":279805,"timestamp":"1684223841387"}`},
		v.sent("revokeCertificate"))
	err := v.provider("5").Revoke(t.Context(), testIntent(providers.Revoke), sampleIDs, "0abd")
	assert.Equal(t, providers.Invalid, kindOf(t, err))
	assert.Len(t, v.sent("revokeCertificate"), 1)
}

func TestBalanceRequest(t *testing.T) {
	t.Parallel()
	v := newVendor(t, answers())
	snapshot, err := v.provider("5").Snapshot(t.Context(), providers.Request{})
	require.NoError(t, err)
	assert.Equal(t, "1000.50", snapshot.Balance.String())
	assert.Equal(t, []string{"GET /ESHOP/availablefund?APIKey=" + testKey + "&resellerId=26"}, v.sent(""))
}

// TestIdentifiers: each call gives its own, and later calls take the right one.
func TestIdentifiers(t *testing.T) {
	t.Parallel()
	p := newPair(t, "dsfdegdfg.com")
	request := p.request(providers.MethodTXT, "dsfdegdfg.com")
	v := newVendor(t, answers())
	provider := v.provider("1")
	bought, err := provider.Buy(t.Context(), testIntent(providers.Purchase), request)
	require.NoError(t, err)
	assert.Equal(t, providers.IDs{"orderID": "225735"}, bought.IDs)
	assert.Equal(t, "400.02", bought.Price.String())
	enrolled, err := provider.Enrol(t.Context(), testIntent(providers.Enrol), bought.IDs, request)
	require.NoError(t, err)
	assert.Equal(t, providers.IDs{
		"orderID": "332933", "orderId": "22176", "sslid": "279805", "sslnameID": "452", "clientId": "122", "publicKey": p.key,
	}, enrolled.IDs)
	assert.Nil(t, enrolled.Price, "SSLIssue repeats a price that was paid before")
	require.Len(t, enrolled.Challenges, 1)
	assert.Equal(t, "dsfdegdfg.com.", enrolled.Challenges[0].RecordName)
	renewed, err := provider.Renew(t.Context(), testIntent(providers.Renew), enrolled.IDs, request)
	require.NoError(t, err)
	assert.Equal(t, "2321013709", renewed.IDs["renewalId"])
	assert.Equal(t, "332933", renewed.IDs["orderID"])
	assert.Equal(t, "5.00", renewed.Price.String())
	assert.NotContains(t, enrolled.IDs, "renewalId", "ids aren't shared")
	details := v.sent("SSLDetails")
	assert.Contains(t, details[0], `"orderId":225735`)
	assert.Contains(t, details[len(details)-1], `"orderId":332933`)
	assert.Contains(t, v.sent("SSLRenew")[0], `"sslNameId":452`)
}

func TestUnsuitableRequestsAreNotSent(t *testing.T) {
	t.Parallel()
	v := newVendor(t, answers())
	for name, test := range map[string]struct {
		code   string
		change func(*providers.Request)
		field  string
	}{
		"no CSR":          {"5", func(r *providers.Request) { r.CSR = nil }, "spec.commonName"},
		"a second name":   {"5", func(r *providers.Request) { r.Names = append(r.Names, "b.com") }, "spec.dnsNames"},
		"wildcard":        {"5", func(r *providers.Request) { r.CommonName, r.Names = "*.a.com", []string{"*.a.com"} }, "spec.dnsNames"},
		"no wildcard":     {"6", func(*providers.Request) {}, "spec.dnsNames"},
		"two years":       {"5", func(r *providers.Request) { r.TermMonths = 24 }, "spec.term.months"},
		"TXT at Sectigo":  {"5", func(r *providers.Request) { r.Method = providers.MethodTXT }, fieldMethods},
		"CNAME at Certum": {"1", func(*providers.Request) {}, fieldMethods},
		"file below": {"1", func(r *providers.Request) {
			r.Method, r.CommonName, r.Names = providers.MethodFile, "x.a.com", []string{"x.a.com"}
		}, fieldMethods},
		"file at a suffix": {"1", func(r *providers.Request) {
			r.Method, r.CommonName, r.Names = providers.MethodFile, "co.uk", []string{"co.uk"}
		}, fieldMethods},
		"nobody to approve": {"5", func(r *providers.Request) { r.Method = providers.MethodEmail }, fieldMethods},
		"wildcard by a file": {"3", func(r *providers.Request) {
			r.Method, r.CommonName, r.Names = providers.MethodFile, "*.a.com", []string{"*.a.com"}
		}, fieldMethods},
	} {
		request := newPair(t, "a.com").request(providers.MethodCNAME, "a.com")
		test.change(&request)
		p := v.provider(test.code)
		_, err := p.Buy(t.Context(), testIntent(providers.Purchase), request)
		assert.Equal(t, providers.Invalid, kindOf(t, err), name)
		assert.Equal(t, test.field, fieldOf(t, err), name)
		_, err = p.Enrol(t.Context(), testIntent(providers.Enrol), sampleIDs, request)
		assert.Equal(t, providers.Invalid, kindOf(t, err), name)
		_, err = p.Reissue(t.Context(), testIntent(providers.Reissue), sampleIDs, request)
		assert.Equal(t, providers.Invalid, kindOf(t, err), name)
	}
	p := v.provider("1")
	request := newPair(t, "www.a.co.uk").request(providers.MethodFile, "www.a.co.uk")
	request.Names = []string{"a.co.uk", "www.a.co.uk"}
	_, err := p.Buy(t.Context(), testIntent(providers.Purchase), request)
	require.NoError(t, err, "the main domain, with and without www")
	assert.Len(t, v.sent(""), 1)
	for _, ids := range []providers.IDs{nil, {idOrder: "x"}, {idSSL: "1"}, {idOrder: "-1"}} {
		_, err := p.Order(t.Context(), ids)
		assert.Equal(t, providers.Invalid, kindOf(t, err))
		assert.Equal(t, providers.Invalid, kindOf(t, p.Cancel(t.Context(), testIntent(providers.Cancel), ids)))
		assert.Equal(t, providers.Invalid, kindOf(t, p.Revoke(t.Context(), testIntent(providers.Revoke), ids, "1")))
		assert.Equal(t, providers.Invalid, kindOf(t, p.Validate(t.Context(), ids, nil)))
		_, err = p.Find(t.Context(), providers.Trace{Kind: providers.Reissue, IDs: ids})
		assert.Equal(t, providers.Invalid, kindOf(t, err))
		_, err = p.ChangeMethod(t.Context(), ids, "a.com", providers.MethodTXT, "")
		assert.Equal(t, providers.Invalid, kindOf(t, err))
		_, err = p.Enrol(t.Context(), testIntent(providers.Enrol), ids, request)
		assert.Equal(t, providers.Invalid, kindOf(t, err))
		_, err = p.Renew(t.Context(), testIntent(providers.Renew), ids, request)
		assert.Equal(t, providers.Invalid, kindOf(t, err))
	}
	assert.Len(t, v.sent(""), 1)
}
