package connectreseller

import (
	"context"
	"fmt"

	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// impossibleOrder is asked for to see whether an answer can be decrypted.
const impossibleOrder = 1

// Check implements providers.Provider with availablefund, which proves API key and reseller
// number, and with SSLDetails of an order that can't be ours: an answer that can be decrypted,
// even a refusal, proves the other secrets. Whether the product exists no call tells.
func (p *Provider) Check(ctx context.Context) (providers.AccountInfo, error) {
	balance, err := p.client.balance(ctx)
	if err != nil {
		return providers.AccountInfo{}, err
	}
	_, err = p.details(ctx, operation{"check encryption", opDetails.path}, impossibleOrder)
	switch {
	case undecryptable(err):
		e := failure("check encryption", providers.Auth, "the answer can't be decrypted: passphrase, salt or iv may be wrong", nil)
		e.Field = fieldCredentials
		return providers.AccountInfo{}, e
	case err != nil && (!refused(err) || providers.KindOf(err) == providers.Auth):
		return providers.AccountInfo{}, err
	}
	info := providers.AccountInfo{Balance: &balance}
	if !p.facts.known {
		info.Warnings = append(info.Warnings, fmt.Sprintf("product %d isn't in ConnectReseller's list; its facts are guessed, see %s", p.code, fieldReseller+"product"))
	}
	return info, nil
}

// Snapshot implements providers.Snapshotter with availablefund. There is no list of orders.
func (p *Provider) Snapshot(ctx context.Context, _ providers.Request) (providers.Snapshot, error) {
	balance, err := p.client.balance(ctx)
	if err != nil {
		return providers.Snapshot{}, err
	}
	return providers.Snapshot{Balance: &balance}, nil
}

// Examine implements providers.Examiner: the balance is all that tells of a lost purchase.
func (p *Provider) Examine(ctx context.Context, trace providers.Trace) (string, error) {
	if trace.Kind != providers.Purchase || trace.Before == nil || trace.Before.Balance == nil {
		return "", nil
	}
	balance, err := p.client.balance(ctx)
	if err != nil {
		return "", err
	}
	before := trace.Before.Balance
	switch balance.Amount.Cmp(before.Amount) {
	case -1:
		return fmt.Sprintf("the balance fell from %s to %s, so it was probably charged", before, balance), nil
	case 0:
		return fmt.Sprintf("the balance is %s as before, so it was probably not charged, but that is no proof", balance), nil
	default:
		return fmt.Sprintf("the balance rose from %s to %s and proves nothing", before, balance), nil
	}
}

// Find implements providers.Provider. A purchase can't be found: nothing is returned, and the
// profile says that this proves nothing. A change of a known order is recognised by the
// certificate's key, or by Sectigo's record, which depends on the CSR; an enrolment also by
// the order being enrolled at all, because Enrol saw before that it was not.
//
// Of a known order, nothing is returned only where the change certainly didn't happen: an order
// that isn't enrolled, or not cancelled. Whether a reissue or renewal got a number of its own,
// or a certificate was revoked, can't be seen: then the order is returned with EvidenceNames.
func (p *Provider) Find(ctx context.Context, trace providers.Trace) ([]providers.Found, error) {
	if trace.Kind == providers.Purchase {
		return nil, nil
	}
	id, err := known(opFind, trace.IDs)
	if err != nil {
		return nil, err
	}
	d, err := p.details(ctx, opFind, id)
	if err != nil {
		return nil, err
	}
	order := providers.Order{IDs: d.ids(trace.IDs), PaidUntil: d.paidUntil(), Challenges: d.challenges()}
	order.State, order.Detail = d.ended(p.config.Now(), p.client.vendor)
	if trace.Kind == providers.Cancel {
		if d.gone() {
			return []providers.Found{{Order: order, Evidence: providers.EvidenceReference}}, nil
		}
		return nil, nil
	}
	if !d.enrolled() {
		return nil, nil
	}
	order.IDs = withKey(order.IDs, trace.CSR)
	blobs, err := p.certificates(ctx, id)
	if err != nil {
		return nil, err
	}
	if order.State == "" {
		order = d.enrolledOrder(order, blobs, order.IDs[idPublicKey])
	}
	evidence := d.evidence(trace, blobs)
	if evidence == 0 {
		return nil, nil
	}
	return []providers.Found{{Order: order, Evidence: evidence}}, nil
}

// evidence is 0 where the order was certainly enrolled with another CSR.
func (d details) evidence(trace providers.Trace, blobs [][]byte) providers.Evidence {
	if trace.Kind == providers.Revoke {
		return providers.EvidenceNames
	}
	if csr, err := chain.ParseCSR(trace.CSR); err == nil && certifies(blobs, digestOf(csr.RawSubjectPublicKeyInfo)) {
		return providers.EvidenceCSR
	}
	switch told := proof(d.challenges(), trace.CSR); {
	case told == ourCSR:
		return providers.EvidenceCSR
	case trace.Kind != providers.Enrol:
		return providers.EvidenceNames
	case told == otherCSR:
		return 0
	default:
		return providers.EvidenceReference
	}
}
