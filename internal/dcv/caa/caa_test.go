package caa

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv/dnstest"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/resolver"
)

func checker(t *testing.T, handler dns.HandlerFunc) *Checker {
	t.Helper()
	server := dnstest.RunFakes(t, handler)[0]
	return New(&resolver.Resolver{Client: &resolver.Client{Timeout: time.Second}, Servers: []string{server.Addr}})
}

func zone(records ...string) dns.HandlerFunc {
	return dnstest.Zones(map[string]dns.HandlerFunc{"example.com.": dnstest.Zone("example.com.", records...)})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const (
		sectigo  = `example.com. 60 CAA 0 issue "sectigo.com"`
		other    = `example.com. 60 CAA 0 issue "letsencrypt.org"`
		nobody   = `example.com. 60 CAA 0 issue ";"`
		wildOnly = `example.com. 60 CAA 0 issuewild "sectigo.com"`
		wildNone = `example.com. 60 CAA 0 issuewild ";"`
	)
	tests := []struct {
		name    string
		records []string
		dnsName string
		want    Verdict
		at      string
	}{
		{"no records", nil, "www.example.com", Allowed, ""},
		{"at the name", []string{`www.example.com. 60 CAA 0 issue "sectigo.com"`, nobody}, "www.example.com", Allowed, "www.example.com."},
		{"at a parent", []string{sectigo}, "a.b.www.example.com", Allowed, "example.com."},
		{"other authority", []string{other}, "www.example.com", Forbidden, "example.com."},
		{"one of several", []string{other, sectigo}, "www.example.com", Allowed, "example.com."},
		{"second identity", []string{`example.com. 60 CAA 0 issue "comodoca.com"`}, "example.com", Allowed, "example.com."},
		{"case and blanks", []string{`example.com. 60 CAA 0 ISSUE "  Sectigo.COM ; "`}, "EXAMPLE.com.", Allowed, "example.com."},
		{"nobody", []string{nobody}, "example.com", Forbidden, "example.com."},
		{"empty value", []string{`example.com. 60 CAA 0 issue ""`}, "example.com", Forbidden, "example.com."},
		{"subdomain of an identity", []string{`example.com. 60 CAA 0 issue "ca.sectigo.com"`}, "example.com", Forbidden, "example.com."},
		{"not a domain", []string{`example.com. 60 CAA 0 issue "sectigo.com digicert.com"`}, "example.com", Forbidden, "example.com."},
		{"broken parameter", []string{`example.com. 60 CAA 0 issue "sectigo.com; policy"`}, "example.com", Forbidden, "example.com."},
		{"unknown parameter", []string{`example.com. 60 CAA 0 issue "sectigo.com; policy=ev"`}, "example.com", Allowed, "example.com."},
		{"only a contact", []string{`example.com. 60 CAA 0 iodef "mailto:a@example.com"`}, "example.com", Allowed, "example.com."},
		{"a contact ends the climb", []string{`www.example.com. 60 CAA 0 iodef "mailto:a@example.com"`, nobody}, "www.example.com", Allowed, "www.example.com."},
		{"unknown tag", []string{sectigo, `example.com. 60 CAA 0 tbs "x"`}, "example.com", Allowed, "example.com."},
		{"unknown critical tag", []string{sectigo, `example.com. 60 CAA 128 tbs "x"`}, "example.com", Forbidden, "example.com."},
		{"known critical tag", []string{`example.com. 60 CAA 128 issue "sectigo.com"`}, "example.com", Allowed, "example.com."},
		{"wrong critical bit", []string{sectigo, `example.com. 60 CAA 1 tbs "x"`}, "example.com", Allowed, "example.com."},
		{"wildcard by issue", []string{sectigo}, "*.example.com", Allowed, "example.com."},
		{"wildcard by issue, other", []string{other}, "*.example.com", Forbidden, "example.com."},
		{"wildcard by issuewild", []string{nobody, wildOnly}, "*.example.com", Allowed, "example.com."},
		{"wildcard forbidden by issuewild", []string{sectigo, wildNone}, "*.example.com", Forbidden, "example.com."},
		{"issuewild is not for others", []string{wildNone}, "www.example.com", Allowed, "example.com."},
		{"issuewild does not allow others", []string{nobody, wildOnly}, "www.example.com", Forbidden, "example.com."},
		{"wildcard base is asked", []string{`www.example.com. 60 CAA 0 issue ";"`, sectigo}, "*.www.example.com", Forbidden, "www.example.com."},
		{"behind a cname", []string{"www.example.com. 60 CNAME x.example.com.", `x.example.com. 60 CAA 0 issue ";"`, sectigo}, "www.example.com", Forbidden, "www.example.com."},
		{"parent of a cname target is not asked", []string{"www.example.com. 60 CNAME a.x.example.com.", "a.x.example.com. 60 A 127.0.0.1", `x.example.com. 60 CAA 0 issue ";"`, sectigo}, "www.example.com", Allowed, "example.com."},
		{"unicode name", []string{`xn--bcher-kva.example.com. 60 CAA 0 issue ";"`}, "bücher.example.com", Forbidden, "xn--bcher-kva.example.com."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := checker(t, zone(tt.records...)).Check(t.Context(), Question{DNSName: tt.dnsName, Identities: []string{"sectigo.com", "comodoca.com"}})
			assert.Equal(t, tt.want, r.Verdict, r.Message)
			assert.Equal(t, tt.at, r.Name)
			assert.Equal(t, tt.at != "", len(r.Records) > 0)
			require.NotEmpty(t, r.Message)
			if tt.want == Forbidden {
				assert.Contains(t, r.Message, tt.at)
			}
		})
	}
}

func TestValidationMethods(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		value   string
		methods []string
		want    Verdict
	}{
		{"ignored", "sectigo.com; validationmethods=http-01", nil, Allowed},
		{"not stated", "sectigo.com", []string{"dns-01"}, Allowed},
		{"listed", "sectigo.com; validationmethods=http-01,dns-01", []string{"dns-01"}, Allowed},
		{"one of ours", "sectigo.com; validationmethods=http-01", []string{"dns-01", "http-01"}, Allowed},
		{"excluded", "sectigo.com; validationmethods=http-01", []string{"dns-01"}, Forbidden},
		{"none at all", "sectigo.com; validationmethods=", []string{"dns-01"}, Forbidden},
		{"case of the tag", "sectigo.com; ValidationMethods=http-01", []string{"dns-01"}, Forbidden},
		{"stated twice", "sectigo.com; validationmethods=dns-01; validationmethods=dns-01", []string{"dns-01"}, Forbidden},
		{"with an account", "sectigo.com; accounturi=https://ca.example/1; validationmethods=dns-01", []string{"dns-01"}, Allowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := checker(t, zone(`example.com. 60 CAA 0 issue "`+tt.value+`"`))
			r := c.Check(t.Context(), Question{DNSName: "example.com", Identities: []string{"sectigo.com"}, Methods: tt.methods})
			assert.Equal(t, tt.want, r.Verdict, r.Message)
		})
	}
}

func TestMethodElsewhereAllows(t *testing.T) {
	t.Parallel()
	c := checker(t, zone(`example.com. 60 CAA 0 issue "sectigo.com; validationmethods=http-01"`, `example.com. 60 CAA 0 issue "sectigo.com"`))
	r := c.Check(t.Context(), Question{DNSName: "example.com", Identities: []string{"sectigo.com"}, Methods: []string{"dns-01"}})
	assert.Equal(t, Allowed, r.Verdict, r.Message)
}

func TestForbiddenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	c := checker(t, zone(`example.com. 60 CAA 0 issue "letsencrypt.org"`))
	r := c.Check(t.Context(), Question{DNSName: "www.example.com", Identities: []string{"sectigo.com"}})
	assert.Equal(t, []string{`0 issue "letsencrypt.org"`}, r.Records)
	for _, s := range []string{"letsencrypt.org", "example.com.", "www.example.com", "sectigo.com", "add a record"} {
		assert.Contains(t, r.Message, s)
	}
}

func TestLookupFailureIsUnknown(t *testing.T) {
	t.Parallel()
	healthy := zone()
	tests := map[string]dns.HandlerFunc{
		"servfail": dnstest.Rcode(dns.RcodeServerFailure),
		"refused":  dnstest.Rcode(dns.RcodeRefused),
		"silent":   dnstest.Silence,
		"at a parent": func(w dns.ResponseWriter, m *dns.Msg) {
			if m.Question[0].Name == "com." {
				dnstest.Rcode(dns.RcodeServerFailure)(w, m)
				return
			}
			healthy(w, m)
		},
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := checker(t, handler).Check(t.Context(), Question{DNSName: "www.example.com", Identities: []string{"sectigo.com"}})
			assert.Equal(t, Unknown, r.Verdict)
			assert.Contains(t, r.Message, "cannot be looked up")
		})
	}
}

func TestNamesThatCannotBeLookedUp(t *testing.T) {
	t.Parallel()
	r := checker(t, zone()).Check(t.Context(), Question{DNSName: "a..b"})
	assert.Equal(t, Unknown, r.Verdict)
}

func TestVerdictString(t *testing.T) {
	t.Parallel()
	for v, want := range map[Verdict]string{Unknown: "Unknown", Allowed: "Allowed", Forbidden: "Forbidden", Bogus: "Bogus", 9: "Verdict(9)"} {
		assert.Equal(t, want, v.String())
	}
}

func TestCheckAll(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	served := zone(`example.com. 60 CAA 0 issue ";"`, `n7.example.com. 60 CAA 0 issue "sectigo.com"`)
	c := checker(t, func(w dns.ResponseWriter, m *dns.Msg) {
		asked.Add(1)
		served(w, m)
	})
	var questions []Question
	for i := range 250 {
		questions = append(questions, Question{DNSName: fmt.Sprintf("n%d.example.com", i), Identities: []string{"sectigo.com"}})
	}
	for i, r := range c.CheckAll(t.Context(), questions) {
		want := Forbidden
		if i == 7 {
			want = Allowed
		}
		assert.Equal(t, want, r.Verdict, r.Message)
		assert.Contains(t, r.Message, questions[i].DNSName)
	}
	assert.Equal(t, int32(251), asked.Load(), "the parent is looked up once")

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, r := range checker(t, dnstest.Silence).CheckAll(ctx, questions) {
		assert.Equal(t, Unknown, r.Verdict)
	}
}
