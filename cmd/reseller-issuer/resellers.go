package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/autodns"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/connectreseller"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/cyberssl"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/ispmanager"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/resello"
)

// vendorEndpoints are the live and sandbox APIs of all resellers.
var vendorEndpoints = []string{
	cyberssl.LiveEndpoint, cyberssl.SandboxEndpoint,
	autodns.LiveEndpoint, autodns.DemoEndpoint,
	ispmanager.LiveEndpoint, ispmanager.LiveRussianEndpoint,
	connectreseller.LiveEndpoint, resello.LiveEndpoint,
}

// connection is what all resellers share.
type connection struct {
	http    *http.Client
	allowed endpoints
	now     func() time.Time
}

// resellers are those that this build knows, by name.
func (c connection) resellers() map[string]order.Driver {
	return map[string]order.Driver{
		cyberssl.Name:        {Access: cyberSSLAccess, New: c.cyberSSL},
		autodns.Name:         c.autoDNSDriver(),
		connectreseller.Name: {Access: connectResellerAccess, New: c.connectReseller},
		ispmanager.Name:      {Access: ispManagerAccess, New: c.ispManager},
		resello.Name:         {Access: reselloAccess, New: c.resello},
	}
}

func cyberSSLAccess(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess {
	if r.CyberSSL == nil {
		return nil
	}
	return &r.CyberSSL.ResellerAccess
}

func (c connection) cyberSSL(spec *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte) (providers.Provider, error) {
	settings := spec.Reseller.CyberSSL
	endpoint := cmp.Or(settings.Endpoint, cyberssl.LiveEndpoint)
	if err := c.allowed.permit(endpoint); err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	key, err := credential(credentials, "apikey")
	if err != nil {
		return nil, err
	}
	product := settings.Product
	return cyberssl.New(cyberssl.Config{
		Endpoint: endpoint, AccountName: settings.AccountName, APIKey: key,
		Product: cyberssl.Product{
			ID: product.ID, Wildcard: supported(product.Wildcard), IncludedWWW: supported(product.IncludedWWW), ECDSA: supported(product.ECDSA),
			MaxNames: int(product.MaxNames), Methods: methods(product.Methods), CAAIdentities: product.CAAIdentities,
			MaxValidity: duration(product),
		},
		Contacts:   cyberSSLContacts(&spec.Contacts),
		SoftwareID: int(settings.SoftwareID),
		HTTPClient: c.http, Now: c.now,
	})
}

func cyberSSLContacts(c *v1alpha1.Contacts) cyberssl.Contacts {
	person := func(p *v1alpha1.Contact) cyberssl.Contact {
		return cyberssl.Contact{FirstName: p.FirstName, LastName: p.LastName, Title: p.Title, Email: p.Email, Phone: p.Phone}
	}
	contacts := cyberssl.Contacts{Admin: person(&c.Admin)}
	if c.Technical != nil {
		technical := person(c.Technical)
		contacts.Technical = &technical
	}
	if o := c.Organization; o != nil {
		contacts.Organization = &cyberssl.Organization{
			Name: o.Name, Division: o.Division, Address: o.Address, PostalCode: o.PostalCode,
			City: o.City, Region: o.Region, Country: o.Country, Phone: o.Phone,
		}
	}
	return contacts
}

// errNoCredential is wrapped where a Secret lacks a key.
var errNoCredential = errors.New("the Secret has no value for this key")

// credential is the value of a Secret's key. White space around it is never meant: an
// editor or echo has left it there.
func credential(data map[string][]byte, key string) (providers.Secret, error) {
	value := trimmed(data[key])
	if value == "" {
		return "", fmt.Errorf("key %q: %w", key, errNoCredential)
	}
	return providers.Secret(value), nil
}

// supported is nil where the issuer doesn't say.
func supported(s v1alpha1.Support) *bool {
	if s == "" {
		return nil
	}
	yes := s == v1alpha1.Supported
	return &yes
}

func methods(list []v1alpha1.DCVMethod) []providers.Method {
	converted := make([]providers.Method, 0, len(list))
	for _, m := range list {
		converted = append(converted, providers.Method(m))
	}
	return converted
}

func duration(product v1alpha1.Product) time.Duration {
	if product.MaxValidity == nil {
		return 0
	}
	return product.MaxValidity.Duration
}
