package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// maxAnswers is how many answers a purchase and an order keep.
const maxAnswers = 16

// IntendCommand stores the intent of the call that a person's command asks for, and removes
// the command in the same write: from then on it is the operation that is carried out,
// by whoever finds it. It fails like [Ledger.IntendOperation].
func (l *Ledger) IntendCommand(ctx context.Context, purchase *v1alpha1.ResellerPurchase, expected *v1alpha1.Money) (*v1alpha1.ResellerPurchase, *providers.Intent, error) {
	if current := purchase.Spec.CommandOperation; current != nil && current.Outcome == v1alpha1.OperationIntended {
		return nil, nil, fmt.Errorf("ledger: %s %s: %w", purchase.Name, current.Kind, ErrOpenIntent)
	}
	written := l.Now()
	updated := purchase.DeepCopy()
	command := updated.Spec.Command
	operation := &v1alpha1.PurchaseOperation{
		ID: l.NewID(), Kind: v1alpha1.OperationKind(command.Verb), Serial: command.Serial, Command: command,
		IntendedAt: metav1.NewMicroTime(written), Outcome: v1alpha1.OperationIntended,
	}
	name := purchase.Name + "/" + operation.ID
	operation.Reference = reference(l.ClusterID, name)
	updated.Spec.CommandOperation, updated.Spec.Command = operation, nil
	if operation.Kind == v1alpha1.PurchaseOperationAddNames {
		updated.Spec.Additions = lastN(append(updated.Spec.Additions, v1alpha1.PurchaseAddition{
			ID: operation.ID, Count: command.Count, At: metav1.NewTime(written), Price: expected,
		}), 64)
	}
	if err := l.write(ctx, updated); err != nil {
		return nil, nil, fmt.Errorf("ledger: write intent %s of %s: %w", operation.Kind, purchase.Name, err)
	}
	return updated, providers.NewIntent(providers.OperationKind(operation.Kind), name, operation.Reference, written, l.Now), nil
}

// CommandEnded records the outcome of the operation with the id, what follows from it, and
// the answer to who asked. Like any outcome it may come late: Done replaces Absent, and
// nothing replaces Done. Price is what added names cost, nil where it isn't told.
func (l *Ledger) CommandEnded(ctx context.Context, name, id string, outcome v1alpha1.OperationOutcome, message string, price *v1alpha1.Money) error {
	now := metav1.NewMicroTime(l.Now())
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		op := spec.CommandOperation
		late := op != nil && op.Outcome == v1alpha1.OperationAbsent && outcome == v1alpha1.OperationDone
		if op == nil || op.ID != id || op.Outcome != v1alpha1.OperationIntended && !late {
			return false
		}
		op.Outcome, op.Message, op.FinishedAt = outcome, clip(message), &now
		if outcome == v1alpha1.OperationDone {
			carriedOut(spec, price)
		} else {
			spec.Additions = slices.DeleteFunc(spec.Additions, func(a v1alpha1.PurchaseAddition) bool { return a.ID == id })
		}
		if command := op.Command; command != nil {
			result := v1alpha1.CommandFailed
			if outcome == v1alpha1.OperationDone {
				result = v1alpha1.CommandDone
			}
			answerCommand(spec, command, result, message, now.Time)
		}
		return true
	})
}

// carriedOut changes the purchase as the operation has changed the order.
func carriedOut(spec *v1alpha1.ResellerPurchaseSpec, price *v1alpha1.Money) {
	op := spec.CommandOperation
	at := metav1.NewTime(op.FinishedAt.Time)
	switch op.Kind {
	case v1alpha1.PurchaseOperationCancel:
		spec.State, spec.Message = v1alpha1.PurchaseCancelled, clip("on request: "+op.Message)
	case v1alpha1.PurchaseOperationRevoke:
		for i := range spec.Certificates {
			if SameSerial(spec.Certificates[i].Serial, op.Serial) {
				spec.Certificates[i].RevokedAt = &at
			}
		}
	case v1alpha1.PurchaseOperationAddNames:
		i := slices.IndexFunc(spec.Additions, func(a v1alpha1.PurchaseAddition) bool { return a.ID == op.ID })
		if i < 0 {
			// It was taken for absent, and the answer came after all.
			spec.Additions = append(spec.Additions, v1alpha1.PurchaseAddition{ID: op.ID, Count: op.Command.Count, At: metav1.NewTime(op.IntendedAt.Time)})
			i = len(spec.Additions) - 1
		}
		if price != nil {
			spec.Additions[i].Price = price
		}
	case v1alpha1.PurchaseOperationReissue, v1alpha1.PurchaseOperationEnrol:
	}
}

// AnswerCommand answers a command for which no operation was intended, and removes it. A
// command that stands there by now with another id stays.
func (l *Ledger) AnswerCommand(ctx context.Context, name string, command v1alpha1.PurchaseCommand, outcome v1alpha1.CommandOutcome, message string) error {
	now := l.Now()
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		if spec.Command == nil || spec.Command.ID != command.ID {
			return false
		}
		spec.Command = nil
		if !Answered(spec.Answers, command.ID) {
			answerCommand(spec, &command, outcome, message, now)
		}
		return true
	})
}

// Moved hands a purchase, as it was just read, to the order with another key, and answers the
// command that asked for it. It fails with a conflict if the purchase was changed.
func (l *Ledger) Moved(ctx context.Context, purchase *v1alpha1.ResellerPurchase, key, order string, issuer v1alpha1.IssuerReference, message string) error {
	updated := purchase.DeepCopy()
	spec := &updated.Spec
	command := spec.Command
	spec.Key, spec.OrderNamespace, spec.OrderName, spec.IssuerRef = key, command.To.Namespace, order, issuer
	metav1.SetMetaDataLabel(&updated.ObjectMeta, v1alpha1.LabelOrderKey, key)
	spec.Command = nil
	answerCommand(spec, command, v1alpha1.CommandDone, message, l.Now())
	if err := l.write(ctx, updated); err != nil {
		return fmt.Errorf("ledger: move %s: %w", purchase.Name, err)
	}
	return nil
}

// AskCommand writes a command of the controller itself, unless it was written before or a
// person's stands there.
func (l *Ledger) AskCommand(ctx context.Context, name string, command v1alpha1.PurchaseCommand) error {
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		asked := spec.CommandOperation != nil && spec.CommandOperation.Command != nil && spec.CommandOperation.Command.ID == command.ID
		if spec.Command != nil || asked || Answered(spec.Answers, command.ID) {
			return false
		}
		spec.Command = &command
		return true
	})
}

// Refreshed records what the reseller tells of an order that goes on.
func (l *Ledger) Refreshed(ctx context.Context, name string, order providers.Order) error {
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool { return told(spec, order) })
}

// MethodChanged records that a CSR is validated by another method now.
func (l *Ledger) MethodChanged(ctx context.Context, name, csrDigest string, method v1alpha1.DCVMethod) error {
	return l.Update(ctx, name, func(spec *v1alpha1.ResellerPurchaseSpec) bool {
		recorded := &spec.Method
		if op := spec.Operation; op != nil && op.CSRDigest == csrDigest {
			recorded = &op.Method
		}
		changed := *recorded != method
		*recorded = method
		return changed
	})
}

func answerCommand(spec *v1alpha1.ResellerPurchaseSpec, command *v1alpha1.PurchaseCommand, outcome v1alpha1.CommandOutcome, message string, now time.Time) {
	spec.Answers = AddAnswer(spec.Answers, v1alpha1.CommandAnswer{
		ID: command.ID, Verb: string(command.Verb), Outcome: outcome, Message: clip(message), By: command.By, FinishedAt: metav1.NewTime(now),
	})
}

// AddAnswer adds an answer, in the place of an earlier one to the same id, and drops the
// oldest.
func AddAnswer(answers []v1alpha1.CommandAnswer, answer v1alpha1.CommandAnswer) []v1alpha1.CommandAnswer {
	answers = slices.DeleteFunc(slices.Clone(answers), func(a v1alpha1.CommandAnswer) bool { return a.ID == answer.ID })
	return lastN(append(answers, answer), maxAnswers)
}

// Answered reports whether a command with the id was carried out or refused.
func Answered(answers []v1alpha1.CommandAnswer, id string) bool {
	return slices.ContainsFunc(answers, func(a v1alpha1.CommandAnswer) bool { return a.ID == id })
}

// SameSerial compares serial numbers in hexadecimal digits, whatever their case and leading
// zeros.
func SameSerial(a, b string) bool {
	plain := func(serial string) string { return strings.TrimLeft(strings.ToLower(serial), "0") }
	return plain(a) == plain(b)
}
