package ispmanager

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func FuzzDecodeForm(f *testing.F) {
	f.Add([]byte(`{"elid":"1","CN":"a.com","altname":"b.com","auth_cname_name":"_ab.a.com","auth_cname_value":"x.y.","csr":"Q1NS"}`))
	f.Add([]byte(`{"doc":{"CN":{"$":"*.a.com"},"auth_dnstxt_value":{"$":"x"},"item_status":{"$orig":"2","$":"Active"}}}`))
	f.Add([]byte(`{"model":{"CN":"a.com","auth_file_name":"f","auth_file_value":"b"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		answer, ok := parse(data)
		if !ok {
			return
		}
		facts := orderFacts{form: form{answer}}
		order := facts.order("1")
		assert.NotContains(t, order.Names, "")
		state, detail, challenges, _ := facts.progress(facts.field("service_status"))
		assert.NotEqual(t, providers.StateIssued, state)
		_ = detail
		for _, c := range challenges {
			assert.NotEmpty(t, c.Domain)
			if c.RecordName != "" {
				assert.True(t, strings.HasSuffix(c.RecordName, base(c.Domain)+"."), c.RecordName)
				assert.NotEmpty(t, c.RecordValue)
			}
		}
		facts.ended(testNow())
	})
}

func FuzzDecodeList(f *testing.F) {
	f.Add([]byte(`{"elem":[{"id":"1","CN":"a.com","createdate":"2026-12-01"}],"p_elems":"1"}`))
	f.Add([]byte(`{"doc":{"elem":{"id":{"$":"1"},"item_status":{"$orig":"2"}}}}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		answer, ok := parse(data)
		if !ok {
			return
		}
		for _, row := range answer.get("elem").list() {
			candidate(row, trace())
			orderFacts{row: row}.listState()
			orderFacts{row: row}.order(row.get("id").text())
		}
	})
}

func FuzzDecodeError(f *testing.F) {
	f.Add([]byte(`{"error":{"type":"value","object":"csr","msg":"x"}}`))
	f.Add([]byte(`{"doc":{"error":{"$type":"auth","msg":{"$":"x"}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		answer, ok := parse(data)
		if !ok || !answer.get("error").exists() {
			return
		}
		call := providers.Call{Provider: Name, OneShot: true, Redactor: providers.NewRedactor(testPassword)}
		err := refused(opBuy, call, nil, answer.get("error"))
		assert.NotContains(t, err.Error(), testPassword)
		assert.LessOrEqual(t, len(err.Error()), 400)
	})
}

func FuzzDecodePrices(f *testing.F) {
	f.Add("12.50 EUR")
	f.Add("1e9999999")
	f.Fuzz(func(_ *testing.T, text string) {
		if price := amount(text); price != nil {
			_ = price.String()
		}
		date(text)
	})
}
