package autodns

import (
	"context"
	"fmt"
	"strings"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Order implements providers.Provider with GET /job and, once the job has succeeded, GET
// /certificate. An order of which only the certificate is known is read without its job.
func (p *Provider) Order(ctx context.Context, ids providers.IDs) (providers.Order, error) {
	job, number := ids[jobID], ids[certificateID]
	switch {
	case job == "" && number == "":
		return providers.Order{}, invalid(opJob.name, "", "the order has neither a "+jobID+" nor a "+certificateID)
	case job == "":
		c, err := p.certificate(ctx, number)
		return p.issued(providers.IDs{certificateID: number}, c), err
	}
	told, err := p.job(ctx, job)
	if providers.KindOf(err) == providers.NotFound && number != "" {
		c, err := p.certificate(ctx, number)
		return p.issued(ids, c), err
	}
	if err != nil {
		return providers.Order{}, err
	}
	return p.fromJob(ctx, job, number, told)
}

// job is read from the list of jobs or, where it has left that, from the history.
func (p *Provider) job(ctx context.Context, number string) (objectJob, error) {
	err := error(nil)
	for _, op := range []operation{opJob, opPastJob} {
		var data list[objectJob]
		if err = p.client.call(ctx, op, request{id: number}, &data); providers.KindOf(err) == providers.NotFound {
			continue
		}
		if err != nil {
			return objectJob{}, err
		}
		if len(data) == 0 || data[0].Job.Status.word() == "" {
			return objectJob{}, failure(op.name, providers.Unavailable, "the answer lacks the job", nil)
		}
		if other := data[0].Job.ID.number(); other != "" && other != number {
			return objectJob{}, failure(op.name, providers.Unavailable, "the answer is about another job", nil)
		}
		return data[0], nil
	}
	return objectJob{}, err
}

func (p *Provider) certificate(ctx context.Context, number string) (certificate, error) {
	var data list[certificate]
	if err := p.client.call(ctx, opCertificate, request{id: number}, &data); err != nil {
		return certificate{}, err
	}
	if len(data) == 0 {
		return certificate{}, failure(opCertificate.name, providers.Unavailable, "the answer lacks the certificate", nil)
	}
	if other := data[0].ID.number(); other != "" && other != number {
		return certificate{}, failure(opCertificate.name, providers.Unavailable, "the answer is about another certificate", nil)
	}
	return data[0], nil
}

// fromJob translates a job, and reads the certificate of one that has succeeded.
func (p *Provider) fromJob(ctx context.Context, number, known string, job objectJob) (providers.Order, error) {
	c := job.certificate()
	ids := providers.IDs{jobID: number}
	if told := c.ID.number(); told != "" {
		known = told
	}
	if known != "" {
		ids[certificateID] = known
	}
	order := p.common(ids, c)
	order.Ordered = job.Job.Created.instant()
	order.State, order.Detail = job.state(number)
	if order.State == providers.StateIssued {
		if known == "" {
			return providers.Order{}, failure(opJob.name, providers.Unavailable, "the job has succeeded but tells no certificate", nil)
		}
		done, err := p.certificate(ctx, known)
		return p.issued(ids, done), err
	}
	if order.State == providers.StateAwaitingValidation {
		// What isn't understood was published when it was prepared.
		order.Challenges, _ = p.challenges(c, job)
	}
	return order, nil
}

// challenges are those of the order with what the job tells of their validation.
func (p *Provider) challenges(c certificate, job objectJob) ([]providers.Challenge, error) {
	if len(c.Authentication) > 0 && p.provisions(c.Authentication[0].Method) {
		return nil, nil
	}
	all, err := c.challenges()
	for i := range all {
		for _, s := range job.Domains {
			if canonical(string(s.Domain)) == all[i].Domain {
				all[i].Done = s.completed()
			}
		}
	}
	return all, err
}

// statuses translates the vendor's words for jobs (OpenAPI, JobStatus) that are final.
var statuses = map[string]struct {
	state  providers.State
	detail string
}{
	"SUCCESS":  {providers.StateIssued, "the certificate is issued"},
	"FAILED":   {providers.StateRejected, "the CA or InterNetX refused the order"},
	"CANCELED": {providers.StateCancelled, "the order was cancelled"},
	"SUPPORT":  {providers.StateIssuing, "InterNetX handles the order by hand"},
}

// state of a job that runs depends on the steps of the validation. Without any word about
// them the validation counts as open. An unknown word means that somebody is at work.
func (j objectJob) state(number string) (providers.State, string) {
	word := strings.ToUpper(j.Job.Status.word())
	if known, ok := statuses[word]; ok {
		return known.state, fmt.Sprintf("%s (job %s)", known.detail, number)
	}
	switch word {
	case "RUNNING", "WAIT", "DEFERRED", "NOT_SET":
		if done, told := j.validated(); done && told {
			return providers.StateIssuing, "the CA is at work"
		}
		return providers.StateAwaitingValidation, "the CA waits for validation of the names"
	default:
		return providers.StateIssuing, "InterNetX reports a status that is not documented"
	}
}

// issued translates a certificate. It is never Issued without a leaf, or with one that has
// another key than the CSR: that is the certificate before a reissue.
func (p *Provider) issued(ids providers.IDs, c certificate) providers.Order {
	order := p.common(ids, c)
	switch {
	case c.expired(p.config.Now()):
		order.State, order.Detail = providers.StateExpired, "the paid term is over"
	case c.Server.word() == "":
		order.State, order.Detail = providers.StateIssuing, "the CA issued, the certificate is to come"
	case c.outdated():
		order.State, order.Detail = providers.StateIssuing, "the certificate before the reissue is still shown"
	default:
		order.State, order.Detail = providers.StateIssued, "the certificate is issued"
		order.Certificates = c.blobs()
	}
	return order
}

// common is what needs no judgement. The reference that was sent with an order is told by
// the message queue only, so that an order here never has one.
func (p *Provider) common(ids providers.IDs, c certificate) providers.Order {
	return providers.Order{
		IDs: ids, CSR: pemCSR(c.CSR), Names: c.names(), Ordered: c.Created.instant(), PaidUntil: c.paidUntil(),
	}
}

// certificateOf finds the number that a call on a certificate needs. An order of which only
// the job is known is asked for it.
func (p *Provider) certificateOf(ctx context.Context, op operation, ids providers.IDs) (string, error) {
	if number := ids[certificateID]; number != "" {
		return number, nil
	}
	if ids[jobID] == "" {
		return "", invalid(op.name, "", "the order has neither a "+jobID+" nor a "+certificateID)
	}
	job, err := p.job(ctx, ids[jobID])
	if err != nil {
		return "", err
	}
	number := job.certificate().ID.number()
	if number == "" {
		return "", invalid(op.name, "", "the order has no certificate yet")
	}
	return number, nil
}
