package caa

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestParametersAreWarnedOf has the parameters of RFC 8657, which nobody can check for a
// reseller's account.
func TestParametersAreWarnedOf(t *testing.T) {
	t.Parallel()
	const (
		plain   = `example.com. 60 CAA 0 issue "sectigo.com"`
		methods = `example.com. 60 CAA 0 issue "sectigo.com; validationmethods=ca-tbr-7"`
		account = `example.com. 60 CAA 0 issue "sectigo.com; accounturi=https://ca.example/1"`
		both    = `example.com. 60 CAA 0 issue "sectigo.com; accounturi=https://ca.example/1; validationmethods=dns-01"`
		theirs  = `example.com. 60 CAA 0 issue "letsencrypt.org; accounturi=https://ca.example/1"`
		policy  = `example.com. 60 CAA 0 issue "sectigo.com; policy=ev"`
	)
	for name, tt := range map[string]struct {
		records []string
		warns   string
	}{
		"none":                         {[]string{plain}, ""},
		"methods":                      {[]string{methods}, "by validationmethods, which"},
		"account":                      {[]string{account}, "by accounturi, which"},
		"both":                         {[]string{both}, "by accounturi and validationmethods, which"},
		"another record permits":       {[]string{account, plain}, ""},
		"another record permits first": {[]string{plain, methods}, ""},
		"for another authority":        {[]string{theirs, plain}, ""},
		"other parameters":             {[]string{policy}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := checker(t, zone(tt.records...)).Check(t.Context(), Question{DNSName: "www.example.com", Identities: []string{"sectigo.com"}})
			assert.Equal(t, Allowed, r.Verdict, r.Message)
			if tt.warns == "" {
				assert.Empty(t, r.Warning)
				return
			}
			for _, part := range []string{tt.warns, "2027-03-15", "example.com.", "www.example.com"} {
				assert.Contains(t, r.Warning, part)
			}
		})
	}
}
