package order

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// recover looks for the effect of the open intent of a purchase and concludes what can
// be concluded.
func (r *Reconciler) recover(ctx context.Context, s *scope, name string) (outcome, error) {
	purchase := s.view.purchase(name)
	intent, _ := openIntent(purchase)
	if issuance := s.order.Status.Issuance; issuance != nil {
		// The next look at the order, before anything else is asked of it, says whether it is
		// enrolled.
		issuance.EnrolmentDue, issuance.Attempts = false, 0
	}
	if stored, err := r.recordNow(ctx, s, intent); stored || err != nil {
		return goOn, err
	}
	if s.supplier.Provider.Account() != accountOf(purchase) {
		return hold(s, ReasonAccountChanged, fmt.Sprintf("the outcome of ResellerPurchase %s is open, and the issuer is now another account than %s: point the issuer back", name, purchase.Spec.Account.Name)), nil
	}
	var found []providers.Found
	began := r.Now()
	err := r.call(ctx, s, func(ctx context.Context) (err error) {
		found, err = s.supplier.Provider.Find(ctx, traceOf(purchase, s.view.purchase(purchase.Spec.Renews)))
		return err
	})
	if err != nil {
		return callFailed(s, err), nil
	}
	watched := r.watches.look(intent, began)
	found, err = r.unclaimed(ctx, purchase, found)
	if err != nil {
		return outcome{}, err
	}
	v := conclude(found, watched, s.view.Issuer.Profile, traceOf(purchase, nil).Kind)
	switch {
	case v.adopt != nil:
		r.watches.forget(intent)
		return r.adopt(ctx, s, purchase, *v.adopt)
	case v.absent:
		r.watches.forget(intent)
		return r.absent(ctx, s, purchase, "the reseller has no such order; "+purchase.Spec.Message)
	case v.hold != "":
		v.hold += r.examine(ctx, s, purchase)
		return hold(s, ReasonPurchaseUncertain, fmt.Sprintf("it is not known whether ResellerPurchase %s was charged, and nothing is bought until it is: %s; look it up in the reseller's panel and set spec.resolution of the ResellerPurchase, orderIDs to adopt an order or absent: Confirmed", name, v.hold)), nil
	}
	return wait(s, ReasonRecovering, fmt.Sprintf("the outcome of ResellerPurchase %s is not known yet; looking for it at the reseller, nothing is bought again", name), nextLook(Watch{Since: r.Now().Add(-watched), LastLook: r.Now()}).Sub(r.Now())), nil
}

// record stores an outcome. If that fails, the process remembers how to: nobody else
// knows what the reseller answered.
func (r *Reconciler) record(ctx context.Context, s *scope, intent string, store func(context.Context) error) error {
	s.wrote = true
	err := store(ctx)
	if err != nil {
		r.unrecorded.Store(intent, store)
	}
	return err
}

// recordNow stores an outcome that couldn't be stored before, and reports whether there was
// one.
func (r *Reconciler) recordNow(ctx context.Context, s *scope, intent string) (bool, error) {
	store, ok := r.unrecorded.LoadAndDelete(intent)
	if !ok {
		return false, nil
	}
	return true, r.record(ctx, s, intent, store.(func(context.Context) error))
}

// examine adds what else the reseller's API tells a person about an open intent.
func (r *Reconciler) examine(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase) string {
	examiner, ok := s.supplier.Provider.(providers.Examiner)
	if !ok {
		return ""
	}
	var finding string
	err := r.call(ctx, s, func(ctx context.Context) (err error) {
		finding, err = examiner.Examine(ctx, traceOf(purchase, s.view.purchase(purchase.Spec.Renews)))
		return err
	})
	if err != nil || finding == "" {
		return ""
	}
	return "; " + finding
}

// unclaimed drops orders that stand in another purchase: an id belongs to one key. For
// an operation on an order, that order itself is what is looked for.
func (r *Reconciler) unclaimed(ctx context.Context, purchase *v1alpha1.ResellerPurchase, found []providers.Found) ([]providers.Found, error) {
	if len(found) == 0 {
		return nil, nil
	}
	all, err := r.Ledger.ByAccount(ctx, purchase.Spec.Account)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(f providers.Found) bool {
		return claimed(all, purchase, f.Order.IDs) != ""
	}), nil
}

// claimed names the purchase to which an order belongs, other than that given and the one
// that it renews: some resellers renew in place.
func claimed(all []v1alpha1.ResellerPurchase, purchase *v1alpha1.ResellerPurchase, ids providers.IDs) string {
	for i := range all {
		if name := all[i].Name; name != purchase.Name && name != purchase.Spec.Renews && ids.Equal(ledger.IDs(all[i].Spec.OrderIDs)) {
			return all[i].Name
		}
	}
	return ""
}

// adopt records an order as the effect of the open intent.
func (r *Reconciler) adopt(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase, order providers.Order) (outcome, error) {
	s.note("Adopted", "found the order whose answer was lost: %s, ResellerPurchase %s", describe(order.IDs), purchase.Name)
	clearWaiting(&s.order.Status)
	s.wrote = true
	if purchase.Spec.State == v1alpha1.PurchaseIntended {
		err := r.Ledger.Adopted(ctx, purchase.Name, providers.Placed{IDs: order.IDs, Price: order.Price})
		return goOn, err
	}
	err := r.Ledger.OperationEnded(ctx, purchase.Name, purchase.Spec.Operation.ID, v1alpha1.OperationDone, order.IDs, "")
	return goOn, err
}

// absent records that the open intent certainly had no effect.
func (r *Reconciler) absent(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase, why string) (outcome, error) {
	clearWaiting(&s.order.Status)
	s.wrote = true
	if purchase.Spec.State == v1alpha1.PurchaseIntended {
		return goOn, r.Ledger.Closed(ctx, purchase.Name, v1alpha1.PurchaseAbsent, why)
	}
	return goOn, r.Ledger.OperationEnded(ctx, purchase.Name, purchase.Spec.Operation.ID, v1alpha1.OperationAbsent, nil, why)
}

// resolve carries out a person's word. It is used once: the word is removed with what it
// did.
func (r *Reconciler) resolve(ctx context.Context, s *scope, name string) (outcome, error) {
	purchase := s.view.purchase(name)
	word := purchase.Spec.Resolution
	s.wrote = true
	switch {
	case word.Absent != "":
		return goOn, r.giveUp(ctx, purchase)
	case word.GivenUp != "":
		return goOn, r.abandon(ctx, purchase)
	}
	if s.supplier == nil || s.supplier.Provider.Account() != accountOf(purchase) {
		return hold(s, ReasonAccountChanged, fmt.Sprintf("spec.resolution of ResellerPurchase %s can't be checked: the issuer isn't usable or is another account", name)), nil
	}
	all, err := r.Ledger.ByAccount(ctx, purchase.Spec.Account)
	if err != nil {
		return outcome{}, err
	}
	ids := ledger.IDs(word.OrderIDs)
	if other := claimed(all, purchase, ids); other != "" {
		return hold(s, ReasonOrderMismatch, fmt.Sprintf("spec.resolution of ResellerPurchase %s names an order that belongs to ResellerPurchase %s: give the right orderIDs", name, other)), nil
	}
	var order providers.Order
	if err := r.call(ctx, s, func(ctx context.Context) (err error) {
		order, err = s.supplier.Provider.Order(ctx, ids)
		return err
	}); err != nil {
		return callFailed(s, err), nil
	}
	if ids.Equal(ledger.IDs(purchase.Spec.OrderIDs)) && !recognised(purchase, order) {
		return r.acceptChange(ctx, s, purchase, order)
	}
	if !belongs(purchase, order) {
		return hold(s, ReasonOrderMismatch, fmt.Sprintf("the order in spec.resolution of ResellerPurchase %s is for other names or another CSR: give the right orderIDs", name)), nil
	}
	s.note("Adopted", "adopted order %s as a person decided, ResellerPurchase %s", describe(ids), name)
	return goOn, r.resolved(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) {
		if op := spec.Operation; op != nil && op.Outcome == v1alpha1.OperationIntended {
			op.Outcome = v1alpha1.OperationDone
			ledger.TakeNames(spec)
		}
		ledger.MarkBought(spec, providers.Placed{IDs: order.IDs, Price: order.Price}, r.Now())
	})
}

// giveUp takes the open operation of a purchase, or else the purchase itself, for absent.
func (r *Reconciler) giveUp(ctx context.Context, purchase *v1alpha1.ResellerPurchase) error {
	return r.resolved(ctx, purchase.Name, func(spec *v1alpha1.ResellerPurchaseSpec) {
		if spec.State != purchase.Spec.State {
			// The answer came after all: the word was about something else.
			return
		}
		spec.Message = "a person confirmed that there is no such order"
		if op := spec.Operation; spec.State == v1alpha1.PurchaseBought && op != nil && op.Outcome == v1alpha1.OperationIntended {
			op.Outcome, op.Message = v1alpha1.OperationAbsent, spec.Message
			return
		}
		spec.State = v1alpha1.PurchaseAbsent
	})
}

// abandon keeps a purchase that is paid from being used any more. It goes on counting.
func (r *Reconciler) abandon(ctx context.Context, purchase *v1alpha1.ResellerPurchase) error {
	return r.resolved(ctx, purchase.Name, func(spec *v1alpha1.ResellerPurchaseSpec) {
		if spec.State != purchase.Spec.State {
			// The answer came after all: the word was about something else.
			return
		}
		spec.State, spec.Message = v1alpha1.PurchaseGivenUp, "a person gave it up; the money is spent"
		if op := spec.Operation; op != nil && op.Outcome == v1alpha1.OperationIntended {
			op.Outcome, op.Message = v1alpha1.OperationAbsent, spec.Message
		}
	})
}

func (r *Reconciler) resolved(ctx context.Context, name string, change func(*v1alpha1.ResellerPurchaseSpec)) error {
	return r.Ledger.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		if spec.Resolution == nil {
			return false
		}
		change(spec)
		spec.Resolution = nil
		return true
	})
}

// traceOf is what is known of the open intent of a purchase; renewed is the purchase that it
// follows, nil for a new one.
func traceOf(p, renewed *v1alpha1.ResellerPurchase) providers.Trace {
	trace := providers.Trace{
		Kind: providers.Purchase, Reference: p.Spec.Reference,
		CSR: p.Spec.CSR, CommonName: p.Spec.CommonName, Names: p.Spec.Names,
		Product: p.Spec.Product, Since: p.Spec.IntendedAt.Time,
	}
	if p.Spec.Kind == v1alpha1.PurchaseRenewal {
		trace.Kind = providers.Renew
	}
	if renewed != nil {
		trace.IDs = ledger.IDs(renewed.Spec.OrderIDs)
	}
	if p.Spec.Before != nil {
		trace.Before = &providers.Snapshot{OrderIDs: p.Spec.Before.OrderIDs, Balance: providerMoney(p.Spec.Before.Balance)}
	}
	if op := p.Spec.Operation; p.Spec.State != v1alpha1.PurchaseIntended && op != nil {
		trace.Kind, trace.IDs = providers.OperationKind(op.Kind), ledger.IDs(p.Spec.OrderIDs)
		trace.Reference, trace.CSR, trace.Since, trace.Before = op.Reference, op.CSR, op.IntendedAt.Time, nil
		if len(op.Names) > 0 {
			trace.Names, trace.CommonName = op.Names, op.CommonName
		}
	}
	return trace
}

// providerMoney is nil for an amount that isn't known or not a number.
func providerMoney(m *v1alpha1.Money) *providers.Money {
	if m == nil {
		return nil
	}
	amount, err := providers.ParseMoney(m.Amount, m.Currency)
	if err != nil {
		return nil
	}
	return &amount
}

func accountOf(p *v1alpha1.ResellerPurchase) providers.Account {
	return providers.Account{Reseller: p.Spec.Account.Reseller, Endpoint: p.Spec.Account.Endpoint, Name: p.Spec.Account.Name}
}

// belongs reports whether an order read back is that of the purchase: by its reference, by
// any CSR that was sent, or, where the reseller tells neither, by the names. A reference
// of another kind, such as that of an order that a person placed, may stand beside a CSR.
func belongs(p *v1alpha1.ResellerPurchase, order providers.Order) bool {
	if order.Reference != "" && order.Reference == p.Spec.Reference {
		return true
	}
	if echoed(order.CSR) != nil {
		return recognised(p, order)
	}
	if order.Reference != "" && !ledger.MadeReference(order.Reference) {
		return false
	}
	names := p.Spec.Names
	if op := p.Spec.Operation; op != nil {
		names = slices.Concat(names, op.Names)
	}
	return len(order.Names) == 0 || slices.ContainsFunc(order.Names, func(name string) bool { return slices.Contains(names, name) })
}

// recognised reports whether the CSR that an order has now, if the reseller tells it, is one
// that the ledger knows of.
func recognised(p *v1alpha1.ResellerPurchase, order providers.Order) bool {
	csr := echoed(order.CSR)
	if csr == nil {
		return true
	}
	digest := chain.Digest(csr)
	return digest == p.Spec.CSRDigest || hasCertificate(p, digest) ||
		p.Spec.Operation != nil && p.Spec.Operation.CSRDigest == digest
}

// echoed reads a CSR in PEM or bare base64, nil if it can't be read.
func echoed(text []byte) *x509.CertificateRequest {
	if len(text) == 0 {
		return nil
	}
	csr, err := chain.ParseCSR(text)
	if err != nil {
		csr, err = chain.ParseCSR(fmt.Appendf(nil, "-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----", text))
	}
	if err != nil {
		return nil
	}
	return csr
}
