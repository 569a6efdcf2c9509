package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// autoLabels are the vendor's labels of the products of the catalogue; other products have
// their number as label. QUICKSSLPREMIUM is the one of the vendor's guide.
var autoLabels = map[string]string{
	"17": "POSITIVESSL", "18": "POSITIVESSL_WILDCARD", "19": "POSITIVESSL_MDC", "20": "POSITIVESSL_MDC_WILDCARD",
	"21": "INSTANTSSL", "22": "RAPIDSSL", "23": "DOMAINSSL", "24": "QUICKSSLPREMIUM",
}

func autoLabel(product string) string {
	if label, ok := autoLabels[product]; ok {
		return label
	}
	return product
}

func (a *AutoDNS) product(label string) (Product, error) {
	for _, product := range a.engine.Products() {
		if autoLabel(product.ID) == label {
			return product, nil
		}
	}
	return Product{}, refuse(ErrProduct, "there is no product %q", label)
}

// autoName is an element of subjectAlternativeNames.
type autoName struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
}

func names(list []autoName) []string {
	all := make([]string, len(list))
	for i, element := range list {
		all[i] = element.Name
	}
	return all
}

// autoAuthentication is what to publish, or what was chosen.
type autoAuthentication struct {
	Name           string               `json:"name,omitempty"`
	Method         string               `json:"method"`
	DNS            string               `json:"dns,omitempty"`
	FileName       string               `json:"fileName,omitempty"`
	FileContent    string               `json:"fileContent,omitempty"`
	ApproverEmails []string             `json:"approverEmails,omitempty"`
	Provisioning   *bool                `json:"provisioning,omitempty"`
	Scope          string               `json:"scope,omitempty"`
	Domains        []autoAuthentication `json:"domains,omitempty"`
}

// autoPreparation is the body of prepareOrder.
type autoPreparation struct {
	Plain        string     `json:"plain"`
	Product      string     `json:"product"`
	Name         string     `json:"name"`
	Names        []autoName `json:"subjectAlternativeNames"`
	BusinessCase string     `json:"businessCase"`
	Scope        string     `json:"scope"`
	CheckCAA     *bool      `json:"checkCaa"`
}

// autoOrder is the body of create, reissue and renew.
type autoOrder struct {
	Admin     *autoID `json:"adminContact"`
	Technical *autoID `json:"technicalContact"`
	Name      string  `json:"name"`
	Lifetime  *struct {
		Unit   string `json:"unit"`
		Period int    `json:"period"`
	} `json:"lifetime"`
	Software       string              `json:"software"`
	CSR            string              `json:"csr"`
	Product        string              `json:"product"`
	Authentication *autoAuthentication `json:"authentication"`
	Names          []autoName          `json:"subjectAlternativeNames"`
}

type autoID struct {
	ID int `json:"id"`
}

func readAll(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, refuse(ErrParameter, "the body cannot be read")
	}
	return body, nil
}

// autoCSR wants what the vendor's SDKs send: header, one unbroken line, footer. The guide
// wants no line break at all, which is taken too.
func autoCSR(text string) (string, error) {
	const header, footer = "-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----"
	inner, ok := strings.CutPrefix(strings.TrimSpace(text), header)
	inner, closed := strings.CutSuffix(inner, footer)
	if inner = strings.TrimSpace(inner); !ok || !closed || strings.ContainsAny(inner, "\r\n") {
		return "", refuse(ErrCSR, "the CSR must be one line between header and footer")
	}
	return header + "\n" + inner + "\n" + footer + "\n", nil
}

func (a *AutoDNS) prepareOrder(call autoCall) (autoReply, error) {
	var body autoPreparation
	if err := call.decode(&body); err != nil {
		return autoReply{}, err
	}
	if !slices.Contains([]string{"", "CREATE", "RENEW", "REISSUE", "DELETE"}, body.BusinessCase) {
		return autoReply{}, refuse(ErrParameter, "the businessCase is not known")
	}
	product, err := a.product(body.Product)
	if err != nil {
		return autoReply{}, err
	}
	text, err := autoCSR(body.Plain)
	if err != nil {
		return autoReply{}, err
	}
	salt := a.newSalt()
	csr, challenges, err := a.engine.Prepare(call.account, product.ID, Supply{CSR: text, Names: names(body.Names), Salt: salt})
	if err != nil {
		return autoReply{}, err
	}
	a.remember(challenges, salt)
	var authentication []any
	for _, method := range []string{"EMAIL", "DNS", "FILE"} {
		if element, ok := autoElement(challenges, method, csr.CommonName); ok {
			authentication = append(authentication, element)
		}
	}
	return autoReply{data: []any{map[string]any{
		"plain": body.Plain, "name": csr.CommonName, "keySize": csr.KeyBits, "algorithm": string(csr.Key),
		"signatureHashAlgorithm": "SHA256", "product": body.Product, "includedSans": autoIncluded(product, csr.CommonName),
		"authentication": authentication,
	}}}, nil
}

func autoIncluded(product Product, commonName string) []autoName {
	included := []autoName{{Name: commonName}}
	if product.WWWIncluded {
		included = append(included, autoName{Name: freeName(commonName)})
	}
	return included
}

func (a *AutoDNS) newSalt() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return "preparation " + strconv.Itoa(len(a.salts)+1)
}

func (a *AutoDNS) remember(challenges []Challenge, salt string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, challenge := range challenges {
		a.salts[autoZoneLine(challenge)], a.salts[challenge.FileBody] = salt, salt
	}
}

// salt finds the preparation from which an element comes; e-mails have none.
func (a *AutoDNS) salt(element autoAuthentication) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch element.Method {
	case "EMAIL":
		return "", nil
	case "DNS":
		if salt, ok := a.salts[element.DNS]; ok {
			return salt, nil
		}
	case "FILE":
		if salt, ok := a.salts[element.FileContent]; ok && element.FileContent != "" {
			return salt, nil
		}
	}
	return "", refuse(ErrMethod, "the authentication was not prepared")
}

// supply checks the part of an order that all three operations have.
func (a *AutoDNS) supply(call autoCall, body autoOrder) (Supply, error) {
	csr, err := autoCSR(body.CSR)
	if err != nil {
		return Supply{}, err
	}
	parsed, err := ParseCSR(csr)
	switch {
	case err != nil:
		return Supply{}, err
	case body.Name != parsed.CommonName:
		return Supply{}, refuse(ErrNames, "the name is not that of the CSR")
	case body.Authentication == nil:
		return Supply{}, refuse(ErrParameter, "authentication is missing")
	}
	if err := a.checkContacts(call.account, body); err != nil {
		return Supply{}, err
	}
	software := []string{"IIS4", "IIS5", "APACHE2", "APACHESSL", "PLESK", "TOMCAT", "NOT_SET"}
	if !slices.Contains(software, body.Software) {
		return Supply{}, refuse(ErrParameter, "the software is not known")
	}
	salt, err := a.salt(*body.Authentication)
	if err != nil {
		return Supply{}, err
	}
	supply := Supply{
		CSR: csr, Names: names(body.Names), Reference: call.reference, Salt: salt,
		Method: map[string]Method{"DNS": MethodDNS, "FILE": MethodHTTP, "EMAIL": MethodEmail}[body.Authentication.Method],
		Emails: body.Authentication.ApproverEmails,
	}
	for _, domain := range body.Authentication.Domains {
		supply.Emails = append(supply.Emails, domain.ApproverEmails...)
	}
	return supply, nil
}

// years are those of the lifetime, which the vendor counts in months.
func (o autoOrder) years() (int, error) {
	if o.Lifetime == nil || o.Lifetime.Unit != "MONTH" || o.Lifetime.Period < 1 || o.Lifetime.Period%12 != 0 {
		return 0, refuse(ErrParameter, "the lifetime must be whole years in months")
	}
	return o.Lifetime.Period / 12, nil
}

func (a *AutoDNS) create(call autoCall) (autoReply, error) {
	var body autoOrder
	if err := call.decode(&body); err != nil {
		return autoReply{}, err
	}
	years, err := body.years()
	if err != nil {
		return autoReply{}, err
	}
	product, err := a.product(body.Product)
	if err != nil {
		return autoReply{}, err
	}
	supply, err := a.supply(call, body)
	if err != nil {
		return autoReply{}, err
	}
	o, err := a.engine.Place(OrderRequest{
		Account: call.account, Product: product.ID, Years: years, Supply: supply,
		Attributes: map[string]string{"software": body.Software},
	})
	return a.started(o, body, err)
}

func (a *AutoDNS) reissue(call autoCall) (autoReply, error) {
	body, supply, err := a.again(call)
	if err != nil {
		return autoReply{}, err
	}
	o, err := a.engine.Reissue(call.account, call.id, supply)
	return a.started(o, body, err)
}

func (a *AutoDNS) renew(call autoCall) (autoReply, error) {
	body, supply, err := a.again(call)
	if err != nil {
		return autoReply{}, err
	}
	years, err := body.years()
	if err != nil {
		return autoReply{}, err
	}
	o, err := a.engine.Renew(RenewalRequest{Account: call.account, Order: call.id, Years: years, Supply: supply})
	return a.started(o, body, err)
}

// again reads the body for an order that exists, which must be for its product.
func (a *AutoDNS) again(call autoCall) (autoOrder, Supply, error) {
	var body autoOrder
	if err := call.decode(&body); err != nil {
		return body, Supply{}, err
	}
	o, err := a.engine.Order(call.account, call.id)
	if err != nil {
		return body, Supply{}, err
	}
	if body.Product != autoLabel(o.Product) {
		return body, Supply{}, refuse(ErrProduct, "the certificate has another product")
	}
	supply, err := a.supply(call, body)
	return body, supply, err
}

// started answers with the number of the job. With provisioning, the zone is one of the
// vendor's own and validated at once.
func (a *AutoDNS) started(o *Order, body autoOrder, err error) (autoReply, error) {
	if err != nil {
		return autoReply{}, err
	}
	if p := body.Authentication.Provisioning; p != nil && *p && o.State == StateAwaitingValidation {
		if _, err := a.engine.Approve(o.ID); err != nil {
			return autoReply{}, err
		}
	}
	reply := autoReply{started: true, object: map[string]any{"type": "Certificate", "value": body.Name}}
	if current := o.Current(); current != nil {
		reply.data = []any{map[string]any{"id": json.Number(current.Job)}}
	}
	return reply, nil
}
