package order

import (
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// rules in the order in which they are asked; the first that has an answer wins.
var rules = []func(View) Action{
	whenDeleted,
	whenCommanded,
	whenResolved,
	whenUncertain,
	whenImporting,
	whenWithoutRequest,
	whenDelivered,
	whenIssuerMissing,
	whenHeldByPlan,
	whenNotStarted,
	whenWaiting,
	whenUnderWay,
}

// next decides what to do. It is pure: the same view gives the same action.
func next(v View) Action {
	for _, rule := range rules {
		if action := rule(v); action != nil {
			return action
		}
	}
	return Rest{}
}

func whenDeleted(v View) Action {
	if v.Order.DeletionTimestamp.IsZero() {
		return nil
	}
	if len(v.Order.Status.Records) > 0 {
		return removeRecords(v)
	}
	if controllerutil.ContainsFinalizer(v.Order, v1alpha1.FinalizerUnissued) {
		return CancelUnissued{}
	}
	return Release{}
}

// whenResolved comes before everything that a resolution might change.
func whenResolved(v View) Action {
	for i := range v.Purchases {
		p := &v.Purchases[i]
		if _, open := openIntent(p); !open && openCommand(p) {
			continue // The word is for the clerk.
		}
		if p.Spec.Resolution != nil && p.Spec.ClusterID == v.ClusterID && resolvable(p) {
			return Resolve{Purchase: p.Name}
		}
	}
	return nil
}

// resolvable reports whether a person's word changes anything: a refused purchase stays what
// it is, and one that was taken for absent may have been paid after all.
func resolvable(p *v1alpha1.ResellerPurchase) bool {
	switch p.Spec.State {
	case v1alpha1.PurchaseRefused, v1alpha1.PurchaseImporting:
		return false
	case v1alpha1.PurchaseAbsent:
		return p.Spec.Resolution.Absent == ""
	case v1alpha1.PurchaseIntended, v1alpha1.PurchaseBought, v1alpha1.PurchaseRejected,
		v1alpha1.PurchaseCancelled, v1alpha1.PurchaseExpired, v1alpha1.PurchaseGivenUp:
	}
	return true
}

// whenUncertain looks for the effect of open intents, request or not: money may have
// been spent.
func whenUncertain(v View) Action {
	var soonest time.Time
	for i := range v.Purchases {
		p := &v.Purchases[i]
		intent, open := openIntent(p)
		if !open || p.Spec.ClusterID != v.ClusterID {
			continue
		}
		due := nextLook(v.Watches[intent])
		if !due.After(v.Now) && v.Issuer != nil {
			return Recover{Purchase: p.Name}
		}
		if soonest.IsZero() || due.Before(soonest) {
			soonest = due
		}
	}
	if soonest.IsZero() || v.Issuer == nil {
		return nil
	}
	return Rest{Until: soonest}
}

// openIntent returns the name of the intent of a purchase whose outcome isn't known.
func openIntent(p *v1alpha1.ResellerPurchase) (string, bool) {
	if p.Spec.State == v1alpha1.PurchaseIntended {
		return p.Name, true
	}
	if op := p.Spec.Operation; op != nil && op.Outcome == v1alpha1.OperationIntended {
		return p.Name + "/" + op.ID, true
	}
	return "", false
}

func whenWithoutRequest(v View) Action {
	if v.Request != RequestNone && v.Request != RequestEnded {
		return nil
	}
	status := v.Order.Status
	switch {
	case status.State != v1alpha1.OrderIdle || status.Issuance != nil || status.Waiting != nil:
		return GoIdle{}
	case len(status.Records) > 0:
		return removeRecords(v)
	}
	purchase := unfinished(v)
	if purchase == "" || v.Issuer == nil {
		return Rest{}
	}
	if status.NextPollAt != nil && status.NextPollAt.After(v.Now) {
		return Rest{Until: status.NextPollAt.Time}
	}
	return Poll{Purchase: purchase}
}

// unfinished is the newest purchase for which a certificate is still to come.
func unfinished(v View) string {
	for i := range slices.Backward(v.Purchases) {
		p := &v.Purchases[i]
		if p.Spec.State != v1alpha1.PurchaseBought || p.Spec.ClusterID != v.ClusterID {
			continue
		}
		if _, _, ok := pendingCSR(p); ok {
			return p.Name
		}
	}
	return ""
}

func whenDelivered(v View) Action {
	if v.Request != RequestReady {
		return nil
	}
	certificate := v.Order.Status.Certificate
	switch {
	// First, whatever becomes of the records: what is in use decides over reissues.
	case certificate != nil && len(certificate.Chain) > 0:
		return Deliver{}
	case len(v.Order.Status.Records) > 0:
		return removeRecords(v)
	}
	return Rest{}
}

func whenIssuerMissing(v View) Action {
	if v.Issuer != nil {
		return nil
	}
	return Hold{Reason: ReasonIssuerNotReady, Message: v.IssuerProblem}
}

// whenHeldByPlan holds an order whose paid purchase needs a decision, even in the
// middle of an issuance.
func whenHeldByPlan(v View) Action {
	if issuance := v.issuance(); issuance != nil && issuance.State == v1alpha1.OrderIssued && issuance.CSRDigest == v.Order.Spec.Request.CSRDigest {
		return nil
	}
	if _, hold := plan(v); hold != nil {
		return *hold
	}
	return nil
}

func whenNotStarted(v View) Action {
	request, issuance := v.Order.Spec.Request, v.issuance()
	finished := issuance != nil && issuance.State == v1alpha1.OrderIssued && issuance.CSRDigest != request.CSRDigest
	p, _ := plan(v)
	if issuance != nil && issuance.RequestUID == request.UID && !finished && !givenUp(v, p) {
		return nil
	}
	return Start{Plan: p}
}

// givenUp reports whether the issuance waits under a purchase that the plan doesn't build on
// any more, because a person gave it up or its term is over.
func givenUp(v View, p Plan) bool {
	issuance := v.issuance()
	placed := issuance.State == v1alpha1.OrderValidating || issuance.State == v1alpha1.OrderIssuing
	return placed && p.Purchase != issuance.Purchase && v.purchase(issuance.Purchase) != nil
}

func whenWaiting(v View) Action {
	status := v.Order.Status
	if status.NextAttemptAt == nil || !status.NextAttemptAt.After(v.Now) || status.IssuerGeneration != v.Issuer.Generation {
		return nil
	}
	return Rest{Until: status.NextAttemptAt.Time}
}

func whenUnderWay(v View) Action {
	issuance := v.issuance()
	switch issuance.State {
	case v1alpha1.OrderPreflight:
		return Preflight{}
	case v1alpha1.OrderPublishing:
		if hold := heldByMode(v); hold != nil {
			return *hold
		}
		if len(issuance.Challenges) == 0 {
			return Prepare{}
		}
		if action := publish(v); action != nil {
			return action
		}
		return spend(v)
	case v1alpha1.OrderOrdering:
		return spend(v)
	case v1alpha1.OrderValidating:
		return validate(v)
	case v1alpha1.OrderIssuing:
		return Poll{Purchase: issuance.Purchase}
	case v1alpha1.OrderIssued:
		if len(v.Order.Status.Records) > 0 {
			return removeRecords(v)
		}
	case v1alpha1.OrderFailed, v1alpha1.OrderHeld, v1alpha1.OrderIdle:
	}
	return Rest{}
}

// publish brings the records out and waits until they are seen; nil when that is done. Those
// of an earlier issuance go first, because they may be in the way; if they can't be
// removed now, that is tried again between the other steps.
func publish(v View) Action {
	issuance := v.issuance()
	if slices.ContainsFunc(v.Order.Status.Records, func(r v1alpha1.PublishedRecord) bool { return !wanted(issuance, r) }) {
		if action, due := removeRecords(v).(RemoveRecords); due {
			return action
		}
	}
	if slices.ContainsFunc(v.Order.Status.Records, func(r v1alpha1.PublishedRecord) bool { return !r.Presented && wanted(issuance, r) }) ||
		needsTarget(issuance) {
		return Publish{}
	}
	if !needsObservation(issuance) {
		return nil
	}
	if issuance.PropagatedAt == nil {
		return Observe{}
	}
	if settled := issuance.PropagatedAt.Add(v.Issuer.SettleTime); settled.After(v.Now) {
		return Rest{Until: settled}
	}
	return nil
}

// wanted reports whether a record belongs to a challenge of the issuance.
func wanted(issuance *v1alpha1.Issuance, record v1alpha1.PublishedRecord) bool {
	return slices.ContainsFunc(issuance.Challenges, func(c v1alpha1.OrderChallenge) bool {
		return isRecordOf(&c, &record)
	})
}

// isRecordOf reports whether a published record or file is that of a challenge.
func isRecordOf(c *v1alpha1.OrderChallenge, record *v1alpha1.PublishedRecord) bool {
	if c.Method == v1alpha1.DCVMethodFile {
		return record.Type == c.Method && isFileOf(c, *record)
	}
	return c.Method == record.Type && publishName(c) == record.Name && c.RecordValue == record.Value
}

// needsTarget reports whether there is a record for which it isn't known yet where it is to be
// published.
func needsTarget(issuance *v1alpha1.Issuance) bool {
	return slices.ContainsFunc(issuance.Challenges, func(c v1alpha1.OrderChallenge) bool { return c.TargetUnknown && !c.Validated })
}

// needsObservation reports whether any challenge is a record or file that we can look for.
func needsObservation(issuance *v1alpha1.Issuance) bool {
	return !issuance.Provisioned && slices.ContainsFunc(issuance.Challenges, func(c v1alpha1.OrderChallenge) bool {
		return observable(&c) && !c.Validated
	})
}

// observable reports whether a challenge is a record, or a file that we serve.
func observable(c *v1alpha1.OrderChallenge) bool { return c.RecordName != "" || servedByUs(c) }

// spend decides again, from the ledger, how the certificate is got, and does it unless
// the issuer's mode forbids it.
func spend(v View) Action {
	issuance := v.issuance()
	p, _ := plan(v)
	if p.Operation != issuance.Operation || p.Purchase != issuance.Purchase || p.CSRDigest != issuance.CSRDigest {
		return Start{Plan: p}
	}
	if hold := heldByMode(v); hold != nil {
		return *hold
	}
	if checked := issuance.CheckedAt; checked == nil || v.Now.Sub(checked.Time) > checkedFor {
		return Preflight{}
	}
	switch p.Operation {
	case v1alpha1.OperationPurchase:
		return Pay{}
	case v1alpha1.OperationRenew:
		return Pay{Renews: p.Purchase}
	case v1alpha1.OperationReissue:
		return Reissue{Purchase: p.Purchase}
	case v1alpha1.OperationResume:
	}
	return Start{Plan: p}
}

// validate has the names validated under an order that was placed.
func validate(v View) Action {
	issuance := v.issuance()
	if p := v.purchase(issuance.Purchase); issuance.EnrolmentDue && p != nil && !enrolled(p, issuance.CSRDigest) {
		if hold := heldByMode(v); hold != nil {
			return *hold
		}
		return Enrol{Purchase: issuance.Purchase}
	}
	if issuance.Attempts == 0 || len(issuance.Challenges) == 0 {
		return Poll{Purchase: issuance.Purchase}
	}
	if action := publish(v); action != nil {
		return action
	}
	if v.Issuer.Capabilities.Validate && dueForValidation(v) {
		return AskValidation{Purchase: issuance.Purchase}
	}
	return Poll{Purchase: issuance.Purchase}
}

func dueForValidation(v View) bool {
	issuance := v.issuance()
	open := slices.ContainsFunc(issuance.Challenges, func(c v1alpha1.OrderChallenge) bool {
		return !c.Validated && c.Method != v1alpha1.DCVMethodEmail
	})
	if !open {
		return false
	}
	if issuance.ValidationAskedAt == nil {
		return true
	}
	interval := validationInterval
	if ttl := issuance.NegativeTTL; ttl != nil {
		interval = max(interval, min(ttl.Duration, maxNegativeTTL))
	}
	return !issuance.ValidationAskedAt.Add(interval).After(v.Now)
}

// removeRecords takes records away, at most every cleanupInterval once that has failed.
func removeRecords(v View) Action {
	if at := v.Order.Status.NextCleanupAt; at != nil && at.After(v.Now) {
		return Rest{Until: at.Time}
	}
	return RemoveRecords{}
}
