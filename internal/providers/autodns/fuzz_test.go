package autodns

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func FuzzDecodeRecord(f *testing.F) {
	f.Add("example.com.\t\t300\tIN\tTXT\t\t\"20170407\n\"")
	f.Add("_ab.example.com. CNAME a.b.sectigo.com.")
	f.Add(`example.com. TXT "a" "b`)
	f.Fuzz(func(t *testing.T, line string) {
		challenge, err := decodeRecord("www.example.com", line)
		if err != nil {
			return
		}
		assert.NotEmpty(t, challenge.RecordValue)
		assert.True(t, strings.HasSuffix(challenge.RecordName, "example.com."), challenge.RecordName)
	})
}

func FuzzDecodeFile(f *testing.F) {
	f.Add("http://example.com/.well-known/pki-validation/fileauth.txt", "token")
	f.Add(".well-known/a", "b")
	f.Fuzz(func(t *testing.T, name, content string) {
		challenge, err := decodeFile("example.com", name, content)
		if err != nil {
			return
		}
		assert.Equal(t, content, challenge.Body)
		assert.True(t, strings.HasPrefix(challenge.URLs[0], "http://example.com/"), challenge.URLs[0])
	})
}

func FuzzDecodeEnvelope(f *testing.F) {
	f.Add([]byte(success(prepared)))
	f.Add([]byte(refusing("E400101", "EF1")))
	f.Add([]byte(`{"status":{"type":"SUCCESS"},"messages":{"messages":[{"code":1}]},"data":[null]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var outer envelope
		if json.Unmarshal(data, &outer) == nil {
			codes(outer.Messages)
			_ = outer.code()
		}
	})
}

func FuzzDecodeJob(f *testing.F) {
	f.Add([]byte(`[{"job":{"id":1,"status":"WAIT"},"object":{"value":"a.b","data":{"authentication":{"method":"DNS","dns":"a.b. TXT \"c\""}}},"dcvAuth":[{"domain":"a.b","status":"x"}]}]`))
	f.Add([]byte(`{"object":{"data":[]},"authentication":{"step":"DCV_CHECK"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var jobs list[objectJob]
		if json.Unmarshal(data, &jobs) != nil {
			return
		}
		p := Provider{}
		for _, job := range jobs {
			state, detail := job.state(job.Job.ID.number())
			assert.NotEmpty(t, detail)
			assert.NotEqual(t, providers.StateExpired, state)
			if _, err := p.challenges(job.certificate(), job); err != nil {
				assert.NotEmpty(t, err.Error())
			}
		}
	})
}

func FuzzDecodeCertificate(f *testing.F) {
	f.Add([]byte(`{"id":570,"csr":"-----BEGIN CERTIFICATE REQUEST-----QQ==-----END","server":"-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----"}`))
	f.Add([]byte(`{"certificationAuthority":{"caCertificate":"x"},"lifetime":{"period":12},"created":"2026-12-01","expire":"2027-12-01"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c certificate
		if json.Unmarshal(data, &c) != nil {
			return
		}
		p := Provider{config: Config{Now: testNow}}
		order := p.issued(providers.IDs{certificateID: "1"}, c)
		assert.Equal(t, order.State == providers.StateIssued, len(order.Certificates) > 0)
	})
}

func FuzzDecodeContact(f *testing.F) {
	f.Add([]byte(`{"id":7,` + documentedJSON + `}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var rows list[foundContact]
		if json.Unmarshal(data, &rows) == nil {
			for _, row := range rows {
				_ = row.is(documented.vendor())
			}
		}
	})
}
