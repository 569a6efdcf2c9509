package suites

import (
	"testing"

	"github.com/reseller-issuer/reseller-issuer/internal/simulation/storetest"
)

// TestStoreContract holds the real API server to what the simulation's store promises: what
// the simulation proves is worth no more than that.
func TestStoreContract(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	storetest.Run(t, s.c, s.namespace)
}
