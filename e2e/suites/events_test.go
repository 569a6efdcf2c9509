package suites

import (
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestEvents has the happy path: a Normal event on the Certificate for each
// transition, once, and no warning on anything.
func TestEvents(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	certificate := s.certificate("site", s.issuer(s.settings(productSingle)), "www."+s.domain)
	s.obtain(certificate)
	transitions := []string{"Published", "Propagated", "Purchased", "Issued"}
	s.eventually(func(c *assert.CollectT) {
		counts := map[string]int{}
		for _, event := range s.events(certificate.UID) {
			counts[event.Reason]++
		}
		for _, reason := range transitions {
			assert.Equal(c, 1, counts[reason], "event %s; all: %v", reason, counts)
		}
	})
	// Not those of cert-manager, which warns when its own cache is behind.
	said := map[types.UID]map[string]bool{}
	for _, event := range s.events("") {
		of := event.Regarding
		assert.Equal(t, corev1.EventTypeNormal, event.Type, "%s %s: %s", of.Kind, event.Reason, event.Note)
		text := event.Reason + ": " + event.Note
		assert.False(t, said[of.UID][text], "said twice of %s: %s", of.Kind, text)
		if said[of.UID] == nil {
			said[of.UID] = map[string]bool{}
		}
		said[of.UID][text] = true
	}
}

// TestDescribe looks at what a person sees while an order waits for its turn.
func TestDescribe(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productSingle)
	settings.DCV.Solvers = nil
	issuer := s.issuer(settings)
	first := s.request("first", issuer, csrTemplate("www."+s.domain))
	s.create(first)
	s.eventually(func(c *assert.CollectT) { assert.Contains(c, s.requestMessage(c), "create a CNAME record") })
	second := s.request("second", issuer, csrTemplate("www."+s.domain))
	s.create(second)
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(t.Context(), client.ObjectKeyFromObject(second), second))
		assert.Contains(c, readyMessage(second), "behind CertificateRequest first")
	})
	// The first one is given up: it is the second one's turn at once.
	s.remove(first)
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(t.Context(), client.ObjectKeyFromObject(second), second))
		assert.Contains(c, readyMessage(second), "create a CNAME record")
		assert.Equal(c, "second", s.order(c).Spec.Request.Name)
	})
	s.nothingBought()
}

func readyMessage(request *cmapi.CertificateRequest) string {
	for _, condition := range request.Status.Conditions {
		if condition.Type == cmapi.CertificateRequestConditionReady {
			return condition.Message
		}
	}
	return ""
}
