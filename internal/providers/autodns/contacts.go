package autodns

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// sslContact is the vendor's SslContact. The address is a list in the OpenAPI file and one
// text in the guide; a list is sent and both are read.
type sslContact struct {
	FirstName    string   `json:"fname"`
	LastName     string   `json:"lname"`
	Phone        string   `json:"phone"`
	Email        string   `json:"email"`
	Title        string   `json:"title,omitempty"`
	Organization string   `json:"organization,omitempty"`
	Address      []string `json:"address,omitempty"`
	PostalCode   string   `json:"pcode,omitempty"`
	City         string   `json:"city,omitempty"`
	Country      string   `json:"country,omitempty"`
	State        string   `json:"state,omitempty"`
}

// foundContact is a row of the search.
type foundContact struct {
	ID           text       `json:"id"`
	FirstName    text       `json:"fname"`
	LastName     text       `json:"lname"`
	Phone        text       `json:"phone"`
	Email        text       `json:"email"`
	Title        text       `json:"title"`
	Organization text       `json:"organization"`
	Address      list[text] `json:"address"`
	PostalCode   text       `json:"pcode"`
	City         text       `json:"city"`
	Country      text       `json:"country"`
	State        text       `json:"state"`
}

func (c Contact) vendor() sslContact {
	contact := sslContact{
		FirstName: c.FirstName, LastName: c.LastName, Phone: c.Phone, Email: c.Email, Title: c.Title,
		Organization: c.Organization, PostalCode: c.PostalCode, City: c.City, Country: c.Country, State: c.Region,
	}
	if c.Address != "" {
		contact.Address = []string{c.Address}
	}
	return contact
}

// is reports whether a contact of the account says the same. Country codes and addresses of
// e-mail are compared without regard to case.
func (f foundContact) is(c sslContact) bool {
	var address []string
	for _, line := range f.Address {
		if line.word() != "" {
			address = append(address, line.word())
		}
	}
	theirs := []string{
		f.FirstName.word(), f.LastName.word(), f.Phone.word(), strings.ToLower(f.Email.word()), f.Title.word(), f.Organization.word(),
		strings.Join(address, "\n"), f.PostalCode.word(), f.City.word(), strings.ToUpper(f.Country.word()), f.State.word(),
	}
	ours := []string{
		c.FirstName, c.LastName, c.Phone, strings.ToLower(c.Email), c.Title, c.Organization,
		strings.Join(c.Address, "\n"), c.PostalCode, c.City, strings.ToUpper(c.Country), c.State,
	}
	return f.ID.number() != "" && slices.Equal(theirs, ours)
}

// contactIDs are the numbers in the configuration, or those of contacts that say what the
// issuer says: searched once in the life of the process, and created only if the account
// has none. A lost answer to a create is healed by the next search.
func (p *Provider) contactIDs(ctx context.Context) (ContactIDs, error) {
	if ids := p.config.ContactIDs; ids != nil {
		return *ids, nil
	}
	return p.contacts.get(ctx, func() (ContactIDs, error) {
		admin, err := p.contact(ctx, p.config.Contacts.Admin)
		if err != nil || p.config.Contacts.Technical == nil {
			return ContactIDs{Admin: admin, Technical: admin}, err
		}
		technical, err := p.contact(ctx, *p.config.Contacts.Technical)
		return ContactIDs{Admin: admin, Technical: technical}, err
	})
}

func (p *Provider) contact(ctx context.Context, contact Contact) (int64, error) {
	wanted := contact.vendor()
	var found list[foundContact]
	if err := p.client.call(ctx, opFindContact, requestOf(equals("email", wanted.Email)), &found); err != nil {
		return 0, err
	}
	for _, candidate := range found {
		if candidate.is(wanted) {
			return contactNumber(opFindContact, candidate.ID)
		}
	}
	var created list[foundContact]
	if err := p.client.call(ctx, opCreateContact, requestOf(wanted), &created); err != nil {
		return 0, err
	}
	if len(created) == 0 {
		return 0, failure(opCreateContact.name, providers.Unavailable, "the answer lacks the contact", nil)
	}
	return contactNumber(opCreateContact, created[0].ID)
}

func contactNumber(op operation, id text) (int64, error) {
	number, err := strconv.ParseInt(id.number(), 10, 64)
	if err != nil {
		return 0, failure(op.name, providers.Unavailable, "the answer lacks the number of the contact", nil)
	}
	return number, nil
}

// checkContacts reads the contacts that the configuration names.
func (p *Provider) checkContacts(ctx context.Context) error {
	ids := p.config.ContactIDs
	if ids == nil {
		return nil
	}
	for _, id := range []int64{ids.Admin, ids.Technical} {
		err := p.client.call(ctx, opReadContact, request{id: strconv.FormatInt(id, 10)}, nil)
		if providers.KindOf(err) == providers.NotFound {
			return invalid(opReadContact.name, fieldReseller+"contactIDs", "the account has no SSL contact "+strconv.FormatInt(id, 10))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
