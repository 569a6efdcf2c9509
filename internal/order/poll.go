package order

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// notYetValid is how far in the future a certificate may begin.
const notYetValid = 10 * time.Minute

// poll reads the order at the reseller and goes on from what it says.
func (r *Reconciler) poll(ctx context.Context, s *scope, name string) (outcome, error) {
	purchase, result, err := r.paying(ctx, s, name)
	if purchase == nil {
		return result, err
	}
	if result, enough := r.pollListed(ctx, s, purchase); enough {
		return result, nil
	}
	var order providers.Order
	if err := r.call(ctx, s, func(ctx context.Context) (err error) {
		order, err = s.supplier.Provider.Order(ctx, ledger.IDs(purchase.Spec.OrderIDs))
		return err
	}); err != nil {
		if providers.KindOf(err) == providers.NotFound && mayBeHidden(purchase, s.view.Issuer.Profile, s.view.Now) {
			return wait(s, ReasonAwaitingValidation, "the reseller took the order and doesn't show it yet", max(r.MinPoll, lateInterval)), nil
		}
		return callFailed(s, err), nil
	}
	if !belongs(purchase, order) {
		return hold(s, ReasonOrderMismatch, fmt.Sprintf("order %s of ResellerPurchase %s is for another CSR or other names: correct its spec.orderIDs", describe(order.IDs), name)), nil
	}
	if s.order.Status.Issuance == nil {
		return r.polledIdle(ctx, s, purchase, order)
	}
	if _, lists := s.supplier.Provider.(providers.Lister); lists {
		r.polls.read(s.supplier.Provider.Account().Key(), name, s.view.Now)
	}
	return r.polled(ctx, s, purchase, order)
}

// paying reads the purchase on which a call is about to be made, past the cache: identifiers
// and CSR of a reissue that was made just now count. Without a purchase the outcome says
// why.
func (r *Reconciler) paying(ctx context.Context, s *scope, name string) (*v1alpha1.ResellerPurchase, outcome, error) {
	purchase, err := r.Ledger.Get(ctx, name)
	switch {
	case apierrors.IsNotFound(err):
		return nil, hold(s, ReasonOrderLost, fmt.Sprintf("ResellerPurchase %s, which pays for this order, was deleted: restore it; to begin anew, at a price, delete this ResellerOrder", name)), nil
	case err != nil:
		return nil, outcome{}, err
	case s.view.Issuer.Account != purchase.Spec.Account:
		return nil, hold(s, ReasonAccountChanged, fmt.Sprintf("ResellerPurchase %s was paid by another account than the issuer's: point the issuer back to %s", name, purchase.Spec.Account.Name)), nil
	}
	return purchase, outcome{}, nil
}

// lateInterval is how often an order is looked for that the reseller doesn't show yet.
const lateInterval = 15 * time.Second

// mayBeHidden reports whether an order or reissue is so new that the reseller may not know
// it everywhere.
func mayBeHidden(p *v1alpha1.ResellerPurchase, profile providers.Profile, now time.Time) bool {
	finished := p.Spec.FinishedAt
	if op := p.Spec.Operation; op != nil && op.FinishedAt != nil {
		finished = op.FinishedAt
	}
	return finished != nil && now.Sub(finished.Time) < profile.VisibilityDelay+safetyMargin
}

// polled takes an issuance further.
func (r *Reconciler) polled(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase, order providers.Order) (outcome, error) {
	issuance := s.order.Status.Issuance
	issuance.Attempts++
	switch order.State {
	case providers.StateIssued:
		return r.issued(ctx, s, purchase, order)
	case providers.StateRejected, providers.StateCancelled, providers.StateExpired:
		s.wrote = true
		return goOn, r.Ledger.Closed(ctx, purchase.Name, closedState(purchase, order, s.view.Now), order.Detail)
	case providers.StatePendingOrder, providers.StateAwaitingValidation, providers.StateIssuing:
	}
	if order.State != providers.StateIssuing {
		revalidate(s)
	}
	if order.State == providers.StatePendingOrder && s.view.Issuer.Capabilities.Enrol && !enrolled(purchase, issuance.CSRDigest) {
		issuance.EnrolmentDue = true
		clearWaiting(&s.order.Status)
		return goOn, nil
	}
	// Some resellers say "processing" while the CA still looks for the records.
	if err := r.setChallenges(ctx, s, order.Challenges); err != nil {
		return outcome{}, err
	}
	s.order.Status.Failures = 0
	if _, onlyPoll := validate(s.view).(Poll); !onlyPoll && issuance.State == v1alpha1.OrderValidating {
		clearWaiting(&s.order.Status)
		return goOn, nil
	}
	if order.State == providers.StateIssuing {
		enter(s, v1alpha1.OrderIssuing)
		return wait(s, ReasonAwaitingCertificate, "validated; the CA is issuing the certificate", r.pollAfter(s)), nil
	}
	reason, message := validationText(s, order)
	return wait(s, reason, message, r.pollAfter(s)), nil
}

// revalidate goes back from issuing to validating: the CA looks at the names again.
func revalidate(s *scope) {
	if issuance := s.order.Status.Issuance; issuance.State == v1alpha1.OrderIssuing {
		enter(s, v1alpha1.OrderValidating)
		issuance.Attempts = 1
	}
}

// pollAfter counts from when something last changed: records that a person publishes after
// days are validated within seconds.
func (r *Reconciler) pollAfter(s *scope) time.Duration {
	issuance := s.order.Status.Issuance
	changed := issuance.Since
	if seen := issuance.PropagatedAt; seen != nil && changed.Before(seen) {
		changed = *seen
	}
	return max(r.MinPoll, pollInterval(s.view.Now.Sub(changed.Time)))
}

// polledIdle keeps the ledger right for an order that nobody waits for.
func (r *Reconciler) polledIdle(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase, order providers.Order) (outcome, error) {
	next := metav1.NewTime(s.view.Now.Add(idleInterval))
	clearWaiting(&s.order.Status)
	s.order.Status.NextPollAt = &next
	switch order.State {
	case providers.StateRejected, providers.StateCancelled, providers.StateExpired:
		return outcome{after: idleInterval}, r.Ledger.Closed(ctx, purchase.Name, closedState(purchase, order, s.view.Now), order.Detail)
	case providers.StatePendingOrder, providers.StateAwaitingValidation, providers.StateIssuing, providers.StateIssued:
	}
	return outcome{after: idleInterval}, nil
}

// closedState is what becomes of a purchase whose order ended. One that expired before its
// paid term is over, because nobody validated it in time, was ended like a cancelled one:
// a person decides whether to pay again.
func closedState(purchase *v1alpha1.ResellerPurchase, order providers.Order, now time.Time) v1alpha1.PurchaseState {
	switch order.State {
	case providers.StateCancelled:
		return v1alpha1.PurchaseCancelled
	case providers.StateExpired:
		if until := purchase.Spec.PaidUntil; until != nil && until.After(now) {
			return v1alpha1.PurchaseCancelled
		}
		return v1alpha1.PurchaseExpired
	case providers.StateRejected, providers.StatePendingOrder, providers.StateAwaitingValidation, providers.StateIssuing, providers.StateIssued:
	}
	return v1alpha1.PurchaseRejected
}

// issued checks the chain and keeps it for the request.
func (r *Reconciler) issued(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase, order providers.Order) (outcome, error) {
	issuance := s.order.Status.Issuance
	r.polls.forget(s.supplier.Provider.Account().Key(), purchase.Name)
	built, err := r.buildChain(ctx, s, order.Certificates)
	if err != nil {
		return r.chainRefused(s, purchase, err), nil
	}
	certificate := v1alpha1.PurchasedCertificate{
		CSRDigest: issuance.CSRDigest, Serial: built.Serial(),
		NotAfter: metav1.NewTime(built.NotAfter()), IssuedAt: metav1.NewTime(s.view.Now), HandedOver: metav1.ConditionFalse,
	}
	s.wrote = true
	if err := r.Ledger.Certified(ctx, purchase.Name, certificate, order); err != nil {
		return outcome{}, err
	}
	s.order.Status.Certificate = &v1alpha1.OrderCertificate{
		CSRDigest: issuance.CSRDigest, Chain: built.PEM(),
		SHA256: built.SHA256(), Serial: built.Serial(),
		NotBefore: metav1.NewTime(built.NotBefore()), NotAfter: certificate.NotAfter,
	}
	if issuance.CSRDigest == s.order.Spec.Request.CSRDigest {
		s.order.Status.Certificate.RequestUID = s.order.Spec.Request.UID
		s.order.Status.ReissueAskedAt = nil
	}
	s.order.Status.Purchase = purchase.Name
	moveTo(s, v1alpha1.OrderIssued)
	s.note("Issued", "certificate %s is valid until %s", built.Serial(), day(built.NotAfter()))
	return goOn, nil
}

// buildChain verifies what the reseller delivered against the CSR that was sent.
func (r *Reconciler) buildChain(ctx context.Context, s *scope, blobs [][]byte) (chain.Chain, error) {
	issuance := s.order.Status.Issuance
	csr, err := chain.ParseCSR(issuance.CSR)
	if err != nil {
		return chain.Chain{}, err
	}
	certificates, err := parseAll(blobs)
	if err != nil {
		return chain.Chain{}, err
	}
	var extra []*x509.Certificate
	settings := s.supplier.Spec.Intermediates
	if settings != nil && settings.PEM != "" {
		if extra, err = chain.Parse([]byte(settings.PEM)); err != nil {
			// Not wrapped: it is the issuer's fault and not that of the delivery.
			return chain.Chain{}, errors.New("correct the issuer's spec.intermediates.pem: " + err.Error())
		}
	}
	requirement := chain.Requirement{CSR: csr, Names: issuance.Names, Now: s.view.Now, Extra: extra}
	built, err := chain.Build(certificates, requirement)
	missing, ok := errors.AsType[*chain.Error](err)
	if !ok || missing.Reason != chain.ReasonIntermediatesMissing || settings == nil || len(settings.AIAHosts) == 0 {
		return built, err
	}
	fetcher := r.Intermediates
	fetcher.AllowedHosts = settings.AIAHosts
	for _, certificate := range certificates {
		if !certificate.IsCA {
			// What was found may be enough even if a later hop failed; Build decides.
			fetched, _ := fetcher.Fetch(ctx, certificate)
			requirement.Extra = append(requirement.Extra, fetched...)
		}
	}
	return chain.Build(certificates, requirement)
}

// parseAll reads what was delivered; an empty part, such as a bundle without intermediates, is
// none.
func parseAll(blobs [][]byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for _, blob := range blobs {
		parsed, err := chain.Parse(blob)
		if problem, ok := errors.AsType[*chain.Error](err); ok && problem.Reason == chain.ReasonEmpty {
			continue
		}
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, parsed...)
	}
	return certificates, nil
}

// chainRefused tells chains that come right by themselves from those that don't.
func (r *Reconciler) chainRefused(s *scope, purchase *v1alpha1.ResellerPurchase, err error) outcome {
	problem, ok := errors.AsType[*chain.Error](err)
	if !ok {
		return hold(s, ReasonChainRefused, err.Error())
	}
	later := func(message string) outcome {
		return wait(s, ReasonAwaitingCertificate, message, r.pollAfter(s))
	}
	switch {
	case problem.Reason == chain.ReasonEmpty:
		return later("the reseller says issued, but delivers no certificate yet")
	case problem.Reason == chain.ReasonWrongKey && replaces(purchase, s.order.Status.Issuance.CSRDigest):
		return later("the reseller still delivers the certificate of an earlier key")
	case problem.Reason == chain.ReasonNotYetValid && problem.ValidFrom.Sub(s.view.Now) <= notYetValid:
		return later("the certificate is valid from " + problem.ValidFrom.UTC().Format(time.RFC3339))
	case problem.Reason == chain.ReasonIntermediatesMissing:
		return later(problem.Error() + ": add the intermediate to spec.intermediates.pem, or its host to spec.intermediates.aiaHosts")
	}
	return hold(s, ReasonChainRefused, "the delivered certificate is not handed over: "+problem.Error()+": settle it with the reseller")
}

// replaces reports whether the certificate for a CSR follows another one under the same
// order, which the reseller delivers until the new one is there.
func replaces(p *v1alpha1.ResellerPurchase, csrDigest string) bool {
	return p.Spec.Kind == v1alpha1.PurchaseRenewal || p.Spec.CSRDigest != csrDigest
}

// askValidation has the reseller look at the records now.
func (r *Reconciler) askValidation(ctx context.Context, s *scope, name string) (outcome, error) {
	purchase, result, err := r.paying(ctx, s, name)
	if purchase == nil {
		return result, err
	}
	issuance, now := s.order.Status.Issuance, metav1.NewTime(s.view.Now)
	if held, ok := r.checkCAA(ctx, s, "the order is paid, and the CA is not asked to validate, because it would refuse: "); !ok {
		return r.heldBack(ctx, s, name, held)
	}
	validator := s.supplier.Provider.(providers.Validator)
	err = r.call(ctx, s, func(ctx context.Context) error {
		return validator.Validate(ctx, ledger.IDs(purchase.Spec.OrderIDs), providerChallenges(issuance.Challenges))
	})
	if err != nil {
		if refusal, ok := errors.AsType[*providers.Error](err); ok && !passes(refusal.Kind) {
			// The order may have moved on: it is read before this is tried again.
			issuance.ValidationAskedAt = &now
		}
		return callFailed(s, err), nil
	}
	first := issuance.ValidationAskedAt == nil
	issuance.ValidationAskedAt = &now
	if first {
		s.note("ValidationRequested", "asked the reseller to validate %d name(s)", len(issuance.Challenges))
	}
	return wait(s, ReasonAwaitingValidation, "records are published; the CA is validating them", max(r.MinPoll, time.Second)), nil
}

// heldBack looks at the order all the same: what keeps us from asking the CA may not keep
// it from issuing.
func (r *Reconciler) heldBack(ctx context.Context, s *scope, name string, held outcome) (outcome, error) {
	status, now := &s.order.Status, metav1.NewTime(s.view.Now)
	status.Issuance.ValidationAskedAt = &now
	why, next := status.Waiting, status.NextAttemptAt
	result, err := r.poll(ctx, s, name)
	if err != nil || result.again || status.Issuance == nil || status.Waiting == nil || status.Waiting.Reason != string(ReasonAwaitingValidation) {
		return result, err
	}
	status.Waiting, status.NextAttemptAt = why, next
	return held, nil
}

// deliver notes that the request has its certificate; the chain is no longer needed.
func (r *Reconciler) deliver(ctx context.Context, s *scope) (outcome, error) {
	status := &s.order.Status
	purchases, err := r.Ledger.ByKey(ctx, s.order.Spec.Key)
	if err != nil {
		return outcome{}, err
	}
	s.wrote = true
	for i := range purchases {
		if !hasCertificate(&purchases[i], status.Certificate.CSRDigest) {
			continue
		}
		if err := r.Ledger.HandedOver(ctx, purchases[i].Name, status.Certificate.Serial); err != nil {
			return outcome{}, err
		}
	}
	status.Certificate.Chain = nil
	status.Issuance = nil
	clearWaiting(status)
	return goOn, nil
}
