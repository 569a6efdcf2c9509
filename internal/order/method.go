package order

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// manualSolver is what an issuer without solvers has.
var manualSolver = v1alpha1.Solver{Manual: &v1alpha1.SolverManual{}}

// solversOf returns the issuer's solvers, or the manual one.
func solversOf(s *Supplier) []v1alpha1.Solver {
	if len(s.Spec.DCV.Solvers) == 0 {
		return []v1alpha1.Solver{manualSolver}
	}
	return s.Spec.DCV.Solvers
}

// chooseMethod takes the first method of the issuer's preference that the product offers
// and for which every name has a solver. The text says why the others don't do.
func chooseMethod(preference []v1alpha1.DCVMethod, profile providers.Profile, solvers []v1alpha1.Solver, labels map[string]string, names []string) (v1alpha1.DCVMethod, string) {
	var why []string
	for _, method := range preference {
		problem := methodProblem(method, profile, solvers, labels, names)
		if problem == "" {
			return method, ""
		}
		why = append(why, fmt.Sprintf("%s: %s", method, problem))
	}
	return "", strings.Join(why, "; ")
}

func methodProblem(method v1alpha1.DCVMethod, profile providers.Profile, solvers []v1alpha1.Solver, labels map[string]string, names []string) string {
	if !slices.Contains(profile.Methods, providers.Method(method)) {
		return "the product doesn't offer it"
	}
	if method == v1alpha1.DCVMethodFile {
		if i := slices.IndexFunc(names, dcv.IsWildcard); i >= 0 {
			return names[i] + " is a wildcard, for which CAs accept no file"
		}
	}
	if method == v1alpha1.DCVMethodEmail {
		return ""
	}
	for _, name := range names {
		if _, ok := solverFor(method, solvers, labels, name); !ok {
			return "no solver in spec.dcv.solvers can publish it for " + name
		}
	}
	return ""
}

// solverFor selects the solver of a name among those that can publish the method.
func solverFor(method v1alpha1.DCVMethod, solvers []v1alpha1.Solver, labels map[string]string, name string) (v1alpha1.Solver, bool) {
	candidates := make([]dcv.Solver, len(solvers))
	for i := range solvers {
		candidates[i].Skip = !publishes(&solvers[i], method)
		if selector := solvers[i].Selector; selector != nil {
			candidates[i].Selector = dcv.Selector{MatchLabels: selector.MatchLabels, DNSNames: selector.DNSNames, DNSZones: selector.DNSZones}
		}
	}
	index, ok := dcv.Select(candidates, labels, name)
	if !ok {
		return v1alpha1.Solver{}, false
	}
	return solvers[index], true
}

// solverKind is one member of the union of solvers.
type solverKind struct {
	is      func(*v1alpha1.Solver) bool
	methods []v1alpha1.DCVMethod
}

// records are the methods of solvers that publish DNS records.
var records = []v1alpha1.DCVMethod{v1alpha1.DCVMethodCNAME, v1alpha1.DCVMethodTXT}

// solverKinds has a line for each member of the union, and what it can publish.
var solverKinds = []solverKind{
	{func(s *v1alpha1.Solver) bool { return s.RFC2136 != nil }, records},
	{func(s *v1alpha1.Solver) bool { return s.Cloudflare != nil }, records},
	{func(s *v1alpha1.Solver) bool { return s.HTTP != nil }, records},
	{func(s *v1alpha1.Solver) bool { return s.ExternalDNS != nil }, records},
	{func(s *v1alpha1.Solver) bool { return s.CertManagerWebhook != nil }, []v1alpha1.DCVMethod{v1alpha1.DCVMethodTXT}},
	{func(s *v1alpha1.Solver) bool { return s.HTTPFile != nil }, []v1alpha1.DCVMethod{v1alpha1.DCVMethodFile}},
	{func(s *v1alpha1.Solver) bool { return s.Manual != nil }, append(records, v1alpha1.DCVMethodFile)},
}

// publishes reports whether a kind of solver can publish data for a method.
func publishes(solver *v1alpha1.Solver, method v1alpha1.DCVMethod) bool {
	return slices.ContainsFunc(solverKinds, func(kind solverKind) bool {
		return kind.is(solver) && slices.Contains(kind.methods, method)
	})
}

// requestedName is the name of the certificate to which a challenge's domain belongs:
// CAs validate a wildcard by the domain below it.
func requestedName(domain string, names []string) string {
	if !slices.Contains(names, domain) && slices.Contains(names, "*."+domain) {
		return "*." + domain
	}
	return domain
}

// solverHash identifies settings.
func solverHash(solver v1alpha1.Solver, secretNamespace string) (string, error) {
	text, err := json.Marshal(solver)
	if err != nil {
		return "", fmt.Errorf("order: solver: %w", err)
	}
	sum := sha256.Sum256(append(text, secretNamespace...))
	return hex.EncodeToString(sum[:8]), nil
}

// approvers are the mailboxes asked to approve, by name: the admin's among those that the
// reseller accepts, where it tells them before paying; else that of the registrable domain, which
// is one of the five that CAs accept.
func approvers(issuance *v1alpha1.Issuance) map[string]string {
	emails := make(map[string]string, len(issuance.Names))
	for _, name := range issuance.Names {
		domain := dcv.WildcardBase(name)
		if registrable, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
			domain = registrable
		}
		emails[name] = "admin@" + domain
	}
	for _, c := range issuance.Challenges {
		name := requestedName(c.Domain, issuance.Names)
		if len(c.Emails) > 0 && !slices.Contains(c.Emails, emails[name]) {
			admin := slices.IndexFunc(c.Emails, func(box string) bool { return strings.HasPrefix(box, "admin@") })
			emails[name] = c.Emails[max(admin, 0)]
		}
	}
	return emails
}

// providerRequest is the issuance in the providers' terms.
func providerRequest(s *scope) providers.Request {
	issuance := s.order.Status.Issuance
	request := providers.Request{
		CSR: issuance.CSR, CommonName: issuance.CommonName, Names: issuance.Names,
		Method: providers.Method(issuance.Method), TermMonths: int(s.supplier.Spec.Term.Months),
		Prepared: issuance.Prepared,
	}
	if issuance.Method == v1alpha1.DCVMethodEmail {
		request.Emails = approvers(issuance)
	}
	return request
}

func providerChallenges(challenges []v1alpha1.OrderChallenge) []providers.Challenge {
	list := make([]providers.Challenge, len(challenges))
	for i, c := range challenges {
		list[i] = providers.Challenge{
			Domain: c.Domain, Method: providers.Method(c.Method),
			RecordName: c.RecordName, RecordValue: c.RecordValue,
			URLs: c.URLs, Body: c.Body, Emails: c.Emails, Done: c.Validated,
		}
	}
	return list
}
