package order

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/order/spending"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// preflight finds what would go wrong after paying, while it costs nothing.
func (r *Reconciler) preflight(ctx context.Context, s *scope) (outcome, error) {
	issuance := s.order.Status.Issuance
	again, method, provisioned := issuance.State != v1alpha1.OrderPreflight, issuance.Method, issuance.Provisioned
	if err := stillSuitable(s); err != nil {
		return fail(s, err.Error()), nil
	}
	if held := r.chooseMethod(ctx, s); held != nil {
		return *held, nil
	}
	again = again && issuance.Method == method && issuance.Provisioned == provisioned
	if result, ok := r.checkCAA(ctx, s, "nothing was bought: "); !ok {
		return result, nil
	}
	search, err := r.unclaimedSearch(ctx, s)
	if err != nil {
		return outcome{}, err
	}
	unclaimed, err := r.checkWithReseller(ctx, s, search)
	if err != nil {
		return callFailed(s, err), nil
	}
	if hold := unaffordable(s); hold != nil {
		return *hold, nil
	}
	if len(unclaimed) > 0 {
		return r.unclaimedOrder(ctx, s, unclaimed)
	}
	checked := metav1.NewTime(s.view.Now)
	issuance.CheckedAt = &checked
	if again {
		// What was published before stays, and so does what a hold says until it is over.
		s.order.Status.NextAttemptAt = nil
		return goOn, nil
	}
	r.warnOfUnreachableHosts(ctx, s)
	// Only a purchase ends a row of refusals.
	failures := s.order.Status.Failures
	if s.view.Issuer.Capabilities.Prepare {
		moveTo(s, v1alpha1.OrderPublishing)
	} else {
		moveTo(s, v1alpha1.OrderOrdering)
	}
	s.order.Status.Failures = failures
	return goOn, nil
}

// stillSuitable holds the request against the issuer as it is now: it may have changed since
// the request was admitted, and nothing is paid yet.
func stillSuitable(s *scope) error {
	issuance := s.order.Status.Issuance
	csr, err := chain.ParseCSR(issuance.CSR)
	if err != nil {
		return err
	}
	profile := s.view.Issuer.Profile
	if issuance.Operation == v1alpha1.OperationReissue {
		profile = ProfileFor(profile, s.view.purchase(issuance.Purchase))
	}
	if err := Suitable(profile, Candidate{CSR: csr}); err != nil {
		return err
	}
	namespace := s.order.Namespace
	if s.order.Spec.Request.Kind == v1alpha1.RequestKindCertificateSigningRequest {
		namespace = ""
	}
	return Permits(s.supplier.Allowed, namespace, issuance.Names)
}

// chooseMethod sets the method of the issuance, and says why it isn't the preferred one. The
// outcome is not nil if none can work.
func (r *Reconciler) chooseMethod(ctx context.Context, s *scope) *outcome {
	issuance, preference := s.order.Status.Issuance, s.supplier.Spec.DCV.Methods
	if issuance.UnsuitedFor != s.view.Issuer.Generation {
		issuance.Unsuited = nil // the issuer has changed since
	}
	chosen := r.choiceOf(ctx, s)
	method, why := chosen.method(preference)
	if method == "" {
		held := hold(s, ReasonNoSolver, "no way to validate the names, nothing was bought: "+why)
		if len(issuance.Unsuited) > 0 {
			// What the reseller or a solver said may change without the issuer.
			issuance.Unsuited = nil
			held = wait(s, ReasonNoSolver, s.order.Status.Waiting.Message, unsuitedInterval)
		}
		return &held
	}
	provisioned, _, _ := chosen.provisions(method)
	if issuance.Method != method || issuance.Provisioned != provisioned {
		// What was prepared is for another method.
		issuance.Method, issuance.Prepared, issuance.Challenges, issuance.PropagatedAt = method, nil, nil, nil
		issuance.Provisioned = provisioned
		if why != "" {
			s.note("MethodChosen", "validating by %s: %s", method, why)
		}
	}
	if method == v1alpha1.DCVMethodEmail {
		s.warnOnce("EmailValidation", EmailWarning)
	}
	return nil
}

// checkWithReseller has the reseller look at the CSR and tell price, balance and orders that
// stand in no ledger, as far as its API does. Reissues cost nothing.
func (r *Reconciler) checkWithReseller(ctx context.Context, s *scope, search unclaimedSearch) ([]providers.Order, error) {
	request := providerRequest(s)
	checker, checks := s.supplier.Provider.(providers.CSRChecker)
	pays := s.order.Status.Issuance.Operation != v1alpha1.OperationReissue
	if !checks && !pays {
		return nil, nil
	}
	var unclaimed []providers.Order
	// One turn is for all of it: on a slow account the second call would never get its own.
	err := r.call(ctx, s, func(ctx context.Context) error {
		if checks {
			if err := checker.CheckCSR(ctx, request); err != nil {
				return err
			}
		}
		if !pays {
			return nil
		}
		if err := checkPrice(ctx, s, request); err != nil || search == nil {
			return err
		}
		found, err := search(ctx)
		unclaimed = found
		return misconfigured(err)
	})
	return unclaimed, err
}

// checkPrice notes the price and compares it with the account's balance, where the reseller
// tells them, and sees that the product is still sold.
func checkPrice(ctx context.Context, s *scope, request providers.Request) error {
	price, err := priceOf(ctx, s.supplier.Provider, request)
	if err != nil {
		return err
	}
	s.order.Status.Issuance.Price = ledger.Money(price)
	info, err := s.supplier.Provider.Check(ctx)
	if err != nil {
		return misconfigured(err)
	}
	balance := info.Balance
	if balance == nil || covers(*balance, price) {
		return nil
	}
	message := fmt.Sprintf("the balance is %s", balance)
	if price != nil {
		message += fmt.Sprintf(" and the price %s", price)
	}
	return &providers.Error{Kind: providers.Funds, Provider: s.view.Issuer.Account.Reseller, Operation: "preflight", Message: message}
}

// priceOf is what a request costs, nil where the reseller doesn't tell. A catalogue has the
// price of one name only.
func priceOf(ctx context.Context, provider providers.Provider, request providers.Request) (*providers.Money, error) {
	if pricer, ok := provider.(providers.Pricer); ok {
		price, err := pricer.Price(ctx, request)
		return &price, err
	}
	catalogue, ok := provider.(providers.Cataloguer)
	if !ok || len(request.Names) > 1 {
		return nil, nil
	}
	products, err := catalogue.Products(ctx)
	if err != nil {
		return nil, err
	}
	for _, product := range products {
		if price, sold := product.Prices[request.TermMonths]; sold && product.ID == provider.Profile().Product {
			return &price, nil
		}
	}
	return nil, nil
}

// covers reports whether a balance may be enough for a price, nil if that isn't known.
// Different currencies can't be compared.
func covers(balance providers.Money, price *providers.Money) bool {
	if price == nil {
		return balance.Amount.IsPositive()
	}
	return !balance.Amount.LessThan(price.Amount) ||
		balance.Currency != "" && price.Currency != "" && balance.Currency != price.Currency
}

// settingsError says that the reseller doesn't take the issuer's settings, such as a product
// that isn't sold any more. Correcting the issuer is enough: the request doesn't fail.
type settingsError struct{ err error }

func (e *settingsError) Error() string { return e.err.Error() }
func (e *settingsError) Unwrap() error { return e.err }

func misconfigured(err error) error {
	switch providers.KindOf(err) {
	case "":
		return nil
	case providers.Invalid, providers.NotFound, providers.Rejected:
		return &settingsError{err}
	case providers.Auth, providers.Funds, providers.Throttled, providers.Unavailable, providers.Ambiguous:
	}
	return err
}

// unaffordable holds at once what a price limit forbids, before records are published.
func unaffordable(s *scope) *outcome {
	issuance := s.order.Status.Issuance
	if issuance.Operation == v1alpha1.OperationReissue {
		return nil
	}
	if refusal := spending.WithinLimit(s.view.Issuer.Policy.PriceLimit, issuance.Price); refusal != nil {
		result := refused(s, refusal)
		return &result
	}
	return nil
}

// validationText says what an order waits for after it was placed.
func validationText(s *scope, order providers.Order) (Reason, string) {
	issuance := s.order.Status.Issuance
	if issuance.Method == v1alpha1.DCVMethodEmail {
		var boxes []string
		for _, c := range order.Challenges {
			if c.Chosen != "" {
				boxes = append(boxes, c.Chosen)
			}
		}
		if len(boxes) == 0 {
			boxes = slices.Sorted(maps.Values(approvers(issuance, s.supplier.Spec.DCV.ApproverMailbox)))
		}
		boxes = slices.Compact(boxes)
		return ReasonAwaitingApproval, "somebody has to approve the message that the CA sent to " + strings.Join(boxes, ", ")
	}
	if issuance.Method == v1alpha1.DCVMethodFile {
		for _, c := range issuance.Challenges {
			if len(c.URLs) > 0 && !c.Validated && !servedByUs(&c) {
				return ReasonAwaitingRecords, fmt.Sprintf("serve this text at %s: %q; it goes on by itself when the CA has seen it", c.URLs[len(c.URLs)-1], c.Body)
			}
		}
	}
	if order.Detail != "" {
		return ReasonAwaitingValidation, "the reseller is validating: " + order.Detail
	}
	return ReasonAwaitingValidation, "records are published; the CA is validating them"
}
