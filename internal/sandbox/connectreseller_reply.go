package sandbox

import "strings"

// connectStatus are made-up numbers of states; only 185 is in the vendor's sample.
var connectStatus = map[State]int{
	StateUnconfigured: 185, StateAwaitingValidation: 186, StateIssuing: 187, StateIssued: 188,
	StateRejected: 190, StateCancelled: 191, StateExpired: 192, StateSuperseded: 193,
}

func (c *ConnectReseller) details(call connectCall) (connectAnswer, error) {
	o, err := c.byNumber(call, "orderId")
	if err != nil {
		return connectAnswer{}, err
	}
	if customer, ok := call.numbers["customerId"]; ok && customer != c.options.CustomerID {
		return connectAnswer{}, refuse(ErrNotFound, "there is no customer %d", customer)
	}
	product, err := c.engine.Product(o.Product)
	if err != nil {
		return connectAnswer{}, err
	}
	number, _ := cyberInt(o.ID).(int)
	data := map[string]any{
		"isRegistered": nil, "tldId": nil, "throughAPI": nil, "sslname": product.Name, "productCode": cyberInt(o.Attributes["productCode"]),
		"orderId": number - connectOrderID, "sslid": number, "sslnameID": number - connectSSLNameID, "domainNameId": number - connectDomainID,
		"clientId": c.options.CustomerID, "resellerID": c.options.ResellerID, "businessCategory": o.Attributes["businessCategory"],
		"websiteName": o.CommonName(), "registryStatusID": 0, "statusID": connectStatus[o.State],
		"orderDate": o.PlacedAt.UTC().Format(connectTime), "creationDate": o.PlacedAt.UTC().Format(connectTime),
		"lastUpdatedDate": c.now(), "expirationDate": o.PaidUntil.UTC().Format(connectTime),
		"serialNumber": nil, "isDeleted": nil, "ssldeletionDate": nil,
		"txtRecord": nil, "verificationmethod": nil, "sanverification": nil,
	}
	if call.StatusWord != "" {
		data["statusID"] = call.StatusWord
	}
	if o.State == StateCancelled {
		data["isDeleted"], data["ssldeletionDate"] = 1, c.now()
	}
	c.addValidation(data, o, product)
	return said("User SSL Details fetched successfully", data), nil
}

// addValidation tells what is known since SSLIssue.
func (c *ConnectReseller) addValidation(data map[string]any, o *Order, product Product) {
	if certificate := o.Certificate(); certificate != nil {
		data["serialNumber"] = certificate.Serial
	}
	current := o.Current()
	if current == nil {
		return
	}
	data["verificationmethod"] = connectWord(product, current.Domains[0].Method)
	if record := connectRecord(product, current.Domains[0]); record != "" && !c.options.NoRecord {
		data["txtRecord"] = record
	}
	if o.State != StateAwaitingValidation {
		data["sanverification"] = 1
	}
}

// connectRecord is what has to be published: Certum's code, or both ends of a CNAME in
// capitals with a line break behind the labels, as in the vendor's sample.
func connectRecord(product Product, domain *Domain) string {
	switch {
	case domain.Method == MethodEmail:
		return ""
	case product.Certum:
		return domain.Challenge.RecordValue
	}
	owner, rest, _ := strings.Cut(strings.TrimSuffix(domain.Challenge.RecordName, "."), ".")
	target := strings.TrimSuffix(domain.Challenge.RecordValue, ".sectigo.com.")
	labels := strings.ReplaceAll(strings.ToUpper(target), ".", ".\n")
	return owner + ".\n" + rest + " & " + labels + ".sectigo.com"
}

// certificate delivers the leaf, and everything else with the root.
func (c *ConnectReseller) certificate(call connectCall) (connectAnswer, error) {
	o, err := c.byNumber(call, "orderID")
	if err != nil {
		return connectAnswer{}, err
	}
	certificate := o.Certificate()
	if certificate == nil {
		return connectAnswer{}, refuse(ErrState, "the certificate is not issued yet")
	}
	bundle := certificate.PEM[1:]
	if len(bundle) > 0 {
		bundle = append(bundle, c.engine.CA().RootPEM())
	}
	return connectAnswer{
		message: &connectMessage{"SSL Certificate Downloaded successfully", 0},
		data: map[string]any{
			"successCode": 0, "timestamp": c.now(),
			"startDate": certificate.NotBefore.Format(connectTime), "endDate": certificate.NotAfter.Format(connectTime),
			"certificate": certificate.PEM[0], "caBundle": bundle,
		},
	}, nil
}
