package main

import (
	"cmp"
	"fmt"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/resello"
)

func reselloAccess(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess {
	if r.Resello == nil {
		return nil
	}
	return &r.Resello.ResellerAccess
}

func (c connection) resello(spec *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte) (providers.Provider, error) {
	settings := spec.Reseller.Resello
	endpoint := cmp.Or(settings.Endpoint, resello.LiveEndpoint)
	if err := c.allowed.permit(endpoint); err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	username, err := credential(credentials, "username")
	if err != nil {
		return nil, err
	}
	key, err := credential(credentials, "apiKey")
	if err != nil {
		return nil, err
	}
	product := settings.Product
	return resello.New(resello.Config{
		Endpoint: endpoint, Username: username.Reveal(), APIKey: key,
		Product: resello.Product{
			ID: product.ID, Wildcard: supported(product.Wildcard), IncludedWWW: supported(product.IncludedWWW), ECDSA: supported(product.ECDSA),
			MaxNames: int(product.MaxNames), Methods: methods(product.Methods), CAAIdentities: product.CAAIdentities,
			MaxValidity: duration(product),
		},
		TermMonths:    int(spec.Term.Months),
		ComputedCNAME: settings.ComputedCNAME == v1alpha1.Supported,
		Contacts:      reselloContacts(&spec.Contacts),
		HTTPClient:    c.http, Now: c.now,
	})
}

func reselloContacts(c *v1alpha1.Contacts) resello.Contacts {
	contacts := resello.Contacts{FirstName: c.Admin.FirstName, LastName: c.Admin.LastName, Phone: c.Admin.Phone}
	if o := c.Organization; o != nil {
		contacts.Organization = &resello.Organization{
			Name: o.Name, Department: o.Division, Address: o.Address, PostalCode: o.PostalCode, City: o.City,
			RegistrationNumber: o.RegistrationNumber,
		}
	}
	return contacts
}
