package main

import (
	"cmp"
	"fmt"

	"golang.org/x/time/rate"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/autodns"
)

// autoDNSDriver shares one limiter among all its providers: the vendor counts requests by
// the address from which they come.
func (c connection) autoDNSDriver() order.Driver {
	limiter := rate.NewLimiter(autodns.PerSecond, autodns.PerSecond)
	return order.Driver{
		Access: autoDNSAccess,
		New: func(spec *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte) (providers.Provider, error) {
			return c.autoDNS(spec, credentials, limiter)
		},
	}
}

func autoDNSAccess(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess {
	if r.AutoDNS == nil {
		return nil
	}
	return &r.AutoDNS.ResellerAccess
}

func (c connection) autoDNS(spec *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte, limiter *rate.Limiter) (providers.Provider, error) {
	settings := spec.Reseller.AutoDNS
	endpoint := cmp.Or(settings.Endpoint, autodns.LiveEndpoint)
	if err := c.allowed.permit(endpoint); err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	user, err := credential(credentials, "user")
	if err != nil {
		return nil, err
	}
	password, err := credential(credentials, "password")
	if err != nil {
		return nil, err
	}
	product := settings.Product
	config := autodns.Config{
		Endpoint: endpoint, User: user.Reveal(), Password: password, Context: int(settings.Context),
		Product: autodns.Product{
			ID: product.ID, Wildcard: supported(product.Wildcard), IncludedWWW: supported(product.IncludedWWW), ECDSA: supported(product.ECDSA),
			MaxNames: int(product.MaxNames), Methods: methods(product.Methods), CAAIdentities: product.CAAIdentities,
			MaxValidity: duration(product),
		},
		Contacts:     autoDNSContacts(&spec.Contacts),
		Software:     settings.Software,
		Provisioning: settings.Provisioning == v1alpha1.ProvisioningInterNetX,
		PollQueue:    settings.MessageQueue == v1alpha1.MessageQueueConsume,
		Limiter:      limiter, HTTPClient: c.http, Now: c.now,
	}
	if ids := settings.ContactIDs; ids != nil {
		config.ContactIDs = &autodns.ContactIDs{Admin: ids.Admin, Technical: ids.Technical}
	}
	return autodns.New(config)
}

func autoDNSContacts(c *v1alpha1.Contacts) autodns.Contacts {
	person := func(p *v1alpha1.Contact) autodns.Contact {
		contact := autodns.Contact{FirstName: p.FirstName, LastName: p.LastName, Title: p.Title, Email: p.Email, Phone: p.Phone}
		if o := c.Organization; o != nil {
			contact.Organization, contact.Address, contact.PostalCode = o.Name, o.Address, o.PostalCode
			contact.City, contact.Region, contact.Country = o.City, o.Region, o.Country
		}
		return contact
	}
	contacts := autodns.Contacts{Admin: person(&c.Admin)}
	if c.Technical != nil {
		technical := person(c.Technical)
		contacts.Technical = &technical
	}
	return contacts
}
