package metrics

import (
	"cmp"
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Labels are all labels and what their values are, for the reference.
func Labels() map[string]string {
	return map[string]string{
		"version":          "version of the controller",
		"goversion":        "version of Go that it was built with",
		"state":            "of an order: `Preflight` `Publishing` `Ordering` `Validating` `Issuing` `Issued` `Held` `Failed` `Idle`; of a purchase: `Intended` `Bought` `Refused` `Absent` `Rejected` `Cancelled` `Expired`",
		"reason":           "a [reason to wait](../troubleshooting.md), or the reason of another event of an order",
		"phase":            "`Preflight` `Publishing` `Ordering` `Validating` `Issuing`",
		"issuer_kind":      "`ResellerIssuer` or `ResellerClusterIssuer`",
		"issuer_namespace": "namespace of the issuer, empty for a ResellerClusterIssuer",
		"issuer":           "name of the issuer",
		"within":           "`1d` `3d` `7d` `14d` `30d`",
		"window":           "`1d` `30d` `365d`",
		"reseller":         "`autodns` `connectreseller` `cyberssl` `ispmanager` `resello`",
		"kind":             "`Purchase` `Renewal` `Reissue` `Enrol` `AddNames` `Cancel` `Revoke`",
		"currency":         "ISO 4217 code, `unknown` where the reseller tells none: that of the account",
		"budget":           "index in `spec.purchase.budgets`",
		"condition":        "`Ready` `Reachable` `Funded`",
		"operation":        "of a reseller: a word for what is asked, such as `buy` or `order`; of a solver: `Present` or `CleanUp`; of an issuance: `Purchase` `Renew` `Reissue` `Resume`",
		"code":             "HTTP status, `none` where no answer came completely",
		"result":           "of a reseller: `OK` or the kind of the error: `Auth` `Funds` `Throttled` `Unavailable` `Rejected` `Invalid` `NotFound` `Ambiguous`; of a solver: `OK` `Pending` `Conflict` `Denied` `Unsupported` `Error`",
		"solver":           "kind of the solver, as in `spec.dcv.solvers`",
	}
}

// unknown is the currency of an amount without one.
const unknown = "unknown"

func currency(m *v1alpha1.Money) string { return cmp.Or(m.Currency, unknown) }

// span is a time by which is counted, and what it is called.
type span struct {
	name   string
	length time.Duration
}

const day = 24 * time.Hour

var (
	horizons = []span{{"1d", day}, {"3d", 3 * day}, {"7d", 7 * day}, {"14d", 14 * day}, {"30d", 30 * day}}
	windows  = []span{{"1d", day}, {"30d", 30 * day}, {"365d", 365 * day}}
)

// phases are the states of an order between request and certificate.
var phases = []v1alpha1.OrderState{
	v1alpha1.OrderPreflight, v1alpha1.OrderPublishing, v1alpha1.OrderOrdering, v1alpha1.OrderValidating, v1alpha1.OrderIssuing,
}

var states = []v1alpha1.OrderState{
	v1alpha1.OrderPreflight, v1alpha1.OrderPublishing, v1alpha1.OrderOrdering, v1alpha1.OrderValidating, v1alpha1.OrderIssuing,
	v1alpha1.OrderIssued, v1alpha1.OrderHeld, v1alpha1.OrderFailed, v1alpha1.OrderIdle,
}

var intentKinds = []string{
	string(v1alpha1.PurchaseNew), string(v1alpha1.PurchaseRenewal),
	string(v1alpha1.PurchaseOperationReissue), string(v1alpha1.PurchaseOperationEnrol),
	string(v1alpha1.PurchaseOperationAddNames), string(v1alpha1.PurchaseOperationCancel), string(v1alpha1.PurchaseOperationRevoke),
}
