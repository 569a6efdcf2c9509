package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func to(namespace, certificate string) func(*v1alpha1.PurchaseCommand) {
	return func(c *v1alpha1.PurchaseCommand) {
		c.To = &v1alpha1.PurchaseDestination{Namespace: namespace, CertificateName: certificate}
	}
}

// gone is what a deleted Certificate leaves behind.
func (w *world) gone() {
	w.t.Helper()
	require.NoError(w.t, w.client.Delete(w.t.Context(), w.request()))
}

func TestMove(t *testing.T) {
	t.Parallel()
	w := issuedWorld(t)
	before := w.newest()
	w.command(v1alpha1.PurchaseMove, to("team", "shop"))
	w.clerk(time.Minute)
	assert.Equal(t, v1alpha1.CommandRefused, w.answer().Outcome)
	assert.Contains(t, w.answer().Message, "Certificate team/web still needs it")
	assert.Equal(t, testKey, w.newest().Spec.Key)

	w.gone()
	w.command(v1alpha1.PurchaseMove, to("team", "shop"), func(c *v1alpha1.PurchaseCommand) { c.ID = "ask-2" })
	w.clerk(time.Minute)
	moved := w.newest()
	key := CertificateKey("team", moved.Spec.IssuerRef, "shop")
	assert.Equal(t, v1alpha1.CommandDone, w.answer().Outcome, w.answer().Message)
	assert.Equal(t, key, moved.Spec.Key)
	assert.Equal(t, key, moved.Labels[v1alpha1.LabelOrderKey])
	assert.Equal(t, "team", moved.Spec.OrderNamespace)
	assert.Equal(t, Name("shop", key), moved.Spec.OrderName)
	assert.Equal(t, before.Spec.PaidUntil, moved.Spec.PaidUntil)
	assert.Equal(t, before.Spec.OrderIDs, moved.Spec.OrderIDs)

	// The old name starts anew, and its number one is taken.
	w.ask("web-2", keyB)
	w.untilState(v1alpha1.OrderIssued)
	assert.Equal(t, 2, w.reseller.count("buy"))
	w.atMostOnce()
}

func TestMoveRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit func(*v1alpha1.PurchaseCommand)
		says string
	}{
		"to itself":                        {to("team", "web"), "already"},
		"where its issuer can't serve":     {to("other", "web"), "can't serve namespace other"},
		"to an issuer that does not exist": {withIssuer("nobody"), "isn't usable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := issuedWorld(t)
			w.gone()
			// The test's order has a key of its own; here it is that of its Certificate.
			w.edit(1, func(s *v1alpha1.ResellerPurchaseSpec) { s.Key = CertificateKey("team", s.IssuerRef, "web") })
			w.command(v1alpha1.PurchaseMove, tc.edit)
			w.clerk(time.Hour)
			assert.Equal(t, v1alpha1.CommandRefused, w.answer().Outcome)
			assert.Contains(t, w.answer().Message, tc.says)
		})
	}
}

func withIssuer(name string) func(*v1alpha1.PurchaseCommand) {
	return func(c *v1alpha1.PurchaseCommand) {
		to("team", "shop")(c)
		c.To.IssuerRef = &v1alpha1.IssuerReference{Kind: KindIssuer, Namespace: "team", Name: name}
	}
}

// A purchase goes only to an issuer of the account that paid it.
func TestMoveToAnotherAccount(t *testing.T) {
	t.Parallel()
	w := issuedWorld(t)
	w.gone()
	w.reseller.account = providers.Account{Reseller: "cyberssl", Endpoint: "https://other.example", Name: "other"}
	w.command(v1alpha1.PurchaseMove, to("team", "shop"))
	w.clerk(time.Minute)
	assert.Equal(t, v1alpha1.CommandRefused, w.answer().Outcome)
	assert.Contains(t, w.answer().Message, "another account")
}
