package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// retention is how long a purchase is kept after its paid term, or, where nothing was
// paid, after its intent: longer than any year for which somebody may still ask.
const retention = 400 * 24 * time.Hour

// Collect deletes the purchases whose retention is over and returns how many. It looks at
// each again by its resourceVersion, so that a purchase that was changed meanwhile stays.
func (l *Ledger) Collect(ctx context.Context) (int, error) {
	all, err := l.list(ctx, nil)
	if err != nil {
		return 0, err
	}
	count := 0
	for i := range all {
		p := &all[i]
		if !expired(p, l.Now()) {
			continue
		}
		err := l.Client.Delete(ctx, p, client.Preconditions{UID: &p.UID, ResourceVersion: &p.ResourceVersion})
		if err != nil && !errors.IsNotFound(err) && !errors.IsConflict(err) {
			return count, fmt.Errorf("ledger: delete %s: %w", p.Name, err)
		}
		if err == nil {
			count++
		}
	}
	return count, nil
}

// keptRefusals is how many refused purchases of a key stay: an order that waits for money is
// refused again and again.
const keptRefusals = 5

// Prune deletes the older refused purchases of a key, for which nothing was paid and of
// which nothing can come any more. Purchases are those of the key, oldest first.
func (l *Ledger) Prune(ctx context.Context, purchases []v1alpha1.ResellerPurchase) error {
	kept := 0
	for i := range slices.Backward(purchases) {
		p := &purchases[i]
		if p.Spec.State != v1alpha1.PurchaseRefused {
			continue
		}
		if kept++; kept <= keptRefusals {
			continue
		}
		err := l.Client.Delete(ctx, p, client.Preconditions{UID: &p.UID, ResourceVersion: &p.ResourceVersion})
		if err != nil && !errors.IsNotFound(err) && !errors.IsConflict(err) {
			return fmt.Errorf("ledger: delete %s: %w", p.Name, err)
		}
	}
	return nil
}

// expired reports whether nobody needs a purchase any more. An open intent never expires.
func expired(p *v1alpha1.ResellerPurchase, now time.Time) bool {
	if p.Spec.State == v1alpha1.PurchaseIntended {
		return false
	}
	end := p.Spec.IntendedAt.Time
	if p.Spec.PaidUntil != nil && p.Spec.PaidUntil.After(end) {
		end = p.Spec.PaidUntil.Time
	}
	return now.Sub(end) > retention
}
