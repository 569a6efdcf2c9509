package autodns

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Check implements providers.Provider with Hello, which does nothing, AccountInfo, and one
// test preparation of the product in the life of the process.
func (p *Provider) Check(ctx context.Context) (providers.AccountInfo, error) {
	if err := p.client.call(ctx, opHello, request{}, nil); err != nil {
		return providers.AccountInfo{}, err
	}
	var info providers.AccountInfo
	balance, err := p.balance(ctx)
	switch {
	case refused(err):
		// Reading the account takes a right that SSL users may lack.
	case err != nil:
		return info, err
	default:
		info.Balance = balance
	}
	if err := p.checkContacts(ctx); err != nil {
		return info, err
	}
	warning, err := p.checkProduct(ctx)
	if warning != "" {
		info.Warnings = append(info.Warnings, warning)
	}
	return info, err
}

// balance is what may be spent: the account's balance and the credit limit.
func (p *Provider) balance(ctx context.Context) (*providers.Money, error) {
	var data list[struct {
		Balance  text `json:"currentAccountBalance"`
		Limit    text `json:"creditLimit"`
		Currency text `json:"currency"`
	}]
	if err := p.client.call(ctx, opAccount, request{}, &data); err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, nil
	}
	balance, err := providers.ParseMoney(data[0].Balance.word(), data[0].Currency.word())
	if err != nil {
		return nil, nil //nolint:nilerr // an account without prepayment has none
	}
	if limit, err := providers.ParseMoney(data[0].Limit.word(), ""); err == nil {
		balance.Amount = balance.Amount.Add(limit.Amount)
	}
	return &balance, nil
}

// probeName is reserved for examples (RFC 2606).
const probeName = "www.example.com"

// checkProduct prepares an order for a key that is thrown away: there is no other call with
// a documented address that knows products. It has no effect (guide: it checks the CSR
// and makes what to publish) and is made until it worked once.
func (p *Provider) checkProduct(ctx context.Context) (warning string, err error) {
	_, err = p.probed.get(ctx, func() (struct{}, error) {
		name := probeName
		if p.profile.Wildcard && p.profile.MaxNames <= 1 {
			name = "*.example.com"
		}
		csr, err := throwAwayCSR(name, len(p.profile.Curves) > 0)
		if err != nil {
			return struct{}{}, failure(opPrepare.name, providers.Unavailable, "no test request can be made", err)
		}
		var data json.RawMessage
		return struct{}{}, p.askPrepare(ctx, preparation{Plain: vendorCSR(csr), Product: p.config.Product.ID}, &data)
	})
	switch {
	case aboutProduct(err):
		return "", invalid(opPrepare.name, fieldReseller+"product.id", "InterNetX doesn't know product "+p.config.Product.ID)
	case refused(err) && providers.KindOf(err) == providers.Invalid:
		return "InterNetX refuses a test order of product " + p.config.Product.ID + ", look whether the product exists: " + err.Error(), nil
	default:
		return "", err
	}
}

func throwAwayCSR(name string, curve bool) ([]byte, error) {
	var (
		key crypto.Signer
		err error
	)
	if curve {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}
