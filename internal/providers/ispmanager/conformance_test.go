package ispmanager_test

import (
	"net/http"
	"testing"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/ispmanager"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/providertest"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

func contacts() ispmanager.Contacts {
	return ispmanager.Contacts{Admin: ispmanager.Contact{
		FirstName: "Ada", LastName: "Lovelace", Title: "Analyst", Email: "ada@example.com", Phone: "+44 20 7946 0000",
	}}
}

// product describes an article of the sandbox's catalogue.
func product(kind providertest.Product, method providers.Method) ispmanager.Product {
	yes := true
	switch {
	case kind == providertest.SeveralNames:
		return ispmanager.Product{ID: "19", MaxNames: 250}
	case kind == providertest.Wildcard:
		return ispmanager.Product{ID: "18", Wildcard: &yes, IncludedWWW: &yes}
	case kind == providertest.NoProduct:
		return ispmanager.Product{ID: "4711"}
	case method == providers.MethodTXT:
		return ispmanager.Product{ID: "23", Methods: []providers.Method{providers.MethodTXT, providers.MethodEmail}}
	default:
		return ispmanager.Product{ID: "17", IncludedWWW: &yes}
	}
}

func reseller(options sandbox.ISPmanagerOptions) providertest.Reseller {
	return providertest.Reseller{
		Name:     ispmanager.Name,
		Protocol: func(e *sandbox.Engine) sandbox.Protocol { return sandbox.NewISPmanager(e, options) },
		Path:     "/ispmanager",
		New: func(s providertest.Setup) (providers.Provider, error) {
			return ispmanager.New(ispmanager.Config{
				Endpoint: s.Endpoint, Email: sandbox.DefaultAccount, Password: s.Key, Product: product(s.Product, s.Method),
				AddonID: "5519", AddonPrice: "0", Contacts: contacts(), HTTPClient: s.Client, Now: s.Now,
			})
		},
		Methods: []providers.Method{
			providers.MethodCNAME, providers.MethodTXT, providers.MethodFile, providers.MethodEmail,
		},
		Products: []providertest.Product{providertest.SingleName, providertest.SeveralNames, providertest.Wildcard},
		Credentials: func(r *http.Request) []string {
			login := r.FormValue("authinfo")
			if len(login) <= len(sandbox.DefaultAccount) {
				return nil
			}
			return []string{login, login[len(sandbox.DefaultAccount)+1:]}
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.ISPmanagerOptions{}))
}

// TestConformanceOtherReading runs the kit on what the vendor's texts leave open: the wrapped
// shape, states in the list only, certificates in an archive.
func TestConformanceOtherReading(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.ISPmanagerOptions{Wrapped: true, ListStatus: true, ZIP: true}))
}

// TestConformancePKCS7 is about downloads in that form.
func TestConformancePKCS7(t *testing.T) {
	t.Parallel()
	providertest.Run(t, reseller(sandbox.ISPmanagerOptions{PKCS7: true}))
}
