package suites

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
	"github.com/reseller-issuer/reseller-issuer/internal/simulation/storetest"
)

// TestStoreContract holds the real API server to what the simulation's store promises: what
// the simulation proves is worth no more than that. The API server is one of its own, because
// in the lab's the controller changes each order.
func TestStoreContract(t *testing.T) {
	t.Parallel()
	timed(t)
	plane, err := controlplane.Start(t.Context(), controlplane.Options{
		Manifests: []string{filepath.Join(world.Directory(), "config", "crd", "bases")},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, plane.Stop()) })
	c, err := client.New(plane.RESTConfig(), client.Options{Scheme: world.Client().Scheme()})
	require.NoError(t, err)
	const namespace = "contract"
	require.NoError(t, c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
	storetest.Run(t, c, namespace)
}
