package order

import (
	"fmt"
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// year is long enough for the estimate below.
const year = 365 * 24 * time.Hour

// EveryRenewalIsBought says that the paid term of an issuer's purchases isn't used for renewals,
// why, and how many purchases a year that makes; it is empty where the term is used.
func EveryRenewalIsBought(s *Supplier) string {
	profile := s.Provider.Profile()
	_, reissues := s.Provider.(providers.Reissuer)
	why := ""
	switch {
	case !reissues:
		why = "the reseller's API has no reissue"
	case s.Spec.Purchase.Reissue == v1alpha1.ReissueNever:
		why = "spec.purchase.reissue is Never"
	case s.Spec.Purchase.Reissue != v1alpha1.ReissueAlways && !profile.ReissueKeepsOld:
		why = "spec.purchase.reissue is WhenSafe, and with this reseller a reissue ends the certificate in use"
	default:
		return ""
	}
	return fmt.Sprintf("every renewal is a purchase, about %d a year for each Certificate: %s", purchasesAYear(profile.MaxValidity), why)
}

// purchasesAYear counts renewals after two thirds of the lifetime, which is cert-manager's
// default, rounded up.
func purchasesAYear(validity time.Duration) int {
	between := max(validity*2/3, 24*time.Hour)
	return int((year + between - 1) / between)
}
