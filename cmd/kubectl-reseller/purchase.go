package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// purchaseVerbs are requests about entries of the ledger: for cluster admins.
func (a *app) purchaseVerbs() []*cobra.Command {
	return []*cobra.Command{a.adopt(), a.cancel(), a.revoke(), a.addNames(), a.refresh(), a.importOrder(), a.move(), a.takeOver()}
}

const purchaseHelp = "NAME is that of a ResellerPurchase, or of a ResellerOrder or Certificate in the namespace,\nwhose newest purchase is meant."

// purchaseVerb is a verb whose argument is a purchase.
func (a *app) purchaseVerb(use, short, more string, do func(context.Context, *v1alpha1.ResellerPurchase) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: short + ".\n\n" + more + "\n" + purchaseHelp,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			purchase, err := a.findPurchase(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return do(cmd.Context(), purchase)
		},
	}
}

// findPurchase finds a purchase by its name, or the newest one of an order that cost money
// or may have.
func (a *app) findPurchase(ctx context.Context, name string) (*v1alpha1.ResellerPurchase, error) {
	purchase := &v1alpha1.ResellerPurchase{}
	err := a.client.Get(ctx, client.ObjectKey{Name: name}, purchase)
	if !apierrors.IsNotFound(err) {
		return purchase, err
	}
	order, err := a.findOrder(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("there is no ResellerPurchase %s, and %w", name, err)
	}
	purchases, err := a.purchasesOf(ctx, order)
	if err != nil {
		return nil, err
	}
	for i := range slices.Backward(purchases) {
		if charged(purchases[i].Spec.State) {
			return &purchases[i], nil
		}
	}
	return nil, fmt.Errorf("nothing was bought for ResellerOrder %s/%s", order.Namespace, order.Name)
}

func (a *app) cancel() *cobra.Command {
	return a.steered(a.purchaseVerb("cancel NAME", "Cancel an order at the reseller",
		"What that does to a certificate that was issued, and what is paid back, differs: docs/resellers.",
		func(ctx context.Context, p *v1alpha1.ResellerPurchase) error {
			if err := a.confirm("Cancel order %s at %s, for %s, paid %s? Certificates under it may be revoked.",
				orderIDs(p.Spec.OrderIDs), p.Spec.Account.Reseller, strings.Join(p.Spec.Names, ", "), price(p.Spec.Price)); err != nil {
				return err
			}
			return a.commandPurchase(ctx, p, v1alpha1.PurchaseCommand{Verb: v1alpha1.PurchaseCancel})
		}), true)
}

func (a *app) revoke() *cobra.Command {
	var serial string
	cmd := a.purchaseVerb("revoke NAME --serial SERIAL", "Revoke one certificate",
		"A revoked certificate can't be used again. The paid term stays, where the reseller can do that.",
		func(ctx context.Context, p *v1alpha1.ResellerPurchase) error {
			serial, err := chooseSerial(p, serial)
			if err != nil {
				return err
			}
			if err := a.confirm("Revoke certificate %s for %s? Browsers will refuse it.", serial, strings.Join(p.Spec.Names, ", ")); err != nil {
				return err
			}
			return a.commandPurchase(ctx, p, v1alpha1.PurchaseCommand{Verb: v1alpha1.PurchaseRevoke, Serial: serial})
		})
	cmd.Flags().StringVar(&serial, "serial", "", "serial number in hexadecimal digits; it may be left out if there is only one certificate")
	return a.steered(cmd, true)
}

// chooseSerial takes the only certificate, or the one that is named.
func chooseSerial(p *v1alpha1.ResellerPurchase, serial string) (string, error) {
	serials := make([]string, len(p.Spec.Certificates))
	for i, c := range p.Spec.Certificates {
		serials[i] = c.Serial
	}
	wanted := strings.ToLower(strings.ReplaceAll(serial, ":", ""))
	switch {
	case len(serials) == 0:
		return "", fmt.Errorf("ResellerPurchase %s has no certificates", p.Name)
	case serial == "" && len(serials) == 1:
		return serials[0], nil
	case slices.Contains(serials, wanted):
		return wanted, nil
	}
	return "", usage("--serial: want one of %s", strings.Join(serials, ", "))
}

func (a *app) addNames() *cobra.Command {
	var n int32
	cmd := a.purchaseVerb("add-names NAME --count N", "Buy room for further names in an order",
		"It costs money; the issuer's budgets and price limit apply.",
		func(ctx context.Context, p *v1alpha1.ResellerPurchase) error {
			if n < 1 {
				return usage("--count: it must be at least 1")
			}
			if err := a.confirm("Buy room for %s in order %s at %s? It costs money.", count(int(n), "further name"), orderIDs(p.Spec.OrderIDs), p.Spec.Account.Reseller); err != nil {
				return err
			}
			return a.commandPurchase(ctx, p, v1alpha1.PurchaseCommand{Verb: v1alpha1.PurchaseAddNames, Count: n})
		})
	cmd.Flags().Int32Var(&n, "count", 0, "number of names")
	return a.steered(cmd, true)
}

func (a *app) refresh() *cobra.Command {
	return a.steered(a.purchaseVerb("refresh NAME", "Read an order at the reseller and bring the ledger up to date",
		"It changes nothing at the reseller.",
		func(ctx context.Context, p *v1alpha1.ResellerPurchase) error {
			return a.commandPurchase(ctx, p, v1alpha1.PurchaseCommand{Verb: v1alpha1.PurchaseRefresh})
		}), false)
}

// confirmed is the word of spec.resolution.absent and givenUp.
const confirmed = "Confirmed"

// verdict is a person's word on a purchase, as the flags have it.
type verdict struct {
	ids     map[string]string
	absent  bool
	givenUp bool
}

// adopt writes a person's word on a purchase that the controller can't go on with.
func (a *app) adopt() *cobra.Command {
	var v verdict
	cmd := a.purchaseVerb("adopt NAME (--order-id NAME=VALUE | --absent | --given-up)", "Say what became of a purchase with which the controller can't go on",
		"--order-id adopts an order after it was read back and found to match; --absent states that nothing was paid;\n--given-up that the money is spent and the order isn't to be used. Both permit another purchase.",
		func(ctx context.Context, p *v1alpha1.ResellerPurchase) error {
			word, question, err := v.word(p)
			if err != nil {
				return err
			}
			if err := a.confirm("%s", question); err != nil {
				return err
			}
			return a.resolvePurchase(ctx, p, word)
		})
	cmd.Flags().StringToStringVar(&v.ids, "order-id", nil, "identifier of the order, such as order_id=12345; docs/resellers names them")
	cmd.Flags().BoolVar(&v.absent, "absent", false, "there is no such order, or the money came back")
	cmd.Flags().BoolVar(&v.givenUp, "given-up", false, "the money is spent, and the order isn't to be used any more")
	return a.steered(cmd, true)
}

// word is what is written into the purchase, and what to ask before.
func (v verdict) word(p *v1alpha1.ResellerPurchase) (*v1alpha1.PurchaseResolution, string, error) {
	names := strings.Join(p.Spec.Names, ", ")
	switch {
	case len(v.ids) > 0 && !v.absent && !v.givenUp:
		ids := sortedIDs(v.ids)
		return &v1alpha1.PurchaseResolution{OrderIDs: ids}, fmt.Sprintf("Adopt order %s as that of ResellerPurchase %s?", orderIDs(ids), p.Name), nil
	case v.absent && !v.givenUp && len(v.ids) == 0:
		return &v1alpha1.PurchaseResolution{Absent: confirmed}, fmt.Sprintf("State that nothing was paid for ResellerPurchase %s (%s)? If it was, the next purchase pays twice.", p.Name, names), nil
	case v.givenUp && !v.absent && len(v.ids) == 0:
		return &v1alpha1.PurchaseResolution{GivenUp: confirmed}, fmt.Sprintf("Give up the paid order of ResellerPurchase %s (%s)? A next certificate is bought anew.", p.Name, names), nil
	}
	return nil, "", usage("give one of --order-id, as often as the order has identifiers, --absent and --given-up")
}

// resolvePurchase writes a person's word and waits until the controller has used it.
func (a *app) resolvePurchase(ctx context.Context, p *v1alpha1.ResellerPurchase, word *v1alpha1.PurchaseResolution) error {
	word.By = a.whoami(ctx)
	if err := a.write(ctx, p, func() error {
		p.Spec.Resolution = word
		return nil
	}); err != nil {
		return err
	}
	if err := a.await(ctx, p, func() bool { return p.Spec.Resolution == nil }); err != nil {
		return fmt.Errorf("ResellerPurchase %s: %w; kubectl reseller describe tells what its order waits for", p.Name, err)
	}
	return a.printState(p)
}

func (a *app) printState(p *v1alpha1.ResellerPurchase) error {
	return a.print(p, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "ResellerPurchase %s is %s now\n", p.Name, p.Spec.State)
		return err
	})
}

func sortedIDs(ids map[string]string) []v1alpha1.OrderID {
	list := make([]v1alpha1.OrderID, 0, len(ids))
	for name, value := range ids {
		list = append(list, v1alpha1.OrderID{Name: name, Value: value})
	}
	slices.SortFunc(list, func(x, y v1alpha1.OrderID) int { return strings.Compare(x.Name, y.Name) })
	return list
}

// takeOver makes purchases of another cluster this cluster's own.
func (a *app) takeOver() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "take-over --from CLUSTER-ID",
		Short: "Make the purchases of another cluster those of this one",
		Long: `Make the purchases of another cluster those of this one.

After a restore into a new cluster, or a move to one, the controller only reads what another
cluster bought. Stop the controller of the other cluster first: two that both own a purchase
reissue under it in turn.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.takeOverAll(cmd.Context(), from, to) },
	}
	cmd.Flags().StringVar(&from, "from", "", "id of the other cluster, as spec.clusterID of its purchases has it")
	cmd.Flags().StringVar(&to, "to", "", "id of this cluster: the controller's --cluster-id; by default the UID of the namespace kube-system")
	cmd.Flags().BoolVar(&a.yes, "yes", false, "go on without asking")
	return cmd
}

func (a *app) takeOverAll(ctx context.Context, from, to string) error {
	if to == "" {
		namespace := &corev1.Namespace{}
		if err := a.client.Get(ctx, client.ObjectKey{Name: "kube-system"}, namespace); err != nil {
			return fmt.Errorf("read namespace kube-system, or give --to: %w", err)
		}
		to = string(namespace.UID)
	}
	var list v1alpha1.ResellerPurchaseList
	if err := a.client.List(ctx, &list); err != nil {
		return err
	}
	others := map[string]int{}
	for i := range list.Items {
		if id := list.Items[i].Spec.ClusterID; id != to {
			others[id]++
		}
	}
	if others[from] == 0 {
		return usage("--from: %q has no purchases here; other clusters that have: %v", from, others)
	}
	if err := a.confirm("Take over %s of cluster %s? The controller of that cluster must be stopped for good.", count(others[from], "purchase"), from); err != nil {
		return err
	}
	for i := range list.Items {
		p := &list.Items[i]
		if p.Spec.ClusterID != from {
			continue
		}
		if err := a.write(ctx, p, func() error {
			p.Spec.ClusterID = to
			return nil
		}); err != nil {
			return fmt.Errorf("ResellerPurchase %s: %w", p.Name, err)
		}
	}
	_, err := fmt.Fprintf(a.out, "%s taken over\n", count(others[from], "purchase"))
	return err
}
