package sandbox

import "slices"

// Method is a way to show control of a name.
type Method string

// The validation methods of the simulated CA.
const (
	MethodDNS   Method = "dns"
	MethodHTTP  Method = "http"
	MethodHTTPS Method = "https"
	MethodEmail Method = "email"
)

// KeyType is a kind of public key in a CSR.
type KeyType string

// The key types that the simulated CA knows: RSA of at least 2048 bits, ECDSA on P-256 or P-384.
const (
	KeyRSA   KeyType = "RSA"
	KeyECDSA KeyType = "ECDSA"
)

// Product is one article of the simulated reseller's catalogue.
type Product struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Brand string `json:"brand"`
	// Validation is "dv" or "ov"; an OV product needs organization contacts.
	Validation string `json:"validation"`
	// Prices of a term of one, two, … years.
	Prices []Cents `json:"prices"`
	// ExtraNamePrice is added for each name above those included, per year.
	ExtraNamePrice Cents    `json:"extraNamePrice"`
	Methods        []Method `json:"methods"`
	// TXT is true when DNS validation wants a TXT record instead of a CNAME.
	TXT bool `json:"txt"`
	// TXTAtName is true when that TXT record stands at the name itself.
	TXTAtName bool `json:"txtAtName,omitempty"`
	// Certum is true when the CA is Certum, whose record and file hold a random code.
	Certum bool `json:"certum,omitempty"`
	// Wildcard allows wildcard names. A single-name product that allows them wants
	// its common name to be one.
	Wildcard bool `json:"wildcard"`
	// IncludedNames is how many names besides the common name the price includes.
	IncludedNames int `json:"includedNames"`
	// MaxNames is the highest number of names, common name included.
	MaxNames int `json:"maxNames"`
	// WWWIncluded adds the name with (or without) "www." free of charge, and for a
	// wildcard the bare domain.
	WWWIncluded bool      `json:"wwwIncluded"`
	Keys        []KeyType `json:"keys"`
	// Warranty in units of the currency, as catalogues show it.
	Warranty int `json:"warranty"`
}

// MultiDomain reports whether the product takes names besides the common name.
func (p Product) MultiDomain() bool { return p.MaxNames > 1 }

// Offers reports whether the product can be validated by method.
func (p Product) Offers(method Method) bool { return slices.Contains(p.Methods, method) }

// Price is the price of a term of years for a number of names, common name included.
func (p Product) Price(years, names int) (Cents, error) {
	if years < 1 || years > len(p.Prices) {
		return 0, refuse(ErrParameter, "product %s is not sold for %d years", p.ID, years)
	}
	if names < 1 || names > p.MaxNames {
		return 0, refuse(ErrNames, "product %s takes at most %d names", p.ID, p.MaxNames)
	}
	extra := max(0, names-1-p.IncludedNames)
	return p.Prices[years-1] + p.ExtraNamePrice*Cents(extra*years), nil
}

// DefaultProducts is a small catalogue with one product of each sort. Identifier and
// price of the first are those of the example in CyberSSL's API page
// (https://cyberssl.com/help/api_methods); the others are made up.
func DefaultProducts() []Product {
	all := []Method{MethodDNS, MethodHTTP, MethodHTTPS, MethodEmail}
	dnsOrEmail := []Method{MethodDNS, MethodEmail}
	keys := []KeyType{KeyRSA, KeyECDSA}
	return []Product{
		{
			ID: "17", Name: "Sectigo PositiveSSL", Brand: "sectigo", Validation: "dv", Prices: []Cents{500, 1000, 2000},
			Methods: all, MaxNames: 1, WWWIncluded: true, Keys: keys, Warranty: 10000,
		},
		{
			ID: "18", Name: "Sectigo PositiveSSL Wildcard", Brand: "sectigo", Validation: "dv", Prices: []Cents{6000, 11500},
			Methods: dnsOrEmail, Wildcard: true, MaxNames: 1, WWWIncluded: true, Keys: keys, Warranty: 10000,
		},
		{
			ID: "19", Name: "Sectigo PositiveSSL Multi-Domain", Brand: "sectigo", Validation: "dv", Prices: []Cents{1500, 2800},
			ExtraNamePrice: 400, Methods: all, IncludedNames: 2, MaxNames: 250, Keys: keys, Warranty: 10000,
		},
		{
			ID: "20", Name: "Sectigo PositiveSSL Multi-Domain Wildcard", Brand: "sectigo", Validation: "dv", Prices: []Cents{12000, 22000},
			ExtraNamePrice: 5000, Methods: dnsOrEmail, Wildcard: true, IncludedNames: 2, MaxNames: 250, Keys: keys, Warranty: 10000,
		},
		{
			ID: "21", Name: "Sectigo InstantSSL", Brand: "sectigo", Validation: "ov", Prices: []Cents{3000, 5600},
			Methods: all, MaxNames: 1, WWWIncluded: true, Keys: keys, Warranty: 50000,
		},
		{
			ID: "22", Name: "RapidSSL Standard", Brand: "digicert", Validation: "dv", Prices: []Cents{900, 1700},
			Methods: all, TXT: true, MaxNames: 1, WWWIncluded: true, Keys: []KeyType{KeyRSA}, Warranty: 10000,
		},
		{
			ID: "23", Name: "GlobalSign DomainSSL", Brand: "globalsign", Validation: "dv", Prices: []Cents{15000, 28000},
			ExtraNamePrice: 9000, Methods: all, TXT: true, TXTAtName: true, MaxNames: 100, Keys: keys, Warranty: 10000,
		},
		{
			ID: "24", Name: "GeoTrust QuickSSL Premium", Brand: "digicert", Validation: "dv", Prices: []Cents{4900, 9000},
			Methods: all, TXT: true, TXTAtName: true, MaxNames: 1, WWWIncluded: true, Keys: keys, Warranty: 500000,
		},
		{
			ID: "25", Name: "Certum Commercial SSL", Brand: "certum", Validation: "dv", Prices: []Cents{2500},
			Methods: []Method{MethodDNS, MethodHTTP}, TXT: true, TXTAtName: true, Certum: true, MaxNames: 1, WWWIncluded: true, Keys: keys, Warranty: 200000,
		},
		{
			ID: "26", Name: "Certum Commercial SSL Wildcard", Brand: "certum", Validation: "dv", Prices: []Cents{9900},
			Methods: []Method{MethodDNS}, TXT: true, TXTAtName: true, Certum: true, Wildcard: true, MaxNames: 1, WWWIncluded: true, Keys: keys, Warranty: 200000,
		},
	}
}
