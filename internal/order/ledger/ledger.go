// Package ledger keeps the purchases: it stores the intent before a call that can't be
// repeated, and the outcome after it. No other package makes a [providers.Intent].
package ledger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// ErrOpenIntent says that a purchase has an operation whose outcome isn't known.
var ErrOpenIntent = errors.New("an operation is under way")

// pageSize of uncached lists.
const pageSize = 500

// Ledger reads and writes ResellerPurchases, always past the cache.
type Ledger struct {
	// Client writes, Reader reads past the cache.
	Client client.Client
	Reader client.Reader
	// Now gives the time with its monotonic part.
	Now func() time.Time
	// NewID gives a new identifier for an operation.
	NewID func() string
	// ClusterID is written into every purchase.
	ClusterID string
}

// ByKey lists the purchases of an order key, oldest first.
func (l *Ledger) ByKey(ctx context.Context, key string) ([]v1alpha1.ResellerPurchase, error) {
	return l.list(ctx, client.MatchingLabels{v1alpha1.LabelOrderKey: key})
}

// ByAccount lists the purchases of an account, oldest first.
func (l *Ledger) ByAccount(ctx context.Context, account v1alpha1.PurchaseAccount) ([]v1alpha1.ResellerPurchase, error) {
	return l.list(ctx, client.MatchingLabels{v1alpha1.LabelAccount: AccountLabel(account)})
}

func (l *Ledger) list(ctx context.Context, selector client.MatchingLabels) ([]v1alpha1.ResellerPurchase, error) {
	var all []v1alpha1.ResellerPurchase
	var page v1alpha1.ResellerPurchaseList
	for {
		if err := l.Reader.List(ctx, &page, selector, client.Limit(pageSize), client.Continue(page.Continue)); err != nil {
			return nil, fmt.Errorf("ledger: list purchases: %w", err)
		}
		all = append(all, page.Items...)
		if page.Continue == "" {
			break
		}
	}
	Sort(all)
	return all, nil
}

// Sort orders purchases by their number where they were made for one key, and others by time: one
// that was moved to another key keeps its name.
func Sort(purchases []v1alpha1.ResellerPurchase) {
	slices.SortFunc(purchases, func(a, b v1alpha1.ResellerPurchase) int {
		if a.Spec.Key == b.Spec.Key && madeFor(a.Name) == madeFor(b.Name) {
			return cmp.Compare(number(a.Name), number(b.Name))
		}
		return cmp.Or(a.Spec.IntendedAt.Compare(b.Spec.IntendedAt.Time), strings.Compare(a.Name, b.Name))
	})
}

// Intend stores the intent to pay. Its name is the next free number of the key, so that
// a second worker or a stale list collides with AlreadyExists instead of buying
// twice. A number whose purchase was moved to another key is passed over. Existing are the
// purchases of the key as just listed by ByKey.
func (l *Ledger) Intend(ctx context.Context, spec v1alpha1.ResellerPurchaseSpec, existing []v1alpha1.ResellerPurchase) (*v1alpha1.ResellerPurchase, *providers.Intent, error) {
	written := l.Now()
	purchase := entry(spec, existing)
	purchase.Spec.ClusterID = l.ClusterID
	purchase.Spec.State = v1alpha1.PurchaseIntended
	purchase.Spec.IntendedAt = metav1.NewMicroTime(written)
	purchase.Spec.Reference = reference(l.ClusterID, purchase.Name)
	if err := l.Client.Create(ctx, purchase); err != nil {
		if apierrors.IsAlreadyExists(err) && l.wasMoved(ctx, purchase.Name, spec.Key) {
			return l.Intend(ctx, spec, append(slices.Clip(existing), *purchase))
		}
		return nil, nil, fmt.Errorf("ledger: write intent %s: %w", purchase.Name, err)
	}
	kind := providers.Purchase
	if spec.Kind == v1alpha1.PurchaseRenewal {
		kind = providers.Renew
	}
	return purchase, providers.NewIntent(kind, purchase.Name, purchase.Spec.Reference, written, l.Now), nil
}

// IntendOperation stores the intent of a call under a purchase. It fails with
// [ErrOpenIntent] while another outcome is open, and with a conflict if the purchase
// was changed since it was read.
func (l *Ledger) IntendOperation(ctx context.Context, purchase *v1alpha1.ResellerPurchase, operation v1alpha1.PurchaseOperation) (*v1alpha1.ResellerPurchase, *providers.Intent, error) {
	if current := purchase.Spec.Operation; current != nil && current.Outcome == v1alpha1.OperationIntended {
		return nil, nil, fmt.Errorf("ledger: %s %s: %w", purchase.Name, current.Kind, ErrOpenIntent)
	}
	written := l.Now()
	operation.ID = l.NewID()
	operation.IntendedAt = metav1.NewMicroTime(written)
	operation.Outcome = v1alpha1.OperationIntended
	name := purchase.Name + "/" + operation.ID
	operation.Reference = reference(l.ClusterID, name)
	updated := purchase.DeepCopy()
	updated.Spec.Operation = &operation
	if operation.Kind == v1alpha1.PurchaseOperationReissue {
		updated.Spec.Reissues = lastN(append(updated.Spec.Reissues, metav1.NewTime(written)), 64)
	}
	if err := l.write(ctx, updated); err != nil {
		return nil, nil, fmt.Errorf("ledger: write intent %s of %s: %w", operation.Kind, purchase.Name, err)
	}
	return updated, providers.NewIntent(providers.OperationKind(operation.Kind), name, operation.Reference, written, l.Now), nil
}

// write is the one way in which a purchase is changed. What lacks parts is refused.
func (l *Ledger) write(ctx context.Context, purchase *v1alpha1.ResellerPurchase) error {
	if purchase.Annotations[annotationReduced] != "" {
		return ErrReduced
	}
	return l.Client.Update(ctx, purchase)
}

// Get reads one purchase. The error of a purchase that is gone satisfies
// IsNotFound of apimachinery's errors.
func (l *Ledger) Get(ctx context.Context, name string) (*v1alpha1.ResellerPurchase, error) {
	purchase := &v1alpha1.ResellerPurchase{}
	if err := l.Reader.Get(ctx, client.ObjectKey{Name: name}, purchase); err != nil {
		return nil, fmt.Errorf("ledger: read %s: %w", name, err)
	}
	return purchase, nil
}

// Update changes a purchase, reading it again on conflict. The change must be right
// whatever others wrote in between; it returns false to leave the object alone.
func (l *Ledger) Update(ctx context.Context, name string, change func(*v1alpha1.ResellerPurchaseSpec) bool) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		purchase := &v1alpha1.ResellerPurchase{}
		if err := l.Reader.Get(ctx, client.ObjectKey{Name: name}, purchase); err != nil {
			return err
		}
		if !change(&purchase.Spec) {
			return nil
		}
		return l.write(ctx, purchase)
	})
	if err != nil {
		return fmt.Errorf("ledger: update %s: %w", name, err)
	}
	return nil
}

// AccountLabel is a digest of an account that fits a label.
func AccountLabel(account v1alpha1.PurchaseAccount) string {
	sum := sha256.Sum256([]byte(account.Reseller + "\x00" + account.Endpoint + "\x00" + account.Name))
	return hex.EncodeToString(sum[:16])
}

// reference is what is sent to resellers whose API has a client reference: short, plain,
// and different for each intent of each cluster.
func reference(clusterID, intent string) string {
	sum := sha256.Sum256([]byte(clusterID + "\x00" + intent))
	return referencePrefix + hex.EncodeToString(sum[:12])
}

const referencePrefix = "ri-"

// MadeReference reports whether a client reference may be that of an intent, of this or of
// another cluster.
func MadeReference(text string) bool {
	return len(text) == len(referencePrefix)+24 && strings.HasPrefix(text, referencePrefix)
}

// wasMoved reports whether the purchase of that name is certainly another key's.
func (l *Ledger) wasMoved(ctx context.Context, name, key string) bool {
	purchase, err := l.Get(ctx, name)
	return err == nil && purchase.Spec.Key != key
}

// madeFor is the KEY of KEY-N.
func madeFor(name string) string {
	key, _, _ := strings.Cut(name, "-")
	return key
}

// number is the N of KEY-N, 0 if the name has another form.
func number(name string) int {
	_, suffix, _ := strings.Cut(name, "-")
	n, err := strconv.Atoi(suffix)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func lastN[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }
