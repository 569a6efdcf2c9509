package autodns

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// second drops a result.
func second[T any](_ T, err error) error { return err }

var placed = providers.IDs{jobID: "123456"}

type operationCase struct {
	name   string
	config func(*Config)
	do     func(context.Context, *Provider) error
	key    string
	want   []string
}

const (
	orderHead = `{"adminContact":{"id":100},"technicalContact":{"id":101},"name":"example.com",` +
		`"lifetime":{"unit":"MONTH","period":12},"software":"APACHESSL","csr":` + sentCSR + `,"product":"QUICKSSLPREMIUM",`
	zoneLine   = `"dns":"example.com.\t\t300\tIN\tTXT\t\t\"20170407z34\""`
	orderByTXT = orderHead + `"authentication":{"method":"DNS",` + zoneLine + `,"provisioning":false}}`
)

func buy(request providers.Request) func(context.Context, *Provider) error {
	return func(ctx context.Context, p *Provider) error {
		return second(p.Buy(ctx, testIntent(providers.Purchase), request))
	}
}

func orderCases() []operationCase {
	email := testRequest("example.com")
	provisioned := testRequest("example.com")
	provisioned.Provision = true
	email.Method, email.Emails = providers.MethodEmail, map[string]string{"example.com": "admin@example.com"}
	file := testRequest("example.com")
	file.Method = providers.MethodFile
	several := testRequest("example.com", "a.org", "www.example.com")
	prepare := func(request providers.Request) func(context.Context, *Provider) error {
		return func(ctx context.Context, p *Provider) error {
			_, _, err := p.Prepare(ctx, request)
			return err
		}
	}
	return []operationCase{
		{
			name: "prepareOrder", key: "POST certificate/_prepareOrder", do: prepare(testRequest("example.com")),
			want: []string{`POST certificate/_prepareOrder {"plain":` + sentCSR + `,"product":"QUICKSSLPREMIUM"}`},
		},
		{
			name: "prepareOrder for several names, without the included www", key: "POST certificate/_prepareOrder", do: prepare(several),
			config: func(c *Config) { c.Product.MaxNames = 3 },
			want: []string{`POST certificate/_prepareOrder {"plain":` + sentCSR +
				`,"product":"QUICKSSLPREMIUM","subjectAlternativeNames":[{"name":"a.org"}]}`},
		},
		{
			name: "create by DNS", key: "POST certificate", do: buy(testRequest("example.com")),
			want: []string{"POST certificate " + orderByTXT},
		},
		{
			name: "create by DNS in a zone of InterNetX", key: "POST certificate", do: buy(testRequest("example.com")),
			config: func(c *Config) { c.Provisioning = true },
			want:   []string{"POST certificate " + orderHead + `"authentication":{"method":"DNS",` + zoneLine + `,"provisioning":true}}`},
		},
		{
			name: "create by DNS, written by InterNetX", key: "POST certificate", do: buy(provisioned),
			want: []string{"POST certificate " + orderHead + `"authentication":{"method":"DNS",` + zoneLine + `,"provisioning":true}}`},
		},
		{
			name: "create by file", key: "POST certificate", do: buy(file),
			want: []string{"POST certificate " + orderHead + `"authentication":{"method":"FILE",` +
				`"fileName":"http://example.com/.well-known/pki-validation/fileauth.txt","fileContent":"20170407z34"}}`},
		},
		{
			name: "create by e-mail", key: "POST certificate", do: buy(email),
			want: []string{"POST certificate " + orderHead + `"authentication":{"method":"EMAIL","approverEmails":["admin@example.com"]}}`},
		},
		{
			name: "create for several names", key: "POST certificate", do: buy(several),
			config: func(c *Config) { c.Product.MaxNames, c.Software = 3, "APACHE2" },
			want: []string{"POST certificate " + `{"adminContact":{"id":100},"technicalContact":{"id":101},"name":"example.com",` +
				`"lifetime":{"unit":"MONTH","period":12},"software":"APACHE2","csr":` + sentCSR + `,"product":"QUICKSSLPREMIUM",` +
				`"authentication":{"method":"DNS",` + zoneLine + `,"provisioning":false},"subjectAlternativeNames":[{"name":"a.org"}]}`},
		},
	}
}

func againCases() []operationCase {
	return []operationCase{
		{
			name: "reissue", key: "PUT certificate/570", want: []string{"PUT certificate/570 " + orderByTXT},
			do: func(ctx context.Context, p *Provider) error {
				return second(p.Reissue(ctx, testIntent(providers.Reissue), placed, testRequest("example.com")))
			},
		},
		{
			name: "reissue prepares as such", key: "POST certificate/_prepareOrder",
			want: []string{`POST certificate/_prepareOrder {"plain":` + sentCSR + `,"product":"QUICKSSLPREMIUM","businessCase":"REISSUE"}`},
			do: func(ctx context.Context, p *Provider) error {
				return second(p.Reissue(ctx, testIntent(providers.Reissue), placed, testRequest("example.com")))
			},
		},
		{
			name: "renew", key: "PUT certificate/570/_renew", want: []string{"PUT certificate/570/_renew " + orderByTXT},
			do: func(ctx context.Context, p *Provider) error {
				return second(p.Renew(ctx, testIntent(providers.Renew), placed, testRequest("example.com")))
			},
		},
	}
}

func otherCases() []operationCase {
	ids := providers.IDs{jobID: "123456", certificateID: "570"}
	check := func(ctx context.Context, p *Provider) error { return second(p.Check(ctx)) }
	const search = `{"filters":[{"key":"object","value":"example.com","operator":"EQUAL"}],` +
		`"view":{"limit":50,"offset":0,"children":false`
	const newest = `},"orders":[{"key":"id","type":"DESC"}]}`
	find := func(ctx context.Context, p *Provider) error {
		return second(p.Find(ctx, providers.Trace{CommonName: "example.com", CSR: []byte(testCSR), Since: testNow()}))
	}
	return []operationCase{
		{name: "hello", key: "GET hello", do: check, want: []string{"GET hello"}},
		{name: "account", key: "GET account", do: check, want: []string{"GET account"}},
		{name: "contact info", key: "GET sslcontact/101", do: check, want: []string{"GET sslcontact/101"}},
		{
			name: "revoke", key: "POST certificate/570/_revoke", want: []string{`POST certificate/570/_revoke {"serialNumber":"0AF3"}`},
			do: func(ctx context.Context, p *Provider) error {
				return p.Revoke(ctx, testIntent(providers.Revoke), ids, "0af3")
			},
		},
		{
			name: "resend", key: "PUT job/1/_resendApproverEmail", want: []string{"PUT job/1/_resendApproverEmail"},
			do: func(ctx context.Context, p *Provider) error {
				return p.ResendEmail(ctx, providers.IDs{jobID: "1"}, "example.com")
			},
		},
		{name: "job search", key: "POST job/_search", do: find, want: []string{"POST job/_search " + search + newest}},
		{
			name: "job history search", key: "POST job/history/_search", do: find,
			want: []string{"POST job/history/_search " + search +
				`,"from":"2026-12-01T11:50:00.000+0000","to":"2026-12-02T12:00:00.000+0000"` + newest},
		},
		{
			name: "certificate search", key: "POST certificate/_search", do: find,
			want: []string{`POST certificate/_search {"filters":[{"key":"name","value":"example.com","operator":"EQUAL"}],` +
				`"view":{"limit":50,"offset":0,"children":false` + newest},
		},
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	for _, group := range [][]operationCase{orderCases(), againCases(), otherCases()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				v := newVendor(t, nil)
				require.NoError(t, c.do(t.Context(), v.provider(c.config)))
				sent, header := v.sent(c.key)
				assert.Equal(t, c.want, sent)
				assert.Equal(t, "9", header.Get("X-Domainrobot-Context"))
				assert.Equal(t, "reseller-issuer", header.Get("User-Agent"))
				assert.Equal(t, "application/json", header.Get("Accept"))
				assert.Equal(t, "Basic c2hvcDpwYTU1LW9mLXRoZS1hY2NvdW50", header.Get("Authorization"))
			})
		}
	}
}

// TestReference: calls with an effect carry the client reference, others don't.
func TestReference(t *testing.T) {
	t.Parallel()
	v := newVendor(t, nil)
	require.NoError(t, buy(testRequest("example.com"))(t.Context(), v.provider(func(c *Config) { c.Context = 4 })))
	_, header := v.sent("POST certificate")
	assert.Equal(t, "ri-reference", header.Get("X-Domainrobot-Ctid"))
	assert.Equal(t, "application/json", header.Get("Content-Type"))
	assert.Equal(t, "4", header.Get("X-Domainrobot-Context"))
	_, header = v.sent("POST certificate/_prepareOrder")
	assert.Empty(t, header.Get("X-Domainrobot-Ctid"))
}

// TestPreparedIsSentBack: what was prepared, and may be published by now, is sent as it was.
func TestPreparedIsSentBack(t *testing.T) {
	t.Parallel()
	v := newVendor(t, nil)
	p := v.provider(nil)
	request := testRequest("example.com")
	challenges, kept, err := p.Prepare(t.Context(), request)
	require.NoError(t, err)
	assert.Equal(t, []providers.Challenge{{
		Domain: "example.com", Method: providers.MethodTXT, RecordName: "example.com.", RecordValue: "20170407z34",
	}}, challenges)
	request.Prepared = kept
	require.NoError(t, buy(request)(t.Context(), p))
	sent, _ := v.sent("POST certificate")
	assert.Equal(t, []string{"POST certificate " + orderByTXT}, sent)
	sent, _ = v.sent("POST certificate/_prepareOrder")
	assert.Len(t, sent, 1, "nothing is prepared again: it would be another token")
	for name, bad := range map[string]string{"nonsense": "x", "other method": `{"method":"EMAIL"}`} {
		request.Prepared = []byte(bad)
		intent := testIntent(providers.Purchase)
		_, err = p.Buy(t.Context(), intent, request)
		assert.Equal(t, providers.Invalid, providers.KindOf(err), name)
		assert.False(t, intent.Spent(), name)
	}
}

// TestProvisioning: nobody else has to publish what InterNetX writes itself.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	v := newVendor(t, map[string][]string{"GET job/1": {success(`{"job":{"id":1,"status":"WAIT"},"object":{"data":{"name":"example.com",
		"authentication":{"method":"DNS","dns":"example.com. 300 IN TXT \"a\""}}}}`)}})
	for _, provisioning := range []bool{true, false} {
		p := v.provider(func(c *Config) { c.Provisioning = provisioning })
		challenges, kept, err := p.Prepare(t.Context(), testRequest("example.com"))
		require.NoError(t, err)
		assert.NotEmpty(t, kept)
		order, err := p.Order(t.Context(), providers.IDs{jobID: "1"})
		require.NoError(t, err)
		assert.Equal(t, providers.StateAwaitingValidation, order.State)
		assert.Equal(t, provisioning, len(challenges) == 0)
		assert.Equal(t, provisioning, len(order.Challenges) == 0)
	}
}
