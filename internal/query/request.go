package query

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// rsaBits is the size of a key that is thrown away.
const rsaBits = 2048

// request is what would be asked of the reseller.
func (q *question) request() (providers.Request, error) {
	csr := q.spec.CSR
	if len(csr) == 0 {
		made, err := makeCSR(q.spec.Names, q.supplier.Provider.Profile())
		if err != nil {
			return providers.Request{}, err
		}
		csr = made
	}
	parsed, err := chain.ParseCSR(csr)
	if err != nil {
		return providers.Request{}, fmt.Errorf("spec.csr: %w", err)
	}
	return providers.Request{
		CSR: []byte(chain.CSRPEM(parsed)), CommonName: strings.ToLower(parsed.Subject.CommonName), Names: chain.Names(parsed),
		TermMonths: int(q.supplier.Spec.Term.Months),
	}, nil
}

// makeCSR makes a CSR for names with a key that nobody keeps. The first name is the common
// name, as most resellers want one.
func makeCSR(names []string, profile providers.Profile) ([]byte, error) {
	normal := make([]string, 0, len(names))
	for _, name := range names {
		n, err := dcv.Normalise(name)
		if err != nil {
			return nil, fmt.Errorf("spec.names: %w", err)
		}
		normal = append(normal, n)
	}
	if len(normal) == 0 {
		return nil, errors.New("spec.names: at least one name is needed")
	}
	key, err := throwawayKey(profile)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: normal[0]}, DNSNames: normal}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("make a CSR: %w", err)
	}
	parsed, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fmt.Errorf("make a CSR: %w", err)
	}
	return []byte(chain.CSRPEM(parsed)), nil
}

func throwawayKey(profile providers.Profile) (crypto.Signer, error) {
	if slices.Contains(profile.Curves, elliptic.P256().Params().Name) {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, rsaBits)
}
