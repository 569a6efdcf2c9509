package order

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// solverKind is one member of the union of solvers.
type solverKind struct {
	is      func(*v1alpha1.Solver) bool
	methods []v1alpha1.DCVMethod
}

// records are the methods of solvers that publish DNS records.
var records = []v1alpha1.DCVMethod{v1alpha1.DCVMethodCNAME, v1alpha1.DCVMethodTXT}

// solverKinds has a line for each member of the union, and what it can publish at most.
var solverKinds = []solverKind{
	{func(s *v1alpha1.Solver) bool { return s.RFC2136 != nil }, records},
	{func(s *v1alpha1.Solver) bool { return s.Cloudflare != nil }, records},
	{func(s *v1alpha1.Solver) bool { return s.HTTP != nil }, records},
	{func(s *v1alpha1.Solver) bool { return s.ExternalDNS != nil }, records},
	{func(s *v1alpha1.Solver) bool { return s.CertManagerWebhook != nil }, []v1alpha1.DCVMethod{v1alpha1.DCVMethodTXT}},
	{func(s *v1alpha1.Solver) bool { return s.HTTPFile != nil }, []v1alpha1.DCVMethod{v1alpha1.DCVMethodFile}},
	{func(s *v1alpha1.Solver) bool { return s.Reseller != nil }, records},
	{func(s *v1alpha1.Solver) bool { return s.Manual != nil }, append(records, v1alpha1.DCVMethodFile)},
}

// publishes reports whether a kind of solver can publish data for a method.
func publishes(solver *v1alpha1.Solver, method v1alpha1.DCVMethod) bool {
	return slices.ContainsFunc(solverKinds, func(kind solverKind) bool {
		return kind.is(solver) && slices.Contains(kind.methods, method)
	})
}

// kindCapabilities are what a kind of solver can do at most.
func kindCapabilities(s *Supplier, solver *v1alpha1.Solver) dcv.Capabilities {
	able := dcv.Capabilities{Apex: true, MultiValue: true, File: publishes(solver, v1alpha1.DCVMethodFile)}
	if solver.Reseller != nil {
		able.Types = provisioned(s.Provider)
		return able
	}
	for _, method := range records {
		if publishes(solver, method) {
			able.Types = append(able.Types, dcv.RecordType(method))
		}
	}
	return able
}

// provisioned are the types of records that the reseller can publish itself.
func provisioned(provider providers.Provider) []dcv.RecordType {
	var types []dcv.RecordType
	provisioner, ok := provider.(providers.Provisioner)
	for _, t := range []dcv.RecordType{dcv.TXT, dcv.CNAME} {
		if ok && provisioner.Provisions(providers.Method(t)) {
			types = append(types, t)
		}
	}
	return types
}

// kindOf is the member of the union that a solver has, as it stands in a manifest.
func kindOf(solver *v1alpha1.Solver) string {
	text, err := json.Marshal(solver)
	if err != nil {
		return "solver"
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(text, &members) // it was made of an object above
	delete(members, "selector")
	delete(members, "cnameStrategy")
	return strings.Join(slices.Sorted(maps.Keys(members)), ", ")
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
