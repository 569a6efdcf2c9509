package autodns

import (
	"context"
	"slices"
	"time"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// maxCandidates is how many jobs or certificates of a name Find reads at most.
const maxCandidates = 50

// earlier is how much before the intent an order may be dated: clocks differ.
const earlier = 10 * time.Minute

// query is the body of a search (OpenAPI, Query).
type query struct {
	Filters []filter `json:"filters,omitempty"`
	View    view     `json:"view"`
	Orders  []sorted `json:"orders"`
}

type filter struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Operator string `json:"operator"`
}

// view is a page. From and To are required for the history; the OpenAPI file describes them
// the wrong way round.
type view struct {
	Limit    int    `json:"limit"`
	Offset   int    `json:"offset"`
	Children bool   `json:"children"`
	From     string `json:"from,omitempty"`
	To       string `json:"to,omitempty"`
}

type sorted struct {
	Key  string `json:"key"`
	Type string `json:"type"`
}

// equals asks for the newest rows with a value.
func equals(key, value string) query {
	return query{
		Filters: []filter{{Key: key, Value: value, Operator: "EQUAL"}},
		View:    view{Limit: maxCandidates}, Orders: []sorted{{Key: "id", Type: "DESC"}},
	}
}

// during limits a search of the history.
func (q query) during(from, to time.Time) query {
	q.View.From, q.View.To = from.UTC().Format(timeLayout), to.UTC().Format(timeLayout)
	return q
}

// Find implements providers.Provider. All jobs of the name since the intent are compared: by
// the CSR that they echo, and by the client reference where the message queue tells it.
// Certificates of the name are looked at where the
// jobs tell nothing, since jobs may be forgotten before certificates are.
//
// "Nothing" is never said where something speaks against it: with more candidates than
// can be read Find is Unavailable, and a job that echoes no CSR is returned with EvidenceNames.
func (p *Provider) Find(ctx context.Context, trace providers.Trace) ([]providers.Found, error) {
	if trace.Kind == providers.Cancel || trace.Kind == providers.Revoke {
		return p.findEnd(ctx, trace)
	}
	if trace.CommonName == "" {
		return nil, invalid(opJobs.name, "", "the name of the order isn't known")
	}
	if err := p.readQueue(ctx); err != nil {
		return nil, err
	}
	jobs, err := p.jobsOf(ctx, trace)
	if err != nil {
		return nil, err
	}
	var found []providers.Found
	for _, number := range jobs {
		more, err := p.compare(ctx, number, trace)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	if len(found) > 0 {
		return surest(found), nil
	}
	return p.findCertificate(ctx, trace)
}

// surest drops similar orders where there are certain ones.
func surest(found []providers.Found) []providers.Found {
	sure := slices.DeleteFunc(slices.Clone(found), func(f providers.Found) bool { return f.Evidence < providers.EvidenceCSR })
	if len(sure) > 0 {
		return sure
	}
	return found
}

// jobsOf are the numbers of the jobs of the name since the intent, running or not.
func (p *Provider) jobsOf(ctx context.Context, trace providers.Trace) ([]string, error) {
	since := trace.Since.Add(-earlier)
	rows, err := p.jobs(ctx, equals("object", trace.CommonName), since)
	if err != nil {
		return nil, err
	}
	var numbers []string
	if job, ok := p.inbox.job(trace.Reference); ok {
		numbers = append(numbers, job)
	}
	for _, row := range rows {
		number, created := row.Job.ID.number(), row.Job.Created.instant()
		old := !created.IsZero() && created.Before(since)
		if !old && !slices.Contains(numbers, number) && number != trace.IDs[jobID] {
			numbers = append(numbers, number)
		}
	}
	if len(numbers) >= maxCandidates {
		return nil, failure(opJobs.name, providers.Unavailable, "the name has more jobs than can be compared", nil)
	}
	return numbers, nil
}

// jobs asks for jobs, and for those of the history since a time, newest first in each.
func (p *Provider) jobs(ctx context.Context, search query, since time.Time) ([]objectJob, error) {
	var present, past list[objectJob]
	if err := p.client.call(ctx, opJobs, requestOf(search), &present); err != nil {
		return nil, err
	}
	search = search.during(since, p.config.Now().Add(24*time.Hour))
	if err := p.client.call(ctx, opPastJobs, requestOf(search), &past); err != nil {
		return nil, err
	}
	all := append(slices.Clone(present), past...)
	if slices.ContainsFunc(all, func(j objectJob) bool { return j.Job.ID.number() == "" }) {
		return nil, failure(opJobs.name, providers.Unavailable, "a job in the list has no number", nil)
	}
	return all, nil
}

// compare reads one job and weighs it.
func (p *Provider) compare(ctx context.Context, number string, trace providers.Trace) ([]providers.Found, error) {
	job, err := p.job(ctx, number)
	if providers.KindOf(err) == providers.NotFound {
		return nil, failure(opJobs.name, providers.Unavailable, "a job of the list is not known by its number", err)
	}
	if err != nil {
		return nil, err
	}
	c := job.certificate()
	evidence := weigh(c, trace)
	if referenced, ok := p.inbox.job(trace.Reference); ok && referenced == number && evidence != 0 {
		evidence = providers.EvidenceReference
	}
	if evidence == 0 {
		return nil, nil
	}
	order, err := p.fromJob(ctx, number, trace.IDs[certificateID], job)
	if err != nil {
		return nil, err
	}
	if evidence == providers.EvidenceNames && len(order.CSR) > 0 {
		if !sameCSR(order.CSR, trace.CSR) {
			return nil, nil
		}
		evidence = providers.EvidenceCSR
	}
	return []providers.Found{{Order: order, Evidence: evidence}}, nil
}

// weigh is zero for an order that certainly is another one.
func weigh(c certificate, trace providers.Trace) providers.Evidence {
	switch {
	case sameCSR([]byte(c.CSR), trace.CSR):
		return providers.EvidenceCSR
	case csrDER([]byte(c.CSR)) != nil:
		return 0
	}
	return providers.EvidenceNames
}

// findCertificate looks at the certificates of the name.
func (p *Provider) findCertificate(ctx context.Context, trace providers.Trace) ([]providers.Found, error) {
	var rows list[certificate]
	if err := p.client.call(ctx, opCertificates, requestOf(equals("name", trace.CommonName)), &rows); err != nil {
		return nil, err
	}
	var found []providers.Found
	for _, row := range rows {
		number := row.ID.number()
		if number == "" {
			return nil, failure(opCertificates.name, providers.Unavailable, "a certificate in the list has no number", nil)
		}
		if row.older(trace) {
			continue
		}
		c, err := p.certificate(ctx, number)
		if err != nil {
			return nil, err
		}
		if evidence := weigh(c, trace); evidence != 0 {
			found = append(found, providers.Found{Order: p.issued(providers.IDs{certificateID: number}, c), Evidence: evidence})
		}
	}
	if len(found) == 0 && len(rows) >= maxCandidates {
		return nil, failure(opCertificates.name, providers.Unavailable, "the name has more certificates than can be compared", nil)
	}
	return surest(found), nil
}

// older reports whether a certificate was there before the purchase. "created" is a day
// without time (guide). Other calls change certificates that are there.
func (c certificate) older(trace providers.Trace) bool {
	const twoDays = 48 * time.Hour
	created := c.Created.instant()
	return trace.Kind == providers.Purchase && !created.IsZero() && created.Before(trace.Since.Add(-twoDays))
}

const (
	// maxListed and listedFor bound what Orders reads.
	maxListed = 1000
	listedFor = 7 * 24 * time.Hour
)

// Orders implements providers.Lister with one search of the jobs and one of those that ended
// in the last week. The rows lack CSR and certificate.
func (p *Provider) Orders(ctx context.Context) ([]providers.Order, error) {
	search := equals("type", "ssl")
	search.View.Limit = maxListed
	rows, err := p.jobs(ctx, search, p.config.Now().Add(-listedFor))
	if err != nil {
		return nil, err
	}
	var orders []providers.Order
	seen := map[string]bool{}
	for _, row := range rows {
		number := row.Job.ID.number()
		if seen[number] || row.Job.Status.word() == "" {
			continue
		}
		seen[number] = true
		order := p.common(providers.IDs{jobID: number}, row.certificate())
		order.Ordered = row.Job.Created.instant()
		order.State, order.Detail = row.state(number)
		orders = append(orders, order)
	}
	return orders, nil
}
