package autodns

import (
	"context"
	"sync"

	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// maxMessages is how many messages one search reads.
	maxMessages = 20
	// maxInbox is how many references are remembered.
	maxInbox = 1000
)

// pollMessage is the vendor's PollMessage, of whatever kind.
type pollMessage struct {
	ID   text `json:"id"`
	CTID text `json:"ctid"`
	Job  struct {
		ID   text `json:"id"`
		Type text `json:"type"`
	} `json:"job"`
}

// inbox remembers which job has which client reference, oldest forgotten first.
type inbox struct {
	mu         sync.Mutex
	jobs       map[string]string
	references []string
}

func newInbox() *inbox { return &inbox{jobs: map[string]string{}} }

func (i *inbox) job(reference string) (string, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	job, ok := i.jobs[reference]
	return job, ok && reference != ""
}

func (i *inbox) add(reference, job string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, ok := i.jobs[reference]; ok || reference == "" || job == "" {
		return
	}
	if len(i.references) >= maxInbox {
		delete(i.jobs, i.references[0])
		i.references = i.references[1:]
	}
	i.jobs[reference], i.references = job, append(i.references, reference)
}

// readQueue reads and confirms messages, where the issuer says that the account is for
// nobody else. The queue tells one message of any kind at a time, and the next one only
// after that is confirmed; what it told of certificates is remembered first.
func (p *Provider) readQueue(ctx context.Context) error {
	if !p.config.PollQueue {
		return nil
	}
	for range maxMessages {
		var messages list[pollMessage]
		if err := p.client.call(ctx, opPoll, request{}, &messages); err != nil {
			return err
		}
		if len(messages) == 0 {
			return nil
		}
		first := messages[0]
		if first.ID.number() == "" {
			return failure(opPoll.name, providers.Unavailable, "a message has no number", nil)
		}
		p.inbox.add(first.CTID.word(), first.Job.ID.number())
		if err := p.client.call(ctx, opConfirmMessage, request{id: first.ID.number()}, nil); err != nil {
			return err
		}
	}
	return nil
}
