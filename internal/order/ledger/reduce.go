package ledger

import (
	"errors"
	"unique"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// annotationReduced marks a purchase of which parts are missing. It stands in no object of
// the API, only in those of a cache.
const annotationReduced = "reseller-issuer.io/reduced"

var reduced = map[string]string{annotationReduced: "true"}

// ErrReduced says that a purchase from the cache was about to be written.
var ErrReduced = errors.New("the purchase was read from the cache and lacks parts: read it again")

// Reduce takes out of a purchase for the cache what nothing asks for any more: the CSRs whose
// certificates are there, and what the account looked like before a call whose outcome
// is known. What has an open end stays whole. A reduced purchase can't be written: see
// [ErrReduced].
func Reduce(p *v1alpha1.ResellerPurchase) {
	p.ManagedFields = nil
	spec := &p.Spec
	for _, text := range []*string{
		&spec.ClusterID, &spec.OrderNamespace, &spec.IssuerRef.Kind, &spec.IssuerRef.Namespace, &spec.IssuerRef.Name,
		&spec.Account.Reseller, &spec.Account.Endpoint, &spec.Account.Name, &spec.Product,
	} {
		*text = unique.Make(*text).Value()
	}
	op := spec.Operation
	undecided := spec.State == v1alpha1.PurchaseIntended || spec.State == v1alpha1.PurchaseImporting
	if undecided || open(op) || open(spec.CommandOperation) || spec.Resolution != nil || spec.Command != nil {
		return
	}
	spec.Before = nil
	certified := false
	for _, c := range spec.Certificates {
		certified = certified || op != nil && c.CSRDigest == op.CSRDigest
	}
	if certified {
		op.CSR = nil
	}
	if len(spec.Certificates) > 0 {
		spec.CSR = nil
	}
	// The labels are for lists past the cache. All reduced purchases share one map.
	p.Labels, p.Annotations = nil, reduced
}

func open(op *v1alpha1.PurchaseOperation) bool {
	return op != nil && op.Outcome == v1alpha1.OperationIntended
}
