package providers

import "context"

// Preparer tells the challenges before anything is paid, so that a broken DNS set-up
// costs nothing. It has no effect and can be repeated; the second result goes
// back into Request.Prepared of the purchase.
type Preparer interface {
	Prepare(ctx context.Context, request Request) ([]Challenge, []byte, error)
}

// Provisioner can publish the records of a method itself, in zones that it manages: an
// order with Request.Provision asks for it. It does no I/O.
type Provisioner interface {
	Provisions(method Method) bool
}

// Snapshotter records what Find later compares with. It only reads.
type Snapshotter interface {
	Snapshot(ctx context.Context, request Request) (Snapshot, error)
}

// Enroller has a second step between payment and validation. An Ambiguous outcome
// is resolved by Find with Kind Enrol.
type Enroller interface {
	Enrol(ctx context.Context, intent *Intent, ids IDs, request Request) (Placed, error)
}

// Examiner tells a person, in one sentence, what is known of a call that Find can't settle,
// for example whether the balance fell. It only reads; an empty sentence means nothing.
type Examiner interface {
	Examine(ctx context.Context, trace Trace) (string, error)
}

// Validator asks the CA to look at the published challenges now. It may be repeated;
// the order engine spaces the calls.
type Validator interface {
	Validate(ctx context.Context, ids IDs, challenges []Challenge) error
}

// MethodChanger moves one name of a running order to another validation method. It
// may be repeated.
type MethodChanger interface {
	ChangeMethod(ctx context.Context, ids IDs, domain string, method Method, email string) ([]Challenge, error)
}

// EmailResender sends the approval message again.
type EmailResender interface {
	ResendEmail(ctx context.Context, ids IDs, domain string) error
}

// Reissuer gets another certificate under the paid term. The reply's IDs may differ
// from those given.
type Reissuer interface {
	Reissue(ctx context.Context, intent *Intent, ids IDs, request Request) (Placed, error)
}

// Renewer pays for a further term of an order that exists. Where the reseller knows
// renewal only as a new order, Buy does it and this interface isn't implemented.
type Renewer interface {
	Renew(ctx context.Context, intent *Intent, ids IDs, request Request) (Placed, error)
}

// NameAdder buys room for further names in an order. It costs money.
type NameAdder interface {
	AddNames(ctx context.Context, intent *Intent, ids IDs, count int) (Placed, error)
}

// Canceller ends an order that isn't issued, or within the refund window.
type Canceller interface {
	Cancel(ctx context.Context, intent *Intent, ids IDs) error
}

// Revoker revokes one certificate.
type Revoker interface {
	Revoke(ctx context.Context, intent *Intent, ids IDs, serial string) error
}

// CSRChecker has the reseller look at a CSR free of charge.
type CSRChecker interface {
	CheckCSR(ctx context.Context, request Request) error
}

// Pricer tells what a request would cost now.
type Pricer interface {
	Price(ctx context.Context, request Request) (Money, error)
}

// Cataloguer lists the products on offer.
type Cataloguer interface {
	Products(ctx context.Context) ([]Product, error)
}

// Lister reads the orders of the account in one call. The entries may lack
// challenges and certificates: Order completes them.
type Lister interface {
	Orders(ctx context.Context) ([]Order, error)
}
