package resello

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Name is the reseller's name in accounts, errors and metrics.
const Name = "resello"

// LiveEndpoint is the base URL that the public client uses.
const LiveEndpoint = "https://rp01.hostcontrol.com/api/v1"

// vendorDomain has all hosts of the vendor.
const vendorDomain = ".hostcontrol.com"

// Config is what a Provider needs.
type Config struct {
	// Endpoint is the base URL of the API; LiveEndpoint if empty.
	Endpoint string
	// Username and APIKey are the API's Basic credentials. The user name identifies the
	// account.
	Username string
	APIKey   providers.Secret
	// Product is what to buy.
	Product Product
	// TermMonths is the paid term that the plan sells, in months; 12 if 0. The API takes
	// no term: the plan has one.
	TermMonths int
	// ComputedCNAME says that validation data may be computed from the CSR, by Sectigo's
	// rule without a unique value. They are then known before paying.
	ComputedCNAME bool
	// Contacts are sent with each purchase.
	Contacts Contacts
	// HTTPClient comes from providers.NewHTTPClient.
	HTTPClient *http.Client
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Contacts of a purchase. All of it is optional for domain-validated plans; OV and EV plans
// need the name of the approver, a department and a chamber of commerce number.
type Contacts struct {
	FirstName, LastName, Phone string
	// Organization is nil where there is none to tell.
	Organization *Organization
}

// Organization is a legal entity.
type Organization struct {
	Name, Department, Address, PostalCode, City string
	// RegistrationNumber is that of the chamber of commerce.
	RegistrationNumber string
}

// Provider is one account and plan at Resello.
type Provider struct {
	config  Config
	account providers.Account
	client  *client
}

// Computing is a Provider that knows the validation data before paying.
type Computing struct{ *Provider }

// What the API offers beyond the mandatory interface.
var (
	_ providers.Provider      = (*Provider)(nil)
	_ providers.Validator     = (*Provider)(nil)
	_ providers.MethodChanger = (*Provider)(nil)
	_ providers.EmailResender = (*Provider)(nil)
	_ providers.Reissuer      = (*Provider)(nil)
	_ providers.Renewer       = (*Provider)(nil)
	_ providers.Canceller     = (*Provider)(nil)
	_ providers.Cataloguer    = (*Provider)(nil)
	_ providers.Lister        = (*Provider)(nil)
	_ providers.Preparer      = Computing{}
)

// New checks the configuration without any I/O and returns a *Provider, or a [Computing]
// if ComputedCNAME is set. Its errors are of kind Invalid and name the field.
func New(config Config) (providers.Provider, error) {
	config.Endpoint = strings.TrimRight(cmp.Or(config.Endpoint, LiveEndpoint), "/")
	config.TermMonths = cmp.Or(config.TermMonths, 12)
	if config.Now == nil {
		config.Now = time.Now
	}
	base, err := url.Parse(config.Endpoint)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, invalid("configure", fieldReseller+"endpoint", "it must be a URL of scheme, host and path only")
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	p := &Provider{
		config:  config,
		account: providers.Account{Reseller: Name, Endpoint: config.Endpoint, Name: config.Username},
		client:  newClient(config, base),
	}
	if config.ComputedCNAME {
		return Computing{p}, nil
	}
	return p, nil
}

// fieldReseller is where the settings of this package are in an issuer.
const (
	fieldReseller    = "spec.reseller.resello."
	fieldCredentials = fieldReseller + "credentialsSecretRef"
	fieldProduct     = fieldReseller + "product.id"
	fieldMethods     = "spec.dcv.methods"
)

// uuid is the form of the vendor's plan identifiers (API page).
var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (c Config) check() error {
	switch {
	case strings.TrimSpace(c.Username) == "":
		return invalid("configure", fieldCredentials, "key username is empty")
	case strings.Contains(c.Username, ":"):
		return invalid("configure", fieldCredentials, "key username holds a colon, which HTTP Basic can't carry")
	case strings.TrimSpace(c.APIKey.Reveal()) == "":
		return invalid("configure", fieldCredentials, "key apiKey is empty")
	case !uuid.MatchString(c.Product.ID):
		return invalid("configure", fieldProduct, "it must be the UUID of a plan")
	case c.HTTPClient == nil:
		return invalid("configure", "", "no HTTP client is given")
	}
	for _, method := range c.Product.Methods {
		if vendorMethod(method) == "" {
			return invalid("configure", fieldReseller+"product.methods", fmt.Sprintf("%q is no validation method", method))
		}
	}
	return nil
}

// Format implements fmt.Formatter, because package fmt would print the key, which is in
// an unexported field.
func (p *Provider) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, p.account.Key()) // fmt ignores write errors too
}

// Account implements providers.Provider.
func (p *Provider) Account() providers.Account { return p.account }

// Profile implements providers.Provider.
func (p *Provider) Profile() providers.Profile { return profile(p.config.Product, p.config.TermMonths) }

// offers reports whether the plan can be validated by a method, a TXT record being as good
// as a CNAME: the CA decides which of them DNS means.
func (p *Provider) offers(method providers.Method) bool {
	return slices.ContainsFunc(p.Profile().Methods, func(m providers.Method) bool { return vendorMethod(m) == vendorMethod(method) })
}
