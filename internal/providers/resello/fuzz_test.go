package resello

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The fuzz targets want no panic and nothing that the contract excludes, whatever the API
// answers.

func FuzzDecodeAnswer(f *testing.F) {
	for _, body := range []string{
		`{"success":true,"result":{"id":"x"}}`, no("request_validation_failed")[0], `{"success":false,"error":[]}`,
		`{"success":false,"error":{"code":1,"message":{"csr":["bad",{"message":"x"}]}}}`, `{"success":null}`, "", "<html>", "\ufeff{}",
	} {
		f.Add([]byte(body), false, 200)
		f.Add([]byte(body), true, 404)
	}
	f.Fuzz(func(t *testing.T, body []byte, effect bool, status int) {
		c := &client{}
		call := providers.Call{Provider: Name, Operation: opBuy.name, OneShot: effect}
		_, err := c.open(opBuy, call, providers.Response{Status: status, Header: http.Header{}, Body: body})
		if err == nil {
			return
		}
		assert.LessOrEqual(t, len(err.Error()), 600)
		switch kind := providers.KindOf(err); {
		case !effect:
			assert.NotEqual(t, providers.Ambiguous, kind, "a read is never ambiguous")
		case !refused(err), status >= 500:
			assert.Equal(t, providers.Ambiguous, kind, "an odd answer proves nothing")
		}
	})
}

func FuzzDecodeDetails(f *testing.F) {
	for _, body := range []string{
		`{"domains":[{"domain":"a.com","record":{"type":"CNAME","name":"_x.a.com","value":"y"}}]}`, `"a.com. 60 IN TXT \"x\""`,
		`{"filename":"http://%zz/a","content":"x","dcv_type":"FILE"}`, `[[[{"email":"a@b"}]]]`, `{"name":1}`,
	} {
		f.Add([]byte(body), "a.com")
	}
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		var details tree
		if json.Unmarshal(body, &details) != nil {
			return
		}
		found, _ := decodeDetails(details.value, []string{name})
		assert.LessOrEqual(t, len(found), maxChallenges)
		for _, c := range found {
			assert.NotEmpty(t, c.Domain)
			switch c.Method {
			case providers.MethodCNAME, providers.MethodTXT:
				assert.NotEmpty(t, c.RecordValue)
				assert.True(t, strings.HasSuffix(c.RecordName, "."))
				assert.True(t, belongs(strings.TrimSuffix(c.RecordName, "."), c.Domain), "%q %q", c.RecordName, c.Domain)
			case providers.MethodFile:
				assert.NotEmpty(t, c.URLs)
				assert.NotEmpty(t, c.Body)
			case providers.MethodEmail:
				assert.NotEmpty(t, c.Chosen)
			default:
				t.Errorf("method %q", c.Method)
			}
		}
	})
}

func FuzzDecodeLists(f *testing.F) {
	for _, body := range []string{`[{"id":1},"x",{"uuid":"u","client_reference":{}}]`, `{"a":{"id":"x"}}`, `null`, `[null]`, `[[]]`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if list, err := decodeRows[certificate](opList, body); err == nil {
			for _, row := range list {
				assert.NotEmpty(t, row.order().State)
				assert.NotEmpty(t, row.order().Detail)
				row.reference()
			}
		}
		if list, err := decodeRows[plan](opPlans, body); err == nil {
			for _, row := range list {
				assert.Positive(t, row.product().MaxNames)
			}
		}
	})
}

func FuzzDecodeWire(f *testing.F) {
	for _, value := range []string{`""`, `"1"`, `1.5`, `true`, `null`, `[]`, `{}`, `{"a":["b",{"c":1}]}`, `"\u0000"`, `1e999`} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if !json.Valid(value) {
			return
		}
		var all struct {
			T text
			P problem
			M tree
		}
		if err := json.Unmarshal([]byte(`{"t":`+string(value)+`,"p":`+string(value)+`,"m":`+string(value)+`}`), &all); err != nil {
			t.Fatalf("valid JSON isn't taken: %v", err)
		}
		all.M.text()
		all.M.keys()
		moment(all.T)
	})
}
