package order

import (
	"fmt"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// heldByMode stops before records are published or money is spent, unless the issuer's mode
// is Live.
func heldByMode(v View) *Hold {
	switch v.Issuer.Policy.Mode {
	case v1alpha1.PurchaseHold:
		return &Hold{Reason: ReasonOnHold, Message: "the issuer's spec.purchase.mode is Hold: nothing is bought or reissued until it is Live"}
	case v1alpha1.PurchaseDryRun:
		return &Hold{Reason: ReasonDryRun, Message: dryRun(v)}
	case v1alpha1.PurchaseLive:
	}
	return nil
}

// dryRun says what would be done.
func dryRun(v View) string {
	const end = "; the issuer's spec.purchase.mode is DryRun"
	p, price := v.issuance(), "at a price that the reseller does not tell before"
	if p.EnrolmentDue {
		return fmt.Sprintf("would hand the CSR of ResellerPurchase %s, which is paid for, to the CA%s", p.Purchase, end)
	}
	if m := p.Price; m != nil {
		price = "for " + money(m)
	}
	switch p.Operation {
	case v1alpha1.OperationReissue:
		return fmt.Sprintf("would reissue under ResellerPurchase %s at no cost%s", p.Purchase, end)
	case v1alpha1.OperationRenew:
		return fmt.Sprintf("would renew ResellerPurchase %s %s%s", p.Purchase, price, end)
	case v1alpha1.OperationPurchase, v1alpha1.OperationResume:
	}
	return fmt.Sprintf("would buy product %s for %d name(s) %s%s", v.Issuer.Profile.Product, len(p.Names), price, end)
}

// money writes an amount for people.
func money(m *v1alpha1.Money) string {
	if m.Currency == "" {
		return m.Amount
	}
	return m.Amount + " " + m.Currency
}
