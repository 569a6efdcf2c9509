package main

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// move hands what is paid to a Certificate with another name, namespace or issuer.
func (a *app) move() *cobra.Command {
	var namespace, certificate, issuer string
	cmd := a.purchaseVerb("move NAME --to-certificate CERTIFICATE", "Hand what is paid to a Certificate with another name, namespace or issuer",
		"What is paid belongs to namespace, issuer and name of a Certificate. Delete the old one first: an order that\nis still wanted would buy again. Nothing is changed at the reseller.",
		func(ctx context.Context, p *v1alpha1.ResellerPurchase) error {
			to := &v1alpha1.PurchaseDestination{Namespace: cmp.Or(namespace, p.Spec.OrderNamespace), CertificateName: certificate}
			if certificate == "" {
				return usage("--to-certificate: say to which Certificate")
			}
			if issuer != "" {
				ref, err := parseIssuer(issuer)
				if err != nil {
					return err
				}
				to.IssuerRef = &v1alpha1.IssuerReference{Kind: ref.Kind, Name: ref.Name}
				if ref.Kind == kindIssuer {
					to.IssuerRef.Namespace = to.Namespace
				}
			}
			if err := a.confirm("Hand ResellerPurchase %s (%s, paid until %s) from %s/%s to Certificate %s/%s?",
				p.Name, strings.Join(p.Spec.Names, ", "), dayOf(p.Spec.PaidUntil), p.Spec.OrderNamespace, p.Spec.OrderName, to.Namespace, to.CertificateName); err != nil {
				return err
			}
			return a.commandPurchase(ctx, p, v1alpha1.PurchaseCommand{Verb: v1alpha1.PurchaseMove, To: to})
		})
	cmd.Flags().StringVar(&certificate, "to-certificate", "", "name of the Certificate")
	cmd.Flags().StringVar(&namespace, "to-namespace", "", "its namespace; by default that of the purchase")
	cmd.Flags().StringVar(&issuer, "to-issuer", "", "its issuer, as NAME or rci/NAME; by default that of the purchase. It must be of the same account")
	return a.steered(cmd, true)
}
