package resello

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// supply is the body of a creation, a renewal and a reissue, in the order of the API page.
type supply struct {
	CSR               string `json:"csr"`
	Method            string `json:"dcv_type"`
	Chamber           string `json:"chamber_of_commerce,omitempty"`
	Company           string `json:"company_name,omitempty"`
	Department        string `json:"department,omitempty"`
	Address           string `json:"address,omitempty"`
	ZipCode           string `json:"zip_code,omitempty"`
	City              string `json:"city,omitempty"`
	ApproverFirstName string `json:"approver_first_name,omitempty"`
	ApproverLastName  string `json:"approver_last_name,omitempty"`
	ApproverEmail     string `json:"approver_email_address,omitempty"`
	ApproverPhone     string `json:"approver_phone_number,omitempty"`
	Reference         string `json:"client_reference,omitempty"`
	Plan              string `json:"plan,omitempty"`
}

// Buy implements providers.Provider with POST /ssl-certificate. Before that it looks for an
// order with the same reference: one that exists, for example because the ledger was
// restored from an older backup, is left to Find, and nothing is sent.
func (p *Provider) Buy(ctx context.Context, intent *providers.Intent, request providers.Request) (providers.Placed, error) {
	body, err := p.supply(opBuy, request)
	if err != nil {
		return providers.Placed{}, err
	}
	if intent == nil || intent.Spent() {
		return providers.Placed{}, spend(opBuy, intent, providers.Purchase)
	}
	known, err := p.list(ctx, intent.Reference())
	if err != nil {
		return providers.Placed{}, err
	}
	for _, row := range known {
		if reference, told := row.reference(); told && reference == intent.Reference() {
			return providers.Placed{}, failure(opBuy.name, providers.Ambiguous, "the reseller has an order with this reference already, nothing was sent", nil)
		}
	}
	body.Plan, body.Reference = p.config.Product.ID, intent.Reference()
	return p.place(ctx, opBuy, intent, providers.Purchase, certificates, body)
}

// Renew implements providers.Renewer with POST /ssl-certificate/{id}/renew: a further term of
// the same certificate, under the same id.
func (p *Provider) Renew(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	return p.resupply(ctx, opRenew, intent, providers.Renew, ids, "renew", request)
}

// Reissue implements providers.Reissuer with POST /ssl-certificate/{id}/reissue, which makes
// the certificate in use invalid at once.
func (p *Provider) Reissue(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	return p.resupply(ctx, opReissue, intent, providers.Reissue, ids, "reissue", request)
}

func (p *Provider) resupply(
	ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind,
	ids providers.IDs, action string, request providers.Request,
) (providers.Placed, error) {
	id, err := known(op, ids)
	if err != nil {
		return providers.Placed{}, err
	}
	body, err := p.supply(op, request)
	if err != nil {
		return providers.Placed{}, err
	}
	if intent != nil {
		body.Reference = intent.Reference()
	}
	if kind == providers.Renew {
		body.Plan = p.config.Product.ID
	}
	return p.place(ctx, op, intent, kind, item(id, action), body)
}

// place makes a call that can't be repeated. A reply without an id may hide an order, so it
// is Ambiguous. Challenges come with Order.
func (p *Provider) place(
	ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind, path string, body supply,
) (providers.Placed, error) {
	result, err := p.client.once(ctx, op, intent, kind, path, body)
	if err != nil {
		return providers.Placed{}, err
	}
	var placed certificate
	if err := json.Unmarshal(result, &placed); err != nil || placed.id() == "" {
		return providers.Placed{}, failure(op.name, providers.Ambiguous, "the reply lacks the certificate's id", nil)
	}
	return providers.Placed{IDs: providers.IDs{orderID: placed.id()}}, nil
}

// Cancel implements providers.Canceller with DELETE /ssl-certificate/{id}. It disables the
// certificate at once, also an issued one; the money comes back within the plan's
// grace period only.
func (p *Provider) Cancel(ctx context.Context, intent *providers.Intent, ids providers.IDs) error {
	id, err := known(opCancel, ids)
	if err != nil {
		return err
	}
	_, err = p.client.once(ctx, opCancel, intent, providers.Cancel, item(id), nil)
	return err
}

// orderID is the only identifier of an order, under the vendor's name.
const orderID = "id"

// known is the id in ids.
func known(op operation, ids providers.IDs) (string, error) {
	id := ids[orderID]
	if strings.Trim(id, ".") == "" {
		return "", invalid(op.name, "", "the order has no "+orderID)
	}
	return id, nil
}

// supply checks a request against the plan and gives the body.
func (p *Provider) supply(op operation, request providers.Request) (supply, error) {
	if err := p.suits(op, request); err != nil {
		return supply{}, err
	}
	wildcard := slices.ContainsFunc(request.Names, isWildcard)
	if request.TermMonths != p.config.TermMonths {
		return supply{}, invalid(op.name, "spec.term.months", fmt.Sprintf("the plan is sold for %d months", p.config.TermMonths))
	}
	body := p.config.Contacts.supply()
	body.CSR, body.Method = string(request.CSR), vendorMethod(request.Method)
	switch {
	case body.Method == "" || !p.offers(request.Method):
		return supply{}, invalid(op.name, fieldMethods, fmt.Sprintf("the plan doesn't offer method %q", request.Method))
	case body.Method == dcvFile && wildcard:
		return supply{}, invalid(op.name, fieldMethods, "wildcard names can't be validated by file")
	case body.Method == dcvEmail:
		if body.ApproverEmail = request.Emails[request.CommonName]; body.ApproverEmail == "" {
			return supply{}, invalid(op.name, fieldMethods, "no approver address is known for "+request.CommonName)
		}
	}
	return body, nil
}

// suits checks the names of a request.
func (p *Provider) suits(op operation, request providers.Request) error {
	facts := p.Profile()
	names := slices.DeleteFunc(slices.Clone(request.Names), func(name string) bool {
		return facts.WWWIncluded && name == includedName(request.CommonName)
	})
	limit := max(1, facts.MaxNames)
	switch {
	case len(request.CSR) == 0 || request.CommonName == "":
		return invalid(op.name, "spec.commonName", "Resello takes the name from the CSR's common name")
	case len(names) > limit:
		return invalid(op.name, "spec.dnsNames", fmt.Sprintf("the plan takes %d names, not %d", limit, len(names)))
	case !facts.Wildcard && slices.ContainsFunc(names, isWildcard):
		return invalid(op.name, "spec.dnsNames", "the plan takes no wildcard names")
	}
	return nil
}

// supply is what the contacts say.
func (c Contacts) supply() supply {
	body := supply{ApproverFirstName: c.FirstName, ApproverLastName: c.LastName, ApproverPhone: c.Phone}
	if o := c.Organization; o != nil {
		body.Chamber, body.Company, body.Department = o.RegistrationNumber, o.Name, o.Department
		body.Address, body.ZipCode, body.City = o.Address, o.PostalCode, o.City
	}
	return body
}

// includedName is what the CA adds to a common name by itself where the plan includes www:
// the name with or without it, and the domain of a wildcard.
func includedName(commonName string) string {
	if base, ok := strings.CutPrefix(commonName, "*."); ok {
		return base
	}
	if base, ok := strings.CutPrefix(commonName, "www."); ok {
		return base
	}
	return "www." + commonName
}

func isWildcard(name string) bool { return strings.HasPrefix(name, "*.") }
