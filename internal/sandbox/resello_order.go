package sandbox

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// reselloRequest is the body of a creation, a renewal and a reissue.
type reselloRequest struct {
	CSR               string `json:"csr"`
	Method            string `json:"dcv_type"`
	Chamber           string `json:"chamber_of_commerce"`
	Company           string `json:"company_name"`
	Department        string `json:"department"`
	Address           string `json:"address"`
	ZipCode           string `json:"zip_code"`
	City              string `json:"city"`
	ApproverFirstName string `json:"approver_first_name"`
	ApproverLastName  string `json:"approver_last_name"`
	ApproverEmail     string `json:"approver_email_address"`
	ApproverPhone     string `json:"approver_phone_number"`
	Reference         string `json:"client_reference"`
	Plan              string `json:"plan"`
	EEReference       string `json:"ee_reference_order_id"`
}

var reselloMethodWords = map[string]Method{"DNS": MethodDNS, "FILE": MethodHTTP, "EMAIL": MethodEmail}

// request reads and checks a body; product is empty where the body names the plan.
func (s *Resello) request(call reselloCall, product string) (reselloRequest, OrderRequest, error) {
	var body reselloRequest
	if err := reselloDecode(call, &body); err != nil {
		return body, OrderRequest{}, err
	}
	if product == "" {
		product = reselloNumber(body.Plan)
	} else if body.Plan != "" && reselloNumber(body.Plan) != product {
		return body, OrderRequest{}, reselloInvalid("plan", "invalid_choice", "the plan can't be changed")
	}
	article, err := s.engine.Product(product)
	if err != nil {
		return body, OrderRequest{}, reselloInvalid("plan", "invalid_choice", "there is no such plan")
	}
	method, ok := reselloMethodWords[body.Method]
	if !ok {
		return body, OrderRequest{}, reselloInvalid("dcv_type", "invalid_choice", "EMAIL, FILE or DNS is expected")
	}
	required := map[string]string{"csr": body.CSR}
	if method == MethodEmail {
		required["approver_email_address"] = body.ApproverEmail
	}
	if article.Validation != "dv" {
		maps.Copy(required, map[string]string{
			"chamber_of_commerce": body.Chamber, "department": body.Department,
			"approver_first_name": body.ApproverFirstName, "approver_last_name": body.ApproverLastName,
		})
	}
	for _, field := range slices.Sorted(maps.Keys(required)) {
		if strings.TrimSpace(required[field]) == "" {
			return body, OrderRequest{}, reselloInvalid(field, "required", "this field is required")
		}
	}
	return body, OrderRequest{
		Account: call.account, Product: product, Years: 1,
		Supply: Supply{
			ParentMailbox: true,
			CSR:           body.CSR, Method: method, Emails: []string{body.ApproverEmail}, Reference: body.Reference, Plain: s.options.NoDetails,
		},
		Contacts: map[string]string{
			"chamber_of_commerce": body.Chamber, "company_name": body.Company, "department": body.Department, "address": body.Address,
			"zip_code": body.ZipCode, "city": body.City, "approver_first_name": body.ApproverFirstName,
			"approver_last_name": body.ApproverLastName, "approver_phone_number": body.ApproverPhone,
		},
	}, nil
}

func (s *Resello) create(call reselloCall) (any, error) {
	body, request, err := s.request(call, "")
	if err != nil {
		return nil, err
	}
	if body.Plan == "" {
		return nil, reselloInvalid("plan", "required", "this field is required")
	}
	o, err := s.engine.Place(request)
	if err != nil {
		return nil, err
	}
	return s.object(o, call), nil
}

// find is the order of a path.
func (s *Resello) find(call reselloCall) (*Order, error) {
	o, err := s.engine.Order(call.account, reselloNumber(call.id))
	if err != nil {
		return nil, refuse(ErrNotFound, "there is no certificate %q", call.id)
	}
	return o, nil
}

func (s *Resello) get(call reselloCall) (any, error) {
	o, err := s.find(call)
	if err != nil {
		return nil, err
	}
	return s.object(o, call), nil
}

// renew answers with the state before, as the vendor says.
func (s *Resello) renew(call reselloCall) (any, error) {
	before, err := s.find(call)
	if err != nil {
		return nil, err
	}
	body, request, err := s.request(call, before.Product)
	if err != nil {
		return nil, err
	}
	if body.EEReference != "" {
		return nil, reselloInvalid("ee_reference_order_id", "unknown", "it is not known here")
	}
	_, err = s.engine.Renew(RenewalRequest{Account: call.account, Order: before.ID, Years: 1, Supply: request.Supply})
	if err != nil {
		return nil, err
	}
	return s.object(before, call), nil
}

// reissue makes the certificate in use invalid.
func (s *Resello) reissue(call reselloCall) (any, error) {
	before, err := s.find(call)
	if err != nil {
		return nil, err
	}
	body, request, err := s.request(call, before.Product)
	if err != nil {
		return nil, err
	}
	if body.Plan != "" || body.EEReference != "" {
		return nil, reselloInvalid("plan", "unknown", "it is not known here")
	}
	request.Replaces = true
	o, err := s.engine.Reissue(call.account, before.ID, request.Supply)
	if err != nil {
		return nil, err
	}
	return s.object(o, call), nil
}

func (s *Resello) remove(call reselloCall) (any, error) {
	o, err := s.find(call)
	if err != nil {
		return nil, err
	}
	if o, err = s.engine.Cancel(call.account, o.ID, "deleted by the client"); err != nil {
		return nil, err
	}
	return s.object(o, call), nil
}

// validate has the CA look again, or moves the name to another method.
func (s *Resello) validate(call reselloCall) (any, error) {
	var body struct {
		Method string `json:"dcv_type"`
		Email  string `json:"email_address"`
		Domain string `json:"domain"`
	}
	if err := reselloDecode(call, &body); err != nil {
		return nil, err
	}
	o, err := s.find(call)
	if err != nil {
		return nil, err
	}
	method, ok := reselloMethodWords[body.Method]
	if !ok {
		return nil, reselloInvalid("dcv_type", "invalid_choice", "EMAIL, FILE or DNS is expected")
	}
	if method == MethodEmail && body.Email == "" {
		return nil, reselloInvalid("email_address", "required", "this field is required")
	}
	if body.Domain == "" {
		body.Domain = o.CommonName()
	}
	domain, err := o.Domain(strings.ToLower(body.Domain))
	if err != nil {
		return nil, reselloInvalid("domain", "invalid_choice", err.Error())
	}
	if o, err = s.look(call.account, o, domain, method, body.Email); err != nil {
		return nil, err
	}
	return s.object(o, call), nil
}

func (s *Resello) look(account string, o *Order, domain *Domain, method Method, email string) (*Order, error) {
	if domain.Method != method || method == MethodEmail {
		return s.engine.ChangeMethod(account, o.ID, domain.Name, method, email)
	}
	return o, s.engine.Revalidate(account, o.ID, domain.Name)
}

// reselloPage is a part of a list.
type reselloPage struct {
	rows                 []any
	total, limit, offset int
}

// reselloLimit is how many rows an answer has at most.
const reselloLimit = 100

func reselloPaged(call reselloCall, rows []any) (any, error) {
	page := reselloPage{rows: []any{}, total: len(rows), limit: reselloLimit}
	for name, value := range map[string]*int{"limit": &page.limit, "offset": &page.offset} {
		if text := call.query.Get(name); text != "" {
			number, err := strconv.Atoi(text)
			if err != nil || number < 0 || name == "limit" && (number < 1 || number > reselloLimit) {
				return nil, reselloInvalid(name, "invalid", "a number is expected")
			}
			*value = number
		}
	}
	if page.offset < len(rows) {
		page.rows = rows[page.offset:min(len(rows), page.offset+page.limit)]
	}
	return page, nil
}

func (s *Resello) list(call reselloCall) (any, error) {
	rows := []any{}
	for _, o := range s.engine.Orders(call.account) {
		reference, plan := call.query.Get("client_reference"), call.query.Get("plan")
		if (reference == "" || reference == reselloReference(o)) && (plan == "" || plan == ReselloPlan(o.Product)) {
			rows = append(rows, s.object(o, call))
		}
	}
	return reselloPaged(call, rows)
}
