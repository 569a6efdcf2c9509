package ledger

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Import stores what was found of an order that a person named in a purchase. It fails with a
// conflict if the purchase was changed since it was read.
func (l *Ledger) Import(ctx context.Context, purchase *v1alpha1.ResellerPurchase, spec v1alpha1.ResellerPurchaseSpec) error {
	updated := purchase.DeepCopy()
	updated.Labels = labels(updated.Labels, spec)
	updated.Spec = l.own(purchase.Name, spec)
	if err := l.write(ctx, updated); err != nil {
		return fmt.Errorf("ledger: import %s: %w", purchase.Name, err)
	}
	return nil
}

// Adopt stores a paid order of which the ledger knew nothing. It takes the next free number of
// the key, as Intend does, and fails with AlreadyExists if somebody else took it.
func (l *Ledger) Adopt(ctx context.Context, spec v1alpha1.ResellerPurchaseSpec, existing []v1alpha1.ResellerPurchase) (*v1alpha1.ResellerPurchase, error) {
	purchase := entry(spec, existing)
	purchase.Spec = l.own(purchase.Name, spec)
	if err := l.Client.Create(ctx, purchase); err != nil {
		return nil, fmt.Errorf("ledger: adopt as %s: %w", purchase.Name, err)
	}
	return purchase, nil
}

// own makes a purchase one of this cluster.
func (l *Ledger) own(name string, spec v1alpha1.ResellerPurchaseSpec) v1alpha1.ResellerPurchaseSpec {
	now := metav1.NewMicroTime(l.Now())
	spec.ClusterID, spec.State, spec.Kind, spec.FinishedAt = l.ClusterID, v1alpha1.PurchaseBought, v1alpha1.PurchaseImport, &now
	spec.Message, spec.Resolution = "", nil
	if spec.Reference == "" {
		spec.Reference = reference(l.ClusterID, name)
	}
	return spec
}

// SentReference reports whether this cluster has sent a client reference, or would send it
// next, with one of the first purchases of a key. References follow from cluster and name,
// so that one is known again after the ledger was lost.
func (l *Ledger) SentReference(key, ref string, purchases int) bool {
	for n := 1; ref != "" && n <= purchases; n++ {
		if ref == reference(l.ClusterID, fmt.Sprintf("%s-%d", key, n)) {
			return true
		}
	}
	return false
}

// entry is a purchase whose name follows the highest of its key.
func entry(spec v1alpha1.ResellerPurchaseSpec, existing []v1alpha1.ResellerPurchase) *v1alpha1.ResellerPurchase {
	return &v1alpha1.ResellerPurchase{
		ObjectMeta: metav1.ObjectMeta{Name: NextName(spec.Key, existing), Labels: labels(nil, spec)},
		Spec:       spec,
	}
}

// NextName is the name of the next purchase of a key.
func NextName(key string, existing []v1alpha1.ResellerPurchase) string {
	highest := 0
	for i := range existing {
		highest = max(highest, number(existing[i].Name))
	}
	return fmt.Sprintf("%s-%d", key, highest+1)
}

// labels are those by which purchases are listed past the cache, beside others.
func labels(others map[string]string, spec v1alpha1.ResellerPurchaseSpec) map[string]string {
	all := map[string]string{v1alpha1.LabelOrderKey: spec.Key, v1alpha1.LabelAccount: AccountLabel(spec.Account)}
	for name, value := range others {
		if _, ours := all[name]; !ours {
			all[name] = value
		}
	}
	return all
}
