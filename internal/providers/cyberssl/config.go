package cyberssl

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Name is the reseller's name in accounts, errors and metrics.
const Name = "cyberssl"

// The vendor's base URLs (API page).
const (
	LiveEndpoint    = "https://api.cyberssl.com/v1"
	SandboxEndpoint = "https://api.cyberssl.com/sandbox/v1"
)

// vendorHost serves both of them.
const vendorHost = "api.cyberssl.com"

// Config is what a Provider needs.
type Config struct {
	// Endpoint is the base URL of the API; LiveEndpoint if empty.
	Endpoint string
	// AccountName identifies the account. The API doesn't tell it.
	AccountName string
	// APIKey is the key of the account's profile page.
	APIKey providers.Secret
	// Product is what to buy.
	Product Product
	// Contacts are sent with each purchase.
	Contacts Contacts
	// SoftwareID is the vendor's number of the web server software; not sent if 0.
	SoftwareID int
	// HTTPClient comes from providers.NewHTTPClient.
	HTTPClient *http.Client
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Contacts of a purchase.
type Contacts struct {
	Admin Contact
	// Technical is the admin contact if nil.
	Technical *Contact
	// Organization is needed for OV and EV products only.
	Organization *Organization
}

// Contact is a person. All fields of the admin contact are required.
type Contact struct {
	FirstName, LastName, Title, Email, Phone string
}

// Organization is a legal entity.
type Organization struct {
	Name, Division, Address, PostalCode, City, Region, Country, Phone string
}

// Provider is one account and product at CyberSSL.
type Provider struct {
	config  Config
	account providers.Account
	profile providers.Profile
	client  *client
}

// What the API offers beyond the mandatory interface.
var (
	_ providers.Provider      = (*Provider)(nil)
	_ providers.Preparer      = (*Provider)(nil)
	_ providers.Snapshotter   = (*Provider)(nil)
	_ providers.Enroller      = (*Provider)(nil)
	_ providers.Validator     = (*Provider)(nil)
	_ providers.MethodChanger = (*Provider)(nil)
	_ providers.EmailResender = (*Provider)(nil)
	_ providers.Reissuer      = (*Provider)(nil)
	_ providers.Renewer       = (*Provider)(nil)
	_ providers.NameAdder     = (*Provider)(nil)
	_ providers.CSRChecker    = (*Provider)(nil)
	_ providers.Pricer        = (*Provider)(nil)
	_ providers.Cataloguer    = (*Provider)(nil)
	_ providers.Lister        = (*Provider)(nil)
)

// New checks the configuration without any I/O. Its errors are of kind Invalid and name
// the field.
func New(config Config) (*Provider, error) {
	if config.Endpoint == "" {
		config.Endpoint = LiveEndpoint
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	config.Endpoint = strings.TrimRight(config.Endpoint, "/")
	base, err := url.Parse(config.Endpoint)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, invalid("configure", fieldReseller+"endpoint", "it must be a URL of scheme, host and path only")
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	return &Provider{
		config:  config,
		account: providers.Account{Reseller: Name, Endpoint: config.Endpoint, Name: config.AccountName},
		profile: profile(config.Product),
		client:  newClient(config, base),
	}, nil
}

// fieldReseller is where the settings of this package are in an issuer.
const fieldReseller = "spec.reseller.cyberssl."

func (c Config) check() error {
	admin := c.Contacts.Admin
	for _, setting := range []struct{ field, value string }{
		{fieldReseller + "accountName", c.AccountName},
		{fieldReseller + "credentialsSecretRef", c.APIKey.Reveal()},
		{fieldReseller + "product.id", c.Product.ID},
		{"spec.contacts.admin.firstName", admin.FirstName},
		{"spec.contacts.admin.lastName", admin.LastName},
		{"spec.contacts.admin.phone", admin.Phone},
		{"spec.contacts.admin.title", admin.Title},
		{"spec.contacts.admin.email", admin.Email},
	} {
		if strings.TrimSpace(setting.value) == "" {
			return invalid("configure", setting.field, "it is empty")
		}
	}
	for _, method := range c.Product.Methods {
		if vendorMethod(method) == "" {
			return invalid("configure", fieldReseller+"product.methods", fmt.Sprintf("%q is no validation method", method))
		}
	}
	if c.HTTPClient == nil {
		return invalid("configure", "", "no HTTP client is given")
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
func (p *Provider) Profile() providers.Profile { return profile(p.config.Product) }
