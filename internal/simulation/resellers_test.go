package simulation

import (
	"net/http"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/autodns"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/connectreseller"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/cyberssl"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/ispmanager"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/resello"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// host of the simulated resellers.
const host = "https://reseller.test"

// reseller is one of the five, as an issuer names it.
type reseller struct {
	name     string
	path     string
	protocol func(*sandbox.Engine) sandbox.Protocol
	access   func(*v1alpha1.Reseller) *v1alpha1.ResellerAccess
	section  func(v1alpha1.ResellerAccess, string) v1alpha1.Reseller
	// make is the provider of an account.
	make func(account string, key providers.Secret, client *http.Client) (providers.Provider, error)
	// ids is what a person reads in the panel for an order number of the engine.
	ids func(number string) providers.IDs
	// reference is true if orders carry a client reference, by which they are found for sure.
	twoSteps bool
	reissue  v1alpha1.ReissuePolicy
	// gone are the classes of calls by which this reseller renews.
	renewal string
}

func id(name string) func(string) providers.IDs {
	return func(number string) providers.IDs { return providers.IDs{name: number} }
}

var yes = true

func resellers(t testing.TB) []reseller {
	t.Helper()
	connect := func(e *sandbox.Engine) sandbox.Protocol {
		protocol, err := sandbox.NewConnectReseller(e, sandbox.ConnectResellerOptions{})
		if err != nil {
			panic(err)
		}
		return protocol
	}
	return []reseller{
		{
			name: autodns.Name, path: "/autodns/v1", make: newAutoDNS, ids: id("id"), renewal: sandbox.ClassRenew,
			protocol: func(e *sandbox.Engine) sandbox.Protocol { return sandbox.NewAutoDNS(e, sandbox.AutoDNSOptions{}) },
			access:   func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.AutoDNS.ResellerAccess },
			section: func(a v1alpha1.ResellerAccess, _ string) v1alpha1.Reseller {
				return v1alpha1.Reseller{AutoDNS: &v1alpha1.AutoDNS{ResellerAccess: a}}
			},
		},
		{
			name: connectreseller.Name, path: "/connectreseller/ConnectReseller/ESHOP", make: newConnectReseller, ids: id("orderID"),
			protocol: connect, twoSteps: true, renewal: sandbox.ClassRenew,
			access: func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.ConnectReseller.ResellerAccess },
			section: func(a v1alpha1.ResellerAccess, _ string) v1alpha1.Reseller {
				return v1alpha1.Reseller{ConnectReseller: &v1alpha1.ConnectReseller{
					ResellerAccess: a, ResellerID: sandbox.ConnectResellerID, CustomerID: sandbox.ConnectResellerCustomer,
				}}
			},
		},
		{
			name: cyberssl.Name, path: "/cyberssl/v1", make: newCyberSSL, ids: id("order_id"), renewal: sandbox.ClassBuy,
			protocol: func(e *sandbox.Engine) sandbox.Protocol { return sandbox.NewCyberSSL(e, sandbox.CyberSSLOptions{}) },
			access:   func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.CyberSSL.ResellerAccess },
			section: func(a v1alpha1.ResellerAccess, account string) v1alpha1.Reseller {
				return v1alpha1.Reseller{CyberSSL: &v1alpha1.CyberSSL{ResellerAccess: a, AccountName: account}}
			},
		},
		{
			name: ispmanager.Name, path: "/ispmanager/billmgr", make: newISPmanager, ids: id("elid"), renewal: sandbox.ClassBuy,
			protocol: func(e *sandbox.Engine) sandbox.Protocol { return sandbox.NewISPmanager(e, sandbox.ISPmanagerOptions{}) },
			access:   func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.ISPmanager.ResellerAccess },
			section: func(a v1alpha1.ResellerAccess, _ string) v1alpha1.Reseller {
				return v1alpha1.Reseller{ISPmanager: &v1alpha1.ISPmanager{ResellerAccess: a}}
			},
		},
		{
			name: resello.Name, path: "/resello/api/v1", make: newResello, renewal: sandbox.ClassRenew,
			ids:      func(number string) providers.IDs { return providers.IDs{"id": sandbox.ReselloPlan(number)} },
			protocol: func(e *sandbox.Engine) sandbox.Protocol { return sandbox.NewResello(e, sandbox.ReselloOptions{}) },
			// A reissue ends the certificate in use, so that it has to be asked for.
			reissue: v1alpha1.ReissueAlways,
			access:  func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.Resello.ResellerAccess },
			section: func(a v1alpha1.ResellerAccess, _ string) v1alpha1.Reseller {
				return v1alpha1.Reseller{Resello: &v1alpha1.Resello{ResellerAccess: a}}
			},
		},
	}
}

// driver is what cmd gives the controller, with the account out of the Secret.
func (r reseller) driver(client *http.Client) order.Driver {
	return order.Driver{
		Access: r.access,
		New: func(_ *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte) (providers.Provider, error) {
			return r.make(string(credentials["account"]), providers.Secret(credentials["key"]), client)
		},
	}
}

func newAutoDNS(account string, key providers.Secret, client *http.Client) (providers.Provider, error) {
	return autodns.New(autodns.Config{
		Endpoint: host + "/autodns/v1", User: account, Password: key, HTTPClient: client, Now: time.Now,
		Product: autodns.Product{ID: "POSITIVESSL", IncludedWWW: &yes, Methods: []providers.Method{providers.MethodCNAME}},
		Contacts: autodns.Contacts{Admin: autodns.Contact{
			FirstName: "John", LastName: "Doe", Title: "Admin", Email: "john.doe@example.com", Phone: "+49-123-12345",
			Organization: "Company", Address: "123 Main Street", PostalCode: "12345", City: "Anytown", Country: "DE", Region: "BY",
		}},
		Limiter: rate.NewLimiter(autodns.PerSecond, autodns.PerSecond),
	})
}

func newConnectReseller(_ string, key providers.Secret, client *http.Client) (providers.Provider, error) {
	return connectreseller.New(connectreseller.Config{
		Endpoint: host + "/connectreseller/ConnectReseller/ESHOP", ResellerID: sandbox.ConnectResellerID, CustomerID: sandbox.ConnectResellerCustomer,
		APIKey: key, Passphrase: sandbox.ConnectResellerPassphrase, Salt: sandbox.ConnectResellerSalt, IV: sandbox.ConnectResellerIV,
		Product: connectreseller.Product{ID: "5"}, HTTPClient: client, Now: time.Now,
	})
}

func newCyberSSL(account string, key providers.Secret, client *http.Client) (providers.Provider, error) {
	return cyberssl.New(cyberssl.Config{
		Endpoint: host + "/cyberssl/v1", AccountName: account, APIKey: key, HTTPClient: client, Now: time.Now,
		Product: cyberssl.Product{ID: "19", MaxNames: 250},
		Contacts: cyberssl.Contacts{Admin: cyberssl.Contact{
			FirstName: "John", LastName: "Smith", Phone: "0042321313", Title: "IT manager", Email: "admin@john.com",
		}},
	})
}

func newISPmanager(account string, key providers.Secret, client *http.Client) (providers.Provider, error) {
	return ispmanager.New(ispmanager.Config{
		Endpoint: host + "/ispmanager/billmgr", Email: account, Password: key, HTTPClient: client, Now: time.Now,
		Product: ispmanager.Product{ID: "17", IncludedWWW: &yes},
		Contacts: ispmanager.Contacts{Admin: ispmanager.Contact{
			FirstName: "Ada", LastName: "Lovelace", Title: "Analyst", Email: "ada@example.com", Phone: "+44 20 7946 0000",
		}},
	})
}

func newResello(account string, key providers.Secret, client *http.Client) (providers.Provider, error) {
	return resello.New(resello.Config{
		Endpoint: host + "/resello/api/v1", Username: account, APIKey: key, HTTPClient: client, Now: time.Now,
		Product:    resello.Product{ID: sandbox.ReselloPlan("17"), IncludedWWW: &yes, ECDSA: &yes},
		TermMonths: 12, Contacts: resello.Contacts{FirstName: "John", LastName: "Doe", Phone: "+31.612345678"},
	})
}
