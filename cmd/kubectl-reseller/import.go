package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// bought is an order that somebody placed by hand, as the flags have it.
type bought struct {
	ids       map[string]string
	months    int32
	paidUntil string
}

// importOrder puts an order that was bought by hand into the ledger.
func (a *app) importOrder() *cobra.Command {
	var b bought
	cmd := a.orderVerb("import NAME --order-id NAME=VALUE", "Put an order that was bought by hand into the ledger",
		"The controller reads it back and takes it over if it is for the same names; nothing is bought.\nThe Certificate must exist already, with the issuer's purchase.mode on Hold, or the order held.",
		func(ctx context.Context, order *v1alpha1.ResellerOrder) error {
			purchase, err := a.newImport(ctx, order, b)
			if err != nil {
				return err
			}
			if err := a.confirm("Take order %s for that of Certificate %s/%s?", orderIDs(purchase.Spec.OrderIDs), order.Namespace, order.Spec.CertificateName); err != nil {
				return err
			}
			if err := a.client.Create(ctx, purchase); err != nil {
				return err
			}
			if err := a.await(ctx, purchase, func() bool { return purchase.Spec.State != v1alpha1.PurchaseImporting }); err != nil {
				return fmt.Errorf("ResellerPurchase %s: %w; kubectl reseller describe %s tells why", purchase.Name, err, order.Name)
			}
			return a.printState(purchase)
		})
	cmd.Flags().StringToStringVar(&b.ids, "order-id", nil, "identifier of the order, such as order_id=12345; docs/resellers names them")
	cmd.Flags().Int32Var(&b.months, "term-months", 12, "paid term")
	cmd.Flags().StringVar(&b.paidUntil, "paid-until", "", "end of the paid term as YYYY-MM-DD, where the reseller doesn't tell it")
	return a.steered(cmd, true)
}

// newImport makes the ledger's entry, with the next number of the order's key.
func (a *app) newImport(ctx context.Context, order *v1alpha1.ResellerOrder, b bought) (*v1alpha1.ResellerPurchase, error) {
	if len(b.ids) == 0 {
		return nil, usage("--order-id: say which order")
	}
	existing, err := a.purchasesOf(ctx, order)
	if err != nil {
		return nil, err
	}
	purchase := &v1alpha1.ResellerPurchase{
		ObjectMeta: metav1.ObjectMeta{Name: nextName(order.Spec.Key, existing), Labels: map[string]string{v1alpha1.LabelOrderKey: order.Spec.Key}},
		Spec: v1alpha1.ResellerPurchaseSpec{
			State: v1alpha1.PurchaseImporting, Kind: v1alpha1.PurchaseImport, Key: order.Spec.Key,
			OrderNamespace: order.Namespace, OrderName: order.Name, IssuerRef: order.Spec.IssuerRef,
			TermMonths: b.months, OrderIDs: sortedIDs(b.ids),
		},
	}
	if b.paidUntil != "" {
		day, err := time.Parse(time.DateOnly, b.paidUntil)
		if err != nil {
			return nil, usage("--paid-until: %q: want YYYY-MM-DD", b.paidUntil)
		}
		until := metav1.NewTime(day)
		purchase.Spec.PaidUntil = &until
	}
	return purchase, nil
}

// nextName follows the highest number of the key. If the controller took it meanwhile, the
// creation fails.
func nextName(key string, existing []v1alpha1.ResellerPurchase) string {
	highest := 0
	for i := range existing {
		_, suffix, _ := strings.Cut(existing[i].Name, "-")
		if n, err := strconv.Atoi(suffix); err == nil {
			highest = max(highest, n)
		}
	}
	return fmt.Sprintf("%s-%d", key, highest+1)
}
