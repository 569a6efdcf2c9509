package ledger

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// TestReduce keeps whatever has an open end.
func TestReduce(t *testing.T) {
	t.Parallel()
	whole := func(edit func(*v1alpha1.ResellerPurchaseSpec)) *v1alpha1.ResellerPurchase {
		p := &v1alpha1.ResellerPurchase{Spec: v1alpha1.ResellerPurchaseSpec{
			State: v1alpha1.PurchaseBought, CSR: []byte("first"), CSRDigest: "1", Before: &v1alpha1.PurchaseSnapshot{},
			Operation:    &v1alpha1.PurchaseOperation{Outcome: v1alpha1.OperationDone, CSR: []byte("second"), CSRDigest: "2"},
			Certificates: []v1alpha1.PurchasedCertificate{{CSRDigest: "1"}, {CSRDigest: "2"}},
		}}
		if edit != nil {
			edit(&p.Spec)
		}
		return p
	}
	for name, tc := range map[string]struct {
		edit               func(*v1alpha1.ResellerPurchaseSpec)
		csr, other, before bool
	}{
		"finished":            {},
		"reissue not fetched": {edit: func(s *v1alpha1.ResellerPurchaseSpec) { s.Certificates = s.Certificates[:1] }, other: true},
		"no certificate":      {edit: func(s *v1alpha1.ResellerPurchaseSpec) { s.Certificates = nil }, csr: true, other: true},
		"intended":            {edit: func(s *v1alpha1.ResellerPurchaseSpec) { s.State = v1alpha1.PurchaseIntended }, csr: true, other: true, before: true},
		"to be imported":      {edit: func(s *v1alpha1.ResellerPurchaseSpec) { s.State = v1alpha1.PurchaseImporting }, csr: true, other: true, before: true},
		"operation intended":  {edit: func(s *v1alpha1.ResellerPurchaseSpec) { s.Operation.Outcome = v1alpha1.OperationIntended }, csr: true, other: true, before: true},
		"command":             {edit: func(s *v1alpha1.ResellerPurchaseSpec) { s.Command = &v1alpha1.PurchaseCommand{} }, csr: true, other: true, before: true},
		"command intended": {edit: func(s *v1alpha1.ResellerPurchaseSpec) {
			s.CommandOperation = &v1alpha1.PurchaseOperation{Outcome: v1alpha1.OperationIntended}
		}, csr: true, other: true, before: true},
		"a person's word": {edit: func(s *v1alpha1.ResellerPurchaseSpec) { s.Resolution = &v1alpha1.PurchaseResolution{} }, csr: true, other: true, before: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := whole(tc.edit)
			Reduce(p)
			assert.Equal(t, tc.csr, len(p.Spec.CSR) > 0)
			assert.Equal(t, tc.other, len(p.Spec.Operation.CSR) > 0)
			assert.Equal(t, tc.before, p.Spec.Before != nil)
			assert.Equal(t, "1", p.Spec.CSRDigest)
		})
	}
	alone := whole(func(s *v1alpha1.ResellerPurchaseSpec) { s.Operation = nil })
	Reduce(alone)
	assert.Empty(t, alone.Spec.CSR)
}

// TestReducedIsNotWritten has the ledger refuse what would lose a CSR, and the labels by which a
// purchase is found.
func TestReducedIsNotWritten(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	move := &v1alpha1.PurchaseCommand{ID: "1", Verb: v1alpha1.PurchaseMove, To: &v1alpha1.PurchaseDestination{Namespace: "shop", CertificateName: "web"}}
	p := intend(t, l)
	p.Spec.State = v1alpha1.PurchaseBought
	Reduce(p)
	p.Spec.Command = move
	_, _, err := l.IntendOperation(t.Context(), p, v1alpha1.PurchaseOperation{Kind: v1alpha1.PurchaseOperationReissue})
	require.ErrorIs(t, err, ErrReduced)
	_, _, err = l.IntendCommand(t.Context(), p, nil)
	require.ErrorIs(t, err, ErrReduced)
	require.ErrorIs(t, l.Import(t.Context(), p, p.Spec), ErrReduced)
	require.ErrorIs(t, l.Moved(t.Context(), p, key, "web", p.Spec.IssuerRef, ""), ErrReduced)
}
