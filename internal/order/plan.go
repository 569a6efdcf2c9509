package order

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// defaultMinimumLifetime applies where an issuer states none: shorter certificates are
// not worth a reissue.
const defaultMinimumLifetime = 45 * 24 * time.Hour

// plan decides how the certificate for the order's request is got: by finishing what was
// ordered, by a reissue under the paid term, or by paying. It looks only at the ledger and
// the issuer, never at the issuance, so that it comes to the same decision after a
// crash at any point.
func plan(v View) (Plan, *Hold) {
	request := v.Order.Spec.Request
	fresh := Plan{
		Operation: v1alpha1.OperationPurchase,
		CSR:       request.CSR, CSRDigest: request.CSRDigest, CommonName: request.CommonName, Names: request.Names,
	}
	newest := newestOf(v.Purchases, request.Names)
	if newest == nil {
		if paid := renamable(v); paid != nil {
			fresh.Operation, fresh.Purchase = v1alpha1.OperationReissue, paid.Name
		}
		return fresh, nil
	}
	if hold := unusable(v, newest); hold != nil {
		return Plan{}, hold
	}
	if newest.Spec.State == v1alpha1.PurchaseExpired || newest.Spec.Account != v.Issuer.Account {
		return fresh, nil
	}
	if csr, digest, ok := pendingCSR(newest); ok {
		fresh.Operation, fresh.Purchase = v1alpha1.OperationResume, newest.Name
		if !takesNextCSR(v, newest) {
			fresh.CSR, fresh.CSRDigest = csr, digest
		}
		return fresh, nil
	}
	if hasCertificate(newest, request.CSRDigest) && newest.Spec.Certificates[len(newest.Spec.Certificates)-1].CSRDigest == request.CSRDigest {
		fresh.Operation, fresh.Purchase = v1alpha1.OperationResume, newest.Name
		return fresh, nil
	}
	switch {
	case worthReissue(v, newest):
		fresh.Operation, fresh.Purchase = v1alpha1.OperationReissue, newest.Name
	case v.Issuer.Capabilities.Renew && nearEnd(v, newest):
		fresh.Operation, fresh.Purchase = v1alpha1.OperationRenew, newest.Name
	}
	return fresh, nil
}

// newestOf returns the last purchase for exactly these names that may have cost money and
// that nobody has given up.
func newestOf(purchases []v1alpha1.ResellerPurchase, names []string) *v1alpha1.ResellerPurchase {
	for i := range slices.Backward(purchases) {
		p := &purchases[i]
		switch p.Spec.State {
		case v1alpha1.PurchaseRefused, v1alpha1.PurchaseAbsent, v1alpha1.PurchaseGivenUp, v1alpha1.PurchaseImporting:
			continue
		case v1alpha1.PurchaseIntended, v1alpha1.PurchaseBought, v1alpha1.PurchaseRejected,
			v1alpha1.PurchaseCancelled, v1alpha1.PurchaseExpired:
		}
		if slices.Equal(p.Spec.Names, names) {
			return p
		}
	}
	return nil
}

// unusable says why a purchase that stands in the way needs a person's decision.
func unusable(v View, p *v1alpha1.ResellerPurchase) *Hold {
	hold := func(reason Reason, format string, args ...any) *Hold {
		return &Hold{Reason: reason, Message: fmt.Sprintf(format, args...)}
	}
	switch p.Spec.State {
	case v1alpha1.PurchaseRejected:
		return hold(ReasonOrderRejected, "paid order of ResellerPurchase %s was rejected (%s): settle it with the reseller; to permit another purchase set its spec.resolution.absent (the money came back) or spec.resolution.givenUp (it is spent) to Confirmed", p.Name, p.Spec.Message)
	case v1alpha1.PurchaseCancelled:
		return hold(ReasonOrderCancelled, "order of ResellerPurchase %s was cancelled (%s): to permit another purchase set its spec.resolution.absent (the money came back) or spec.resolution.givenUp (it is spent) to Confirmed", p.Name, p.Spec.Message)
	case v1alpha1.PurchaseIntended, v1alpha1.PurchaseBought, v1alpha1.PurchaseRefused, v1alpha1.PurchaseAbsent,
		v1alpha1.PurchaseExpired, v1alpha1.PurchaseGivenUp, v1alpha1.PurchaseImporting:
	}
	if p.Spec.ClusterID != v.ClusterID {
		return hold(ReasonForeignCluster, "ResellerPurchase %s was made by cluster %s: to take it over set its spec.clusterID to %s", p.Name, p.Spec.ClusterID, v.ClusterID)
	}
	if op := p.Spec.CommandOperation; openCommand(p) && op.Kind == v1alpha1.PurchaseOperationCancel {
		return hold(ReasonRecovering, "whether the order of ResellerPurchase %s is cancelled, as %s asked, is not known yet (%s)", p.Name, op.Command.By, op.Message)
	}
	if p.Spec.Account != v.Issuer.Account && p.Spec.PaidUntil != nil && remaining(v, p) >= minimumLifetime(v) {
		return hold(ReasonAccountChanged, "ResellerPurchase %s was paid by account %s at %s and is good until %s, but the issuer is now account %s at %s: point the issuer back, or give the purchase up by setting its spec.resolution.givenUp to Confirmed",
			p.Name, p.Spec.Account.Name, p.Spec.Account.Endpoint, day(p.Spec.PaidUntil.Time), v.Issuer.Account.Name, v.Issuer.Account.Endpoint)
	}
	return nil
}

// pendingCSR returns the CSR for which the reseller took an order or a reissue and no
// certificate was fetched yet. An enrolment, however it ended, is the second step of one.
func pendingCSR(p *v1alpha1.ResellerPurchase) ([]byte, string, bool) {
	op := p.Spec.Operation
	placed := op != nil && (op.Kind == v1alpha1.PurchaseOperationEnrol ||
		op.Kind == v1alpha1.PurchaseOperationReissue && op.Outcome == v1alpha1.OperationDone)
	if placed && !certifiedSince(p, op) {
		return op.CSR, op.CSRDigest, true
	}
	if len(p.Spec.Certificates) == 0 {
		return p.Spec.CSR, p.Spec.CSRDigest, true
	}
	return nil, "", false
}

// takesNextCSR reports whether an order was paid without a CSR and hasn't been given one: it is
// continued with that of the request, and needs no reissue then. A renewal has its CSR.
func takesNextCSR(v View, p *v1alpha1.ResellerPurchase) bool {
	return v.Issuer.Profile.CSRAtEnrolment && p.Spec.Kind != v1alpha1.PurchaseRenewal && p.Spec.Operation == nil && len(p.Spec.Certificates) == 0
}

func hasCertificate(p *v1alpha1.ResellerPurchase, csrDigest string) bool {
	return slices.ContainsFunc(p.Spec.Certificates, func(c v1alpha1.PurchasedCertificate) bool { return c.CSRDigest == csrDigest })
}

// certifiedSince reports whether the certificate of an operation was fetched. One for the same CSR
// from before doesn't count: a request may be served again after another one was.
func certifiedSince(p *v1alpha1.ResellerPurchase, op *v1alpha1.PurchaseOperation) bool {
	since := op.IntendedAt.Time
	if op.FinishedAt != nil {
		since = op.FinishedAt.Time
	}
	return slices.ContainsFunc(p.Spec.Certificates, func(c v1alpha1.PurchasedCertificate) bool {
		return c.CSRDigest == op.CSRDigest && !c.IssuedAt.Time.Before(since.Truncate(time.Second))
	})
}

// enrolled reports whether the second step for a CSR was taken. It is taken once: a reseller
// may need a while to show it.
func enrolled(p *v1alpha1.ResellerPurchase, csrDigest string) bool {
	op := p.Spec.Operation
	return op != nil && op.Kind == v1alpha1.PurchaseOperationEnrol && op.CSRDigest == csrDigest && op.Outcome == v1alpha1.OperationDone
}

// worthReissue reports whether a further certificate of the paid term is allowed, lives
// long enough, and outlives the present one.
func worthReissue(v View, p *v1alpha1.ResellerPurchase) bool {
	if !v.Issuer.Capabilities.Reissue {
		return false
	}
	present := p.Spec.Certificates[len(p.Spec.Certificates)-1]
	left := remaining(v, p)
	if left > 0 && reissueAsked(v) {
		return true
	}
	if left <= 0 || left < minimumLifetime(v) {
		return false
	}
	// A new leaf outlives the present one unless the paid term ends before. A leaf that
	// nobody got, or that was revoked, is no reason to pay again.
	if inUse(present) && !p.Spec.PaidUntil.After(present.NotAfter.Time) {
		return false
	}
	switch v.Issuer.Policy.Reissue {
	case v1alpha1.ReissueAlways:
		return true
	case v1alpha1.ReissueNever:
		return present.HandedOver != metav1.ConditionTrue
	case v1alpha1.ReissueWhenSafe:
	}
	return v.Issuer.Profile.ReissueKeepsOld || !inUse(present)
}

// inUse reports whether a certificate is in a Secret and good for anything there.
func inUse(c v1alpha1.PurchasedCertificate) bool {
	return c.HandedOver == metav1.ConditionTrue && c.RevokedAt == nil
}

// renamable is the paid purchase for other names into which the request's names are put where
// the issuer says so, nil if there is none. A bare request is found by its names: with
// others it is another one.
func renamable(v View) *v1alpha1.ResellerPurchase {
	policy := v.Issuer.Policy
	if policy.ChangedNames != v1alpha1.ChangedNamesReissue || policy.Reissue == v1alpha1.ReissueNever ||
		!v.Issuer.Capabilities.Reissue || v.Order.Spec.Request.CertificateUID == "" {
		return nil
	}
	for i := range slices.Backward(v.Purchases) {
		p := &v.Purchases[i]
		if p.Spec.State != v1alpha1.PurchaseBought || p.Spec.ClusterID != v.ClusterID || p.Spec.Account != v.Issuer.Account {
			continue
		}
		if _, _, pending := pendingCSR(p); !pending && remaining(v, p) >= max(minimumLifetime(v), 1) {
			return p
		}
	}
	return nil
}

// nearEnd reports whether the paid term is too short for another certificate, which is
// when a renewal makes sense; a purchase under a policy that forbids reissues is new, and
// so is one after a term that is over.
func nearEnd(v View, p *v1alpha1.ResellerPurchase) bool {
	left := remaining(v, p)
	return left > 0 && left < max(minimumLifetime(v), v.Issuer.Profile.MaxValidity/2)
}

// remaining is how long a certificate issued now under the purchase would live.
func remaining(v View, p *v1alpha1.ResellerPurchase) time.Duration {
	if p.Spec.PaidUntil == nil {
		return 0
	}
	return min(v.Issuer.Profile.MaxValidity, p.Spec.PaidUntil.Sub(v.Now))
}

// minimumLifetime is the shortest certificate worth a reissue: what the issuer says, at
// least one and a half times the renewal time so that a new certificate isn't due for
// renewal at once, at most half of what the CA issues.
func minimumLifetime(v View) time.Duration {
	lifetime := defaultMinimumLifetime
	if m := v.Issuer.Policy.MinimumLifetime; m != nil {
		lifetime = m.Duration
	}
	if before := v.Order.Spec.Request.RenewBefore; before != nil {
		lifetime = max(lifetime, before.Duration*3/2)
	}
	return min(lifetime, v.Issuer.Profile.MaxValidity/2)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
