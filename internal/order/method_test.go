package order

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Solvers of which the first publishes TXT only, and the others leave it to the reseller, which
// can do no more.
var (
	webhook   = v1alpha1.Solver{CertManagerWebhook: &v1alpha1.SolverCertManagerWebhook{}, Selector: &v1alpha1.SolverSelector{DNSZones: []string{"example.com"}}}
	itself    = v1alpha1.Solver{Reseller: &v1alpha1.SolverReseller{}}
	itselfCom = v1alpha1.Solver{Reseller: &v1alpha1.SolverReseller{}, Selector: &v1alpha1.SolverSelector{DNSZones: []string{"example.com"}}}
)

func someAbilities(solver *v1alpha1.Solver) dcv.Capabilities {
	if solver.Reseller != nil {
		return dcv.Capabilities{Types: []dcv.RecordType{dcv.TXT}}
	}
	return kindCapabilities(nil, solver)
}

// methodCase is a choice of a validation method.
type methodCase struct {
	preference []v1alpha1.DCVMethod
	offers     []providers.Method // all if nil
	solvers    []v1alpha1.Solver
	labels     map[string]string
	names      []string // example.com if nil
	unsuited   v1alpha1.DCVMethod
	now        time.Time
	want       v1alpha1.DCVMethod
	why        []string
}

func (tc methodCase) run(t *testing.T) {
	t.Parallel()
	if tc.offers == nil {
		tc.offers = []providers.Method{providers.MethodCNAME, providers.MethodTXT, providers.MethodFile, providers.MethodEmail}
	}
	if tc.names == nil {
		tc.names = []string{"example.com"}
	}
	chosen := choice{
		now: tc.now, profile: providers.Profile{Methods: tc.offers}, solvers: tc.solvers, labels: tc.labels, names: tc.names,
		unsuited: map[v1alpha1.DCVMethod]string{}, capabilities: someAbilities,
	}
	if tc.unsuited != "" {
		chosen.unsuited[tc.unsuited] = "tried"
	}
	got, why := chosen.method(tc.preference)
	assert.Equal(t, tc.want, got)
	for _, part := range tc.why {
		assert.Contains(t, why, part)
	}
}

func TestChooseMethod(t *testing.T) {
	t.Parallel()
	const cname, txt, file, email = v1alpha1.DCVMethodCNAME, v1alpha1.DCVMethodTXT, v1alpha1.DCVMethodFile, v1alpha1.DCVMethodEmail
	dns := v1alpha1.Solver{RFC2136: &v1alpha1.SolverRFC2136{Nameserver: "192.0.2.1"}}
	only, labelled := dns, dns
	only.Selector = &v1alpha1.SolverSelector{DNSZones: []string{"example.com"}}
	labelled.Selector = &v1alpha1.SolverSelector{MatchLabels: map[string]string{"team": "shop"}}
	cases := map[string]methodCase{
		"the preference decides":      {preference: []v1alpha1.DCVMethod{txt, cname}, solvers: []v1alpha1.Solver{dns}, want: txt},
		"the product must offer it":   {preference: []v1alpha1.DCVMethod{cname, txt}, offers: []providers.Method{providers.MethodTXT}, solvers: []v1alpha1.Solver{dns}, want: txt},
		"a person can do all":         {preference: []v1alpha1.DCVMethod{file}, solvers: []v1alpha1.Solver{manualSolver}, want: file},
		"DNS solvers serve no files":  {preference: []v1alpha1.DCVMethod{file}, solvers: []v1alpha1.Solver{dns}, why: []string{"File", "spec.dcv.solvers", "example.com"}},
		"webhooks take no CNAME":      {preference: []v1alpha1.DCVMethod{cname, txt}, solvers: []v1alpha1.Solver{{CertManagerWebhook: &v1alpha1.SolverCertManagerWebhook{}}}, want: txt},
		"external-dns takes both":     {preference: []v1alpha1.DCVMethod{file, cname}, solvers: []v1alpha1.Solver{{ExternalDNS: &v1alpha1.SolverExternalDNS{}}}, want: cname},
		"the controller serves files": {preference: []v1alpha1.DCVMethod{txt, file}, solvers: []v1alpha1.Solver{{HTTPFile: &v1alpha1.SolverHTTPFile{}}}, want: file},
		"but none for a wildcard":     {preference: []v1alpha1.DCVMethod{file}, solvers: []v1alpha1.Solver{{HTTPFile: &v1alpha1.SolverHTTPFile{}}}, names: []string{"*.example.com"}, why: []string{"wildcard"}},
		"each name its own solver":    {preference: []v1alpha1.DCVMethod{file}, solvers: []v1alpha1.Solver{only, {HTTPFile: &v1alpha1.SolverHTTPFile{}}}, want: file},
		"no file for a wildcard":      {preference: []v1alpha1.DCVMethod{file, txt}, solvers: []v1alpha1.Solver{manualSolver}, names: []string{"*.example.com"}, want: txt},
		"e-mail needs no solver":      {preference: []v1alpha1.DCVMethod{email}, solvers: []v1alpha1.Solver{only}, names: []string{"example.org"}, want: email},
		"every name needs a solver":   {preference: []v1alpha1.DCVMethod{txt}, solvers: []v1alpha1.Solver{only}, names: []string{"example.com", "example.org"}, why: []string{"example.org"}},
		"labels that match":           {preference: []v1alpha1.DCVMethod{txt}, solvers: []v1alpha1.Solver{labelled}, labels: map[string]string{"team": "shop"}, want: txt},
		"labels that don't":           {preference: []v1alpha1.DCVMethod{txt}, solvers: []v1alpha1.Solver{labelled}, why: []string{"no solver in spec.dcv.solvers is for example.com"}},
		"all the reasons are told":    {preference: []v1alpha1.DCVMethod{cname, file}, offers: []providers.Method{providers.MethodFile}, solvers: []v1alpha1.Solver{dns}, why: []string{"CNAME: the product", "File: no solver"}},
		"nothing is preferred at all": {solvers: []v1alpha1.Solver{dns}},
		"the next solver steps in":    {preference: []v1alpha1.DCVMethod{cname}, solvers: []v1alpha1.Solver{webhook, dns}, want: cname},
		"TXT only":                    {preference: []v1alpha1.DCVMethod{cname, txt}, solvers: []v1alpha1.Solver{webhook}, want: txt, why: []string{"CNAME: no solver", "certManagerWebhook (spec.dcv.solvers[0]): it publishes [TXT] only"}},
		"it was tried and failed":     {preference: []v1alpha1.DCVMethod{cname, txt}, solvers: []v1alpha1.Solver{dns}, unsuited: cname, want: txt, why: []string{"CNAME: tried"}},
		"all by the reseller":         {preference: []v1alpha1.DCVMethod{cname, txt}, solvers: []v1alpha1.Solver{itself}, want: txt, why: []string{"CNAME", "reseller (spec.dcv.solvers[0])"}},
		"some by the reseller":        {preference: []v1alpha1.DCVMethod{txt}, solvers: []v1alpha1.Solver{itselfCom, dns}, names: []string{"example.com", "example.org"}, why: []string{"for example.com and not for example.org"}},
		"e-mail after its end":        {preference: []v1alpha1.DCVMethod{email}, solvers: []v1alpha1.Solver{dns}, now: emailEnds, why: []string{"since 2028-03-15"}},
		"e-mail on its last day":      {preference: []v1alpha1.DCVMethod{email}, solvers: []v1alpha1.Solver{dns}, now: emailEnds.Add(-time.Second), want: email},
	}
	for name, tc := range cases {
		t.Run(name, tc.run)
	}
}

func TestRequestedName(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "example.com", requestedName("example.com", []string{"*.example.com", "example.com"}))
	assert.Equal(t, "*.example.com", requestedName("example.com", []string{"*.example.com"}))
	assert.Equal(t, "www.example.com", requestedName("www.example.com", []string{"example.com"}))
}

func TestApprovers(t *testing.T) {
	t.Parallel()
	assert.Equal(t, map[string]string{
		"*.shop.example.co.uk": "admin@example.co.uk", "example.com": "admin@example.com", "a.b.example.com": "admin@example.com",
	}, approvers(&v1alpha1.Issuance{Names: []string{"*.shop.example.co.uk", "example.com", "a.b.example.com"}}, ""))
}

func TestSolverHash(t *testing.T) {
	t.Parallel()
	dns := v1alpha1.Solver{RFC2136: &v1alpha1.SolverRFC2136{Nameserver: "192.0.2.1"}}
	hashes := map[string]bool{}
	for _, solver := range []v1alpha1.Solver{dns, manualSolver} {
		for _, namespace := range []string{"a", "b"} {
			hash, err := solverHash(solver, namespace)
			require.NoError(t, err)
			again, err := solverHash(solver, namespace)
			require.NoError(t, err)
			assert.Equal(t, hash, again)
			assert.LessOrEqual(t, len(hash), 64)
			hashes[hash] = true
		}
	}
	assert.Len(t, hashes, 4)
}

func TestProviderChallengesKeepEverything(t *testing.T) {
	t.Parallel()
	got := providerChallenges([]v1alpha1.OrderChallenge{{
		Domain: "example.com", Method: v1alpha1.DCVMethodFile, RecordName: "n", RecordValue: "v",
		URLs: []string{"u"}, Body: "b", Emails: []string{"e"}, Validated: true,
	}})
	assert.Equal(t, []providers.Challenge{{
		Domain: "example.com", Method: providers.MethodFile, RecordName: "n", RecordValue: "v",
		URLs: []string{"u"}, Body: "b", Emails: []string{"e"}, Done: true,
	}}, got)
}

// belongs decides whether an identifier may be used at all.
func TestBelongs(t *testing.T) {
	t.Parallel()
	mine := csrPEM(t, keyA, "example.com")
	other := csrPEM(t, keyB, "example.com")
	p := purchaseOf(1)
	p.Spec.CSRDigest = digestOf(t, mine)
	reissued := purchaseOf(1, withOperation("x", v1alpha1.OperationDone))
	reissued.Spec.Operation.CSRDigest = digestOf(t, mine)
	issued := purchaseOf(1, certified("x", testDay, yes))
	issued.Spec.Certificates[0].CSRDigest = digestOf(t, mine)
	nameless := purchaseOf(1)
	nameless.Spec.CommonName = ""
	cases := map[string]struct {
		purchase v1alpha1.ResellerPurchase
		order    providers.Order
		want     bool
	}{
		"our reference":                     {p, providers.Order{Reference: "ref", CSR: other}, true},
		"another reference":                 {p, providers.Order{Reference: "theirs", Names: testNames}, false},
		"another reference, but our CSR":    {p, providers.Order{Reference: "panel", CSR: mine}, true},
		"our CSR":                           {p, providers.Order{CSR: mine}, true},
		"our CSR in bare base64":            {p, providers.Order{CSR: bare(mine)}, true},
		"the CSR of a reissue":              {reissued, providers.Order{CSR: mine}, true},
		"the CSR of an earlier certificate": {issued, providers.Order{CSR: mine}, true},
		"another CSR":                       {p, providers.Order{CSR: other, Names: testNames}, false},
		"another CSR in bare base64":        {p, providers.Order{CSR: bare(other)}, false},
		"an unreadable CSR, our names":      {p, providers.Order{CSR: []byte("garbage"), Names: testNames}, true},
		"our names":                         {p, providers.Order{Names: []string{"example.com"}}, true},
		"our names without a common name":   {nameless, providers.Order{Names: []string{"www.example.com"}}, true},
		"other names":                       {p, providers.Order{Names: []string{"example.org"}}, false},
		"nothing told":                      {p, providers.Order{}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, belongs(&tc.purchase, tc.order))
		})
	}
}

// TestEverySolverPublishesSomething fails for a member of the union that was forgotten in
// solverKinds.
func TestEverySolverPublishesSomething(t *testing.T) {
	t.Parallel()
	union := reflect.TypeFor[v1alpha1.Solver]()
	for i := range union.NumField() {
		field := union.Field(i)
		if field.Name == "Selector" || field.Type.Kind() != reflect.Pointer {
			continue
		}
		var solver v1alpha1.Solver
		reflect.ValueOf(&solver).Elem().Field(i).Set(reflect.New(field.Type.Elem()))
		methods := 0
		for _, method := range []v1alpha1.DCVMethod{v1alpha1.DCVMethodCNAME, v1alpha1.DCVMethodTXT, v1alpha1.DCVMethodFile, v1alpha1.DCVMethodEmail} {
			if publishes(&solver, method) {
				methods++
			}
		}
		assert.Positive(t, methods, field.Name)
	}
}
