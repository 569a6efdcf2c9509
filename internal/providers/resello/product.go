package resello

import (
	"cmp"
	"slices"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// cancelEffect is what Cancel does, in the vendor's words as far as there are any.
const cancelEffect = "the certificate is disabled at once; the money is paid back within the grace period of the plan"

// Product says which plan to buy and what it can do. A nil pointer, zero or empty list
// leaves the value of an ordinary plan.
type Product struct {
	// ID is the plan's UUID. Each reseller account has plans of its own.
	ID string
	// Wildcard, IncludedWWW and ECDSA say whether the plan offers these.
	Wildcard    *bool
	IncludedWWW *bool
	ECDSA       *bool
	// MaxNames is how many names one certificate may carry. The API has no parameter for
	// further names: they are taken from the CSR, if at all.
	MaxNames int
	// Methods of validation, best first. Whether DNS means a CNAME or a TXT record is the
	// CA's choice: name the one that the plan's brand uses.
	Methods []providers.Method
	// CAAIdentities are the CA domains that permit this plan in a CAA record.
	CAAIdentities []string
	// MaxValidity is the longest life of one certificate.
	MaxValidity time.Duration
}

const (
	// callTimeout bounds one call; assumption: unconfirmed on a live account.
	callTimeout = 60 * time.Second
	// visibilityDelay is how long an order may stay out of the list: the vendor creates
	// orders asynchronously (API page). The time is an assumption: unconfirmed on a live
	// account.
	visibilityDelay = 30 * time.Minute
	// defaultMaxValidity is one day below the limit of 200 days since 2026-03-15
	// (CA/Browser Forum Baseline Requirements 6.3.2).
	defaultMaxValidity = 199 * 24 * time.Hour
)

// ordinary is a domain-validated certificate for one name. The identifiers of plans differ
// from account to account, so this is the whole table.
func ordinary() providers.Profile {
	return providers.Profile{
		MaxNames: 1,
		// The vendor's DNS is CNAME for Sectigo and TXT for DigiCert, its main brands.
		Methods: []providers.Method{providers.MethodCNAME, providers.MethodFile, providers.MethodEmail},
		// "At least 2048 bits" (API page) says RSA; nothing is said of elliptic curves.
		RSABits:            [2]int{2048, 8192},
		CommonNameRequired: true,
		MaxValidity:        defaultMaxValidity,
		// "Making the current one invalid" (API page).
		ReissueKeepsOld:  false,
		ReissueValidates: true,
		CancelEffect:     cancelEffect,
		CallTimeout:      callTimeout,
		VisibilityDelay:  visibilityDelay,
		// The list can be filtered by the client reference for just this (API page).
		AbsenceKnowable: true,
	}
}

// profile merges an ordinary plan with the issuer's corrections.
func profile(p Product, termMonths int) providers.Profile {
	result := ordinary()
	result.Product = p.ID
	result.TermsMonths = []int{termMonths}
	result.MaxNames = cmp.Or(p.MaxNames, result.MaxNames)
	result.MaxValidity = cmp.Or(p.MaxValidity, result.MaxValidity)
	for fact, setting := range map[*bool]*bool{&result.Wildcard: p.Wildcard, &result.WWWIncluded: p.IncludedWWW} {
		if setting != nil {
			*fact = *setting
		}
	}
	if p.ECDSA != nil && *p.ECDSA {
		result.Curves = []string{"P-256", "P-384"}
	}
	if len(p.Methods) > 0 {
		result.Methods = slices.Clone(p.Methods)
	}
	result.CAAIdentities = slices.Clone(p.CAAIdentities)
	return result
}
