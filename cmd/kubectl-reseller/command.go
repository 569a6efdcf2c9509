package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// errBusy says that somebody's request is not answered yet.
var errBusy = errors.New("an earlier request is not answered yet: wait for it")

// steered adds the flags of a verb that the controller carries out.
func (a *app) steered(cmd *cobra.Command, confirmed bool) *cobra.Command {
	cmd.Flags().DurationVar(&a.timeout, "timeout", 2*time.Minute, "how long to wait for the answer")
	if confirmed {
		cmd.Flags().BoolVar(&a.yes, "yes", false, "go on without asking")
	}
	return cmd
}

// whoami is the name of who asks, as the API server knows it; empty where it doesn't tell.
func (a *app) whoami(ctx context.Context) string {
	review := &authenticationv1.SelfSubjectReview{}
	if err := a.client.Create(ctx, review); err != nil {
		return ""
	}
	name := review.Status.UserInfo.Username
	return name[:min(len(name), 255)]
}

// commandOrder writes a request into an order and waits for its answer.
func (a *app) commandOrder(ctx context.Context, order *v1alpha1.ResellerOrder, command v1alpha1.OrderCommand) error {
	command.ID, command.By = a.newID(), a.whoami(ctx)
	err := a.write(ctx, order, func() error {
		if order.Spec.Command != nil {
			return fmt.Errorf("ResellerOrder %s/%s: %w", order.Namespace, order.Name, errBusy)
		}
		order.Spec.Command = &command
		return nil
	})
	if err != nil {
		return err
	}
	return a.answered(ctx, order, func() *v1alpha1.CommandAnswer { return answerTo(order.Status.Answers, command.ID) })
}

// commandPurchase writes a request into a purchase and waits for its answer.
func (a *app) commandPurchase(ctx context.Context, purchase *v1alpha1.ResellerPurchase, command v1alpha1.PurchaseCommand) error {
	command.ID, command.By = a.newID(), a.whoami(ctx)
	err := a.write(ctx, purchase, func() error {
		if purchase.Spec.Command != nil {
			return fmt.Errorf("ResellerPurchase %s: %w", purchase.Name, errBusy)
		}
		purchase.Spec.Command = &command
		return nil
	})
	if err != nil {
		return err
	}
	return a.answered(ctx, purchase, func() *v1alpha1.CommandAnswer { return answerTo(purchase.Spec.Answers, command.ID) })
}

// write changes an object as it is now; a conflict is tried again.
func (a *app) write(ctx context.Context, object client.Object, change func() error) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := a.client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		if err := change(); err != nil {
			return err
		}
		return a.client.Update(ctx, object)
	})
}

func answerTo(answers []v1alpha1.CommandAnswer, id string) *v1alpha1.CommandAnswer {
	if i := slices.IndexFunc(answers, func(a v1alpha1.CommandAnswer) bool { return a.ID == id }); i >= 0 {
		return &answers[i]
	}
	return nil
}

// answered waits for the controller's answer and shows it.
func (a *app) answered(ctx context.Context, object client.Object, find func() *v1alpha1.CommandAnswer) error {
	var answer *v1alpha1.CommandAnswer
	err := a.await(ctx, object, func() bool {
		answer = find()
		return answer != nil
	})
	if err != nil {
		return err
	}
	if answer.Outcome != v1alpha1.CommandDone {
		return coded{exitRefused, fmt.Errorf("%s: %s", answer.Outcome, answer.Message)}
	}
	return a.print(answer, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, answer.Message)
		return err
	})
}
