package autodns

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// preparation is the body of _prepareOrder.
type preparation struct {
	Plain        string    `json:"plain"`
	Product      string    `json:"product"`
	Names        []sanName `json:"subjectAlternativeNames,omitempty"`
	BusinessCase string    `json:"businessCase,omitempty"`
}

type sanName struct {
	Name string `json:"name"`
}

// order is the body of a create, reissue or renewal.
type order struct {
	Admin          contactID      `json:"adminContact"`
	Technical      contactID      `json:"technicalContact"`
	Name           string         `json:"name"`
	Lifetime       lifetime       `json:"lifetime"`
	Software       string         `json:"software"`
	CSR            string         `json:"csr"`
	Product        string         `json:"product"`
	Authentication authentication `json:"authentication"`
	Names          []sanName      `json:"subjectAlternativeNames,omitempty"`
}

type contactID struct {
	ID int64 `json:"id"`
}

// The vendor's words for what is prepared (OpenAPI, businessCase).
const (
	caseReissue = "REISSUE"
	caseRenew   = "RENEW"
)

// Prepare implements providers.Preparer with _prepareOrder. The second result is the element
// that the order has to send back. With provisioning there is nothing to publish.
func (p *Provider) Prepare(ctx context.Context, request providers.Request) ([]providers.Challenge, []byte, error) {
	element, err := p.prepare(ctx, request, "")
	if err != nil {
		return nil, nil, err
	}
	prepared, err := json.Marshal(element)
	if err != nil {
		return nil, nil, failure(opPrepare.name, providers.Unavailable, "the answer can't be kept", err)
	}
	challenges, err := p.publish(element, request.CommonName)
	if err != nil {
		return nil, nil, failure(opPrepare.name, providers.Unavailable, err.Error(), err)
	}
	return challenges, prepared, nil
}

// publish are the challenges that somebody else than InterNetX has to publish.
func (p *Provider) publish(element authentication, commonName string) ([]providers.Challenge, error) {
	if element.Provisioning != nil && *element.Provisioning {
		return nil, nil
	}
	return element.challenges(commonName)
}

func (p *Provider) provisions(method string) bool { return p.config.Provisioning && method == dcvDNS }

// Provisions implements providers.Provisioner: the records of zones that InterNetX manages,
// once SSL Manager is connected to AutoDNS.
func (p *Provider) Provisions(method providers.Method) bool { return vendorMethod(method) == dcvDNS }

// prepare asks for the authentication by all methods and picks that of the request.
func (p *Provider) prepare(ctx context.Context, request providers.Request, businessCase string) (authentication, error) {
	if err := p.check(opPrepare, request); err != nil {
		return authentication{}, err
	}
	var data list[struct {
		Authentication list[authentication] `json:"authentication"`
	}]
	body := preparation{
		Plain: vendorCSR(request.CSR), Product: p.config.Product.ID, Names: p.further(request), BusinessCase: businessCase,
	}
	if err := p.askPrepare(ctx, body, &data); err != nil {
		return authentication{}, err
	}
	method, offered := vendorMethod(request.Method), false
	for _, row := range data {
		for _, element := range row.Authentication {
			if element.Method == method {
				return p.choose(element, request)
			}
			offered = offered || element.Method != ""
		}
	}
	if !offered {
		// A request must not fail for good over an answer to something else.
		return authentication{}, failure(opPrepare.name, providers.Unavailable, "the answer tells no validation data", nil)
	}
	return authentication{}, invalid(opPrepare.name, "spec.dcv.methods",
		fmt.Sprintf("InterNetX offers no validation by %s for product %s", method, p.config.Product.ID))
}

// askPrepare falls back to the guide's path where the OpenAPI file's isn't there.
func (p *Provider) askPrepare(ctx context.Context, body preparation, data any) error {
	err := p.client.call(ctx, opPrepare, requestOf(body), data)
	if isNoRoute(err) {
		err = p.client.call(ctx, opOldPrepare, requestOf(body), data)
	}
	return err
}

func requestOf(body any) request { return request{body: body} }

// choose adds what the order has to say beside what was prepared: who writes the record, or
// which mailbox is asked.
func (p *Provider) choose(element authentication, request providers.Request) (authentication, error) {
	switch element.Method {
	case dcvDNS:
		provisioning := p.config.Provisioning || request.Provision
		element.Provisioning = &provisioning
	case dcvEmail:
		return chooseEmails(element, request)
	}
	return element, nil
}

func chooseEmails(element authentication, request providers.Request) (authentication, error) {
	pick := func(e *authentication, name string) error {
		email, ok := accepted(e.ApproverEmails, request.Emails[name])
		if !ok {
			return invalid(opPrepare.name, "spec.dcv.approverMailbox",
				fmt.Sprintf("%s may not approve %s, but these may: %s", request.Emails[name], name, strings.Join(e.ApproverEmails, ", ")))
		}
		e.ApproverEmails = []string{email}
		return nil
	}
	if err := pick(&element, request.CommonName); err != nil {
		return authentication{}, err
	}
	element.Domains = slices.Clone(element.Domains)
	for i := range element.Domains {
		if err := pick(&element.Domains[i], canonical(element.Domains[i].Name)); err != nil {
			return authentication{}, err
		}
	}
	return element, nil
}

// accepted is the address among those that may approve: the one wished, or the same mailbox
// at another domain of the name. Without a list the wish is all there is.
func accepted(list []string, wish string) (string, bool) {
	if len(list) == 0 {
		return wish, true
	}
	mailbox, _, _ := strings.Cut(wish, "@")
	for _, match := range []func(string) bool{
		func(o string) bool { return strings.EqualFold(o, wish) },
		func(o string) bool {
			local, _, _ := strings.Cut(o, "@")
			return strings.EqualFold(local, mailbox)
		},
	} {
		if i := slices.IndexFunc(list, match); i >= 0 {
			return list[i], true
		}
	}
	return "", false
}

// Buy implements providers.Provider with CertificateCreate. The answer has the number of a
// job only.
func (p *Provider) Buy(ctx context.Context, intent *providers.Intent, request providers.Request) (providers.Placed, error) {
	return p.place(ctx, opBuy, intent, providers.Purchase, nil, request, "")
}

// Reissue implements providers.Reissuer with CertificateReissue.
func (p *Provider) Reissue(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	return p.place(ctx, opReissue, intent, providers.Reissue, ids, request, caseReissue)
}

// Renew implements providers.Renewer with CertificateRenew: the certificate keeps its number
// and gets a further term.
func (p *Provider) Renew(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	return p.place(ctx, opRenew, intent, providers.Renew, ids, request, caseRenew)
}

// place makes a call that can't be repeated, with everything that can be before it. ids are
// nil for a new order.
func (p *Provider) place(
	ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind,
	ids providers.IDs, want providers.Request, businessCase string,
) (providers.Placed, error) {
	body, err := p.order(ctx, op, want, businessCase)
	if err != nil {
		return providers.Placed{}, err
	}
	number := ""
	if op.name != opBuy.name {
		if number, err = p.certificateOf(ctx, op, ids); err != nil {
			return providers.Placed{}, err
		}
	}
	var data list[struct {
		ID text `json:"id"`
	}]
	if err := p.client.once(ctx, op, intent, kind, request{id: number, body: body}, &data); err != nil {
		return providers.Placed{}, err
	}
	if len(data) == 0 || data[0].ID.number() == "" {
		return providers.Placed{}, failure(op.name, providers.Ambiguous, "the answer lacks the number of the job", nil)
	}
	// Whether a reissued certificate keeps its number is told by the job.
	placed := providers.Placed{IDs: providers.IDs{jobID: data[0].ID.number()}}
	placed.Challenges, err = p.publish(body.Authentication, want.CommonName)
	if err != nil {
		placed.Challenges = nil // the order is placed: Order tells what can be told
	}
	return placed, nil
}

// order is the body, from what was prepared for this request or is now.
func (p *Provider) order(ctx context.Context, op operation, request providers.Request, businessCase string) (order, error) {
	if err := p.check(op, request); err != nil {
		return order{}, err
	}
	if !slices.Contains(p.profile.TermsMonths, request.TermMonths) {
		return order{}, invalid(op.name, "spec.term.months", fmt.Sprintf("the terms on sale are %v months", p.profile.TermsMonths))
	}
	var (
		element authentication
		err     error
	)
	if len(request.Prepared) > 0 {
		err = readPrepared(request, &element)
	} else {
		element, err = p.prepare(ctx, request, businessCase)
	}
	if err != nil {
		return order{}, err
	}
	contacts, err := p.contactIDs(ctx)
	if err != nil {
		return order{}, err
	}
	return order{
		Admin: contactID{contacts.Admin}, Technical: contactID{contacts.Technical}, Name: request.CommonName,
		Lifetime: lifetime{Unit: "MONTH", Period: request.TermMonths}, Software: p.config.Software,
		CSR: vendorCSR(request.CSR), Product: p.config.Product.ID, Authentication: element, Names: p.further(request),
	}, nil
}

// readPrepared reads what Prepare returned, with what its decoder leaves out for answers.
func readPrepared(request providers.Request, element *authentication) error {
	var kept struct {
		Provisioning *bool `json:"provisioning"`
	}
	if json.Unmarshal(request.Prepared, element) != nil || json.Unmarshal(request.Prepared, &kept) != nil ||
		element.Method != vendorMethod(request.Method) {
		return invalid(opBuy.name, "", "what was prepared for the order can't be used")
	}
	element.Provisioning = kept.Provisioning
	return nil
}

// check compares a request with the product.
func (p *Provider) check(op operation, request providers.Request) error {
	if csrDER(request.CSR) == nil || request.CommonName == "" {
		return invalid(op.name, "spec.commonName", "InterNetX takes the main name from the CSR's common name")
	}
	product, names := p.config.Product.ID, 1+len(p.further(request))
	if names > p.profile.MaxNames {
		return invalid(op.name, "spec.dnsNames", fmt.Sprintf("product %s takes %d names, not %d", product, p.profile.MaxNames, names))
	}
	wildcard := slices.ContainsFunc(request.Names, isWildcard)
	method := vendorMethod(request.Method)
	offered := func(m providers.Method) bool { return vendorMethod(m) == method }
	switch {
	case wildcard && !p.profile.Wildcard:
		return invalid(op.name, "spec.dnsNames", fmt.Sprintf("product %s takes no wildcard names", product))
	case method == "" || !slices.ContainsFunc(p.profile.Methods, offered):
		return invalid(op.name, "spec.dcv.methods", fmt.Sprintf("product %s doesn't offer method %q", product, request.Method))
	case method == dcvFile && wildcard:
		return invalid(op.name, "spec.dcv.methods", "wildcard names can't be validated by file")
	case method == dcvEmail:
		return p.checkEmails(op, request)
	}
	return nil
}

// checkEmails wants one approver address for each name.
func (p *Provider) checkEmails(op operation, request providers.Request) error {
	for _, name := range append([]string{request.CommonName}, p.furtherNames(request)...) {
		if email := request.Emails[name]; email == "" || strings.ContainsAny(email, ",; \r\n") {
			return invalid(op.name, "spec.dcv.methods", "no approver address is known for "+name)
		}
	}
	return nil
}

// furtherNames are the names to order beside the common name, without the one that the
// product includes.
func (p *Provider) furtherNames(request providers.Request) []string {
	return slices.DeleteFunc(slices.Clone(request.Names), func(name string) bool {
		return name == request.CommonName || p.profile.WWWIncluded && name == includedName(request.CommonName)
	})
}

func (p *Provider) further(request providers.Request) []sanName {
	var all []sanName
	for _, name := range p.furtherNames(request) {
		all = append(all, sanName{Name: name})
	}
	return all
}

// includedName is what the CA adds to a common name by itself where the product includes
// www: the name with or without it, and the domain of a wildcard.
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
