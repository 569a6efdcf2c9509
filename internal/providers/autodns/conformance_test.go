package autodns_test

import (
	"net/http"
	"testing"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/autodns"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/providertest"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// contacts are those of the guide's example.
func contacts() autodns.Contacts {
	return autodns.Contacts{Admin: autodns.Contact{
		FirstName: "John", LastName: "Doe", Title: "Admin", Email: "john.doe@example.com", Phone: "+49-123-12345",
		Organization: "Company", Address: "123 Main Street", PostalCode: "12345", City: "Anytown", Country: "DE", Region: "BY",
	}}
}

// product describes an article of the sandbox's catalogue.
func product(kind providertest.Product, method providers.Method) autodns.Product {
	yes := true
	cname := []providers.Method{providers.MethodCNAME, providers.MethodFile, providers.MethodEmail}
	switch {
	case kind == providertest.SeveralNames:
		return autodns.Product{ID: "POSITIVESSL_MDC", MaxNames: 250, Methods: cname}
	case kind == providertest.Wildcard:
		return autodns.Product{ID: "POSITIVESSL_WILDCARD", Wildcard: &yes, IncludedWWW: &yes, Methods: cname}
	case kind == providertest.NoProduct:
		return autodns.Product{ID: "NO_SUCH_PRODUCT"}
	case method == providers.MethodCNAME:
		return autodns.Product{ID: "POSITIVESSL", IncludedWWW: &yes, Methods: cname}
	default:
		return autodns.Product{ID: "QUICKSSLPREMIUM"}
	}
}

func reseller(options sandbox.AutoDNSOptions) providertest.Reseller {
	return providertest.Reseller{
		Name:     autodns.Name,
		Protocol: func(e *sandbox.Engine) sandbox.Protocol { return sandbox.NewAutoDNS(e, options) },
		Path:     "/autodns/v1",
		New: func(s providertest.Setup) (providers.Provider, error) {
			return autodns.New(autodns.Config{
				Endpoint: s.Endpoint, User: sandbox.DefaultAccount, Password: s.Key, Product: product(s.Product, s.Method),
				Contacts: contacts(), HTTPClient: s.Client, Now: s.Now,
			})
		},
		Methods: []providers.Method{
			providers.MethodCNAME, providers.MethodTXT, providers.MethodFile, providers.MethodEmail,
		},
		Products: []providertest.Product{providertest.SingleName, providertest.SeveralNames, providertest.Wildcard},
		Credentials: func(r *http.Request) []string {
			_, password, _ := r.BasicAuth()
			return []string{password, r.Header.Get("Authorization")}
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.AutoDNSOptions{}))
}

// TestConformanceOtherReading runs the kit on what the vendor's texts leave open: the path of
// the preparation, jobs that leave the list when they end, "expire" as end of the term.
func TestConformanceOtherReading(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.AutoDNSOptions{OldPaths: true, History: true, NoPayable: true}))
}
