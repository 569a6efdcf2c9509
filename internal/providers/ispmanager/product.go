package ispmanager

import (
	"cmp"
	"slices"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// cancelEffect is what Cancel does, in the vendor's words as far as there are any.
const cancelEffect = "the service is removed whatever its state, and the CA may revoke a certificate that is only days old; what is paid back, the vendor doesn't say"

// Product says which product to buy and corrects what the table below knows of it.
// A nil pointer, zero or empty list leaves the table's value.
type Product struct {
	// ID is the number of the tariff plan, the vendor's parameter pricelist.
	ID string
	// Wildcard, IncludedWWW and ECDSA say whether the product offers these.
	Wildcard    *bool
	IncludedWWW *bool
	ECDSA       *bool
	// MaxNames is how many names one certificate may carry.
	MaxNames int
	// Methods of validation, best first. The CA decides: for GlobalSign they are TXT and
	// e-mail, for Sectigo CNAME, file and e-mail (modules).
	Methods []providers.Method
	// CAAIdentities are the CA domains that permit this product in a CAA record.
	CAAIdentities []string
	// MaxValidity is the longest life of one certificate.
	MaxValidity time.Duration
}

// facts is what the table knows of a product.
type facts struct {
	name          string
	maxNames      int
	methods       []providers.Method
	caaIdentities []string
}

// ordinary is a domain-validated certificate of Sectigo for one name.
var ordinary = facts{
	maxNames: 1, methods: []providers.Method{providers.MethodCNAME, providers.MethodFile, providers.MethodEmail},
}

// products is by tariff plan. It is empty: the API page links a table of numbers that account
// holders see, and each partner's BILLmanager has numbers of its own.
var products = map[string]facts{}

const (
	// callTimeout leaves an order the time to be paid; assumption: unconfirmed on a live
	// account.
	callTimeout = 90 * time.Second
	// visibilityDelay is how long an order may stay out of the list; assumption:
	// unconfirmed on a live account.
	visibilityDelay = 5 * time.Minute
	// defaultMaxValidity is one day below the limit of 200 days since 2026-03-15
	// (CA/Browser Forum Baseline Requirements 6.3.2).
	defaultMaxValidity = 199 * 24 * time.Hour
)

// termsMonths are those of the API page.
var termsMonths = []int{12, 24}

// profile merges the table with the issuer's corrections.
func profile(p Product) providers.Profile {
	known, ok := products[p.ID]
	if !ok {
		known = ordinary
	}
	result := providers.Profile{
		Product:            p.ID,
		Name:               known.name,
		Wildcard:           override(p.Wildcard, false),
		MaxNames:           cmp.Or(p.MaxNames, known.maxNames),
		WWWIncluded:        override(p.IncludedWWW, false),
		Methods:            slices.Clone(known.methods),
		RSABits:            [2]int{2048, 8192},
		CommonNameRequired: true,
		TermsMonths:        slices.Clone(termsMonths),
		MaxValidity:        cmp.Or(p.MaxValidity, defaultMaxValidity),
		CAAIdentities:      slices.Clone(known.caaIdentities),
		// CAs leave the certificate before a reissue alone for a while at least;
		// assumption: unconfirmed on a live account.
		ReissueKeepsOld: true,
		// approver_method and the addresses are asked for with every reissue (API page).
		ReissueValidates: true,
		CancelEffect:     cancelEffect,
		CallTimeout:      callTimeout,
		VisibilityDelay:  visibilityDelay,
		// No client reference is documented and nothing says that the list is complete.
		AbsenceKnowable: false,
	}
	if override(p.ECDSA, true) {
		result.Curves = []string{"P-256", "P-384"}
	}
	if len(p.Methods) > 0 {
		result.Methods = slices.Clone(p.Methods)
	}
	if len(p.CAAIdentities) > 0 {
		result.CAAIdentities = slices.Clone(p.CAAIdentities)
	}
	return result
}

func override(setting *bool, fact bool) bool {
	if setting != nil {
		return *setting
	}
	return fact
}
