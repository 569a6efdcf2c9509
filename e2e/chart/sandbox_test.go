package chart

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nobody can take the sandbox for a live account, whichever of its objects he sees.
func TestSandboxIsMarked(t *testing.T) {
	t.Parallel()
	release := matrix(t)["sandbox"]
	objects, err := Render(chartDir, release)
	require.NoError(t, err)
	marked := map[string]bool{}
	for _, object := range objects {
		if object.GetLabels()["reseller-issuer.io/sandbox"] == "not-a-live-account" {
			marked[object.GetKind()+" "+object.GetName()] = true
			assert.Contains(t, object.GetName(), "sandbox")
		}
	}
	assert.Equal(t, map[string]bool{
		"Deployment reseller-issuer-sandbox": true, "Service reseller-issuer-sandbox": true, "Secret reseller-issuer-sandbox-tls": true,
		"Secret reseller-issuer-sandbox-account": true, "ResellerClusterIssuer sandbox": true,
	}, marked)
	files, err := Files(chartDir, release)
	require.NoError(t, err)
	assert.Contains(t, files[name+"/templates/NOTES.txt"], "SIMULATED reseller. It buys nothing")
	for _, object := range rendered(t, "{}") {
		assert.NotContains(t, object.GetName(), "sandbox")
	}
}

// A CA of the cluster's own is trusted for the sandbox's endpoint alone where the flag allows it.
func TestSandboxEndpointIsAllowed(t *testing.T) {
	t.Parallel()
	endpoint := "https://reseller-issuer-sandbox.reseller-issuer.svc:8443/cyberssl/v1"
	for values, want := range map[string]string{
		"{sandbox: {enabled: true}, config: {allowedEndpoints: []}}":                      "--allowed-endpoints=" + endpoint,
		"{sandbox: {enabled: true}, config: {allowedEndpoints: [\"https://a.example\"]}}": "--allowed-endpoints=https://a.example," + endpoint,
		"{sandbox: {enabled: true}, config: {allowedEndpoints: [\"*\"]}}":                 "--allowed-endpoints=*",
		"{config: {allowedEndpoints: [\"https://a.example\"]}}":                           "--allowed-endpoints=https://a.example",
	} {
		assert.Contains(t, arguments(t, rendered(t, values)), want, values)
	}
}
