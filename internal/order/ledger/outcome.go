package ledger

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// maxMessage bounds what is kept of a message, maxAmount the digits of an amount.
const (
	maxMessage = 1024
	maxAmount  = 24
)

// Bought records that the reseller took the order. It also records the late answer to an
// intent that was taken for absent: the money is spent.
func (l *Ledger) Bought(ctx context.Context, name string, placed providers.Placed) error {
	now := l.Now()
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		if len(spec.OrderIDs) > 0 {
			return false
		}
		MarkBought(spec, placed, now)
		return true
	})
}

// Adopted records that a search found the order of an intent. It counts only while the intent is
// open: who looked may have been behind, and have found the order of the next intent for the same
// CSR.
func (l *Ledger) Adopted(ctx context.Context, name string, placed providers.Placed) error {
	now := l.Now()
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		if spec.State != v1alpha1.PurchaseIntended {
			return false
		}
		MarkBought(spec, placed, now)
		return true
	})
}

// MarkBought notes that an order is there and paid.
func MarkBought(spec *v1alpha1.ResellerPurchaseSpec, placed providers.Placed, now time.Time) {
	spec.State = v1alpha1.PurchaseBought
	spec.Message = ""
	spec.OrderIDs = OrderIDs(placed.IDs)
	if placed.Price != nil {
		spec.Price = Money(placed.Price)
	}
	if spec.Price == nil {
		spec.Price = spec.ExpectedPrice
	}
	if spec.PaidUntil == nil {
		// Until the reseller tells the end of the term, it is counted from the intent.
		until := metav1.NewTime(spec.IntendedAt.AddDate(0, int(spec.TermMonths), 0))
		spec.PaidUntil = &until
	}
	finish(spec, now)
}

// Closed records that the paying call had no effect, or that the order ended after it. Only
// an open intent becomes Refused or Absent, and only a bought order Cancelled or Expired:
// what somebody else learned meanwhile, such as a late answer, stays.
func (l *Ledger) Closed(ctx context.Context, name string, state v1alpha1.PurchaseState, message string) error {
	now := l.Now()
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		if !slices.Contains(closable[state], spec.State) {
			return false
		}
		spec.State, spec.Message = state, clip(message)
		finish(spec, now)
		return true
	})
}

// closable are the states from which a purchase gets to another.
var closable = map[v1alpha1.PurchaseState][]v1alpha1.PurchaseState{
	v1alpha1.PurchaseRefused:   {v1alpha1.PurchaseIntended},
	v1alpha1.PurchaseAbsent:    {v1alpha1.PurchaseIntended},
	v1alpha1.PurchaseRejected:  {v1alpha1.PurchaseIntended, v1alpha1.PurchaseBought},
	v1alpha1.PurchaseCancelled: {v1alpha1.PurchaseBought},
	v1alpha1.PurchaseExpired:   {v1alpha1.PurchaseBought},
}

// Note keeps what is known of an open intent.
func (l *Ledger) Note(ctx context.Context, name, message string) error {
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		message := clip(message)
		if op := spec.Operation; op != nil && op.Outcome == v1alpha1.OperationIntended {
			changed := op.Message != message
			op.Message = message
			return changed
		}
		changed := spec.Message != message
		spec.Message = message
		return changed
	})
}

// OperationEnded records that an operation is done, also late, or that it is certainly
// absent. IDs replace those of the purchase if the reseller gave the order new ones.
func (l *Ledger) OperationEnded(ctx context.Context, name, id string, outcome v1alpha1.OperationOutcome, ids providers.IDs, message string) error {
	now := metav1.NewMicroTime(l.Now())
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		op := spec.Operation
		if op == nil || op.ID != id || op.Outcome == v1alpha1.OperationDone || op.Outcome == outcome {
			return false
		}
		op.Outcome, op.Message, op.FinishedAt = outcome, clip(message), &now
		if outcome == v1alpha1.OperationDone {
			TakeNames(spec)
			if len(ids) > 0 {
				spec.OrderIDs = OrderIDs(ids)
			}
		}
		return true
	})
}

// TakeNames gives a purchase the names that its operation, which is done, put into it.
func TakeNames(spec *v1alpha1.ResellerPurchaseSpec) {
	if op := spec.Operation; len(op.Names) > 0 {
		spec.Names, spec.CommonName = op.Names, op.CommonName
	}
}

// OperationRefused records that the reseller refused an operation. A refusal that passes by
// itself, such as that of an outage, doesn't count for the loop breaker.
func (l *Ledger) OperationRefused(ctx context.Context, name, id, message string, passes bool) error {
	now := metav1.NewMicroTime(l.Now())
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		op := spec.Operation
		if op == nil || op.ID != id || op.Outcome != v1alpha1.OperationIntended {
			return false
		}
		op.Outcome, op.Message, op.FinishedAt = v1alpha1.OperationRefused, clip(message), &now
		if n := len(spec.Reissues); passes && n > 0 && op.Kind == v1alpha1.PurchaseOperationReissue {
			// The newest entry is that of this intent: there is one operation at a time.
			spec.Reissues = spec.Reissues[:n-1]
		}
		return true
	})
}

// Certified records a certificate, and what the reseller tells of term, price, and of
// further identifiers under which it knows the order.
func (l *Ledger) Certified(ctx context.Context, name string, certificate v1alpha1.PurchasedCertificate, order providers.Order) error {
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		changed := told(spec, order)
		i := slices.IndexFunc(spec.Certificates, func(c v1alpha1.PurchasedCertificate) bool {
			return c.CSRDigest == certificate.CSRDigest && c.Serial == certificate.Serial
		})
		if i >= 0 {
			if op := spec.Operation; op == nil || op.CSRDigest != certificate.CSRDigest || !spec.Certificates[i].IssuedAt.Time.Before(op.IntendedAt.Time) {
				return changed
			}
			// What was ordered again is delivered as it was before: it is the present one.
			certificate.HandedOver = spec.Certificates[i].HandedOver
			spec.Certificates = slices.Delete(spec.Certificates, i, i+1)
		}
		spec.Certificates = lastN(append(spec.Certificates, certificate), 64)
		return true
	})
}

// told takes over what the reseller tells of an order, and reports whether it is new.
func told(spec *v1alpha1.ResellerPurchaseSpec, order providers.Order) bool {
	changed := false
	if until := metav1.NewTime(order.PaidUntil.Truncate(time.Second)); !until.IsZero() && !until.Equal(spec.PaidUntil) {
		spec.PaidUntil, changed = &until, true
	}
	if price := Money(order.Price); spec.Price == nil && price != nil {
		spec.Price, changed = price, true
	}
	ids := IDs(spec.OrderIDs)
	maps.Copy(ids, order.IDs)
	if list := OrderIDs(ids); len(order.IDs) > 0 && !slices.Equal(list, spec.OrderIDs) {
		spec.OrderIDs, changed = list, true
	}
	return changed
}

// HandedOver records that a living request got the certificate.
func (l *Ledger) HandedOver(ctx context.Context, name, serial string) error {
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		for i := range spec.Certificates {
			c := &spec.Certificates[i]
			if c.Serial == serial && c.HandedOver != metav1.ConditionTrue {
				c.HandedOver = metav1.ConditionTrue
				return true
			}
		}
		return false
	})
}

// OrderIDs in the form of the API, sorted by name.
func OrderIDs(ids providers.IDs) []v1alpha1.OrderID {
	list := make([]v1alpha1.OrderID, 0, len(ids))
	for name, value := range ids {
		list = append(list, v1alpha1.OrderID{Name: name, Value: value})
	}
	slices.SortFunc(list, func(a, b v1alpha1.OrderID) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// IDs in the form of the providers.
func IDs(list []v1alpha1.OrderID) providers.IDs {
	ids := make(providers.IDs, len(list))
	for _, id := range list {
		ids[id.Name] = id.Value
	}
	return ids
}

// Money in the form of the API, nil for nil and for what the API would refuse: an odd
// figure must not keep an outcome from being stored. A currency that is no code of three
// letters is left out.
func Money(m *providers.Money) *v1alpha1.Money {
	if m == nil || m.Amount.IsNegative() {
		return nil
	}
	amount := m.Amount.StringFixed(max(2, -m.Amount.Exponent()))
	if len(amount) > maxAmount {
		return nil
	}
	currency := strings.ToUpper(m.Currency)
	if len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		currency = ""
	}
	return &v1alpha1.Money{Amount: amount, Currency: currency}
}

func finish(spec *v1alpha1.ResellerPurchaseSpec, now time.Time) {
	at := metav1.NewMicroTime(now)
	spec.FinishedAt = &at
}

func clip(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage-3], "") + "..."
}
