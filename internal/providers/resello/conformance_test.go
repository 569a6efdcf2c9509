package resello_test

import (
	"net/http"
	"testing"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/providertest"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/resello"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// product describes a plan of the sandbox.
func product(kind providertest.Product, method providers.Method) resello.Product {
	yes := true
	switch {
	case kind == providertest.Wildcard:
		return resello.Product{ID: sandbox.ReselloPlan("18"), Wildcard: &yes, IncludedWWW: &yes, ECDSA: &yes}
	case kind == providertest.NoProduct:
		return resello.Product{ID: sandbox.ReselloPlan("4711")}
	case method == providers.MethodTXT:
		return resello.Product{
			ID: sandbox.ReselloPlan("24"), IncludedWWW: &yes, ECDSA: &yes,
			Methods: []providers.Method{providers.MethodTXT, providers.MethodFile, providers.MethodEmail},
		}
	default:
		return resello.Product{ID: sandbox.ReselloPlan("17"), IncludedWWW: &yes, ECDSA: &yes}
	}
}

func reseller(options sandbox.ReselloOptions) providertest.Reseller {
	return providertest.Reseller{
		Name:     resello.Name,
		Protocol: func(e *sandbox.Engine) sandbox.Protocol { return sandbox.NewResello(e, options) },
		Path:     "/resello/api/v1",
		New: func(s providertest.Setup) (providers.Provider, error) {
			return resello.New(resello.Config{
				Endpoint: s.Endpoint, Username: sandbox.DefaultAccount, APIKey: s.Key, Product: product(s.Product, s.Method),
				Contacts:   resello.Contacts{FirstName: "John", LastName: "Doe", Phone: "+31.612345678"},
				HTTPClient: s.Client, Now: s.Now,
			})
		},
		Methods: []providers.Method{
			providers.MethodCNAME, providers.MethodTXT, providers.MethodFile, providers.MethodEmail,
		},
		Products: []providertest.Product{providertest.SingleName, providertest.Wildcard},
		Credentials: func(r *http.Request) []string {
			_, key, _ := r.BasicAuth()
			return []string{key, r.Header.Get("Authorization")}
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.ReselloOptions{}))
}

// TestConformanceOtherReading runs the kit on what the vendor's pages leave open:
// certificates that tell nothing but id and status, records as lines of a zone file.
func TestConformanceOtherReading(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.ReselloOptions{Sparse: true, ZoneLines: true}))
}
