package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// resendInterval is how often the message to an approver may be sent again.
const resendInterval = time.Hour

type (
	// Obey carries out what a person asks of the order.
	Obey struct{ Command v1alpha1.OrderCommand }

	// Forget removes a command that has its answer.
	Forget struct{}
)

func (Obey) action()   {}
func (Forget) action() {}

// whenCommanded carries out what a person asks, once.
func whenCommanded(v View) Action {
	command := v.Order.Spec.Command
	switch {
	case command == nil:
		return nil
	case ledger.Answered(v.Order.Status.Answers, command.ID):
		return Forget{}
	}
	return Obey{Command: *command}
}

// obey carries out a command. None of them costs money, and each may be repeated.
func (r *Reconciler) obey(ctx context.Context, s *scope, command v1alpha1.OrderCommand) (outcome, error) {
	switch command.Verb {
	case v1alpha1.OrderRetry:
		return r.retry(ctx, s, command), nil
	case v1alpha1.OrderReissue:
		return r.askReissue(ctx, s, command), nil
	case v1alpha1.OrderChangeMethod:
		return r.obeyChange(ctx, s, command)
	case v1alpha1.OrderResendEmail:
		return r.resendEmail(ctx, s, command)
	}
	return answered(ctx, s, command, v1alpha1.CommandRefused, fmt.Sprintf("verb %q isn't known to this version", command.Verb)), nil
}

// forget removes the command, with the lock of the version in which it was answered.
func (r *Reconciler) forget(ctx context.Context, s *scope) error {
	changed := s.order.DeepCopy()
	before := client.MergeFromWithOptions(s.order.DeepCopy(), client.MergeFromWithOptimisticLock{})
	changed.Spec.Command = nil
	if err := r.Client.Patch(ctx, changed, before); err != nil {
		return fmt.Errorf("order: remove command: %w", err)
	}
	s.order.Spec.Command, s.order.ResourceVersion, s.order.Generation = nil, changed.ResourceVersion, changed.Generation
	return nil
}

// answered notes what became of a command; the status is written with it.
func answered(ctx context.Context, s *scope, command v1alpha1.OrderCommand, result v1alpha1.CommandOutcome, message string) outcome {
	message = clip(message)
	s.order.Status.Answers = ledger.AddAnswer(s.order.Status.Answers, v1alpha1.CommandAnswer{
		ID: command.ID, Verb: string(command.Verb), Outcome: result, Message: message, By: command.By, FinishedAt: metav1.NewTime(s.view.Now),
	})
	s.events = append(s.events, happening{warning: result != v1alpha1.CommandDone, reason: string(command.Verb) + string(result), message: message})
	log.FromContext(ctx).Info("answered a request", "verb", command.Verb, "id", command.ID, "by", command.By, "outcome", result, "answer", message)
	return goOn
}

// retry forgets how long to wait. What holds the order is judged again, and holds it again if it
// is still there.
func (r *Reconciler) retry(ctx context.Context, s *scope, command v1alpha1.OrderCommand) outcome {
	status := &s.order.Status
	if issuance := status.Issuance; issuance != nil && issuance.State == v1alpha1.OrderFailed {
		return answered(ctx, s, command, v1alpha1.CommandRefused, "the request has failed for good: correct what status.message says, cert-manager then makes another one")
	}
	clearWaiting(status)
	status.NextCleanupAt, status.NextPollAt = nil, nil
	if status.Issuance != nil {
		status.Issuance.ValidationAskedAt = nil
	}
	return answered(ctx, s, command, v1alpha1.CommandDone, "tried again at once; status.message tells what came of it")
}

// askReissue makes the next certificate a reissue.
func (r *Reconciler) askReissue(ctx context.Context, s *scope, command v1alpha1.OrderCommand) outcome {
	if why := noReissue(s.view); why != "" {
		return answered(ctx, s, command, v1alpha1.CommandRefused, why)
	}
	now := metav1.NewTime(s.view.Now)
	s.order.Status.ReissueAskedAt = &now
	return answered(ctx, s, command, v1alpha1.CommandDone, "the next certificate will be a reissue under the paid term: renew the Certificate to get it now")
}

// noReissue says why nothing can be reissued for the names that were asked for last.
func noReissue(v View) string {
	switch {
	case v.Issuer == nil:
		return "the issuer isn't usable: " + v.IssuerProblem
	case !v.Issuer.Capabilities.Reissue:
		return "the reseller's API has no reissue"
	case v.Issuer.Policy.Reissue == v1alpha1.ReissueNever:
		return "the issuer's spec.purchase.reissue is Never"
	case v.Order.Spec.Request == nil:
		return "nothing was ever requested"
	}
	p := newestOf(v.Purchases, v.Order.Spec.Request.Names)
	if p == nil || p.Spec.State != v1alpha1.PurchaseBought || remaining(v, p) <= 0 {
		return "no paid term is left for these names: the next certificate has to be bought"
	}
	return ""
}

// reissueAsked reports whether a person wants the next certificate to be a reissue.
func reissueAsked(v View) bool {
	return v.Order.Status.ReissueAskedAt != nil && v.Issuer.Policy.Reissue != v1alpha1.ReissueNever
}

// underValidation says why an order has no names that wait for validation at the reseller.
func underValidation(s *scope) string {
	issuance := s.order.Status.Issuance
	switch {
	case s.supplier == nil:
		return "the issuer isn't usable: " + s.view.IssuerProblem
	case issuance == nil || issuance.State != v1alpha1.OrderValidating || issuance.Purchase == "":
		return "no order at the reseller waits for validation"
	case len(issuance.Challenges) == 0:
		return "the reseller hasn't told yet what it validates"
	}
	return ""
}

// obeyChange moves one name after the other to another method; the command is answered after
// the last one.
func (r *Reconciler) obeyChange(ctx context.Context, s *scope, command v1alpha1.OrderCommand) (outcome, error) {
	if why := r.cantChange(ctx, s, command); why != "" {
		return answered(ctx, s, command, v1alpha1.CommandRefused, why), nil
	}
	domain := nextToChange(s.order.Status.Issuance, command)
	if domain == "" {
		return answered(ctx, s, command, v1alpha1.CommandDone, "the names are validated by "+string(command.Method)+" now"), nil
	}
	err := r.changeMethod(ctx, s, domain, command.Method, command.Email)
	if busy, ok := errors.AsType[*busyError](err); ok {
		return outcome{after: max(busy.wait, 100*time.Millisecond)}, nil
	}
	if _, ok := errors.AsType[*providers.Error](err); ok {
		return answered(ctx, s, command, v1alpha1.CommandFailed, domain+": "+err.Error()), nil
	}
	return goOn, err
}

func (r *Reconciler) cantChange(ctx context.Context, s *scope, command v1alpha1.OrderCommand) string {
	if why := underValidation(s); why != "" {
		return why
	}
	if _, ok := s.supplier.Provider.(providers.MethodChanger); !ok {
		return "the reseller's API can't change the method of an order"
	}
	issuance := s.order.Status.Issuance
	if command.Domain != "" && !slices.ContainsFunc(issuance.Challenges, func(c v1alpha1.OrderChallenge) bool { return c.Domain == command.Domain }) {
		return command.Domain + " is not in status.issuance.challenges"
	}
	chosen := r.choiceOf(ctx, s)
	chosen.unsuited = nil // a person may know better
	if problem := chosen.problem(command.Method); problem != "" {
		return string(command.Method) + ": " + problem
	}
	return ""
}

// nextToChange is a name that waits for validation by another method than the wanted one, empty
// if there is none.
func nextToChange(issuance *v1alpha1.Issuance, command v1alpha1.OrderCommand) string {
	i := slices.IndexFunc(issuance.Challenges, func(c v1alpha1.OrderChallenge) bool {
		return !c.Validated && c.Method != command.Method && (command.Domain == "" || command.Domain == c.Domain)
	})
	if i < 0 {
		return ""
	}
	return issuance.Challenges[i].Domain
}

// changeMethod has the reseller validate one name in another way, and takes over what is to be
// published for it.
func (r *Reconciler) changeMethod(ctx context.Context, s *scope, domain string, method v1alpha1.DCVMethod, email string) error {
	issuance := s.order.Status.Issuance
	purchase, _, err := r.paying(ctx, s, issuance.Purchase)
	if err != nil {
		return err
	}
	if purchase == nil {
		return &providers.Error{Kind: providers.Invalid, Provider: s.view.Issuer.Account.Reseller, Operation: "change method", Message: s.order.Status.Waiting.Message}
	}
	if method == v1alpha1.DCVMethodEmail && email == "" {
		email = approverOf(issuance, s.supplier.Spec.DCV.ApproverMailbox, domain)
	}
	var challenges []providers.Challenge
	err = r.call(ctx, s, func(ctx context.Context) (err error) {
		challenges, err = s.supplier.Provider.(providers.MethodChanger).ChangeMethod(ctx, ledger.IDs(purchase.Spec.OrderIDs), domain, providers.Method(method), email)
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range providerChallenges(issuance.Challenges) {
		if c.Domain != domain {
			challenges = append(challenges, c)
		}
	}
	if err := r.setChallenges(ctx, s, challenges); err != nil {
		return err
	}
	clearWaiting(&s.order.Status)
	s.note("MethodChanged", "%s is validated by %s now", domain, method)
	if slices.ContainsFunc(issuance.Challenges, func(c v1alpha1.OrderChallenge) bool { return !c.Validated && c.Method != method }) {
		return nil
	}
	issuance.Method = method
	s.wrote = true
	return r.Ledger.MethodChanged(ctx, purchase.Name, issuance.CSRDigest, method)
}

// approverOf is the mailbox that is asked to approve a domain of a challenge.
func approverOf(issuance *v1alpha1.Issuance, mailbox v1alpha1.ApproverMailbox, domain string) string {
	emails := approvers(issuance, mailbox)
	if email := emails[requestedName(domain, issuance.Names)]; email != "" {
		return email
	}
	return string(cmp.Or(mailbox, v1alpha1.ApproverAdmin)) + "@" + dcv.WildcardBase(domain)
}

// resendEmail has the message to the approver sent again, not more often than once an hour.
func (r *Reconciler) resendEmail(ctx context.Context, s *scope, command v1alpha1.OrderCommand) (outcome, error) {
	domain, why := toResend(s, command)
	if why != "" {
		return answered(ctx, s, command, v1alpha1.CommandRefused, why), nil
	}
	issuance := s.order.Status.Issuance
	purchase, result, err := r.paying(ctx, s, issuance.Purchase)
	if purchase == nil {
		return result, err
	}
	err = r.call(ctx, s, func(ctx context.Context) error {
		return s.supplier.Provider.(providers.EmailResender).ResendEmail(ctx, ledger.IDs(purchase.Spec.OrderIDs), domain)
	})
	if busy, ok := errors.AsType[*busyError](err); ok {
		return outcome{after: max(busy.wait, 100*time.Millisecond)}, nil
	}
	if err != nil {
		return answered(ctx, s, command, v1alpha1.CommandFailed, err.Error()), nil
	}
	now := metav1.NewTime(s.view.Now)
	issuance.EmailResentAt = &now
	return answered(ctx, s, command, v1alpha1.CommandDone, "the reseller sends the message for "+domain+" again"), nil
}

// toResend is the name for which the message is sent again, or why it isn't.
func toResend(s *scope, command v1alpha1.OrderCommand) (domain, why string) {
	if why := underValidation(s); why != "" {
		return "", why
	}
	if _, ok := s.supplier.Provider.(providers.EmailResender); !ok {
		return "", "the reseller's API can't send the message again"
	}
	issuance := s.order.Status.Issuance
	if sent := issuance.EmailResentAt; sent != nil && s.view.Now.Sub(sent.Time) < resendInterval {
		return "", fmt.Sprintf("the message was sent again at %s: once an hour is enough", sent.UTC().Format(time.RFC3339))
	}
	for _, c := range issuance.Challenges {
		if !c.Validated && c.Method == v1alpha1.DCVMethodEmail && (command.Domain == "" || command.Domain == c.Domain) {
			return c.Domain, ""
		}
	}
	return "", "no such name waits for approval by e-mail"
}
