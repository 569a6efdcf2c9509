package suites

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

const (
	kills  = 50
	bought = 20
)

// shortLeases let the next controller lead soon after one was killed.
var shortLeases = []string{
	"--leader-election-lease-duration=1500ms", "--leader-election-renew-deadline=1s", "--leader-election-retry-period=200ms",
}

// TestKilledFiftyTimes kills the controller with SIGKILL at random moments while twenty
// Certificates are bought, with a reseller that is slow to answer after it has charged:
// each is paid once, and each gets its Secret. Not parallel: it kills everybody's controller.
func TestKilledFiftyTimes(t *testing.T) {
	s := newScene(t)
	seed := uint64(time.Now().UnixNano())
	fmt.Fprintf(os.Stderr, "seed of %s: %d\n", t.Name(), seed)
	random := rand.New(rand.NewPCG(seed, kills))
	settings := s.settings(productSingle)
	settings.Purchase.Budgets = []v1alpha1.Budget{{Window: day, MaxPurchases: new(int32(2 * bought))}}
	issuer := s.issuer(settings)
	require.NoError(t, world.Inject(t.Context(), sandbox.Fault{Kind: sandbox.FaultDelay, Op: "buy", AfterEffect: true, Delay: 250 * time.Millisecond, Times: -1}))
	require.NoError(t, world.StopController())

	var certificates []*cmapi.Certificate
	for kill := range kills {
		require.NoError(t, world.StartController(t.Context(), shortLeases...))
		for len(certificates) < min(bought, 1+kill/2) {
			name := fmt.Sprintf("site-%d", len(certificates))
			certificates = append(certificates, s.certificate(name, issuer, name+"."+s.domain))
			s.create(certificates[len(certificates)-1])
		}
		pause(t, time.Duration(random.IntN(2500))*time.Millisecond)
		require.NoError(t, world.KillController())
	}
	require.NoError(t, world.ClearFaults(t.Context()))
	require.NoError(t, world.StartController(t.Context()))
	s.eventually(func(c *assert.CollectT) { assert.Len(c, s.orders(c), bought) })
	settled := s.settleByHand()
	for _, certificate := range certificates {
		s.awaitReady(certificate)
		s.checkSecret(certificate)
	}
	paid := s.charges(sandbox.EntryPurchase)
	assert.Len(t, paid, bought)
	names := map[string]bool{}
	for _, entry := range paid {
		names[entry.Names[0]] = true
	}
	assert.Len(t, names, bought, "one charge for each")
	fmt.Fprintf(os.Stderr, "%d kills, %d charges, %d Secrets; %d intents had no effect\n", kills, len(paid), len(certificates), settled)
}

// pause lets a while pass.
func pause(t *testing.T, span time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(span):
	}
}

// settleByHand does what a person may do instead of waiting until the controller has watched
// long enough: for each purchase whose intent was written and whose call never left, the
// reseller's panel shows no order. It returns how many there were.
func (s *scene) settleByHand() int {
	s.t.Helper()
	orders, err := world.Orders(s.t.Context())
	require.NoError(s.t, err)
	settled := 0
	for _, order := range s.orders(s.t) {
		for _, purchase := range s.purchases(&order) {
			taken := slices.ContainsFunc(orders, func(o sandbox.Order) bool {
				return slices.ContainsFunc(o.Issuances, func(i *sandbox.Issuance) bool { return i.Digest == purchase.Spec.CSRDigest })
			})
			if purchase.Spec.State != v1alpha1.PurchaseIntended || taken {
				continue
			}
			settled++
			s.change(&purchase, func() { purchase.Spec.Resolution = &v1alpha1.PurchaseResolution{Absent: "Confirmed", By: "test"} })
		}
	}
	return settled
}
