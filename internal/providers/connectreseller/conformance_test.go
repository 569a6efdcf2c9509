package connectreseller_test

import (
	"net/http"
	"testing"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/connectreseller"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/providertest"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// product is a code of the vendor: those of Certum are validated by TXT and file, those of
// Sectigo by CNAME and e-mail.
func product(kind providertest.Product, method providers.Method) connectreseller.Product {
	certum := method == providers.MethodTXT || method == providers.MethodFile
	switch {
	case kind == providertest.NoProduct:
		return connectreseller.Product{ID: "7"}
	case kind == providertest.Wildcard && certum:
		return connectreseller.Product{ID: "3"}
	case kind == providertest.Wildcard:
		return connectreseller.Product{ID: "6"}
	case certum:
		return connectreseller.Product{ID: "1"}
	default:
		return connectreseller.Product{ID: "5"}
	}
}

// speak makes the protocol, whose defaults are right.
func speak(options sandbox.ConnectResellerOptions) func(*sandbox.Engine) sandbox.Protocol {
	return func(e *sandbox.Engine) sandbox.Protocol {
		protocol, err := sandbox.NewConnectReseller(e, options)
		if err != nil {
			panic(err)
		}
		return protocol
	}
}

func config(s providertest.Setup) connectreseller.Config {
	return connectreseller.Config{
		Endpoint: s.Endpoint, ResellerID: sandbox.ConnectResellerID, CustomerID: sandbox.ConnectResellerCustomer,
		APIKey: s.Key, Passphrase: sandbox.ConnectResellerPassphrase, Salt: sandbox.ConnectResellerSalt, IV: sandbox.ConnectResellerIV,
		Product: product(s.Product, s.Method), HTTPClient: s.Client, Now: s.Now,
	}
}

func reseller(options sandbox.ConnectResellerOptions, methods ...providers.Method) providertest.Reseller {
	return providertest.Reseller{
		Name:               connectreseller.Name,
		Protocol:           speak(options),
		Path:               "/connectreseller/ConnectReseller/ESHOP",
		New:                func(s providertest.Setup) (providers.Provider, error) { return connectreseller.New(config(s)) },
		Methods:            methods,
		Products:           []providertest.Product{providertest.SingleName, providertest.Wildcard},
		TwoSteps:           true,
		FilesAtMainDomains: true,
		Resolve:            func(order string) providers.IDs { return providers.IDs{"orderID": order} },
		Credentials: func(r *http.Request) []string {
			return []string{
				r.URL.Query().Get("APIKey"), sandbox.ConnectResellerPassphrase, sandbox.ConnectResellerSalt, sandbox.ConnectResellerIV,
			}
		},
	}
}

// TestConformance runs most scenarios with a product of Sectigo.
func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.ConnectResellerOptions{},
		providers.MethodCNAME, providers.MethodTXT, providers.MethodFile, providers.MethodEmail))
}
