package dcv

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

type selectCase struct {
	name      string
	selectors []Selector
	dnsName   string
	want      int // index, or -1 for none
}

var all = Selector{}

func names(n ...string) Selector { return Selector{DNSNames: n} }

func zones(z ...string) Selector { return Selector{DNSZones: z} }

// labelled adds MatchLabels, given as keys and values in turn, to s.
func labelled(s Selector, kv ...string) Selector {
	s.MatchLabels = map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		s.MatchLabels[kv[i]] = kv[i+1]
	}
	return s
}

func (tt selectCase) run(t *testing.T) {
	t.Parallel()
	var solvers []Solver
	for _, s := range tt.selectors {
		solvers = append(solvers, Solver{Selector: s})
	}
	index, ok := Select(solvers, map[string]string{"team": "shop", "env": "prod"}, tt.dnsName)
	assert.Equal(t, tt.want >= 0, ok)
	if ok {
		assert.Equal(t, tt.want, index)
	}
}

func TestSelectMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []selectCase{
		{"no solvers", nil, "example.com", -1},
		{"catch-all", []Selector{all}, "example.com", 0},
		{"nothing matches", []Selector{zones("example.net"), names("a.example.com")}, "example.com", -1},
		{"names are exact", []Selector{names("example.com")}, "www.example.com", -1},
		{"names are compared as written", []Selector{names("Example.com")}, "example.com", -1},
		{"wildcard name", []Selector{names("example.com"), names("*.example.com")}, "*.example.com", 1},
		{"wildcard does not match what it covers", []Selector{names("*.example.com")}, "www.example.com", -1},
		{"zone itself", []Selector{zones("example.com")}, "example.com", 0},
		{"zone of a wildcard", []Selector{zones("example.com")}, "*.example.com", 0},
		{"wildcard is below its base", []Selector{zones("www.example.com")}, "*.www.example.com", 0},
		{"zones end at labels", []Selector{zones("ample.com")}, "example.com", -1},
		{"zone case", []Selector{zones("EXAMPLE.com")}, "www.example.com", 0},
		{"zone with trailing dot", []Selector{zones("example.com.")}, "www.example.com", -1},
		{"empty zone", []Selector{zones("")}, "www.example.com", -1},
		{"root zone", []Selector{zones(".")}, "www.example.com", -1},
		{"all labels are needed", []Selector{labelled(all, "team", "shop", "tier", "gold")}, "example.com", -1},
		{"label values count", []Selector{labelled(all, "team", "blog")}, "example.com", -1},
		{"all parts must match: zone", []Selector{{DNSNames: []string{"example.com"}, DNSZones: []string{"example.net"}}}, "example.com", -1},
		{"all parts must match: labels", []Selector{labelled(names("example.com"), "team", "blog")}, "example.com", -1},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestSelectPrecedence(t *testing.T) {
	t.Parallel()
	for _, tt := range []selectCase{
		{"first of equals", []Selector{all, all}, "example.com", 0},
		{"name beats catch-all", []Selector{all, names("example.com")}, "example.com", 1},
		{"name beats longer zone", []Selector{zones("www.example.com"), names("www.example.com")}, "www.example.com", 1},
		{"zone does not displace name", []Selector{names("www.example.com"), zones("www.example.com")}, "www.example.com", 0},
		{"name beats labels", []Selector{labelled(all, "team", "shop", "env", "prod"), names("example.com")}, "example.com", 1},
		{"several names count once", []Selector{names("example.com"), names("example.com", "www.example.com")}, "example.com", 0},
		{"zone beats catch-all", []Selector{all, zones("example.com")}, "www.example.com", 1},
		{"longest zone", []Selector{zones("com"), zones("b.example.com"), zones("example.com")}, "a.b.example.com", 1},
		{"longest zone inside one selector", []Selector{zones("example.com"), zones("com", "b.example.com")}, "a.b.example.com", 1},
		{"zone beats labels", []Selector{labelled(all, "team", "shop"), zones("example.com")}, "example.com", 1},
		{"longer zone beats more labels", []Selector{labelled(zones("com"), "team", "shop"), zones("example.com")}, "example.com", 1},
		{"labels beat catch-all", []Selector{all, labelled(all, "team", "shop")}, "example.com", 1},
		{"more labels win", []Selector{labelled(all, "team", "shop"), labelled(all, "team", "shop", "env", "prod")}, "example.com", 1},
		{"labels break a tie of zones", []Selector{zones("example.com"), labelled(zones("example.com"), "team", "shop")}, "example.com", 1},
		{"labels break a tie of names", []Selector{names("example.com"), labelled(names("example.com"), "team", "shop")}, "example.com", 1},
		{"zones break a tie of names", []Selector{labelled(names("example.com"), "team", "shop"), {DNSNames: []string{"example.com"}, DNSZones: []string{"com"}}}, "example.com", 1},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestSelectSkips(t *testing.T) {
	t.Parallel()
	solvers := []Solver{
		{Selector: Selector{DNSNames: []string{"example.com"}}, Skip: true},
		{Selector: Selector{DNSZones: []string{"example.com"}}},
	}
	index, ok := Select(solvers, nil, "example.com")
	assert.True(t, ok)
	assert.Equal(t, 1, index)
}
