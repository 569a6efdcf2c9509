package order

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/util/solverpicker"
	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// TestSelectionIsCertManagers holds the selection of solvers against the very code of
// cert-manager, for many random issuers: labels, names, zones, wildcards, letters of either
// case, and solvers that can't publish what is needed.
func TestSelectionIsCertManagers(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	some := func(most int, from ...string) []string {
		var list []string
		for range random.IntN(most + 1) {
			list = append(list, pick(from...))
		}
		return list
	}
	names := []string{"example.com", "www.example.com", "*.example.com", "a.b.example.com", "*.b.example.com", "Example.com", "example.org", "ample.com"}
	zones := []string{"com", "example.com", "EXAMPLE.com", "b.example.com", "*.example.com", "example.org", "ample.com", "example.com.", "."}
	chosen := 0
	for range 20000 {
		labels := map[string]string{"team": pick("shop", "blog"), "env": pick("prod", "test")}
		var theirs []cmacme.ACMEChallengeSolver
		var ours []dcv.Solver
		for i := range 1 + random.IntN(6) {
			// The name of the Ingress tells which solver was picked.
			their := cmacme.ACMEChallengeSolver{HTTP01: &cmacme.ACMEChallengeSolverHTTP01{Ingress: &cmacme.ACMEChallengeSolverHTTP01Ingress{Name: strconv.Itoa(i)}}}
			our := dcv.Solver{}
			if random.IntN(4) > 0 {
				selector := cmacme.CertificateDNSNameSelector{DNSNames: some(2, names...), DNSZones: some(2, zones...)}
				for _, label := range some(2, "team=shop", "team=blog", "env=prod", "tier=gold") {
					key, value, _ := strings.Cut(label, "=")
					if selector.MatchLabels == nil {
						selector.MatchLabels = map[string]string{}
					}
					selector.MatchLabels[key] = value
				}
				their.Selector = &selector
				our.Selector = dcv.Selector{MatchLabels: selector.MatchLabels, DNSNames: selector.DNSNames, DNSZones: selector.DNSZones}
			}
			if random.IntN(5) == 0 {
				their.HTTP01, our.Skip = nil, true
			}
			theirs, ours = append(theirs, their), append(ours, our)
		}
		name := pick(names...)
		order := &cmacme.Order{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
		want, _ := solverpicker.Pick(t.Context(), name, []cmacme.ACMEChallenge{{Type: "http-01"}}, theirs, order)
		index, ok := dcv.Select(ours, labels, name)
		what := fmt.Sprintf("%s %v %+v", name, labels, ours)
		if !assert.Equal(t, want != nil, ok, what) {
			return
		}
		if ok {
			chosen++
			if !assert.Equal(t, want.HTTP01.Ingress.Name, strconv.Itoa(index), what) {
				return
			}
		}
	}
	assert.Greater(t, chosen, 5000, "the cases are worth something")
}
