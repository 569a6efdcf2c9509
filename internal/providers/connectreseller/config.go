package connectreseller

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Name is the reseller's name in accounts, errors and metrics.
const Name = "connectreseller"

// LiveEndpoint is the vendor's base URL (API document).
const LiveEndpoint = "https://api.connectreseller.com/ConnectReseller/ESHOP"

// vendorDomain has all hosts of the vendor.
const vendorDomain = ".connectreseller.com"

// BusinessCategories are the vendor's words for the customer (API document, section 3).
var BusinessCategories = []string{"Private Organization", "Business Entity", "Non-Commercial Entity", "Government Entity"}

// Config is what a Provider needs.
type Config struct {
	// Endpoint is the base URL of the API; LiveEndpoint if empty.
	Endpoint string
	// ResellerID is the number of the account, CustomerID that of the customer for whom is
	// ordered, BusinessCategory one of BusinessCategories, the first if empty.
	ResellerID, CustomerID int64
	BusinessCategory       string
	// APIKey, Passphrase, Salt and IV are from the vendor's panel; the last two are hex.
	APIKey, Passphrase, Salt, IV providers.Secret
	// Product is what to buy.
	Product Product
	// HTTPClient comes from providers.NewHTTPClient.
	HTTPClient *http.Client
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Provider is one account and product at ConnectReseller.
type Provider struct {
	config  Config
	code    int
	facts   facts
	account providers.Account
	client  *client
}

// What the API offers beyond the mandatory interface.
var (
	_ providers.Provider      = (*Provider)(nil)
	_ providers.Snapshotter   = (*Provider)(nil)
	_ providers.Enroller      = (*Provider)(nil)
	_ providers.Validator     = (*Provider)(nil)
	_ providers.MethodChanger = (*Provider)(nil)
	_ providers.Reissuer      = (*Provider)(nil)
	_ providers.Renewer       = (*Provider)(nil)
	_ providers.Canceller     = (*Provider)(nil)
	_ providers.Revoker       = (*Provider)(nil)
	_ providers.Examiner      = (*Provider)(nil)
)

// fieldReseller is where the settings of this package are in an issuer.
const (
	fieldReseller    = "spec.reseller.connectreseller."
	fieldCredentials = fieldReseller + "credentialsSecretRef"
	fieldProduct     = fieldReseller + "product.id"
	fieldMethods     = "spec.dcv.methods"
)

// New checks the configuration without any I/O. Its errors are of kind Invalid and name
// the field.
func New(config Config) (*Provider, error) {
	config.Endpoint = strings.TrimRight(cmp.Or(config.Endpoint, LiveEndpoint), "/")
	config.BusinessCategory = cmp.Or(config.BusinessCategory, BusinessCategories[0])
	if config.Now == nil {
		config.Now = time.Now
	}
	base, err := config.check()
	if err != nil {
		return nil, err
	}
	code, err := strconv.Atoi(config.Product.ID)
	if err != nil || code < 1 {
		return nil, invalid("configure", fieldProduct, "it must be a productCode, which is a number")
	}
	facts := factsOf(code)
	for _, method := range config.Product.Methods {
		if facts.word(method) == "" {
			return nil, invalid("configure", fieldReseller+"product.methods", fmt.Sprintf("product %d can't be validated by %q", code, method))
		}
	}
	secrets, err := newCipher(config.Passphrase, config.Salt, config.IV)
	if err != nil {
		return nil, err
	}
	return &Provider{
		config: config, code: code, facts: facts,
		account: providers.Account{Reseller: Name, Endpoint: config.Endpoint, Name: strconv.FormatInt(config.ResellerID, 10)},
		client:  newClient(config, base, secrets),
	}, nil
}

// check returns the endpoint.
func (c Config) check() (*url.URL, error) {
	base, err := url.Parse(c.Endpoint)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, invalid("configure", fieldReseller+"endpoint", "it must be a URL of scheme, host and path only")
	}
	switch {
	case c.ResellerID < 1:
		return nil, invalid("configure", fieldReseller+"resellerID", "it must be a positive number")
	case c.CustomerID < 1:
		return nil, invalid("configure", fieldReseller+"customerID", "it must be a positive number")
	case !slices.Contains(BusinessCategories, c.BusinessCategory):
		return nil, invalid("configure", fieldReseller+"businessCategory", "it must be one of "+strings.Join(BusinessCategories, ", "))
	case strings.TrimSpace(c.APIKey.Reveal()) == "":
		return nil, invalid("configure", fieldCredentials, "key apiKey is empty")
	case c.HTTPClient == nil:
		return nil, invalid("configure", "", "no HTTP client is given")
	}
	return base, nil
}

// Format implements fmt.Formatter, because package fmt would print the secrets, which are
// in an unexported field.
func (p *Provider) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, p.account.Key()) // fmt ignores write errors too
}

// Account implements providers.Provider.
func (p *Provider) Account() providers.Account { return p.account }

// Profile implements providers.Provider.
func (p *Provider) Profile() providers.Profile { return p.facts.profile(p.config.Product) }
