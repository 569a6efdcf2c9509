package autodns

import (
	"cmp"
	"slices"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// cancelEffect is what Cancel does, in the vendor's words as far as there are any.
const cancelEffect = "a job that runs is ended; of an order that was issued the certificate is deleted, and whether that revokes it, and what is paid back, the vendor doesn't say"

// revokeEffect is what Revoke does.
const revokeEffect = "the vendor's call is for the certificates before a reissue"

// Product says which product to buy and corrects what the table below knows of it.
// A nil pointer, zero or empty list leaves the table's value.
type Product struct {
	// ID is the vendor's label, for example QUICKSSLPREMIUM.
	ID string
	// Wildcard, IncludedWWW and ECDSA say whether the product offers these.
	Wildcard    *bool
	IncludedWWW *bool
	ECDSA       *bool
	// MaxNames is how many names one certificate may carry.
	MaxNames int
	// Methods of validation, best first. Whether DNS validation wants a TXT or a CNAME
	// record is the CA's choice: name the one that the product's brand uses.
	Methods []providers.Method
	// CAAIdentities are the CA domains that permit this product in a CAA record.
	CAAIdentities []string
	// MaxValidity is the longest life of one certificate.
	MaxValidity time.Duration
}

// facts is what the table knows of a product.
type facts struct {
	name          string
	www           bool
	methods       []providers.Method
	caaIdentities []string
}

// ordinary is a domain-validated certificate for one name by TXT record, which is what the
// guide and the SDKs' examples show.
var ordinary = facts{methods: []providers.Method{providers.MethodTXT, providers.MethodFile, providers.MethodEmail}}

// products has the labels in the guide and in the SDKs' examples; who issues them and that
// www is included is the brand's, as told by DigiCert. Other labels are shown to account
// holders in SSL Manager.
var products = map[string]facts{
	"QUICKSSLPREMIUM": {
		name: "GeoTrust QuickSSL Premium", www: true, methods: ordinary.methods, caaIdentities: []string{"digicert.com"},
	},
	"BASIC_SSL": {name: "InterNetX Basic SSL", methods: ordinary.methods},
}

const (
	// callTimeout leaves the vendor time to ask the CA; the guide tells no limit.
	callTimeout = 60 * time.Second
	// visibilityDelay is how long a job may stay out of the lists; assumption:
	// unconfirmed on a live account. Jobs are made before the order is answered.
	visibilityDelay = 10 * time.Minute
	// defaultMaxValidity is one day below the limit of 200 days since 2026-03-15
	// (CA/Browser Forum Baseline Requirements 6.3.2).
	defaultMaxValidity = 199 * 24 * time.Hour
)

// termsMonths are the guide's for QUICKSSLPREMIUM.
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
		MaxNames:           max(1, p.MaxNames),
		WWWIncluded:        override(p.IncludedWWW, known.www),
		Methods:            slices.Clone(known.methods),
		RSABits:            [2]int{2048, 8192},
		CommonNameRequired: true,
		TermsMonths:        slices.Clone(termsMonths),
		MaxValidity:        cmp.Or(p.MaxValidity, defaultMaxValidity),
		CAAIdentities:      slices.Clone(known.caaIdentities),
		// Old certificates stay listed with a serial number of their own and are revoked
		// by a call of its own (OpenAPI: histories, _revoke), so a reissue leaves them
		// alone; assumption: unconfirmed on a live account.
		ReissueKeepsOld: true,
		// The SDKs ask for _prepareOrder before every reissue.
		ReissueValidates: true,
		CancelEffect:     cancelEffect,
		RevokeEffect:     revokeEffect,
		CallTimeout:      callTimeout,
		VisibilityDelay:  visibilityDelay,
		// A job is made before the answer N400101, and jobs can be searched by name.
		AbsenceKnowable: true,
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
