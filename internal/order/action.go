package order

import (
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Action is one step. The reconciler carries it out and looks again.
type Action interface{ action() }

type (
	// Rest does nothing until a time, or, if it is zero, until something changes.
	Rest struct{ Until time.Time }

	// Start begins an issuance by a plan.
	Start struct{ Plan Plan }

	// Preflight checks all that can be checked before money is spent.
	Preflight struct{}

	// Prepare asks for the challenges before paying.
	Prepare struct{}

	// Publish has the solvers publish records that are not published yet.
	Publish struct{}

	// Observe looks whether the records are on all servers.
	Observe struct{}

	// Pay buys, or renews the purchase named in Renews.
	Pay struct{ Renews string }

	// Reissue gets a further certificate under a purchase.
	Reissue struct{ Purchase string }

	// Enrol takes the second step of an order that is paid.
	Enrol struct{ Purchase string }

	// Recover looks for the effect of a call whose outcome isn't known.
	Recover struct{ Purchase string }

	// Resolve carries out a person's word on a purchase.
	Resolve struct{ Purchase string }

	// Import takes an order that a person bought by other means into the ledger.
	Import struct{ Purchase string }

	// Poll reads the order at the reseller.
	Poll struct{ Purchase string }

	// AskValidation has the reseller look at the published records.
	AskValidation struct{ Purchase string }

	// RemoveRecords takes published records away.
	RemoveRecords struct{}

	// Release removes the finalizer of an order that is being deleted.
	Release struct{}

	// Deliver notes that the request has its certificate and drops the chain.
	Deliver struct{}

	// GoIdle notes that there is no request.
	GoIdle struct{}

	// Hold waits for a person, and looks again from time to time.
	Hold struct {
		Reason  Reason
		Message string
	}
)

func (Rest) action()          {}
func (Start) action()         {}
func (Preflight) action()     {}
func (Prepare) action()       {}
func (Publish) action()       {}
func (Observe) action()       {}
func (Pay) action()           {}
func (Reissue) action()       {}
func (Enrol) action()         {}
func (Recover) action()       {}
func (Resolve) action()       {}
func (Import) action()        {}
func (Poll) action()          {}
func (AskValidation) action() {}
func (RemoveRecords) action() {}
func (Release) action()       {}
func (Deliver) action()       {}
func (GoIdle) action()        {}
func (Hold) action()          {}

// Reason is why an order waits, in one word for machines. The troubleshooting page has
// an entry for each.
type Reason string

// Reasons for which an order waits by itself.
const (
	ReasonIssuerNotReady      Reason = "IssuerNotReady"
	ReasonThrottled           Reason = "Throttled"
	ReasonUnreachable         Reason = "Unreachable"
	ReasonCredentialsRefused  Reason = "CredentialsRefused"
	ReasonAwaitingRecords     Reason = "AwaitingRecords"
	ReasonAwaitingPropagation Reason = "AwaitingPropagation"
	ReasonSolverFailed        Reason = "SolverFailed"
	ReasonAwaitingValidation  Reason = "AwaitingValidation"
	ReasonAwaitingApproval    Reason = "AwaitingApproval"
	ReasonAwaitingCertificate Reason = "AwaitingCertificate"
	ReasonRecovering          Reason = "Recovering"
	ReasonCAAUnknown          Reason = "CAAUnknown"
)

// Reasons for which a person has to do something.
const (
	ReasonOnHold            Reason = "OnHold"
	ReasonDryRun            Reason = "DryRun"
	ReasonBudgetExceeded    Reason = "BudgetExceeded"
	ReasonLoopBreaker       Reason = "LoopBreaker"
	ReasonPriceAboveLimit   Reason = "PriceAboveLimit"
	ReasonPriceUnknown      Reason = "PriceUnknown"
	ReasonInsufficientFunds Reason = "InsufficientFunds"
	ReasonPurchaseUncertain Reason = "PurchaseUncertain"
	ReasonOrderRejected     Reason = "OrderRejected"
	ReasonOrderCancelled    Reason = "OrderCancelled"
	ReasonOrderLost         Reason = "OrderLost"
	ReasonOrderMismatch     Reason = "OrderMismatch"
	ReasonForeignCluster    Reason = "ForeignCluster"
	ReasonAccountChanged    Reason = "AccountChanged"
	ReasonCAAForbids        Reason = "CAAForbids"
	ReasonDNSSECBogus       Reason = "DNSSECBogus"
	ReasonNoSolver          Reason = "NoSolver"
	ReasonChainRefused      Reason = "ChainRefused"
	ReasonUnclaimedOrder    Reason = "UnclaimedOrder"
	ReasonImportRefused     Reason = "ImportRefused"
)

// holding are the reasons with which an order is Held.
var holding = map[Reason]bool{
	ReasonOnHold: true, ReasonDryRun: true, ReasonBudgetExceeded: true, ReasonLoopBreaker: true,
	ReasonPriceAboveLimit: true, ReasonPriceUnknown: true, ReasonInsufficientFunds: true,
	ReasonPurchaseUncertain: true, ReasonOrderRejected: true, ReasonOrderCancelled: true,
	ReasonOrderLost: true, ReasonOrderMismatch: true, ReasonForeignCluster: true,
	ReasonAccountChanged: true, ReasonCAAForbids: true, ReasonDNSSECBogus: true, ReasonNoSolver: true, ReasonChainRefused: true,
	ReasonUnclaimedOrder: true, ReasonImportRefused: true,
}

// Plan is how a certificate for the order's request is got.
type Plan struct {
	Operation v1alpha1.Operation
	// Purchase that is renewed, reissued or resumed; empty for a new one.
	Purchase string
	// CSR to issue for; an unfinished one is finished first.
	CSR        []byte
	CSRDigest  string
	CommonName string
	Names      []string
}
