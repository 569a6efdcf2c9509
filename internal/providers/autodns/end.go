package autodns

import (
	"context"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Cancel implements providers.Canceller: JobCancel while the job runs, and CertificateDelete
// once there is a certificate. Whether the latter revokes it is documented nowhere, and
// neither is what is paid back.
func (p *Provider) Cancel(ctx context.Context, intent *providers.Intent, ids providers.IDs) error {
	if intent != nil && intent.Spent() {
		return failure(opCancel.name, providers.Ambiguous, "the call was made before", providers.ErrIntentSpent)
	}
	order, err := p.Order(ctx, ids)
	if err != nil {
		return err
	}
	switch order.State {
	case providers.StateIssued:
		return p.client.once(ctx, opDelete, intent, providers.Cancel, request{id: order.IDs[certificateID]}, nil)
	case providers.StateRejected, providers.StateCancelled, providers.StateExpired:
		return invalid(opCancel.name, "", "the order has ended already: "+order.Detail)
	case providers.StatePendingOrder, providers.StateAwaitingValidation, providers.StateIssuing:
	}
	if order.IDs[jobID] == "" {
		return invalid(opCancel.name, "", "the job of the order isn't known")
	}
	return p.client.once(ctx, opCancel, intent, providers.Cancel, request{id: order.IDs[jobID]}, nil)
}

// Revoke implements providers.Revoker with CertificateRevoke, which is for the certificates
// before a reissue (OpenAPI).
func (p *Provider) Revoke(ctx context.Context, intent *providers.Intent, ids providers.IDs, serial string) error {
	if serial == "" {
		return invalid(opRevoke.name, "", "no serial number is given")
	}
	number, err := p.certificateOf(ctx, opRevoke, ids)
	if err != nil {
		return err
	}
	body := map[string]string{"serialNumber": strings.ToUpper(serial)}
	return p.client.once(ctx, opRevoke, intent, providers.Revoke, request{id: number, body: body}, nil)
}

// ResendEmail implements providers.EmailResender; the messages of all domains of the job are
// sent again.
func (p *Provider) ResendEmail(ctx context.Context, ids providers.IDs, _ string) error {
	if ids[jobID] == "" {
		return invalid(opResend.name, "", "the order has no "+jobID)
	}
	return p.client.call(ctx, opResend, request{id: ids[jobID]}, nil)
}

// findEnd looks for the effect of Cancel or Revoke on the order itself. A revocation is told
// nowhere, so that a person has to look.
func (p *Provider) findEnd(ctx context.Context, trace providers.Trace) ([]providers.Found, error) {
	order, err := p.Order(ctx, trace.IDs)
	if providers.KindOf(err) == providers.NotFound {
		order, err = providers.Order{IDs: trace.IDs, State: providers.StateCancelled, Detail: "the order is gone"}, nil
	}
	switch {
	case err != nil:
		return nil, err
	case trace.Kind == providers.Revoke:
		return []providers.Found{{Order: order, Evidence: providers.EvidenceNames}}, nil
	case order.State == providers.StateCancelled:
		return []providers.Found{{Order: order, Evidence: providers.EvidenceReference}}, nil
	}
	return nil, nil
}
