package order

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// importing is a purchase in which a person names an order that was bought by other means.
func importing(v View) *v1alpha1.ResellerPurchase {
	for i := range v.Purchases {
		p := &v.Purchases[i]
		if p.Spec.State == v1alpha1.PurchaseImporting && (p.Spec.ClusterID == "" || p.Spec.ClusterID == v.ClusterID) {
			return p
		}
	}
	return nil
}

// whenImporting comes before everything that might buy: a person says that there is an order.
func whenImporting(v View) Action {
	p := importing(v)
	if p == nil || v.Issuer == nil {
		return nil
	}
	status := v.Order.Status
	if w := status.Waiting; w != nil && Reason(w.Reason) == ReasonImportRefused && status.IssuerGeneration == v.Issuer.Generation &&
		status.NextAttemptAt != nil && status.NextAttemptAt.After(v.Now) {
		return Rest{Until: status.NextAttemptAt.Time}
	}
	return Import{Purchase: p.Name}
}

// importOrder reads the order that a person named and takes it into the ledger. It never
// buys. Imports of an account come one after the other, so that none takes the order of
// another one.
func (r *Reconciler) importOrder(ctx context.Context, s *scope, name string) (outcome, error) {
	account := s.supplier.Provider.Account().Key()
	if !r.buyers.try(account) {
		return outcome{after: buyerBusy}, nil
	}
	defer r.buyers.release(account)
	purchase := s.view.purchase(name)
	all, err := r.Ledger.ByAccount(ctx, s.view.Issuer.Account)
	if err != nil {
		return outcome{}, err
	}
	ids := ledger.IDs(purchase.Spec.OrderIDs)
	if other := claimed(all, purchase, ids); other != "" {
		return refuseImport(s, name, fmt.Errorf("the order belongs to ResellerPurchase %s", other)), nil
	}
	if purchase.Spec.IssuerRef != s.order.Spec.IssuerRef {
		return refuseImport(s, name, errors.New("spec.issuerRef isn't that of the ResellerOrder with its spec.key")), nil
	}
	var order providers.Order
	err = r.call(ctx, s, func(ctx context.Context) (err error) {
		order, err = s.supplier.Provider.Order(ctx, ids)
		return err
	})
	if _, busy := errors.AsType[*busyError](err); busy {
		return callFailed(s, err), nil
	}
	if err != nil {
		return refuseImport(s, name, err), nil
	}
	spec := *purchase.Spec.DeepCopy()
	spec.OrderNamespace, spec.OrderName = s.order.Namespace, s.order.Name
	if err := fillIn(&spec, order, s.view); err != nil {
		return refuseImport(s, name, err), nil
	}
	s.wrote = true
	if err := r.Ledger.Import(ctx, purchase, spec); err != nil {
		return outcome{}, err
	}
	s.note("Imported", "imported order %s, ResellerPurchase %s", describe(ids), name)
	beginAnew(s)
	return goOn, nil
}

// importAgain is how often an import that was refused is tried again: a person is at work on it.
var importAgain = []step{
	{10 * time.Minute, 10 * time.Second},
	{24 * time.Hour, time.Minute},
}

func refuseImport(s *scope, name string, err error) outcome {
	age := time.Duration(0)
	if w := s.order.Status.Waiting; w != nil && Reason(w.Reason) == ReasonImportRefused {
		age = s.view.Now.Sub(w.Since.Time)
	}
	return wait(s, ReasonImportRefused, fmt.Sprintf("ResellerPurchase %s can't be imported, and nothing is bought meanwhile: %v; correct it or delete it", name, err), every(importAgain, age, heldInterval))
}

// beginAnew drops an issuance for which nothing was ordered, so that it is planned again.
func beginAnew(s *scope) {
	clearWaiting(&s.order.Status)
	if unpaid(s) {
		s.order.Status.Issuance = nil
	}
}

// fillIn completes the ledger's entry of an order that others placed by what the reseller
// tells of it. What the entry already states has to agree. The error says what is in
// the way.
func fillIn(spec *v1alpha1.ResellerPurchaseSpec, order providers.Order, v View) error {
	if err := fillInRequest(spec, order, v); err != nil {
		return err
	}
	switch order.State {
	case providers.StateRejected, providers.StateCancelled, providers.StateExpired:
		return fmt.Errorf("the order is %s", strings.ToLower(string(order.State)))
	case providers.StateIssued:
		certificate, err := certificateIn(order)
		if err != nil {
			return err
		}
		if spec.CSRDigest == "" {
			spec.CSRDigest = certificate.CSRDigest
		}
		// It may be in use anywhere.
		certificate.CSRDigest, certificate.HandedOver = spec.CSRDigest, metav1.ConditionTrue
		spec.Certificates = []v1alpha1.PurchasedCertificate{certificate}
	case providers.StatePendingOrder, providers.StateAwaitingValidation, providers.StateIssuing:
		if len(spec.CSR) == 0 {
			return errors.New("the order isn't issued, and the reseller doesn't tell its CSR: have it issued first")
		}
	}
	return fillInTerm(spec, order, v)
}

// fillInRequest finds what the order was placed for.
func fillInRequest(spec *v1alpha1.ResellerPurchaseSpec, order providers.Order, v View) error {
	found, commonName := namesIn(order), ""
	if csr := echoed(order.CSR); csr != nil {
		spec.CSR, spec.CSRDigest = []byte(chain.CSRPEM(csr)), chain.Digest(csr)
		commonName = strings.ToLower(csr.Subject.CommonName)
	}
	if len(found) == 0 {
		return errors.New("the reseller doesn't tell the names of the order")
	}
	wanted := spec.Names
	if request := v.Order.Spec.Request; len(wanted) == 0 && request != nil {
		wanted, commonName = request.Names, request.CommonName
	}
	if len(wanted) == 0 {
		wanted = found
	}
	if spec.CommonName != "" {
		commonName = spec.CommonName
	}
	if !sameNames(v.Issuer.Profile, commonName, found, wanted) {
		return fmt.Errorf("the order is for %s and not for %s", strings.Join(found, ", "), strings.Join(wanted, ", "))
	}
	spec.Names, spec.CommonName = slices.Sorted(slices.Values(wanted)), commonName
	return nil
}

func fillInTerm(spec *v1alpha1.ResellerPurchaseSpec, order providers.Order, v View) error {
	if !order.PaidUntil.IsZero() {
		until := metav1.NewTime(order.PaidUntil.Truncate(time.Second))
		spec.PaidUntil = &until
	}
	if spec.PaidUntil == nil && !order.Ordered.IsZero() {
		until := metav1.NewTime(order.Ordered.AddDate(0, int(spec.TermMonths), 0))
		spec.PaidUntil = &until
	}
	switch {
	case spec.PaidUntil == nil:
		return errors.New("the reseller tells no end of the paid term: set spec.paidUntil")
	case !spec.PaidUntil.After(v.Now):
		return fmt.Errorf("the paid term was over on %s", day(spec.PaidUntil.Time))
	}
	if spec.IntendedAt.IsZero() {
		spec.IntendedAt = metav1.NewMicroTime(v.Now)
		if !order.Ordered.IsZero() {
			spec.IntendedAt = metav1.NewMicroTime(order.Ordered)
		}
	}
	if price := ledger.Money(order.Price); price != nil {
		spec.Price = price
	}
	spec.Account, spec.Product = v.Issuer.Account, v.Issuer.Profile.Product
	if len(order.IDs) > 0 {
		spec.OrderIDs = ledger.OrderIDs(order.IDs)
	}
	if len(order.Reference) <= 64 {
		spec.Reference = order.Reference
	}
	return nil
}

// namesIn are the names of an order: those of its CSR where the reseller tells it.
func namesIn(order providers.Order) []string {
	if csr := echoed(order.CSR); csr != nil {
		return chain.Names(csr)
	}
	return slices.Compact(slices.Sorted(slices.Values(order.Names)))
}

// sameNames compares two sets of names; a www name that the product includes doesn't count.
func sameNames(profile providers.Profile, commonName string, a, b []string) bool {
	counted := func(names []string) []string {
		names = slices.Sorted(slices.Values(names))
		return slices.DeleteFunc(names, func(name string) bool { return profile.WWWIncluded && name == "www."+commonName })
	}
	return slices.Equal(counted(a), counted(b))
}

// certificateIn is the newest leaf that an order delivers. Its CSRDigest is that of the public
// key, because the CSR can't be told from a certificate.
func certificateIn(order providers.Order) (v1alpha1.PurchasedCertificate, error) {
	certificates, err := parseAll(order.Certificates)
	if err != nil {
		return v1alpha1.PurchasedCertificate{}, fmt.Errorf("its certificate can't be read: %w", err)
	}
	var leaf *x509.Certificate
	for _, c := range certificates {
		if !c.IsCA && (leaf == nil || c.NotBefore.After(leaf.NotBefore)) {
			leaf = c
		}
	}
	if leaf == nil {
		return v1alpha1.PurchasedCertificate{}, errors.New("the reseller says issued, but delivers no certificate yet")
	}
	key := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return v1alpha1.PurchasedCertificate{
		CSRDigest: hex.EncodeToString(key[:]), Serial: chain.Chain{Leaf: leaf}.Serial(),
		NotAfter: metav1.NewTime(leaf.NotAfter), IssuedAt: metav1.NewTime(leaf.NotBefore),
	}, nil
}
