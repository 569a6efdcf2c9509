package order

import (
	"context"
	"errors"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/order/spending"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// operation is a call under a purchase that can't be repeated.
type operation struct {
	kind v1alpha1.OperationKind
	call func(context.Context, *providers.Intent, providers.IDs, providers.Request) (providers.Placed, error)
	// done is the event of its success: reason and text before the purchase's name.
	done, text string
}

// reissue gets a further certificate under a purchase.
func (r *Reconciler) reissue(ctx context.Context, s *scope, action Reissue) (outcome, error) {
	return r.asBuyer(ctx, s, action, func() (outcome, error) {
		all, err := r.Ledger.ByAccount(ctx, s.view.Issuer.Account)
		if err != nil {
			return outcome{}, err
		}
		if refusal := spending.Reissue(s.view.Issuer.Policy, wantedPurchase(s), all, s.view.Now); refusal != nil {
			return refused(s, refusal), nil
		}
		return r.operate(ctx, s, action.Purchase, operation{
			kind: v1alpha1.PurchaseOperationReissue, call: s.supplier.Provider.(providers.Reissuer).Reissue,
			done: "Reissued", text: "reissue ordered, which is paid for, under ResellerPurchase ",
		})
	})
}

// enrol hands the CSR of an order that is paid to the CA.
func (r *Reconciler) enrol(ctx context.Context, s *scope, action Enrol) (outcome, error) {
	return r.asBuyer(ctx, s, action, func() (outcome, error) {
		return r.operate(ctx, s, action.Purchase, operation{
			kind: v1alpha1.PurchaseOperationEnrol, call: s.supplier.Provider.(providers.Enroller).Enrol,
			done: "Enrolled", text: "CSR handed to the CA under ResellerPurchase ",
		})
	})
}

// operate writes the intent, makes the call and records its outcome.
func (r *Reconciler) operate(ctx context.Context, s *scope, name string, op operation) (outcome, error) {
	release, wait := r.Limits.Reserve(s.supplier.Provider.Account().Key())
	if release == nil {
		return outcome{after: max(wait, 100*time.Millisecond)}, nil
	}
	if op.kind == v1alpha1.PurchaseOperationReissue {
		if instead, err := r.confirm(ctx, s, s.view.purchase(name), release); instead != nil {
			return *instead, err
		}
	}
	purchase, intent, err := r.Ledger.IntendOperation(ctx, s.view.purchase(name), operationSpec(s, name, op.kind))
	if err != nil {
		release(nil)
		if errors.Is(err, ledger.ErrOpenIntent) {
			return goOn, nil
		}
		return outcome{}, err
	}
	callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.view.Issuer.Profile.CallTimeout)
	defer cancel()
	placed, err := op.call(callCtx, intent, ledger.IDs(purchase.Spec.OrderIDs), providerRequest(s))
	release(err)
	return r.operated(ctx, s, purchase, op, placed, err)
}

// operationSpec is what the ledger stores before the call.
func operationSpec(s *scope, purchase string, kind v1alpha1.OperationKind) v1alpha1.PurchaseOperation {
	issuance := s.order.Status.Issuance
	spec := v1alpha1.PurchaseOperation{Kind: kind, CSR: issuance.CSR, CSRDigest: issuance.CSRDigest, Method: issuance.Method}
	if !slices.Equal(issuance.Names, s.view.purchase(purchase).Spec.Names) {
		spec.Names, spec.CommonName = issuance.Names, issuance.CommonName
	}
	return spec
}

// operated records the outcome of an operation.
func (r *Reconciler) operated(ctx context.Context, s *scope, purchase *v1alpha1.ResellerPurchase, op operation, placed providers.Placed, err error) (outcome, error) {
	ctx = context.WithoutCancel(ctx)
	s.wrote = true
	id := purchase.Spec.Operation.ID
	intent := purchase.Name + "/" + id
	switch kind := providers.KindOf(err); kind {
	case "":
		if err := r.record(ctx, s, intent, func(ctx context.Context) error {
			return r.Ledger.OperationEnded(ctx, purchase.Name, id, v1alpha1.OperationDone, placed.IDs, "")
		}); err != nil {
			return outcome{}, err
		}
		s.order.Status.Issuance.EnrolmentDue = false
		s.note(op.done, "%s", op.text+purchase.Name)
		return r.ordered(ctx, s, purchase.Name, placed)
	case providers.Ambiguous:
		if err := r.Ledger.Note(ctx, purchase.Name, err.Error()); err != nil {
			log.FromContext(ctx).Error(err, "note the uncertain operation", "kind", op.kind)
		}
		return wait(s, ReasonRecovering, "the answer to a call was lost; looking for its effect at the reseller", time.Second), nil
	default:
		message := err.Error()
		if err := r.record(ctx, s, intent, func(ctx context.Context) error {
			return r.Ledger.OperationRefused(ctx, purchase.Name, id, message, passes(kind))
		}); err != nil {
			return outcome{}, err
		}
		if op.kind == v1alpha1.PurchaseOperationEnrol && !passes(kind) {
			return hold(s, ReasonOrderRejected, "the order is paid, and the reseller refuses to hand its CSR to the CA: "+message), nil
		}
		return callFailed(s, err), nil
	}
}

// passes reports whether a refusal is about the account or the API and not about the order.
func passes(kind providers.Kind) bool {
	switch kind {
	case providers.Auth, providers.Funds, providers.Throttled, providers.Unavailable:
		return true
	case providers.Rejected, providers.Invalid, providers.NotFound, providers.Ambiguous:
	}
	return false
}
