package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/autodns"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/connectreseller"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/ispmanager"
	"github.com/reseller-issuer/reseller-issuer/internal/providers/resello"
)

// driverCase is a reseller's section of an issuer, complete with its Secret.
type driverCase struct {
	name        string
	spec        func() *v1alpha1.ResellerIssuerSpec
	access      func(*v1alpha1.Reseller) *v1alpha1.ResellerAccess
	credentials map[string]string
	account     providers.Account
	// live are endpoints that mean the vendor's own API.
	live []string
}

func testContacts() v1alpha1.Contacts {
	return v1alpha1.Contacts{
		Admin:        v1alpha1.Contact{FirstName: "A", LastName: "B", Email: "a@example.com", Phone: "+49-123-12345", Title: "T"},
		Technical:    &v1alpha1.Contact{FirstName: "C", LastName: "D", Email: "c@example.com", Phone: "+49-123-12345", Title: "U"},
		Organization: &v1alpha1.Organization{Name: "O", Address: "Road 1", City: "Town", PostalCode: "1", Region: "R", Country: "DE"},
	}
}

func driverCases() []driverCase {
	product := v1alpha1.ResellerAccess{Product: v1alpha1.Product{ID: "99", Wildcard: v1alpha1.Supported, ECDSA: v1alpha1.Unsupported, MaxNames: 7}}
	return []driverCase{
		{
			name: autodns.Name,
			spec: func() *v1alpha1.ResellerIssuerSpec {
				return &v1alpha1.ResellerIssuerSpec{Contacts: testContacts(), Reseller: v1alpha1.Reseller{AutoDNS: &v1alpha1.AutoDNS{
					ResellerAccess: product, Context: 9, ContactIDs: &v1alpha1.AutoDNSContacts{Admin: 100, Technical: 101}, Software: "APACHE2",
				}}}
			},
			access:      func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.AutoDNS.ResellerAccess },
			credentials: map[string]string{"user": " shop\n", "password": "pa55\n"},
			account:     providers.Account{Reseller: "autodns", Endpoint: autodns.LiveEndpoint, Name: "shop/9"},
			live:        []string{autodns.LiveEndpoint},
		},
		{
			name: ispmanager.Name,
			spec: func() *v1alpha1.ResellerIssuerSpec {
				return &v1alpha1.ResellerIssuerSpec{Contacts: testContacts(), Reseller: v1alpha1.Reseller{ISPmanager: &v1alpha1.ISPmanager{
					ResellerAccess: product, AddonID: "55364", AddonPrice: "9.90",
				}}}
			},
			access:      func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.ISPmanager.ResellerAccess },
			credentials: map[string]string{"email": "shop@example.com\n", "password": "pa55\n"},
			account:     providers.Account{Reseller: "ispmanager", Endpoint: ispmanager.LiveEndpoint, Name: "shop@example.com"},
			live:        []string{ispmanager.LiveEndpoint, "https://api-eu.ispmanager.com"},
		},
		connectResellerCase(product),
		reselloCase(product),
	}
}

func connectResellerCase(product v1alpha1.ResellerAccess) driverCase {
	const hex = "00112233445566778899aabbccddeeff\n"
	return driverCase{
		name: connectreseller.Name,
		spec: func() *v1alpha1.ResellerIssuerSpec {
			return &v1alpha1.ResellerIssuerSpec{Reseller: v1alpha1.Reseller{ConnectReseller: &v1alpha1.ConnectReseller{
				ResellerAccess: product, ResellerID: 26, CustomerID: 129, BusinessCategory: "Business Entity",
			}}}
		},
		access:      func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.ConnectReseller.ResellerAccess },
		credentials: map[string]string{"apiKey": "key\n", "passphrase": "pass phrase\n", "salt": hex, "iv": hex},
		account:     providers.Account{Reseller: "connectreseller", Endpoint: connectreseller.LiveEndpoint, Name: "26"},
		live:        []string{connectreseller.LiveEndpoint},
	}
}

func reselloCase(product v1alpha1.ResellerAccess) driverCase {
	product.Product.ID = testPlan
	return driverCase{
		name: resello.Name,
		spec: func() *v1alpha1.ResellerIssuerSpec {
			return &v1alpha1.ResellerIssuerSpec{
				Contacts: testContacts(), Term: v1alpha1.Term{Months: 12},
				Reseller: v1alpha1.Reseller{Resello: &v1alpha1.Resello{ResellerAccess: product, ComputedCNAME: v1alpha1.Supported}},
			}
		},
		access:      func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.Resello.ResellerAccess },
		credentials: map[string]string{"username": "shop\n", "apiKey": " key\n"},
		account:     providers.Account{Reseller: "resello", Endpoint: resello.LiveEndpoint, Name: "shop"},
		live:        []string{resello.LiveEndpoint},
	}
}

// testPlan is the plan of the sample on Resello's API page.
const testPlan = "3f7830c3-3fa4-404d-908f-35daaa1cd17b"

func TestDrivers(t *testing.T) {
	t.Parallel()
	c := connection{http: providers.NewHTTPClient(providers.Options{}), allowed: endpoints{prefixes: vendorEndpoints}, now: time.Now}
	for _, test := range driverCases() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			driver, spec := c.resellers()[test.name], test.spec()
			access := test.access(&spec.Reseller)
			assert.Same(t, access, driver.Access(&spec.Reseller))
			assert.Nil(t, driver.Access(&v1alpha1.Reseller{}))
			secret := map[string][]byte{}
			for key, value := range test.credentials {
				secret[key] = []byte(value)
			}
			for _, endpoint := range append(test.live, "") {
				access.Endpoint = endpoint
				provider, err := driver.New(spec, secret)
				require.NoError(t, err)
				assert.Equal(t, test.account, provider.Account())
				profile := provider.Profile()
				assert.Equal(t, access.Product.ID, profile.Product)
				assert.True(t, profile.Wildcard)
				assert.Empty(t, profile.Curves)
				assert.Equal(t, 7, profile.MaxNames)
			}
			access.Endpoint = "https://evil.test/v1"
			_, err := driver.New(spec, secret)
			require.ErrorContains(t, err, "is not in the controller's --allowed-endpoints")
			access.Endpoint = ""
			for key := range test.credentials {
				value := secret[key]
				secret[key] = []byte("\n")
				_, err := driver.New(spec, secret)
				require.ErrorIs(t, err, errNoCredential)
				require.ErrorContains(t, err, `key "`+key+`"`)
				secret[key] = value
			}
		})
	}
}

func TestReselloContacts(t *testing.T) {
	t.Parallel()
	all := testContacts()
	all.Organization.Division, all.Organization.RegistrationNumber = "IT", "12345678"
	assert.Equal(t, resello.Contacts{
		FirstName: "A", LastName: "B", Phone: "+49-123-12345",
		Organization: &resello.Organization{
			Name: "O", Department: "IT", Address: "Road 1", PostalCode: "1", City: "Town", RegistrationNumber: "12345678",
		},
	}, reselloContacts(&all))
	assert.Nil(t, reselloContacts(&v1alpha1.Contacts{}).Organization)
}

// TestReselloComputes: only with the issuer's word are records known before paying.
func TestReselloComputes(t *testing.T) {
	t.Parallel()
	c := connection{http: providers.NewHTTPClient(providers.Options{}), allowed: endpoints{prefixes: vendorEndpoints}, now: time.Now}
	secret := map[string][]byte{"username": []byte("shop"), "apiKey": []byte("key")}
	for support, want := range map[v1alpha1.Support]bool{v1alpha1.Supported: true, v1alpha1.Unsupported: false, "": false} {
		spec := reselloCase(v1alpha1.ResellerAccess{}).spec()
		spec.Reseller.Resello.ComputedCNAME = support
		provider, err := c.resello(spec, secret)
		require.NoError(t, err)
		_, prepares := provider.(providers.Preparer)
		assert.Equal(t, want, prepares)
	}
}

func TestAutoDNSContacts(t *testing.T) {
	t.Parallel()
	all := testContacts()
	got := autoDNSContacts(&all)
	assert.Equal(t, autodns.Contact{
		FirstName: "A", LastName: "B", Title: "T", Email: "a@example.com", Phone: "+49-123-12345",
		Organization: "O", Address: "Road 1", PostalCode: "1", City: "Town", Region: "R", Country: "DE",
	}, got.Admin)
	assert.Equal(t, "C", got.Technical.FirstName)
	assert.Nil(t, autoDNSContacts(&v1alpha1.Contacts{}).Technical)
}

func TestISPmanagerContacts(t *testing.T) {
	t.Parallel()
	all := testContacts()
	got := ispManagerContacts(&all)
	assert.Equal(t, ispmanager.Contact{FirstName: "A", LastName: "B", Title: "T", Email: "a@example.com", Phone: "+49-123-12345"}, got.Admin)
	assert.Equal(t, "C", got.Technical.FirstName)
	assert.Nil(t, ispManagerContacts(&v1alpha1.Contacts{}).Technical)
}
