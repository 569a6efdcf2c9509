package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// orders lists ResellerOrders.
func (a *app) orders() *cobra.Command {
	var held, follow bool
	cmd := &cobra.Command{
		Use:     "orders",
		Aliases: []string{"order", "ls"},
		Short:   "List orders and what each waits for",
		Example: "  kubectl reseller orders -A --held\n  kubectl reseller orders -n shop --watch",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if follow {
				return a.watchOrders(cmd.Context(), held)
			}
			return a.listOrders(cmd.Context(), held)
		},
	}
	cmd.Flags().BoolVarP(&a.allNamespaces, "all-namespaces", "A", false, "of all namespaces")
	cmd.Flags().BoolVar(&held, "held", false, "only those that wait for a person")
	cmd.Flags().BoolVarP(&follow, "watch", "w", false, "go on with a line for each change")
	return cmd
}

// within limits a list to the namespace in force.
func (a *app) within() []client.ListOption {
	if a.allNamespaces {
		return nil
	}
	return []client.ListOption{client.InNamespace(a.namespace)}
}

func (a *app) listOrders(ctx context.Context, held bool) error {
	var list v1alpha1.ResellerOrderList
	if err := a.client.List(ctx, &list, a.within()...); err != nil {
		return err
	}
	list.Items = slices.DeleteFunc(list.Items, func(o v1alpha1.ResellerOrder) bool { return held && !isHeld(&o) })
	slices.SortFunc(list.Items, func(x, y v1alpha1.ResellerOrder) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ResellerOrderList"))
	return a.print(list, func(w io.Writer) error {
		if len(list.Items) == 0 {
			_, err := fmt.Fprintln(a.errOut, a.noOrders(held))
			return err
		}
		lines := [][]string{a.orderHeader()}
		for i := range list.Items {
			lines = append(lines, a.orderLine(&list.Items[i]))
		}
		return rows(w, lines)
	})
}

func (a *app) noOrders(held bool) string {
	what := "no orders"
	if held {
		what = "no orders that wait for a person"
	}
	if a.allNamespaces {
		return what
	}
	return what + " in namespace " + a.namespace
}

func isHeld(o *v1alpha1.ResellerOrder) bool { return o.Status.State == v1alpha1.OrderHeld }

func (a *app) orderHeader() []string {
	header := []string{"NAME", "CERTIFICATE", "ISSUER", "STATE", "PAID UNTIL", "EXPIRES", "AGE", "MESSAGE"}
	if a.allNamespaces {
		header = append([]string{"NAMESPACE"}, header...)
	}
	return header
}

func (a *app) orderLine(o *v1alpha1.ResellerOrder) []string {
	expires := none
	if c := o.Status.Certificate; c != nil {
		expires = dayOf(&c.NotAfter)
	}
	line := []string{
		o.Name, text(o.Spec.CertificateName), o.Spec.IssuerRef.Name, text(string(o.Status.State)),
		dayOf(o.Status.PaidUntil), expires, a.age(o.CreationTimestamp.Time), text(o.Status.Message),
	}
	if a.allNamespaces {
		line = append([]string{o.Namespace}, line...)
	}
	return line
}

// watchOrders writes a line for each change until it is interrupted.
func (a *app) watchOrders(ctx context.Context, held bool) error {
	if a.output != "" {
		return usage("--watch goes with the table only")
	}
	changes, err := a.client.Watch(ctx, &v1alpha1.ResellerOrderList{}, a.within()...)
	if err != nil {
		return err
	}
	defer changes.Stop()
	if err := rows(a.out, [][]string{append([]string{"TIME"}, a.orderHeader()...)}); err != nil {
		return err
	}
	for event := range changes.ResultChan() {
		o, ok := event.Object.(*v1alpha1.ResellerOrder)
		if !ok || event.Type == watch.Bookmark || held && !isHeld(o) {
			continue
		}
		line := a.orderLine(o)
		if event.Type == watch.Deleted {
			line[len(line)-1] = "deleted"
		}
		if err := rows(a.out, [][]string{append([]string{a.clock.Now().Format(time.TimeOnly)}, line...)}); err != nil {
			return err
		}
	}
	return nil
}

// findOrder finds an order by its name, or by that of its Certificate.
func (a *app) findOrder(ctx context.Context, name string) (*v1alpha1.ResellerOrder, error) {
	order := &v1alpha1.ResellerOrder{}
	err := a.client.Get(ctx, client.ObjectKey{Namespace: a.namespace, Name: name}, order)
	if err == nil || client.IgnoreNotFound(err) != nil {
		return order, err
	}
	var list v1alpha1.ResellerOrderList
	if err := a.client.List(ctx, &list, client.InNamespace(a.namespace)); err != nil {
		return nil, err
	}
	var found []*v1alpha1.ResellerOrder
	for i := range list.Items {
		if list.Items[i].Spec.CertificateName == name {
			found = append(found, &list.Items[i])
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("namespace %s has no ResellerOrder and no Certificate with an order of the name %q", a.namespace, name)
	case 1:
		return found[0], nil
	}
	names := make([]string, len(found))
	for i, o := range found {
		names[i] = o.Name
	}
	return nil, usage("Certificate %s has orders of several issuers: name one of %v", name, names)
}

// purchasesOf are the ledger's entries of an order, oldest first.
func (a *app) purchasesOf(ctx context.Context, order *v1alpha1.ResellerOrder) ([]v1alpha1.ResellerPurchase, error) {
	var list v1alpha1.ResellerPurchaseList
	if err := a.client.List(ctx, &list, client.MatchingLabels{v1alpha1.LabelOrderKey: order.Spec.Key}); err != nil {
		return nil, err
	}
	slices.SortFunc(list.Items, func(x, y v1alpha1.ResellerPurchase) int {
		return compareTimes(x.Spec.IntendedAt, y.Spec.IntendedAt)
	})
	return list.Items, nil
}

func compareTimes(x, y metav1.MicroTime) int { return x.Compare(y.Time) }
