package connectreseller

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The fuzz targets want no panic and nothing that the contract excludes, whatever the API
// answers.

func FuzzDecrypt(f *testing.F) {
	c := vectorCipher(f)
	for _, body := range []string{vectorBody, wrongHash, "", "AAAA", "\r\n" + vectorBody[:44]} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text, err := c.decrypt(body)
		if err != nil {
			require.ErrorIs(t, err, errNotEncrypted)
		} else {
			assert.LessOrEqual(t, len(text), len(body))
		}
		back, err := c.decrypt(c.encrypt(body))
		require.NoError(t, err)
		assert.Equal(t, string(body), string(back))
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	for _, body := range []string{
		good(sampleDetails)[0], bad("1006")[0], `{"responseMsg":null,"responseData":{"successCode":0}}`, `{"responseMsg":[],"responseData":7}`,
		"", "<html>", vectorBody, "\ufeff{}", `{"responseMsg":{"statusCode":{}},"responseData":[]}`,
	} {
		f.Add([]byte(body), false, 200)
		f.Add([]byte(body), true, 500)
	}
	f.Fuzz(func(t *testing.T, body []byte, effect bool, status int) {
		c := &client{cipher: vectorCipher(t)}
		call := providers.Call{Provider: Name, Operation: opBuy.name, OneShot: effect}
		_, err := c.open(call, providers.Response{Status: status, Header: http.Header{}, Body: body})
		if err == nil {
			assert.True(t, status >= 200 && status < 300)
			return
		}
		assert.LessOrEqual(t, len(err.Error()), 700)
		switch kind := providers.KindOf(err); {
		case !effect:
			assert.NotEqual(t, providers.Ambiguous, kind, "a read is never ambiguous")
		case !refused(err), status >= 500:
			assert.Equal(t, providers.Ambiguous, kind, "an odd answer proves nothing")
		}
	})
}

func FuzzDecodeDetails(f *testing.F) {
	p := newPair(f, "a.com")
	for _, body := range []string{
		sampleDetails, enrolled, `{"sslid":2,"websiteName":"a.com","verificationmethod":"CNAME_CSR_HASH","txtRecord":"` + p.record + `"}`,
		`{"websiteName":"*.a.com","verificationmethod":"EMAIL"}`, `{"orderDate":"9999-12-31 23:59:59","expirationDate":"0000-01-01 00:00:00"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var d details
		if json.Unmarshal(body, &d) != nil {
			return
		}
		d.ended(testNow(), false)
		for name, id := range d.ids(providers.IDs{}) {
			_, ok := number(id)
			assert.True(t, ok, name)
		}
		for _, c := range d.challenges() {
			assert.NotEmpty(t, c.Domain)
			switch c.Method {
			case providers.MethodCNAME:
				assert.True(t, strings.HasPrefix(c.RecordName, "_"))
				assert.True(t, strings.HasSuffix(c.RecordValue, "."))
			case providers.MethodTXT:
				assert.NotContains(t, c.RecordValue, " ")
			case providers.MethodFile:
				assert.NotEmpty(t, c.Body)
			case providers.MethodEmail:
				assert.NotEmpty(t, c.Emails)
			default:
				t.Errorf("method %q", c.Method)
			}
		}
	})
}

func FuzzDecodeCertificates(f *testing.F) {
	p := newPair(f, "a.com")
	f.Add([]byte(p.delivery(f)))
	f.Add([]byte(`{"caBundle":["-----BEGIN CERTIFICATE-----",[[{"a":"-----BEGIN X"}]]]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var answer any
		if json.Unmarshal(body, &answer) != nil {
			return
		}
		blobs := pems(answer)
		assert.LessOrEqual(t, len(blobs), maxTexts)
		leaves(blobs)
	})
}

func FuzzDecodeWire(f *testing.F) {
	for _, value := range []string{`""`, `"200"`, `1.5`, `true`, `null`, `[]`, `{}`, `{"statusCode":[1]}`, `"\u0000"`} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if !json.Valid(value) {
			return
		}
		var all struct {
			T text
			C codes
		}
		if err := json.Unmarshal([]byte(`{"t":`+string(value)+`,"c":`+string(value)+`}`), &all); err != nil {
			t.Fatalf("valid JSON isn't taken: %v", err)
		}
		_, _ = all.T.moment(), all.T.flagged()
		_, _ = all.C.good(), all.C.said()
	})
}
