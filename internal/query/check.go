package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv/caa"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/order/spending"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// lookupTimeout bounds the look at the CAA records of all names.
const lookupTimeout = time.Minute

// maxSubject and maxFindings are what the schema allows.
const (
	maxSubject  = 300
	maxFindings = 600
)

// findings are the results of a check.
type findings struct {
	list           []v1alpha1.Finding
	price, balance *v1alpha1.Money
}

func (f *findings) add(subject string, severity v1alpha1.Severity, message string) {
	if len(f.list) < maxFindings {
		f.list = append(f.list, v1alpha1.Finding{Subject: cut(subject, maxSubject), Severity: severity, Message: clip(message)})
	}
}

func (f *findings) status() *v1alpha1.ResellerQueryStatus {
	count := map[v1alpha1.Severity]int{}
	for _, finding := range f.list {
		count[finding.Severity]++
	}
	message := "nothing stands in the way"
	if n := count[v1alpha1.SeverityError]; n > 0 {
		message = fmt.Sprintf("no certificate would come: %d error(s)", n)
	}
	if n := count[v1alpha1.SeverityWarning]; n > 0 {
		message += fmt.Sprintf(", %d warning(s)", n)
	}
	return &v1alpha1.ResellerQueryStatus{
		State: v1alpha1.QueryAnswered, Message: message, Findings: f.list, Price: f.price, Balance: f.balance,
	}
}

// check says what preflight would say, without any effect: nothing is published or ordered.
func (q *question) check(ctx context.Context) (*v1alpha1.ResellerQueryStatus, error) {
	f := &findings{}
	q.checkMode(f)
	q.checkSolvers(ctx, f)
	request, method := providers.Request{}, v1alpha1.DCVMethod("")
	named := len(q.spec.Names) > 0 || len(q.spec.CSR) > 0
	if named {
		method = q.checkNames(f, &request)
	}
	if err := q.checkReseller(ctx, f, request); err != nil {
		return nil, err
	}
	if !named || len(request.Names) == 0 {
		return f.status(), nil
	}
	q.checkPublishing(f, method, request.Names)
	q.checkCAA(ctx, f, request.Names)
	if err := q.checkSpending(ctx, f, request.Names); err != nil {
		return nil, err
	}
	return f.status(), nil
}

func (q *question) checkMode(f *findings) {
	switch mode := q.supplier.Spec.Purchase.Mode; mode {
	case v1alpha1.PurchaseHold, v1alpha1.PurchaseDryRun:
		f.add("mode", v1alpha1.SeverityWarning, fmt.Sprintf("spec.purchase.mode is %s: nothing is bought until it is Live", mode))
	case v1alpha1.PurchaseLive:
	}
}

func (q *question) checkSolvers(ctx context.Context, f *findings) {
	for i, solver := range q.supplier.Spec.DCV.Solvers {
		subject := fmt.Sprintf("spec.dcv.solvers[%d]", i)
		if err := q.CheckSolver(ctx, solver, q.supplier.SecretNamespace); err != nil {
			f.add(subject, v1alpha1.SeverityError, err.Error())
		} else {
			f.add(subject, v1alpha1.SeverityInfo, "its settings and Secrets are complete")
		}
	}
	if len(q.supplier.Spec.DCV.Solvers) == 0 {
		f.add("spec.dcv.solvers", v1alpha1.SeverityWarning, "there are none: a person has to publish each record")
	}
}

// checkNames holds CSR and names against product and issuer, and chooses the method.
func (q *question) checkNames(f *findings, request *providers.Request) v1alpha1.DCVMethod {
	made, err := q.request()
	if err != nil {
		f.add("names", v1alpha1.SeverityError, err.Error())
		return ""
	}
	*request = made
	csr, err := chain.ParseCSR(request.CSR)
	if err != nil {
		f.add("csr", v1alpha1.SeverityError, err.Error())
		return ""
	}
	namespace := q.namespace
	if q.spec.Namespace != "" {
		namespace = q.spec.Namespace
	}
	err = errors.Join(order.Suitable(q.supplier.Provider.Profile(), order.Candidate{CSR: csr}), order.Permits(q.supplier.Allowed, namespace, request.Names))
	if err != nil {
		f.add("names", v1alpha1.SeverityError, err.Error())
	} else {
		f.add("names", v1alpha1.SeverityInfo, fmt.Sprintf("the product takes these %d name(s)", len(request.Names)))
	}
	method, why := order.MethodFor(q.supplier, q.spec.Labels, request.Names, q.Now())
	if method == "" {
		f.add("method", v1alpha1.SeverityError, "no way to validate the names: "+why)
		return ""
	}
	f.add("method", v1alpha1.SeverityInfo, "the names would be validated by "+string(method))
	request.Method = providers.Method(method)
	return method
}

// checkReseller asks the reseller about credentials, product, CSR and price in one turn.
func (q *question) checkReseller(ctx context.Context, f *findings, request providers.Request) error {
	provider := q.supplier.Provider
	err := q.call(ctx, func(ctx context.Context) error {
		info, err := provider.Check(ctx)
		f.balance = ledger.Money(info.Balance)
		for _, warning := range info.Warnings {
			f.add("product", v1alpha1.SeverityWarning, warning)
		}
		if err != nil {
			subject := "reseller"
			if providers.KindOf(err) == providers.Auth {
				subject = "credentials"
			}
			f.add(subject, v1alpha1.SeverityError, err.Error())
			return err
		}
		f.add("credentials", v1alpha1.SeverityInfo, fmt.Sprintf("%s accepts them, and knows product %s", provider.Account().Reseller, provider.Profile().Product))
		if len(request.Names) == 0 {
			return nil
		}
		return q.checkOrder(ctx, f, info, request)
	})
	if _, busy := errors.AsType[*busyError](err); busy {
		return err
	}
	return nil
}

// checkOrder asks what the reseller says of an order before it is placed.
func (q *question) checkOrder(ctx context.Context, f *findings, info providers.AccountInfo, request providers.Request) error {
	if checker, ok := q.supplier.Provider.(providers.CSRChecker); ok {
		if err := checker.CheckCSR(ctx, request); err != nil {
			f.add("csr", v1alpha1.SeverityError, err.Error())
			return err
		}
		f.add("csr", v1alpha1.SeverityInfo, "the reseller accepts it")
	}
	pricer, ok := q.supplier.Provider.(providers.Pricer)
	if !ok {
		f.add("price", v1alpha1.SeverityInfo, "the reseller doesn't tell it before an order")
		return nil
	}
	price, err := pricer.Price(ctx, request)
	if err != nil {
		f.add("price", v1alpha1.SeverityError, err.Error())
		return err
	}
	f.price = ledger.Money(&price)
	f.add("price", v1alpha1.SeverityInfo, fmt.Sprintf("%s for %d months", price, request.TermMonths))
	if b := info.Balance; b != nil && b.Amount.LessThan(price.Amount) && (b.Currency == "" || price.Currency == "" || b.Currency == price.Currency) {
		f.add("balance", v1alpha1.SeverityError, fmt.Sprintf("%s doesn't suffice for the price %s: top the account up", b, price))
	}
	return nil
}

// checkPublishing says who would publish what is needed for each name.
func (q *question) checkPublishing(f *findings, method v1alpha1.DCVMethod, names []string) {
	switch method {
	case "":
		return
	case v1alpha1.DCVMethodEmail:
		f.add("publishing", v1alpha1.SeverityWarning, "a person has to approve the CA's message for each certificate")
		return
	case v1alpha1.DCVMethodCNAME, v1alpha1.DCVMethodTXT, v1alpha1.DCVMethodFile:
	}
	for _, name := range names {
		f.add("publishing/"+name, v1alpha1.SeverityInfo, order.SolverFor(q.supplier, method, q.spec.Labels, name)+" would publish for it")
	}
}

// checkCAA looks up whether the CA may issue for each name.
func (q *question) checkCAA(ctx context.Context, f *findings, names []string) {
	policy, identities := q.supplier.Spec.DCV.CAAPolicy, q.supplier.Provider.Profile().CAAIdentities
	if policy == v1alpha1.CAAIgnore {
		return
	}
	if len(identities) == 0 {
		f.add("caa", v1alpha1.SeverityWarning, "only DNSSEC is checked: the CA's domain isn't known, set caaIdentities of the product")
	}
	checker, err := q.CAA(q.supplier.Spec.DCV.Propagation)
	if err != nil {
		f.add("caa", v1alpha1.SeverityError, "spec.dcv.propagation: "+err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	questions := make([]caa.Question, len(names))
	for i, name := range names {
		questions[i] = caa.Question{DNSName: name, Identities: slices.Clone(identities)}
	}
	results := checker.CheckAll(ctx, questions)
	for i, result := range results {
		severity := v1alpha1.SeverityInfo
		switch {
		case (result.Verdict == caa.Forbidden || result.Verdict == caa.Bogus) && policy == v1alpha1.CAAEnforce:
			severity = v1alpha1.SeverityError
		case result.Verdict != caa.Allowed, result.Warning != "":
			severity = v1alpha1.SeverityWarning
		}
		f.add("caa/"+names[i], severity, cmp.Or(result.Warning, result.Message))
	}
}

// checkSpending holds the purchase against the issuer's rules as the ledger stands now.
func (q *question) checkSpending(ctx context.Context, f *findings, names []string) error {
	account := q.supplier.Provider.Account()
	purchases, err := q.Ledger.ByAccount(ctx, v1alpha1.PurchaseAccount{Reseller: account.Reseller, Endpoint: account.Endpoint, Name: account.Name})
	if err != nil {
		return err
	}
	namespace := q.namespace
	if q.spec.Namespace != "" {
		namespace = q.spec.Namespace
	}
	wanted := spending.Wanted{Issuer: q.supplier.Ref, Namespace: namespace, Names: names, Price: f.price}
	if refusal := spending.Purchase(q.supplier.Spec.Purchase, wanted, purchases, q.Now()); refusal != nil {
		f.add("rules", v1alpha1.SeverityError, refusal.Message)
	} else {
		f.add("rules", v1alpha1.SeverityInfo, "the issuer's spending rules allow a purchase now")
	}
	return nil
}
