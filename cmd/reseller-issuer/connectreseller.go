package main

import (
	"cmp"
	"fmt"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/connectreseller"
)

func connectResellerAccess(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess {
	if r.ConnectReseller == nil {
		return nil
	}
	return &r.ConnectReseller.ResellerAccess
}

func (c connection) connectReseller(spec *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte) (providers.Provider, error) {
	settings := spec.Reseller.ConnectReseller
	endpoint := cmp.Or(settings.Endpoint, connectreseller.LiveEndpoint)
	if err := c.allowed.permit(endpoint); err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	product := settings.Product
	config := connectreseller.Config{
		Endpoint: endpoint, ResellerID: settings.ResellerID, CustomerID: settings.CustomerID, BusinessCategory: settings.BusinessCategory,
		Product: connectreseller.Product{
			ID: product.ID, Wildcard: supported(product.Wildcard), IncludedWWW: supported(product.IncludedWWW), ECDSA: supported(product.ECDSA),
			MaxNames: int(product.MaxNames), Methods: methods(product.Methods), CAAIdentities: product.CAAIdentities,
			MaxValidity: duration(product),
		},
		HTTPClient: c.http, Now: c.now,
	}
	for _, secret := range []struct {
		key   string
		value *providers.Secret
	}{
		{"apiKey", &config.APIKey}, {"passphrase", &config.Passphrase}, {"salt", &config.Salt}, {"iv", &config.IV},
	} {
		value, err := credential(credentials, secret.key)
		if err != nil {
			return nil, err
		}
		*secret.value = value
	}
	return connectreseller.New(config)
}
