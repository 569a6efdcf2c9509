package connectreseller

import (
	"cmp"
	"slices"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// cancelEffect is what Cancel does, in the vendor's words as far as there are any.
const cancelEffect = "until the certificate is issued it is possible, and the money is paid back"

// revokeEffect is what Revoke does.
const revokeEffect = "the vendor's call takes no serial number and revokes the certificate that the order delivers now, which was compared before; nothing is paid back"

// Product says which product to buy and corrects what the table below knows of it. A nil
// pointer, zero or empty list leaves the table's value.
type Product struct {
	// ID is the vendor's productCode, in decimal.
	ID string
	// Wildcard, IncludedWWW and ECDSA say whether the product offers these.
	Wildcard    *bool
	IncludedWWW *bool
	ECDSA       *bool
	// MaxNames is ignored above 1 by the API, which has no parameter for further names.
	MaxNames int
	// Methods of validation, best first, out of those of the product's CA.
	Methods []providers.Method
	// CAAIdentities are the CA domains that permit this product in a CAA record.
	CAAIdentities []string
	// MaxValidity is the longest life of one certificate.
	MaxValidity time.Duration
}

// The vendor's words for validation methods (API document, section 4).
const (
	wordTXT   = "DNS_TXT"
	wordFile  = "FILE"
	wordCNAME = "CNAME_CSR_HASH"
	wordEmail = "EMAIL"
)

// facts is what the table knows of a product.
type facts struct {
	known        bool
	name         string
	certum       bool
	wildcard     bool
	organization bool
}

// products are the vendor's codes (API document, section 2); there is no 7. Codes 1 to 4 are
// issued by Certum, 5 to 11 by Sectigo, as their validation methods show.
var products = map[int]facts{
	1:  {name: "Commercial SSL", certum: true},
	2:  {name: "Trusted SSL", certum: true, organization: true},
	3:  {name: "Commercial Wildcard SSL", certum: true, wildcard: true},
	4:  {name: "Trusted Wildcard SSL", certum: true, wildcard: true, organization: true},
	5:  {name: "Positive SSL DV"},
	6:  {name: "Positive SSL Wildcard DV", wildcard: true},
	8:  {name: "Sectigo SSL DV"},
	9:  {name: "Sectigo SSL Wildcard DV", wildcard: true},
	10: {name: "Instant SSL OV", organization: true},
	11: {name: "Instant SSL Wildcard OV", wildcard: true, organization: true},
}

// factsOf takes an unknown code for a product of Sectigo, or, above 600, of Certum: the samples
// of the API document have 601 and 631 for its products.
func factsOf(code int) facts {
	f, ok := products[code]
	f.known = ok
	if !ok {
		f.certum = code > 600
	}
	return f
}

// word is what the vendor calls a method, empty if the product's CA doesn't offer it.
func (f facts) word(method providers.Method) string {
	switch {
	case f.certum && method == providers.MethodTXT:
		return wordTXT
	case f.certum && method == providers.MethodFile:
		return wordFile
	case !f.certum && method == providers.MethodCNAME:
		return wordCNAME
	case !f.certum && method == providers.MethodEmail:
		return wordEmail
	default:
		return ""
	}
}

const (
	// callTimeout bounds one call; the vendor's PHP sample waits for ever.
	callTimeout = 120 * time.Second
	// visibilityDelay is how long an order's data may lag behind a call; assumption:
	// unconfirmed on a live account.
	visibilityDelay = 5 * time.Minute
	// defaultMaxValidity is one day below the limit of 200 days since 2026-03-15
	// (CA/Browser Forum Baseline Requirements 6.3.2).
	defaultMaxValidity = 199 * 24 * time.Hour
)

// profile merges the table with the issuer's corrections.
func (f facts) profile(p Product) providers.Profile {
	result := providers.Profile{
		Product: p.ID, Name: f.name, Wildcard: f.wildcard,
		// No call takes further names.
		MaxNames: cmp.Or(p.MaxNames, 1),
		// Both CAs add www to a main domain; assumption: unconfirmed on a live account.
		WWWIncluded:          true,
		Methods:              []providers.Method{providers.MethodCNAME, providers.MethodEmail},
		RSABits:              [2]int{2048, 8192},
		Curves:               []string{"P-256", "P-384"},
		CommonNameRequired:   true,
		OrganizationRequired: f.organization,
		// "Certificates offered for 1 year" (API document, section 1).
		TermsMonths:   []int{12},
		MaxValidity:   cmp.Or(p.MaxValidity, defaultMaxValidity),
		CAAIdentities: []string{"sectigo.com"},
		// Assumption: unconfirmed on a live account. Certum and Sectigo leave the old
		// certificate valid for a while at least.
		ReissueKeepsOld:  true,
		ReissueValidates: true,
		// SSLOrder takes none, SSLIssue does.
		CSRAtEnrolment:  true,
		CancelEffect:    cancelEffect,
		RevokeEffect:    revokeEffect,
		CallTimeout:     callTimeout,
		VisibilityDelay: visibilityDelay,
		// There is no list and no reference: a lost purchase can't be found.
		AbsenceKnowable: false,
	}
	if f.certum {
		result.Methods = []providers.Method{providers.MethodTXT, providers.MethodFile}
		result.CAAIdentities = []string{"certum.pl"}
	}
	for fact, setting := range map[*bool]*bool{&result.Wildcard: p.Wildcard, &result.WWWIncluded: p.IncludedWWW} {
		if setting != nil {
			*fact = *setting
		}
	}
	if result.Wildcard {
		// A file proves nothing about names below (API document, section 4).
		result.Methods = slices.DeleteFunc(result.Methods, func(m providers.Method) bool { return m == providers.MethodFile })
	}
	if p.ECDSA != nil && !*p.ECDSA {
		result.Curves = nil
	}
	if len(p.Methods) > 0 {
		result.Methods = slices.Clone(p.Methods)
	}
	if len(p.CAAIdentities) > 0 {
		result.CAAIdentities = slices.Clone(p.CAAIdentities)
	}
	return result
}
