package suites

import (
	"testing"

	cmutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestApproval has three requests, of which one is approved, one denied and one
// neither: only the approved one is bought. It isn't parallel, because
// cert-manager, which approves everything, must be stopped.
func TestApproval(t *testing.T) {
	s := newScene(t)
	issuer := s.issuer(s.settings(productSingle))
	require.NoError(t, world.Plane().StopCertManager())
	t.Cleanup(func() { require.NoError(t, world.Plane().StartCertManager(worldContext(t))) })

	verdicts := map[string]cmapi.CertificateRequestConditionType{
		"unapproved": "",
		"denied":     cmapi.CertificateRequestConditionDenied,
		"approved":   cmapi.CertificateRequestConditionApproved,
	}
	requests := map[string]*cmapi.CertificateRequest{}
	for _, name := range []string{"unapproved", "denied", "approved"} {
		request := s.request(name, issuer, csrTemplate(name+"."+s.domain))
		s.create(request)
		if verdict := verdicts[name]; verdict != "" {
			cmutil.SetCertificateRequestCondition(request, verdict, cmmeta.ConditionTrue, "Test", "by the test")
			require.NoError(t, s.c.Status().Update(t.Context(), request))
		}
		requests[name] = request
	}
	// The last one shows that the controller has passed the others.
	s.awaitIssued(requests["approved"])
	charges := s.charges()
	require.Len(t, charges, 1)
	assert.Equal(t, []string{"approved." + s.domain}, charges[0].Names)
	assert.Len(t, s.orders(t), 1, "nothing is even prepared for the others")

	s.get(requests["unapproved"])
	assert.Empty(t, requests["unapproved"].Status.Certificate)
	s.get(requests["denied"])
	assert.Empty(t, requests["denied"].Status.Certificate)
	// cert-manager would approve it.
	s.remove(requests["unapproved"])
}
