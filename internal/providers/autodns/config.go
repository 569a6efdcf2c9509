package autodns

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Name is the reseller's name in accounts, errors and metrics.
const Name = "autodns"

// The vendor's base URLs (OpenAPI; the demo system is in
// https://help.internetx.com/display/APIXMLEN/JSON+API+Basics).
const (
	LiveEndpoint = "https://api.autodns.com/v1"
	DemoEndpoint = "https://api.demo.autodns.com/v1"
)

// vendorDomain is where both of them are.
const vendorDomain = ".autodns.com"

// DefaultContext is the number of SSL Manager (guide: "owner": {"context": 9}). That it
// is the right one to log in with is an assumption: unconfirmed on a live account.
const DefaultContext = 9

// PerSecond is how many requests the vendor takes from one address
// (https://help.internetx.com/display/APIXMLEN/JSON+API+Basics).
const PerSecond = 3

// Config is what a Provider needs.
type Config struct {
	// Endpoint is the base URL of the API; LiveEndpoint if empty.
	Endpoint string
	// User, Password and Context are the login; DefaultContext if Context is 0.
	User     string
	Password providers.Secret
	Context  int
	// Product is what to buy.
	Product Product
	// ContactIDs are SSL contacts that exist. Without, they are searched and, if the
	// account has none that equals Contacts, created once.
	ContactIDs *ContactIDs
	Contacts   Contacts
	// Software of the web server, one of Softwares; APACHESSL if empty.
	Software string
	// Provisioning lets InterNetX write the DNS records of its own zones itself. Then
	// no DNS challenge is told.
	Provisioning bool
	// PollQueue reads and confirms the account's message queue to find lost orders. Only
	// for an account that nothing else polls: messages are gone when they are confirmed.
	PollQueue bool
	// Limiter keeps the vendor's limit for each address; share one of PerSecond among
	// all providers of a process. Nil is no limit.
	Limiter *rate.Limiter
	// HTTPClient comes from providers.NewHTTPClient.
	HTTPClient *http.Client
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// ContactIDs are the numbers of SSL contacts.
type ContactIDs struct{ Admin, Technical int64 }

// Contacts of a purchase.
type Contacts struct {
	Admin Contact
	// Technical is the admin contact if nil.
	Technical *Contact
}

// Contact is a person, and the organization where there is one.
type Contact struct {
	FirstName, LastName, Title, Email string
	// Phone has the form +49-123-12345 (guide).
	Phone                                                    string
	Organization, Address, PostalCode, City, Region, Country string
}

// Softwares are the vendor's words for web servers (OpenAPI).
var Softwares = []string{"IIS4", "IIS5", "APACHE2", "APACHESSL", "PLESK", "TOMCAT", "NOT_SET"}

// Provider is one account and product at InterNetX.
type Provider struct {
	config   Config
	account  providers.Account
	profile  providers.Profile
	client   *client
	contacts *memo[ContactIDs]
	probed   *memo[struct{}]
	inbox    *inbox
}

// What the API offers beyond the mandatory interface.
var (
	_ providers.Provider      = (*Provider)(nil)
	_ providers.Preparer      = (*Provider)(nil)
	_ providers.Reissuer      = (*Provider)(nil)
	_ providers.Renewer       = (*Provider)(nil)
	_ providers.EmailResender = (*Provider)(nil)
	_ providers.Canceller     = (*Provider)(nil)
	_ providers.Revoker       = (*Provider)(nil)
	_ providers.Lister        = (*Provider)(nil)
)

// fieldReseller is where the settings of this package are in an issuer.
const fieldReseller = "spec.reseller.autodns."

// New checks the configuration without any I/O. Its errors are of kind Invalid and name
// the field.
func New(config Config) (*Provider, error) {
	config = config.withDefaults()
	base, err := url.Parse(config.Endpoint)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, invalid("configure", fieldReseller+"endpoint", "it must be a URL of scheme, host and path only")
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	return &Provider{
		config: config,
		account: providers.Account{
			Reseller: Name, Endpoint: config.Endpoint, Name: config.User + "/" + strconv.Itoa(config.Context),
		},
		profile:  profile(config.Product),
		client:   newClient(config, base),
		contacts: newMemo[ContactIDs](),
		probed:   newMemo[struct{}](),
		inbox:    newInbox(),
	}, nil
}

func (c Config) withDefaults() Config {
	if c.Endpoint == "" {
		c.Endpoint = LiveEndpoint
	}
	c.Endpoint = strings.TrimRight(c.Endpoint, "/")
	if c.Context == 0 {
		c.Context = DefaultContext
	}
	if c.Software == "" {
		c.Software = "APACHESSL"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Config) check() error {
	required := []struct{ field, value string }{
		{"user in the Secret of " + fieldReseller + "credentialsSecretRef", c.User},
		{"password in the Secret of " + fieldReseller + "credentialsSecretRef", c.Password.Reveal()},
		{fieldReseller + "product.id", c.Product.ID},
	}
	if c.ContactIDs == nil {
		admin := c.Contacts.Admin
		for name, value := range map[string]string{
			"firstName": admin.FirstName, "lastName": admin.LastName, "phone": admin.Phone, "email": admin.Email,
		} {
			required = append(required, struct{ field, value string }{"spec.contacts.admin." + name, value})
		}
	}
	for _, setting := range required {
		if strings.TrimSpace(setting.value) == "" {
			return invalid("configure", setting.field, "it is empty")
		}
	}
	switch {
	case strings.ContainsAny(c.User, ":\r\n"):
		return invalid("configure", required[0].field, "a user name has no colon and is one line")
	case !slices.Contains(Softwares, c.Software):
		return invalid("configure", fieldReseller+"software", fmt.Sprintf("%q is not one of the vendor's words", c.Software))
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

// Format implements fmt.Formatter, because package fmt would print the password, which is
// in an unexported field.
func (p *Provider) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, p.account.Key()) // fmt ignores write errors too
}

// Account implements providers.Provider. Its name is the user and the context, which
// together are an account at InterNetX.
func (p *Provider) Account() providers.Account { return p.account }

// Profile implements providers.Provider.
func (p *Provider) Profile() providers.Profile { return profile(p.config.Product) }
