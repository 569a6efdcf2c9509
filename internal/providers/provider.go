package providers

import (
	"context"
	"time"
)

// Provider is what every reseller can do.
type Provider interface {
	// Account names the account at which purchases are made. It does no I/O and
	// contains nothing secret.
	Account() Account

	// Profile tells what the configured product can do. It does no I/O.
	Profile() Profile

	// Check proves that the credentials work and that the configured product
	// exists, without any effect. Only Check decides whether an issuer is ready.
	Check(ctx context.Context) (AccountInfo, error)

	// Buy makes the one call that costs money. The reply may lack challenges:
	// Order tells them later. An error other than Ambiguous means that nothing
	// was bought.
	Buy(ctx context.Context, intent *Intent, request Request) (Placed, error)

	// Find looks for the effect of a call whose outcome isn't known. It can be
	// repeated at any time and only reads. It returns every order that might be
	// the one, each with the strongest evidence that ties it to the trace; it
	// returns none when nothing was found, which proves absence only where
	// Profile.AbsenceKnowable says so.
	Find(ctx context.Context, trace Trace) ([]Found, error)

	// Order reads the present state of one order: challenges while it waits for
	// validation, certificates once it is issued. NotFound means that the
	// reseller doesn't know the order any more.
	Order(ctx context.Context, ids IDs) (Order, error)
}

// Account is what a reseller's API identifies as the payer. Buyer lock, rate
// limit, circuit breaker and the ledger are kept by account, across issuers.
type Account struct {
	// Reseller is the provider's name, for example "cyberssl".
	Reseller string
	// Endpoint is the API's base URL without credentials.
	Endpoint string
	// Name is the account's name at the reseller.
	Name string
}

// Key is the account as one string, usable as a map key and in a log line.
func (a Account) Key() string { return a.Reseller + "|" + a.Endpoint + "|" + a.Name }

// AccountInfo is what Check learned.
type AccountInfo struct {
	// Balance is the money left, nil where the reseller doesn't tell.
	Balance *Money
	// Warnings are sentences for the issuer's owner, for example about a product
	// that will be withdrawn.
	Warnings []string
}

// Request is what a certificate is asked for.
type Request struct {
	// CSR is the certificate signing request in PEM.
	CSR []byte
	// CommonName is the CSR's common name, lower case, in A-labels; resellers take
	// the main domain from it.
	CommonName string
	// Names are all requested DNS names including CommonName, sorted, lower case,
	// in A-labels.
	Names []string
	// Method is the validation method to ask for.
	Method Method
	// Emails are the approver addresses by name, for MethodEmail only.
	Emails map[string]string
	// Provision asks the reseller to publish the records itself; only for a [Provisioner].
	Provision bool
	// TermMonths is the paid term in months.
	TermMonths int
	// Prepared is what Prepare returned for this CSR, nil without it.
	Prepared []byte
}

// IDs are the identifiers under which a reseller knows an order, by the vendor's
// own parameter name ("order_id"). They are stored as they are and only ever
// interpreted by the provider that made them.
type IDs map[string]string

// Equal reports whether both name the same order: every identifier present in
// both is equal and at least one is.
func (i IDs) Equal(other IDs) bool {
	same := false
	for name, id := range i {
		if o, ok := other[name]; ok {
			if o != id {
				return false
			}
			same = true
		}
	}
	return same
}

// Placed is the outcome of a call that placed or changed an order.
type Placed struct {
	IDs        IDs
	Price      *Money
	Challenges []Challenge
}

// Found is an order that may be the effect of a call whose reply was lost.
type Found struct {
	Order    Order
	Evidence Evidence
}

// Evidence tells how surely an order belongs to an intent, weakest first.
type Evidence int

// The kinds of evidence. Only EvidenceCSR and EvidenceReference are good enough
// to adopt an order without asking a person.
const (
	EvidenceNames Evidence = iota + 1
	EvidenceCSR
	EvidenceReference
)

// Trace is what is known of a call whose outcome isn't.
type Trace struct {
	// Kind is what the call was meant to do.
	Kind OperationKind
	// IDs are those of the order that was to be changed; nil for a purchase.
	IDs IDs
	// Reference is the client reference that was sent where the API has one.
	Reference string
	// CSR in PEM, and the names in it.
	CSR        []byte
	CommonName string
	Names      []string
	Product    string
	// Before is what Snapshot saw before the call, nil without it.
	Before *Snapshot
	// Since is when the intent was written.
	Since time.Time
}

// Snapshot is the state of an account just before a purchase, for resellers where
// a lost order can only be found by comparing lists.
type Snapshot struct {
	OrderIDs []string
	Balance  *Money
}

// OperationKind names a call that can't be repeated.
type OperationKind string

// The calls that can't be repeated.
const (
	Purchase OperationKind = "Purchase"
	Renew    OperationKind = "Renew"
	Reissue  OperationKind = "Reissue"
	Enrol    OperationKind = "Enrol"
	AddNames OperationKind = "AddNames"
	Cancel   OperationKind = "Cancel"
	Revoke   OperationKind = "Revoke"
)

// Order is the state of one order at the reseller.
type Order struct {
	IDs   IDs
	State State
	// Detail is a short text in our words about what the reseller waits for.
	Detail string
	// CSR in PEM or base64 as the reseller echoes it, nil where it doesn't.
	CSR []byte
	// Reference echoed by the reseller, empty where there is none.
	Reference string
	Names     []string
	Price     *Money
	// Ordered is when the reseller took the order, zero where unknown.
	Ordered time.Time
	// PaidUntil is the end of the paid term, zero where unknown.
	PaidUntil  time.Time
	Challenges []Challenge
	// Certificates are blobs in any encoding that package chain reads, in any order.
	Certificates [][]byte
}

// State of an order, the same for all resellers.
type State string

// The states of an order.
const (
	// StatePendingOrder: the reseller took the order, validation data isn't there yet.
	StatePendingOrder State = "PendingOrder"
	// StateAwaitingValidation: control of the names must be shown.
	StateAwaitingValidation State = "AwaitingValidation"
	// StateIssuing: validation is done or under way at the CA, the certificate is to come.
	StateIssuing State = "Issuing"
	// StateIssued: certificates are there.
	StateIssued State = "Issued"
	// StateRejected: the CA or reseller refused after the order was taken.
	StateRejected State = "Rejected"
	// StateCancelled: somebody ended the order.
	StateCancelled State = "Cancelled"
	// StateExpired: the paid term is over.
	StateExpired State = "Expired"
)

// Method is a way to show control of a name.
type Method string

// The validation methods.
const (
	MethodCNAME Method = "CNAME"
	MethodTXT   Method = "TXT"
	MethodFile  Method = "File"
	MethodEmail Method = "Email"
)

// Challenge is what must be published so that the CA believes in one name.
type Challenge struct {
	// Domain is the name being validated.
	Domain string
	Method Method
	// RecordName and RecordValue are the DNS record of MethodTXT and MethodCNAME:
	// an absolute name in lower case with a trailing dot, and the value verbatim.
	RecordName  string
	RecordValue string
	// URLs at which the CA looks for the file, and its exact content.
	URLs []string
	Body string
	// Emails are the mailboxes that may approve; Chosen got the message.
	Emails []string
	Chosen string
	// Done is true when the reseller says that this name is validated.
	Done bool
}
