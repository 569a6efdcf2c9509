package providers

import "time"

// Profile is what a product, and the API behind it, can do. A provider fills it from
// its table of products and the issuer's overrides.
type Profile struct {
	// Product is the reseller's identifier of the product, Name the readable one.
	Product string
	Name    string

	// Wildcard is true if names may begin with "*.".
	Wildcard bool
	// MaxNames is how many names one certificate may carry, www not counted where it
	// is included; 0 means 1.
	MaxNames int
	// WWWIncluded is true if the CA adds the www name of the common name by itself.
	WWWIncluded bool
	// Methods are those the product offers, best first.
	Methods []Method
	// RSABits is the smallest and largest accepted RSA key; zero means not accepted.
	RSABits [2]int
	// Curves are the accepted elliptic curves by name ("P-256").
	Curves []string
	// CommonNameRequired is true if the CSR must carry a common name.
	CommonNameRequired bool
	// OrganizationRequired is true for OV and EV products.
	OrganizationRequired bool
	// TermsMonths are the paid terms on sale, in months.
	TermsMonths []int
	// MaxValidity is the longest life of one certificate.
	MaxValidity time.Duration
	// CAAIdentities are the values of CAA issue records that permit this product.
	CAAIdentities []string

	// ReissueKeepsOld is true if the certificate in use stays valid after a reissue.
	ReissueKeepsOld bool
	// ReissueValidates is true if a reissue asks for validation again.
	ReissueValidates bool

	// CSRAtEnrolment is true if an order is placed without its CSR, which Enrol gives.
	CSRAtEnrolment bool

	// CancelEffect and RevokeEffect say in one sentence what Cancel and Revoke do at the
	// vendor, for the person who asked; empty where the API can't.
	CancelEffect string
	RevokeEffect string

	// CallTimeout bounds one call, VisibilityDelay is how long a new order may stay
	// out of the lists that Find reads.
	CallTimeout     time.Duration
	VisibilityDelay time.Duration
	// AbsenceKnowable is true if an order that Find doesn't find after the
	// visibility delay certainly doesn't exist.
	AbsenceKnowable bool
}

// Product is an entry of a reseller's catalogue.
type Product struct {
	ID         string
	Name       string
	Brand      string
	Validation string
	Wildcard   bool
	MaxNames   int
	// Prices by term in months.
	Prices map[int]Money
}
