package autodns

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// documented is the contact of the guide's example.
var documented = Contact{
	FirstName: "John", LastName: "Doe", Title: "Admin", Email: "john.doe@example.com", Phone: "+49-123-12345",
	Organization: "Company", Address: "123 Main Street", PostalCode: "12345", City: "Anytown", Country: "DE", Region: "BY",
}

const documentedJSON = `"fname":"John","lname":"Doe","phone":"+49-123-12345","email":"john.doe@example.com","title":"Admin",` +
	`"organization":"Company","address":["123 Main Street"],"pcode":"12345","city":"Anytown","country":"DE","state":"BY"`

func fromContacts(c *Config) { c.ContactIDs, c.Contacts = nil, Contacts{Admin: documented} }

func TestContactIsCreatedOnce(t *testing.T) {
	t.Parallel()
	v := newVendor(t, nil)
	p := v.provider(fromContacts)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := p.Buy(t.Context(), testIntent(providers.Purchase), testRequest("example.com"))
			assert.NoError(t, err)
		})
	}
	group.Wait()
	created, _ := v.sent("POST sslcontact")
	assert.Equal(t, []string{"POST sslcontact {" + documentedJSON + "}"}, created)
	searched, _ := v.sent("POST sslcontact/_search")
	assert.Equal(t, []string{`POST sslcontact/_search {"filters":[{"key":"email","value":"john.doe@example.com","operator":"EQUAL"}],` +
		`"view":{"limit":50,"offset":0,"children":false},"orders":[{"key":"id","type":"DESC"}]}`}, searched)
}

func TestContactIsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		row   string
		found bool
	}{
		"as it was sent":       {`{"id":7,` + documentedJSON + `}`, true},
		"address in one text":  {`{"id":"7","fname":"John","lname":"Doe","phone":"+49-123-12345","email":"John.Doe@example.com","title":"Admin","organization":"Company","address":"123 Main Street","pcode":12345,"city":"Anytown","country":"de","state":"BY"}`, true},
		"another phone":        {`{"id":7,` + documentedJSON + `,"phone":"+49-1"}`, false},
		"another organization": {`{"id":7,` + documentedJSON + `,"organization":null}`, false},
		"no number":            {`{` + documentedJSON + `}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, map[string][]string{"POST sslcontact/_search": {success(test.row)}})
			ids, err := v.provider(fromContacts).contactIDs(t.Context())
			require.NoError(t, err)
			want := ContactIDs{Admin: 100, Technical: 100}
			if test.found {
				want = ContactIDs{Admin: 7, Technical: 7}
			}
			assert.Equal(t, want, ids)
		})
	}
}

func TestContactFailures(t *testing.T) {
	t.Parallel()
	for name, replies := range map[string]map[string][]string{
		"the search fails":        {"POST sslcontact/_search": {"500 <html>"}},
		"the creation fails":      {"POST sslcontact": {"500 <html>"}},
		"no number is told":       {"POST sslcontact": {success(`{"id":"x"}`)}},
		"nothing is told":         {"POST sslcontact": {success("")}},
		"the contact is rejected": {"POST sslcontact": {`400 {"status":{"code":"E400201","type":"ERROR"},"messages":[{"code":"EF1"}]}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, replies)
			intent := testIntent(providers.Purchase)
			_, err := v.provider(fromContacts).Buy(t.Context(), intent, testRequest("example.com"))
			assert.Contains(t, []providers.Kind{providers.Unavailable, providers.Invalid}, providers.KindOf(err))
			assert.False(t, intent.Spent(), "nothing is bought without contacts")
		})
	}
}

func TestContactsOfTheIssuerAreChecked(t *testing.T) {
	t.Parallel()
	v := newVendor(t, map[string][]string{"GET sslcontact/101": {`404 {"status":{"code":"E400204","type":"ERROR"}}`}})
	_, err := v.provider(nil).Check(t.Context())
	require.Equal(t, providers.Invalid, providers.KindOf(err))
	assert.ErrorContains(t, err, "spec.reseller.autodns.contactIDs")
}
