package sandbox

import (
	"fmt"
	"strconv"
)

// autoContact is an SSL contact. Its address is a list, or one text as in the vendor's guide.
type autoContact struct {
	account string

	ID           int    `json:"id,omitempty"`
	FirstName    string `json:"fname"`
	LastName     string `json:"lname"`
	Phone        string `json:"phone"`
	Fax          string `json:"fax,omitempty"`
	Email        string `json:"email"`
	Title        string `json:"title,omitempty"`
	Organization string `json:"organization,omitempty"`
	Address      any    `json:"address,omitempty"`
	PostalCode   string `json:"pcode,omitempty"`
	City         string `json:"city,omitempty"`
	Country      string `json:"country,omitempty"`
	State        string `json:"state,omitempty"`
}

// firstContact is the number of the example in the vendor's guide.
const firstContact = 100

func (a *AutoDNS) contactCreate(call autoCall) (autoReply, error) {
	var contact autoContact
	if err := call.decode(&contact); err != nil {
		return autoReply{}, err
	}
	for name, value := range map[string]string{
		"fname": contact.FirstName, "lname": contact.LastName, "phone": contact.Phone, "email": contact.Email,
	} {
		if value == "" {
			return autoReply{}, refuse(ErrParameter, "%s is missing", name)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	contact.account, contact.ID = call.account, firstContact+len(a.contacts)
	a.contacts = append(a.contacts, contact)
	return autoReply{
		object: map[string]any{"type": "contact", "value": strconv.Itoa(contact.ID)}, data: []any{contact},
	}, nil
}

func (a *AutoDNS) contactList(call autoCall) (autoReply, error) {
	var query autoQuery
	if err := call.decode(&query); err != nil {
		return autoReply{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var rows []autoRow
	for _, contact := range a.contacts {
		if contact.account == call.account {
			rows = append(rows, autoRow{
				keys: map[string]string{
					"fname": contact.FirstName, "lname": contact.LastName, "email": contact.Email, "id": fmt.Sprint(contact.ID),
				},
				show: func() any { return contact },
			})
		}
	}
	found, err := query.search(rows)
	return autoReply{data: found}, err
}

func (a *AutoDNS) contactInfo(call autoCall) (autoReply, error) {
	contact, err := a.contact(call.account, call.id)
	return autoReply{data: []any{contact}}, err
}

func (a *AutoDNS) contact(account, id string) (autoContact, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, contact := range a.contacts {
		if contact.account == account && strconv.Itoa(contact.ID) == id {
			return contact, nil
		}
	}
	return autoContact{}, refuse(ErrNotFound, "there is no contact %q", id)
}

func (a *AutoDNS) checkContacts(account string, body autoOrder) error {
	for name, contact := range map[string]*autoID{"adminContact": body.Admin, "technicalContact": body.Technical} {
		if contact == nil {
			return refuse(ErrParameter, "%s is missing", name)
		}
		if _, err := a.contact(account, strconv.Itoa(contact.ID)); err != nil {
			return refuse(ErrParameter, "%s: %s", name, err)
		}
	}
	return nil
}
