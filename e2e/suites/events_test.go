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
	var all corev1.EventList
	require.NoError(t, s.c.List(t.Context(), &all, client.InNamespace(s.namespace)))
	said := map[types.UID]map[string]bool{}
	for _, event := range all.Items {
		assert.Equal(t, corev1.EventTypeNormal, event.Type, "%s %s: %s", event.InvolvedObject.Kind, event.Reason, event.Message)
		text := event.Reason + ": " + event.Message
		if said[event.InvolvedObject.UID] == nil {
			said[event.InvolvedObject.UID] = map[string]bool{}
		}
		assert.False(t, said[event.InvolvedObject.UID][text], "said twice of %s: %s", event.InvolvedObject.Kind, text)
		said[event.InvolvedObject.UID][text] = true
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
