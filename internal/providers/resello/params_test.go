package resello

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// answers let every operation succeed.
func answers() map[string][]string {
	object := ok(`{"id":"` + testID + `","status":"pending"}`)
	item := " " + certificates + "/" + testID
	return map[string][]string{
		"GET " + certificates: ok(`[]`), "POST " + certificates: object,
		"GET" + item: object, "DELETE" + item: ok(`null`),
		"POST" + item + "/renew": object, "POST" + item + "/reissue": object, "POST" + item + "/validate": ok(`null`),
		"GET" + item + "/download-csr":       no("invalid_state"),
		"GET" + item + "/validation-details": ok(`{"domain":"example.com","email_address":"john.doe@example.com"}`),
		"GET " + plans:                       ok(`[]`),
		"GET " + plans + "/" + testPlan:      ok(`{"id":"` + testPlan + `","name":"Comodo","interval":12}`),
	}
}

// second drops a result.
func second[T any](_ T, err error) error { return err }

// documentedContacts are those of the sample on the API page.
func documentedContacts(c *Config) {
	c.Contacts = Contacts{
		FirstName: "John", LastName: "Doe", Phone: "+31.612345678",
		Organization: &Organization{
			Name: "Johns inc.", Department: "Development", Address: "Example street 13", PostalCode: "12345", City: "Smallville",
			RegistrationNumber: "12345678",
		},
	}
}

// documented is the body of the sample on the API page, in which the reference and the
// approver stand for ours.
const documented = `"dcv_type":"EMAIL","chamber_of_commerce":"12345678","company_name":"Johns inc.","department":"Development",` +
	`"address":"Example street 13","zip_code":"12345","city":"Smallville","approver_first_name":"John","approver_last_name":"Doe",` +
	`"approver_email_address":"john.doe@example.com","approver_phone_number":"+31.612345678","client_reference":"ri-77"`

func quotedCSR(t *testing.T) string {
	t.Helper()
	quoted, err := json.Marshal(sampleCSR)
	require.NoError(t, err)
	return string(quoted)
}

// requestCase is one call and all requests that it makes.
type requestCase struct {
	do   func(context.Context, *Provider) error
	want []string
}

const typed = " application/json "

// supplyCases send a CSR; csr is that of the request as JSON.
func supplyCases(csr string) map[string]requestCase {
	email := testRequest(providers.MethodEmail)
	return map[string]requestCase{
		"create": {
			func(ctx context.Context, p *Provider) error {
				return second(p.Buy(ctx, testIntent(providers.Purchase), email))
			},
			[]string{
				"GET /ssl-certificate?client_reference=ri-77",
				"POST /ssl-certificate" + typed + `{"csr":` + csr + "," + documented + `,"plan":"` + testPlan + `"}`,
			},
		},
		"renew": {
			func(ctx context.Context, p *Provider) error {
				return second(p.Renew(ctx, testIntent(providers.Renew), testIDs, email))
			},
			[]string{"POST /ssl-certificate/" + testID + "/renew" + typed + `{"csr":` + csr + "," + documented + `,"plan":"` + testPlan + `"}`},
		},
		"reissue takes no plan": {
			func(ctx context.Context, p *Provider) error {
				return second(p.Reissue(ctx, testIntent(providers.Reissue), testIDs, email))
			},
			[]string{"POST /ssl-certificate/" + testID + "/reissue" + typed + `{"csr":` + csr + "," + documented + `}`},
		},
	}
}

func otherCases() map[string]requestCase {
	return map[string]requestCase{
		"delete": {
			func(ctx context.Context, p *Provider) error {
				return p.Cancel(ctx, testIntent(providers.Cancel), testIDs)
			},
			[]string{"DELETE /ssl-certificate/" + testID},
		},
		"list": {
			func(ctx context.Context, p *Provider) error { return second(p.Orders(ctx)) },
			[]string{"GET /ssl-certificate"},
		},
		"get and validation-details": {
			func(ctx context.Context, p *Provider) error { return second(p.Order(ctx, testIDs)) },
			[]string{
				"GET /ssl-certificate/" + testID, "GET /ssl-certificate/" + testID + "/download-csr",
				"GET /ssl-certificate/" + testID + "/validation-details",
			},
		},
		"validate for each name once": {
			func(ctx context.Context, p *Provider) error {
				return p.Validate(ctx, testIDs, []providers.Challenge{
					{Domain: "example.com", Method: providers.MethodCNAME},
					{Domain: "example.com", Method: providers.MethodTXT},
					{Domain: "file.com", Method: providers.MethodFile},
					{Domain: "done.com", Method: providers.MethodTXT, Done: true},
					{Domain: "mail.com", Method: providers.MethodEmail},
				})
			},
			[]string{
				"POST /ssl-certificate/" + testID + "/validate" + typed + `{"dcv_type":"DNS","domain":"example.com"}`,
				"POST /ssl-certificate/" + testID + "/validate" + typed + `{"dcv_type":"FILE","domain":"file.com"}`,
			},
		},
		"validate by e-mail, as the sample": {
			func(ctx context.Context, p *Provider) error {
				return second(p.ChangeMethod(ctx, testIDs, "example.com", providers.MethodEmail, "john.doe@example.com"))
			},
			[]string{"POST /ssl-certificate/" + testID + "/validate" + typed + `{"dcv_type":"EMAIL","email_address":"john.doe@example.com","domain":"example.com"}`},
		},
		"plans": {
			func(ctx context.Context, p *Provider) error { return second(p.Products(ctx)) },
			[]string{"GET /ssl-certificate-plan", "GET /ssl-certificate-plan/" + testPlan},
		},
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	cases := supplyCases(quotedCSR(t))
	maps.Copy(cases, otherCases())
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, answers())
			require.NoError(t, test.do(t.Context(), v.provider(documentedContacts)))
			assert.Equal(t, test.want, v.sent(""))
		})
	}
}

// TestOptionalParametersAreLeftOut: a domain-validated plan needs neither contacts nor an
// approver.
func TestOptionalParametersAreLeftOut(t *testing.T) {
	t.Parallel()
	v := newVendor(t, answers())
	_, err := v.provider(nil).Buy(t.Context(), testIntent(providers.Purchase), testRequest(providers.MethodTXT))
	require.NoError(t, err)
	want := `POST /ssl-certificate application/json {"csr":` + quotedCSR(t) + `,"dcv_type":"DNS","client_reference":"ri-77","plan":"` + testPlan + `"}`
	assert.Equal(t, []string{want}, v.sent("POST"))
}

func TestReferenceIsEscaped(t *testing.T) {
	t.Parallel()
	v := newVendor(t, answers())
	_, err := v.provider(nil).Find(t.Context(), providers.Trace{Kind: providers.Purchase, Reference: "#12 3&limit=1"})
	require.NoError(t, err)
	assert.Equal(t, []string{"GET /ssl-certificate?client_reference=%2312+3%26limit%3D1"}, v.sent("GET"))
}

func TestIdsAreEscaped(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{"../x?a": "GET /ssl-certificate/..%2Fx%3Fa", "a b": "GET /ssl-certificate/a%20b"} {
		v := newVendor(t, map[string][]string{})
		_, err := v.provider(nil).Order(t.Context(), providers.IDs{orderID: id})
		require.Error(t, err)
		assert.Equal(t, []string{want}, v.sent("GET"))
	}
	v := newVendor(t, answers())
	p := v.provider(nil)
	for _, id := range []string{"", ".", ".."} {
		ids := providers.IDs{orderID: id}
		_, err := p.Order(t.Context(), ids)
		assert.Equal(t, providers.Invalid, kindOf(t, err))
		assert.Equal(t, providers.Invalid, kindOf(t, p.Cancel(t.Context(), testIntent(providers.Cancel), ids)))
		assert.Equal(t, providers.Invalid, kindOf(t, p.Validate(t.Context(), ids, nil)))
		_, err = p.Renew(t.Context(), testIntent(providers.Renew), ids, testRequest(providers.MethodTXT))
		assert.Equal(t, providers.Invalid, kindOf(t, err))
		_, err = p.ChangeMethod(t.Context(), ids, "example.com", providers.MethodTXT, "")
		assert.Equal(t, providers.Invalid, kindOf(t, err))
		_, err = p.Find(t.Context(), providers.Trace{Kind: providers.Cancel, IDs: ids})
		assert.Equal(t, providers.Invalid, kindOf(t, err))
	}
	assert.Empty(t, v.sent(""))
}

func TestUnsuitableRequestsAreNotSent(t *testing.T) {
	t.Parallel()
	yes := true
	v := newVendor(t, answers())
	p := v.provider(func(c *Config) { c.Product.Wildcard = &yes })
	for name, change := range map[string]func(*providers.Request){
		"spec.commonName":  func(r *providers.Request) { r.CommonName = "" },
		"spec.dnsNames":    func(r *providers.Request) { r.Names = append(r.Names, "www.example.com") },
		"spec.term.months": func(r *providers.Request) { r.TermMonths = 24 },
		"spec.dcv.methods": func(r *providers.Request) {
			r.CommonName, r.Names, r.Method = "*.example.com", []string{"*.example.com"}, providers.MethodFile
		},
	} {
		request := testRequest(providers.MethodTXT)
		change(&request)
		_, err := p.Buy(t.Context(), testIntent(providers.Purchase), request)
		assert.Equal(t, providers.Invalid, kindOf(t, err), name)
		assert.Equal(t, name, fieldOfError(t, err))
	}
	assert.Empty(t, v.sent(""))
}

// TestKnownReference: an order with our reference exists already, so nothing is sent.
func TestKnownReference(t *testing.T) {
	t.Parallel()
	replies := answers()
	replies["GET "+certificates] = ok(`[{"id":"x","client_reference":"other"},{"id":"y","client_reference":"ri-77"}]`)
	v := newVendor(t, replies)
	intent := testIntent(providers.Purchase)
	_, err := v.provider(nil).Buy(t.Context(), intent, testRequest(providers.MethodTXT))
	assert.Equal(t, providers.Ambiguous, kindOf(t, err))
	assert.False(t, intent.Spent())
	assert.Empty(t, v.sent("POST"))
	replies["GET "+certificates] = []string{"502 <html>"}
	_, err = newVendor(t, replies).provider(nil).Buy(t.Context(), testIntent(providers.Purchase), testRequest(providers.MethodTXT))
	assert.Equal(t, providers.Unavailable, kindOf(t, err), "without the look nothing is bought")
}

func TestPages(t *testing.T) {
	t.Parallel()
	row := func(n int) string { return strings.TrimSuffix(strings.Repeat(`{"id":"a","status":"active"},`, n), ",") }
	v := newVendor(t, map[string][]string{"GET " + certificates: {
		`{"success":true,"result":[` + row(100) + `],"total":"103","limit":100}`, `{"success":true,"result":[` + row(3) + `],"total":103}`,
	}})
	orders, err := v.provider(nil).Orders(t.Context())
	require.NoError(t, err)
	assert.Len(t, orders, 103)
	assert.Equal(t, []string{"GET /ssl-certificate", "GET /ssl-certificate?limit=100&offset=100"}, v.sent("GET"))

	endless := newVendor(t, map[string][]string{"GET " + certificates: {`{"success":true,"result":[` + row(1) + `],"total":9000}`}})
	_, err = endless.provider(nil).Orders(t.Context())
	assert.Equal(t, providers.Unavailable, kindOf(t, err))
	assert.Len(t, endless.sent("GET"), maxPages)
}
