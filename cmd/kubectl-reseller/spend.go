package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// spendGroups are the ways to add up, by name.
var spendGroups = map[string]func(*v1alpha1.ResellerPurchaseSpec) string{
	"issuer": func(p *v1alpha1.ResellerPurchaseSpec) string {
		return strings.TrimPrefix(p.IssuerRef.Namespace+"/"+p.IssuerRef.Name, "/")
	},
	"namespace": func(p *v1alpha1.ResellerPurchaseSpec) string { return p.OrderNamespace },
	"month":     func(p *v1alpha1.ResellerPurchaseSpec) string { return p.IntendedAt.UTC().Format("2006-01") },
	"account":   func(p *v1alpha1.ResellerPurchaseSpec) string { return p.Account.Reseller + " " + p.Account.Name },
}

// spendLine is one row: a group in one currency.
type spendLine struct {
	Group     string `json:"group"`
	Purchases int    `json:"purchases"`
	// Certificates got under these purchases.
	Certificates int `json:"certificates"`
	// Amount as a decimal number, in Currency or, where that is empty, the account's own.
	Amount   decimal.Decimal `json:"amount"`
	Currency string          `json:"currency,omitempty"`
	// Uncertain purchases have an open outcome; they are counted at the expected price.
	Uncertain int `json:"uncertain,omitempty"`
	// Unpriced purchases have a price that the reseller never told; it is not in Amount.
	Unpriced int `json:"unpriced,omitempty"`
}

func (a *app) spend() *cobra.Command {
	var by string
	var since time.Duration
	cmd := &cobra.Command{
		Use:     "spend",
		Short:   "Add up what was bought, by issuer, namespace, month or account",
		Example: "  kubectl reseller spend --by month\n  kubectl reseller spend -A --by namespace --since 720h",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			group, ok := spendGroups[by]
			if !ok {
				return usage("--by: %q: want issuer, namespace, month or account", by)
			}
			lines, err := a.sumUp(cmd.Context(), group, since)
			if err != nil {
				return err
			}
			return a.print(lines, func(w io.Writer) error { return writeSpend(w, by, lines) })
		},
	}
	cmd.Flags().BoolVarP(&a.allNamespaces, "all-namespaces", "A", false, "of all namespaces")
	cmd.Flags().StringVar(&by, "by", "issuer", "issuer, namespace, month or account")
	cmd.Flags().DurationVar(&since, "since", 0, "only purchases younger than this, for example 720h; by default all in the ledger")
	return cmd
}

func (a *app) sumUp(ctx context.Context, group func(*v1alpha1.ResellerPurchaseSpec) string, since time.Duration) ([]spendLine, error) {
	var list v1alpha1.ResellerPurchaseList
	if err := a.client.List(ctx, &list); err != nil {
		return nil, err
	}
	var from time.Time
	if since > 0 {
		from = a.clock.Now().Add(-since)
	}
	if !a.allNamespaces {
		list.Items = slices.DeleteFunc(list.Items, func(p v1alpha1.ResellerPurchase) bool { return p.Spec.OrderNamespace != a.namespace })
	}
	return sumUp(list.Items, group, from)
}

// sumUp adds what was charged, or may have been, since a time.
func sumUp(purchases []v1alpha1.ResellerPurchase, group func(*v1alpha1.ResellerPurchaseSpec) string, from time.Time) ([]spendLine, error) {
	sums := map[string]*spendLine{}
	for i := range purchases {
		p := &purchases[i].Spec
		if !charged(p.State) || p.IntendedAt.Time.Before(from) {
			continue
		}
		paid := p.Price
		if paid == nil {
			paid = p.ExpectedPrice
		}
		if paid == nil {
			paid = &v1alpha1.Money{Amount: "0"}
		}
		key := group(p) + "\x00" + paid.Currency
		line := sums[key]
		if line == nil {
			line = &spendLine{Group: group(p), Currency: paid.Currency}
			sums[key] = line
		}
		if err := line.add(p, paid.Amount); err != nil {
			return nil, fmt.Errorf("ResellerPurchase %s: %w", purchases[i].Name, err)
		}
	}
	lines := make([]spendLine, 0, len(sums))
	for _, key := range sortedKeys(sums) {
		lines = append(lines, *sums[key])
	}
	return lines, nil
}

func (l *spendLine) add(p *v1alpha1.ResellerPurchaseSpec, amount string) error {
	more, err := decimal.NewFromString(amount)
	if err != nil {
		return err
	}
	l.Amount = l.Amount.Add(more)
	l.Purchases++
	l.Certificates += len(p.Certificates)
	if p.State == v1alpha1.PurchaseIntended {
		l.Uncertain++
	}
	if p.Price == nil && p.ExpectedPrice == nil {
		l.Unpriced++
	}
	return nil
}

// charged reports whether a purchase in that state cost money, or may have.
func charged(state v1alpha1.PurchaseState) bool {
	return state != v1alpha1.PurchaseRefused && state != v1alpha1.PurchaseAbsent
}

func sortedKeys(sums map[string]*spendLine) []string {
	keys := make([]string, 0, len(sums))
	for key := range sums {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func writeSpend(w io.Writer, by string, lines []spendLine) error {
	table := [][]string{{strings.ToUpper(by), "PURCHASES", "CERTIFICATES", "AMOUNT", "CURRENCY", "NOTE"}}
	for _, l := range lines {
		var notes []string
		if l.Uncertain > 0 {
			notes = append(notes, count(l.Uncertain, "purchase")+" with an open outcome")
		}
		if l.Unpriced > 0 {
			notes = append(notes, count(l.Unpriced, "purchase")+" at a price that is not known")
		}
		table = append(table, []string{l.Group, fmt.Sprint(l.Purchases), fmt.Sprint(l.Certificates), l.Amount.StringFixed(2), text(l.Currency), text(strings.Join(notes, ", "))})
	}
	return rows(w, table)
}
