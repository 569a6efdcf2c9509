package main

import (
	"fmt"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/ispmanager"
)

func ispManagerAccess(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess {
	if r.ISPmanager == nil {
		return nil
	}
	return &r.ISPmanager.ResellerAccess
}

// ispManager checks the endpoint after the provider has completed it: people give it with
// and without /billmgr.
func (c connection) ispManager(spec *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte) (providers.Provider, error) {
	settings := spec.Reseller.ISPmanager
	email, err := credential(credentials, "email")
	if err != nil {
		return nil, err
	}
	password, err := credential(credentials, "password")
	if err != nil {
		return nil, err
	}
	product := settings.Product
	provider, err := ispmanager.New(ispmanager.Config{
		Endpoint: settings.Endpoint, Email: email.Reveal(), Password: password,
		Product: ispmanager.Product{
			ID: product.ID, Wildcard: supported(product.Wildcard), IncludedWWW: supported(product.IncludedWWW), ECDSA: supported(product.ECDSA),
			MaxNames: int(product.MaxNames), Methods: methods(product.Methods), CAAIdentities: product.CAAIdentities,
			MaxValidity: duration(product),
		},
		AddonID: settings.AddonID, AddonPrice: settings.AddonPrice,
		Contacts:   ispManagerContacts(&spec.Contacts),
		HTTPClient: c.http, Now: c.now,
	})
	if err != nil {
		return nil, err
	}
	if err := c.allowed.permit(provider.Account().Endpoint); err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	return provider, nil
}

func ispManagerContacts(c *v1alpha1.Contacts) ispmanager.Contacts {
	person := func(p *v1alpha1.Contact) ispmanager.Contact {
		return ispmanager.Contact{FirstName: p.FirstName, LastName: p.LastName, Title: p.Title, Email: p.Email, Phone: p.Phone}
	}
	contacts := ispmanager.Contacts{Admin: person(&c.Admin)}
	if c.Technical != nil {
		technical := person(c.Technical)
		contacts.Technical = &technical
	}
	return contacts
}
