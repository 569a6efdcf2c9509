package sandbox_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// connect is a client that does what it is told, with encryption written down once more.
type connect struct {
	t      *testing.T
	engine *sandbox.Engine
	base   string
	key    string
	media  string
	block  cipher.Block
	iv     []byte
}

func newConnect(t *testing.T, cfg sandbox.Config, options sandbox.ConnectResellerOptions) *connect {
	t.Helper()
	engine, _ := newEngine(t, cfg)
	protocol, err := sandbox.NewConnectReseller(engine, options)
	require.NoError(t, err)
	server := httptest.NewServer(sandbox.NewServer(engine, nil, protocol))
	t.Cleanup(server.Close)
	salt, err := hex.DecodeString(sandbox.ConnectResellerSalt)
	require.NoError(t, err)
	key, err := pbkdf2.Key(sha256.New, sandbox.ConnectResellerPassphrase, salt, 1000, 16)
	require.NoError(t, err)
	c := &connect{t: t, engine: engine, base: server.URL + "/connectreseller/ConnectReseller/ESHOP/", key: sandbox.DefaultAPIKey, media: "text/plain"}
	c.block, err = aes.NewCipher(key)
	require.NoError(t, err)
	c.iv, err = hex.DecodeString(sandbox.ConnectResellerIV)
	require.NoError(t, err)
	return c
}

type connectBody map[string]any

// raw sends a text as body and returns the answer as it came.
func (c *connect) raw(verb, operation, body string) (int, string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), verb, c.base+operation, strings.NewReader(body))
	require.NoError(c.t, err)
	request.Header.Set("Content-Type", c.media)
	response, err := http.DefaultClient.Do(request)
	require.NoError(c.t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, response.Body.Close())
	return response.StatusCode, string(text)
}

func (c *connect) encrypt(text []byte) string {
	missing := 16 - len(text)%16
	text = append(text, bytes.Repeat([]byte{byte(missing)}, missing)...)
	cipher.NewCBCEncrypter(c.block, c.iv).CryptBlocks(text, text)
	return base64.StdEncoding.EncodeToString(text)
}

// send makes an encrypted call; resellerId and timestamp are added unless given.
func (c *connect) send(operation string, body connectBody) map[string]any {
	c.t.Helper()
	fields := connectBody{"resellerId": 26, "timestamp": "1684223841387"}
	for name, value := range body {
		fields[name] = value
		if value == nil {
			delete(fields, name)
		}
	}
	text, err := json.Marshal(fields)
	require.NoError(c.t, err)
	status, answer := c.raw(post, operation+"?APIKey="+c.key, c.encrypt(text))
	require.Equal(c.t, http.StatusOK, status)
	plain := []byte(answer)
	if !strings.HasPrefix(answer, "{") {
		assert.Contains(c.t, answer, "\r\n", "base64 in lines")
		plain, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(answer, "\r\n", ""))
		require.NoError(c.t, err)
		cipher.NewCBCDecrypter(c.block, c.iv).CryptBlocks(plain, plain)
		plain = plain[:len(plain)-int(plain[len(plain)-1])]
	}
	var decoded map[string]any
	require.NoError(c.t, json.Unmarshal(plain, &decoded), string(plain))
	return decoded
}

// must makes a call that succeeds and returns responseData.
func (c *connect) must(operation string, body connectBody) map[string]any {
	c.t.Helper()
	answer := c.send(operation, body)
	if message, ok := answer["responseMsg"].(map[string]any); ok {
		require.Contains(c.t, []any{0.0, 200.0}, message["statusCode"], message["message"])
	}
	return answer["responseData"].(map[string]any)
}

// fails makes a call that is refused with a msgCode.
func (c *connect) fails(code, operation string, body connectBody) {
	c.t.Helper()
	answer := c.send(operation, body)
	require.Contains(c.t, []any{400.0, 401.0}, answer["responseMsg"].(map[string]any)["statusCode"])
	require.Equal(c.t, code, answer["responseData"].(map[string]any)["msgCode"], answer)
}

// order buys product for a name and returns the order number and sslnameID.
func (c *connect) order(product int, name string) (number, sslName any) {
	c.t.Helper()
	placed := c.must("SSLOrder", connectBody{"productCode": product, "customerId": 129, "businessCategory": "Business Entity", "dNSName": name})
	number = placed["orderID"]
	return number, c.must("SSLDetails", connectBody{"orderId": number})["sslnameID"]
}

func TestConnectResellerOrderFromPurchaseToCertificate(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	c := newConnect(t, sandbox.Config{Validator: zone}, sandbox.ConnectResellerOptions{})
	number, sslName := c.order(5, "Example.com")
	details := c.must("SSLDetails", connectBody{"orderId": number, "customerId": 129})
	assert.Equal(t, number, details["sslid"])
	assert.NotEqual(t, number, details["orderId"], "another number")
	assert.InDelta(t, 185, details["statusID"], 0)
	assert.Nil(t, details["verificationmethod"])
	c.fails("1008", "SSLCertificate", connectBody{"orderID": number})
	c.must("SSLIssue", connectBody{"sslNameId": sslName, "csr": newCSR(t, "example.com"), "approverMethod": "CNAME_CSR_HASH", "dNSName": "example.com"})
	record := c.must("SSLDetails", connectBody{"orderId": number})["txtRecord"]
	assert.Regexp(t, `^_[0-9A-F]{32}\.\nexample\.com & [0-9A-F]{32}\.\n[0-9A-F]{32}\.\nS[0-9A-F]{15}\.sectigo\.com$`, record)

	orders := c.engine.Orders("")
	zone.publishOrder(orders[0])
	c.engine.Tick(t.Context())
	certificate := c.must("SSLCertificate", connectBody{"orderID": number})
	leaf := parse(t, certificate["certificate"].(string))[0]
	bundle := certificate["caBundle"].([]any)
	require.Len(t, bundle, 2, "intermediate and root")
	require.NoError(t, leaf.CheckSignatureFrom(parse(t, bundle[0].(string))[0]))
	details = c.must("SSLDetails", connectBody{"orderId": number})
	assert.NotEmpty(t, details["serialNumber"])
	assert.NotEmpty(t, details["sanverification"])
	c.fails("1008", "cancelOrder", connectBody{"orderId": number})

	again := c.send("reissueCertificate", connectBody{"sslNameId": sslName, "csr": newCSR(t, "example.com")})
	assert.Nil(t, again["responseMsg"])
	_, err := c.engine.Approve(orders[0].ID)
	require.NoError(t, err)
	renewed := c.must("SSLRenew", connectBody{"sslNameId": sslName, "csr": newCSR(t, "example.com")})
	assert.Equal(t, "CNAME_CSR_HASH", renewed["verificationMethod"])
	assert.Contains(t, renewed["txtRecord"], " & ")
	assert.IsType(t, "", renewed["renewalId"])
	c.must("revokeCertificate", connectBody{"orderID": number})
	assert.Len(t, c.engine.Ledger(sandbox.EntryRevoke), 1)
	assert.Len(t, c.engine.Ledger(sandbox.EntryPurchase), 1)
	assert.Equal(t, []string{"example.com"}, c.engine.Ledger(sandbox.EntryPurchase)[0].Names)
}

func TestConnectResellerCertum(t *testing.T) {
	t.Parallel()
	zone := newRecords()
	c := newConnect(t, sandbox.Config{Validator: zone}, sandbox.ConnectResellerOptions{})
	number, sslName := c.order(1, "example.com")
	c.fails("1005", "SSLIssue", connectBody{"sslNameId": sslName, "csr": newCSR(t, "example.com"), "approverMethod": "EMAIL"})
	c.fails("1003", "SSLIssue", connectBody{"sslNameId": sslName, "csr": newCSR(t, "example.org"), "approverMethod": "FILE"})
	c.must("SSLIssue", connectBody{"sslNameId": sslName, "csr": newCSR(t, "example.com"), "approverMethod": "FILE"})
	changed := c.must("changeVerificationMethod", connectBody{"orderId": number, "approverMethod": "DNS_TXT"})
	assert.Equal(t, "FILE", changed["userpreviousmethod"])
	assert.Regexp(t, `^[0-9a-f]{63}$`, changed["code"])
	zone.publishOrder(c.engine.Orders("")[0])
	c.fails("1001", "performSanVerification", connectBody{"sslid": number, "clientId": 129, "code": "x"})
	c.fails("1007", "performSanVerification", connectBody{"sslid": number, "clientId": 1, "code": changed["code"]})
	done := c.send("performSanVerification", connectBody{"sslid": number, "clientId": 129, "code": changed["code"]})
	assert.InDelta(t, 0, done["responseMsg"].(map[string]any)["statusCode"], 0)
	c.engine.Tick(t.Context())
	c.must("SSLCertificate", connectBody{"orderID": number})
	c.fails("1008", "performSanVerification", connectBody{"sslid": number, "clientId": 129, "code": changed["code"]})

	_, below := c.order(1, "a.example.com")
	c.fails("1005", "SSLIssue", connectBody{"sslNameId": below, "csr": newCSR(t, "a.example.com"), "approverMethod": "FILE"})
	wild, name := c.order(3, "*.example.com")
	c.must("SSLIssue", connectBody{"sslNameId": name, "csr": newCSR(t, "*.example.com"), "approverMethod": "DNS_TXT"})
	c.fails("1008", "changeVerificationMethod", connectBody{"orderId": wild, "approverMethod": "DNS_TXT"})
}

func TestConnectResellerCancel(t *testing.T) {
	t.Parallel()
	c := newConnect(t, sandbox.Config{Validator: neverValid}, sandbox.ConnectResellerOptions{NoRecord: true})
	before, _ := c.order(5, "example.com")
	assert.InDelta(t, 200, c.must("cancelOrder", connectBody{"orderId": before})["successCode"], 0)
	number, sslName := c.order(5, "example.com")
	c.must("SSLIssue", connectBody{"sslNameId": sslName, "csr": newCSR(t, "example.com"), "approverMethod": "EMAIL"})
	assert.InDelta(t, 0, c.must("cancelOrder", connectBody{"orderId": number})["successCode"], 0)
	details := c.must("SSLDetails", connectBody{"orderId": number})
	assert.NotNil(t, details["ssldeletionDate"])
	assert.Nil(t, details["txtRecord"])
	assert.Len(t, c.engine.Ledger(sandbox.EntryRefund), 2)
	c.fails("1008", "SSLIssue", connectBody{"sslNameId": sslName, "csr": newCSR(t, "example.com"), "approverMethod": "EMAIL"})
	c.fails("1008", "revokeCertificate", connectBody{"orderID": number})
}

func TestConnectResellerChecksRequests(t *testing.T) {
	t.Parallel()
	c := newConnect(t, sandbox.Config{}, sandbox.ConnectResellerOptions{})
	good := func(change connectBody) connectBody {
		body := connectBody{"productCode": 5, "customerId": "129", "businessCategory": "Business Entity", "dNSName": "example.com"}
		for name, value := range change {
			body[name] = value
		}
		return body
	}
	for code, changes := range map[string][]connectBody{
		"1001": {
			{"productCode": nil},
			{"timestamp": nil},
			{"resellerId": nil},
			{"dNSName": ""},
			{"dnsName": "example.com"},
			{"productCode": "x"},
			{"businessCategory": "BusinessEntity"},
			{"dNSName": true},
		},
		"1003": {{"dNSName": "*.example.com"}, {"dNSName": "localhost"}},
		"1004": {{"productCode": 7}, {"productCode": 601}},
		"1007": {{"customerId": 1}},
		"1100": {{"resellerId": 27}},
	} {
		for _, change := range changes {
			c.fails(code, "SSLOrder", good(change))
		}
	}
	number, sslName := c.order(5, "example.com")
	c.fails("1001", "SSLDetails", connectBody{"orderID": number})
	c.fails("1007", "SSLDetails", connectBody{"orderId": sslName})
	c.fails("1007", "SSLDetails", connectBody{"orderId": number, "customerId": 1})
	c.fails("1007", "SSLIssue", connectBody{"sslNameId": number, "csr": newCSR(t, "example.com"), "approverMethod": "EMAIL"})
	c.fails("1002", "SSLIssue", connectBody{"sslNameId": sslName, "csr": "x", "approverMethod": "EMAIL"})
	c.fails("1008", "reissueCertificate", connectBody{"sslNameId": sslName, "csr": newCSR(t, "example.com")})
	require.NoError(t, c.engine.SetBalance(sandbox.DefaultAccount, 1))
	c.fails("1006", "SSLOrder", good(nil))
	assert.Len(t, c.engine.Ledger(), 1)
}

func TestConnectResellerTransport(t *testing.T) {
	t.Parallel()
	c := newConnect(t, sandbox.Config{}, sandbox.ConnectResellerOptions{})
	status, text := c.raw(get, "availablefund?APIKey="+c.key+"&resellerId=26", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, text, `"responseData": 10000.00`)
	body := c.encrypt([]byte(`{"resellerId":26,"orderId":1,"timestamp":"1"}`))
	for request, code := range map[[3]string]string{
		{get, "availablefund?APIKey=x&resellerId=26", ""}:                     "1100",
		{get, "availablefund?APIKey=" + c.key, ""}:                            "1100",
		{post, "availablefund?APIKey=" + c.key + "&resellerId=26", ""}:        "1102",
		{get, "SSLDetails?APIKey=" + c.key, ""}:                               "1102",
		{post, "SSLDetails?APIKey=x", body}:                                   "1100",
		{post, "SSLDetails?APIKey=" + c.key + "&resellerId=26", body}:         "1102",
		{post, "SSLDetails?APIKey=" + c.key, `{"resellerId":26,"orderId":1}`}: "1101",
		{post, "SSLDetails?APIKey=" + c.key, body[:20]}:                       "1101",
		{post, "SSLDetails?APIKey=" + c.key, c.encrypt([]byte("text"))}:       "1101",
	} {
		status, text = c.raw(request[0], request[1], request[2])
		assert.Equal(t, http.StatusOK, status)
		assert.Contains(t, text, `"msgCode": "`+code+`"`, request)
	}
	status, _ = c.raw(post, "SSLOrders?APIKey="+c.key, body)
	assert.Equal(t, http.StatusNotFound, status)
	c.media = "application/json"
	_, text = c.raw(post, "SSLDetails?APIKey="+c.key, body)
	assert.Contains(t, text, `"1101"`)
	engine, _ := newEngine(t, sandbox.Config{})
	for _, options := range []sandbox.ConnectResellerOptions{{Salt: "x"}, {IV: "00"}} {
		_, err := sandbox.NewConnectReseller(engine, options)
		require.Error(t, err)
	}
}
