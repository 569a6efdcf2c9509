package suites

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// TestManual has an issuer without solvers: a person reads in the request, the order
// or an event which record to publish, and it goes on when the record appears.
func TestManual(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productSingle)
	settings.DCV.Solvers = nil
	certificate := s.certificate("site", s.issuer(settings), "www."+s.domain)
	s.create(certificate)
	order := s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		require.NotNil(c, order.Status.Waiting)
		assert.Equal(c, "AwaitingRecords", order.Status.Waiting.Reason)
	})
	challenge := order.Status.Issuance.Challenges[0]
	for _, text := range []string{"create a CNAME record", challenge.RecordName, challenge.RecordValue, "by itself"} {
		assert.Contains(t, order.Status.Message, text)
	}
	assert.WithinDuration(t, time.Now(), order.Status.Waiting.Since.Time, patience)
	s.eventually(func(c *assert.CollectT) {
		assert.Contains(c, s.requestMessage(c), order.Status.Message)
		assert.Contains(c, s.requestMessage(c), order.Name)
		var notes []string
		for _, event := range s.events(certificate.UID) {
			notes = append(notes, event.Type+" "+event.Reason+" "+event.Note)
		}
		assert.Contains(c, notes, "Normal AwaitingRecords "+order.Status.Message)
	})
	s.nothingBought()

	require.NoError(t, world.Publish(t.Context(), dcv.CNAME, challenge.RecordName, challenge.RecordValue))
	s.awaitReady(certificate)
	s.checkSecret(certificate)
	s.paidOnce()
	assert.Len(t, s.records(t), 1, "what a person has published is left to him")
}

// TestSolverTrouble has a solver that can't publish: the order says so, before anything
// is bought.
func TestSolverTrouble(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productSingle)
	settings.DCV.Solvers[0].RFC2136.Zone = "another-zone.example"
	certificate := s.certificate("site", s.issuer(settings), "www."+s.domain)
	s.create(certificate)
	s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		require.NotNil(c, order.Status.Waiting)
		assert.Equal(c, "SolverFailed", order.Status.Waiting.Reason)
		assert.Contains(c, s.requestMessage(c), order.Status.Message)
	})
	s.nothingBought()
	assert.Empty(t, s.records(t))
}
