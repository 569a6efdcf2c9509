package order

import (
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// RequestState is what became of the request that an order serves.
type RequestState string

// The states of a request.
const (
	// RequestNone: the order has no request, or it is gone.
	RequestNone RequestState = "None"
	// RequestLive: approved and waiting for its certificate.
	RequestLive RequestState = "Live"
	// RequestReady: it has its certificate.
	RequestReady RequestState = "Ready"
	// RequestEnded: failed, denied or no longer approved.
	RequestEnded RequestState = "Ended"
)

// Watch tells how long this process has looked for the effect of an intent.
type Watch struct {
	Since    time.Time
	LastLook time.Time
}

// Capabilities are the optional interfaces that a provider implements.
type Capabilities struct {
	Prepare  bool
	Validate bool
	Reissue  bool
	Renew    bool
	Enrol    bool
}

// IssuerFacts is what next needs to know of an issuer.
type IssuerFacts struct {
	Generation   int64
	Policy       v1alpha1.PurchasePolicy
	SettleTime   time.Duration
	Propagation  v1alpha1.Propagation
	Account      v1alpha1.PurchaseAccount
	Profile      providers.Profile
	Capabilities Capabilities
}

// View is everything on which a decision rests.
type View struct {
	Now   time.Time
	Order *v1alpha1.ResellerOrder
	// Purchases of the order's key, oldest first.
	Purchases []v1alpha1.ResellerPurchase
	Request   RequestState
	// Issuer is nil while it can't be resolved; IssuerProblem says why.
	Issuer        *IssuerFacts
	IssuerProblem string
	ClusterID     string
	// Watches of open intents by Intent name.
	Watches map[string]Watch
}

func (v View) issuance() *v1alpha1.Issuance { return v.Order.Status.Issuance }

// purchase returns the purchase with the name, nil if there is none.
func (v View) purchase(name string) *v1alpha1.ResellerPurchase {
	for i := range v.Purchases {
		if v.Purchases[i].Name == name {
			return &v.Purchases[i]
		}
	}
	return nil
}
