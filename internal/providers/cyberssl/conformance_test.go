package cyberssl_test

import (
	"net/http"
	"testing"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/cyberssl"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/providertest"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// contacts are those of the example of the API page.
func contacts() cyberssl.Contacts {
	return cyberssl.Contacts{Admin: cyberssl.Contact{
		FirstName: "John", LastName: "Smith", Phone: "0042321313", Title: "IT manager", Email: "admin@john.com",
	}}
}

// product describes an article of the sandbox's catalogue.
func product(kind providertest.Product, method providers.Method) cyberssl.Product {
	yes, no := true, false
	switch {
	case kind == providertest.SeveralNames:
		return cyberssl.Product{ID: "19", MaxNames: 250}
	case kind == providertest.Wildcard:
		return cyberssl.Product{ID: "18", Wildcard: &yes, IncludedWWW: &yes}
	case kind == providertest.NoProduct:
		return cyberssl.Product{ID: "4711"}
	case method == providers.MethodTXT:
		return cyberssl.Product{
			ID: "22", IncludedWWW: &yes, ECDSA: &no,
			Methods: []providers.Method{providers.MethodTXT, providers.MethodFile, providers.MethodEmail},
		}
	default:
		return cyberssl.Product{ID: "17"}
	}
}

func reseller(options sandbox.CyberSSLOptions) providertest.Reseller {
	return providertest.Reseller{
		Name:     cyberssl.Name,
		Protocol: func(e *sandbox.Engine) sandbox.Protocol { return sandbox.NewCyberSSL(e, options) },
		Path:     "/cyberssl/v1",
		New: func(s providertest.Setup) (providers.Provider, error) {
			return cyberssl.New(cyberssl.Config{
				Endpoint: s.Endpoint, AccountName: sandbox.DefaultAccount, APIKey: s.Key,
				Product: product(s.Product, s.Method), Contacts: contacts(), SoftwareID: 3,
				HTTPClient: s.Client, Now: s.Now,
			})
		},
		Methods: []providers.Method{
			providers.MethodCNAME, providers.MethodTXT, providers.MethodFile, providers.MethodEmail,
		},
		Products:   []providertest.Product{providertest.SingleName, providertest.SeveralNames, providertest.Wildcard},
		RenewClass: sandbox.ClassBuy,
		Credentials: func(r *http.Request) []string {
			if err := r.ParseForm(); err != nil {
				return nil
			}
			return append(r.Form["apikey"], r.Form["token"]...)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.CyberSSLOptions{}))
}

// TestConformanceOtherReading runs the kit on what the vendor's texts leave open: fields of
// order_status inside "order", the paid term in its dates, "id" in my_orders.
func TestConformanceOtherReading(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.CyberSSLOptions{WrapStatus: true, TermDates: true, ListID: "id"}))
}
