package main

import (
	"context"
	"fmt"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// orderVerbs are requests about one order. None of them costs money by itself.
func (a *app) orderVerbs() []*cobra.Command {
	return []*cobra.Command{a.retry(), a.reissue(), a.changeMethod(), a.resendEmail()}
}

// orderVerb is a verb whose argument is an order or its Certificate.
func (a *app) orderVerb(use, short, more string, do func(context.Context, *v1alpha1.ResellerOrder) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Long: short + ".\n\n" + more + "\nNAME is that of the ResellerOrder or of its Certificate.",
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			order, err := a.findOrder(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return do(cmd.Context(), order)
		},
	}
}

func (a *app) retry() *cobra.Command {
	return a.steered(a.orderVerb("retry NAME", "Take the next step of an order at once",
		"No rule about money is overridden: an order that is held by a budget stays held.",
		func(ctx context.Context, order *v1alpha1.ResellerOrder) error {
			return a.commandOrder(ctx, order, v1alpha1.OrderCommand{Verb: v1alpha1.OrderRetry})
		}), false)
}

func (a *app) resendEmail() *cobra.Command {
	var domain string
	cmd := a.orderVerb("resend-email NAME", "Have the message to the approver sent again",
		"At most once an hour.",
		func(ctx context.Context, order *v1alpha1.ResellerOrder) error {
			return a.commandOrder(ctx, order, v1alpha1.OrderCommand{Verb: v1alpha1.OrderResendEmail, Domain: domain})
		})
	cmd.Flags().StringVar(&domain, "domain", "", "only for this name")
	return a.steered(cmd, false)
}

func (a *app) changeMethod() *cobra.Command {
	var domain, method, email string
	cmd := a.orderVerb("change-method NAME --method METHOD", "Validate the names of an order that is placed in another way",
		"The reseller's product must offer it.",
		func(ctx context.Context, order *v1alpha1.ResellerOrder) error {
			switch v1alpha1.DCVMethod(method) {
			case v1alpha1.DCVMethodCNAME, v1alpha1.DCVMethodTXT, v1alpha1.DCVMethodFile, v1alpha1.DCVMethodEmail:
			default:
				return usage("--method: %q: want CNAME, TXT, File or Email", method)
			}
			return a.commandOrder(ctx, order, v1alpha1.OrderCommand{
				Verb: v1alpha1.OrderChangeMethod, Domain: domain, Method: v1alpha1.DCVMethod(method), Email: email,
			})
		})
	cmd.Flags().StringVar(&method, "method", "", "CNAME, TXT, File or Email")
	cmd.Flags().StringVar(&domain, "domain", "", "only this name")
	cmd.Flags().StringVar(&email, "email", "", "mailbox that is to approve, for Email")
	return a.steered(cmd, false)
}

func (a *app) reissue() *cobra.Command {
	return a.steered(a.orderVerb("reissue NAME", "Replace a certificate by a new one with a new key, under what is paid",
		"cert-manager makes a new key and request, as with `cmctl renew`. Some resellers end the certificate\nin use at once: docs/resellers says which.",
		a.reissueOrder), true)
}

// reissueOrder asks first for a reissue, then has cert-manager make the request: in the other
// order the request could be bought for.
func (a *app) reissueOrder(ctx context.Context, order *v1alpha1.ResellerOrder) error {
	if order.Spec.CertificateName == "" {
		return usage("ResellerOrder %s/%s serves requests without a Certificate: make a new request", order.Namespace, order.Name)
	}
	if err := a.confirm("A new certificate replaces the one in use by Certificate %s/%s. It costs nothing; some resellers end the present certificate at once.",
		order.Namespace, order.Spec.CertificateName); err != nil {
		return err
	}
	if err := a.commandOrder(ctx, order, v1alpha1.OrderCommand{Verb: v1alpha1.OrderReissue}); err != nil {
		return err
	}
	return a.renewCertificate(ctx, client.ObjectKey{Namespace: order.Namespace, Name: order.Spec.CertificateName})
}

// renewCertificate sets the condition with which cert-manager begins an issuance.
func (a *app) renewCertificate(ctx context.Context, key client.ObjectKey) error {
	certificate := &cmapi.Certificate{}
	if err := a.client.Get(ctx, key, certificate); err != nil {
		return err
	}
	apiutil.SetCertificateCondition(certificate, certificate.Generation, cmapi.CertificateConditionIssuing, cmmeta.ConditionTrue,
		"ManuallyTriggered", "Reissue asked for by kubectl reseller")
	if err := a.client.Status().Update(ctx, certificate); err != nil {
		return fmt.Errorf("the reissue is noted, but Certificate %s can't be renewed: %w; run cmctl renew", key, err)
	}
	return nil
}
