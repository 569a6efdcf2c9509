package connectreseller

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// The identifiers of an order. All but the last two are the vendor's and have the vendor's
// names, whose case differs from call to call.
const (
	// idOrder is the orderID of the last call that placed or changed the order.
	idOrder = "orderID"
	// idOrderRecord is the orderId that SSLDetails tells, which is another number.
	idOrderRecord = "orderId"
	idSSL         = "sslid"
	idSSLName     = "sslnameID"
	idClient      = "clientId"
	idRenewal     = "renewalId"
	// idPublicKey is ours: the digest of the public key for which a certificate was last
	// asked. The API doesn't tell an order's CSR, and goes on delivering the old
	// certificate after a reissue.
	idPublicKey = "publicKey"
)

// orderBody is that of SSLOrder.
type orderBody struct {
	ResellerID       int64  `json:"resellerId"`
	ProductCode      int    `json:"productCode"`
	CustomerID       int64  `json:"customerId"`
	BusinessCategory string `json:"businessCategory"`
	DNSName          string `json:"dNSName"`
	Timestamp        string `json:"timestamp"`
}

// placedReply answers SSLOrder, SSLIssue, reissueCertificate and SSLRenew.
type placedReply struct {
	OrderID   text `json:"orderID"`
	TotalCost text `json:"totalcost"`
	RenewalID text `json:"renewalId"`
	Record    text `json:"txtRecord"`
	Method    text `json:"verificationMethod"`
}

// Buy implements providers.Provider with SSLOrder, which takes no CSR: the order is paid, and
// waits in PendingOrder for Enrol.
func (p *Provider) Buy(ctx context.Context, intent *providers.Intent, request providers.Request) (providers.Placed, error) {
	if _, err := p.method(opBuy, request); err != nil {
		return providers.Placed{}, err
	}
	body := orderBody{
		ResellerID: p.config.ResellerID, ProductCode: p.code, CustomerID: p.config.CustomerID,
		BusinessCategory: p.config.BusinessCategory, DNSName: request.CommonName, Timestamp: p.client.stamp(),
	}
	answer, err := p.client.once(ctx, opBuy, intent, providers.Purchase, body)
	if err != nil {
		return providers.Placed{}, err
	}
	var reply placedReply
	if err := json.Unmarshal(answer, &reply); err != nil {
		return providers.Placed{}, failure(opBuy.name, providers.Ambiguous, "the answer isn't understood", nil)
	}
	if _, ok := number(reply.OrderID.word()); !ok {
		return providers.Placed{}, failure(opBuy.name, providers.Ambiguous, "the answer lacks the order number", nil)
	}
	return providers.Placed{IDs: providers.IDs{idOrder: reply.OrderID.word()}, Price: amount(reply.TotalCost)}, nil
}

// amount is nil where there is none. The API tells no currency.
func amount(t text) *providers.Money {
	money, err := providers.ParseMoney(t.word(), "")
	if err != nil {
		return nil
	}
	return &money
}

// known is the order number in ids.
func known(op operation, ids providers.IDs) (int64, error) {
	id, ok := number(ids[idOrder])
	if !ok {
		return 0, invalid(op.name, "", "the order has no "+idOrder)
	}
	return id, nil
}

// method checks a request against the product and gives the vendor's word for its method.
func (p *Provider) method(op operation, request providers.Request) (string, error) {
	facts := p.Profile()
	if len(request.CSR) == 0 || request.CommonName == "" {
		return "", invalid(op.name, "spec.commonName", "ConnectReseller sells for one name, the CSR's common name")
	}
	names := slices.DeleteFunc(slices.Clone(request.Names), func(name string) bool {
		return facts.WWWIncluded && name == includedName(request.CommonName)
	})
	wildcard := slices.ContainsFunc(names, isWildcard)
	switch {
	case len(names) > max(1, facts.MaxNames):
		return "", invalid(op.name, "spec.dnsNames", fmt.Sprintf("product %d takes one name, not %d", p.code, len(names)))
	case wildcard != facts.Wildcard:
		return "", invalid(op.name, "spec.dnsNames", fmt.Sprintf("product %d is not for %s", p.code, request.CommonName))
	case !slices.Contains(facts.TermsMonths, request.TermMonths):
		return "", invalid(op.name, "spec.term.months", "ConnectReseller sells for 12 months")
	case !slices.Contains(facts.Methods, request.Method):
		return "", invalid(op.name, fieldMethods, fmt.Sprintf("product %d doesn't offer method %q", p.code, request.Method))
	case request.Method == providers.MethodFile && !mainDomain(request.CommonName):
		return "", invalid(op.name, fieldMethods, "files are accepted for main domains only, not for "+request.CommonName)
	case request.Method == providers.MethodEmail && request.Emails[request.CommonName] == "":
		return "", invalid(op.name, fieldMethods, "nobody is known who could approve "+request.CommonName)
	}
	return p.facts.word(request.Method), nil
}

// mainDomain reports whether a file may validate a name: "in the case of subdomains or
// wildcards" it may not (API document, section 4).
func mainDomain(name string) bool {
	registrable, err := publicsuffix.EffectiveTLDPlusOne(name)
	return err == nil && strings.TrimPrefix(name, "www.") == registrable
}

// includedName is what the CA adds to a common name by itself: the name with or without www,
// and the domain of a wildcard.
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

// orderRef is the body of calls about one order, under the name that it has there.
type orderRef struct {
	ResellerID int64  `json:"resellerId"`
	OrderID    int64  `json:"orderId,omitempty"`
	OrderIDCap int64  `json:"orderID,omitempty"`
	Timestamp  string `json:"timestamp"`
}

// Cancel implements providers.Canceller with cancelOrder: possible, with the money back,
// until the certificate exists.
func (p *Provider) Cancel(ctx context.Context, intent *providers.Intent, ids providers.IDs) error {
	id, err := known(opCancel, ids)
	if err != nil {
		return err
	}
	body := orderRef{ResellerID: p.config.ResellerID, OrderID: id, Timestamp: p.client.stamp()}
	_, err = p.client.once(ctx, opCancel, intent, providers.Cancel, body)
	return err
}

// Revoke implements providers.Revoker with revokeCertificate. The API takes no serial number
// and revokes the certificate that it delivers, so that is looked at first. Nothing is
// paid back.
func (p *Provider) Revoke(ctx context.Context, intent *providers.Intent, ids providers.IDs, serial string) error {
	id, err := known(opRevoke, ids)
	if err != nil {
		return err
	}
	blobs, err := p.certificates(ctx, id)
	if err != nil {
		return err
	}
	wanted := strings.TrimLeft(strings.ToLower(serial), "0")
	for _, leaf := range leaves(blobs) {
		if leaf.SerialNumber.Text(16) == wanted {
			body := orderRef{ResellerID: p.config.ResellerID, OrderIDCap: id, Timestamp: p.client.stamp()}
			_, err = p.client.once(ctx, opRevoke, intent, providers.Revoke, body)
			return err
		}
	}
	return invalid(opRevoke.name, "", "the order's certificate has another serial number")
}
