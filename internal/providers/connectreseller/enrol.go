package connectreseller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// issueBody is that of SSLIssue.
type issueBody struct {
	ResellerID int64  `json:"resellerId"`
	Method     string `json:"approverMethod"`
	CSR        string `json:"csr"`
	SSLNameID  int64  `json:"sslNameId"`
	Timestamp  string `json:"timestamp"`
	DNSName    string `json:"dNSName,omitempty"`
}

// againBody is that of reissueCertificate and SSLRenew.
type againBody struct {
	SSLNameID  int64  `json:"sslNameId"`
	ResellerID int64  `json:"resellerId"`
	CSR        string `json:"csr"`
	Timestamp  string `json:"timestamp"`
}

// Enrol implements providers.Enroller with SSLIssue: it gives a CSR to an order that Buy has
// paid. An order that is enrolled already is left alone: the reply tells its challenges and the
// intent stays unspent, unless the CA's record proves that it has another CSR.
func (p *Provider) Enrol(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	id, err := known(opEnrol, ids)
	if err != nil {
		return providers.Placed{}, err
	}
	word, err := p.method(opEnrol, request)
	if err != nil {
		return providers.Placed{}, err
	}
	if intent == nil || intent.Spent() {
		return providers.Placed{}, spend(opEnrol, intent, providers.Enrol)
	}
	d, err := p.details(ctx, opEnrol, id)
	if err != nil {
		return providers.Placed{}, err
	}
	name, err := d.enrollable(request)
	switch {
	case err != nil:
		return providers.Placed{}, err
	case d.enrolled():
		return providers.Placed{IDs: d.ids(withKey(ids, request.CSR)), Challenges: d.challenges()}, nil
	}
	body := issueBody{
		ResellerID: p.config.ResellerID, Method: word, CSR: string(request.CSR), SSLNameID: name,
		Timestamp: p.client.stamp(), DNSName: request.CommonName,
	}
	answer, err := p.client.once(ctx, opEnrol, intent, providers.Enrol, body)
	if err != nil {
		return providers.Placed{}, err
	}
	placed := p.placed(ctx, answer, ids, request)
	placed.Price = nil // it was paid before
	return placed, nil
}

// enrollable gives the number for SSLIssue of an order that may be, or is, enrolled with a
// request; an order that is enrolled may lack it.
func (d details) enrollable(request providers.Request) (int64, error) {
	name, ok := number(d.SSLNameID.word())
	switch {
	case d.gone():
		return 0, failure(opEnrol.name, providers.Rejected, "the order was cancelled", nil)
	case d.name() != "" && d.name() != request.CommonName:
		return 0, invalid(opEnrol.name, "", "the order is for another name")
	case d.enrolled() && proof(d.challenges(), request.CSR) == otherCSR:
		return 0, invalid(opEnrol.name, "", "the order has another CSR")
	case !ok && !d.enrolled():
		return 0, failure(opEnrol.name, providers.Unavailable, "the order has no "+idSSLName+" yet", nil)
	}
	return name, nil
}

// Reissue implements providers.Reissuer with reissueCertificate. The validation method stays
// that of the order.
func (p *Provider) Reissue(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	return p.again(ctx, opReissue, intent, providers.Reissue, ids, request)
}

// Renew implements providers.Renewer with SSLRenew; assumption: unconfirmed on a live account
// that the order keeps its number.
func (p *Provider) Renew(ctx context.Context, intent *providers.Intent, ids providers.IDs, request providers.Request) (providers.Placed, error) {
	return p.again(ctx, opRenew, intent, providers.Renew, ids, request)
}

func (p *Provider) again(
	ctx context.Context, op operation, intent *providers.Intent, kind providers.OperationKind, ids providers.IDs, request providers.Request,
) (providers.Placed, error) {
	id, err := known(op, ids)
	if err != nil {
		return providers.Placed{}, err
	}
	if _, err := p.method(op, request); err != nil {
		return providers.Placed{}, err
	}
	if intent == nil || intent.Spent() {
		return providers.Placed{}, spend(op, intent, kind)
	}
	name, ok := number(ids[idSSLName])
	if !ok {
		d, err := p.details(ctx, op, id)
		if err != nil {
			return providers.Placed{}, err
		}
		if name, ok = number(d.SSLNameID.word()); !ok {
			return providers.Placed{}, failure(op.name, providers.Unavailable, "the order has no "+idSSLName, nil)
		}
	}
	body := againBody{SSLNameID: name, ResellerID: p.config.ResellerID, CSR: string(request.CSR), Timestamp: p.client.stamp()}
	answer, err := p.client.once(ctx, op, intent, kind, body)
	if err != nil {
		return providers.Placed{}, err
	}
	return p.placed(ctx, answer, ids, request), nil
}

// placed completes the answer of a call that had its effect. What can't be read is left to
// Order: the order is known.
func (p *Provider) placed(ctx context.Context, answer json.RawMessage, ids providers.IDs, request providers.Request) providers.Placed {
	var reply placedReply
	if json.Unmarshal(answer, &reply) != nil {
		reply = placedReply{}
	}
	placed := providers.Placed{IDs: withKey(ids, request.CSR), Price: amount(reply.TotalCost)}
	if _, ok := number(reply.OrderID.word()); ok && placed.IDs[idOrder] != reply.OrderID.word() {
		placed.IDs = providers.IDs{idOrder: reply.OrderID.word(), idPublicKey: placed.IDs[idPublicKey]}
	}
	if renewal := reply.RenewalID.word(); renewal != "" {
		placed.IDs[idRenewal] = renewal
	}
	id, err := known(opDetails, placed.IDs)
	if err != nil {
		return placed
	}
	d, err := p.details(ctx, opDetails, id)
	if err != nil {
		d = details{}
	}
	placed.IDs = d.ids(placed.IDs)
	placed.Challenges = p.firstChallenges(ctx, id, d, reply, request)
	return placed
}

// firstChallenges are those of the order's details, of the renewal's answer, of a change to the
// same method, which makes the API tell the code, or computed. Only a record for this very
// CSR is taken.
func (p *Provider) firstChallenges(ctx context.Context, id int64, d details, reply placedReply, request providers.Request) []providers.Challenge {
	renewed := details{Website: text(request.CommonName), Record: reply.Record, Method: reply.Method}
	for _, told := range []details{renewed, d} {
		challenges := told.challenges()
		if len(challenges) > 0 && proof(challenges, request.CSR) != otherCSR {
			return challenges
		}
	}
	if !p.facts.certum {
		return computed(request)
	}
	if isWildcard(request.CommonName) {
		return nil
	}
	challenges, err := p.change(ctx, id, request.CommonName, request.Method)
	if err != nil {
		return nil
	}
	return challenges
}

// withKey is a copy of ids with the public key of a CSR.
func withKey(ids providers.IDs, csr []byte) providers.IDs {
	copied := maps.Clone(ids)
	if parsed, err := chain.ParseCSR(csr); err == nil {
		copied[idPublicKey] = digestOf(parsed.RawSubjectPublicKeyInfo)
	}
	return copied
}

func digestOf(key []byte) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:])
}
