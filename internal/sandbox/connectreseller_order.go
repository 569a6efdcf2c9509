package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// connectProducts are the products of the catalogue behind the vendor's product codes. There
// is no 7.
var connectProducts = map[int]string{
	1: "25", 2: "25", 3: "26", 4: "26", 5: "17", 6: "18", 8: "17", 9: "18", 10: "21", 11: "18",
}

var connectCategories = []string{"Private Organization", "Business Entity", "Non-Commercial Entity", "Government Entity"}

// The distances between an order's number, which is its orderID and sslid, and its other
// identifiers.
const (
	connectOrderID   = 80_000
	connectSSLNameID = 99_000
	connectDomainID  = 79_000
)

// connectTime is the vendor's form of times.
const connectTime = time.DateTime

// order sells without a CSR.
func (c *ConnectReseller) order(call connectCall) (connectAnswer, error) {
	product, ok := connectProducts[call.numbers["productCode"]]
	if !ok {
		return connectAnswer{}, refuse(ErrProduct, "there is no productCode %d", call.numbers["productCode"])
	}
	if call.numbers["customerId"] != c.options.CustomerID {
		return connectAnswer{}, refuse(ErrNotFound, "there is no customer %d", call.numbers["customerId"])
	}
	if !slices.Contains(connectCategories, call.texts["businessCategory"]) {
		return connectAnswer{}, refuse(ErrParameter, "the businessCategory is not known")
	}
	o, err := c.engine.Reserve(OrderRequest{
		Account: call.account, Product: product, Years: 1,
		Attributes: map[string]string{
			"productCode": strconv.Itoa(call.numbers["productCode"]), "businessCategory": call.texts["businessCategory"],
		},
	}, strings.ToLower(call.texts["dNSName"]))
	if err != nil {
		return connectAnswer{}, err
	}
	return said("SSL Order Placed Successfully", map[string]any{
		"successCode": 0, "orderID": cyberInt(o.ID), "msg": "Your order has been placed successfully!", "msgCode": "200",
		"totalcost": json.Number(o.Price.String()), "dnsName": o.Reserved,
	}), nil
}

// byNumber finds the order with an orderID or sslid.
func (c *ConnectReseller) byNumber(call connectCall, field string) (*Order, error) {
	return c.engine.Order(call.account, strconv.Itoa(call.numbers[field]))
}

// byName finds the order with an sslNameId.
func (c *ConnectReseller) byName(call connectCall) (*Order, error) {
	return c.engine.Order(call.account, strconv.Itoa(call.numbers["sslNameId"]+connectSSLNameID))
}

// connectWords are the vendor's validation methods by family.
func connectWords(product Product) map[string]Method {
	if product.Certum {
		return map[string]Method{"DNS_TXT": MethodDNS, "FILE": MethodHTTP}
	}
	return map[string]Method{"CNAME_CSR_HASH": MethodDNS, "EMAIL": MethodEmail}
}

func connectWord(product Product, method Method) string {
	words := connectWords(product)
	for _, word := range slices.Sorted(maps.Keys(words)) {
		if words[word] == method {
			return word
		}
	}
	return ""
}

// supply reads a method. The vendor lets nobody choose a mailbox.
func (c *ConnectReseller) supply(o *Order, product Product, word, csr string) (Supply, error) {
	method, ok := connectWords(product)[word]
	name := o.CommonName()
	subdomain := strings.Count(strings.TrimPrefix(name, "www."), ".") > 1
	switch {
	case !ok:
		return Supply{}, refuse(ErrMethod, "the approverMethod %q is not for this product", word)
	case method == MethodHTTP && subdomain:
		return Supply{}, refuse(ErrMethod, "files are for main domains only")
	}
	return Supply{CSR: csr, Method: method, Emails: []string{"admin@" + baseName(name)}, Plain: c.options.NoRecord && !product.Certum}, nil
}

func (c *ConnectReseller) issue(call connectCall) (connectAnswer, error) {
	o, err := c.byName(call)
	if err != nil {
		return connectAnswer{}, err
	}
	product, err := c.engine.Product(o.Product)
	if err != nil {
		return connectAnswer{}, err
	}
	if name := call.texts["dNSName"]; name != "" && !strings.EqualFold(name, o.CommonName()) {
		return connectAnswer{}, refuse(ErrNames, "the order is for %q", o.CommonName())
	}
	supply, err := c.supply(o, product, call.texts["approverMethod"], call.texts["csr"])
	if err != nil {
		return connectAnswer{}, err
	}
	if o, err = c.engine.Activate(call.account, o.ID, supply); err != nil {
		return connectAnswer{}, err
	}
	return said("SSL Issued successfully", map[string]any{
		"successCode": 0, "orderID": cyberInt(o.ID), "msg": "SSL Issued successfully", "msgCode": "200",
		"totalcost": json.Number(o.Price.String()), "dnsName": o.CommonName(),
	}), nil
}

func (c *ConnectReseller) changeMethod(call connectCall) (connectAnswer, error) {
	o, err := c.byNumber(call, "orderId")
	if err != nil {
		return connectAnswer{}, err
	}
	product, err := c.engine.Product(o.Product)
	if err != nil {
		return connectAnswer{}, err
	}
	if product.Wildcard || o.Current() == nil {
		return connectAnswer{}, refuse(ErrState, "the method of this order can not be changed")
	}
	previous := o.Current().Domains[0].Method
	supply, err := c.supply(o, product, call.texts["approverMethod"], "")
	if err != nil {
		return connectAnswer{}, err
	}
	if o, err = c.engine.ChangeMethod(call.account, o.ID, o.CommonName(), supply.Method, supply.Emails[0]); err != nil {
		return connectAnswer{}, err
	}
	const message = "SSL Verification Method has been Changed successfully"
	return said(message, map[string]any{
		"successCode": 0, "timestamp": c.now(), "approverMethod": call.texts["approverMethod"],
		"code": connectRecord(product, o.Current().Domains[0]), "approverEmail": supply.Emails[0], "dns": o.CommonName(),
		"userpreviousmethod": connectWord(product, previous), "msgCode": "200", "msg": message,
	}), nil
}

func (c *ConnectReseller) now() string { return c.engine.cfg.Now().UTC().Format(connectTime) }

// cancel answers in two ways, before and after SSLIssue.
func (c *ConnectReseller) cancel(call connectCall) (connectAnswer, error) {
	before, err := c.byNumber(call, "orderId")
	if err != nil {
		return connectAnswer{}, err
	}
	if before.Certificate() != nil {
		return connectAnswer{}, refuse(ErrState, "the certificate exists, it can only be revoked")
	}
	if _, err := c.engine.Cancel(call.account, before.ID, "cancelled by the client"); err != nil {
		return connectAnswer{}, err
	}
	const message = "Your SSL Certificate has been Cancelled successfully"
	if before.State == StateUnconfigured {
		return said(message, map[string]any{"msg": message, "successCode": http.StatusOK}), nil
	}
	return said("Your SSL Order Cancelled successfully", map[string]any{
		"successCode": 0, "timestamp": c.now(), "msg": message, "msgCode": "200",
	}), nil
}

func (c *ConnectReseller) revoke(call connectCall) (connectAnswer, error) {
	o, err := c.byNumber(call, "orderID")
	if err != nil {
		return connectAnswer{}, err
	}
	certificate := o.Certificate()
	if certificate == nil {
		return connectAnswer{}, refuse(ErrState, "there is no certificate")
	}
	if _, err := c.engine.Revoke(call.account, o.ID, certificate.Serial); err != nil {
		return connectAnswer{}, err
	}
	const message = "certificate revoked successfully"
	return said(message, map[string]any{"successCode": 0, "timestamp": c.now(), "msg": message, "msgcode": 0}), nil
}

// verify is the TXT verification of Certum's products.
func (c *ConnectReseller) verify(call connectCall) (connectAnswer, error) {
	o, err := c.byNumber(call, "sslid")
	if err != nil {
		return connectAnswer{}, err
	}
	product, err := c.engine.Product(o.Product)
	if err != nil {
		return connectAnswer{}, err
	}
	current := o.Current()
	switch {
	case call.numbers["clientId"] != c.options.CustomerID:
		return connectAnswer{}, refuse(ErrNotFound, "there is no client %d", call.numbers["clientId"])
	case !product.Certum || current == nil || o.State != StateAwaitingValidation:
		return connectAnswer{}, refuse(ErrState, "there is nothing to verify")
	case call.texts["code"] != connectRecord(product, current.Domains[0]):
		return connectAnswer{}, refuse(ErrParameter, "the code is wrong")
	}
	if err := c.engine.Revalidate(call.account, o.ID, o.CommonName()); err != nil {
		return connectAnswer{}, err
	}
	message := connectMessage{"Sanverification has been done successfully", 0}
	return connectAnswer{message: &message, data: message}, nil
}

// again is what a reissue and a renewal are made of: the method stays.
func (c *ConnectReseller) again(call connectCall) (*Order, Product, Supply, error) {
	o, err := c.byName(call)
	if err != nil {
		return nil, Product{}, Supply{}, err
	}
	product, err := c.engine.Product(o.Product)
	if err != nil {
		return nil, product, Supply{}, err
	}
	if o.Current() == nil {
		return nil, product, Supply{}, refuse(ErrState, "the order is not enrolled")
	}
	supply, err := c.supply(o, product, connectWord(product, o.Current().Domains[0].Method), call.texts["csr"])
	return o, product, supply, err
}

func (c *ConnectReseller) reissue(call connectCall) (connectAnswer, error) {
	o, _, supply, err := c.again(call)
	if err != nil {
		return connectAnswer{}, err
	}
	if o, err = c.engine.Reissue(call.account, o.ID, supply); err != nil {
		return connectAnswer{}, err
	}
	return connectAnswer{data: map[string]any{
		"successCode": 0, "orderID": cyberInt(o.ID), "msg": "SSL ReIssued successfully", "msgCode": "200", "id": nil, "dnsName": o.CommonName(),
	}}, nil
}

func (c *ConnectReseller) renew(call connectCall) (connectAnswer, error) {
	o, product, supply, err := c.again(call)
	if err != nil {
		return connectAnswer{}, err
	}
	if o, err = c.engine.Renew(RenewalRequest{Account: call.account, Order: o.ID, Years: 1, Supply: supply}); err != nil {
		return connectAnswer{}, err
	}
	domain := o.Current().Domains[0]
	return said("SSL Renewed successfully", map[string]any{
		"successCode": 0, "customerName": nil, "msg": "SSL Renewed successfully", "msgCode": "200", "renewalId": "2321" + o.ID,
		"totalcost": json.Number(o.Price.String()), "verificationMethod": connectWord(product, domain.Method),
		"txtRecord": connectRecord(product, domain), "dnsName": o.CommonName(),
	}), nil
}

func (c *ConnectReseller) balance(call connectCall) (connectAnswer, error) {
	account, err := c.engine.Account(call.account)
	if err != nil {
		return connectAnswer{}, err
	}
	return connectAnswer{message: &connectMessage{"success", 0}, data: json.Number(account.Balance.String())}, nil
}
