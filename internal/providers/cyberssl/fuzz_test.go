package cyberssl

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The fuzz targets want no panic and nothing that the contract excludes, whatever the API
// answers.

func FuzzDecodeAnswer(f *testing.F) {
	for _, body := range []string{
		documented, `{"success":true,"order_id":9999}`, `{"success":false,"error_code":111,"error_message":"token"}`,
		`{"success":"","error_code":[],"error_message":{}}`, "\ufeff{}", `{"success":true,"dv_options":[[[]]]}`, "", "<html>",
	} {
		f.Add([]byte(body), false)
		f.Add([]byte(body), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, effect bool) {
		c := &client{}
		call := providers.Call{Provider: Name, Operation: opBuy.name, OneShot: effect}
		var reply placedReply
		err := c.decode(opBuy, call, providers.Response{Status: http.StatusOK, Body: body}, &reply)
		if err == nil {
			return
		}
		assert.LessOrEqual(t, len(err.Error()), 320)
		switch kind := providers.KindOf(err); {
		case !effect:
			assert.NotEqual(t, providers.Ambiguous, kind, "a read is never ambiguous")
		case !refused(err):
			assert.Equal(t, providers.Ambiguous, kind, "an odd answer proves nothing")
		}
	})
}

func FuzzDecodeChallenges(f *testing.F) {
	for _, options := range []string{
		documented, `{"dv_options":[]}`, `{"dv_options":{"dns":{"a.com":{"record":"a.com. TXT \"x\""}}}}`,
		`{"dv_options":{"email":{"a.com":"x,y"},"http":{"a.com":{"link":"http://%zz","filename":"/","content":1}}}}`,
	} {
		f.Add([]byte(options))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var reply optionsReply
		if json.Unmarshal(body, &reply) != nil {
			return
		}
		challenges, _ := reply.Options.challenges(vendorMethods...)
		for _, c := range challenges {
			assert.NotEmpty(t, c.Domain)
			switch c.Method {
			case providers.MethodCNAME, providers.MethodTXT:
				assert.NotEmpty(t, c.RecordValue)
				assert.True(t, belongs(strings.TrimSuffix(c.RecordName, "."), c.Domain), "%q %q", c.RecordName, c.Domain)
			case providers.MethodFile:
				assert.NotEmpty(t, c.URLs)
				assert.NotEmpty(t, c.Body)
			case providers.MethodEmail:
			default:
				t.Errorf("method %q", c.Method)
			}
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add("test.com", "_ab.test.com. CNAME a.b.")
	f.Add("*.test.com", `_ab.test.com. 60 IN TXT "x y"`)
	f.Add("", ". . .")
	f.Fuzz(func(t *testing.T, domain, record string) {
		challenge, err := decodeRecord(domain, record)
		if err != nil {
			return
		}
		assert.True(t, strings.HasSuffix(challenge.RecordName, "."))
		assert.NotContains(t, challenge.RecordName, " ")
		assert.NotEmpty(t, challenge.RecordValue)
		if challenge.Method == providers.MethodCNAME {
			assert.NotContains(t, challenge.RecordValue, " ")
		}
	})
}

func FuzzDecodeOrder(f *testing.F) {
	certificate := newPair(f, false)
	for _, body := range []string{
		`{"success":true,"status":"Activated","certificate":"x","csr":"y"}`, `{"order":{"status":["Processing"],"order_id":{}}}`,
		`{"valid_from":"2026-01-01","valid_till":"9999-12-31","period":"99999999999"}`, `{"domains_included":{"a":["b"]}}`, `[]`,
	} {
		f.Add([]byte(body), certificate.csr, certificate.certificate)
	}
	f.Fuzz(func(t *testing.T, body []byte, csr, pem string) {
		var reply statusReply
		if json.Unmarshal(body, &reply) != nil {
			return
		}
		reply.CSR, reply.Certificate = text(csr), reply.Certificate+text(pem)
		for _, order := range []providers.Order{reply.order(), reply.row()} {
			assert.NotEmpty(t, order.State)
			assert.True(t, slices.IsSorted(order.Names))
			assert.NotContains(t, order.Names, "")
		}
		order := reply.order()
		assert.Equal(t, order.State == providers.StateIssued, len(order.Certificates) > 0)
	})
}

func FuzzDecodeLists(f *testing.F) {
	for _, body := range []string{
		`{"ssl_orders":[{"order_id":1},2,"3"],"ssl_products":{"1":{"product_id":17}},"webservers":[[]]}`,
		`{"ssl_orders":null,"ssl_products":"","webservers":{"a":{"id":2}}}`, `{"ssl_orders":[null]}`, `{"ssl_orders":[[]]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var orders listReply
		if json.Unmarshal(body, &orders) == nil {
			for _, row := range orders.Orders.rows {
				assert.NotEmpty(t, row.id(), "an order that can't be named")
			}
		}
		var products productsReply
		if json.Unmarshal(body, &products) == nil {
			for _, d := range products.Products {
				assert.Positive(t, d.product(d).MaxNames)
			}
		}
		var servers struct {
			List dictionaries `json:"webservers"`
		}
		if json.Unmarshal(body, &servers) == nil {
			servers.List.have("id", 2)
		}
	})
}

func FuzzDecodeWire(f *testing.F) {
	for _, value := range []string{`""`, `"1"`, `1`, `1.5`, `true`, `null`, `[]`, `{}`, `["a,b"," c"]`, `{"1":"a"}`, `"\u0000"`} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if !json.Valid(value) {
			return
		}
		var all struct {
			T text
			F flag
			W words
			D dictionary
		}
		body := `{"t":` + string(value) + `,"f":` + string(value) + `,"w":` + string(value) + `,"d":` + string(value) + `}`
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			t.Fatalf("valid JSON isn't taken: %v", err)
		}
		for _, word := range all.W {
			assert.NotEmpty(t, word)
			assert.False(t, strings.ContainsAny(word, ", \n"))
		}
	})
}
