package ispmanager

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
const Name = "ispmanager"

// The vendor's base URLs: for international and for Russian accounts (API page, and
// https://www.ispsystem.com/docs/b6c, integration with ISPmanager SSL).
const (
	LiveEndpoint        = "https://api-eu.ispmanager.com/billmgr"
	LiveRussianEndpoint = "https://api.ispmanager.com/billmgr"
)

// program is the path of every BILLmanager.
const program = "/billmgr"

// Config is what a Provider needs.
type Config struct {
	// Endpoint is the URL of the BILLmanager, with or without /billmgr at its end;
	// LiveEndpoint if empty.
	Endpoint string
	// Email and Password are the login.
	Email    string
	Password providers.Secret
	// Product is what to buy.
	Product Product
	// AddonID is the number of the tariff's add-on for additional names, digits only. It
	// and AddonPrice are needed for more than one name.
	AddonID string
	// AddonPrice is what one additional name costs for the term, a decimal number. The
	// price list doesn't tell it.
	AddonPrice string
	// Contacts are sent with each purchase.
	Contacts Contacts
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
}

// Contact is a person. All fields are required.
type Contact struct {
	FirstName, LastName, Title, Email, Phone string
}

// Provider is one account and product in a BILLmanager.
type Provider struct {
	config     Config
	account    providers.Account
	profile    providers.Profile
	addonPrice providers.Money
	client     *client
}

// What the API offers beyond the mandatory interface.
var (
	_ providers.Provider      = (*Provider)(nil)
	_ providers.Snapshotter   = (*Provider)(nil)
	_ providers.Validator     = (*Provider)(nil)
	_ providers.EmailResender = (*Provider)(nil)
	_ providers.Reissuer      = (*Provider)(nil)
	_ providers.Canceller     = (*Provider)(nil)
	_ providers.Pricer        = (*Provider)(nil)
	_ providers.Cataloguer    = (*Provider)(nil)
	_ providers.Lister        = (*Provider)(nil)
)

// fieldReseller is where the settings of this package are in an issuer.
const fieldReseller = "spec.reseller.ispmanager."

// New checks the configuration without any I/O. Its errors are of kind Invalid and name
// the field.
func New(config Config) (*Provider, error) {
	if config.Endpoint == "" {
		config.Endpoint = LiveEndpoint
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	base, err := url.Parse(strings.TrimRight(config.Endpoint, "/"))
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, invalid("configure", fieldReseller+"endpoint", "it must be a URL of scheme, host and path only")
	}
	if !strings.HasSuffix(base.Path, program) {
		base = base.JoinPath(program)
	}
	config.Endpoint = base.String()
	p := &Provider{
		config:  config,
		account: providers.Account{Reseller: Name, Endpoint: config.Endpoint, Name: config.Email},
		profile: profile(config.Product),
		client:  newClient(config),
	}
	return p, p.check()
}

func (p *Provider) check() error {
	c := p.config
	for _, setting := range c.required() {
		if strings.TrimSpace(setting.value) == "" {
			return invalid("configure", setting.field, "it is empty")
		}
	}
	switch {
	case strings.ContainsAny(c.Email, ":\r\n"):
		return invalid("configure", "email in the Secret of "+fieldReseller+"credentialsSecretRef", "it is no e-mail address")
	case strings.Trim(c.AddonID, "0123456789") != "":
		return invalid("configure", fieldReseller+"addonID", "it must be digits only")
	case c.AddonID == "" && p.profile.MaxNames > 1:
		return invalid("configure", fieldReseller+"addonID", "a product for several names needs the number of its add-on")
	case c.HTTPClient == nil:
		return invalid("configure", "", "no HTTP client is given")
	}
	if err := p.readAddonPrice(); err != nil {
		return err
	}
	for _, method := range c.Product.Methods {
		if vendorMethod(method) == "" {
			return invalid("configure", fieldReseller+"product.methods", fmt.Sprintf("%q is no validation method", method))
		}
	}
	return nil
}

func (p *Provider) readAddonPrice() error {
	if p.config.AddonID == "" {
		return nil
	}
	price, err := providers.ParseMoney(p.config.AddonPrice, "")
	if err != nil || price.Amount.IsNegative() {
		return invalid("configure", fieldReseller+"addonPrice", "the price list doesn't tell what the add-on costs: give it as a decimal number")
	}
	p.addonPrice = price
	return nil
}

type setting struct{ field, value string }

func (c Config) required() []setting {
	settings := []setting{
		{"email in the Secret of " + fieldReseller + "credentialsSecretRef", c.Email},
		{"password in the Secret of " + fieldReseller + "credentialsSecretRef", c.Password.Reveal()},
		{fieldReseller + "product.id", c.Product.ID},
	}
	people := map[string]Contact{"admin": c.Contacts.Admin}
	if c.Contacts.Technical != nil {
		people["technical"] = *c.Contacts.Technical
	}
	for role, person := range people {
		field := "spec.contacts." + role + "."
		settings = append(settings, setting{field + "firstName", person.FirstName}, setting{field + "lastName", person.LastName},
			setting{field + "title", person.Title}, setting{field + "email", person.Email}, setting{field + "phone", person.Phone})
	}
	return settings
}

// Format implements fmt.Formatter, because package fmt would print the password, which is
// in an unexported field.
func (p *Provider) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, p.account.Key()) // fmt ignores write errors too
}

// Account implements providers.Provider.
func (p *Provider) Account() providers.Account { return p.account }

// Profile implements providers.Provider.
func (p *Provider) Profile() providers.Profile { return profile(p.config.Product) }
