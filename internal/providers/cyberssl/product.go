package cyberssl

import (
	"cmp"
	"slices"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Product says which product to buy and corrects what the table below knows of it.
// A nil pointer, zero or empty list leaves the table's value.
type Product struct {
	// ID is the vendor's product_id.
	ID string
	// Wildcard, IncludedWWW and ECDSA say whether the product offers these.
	Wildcard    *bool
	IncludedWWW *bool
	ECDSA       *bool
	// MaxNames is how many names one certificate may carry.
	MaxNames int
	// Methods of validation, best first. Whether DNS validation wants a CNAME or a
	// TXT record is the CA's choice: name the one that the product's brand uses.
	Methods []providers.Method
	// CAAIdentities are the CA domains that permit this product in a CAA record.
	CAAIdentities []string
	// MaxValidity is the longest life of one certificate.
	MaxValidity time.Duration
}

// facts is what the table knows of a product.
type facts struct {
	name          string
	wildcard      bool
	maxNames      int
	www           bool
	methods       []providers.Method
	caaIdentities []string
}

// ordinary is a domain-validated certificate for one name, as most products are.
var ordinary = facts{
	maxNames: 1,
	methods:  []providers.Method{providers.MethodCNAME, providers.MethodFile, providers.MethodEmail},
}

// products has only what the vendor publishes: the one example of the API page,
// section 14. Ids of other products are told to account holders only; Check
// compares the issuer's settings with what the API says of them.
var products = map[string]facts{
	"17": {
		name: "Sectigo PositiveSSL", maxNames: 1, www: true, methods: ordinary.methods,
		caaIdentities: []string{"sectigo.com"},
	},
}

const (
	// callTimeout is the total time-out of the vendor's PHP client.
	callTimeout = 60 * time.Second
	// visibilityDelay is how long an order may stay out of my_orders; assumption:
	// unconfirmed on a live account.
	visibilityDelay = 5 * time.Minute
	// defaultMaxValidity is one day below the limit of 200 days since 2026-03-15
	// (CA/Browser Forum Baseline Requirements 6.3.2).
	defaultMaxValidity = 199 * 24 * time.Hour
)

// profile merges the table with the issuer's corrections.
func profile(p Product) providers.Profile {
	known, ok := products[p.ID]
	if !ok {
		known = ordinary
	}
	result := providers.Profile{
		Product:            p.ID,
		Name:               known.name,
		Wildcard:           override(p.Wildcard, known.wildcard),
		MaxNames:           cmp.Or(p.MaxNames, known.maxNames),
		WWWIncluded:        override(p.IncludedWWW, known.www),
		Methods:            slices.Clone(known.methods),
		RSABits:            [2]int{2048, 8192},
		CommonNameRequired: true,
		TermsMonths:        []int{12, 24, 36},
		MaxValidity:        cmp.Or(p.MaxValidity, defaultMaxValidity),
		CAAIdentities:      slices.Clone(known.caaIdentities),
		// A reissue leaves the certificate in use alone; assumption: unconfirmed on a
		// live account.
		ReissueKeepsOld:  true,
		ReissueValidates: true,
		CallTimeout:      callTimeout,
		VisibilityDelay:  visibilityDelay,
		AbsenceKnowable:  true,
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
