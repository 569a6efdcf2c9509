package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// choice is what the choice of a validation method, and of a solver for each name, rests on.
type choice struct {
	now     time.Time
	profile providers.Profile
	solvers []v1alpha1.Solver
	labels  map[string]string
	names   []string
	// unsuited are methods that turned out not to work, and why.
	unsuited map[v1alpha1.DCVMethod]string
	// everywhere is true if the reseller publishes for all names without any solver.
	everywhere bool
	// capabilities are those of the hook of a solver.
	capabilities func(*v1alpha1.Solver) dcv.Capabilities
}

// choiceOf is the choice for the issuance under way.
func (r *Reconciler) choiceOf(ctx context.Context, s *scope) choice {
	issuance := s.order.Status.Issuance
	c := choiceFor(s.supplier, s.order.Spec.Request.Labels, issuance.Names, s.view.Now)
	for _, u := range issuance.Unsuited {
		c.unsuited[u.Method] = u.Message
	}
	known := map[*v1alpha1.Solver]dcv.Capabilities{}
	c.capabilities = func(solver *v1alpha1.Solver) dcv.Capabilities {
		if _, ok := known[solver]; !ok {
			known[solver] = r.capabilities(ctx, s, solver)
		}
		return known[solver]
	}
	return c
}

// choiceFor is the choice by what the kinds of solvers can do, without asking any hook.
func choiceFor(s *Supplier, labels map[string]string, names []string, now time.Time) choice {
	autodns := s.Spec.Reseller.AutoDNS
	return choice{
		now: now, profile: s.Provider.Profile(), solvers: solversOf(s), labels: labels, names: names,
		unsuited:     map[v1alpha1.DCVMethod]string{},
		everywhere:   autodns != nil && autodns.Provisioning == v1alpha1.ProvisioningInterNetX,
		capabilities: func(solver *v1alpha1.Solver) dcv.Capabilities { return kindCapabilities(s, solver) },
	}
}

// capabilities are what a solver can publish. A solver whose hook can't be made, because of
// a wrong setting or a Secret that is missing, is taken for able to do what its kind can: that is
// mended by a person, and no reason to choose another method.
func (r *Reconciler) capabilities(ctx context.Context, s *scope, solver *v1alpha1.Solver) dcv.Capabilities {
	able := kindCapabilities(s.supplier, solver)
	if solver.Reseller != nil {
		return able
	}
	hook, err := r.Hooks(ctx, *solver, s.supplier.SecretNamespace)
	if err != nil {
		return able
	}
	can := hook.Capabilities()
	// A person can serve files; the hook knows of records only.
	can.File = can.File || able.File
	return can
}

// method takes the first method of the issuer's preference that the product offers and for
// which every name has a solver that can publish it. The text says for each of the others
// why it doesn't do.
func (c choice) method(preference []v1alpha1.DCVMethod) (v1alpha1.DCVMethod, string) {
	var why []string
	for _, method := range preference {
		problem := c.problem(method)
		if problem == "" {
			return method, strings.Join(why, "; ")
		}
		why = append(why, fmt.Sprintf("%s: %s", method, problem))
	}
	return "", strings.Join(why, "; ")
}

// problem says why a method can't be used, nothing if it can.
func (c choice) problem(method v1alpha1.DCVMethod) string {
	if !slices.Contains(c.profile.Methods, providers.Method(method)) {
		return "the product doesn't offer it"
	}
	if why, ok := c.unsuited[method]; ok {
		return why
	}
	switch method {
	case v1alpha1.DCVMethodEmail:
		if !c.now.Before(emailEnds) {
			return "CAs must not use it since " + day(emailEnds)
		}
		return ""
	case v1alpha1.DCVMethodFile:
		if i := slices.IndexFunc(c.names, dcv.IsWildcard); i >= 0 {
			return c.names[i] + " is a wildcard, for which CAs accept no file"
		}
	case v1alpha1.DCVMethodCNAME, v1alpha1.DCVMethodTXT:
		if c.everywhere {
			return ""
		}
	}
	for _, name := range c.names {
		if _, err := c.solver(method, name, publishing(method)); err != nil {
			return err.Error()
		}
	}
	if _, one, other := c.provisions(method); other != "" {
		return fmt.Sprintf("the reseller publishes for all names of a certificate or for none, but solver reseller is for %s and not for %s", one, other)
	}
	return ""
}

// provisions reports whether the reseller publishes the records of a method for all names.
// If only for some, the second result is one for which it does, and the third one for which it
// doesn't.
func (c choice) provisions(method v1alpha1.DCVMethod) (all bool, one, other string) {
	if method != v1alpha1.DCVMethodCNAME && method != v1alpha1.DCVMethodTXT {
		return false, "", ""
	}
	for _, name := range c.names {
		if solver, err := c.solver(method, name, publishing(method)); err == nil && solver.Reseller != nil {
			one = name
		} else {
			other = name
		}
	}
	switch {
	case one == "":
		return false, "", ""
	case other == "":
		return true, "", ""
	}
	return false, one, other
}

// fits says why a solver with these capabilities isn't good enough, nothing if it is.
type fits func(*v1alpha1.Solver, dcv.Capabilities) error

// publishing tells whether a solver can publish the data of a method, whatever they are.
func publishing(method v1alpha1.DCVMethod) fits {
	return func(_ *v1alpha1.Solver, can dcv.Capabilities) error {
		switch {
		case method == v1alpha1.DCVMethodFile && !can.File:
			return errors.New("it serves no files")
		case method == v1alpha1.DCVMethodFile, slices.Contains(can.Types, dcv.RecordType(method)):
			return nil
		case len(can.Types) == 0:
			return errors.New("it publishes no records here")
		}
		return fmt.Errorf("it publishes %v only", can.Types)
	}
}

// solver selects the solver of a name among those that fit. The error says why those that
// match the name don't.
func (c choice) solver(method v1alpha1.DCVMethod, name string, problem fits) (*v1alpha1.Solver, error) {
	candidates := make([]dcv.Solver, len(c.solvers))
	for i := range c.solvers {
		if selector := c.solvers[i].Selector; selector != nil {
			candidates[i].Selector = dcv.Selector{MatchLabels: selector.MatchLabels, DNSNames: selector.DNSNames, DNSZones: selector.DNSZones}
		}
	}
	var why []string
	for {
		index, ok := dcv.Select(candidates, c.labels, name)
		if !ok {
			break
		}
		solver := &c.solvers[index]
		err := problem(solver, c.capabilities(solver))
		if err == nil {
			return solver, nil
		}
		why = append(why, fmt.Sprintf("%s (spec.dcv.solvers[%d]): %v", kindOf(solver), index, err))
		candidates[index].Skip = true
	}
	if len(why) == 0 {
		return nil, fmt.Errorf("no solver in spec.dcv.solvers is for %s", name)
	}
	return nil, fmt.Errorf("no solver in spec.dcv.solvers can publish %s for %s: %s", method, name, strings.Join(why, ", "))
}

// unsuit notes that a method can't be used for this issuance, and has another one chosen.
func unsuit(s *scope, message string) outcome {
	issuance := s.order.Status.Issuance
	issuance.UnsuitedFor = s.view.Issuer.Generation
	issuance.Unsuited = append(issuance.Unsuited, v1alpha1.UnsuitedMethod{Method: issuance.Method, Message: clip(message)})
	issuance.Method, issuance.Prepared, issuance.Challenges, issuance.PropagatedAt = "", nil, nil, nil
	moveTo(s, v1alpha1.OrderPreflight)
	return goOn
}

// requestedName is the name of the certificate to which a challenge's domain belongs:
// CAs validate a wildcard by the domain below it.
func requestedName(domain string, names []string) string {
	if !slices.Contains(names, domain) && slices.Contains(names, "*."+domain) {
		return "*." + domain
	}
	return domain
}

// providerRequest is the issuance in the providers' terms.
func providerRequest(s *scope) providers.Request {
	issuance := s.order.Status.Issuance
	request := providers.Request{
		CSR: issuance.CSR, CommonName: issuance.CommonName, Names: issuance.Names,
		Method: providers.Method(issuance.Method), TermMonths: int(s.supplier.Spec.Term.Months),
		Prepared: issuance.Prepared, Provision: issuance.Provisioned,
	}
	if issuance.Method == v1alpha1.DCVMethodEmail {
		request.Emails = approvers(issuance, s.supplier.Spec.DCV.ApproverMailbox)
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
