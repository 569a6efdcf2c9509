package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// The kinds of issuers, and what they may be called on the command line.
const (
	kindIssuer        = "ResellerIssuer"
	kindClusterIssuer = "ResellerClusterIssuer"
)

var issuerKinds = map[string]string{
	"":               kindIssuer,
	"ri":             kindIssuer,
	"resellerissuer": kindIssuer, "resellerissuers": kindIssuer,
	"rci":                   kindClusterIssuer,
	"resellerclusterissuer": kindClusterIssuer, "resellerclusterissuers": kindClusterIssuer,
}

// question is what the flags of a query say.
type question struct {
	ask      v1alpha1.QueryAsk
	manifest string
	names    []string
	// clusterNamespace is the controller's cluster resource namespace.
	clusterNamespace string
}

const issuerHelp = "ISSUER is the name of a ResellerIssuer in the namespace, or rci/NAME for a ResellerClusterIssuer."

// queries are the verbs that ask the reseller, through the controller and without any effect.
func (a *app) queries() []*cobra.Command {
	return []*cobra.Command{
		a.query(v1alpha1.AskProducts, "products ISSUER", "List what the reseller sells to the account", writeProducts),
		a.query(v1alpha1.AskPrice, "price ISSUER --names NAMES", "Ask what a certificate for names would cost now", writePrice),
		a.query(v1alpha1.AskBalance, "balance ISSUER", "Ask how much money the account has left", writeBalance),
		a.query(v1alpha1.AskOrders, "inventory ISSUER", "List the account's orders at the reseller, and which stand in the ledger", writeInventory),
		a.query(v1alpha1.AskCheck, "check ISSUER [--names NAMES]", "Say what would stand in the way of a certificate, without buying or publishing anything", writeFindings),
	}
}

func (a *app) query(ask v1alpha1.QueryAsk, use, short string, write func(io.Writer, *v1alpha1.ResellerQuery) error) *cobra.Command {
	q := question{ask: ask}
	verb, _, _ := strings.Cut(use, " ")
	cmd := &cobra.Command{
		Use: use, Short: short,
		Long:    short + ".\n\n" + issuerHelp + "\nWith --filename the spec of an issuer that isn't applied yet is asked about.",
		Example: fmt.Sprintf("  kubectl reseller %s positivessl -n shop\n  kubectl reseller %s -f issuer.yaml -n shop", verb, verb),
		Args:    arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := a.newQuery(q, args)
			if err != nil {
				return err
			}
			if err := a.askController(cmd.Context(), query); err != nil {
				return err
			}
			if err := a.print(query.Status, func(w io.Writer) error { return write(w, query) }); err != nil {
				return err
			}
			return blocking(query)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&q.manifest, "filename", "f", "", "file with an issuer that isn't applied yet; - for standard input")
	flags.StringSliceVar(&q.names, "names", nil, "DNS names of the certificate, separated by commas")
	flags.StringVar(&q.clusterNamespace, "cluster-resource-namespace", "reseller-issuer", "the controller's flag of that name: where ResellerClusterIssuers are asked about")
	flags.DurationVar(&a.timeout, "timeout", 2*time.Minute, "how long to wait for the answer")
	return cmd
}

// newQuery makes the object of a question.
func (a *app) newQuery(q question, args []string) (*v1alpha1.ResellerQuery, error) {
	if (q.manifest == "") == (len(args) == 0) {
		return nil, usage("give either the name of an issuer or --filename")
	}
	if q.ask == v1alpha1.AskPrice && len(q.names) == 0 {
		return nil, usage("--names: say for which names")
	}
	query := &v1alpha1.ResellerQuery{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, GenerateName: "kubectl-"},
		Spec:       v1alpha1.ResellerQuerySpec{Ask: q.ask, Names: q.names},
	}
	var kind string
	if q.manifest != "" {
		var err error
		if kind, query.Spec.Issuer, err = a.readIssuer(q.manifest); err != nil {
			return nil, err
		}
	} else {
		ref, err := parseIssuer(args[0])
		if err != nil {
			return nil, err
		}
		kind, query.Spec.IssuerRef = ref.Kind, ref
	}
	if kind == kindClusterIssuer {
		query.Namespace, query.Spec.Namespace = q.clusterNamespace, a.namespace
	}
	return query, nil
}

func parseIssuer(arg string) (*v1alpha1.QueryIssuerReference, error) {
	prefix, name, found := strings.Cut(arg, "/")
	if !found {
		prefix, name = "", arg
	}
	kind, ok := issuerKinds[strings.ToLower(prefix)]
	if !ok || name == "" {
		return nil, usage("%q is no issuer: want NAME, resellerissuer/NAME or resellerclusterissuer/NAME", arg)
	}
	return &v1alpha1.QueryIssuerReference{Kind: kind, Name: name}, nil
}

// readIssuer reads the manifest of an issuer.
func (a *app) readIssuer(path string) (string, *v1alpha1.ResellerIssuerSpec, error) {
	content, err := a.readFile(path)
	if err != nil {
		return "", nil, fmt.Errorf("--filename: %w", err)
	}
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(content, &kind); err != nil {
		return "", nil, fmt.Errorf("--filename: %s: %w", path, err)
	}
	switch kind.Kind {
	case kindIssuer:
		var issuer v1alpha1.ResellerIssuer
		err := yaml.UnmarshalStrict(content, &issuer)
		return kindIssuer, &issuer.Spec, wrap(path, err)
	case kindClusterIssuer:
		var issuer v1alpha1.ResellerClusterIssuer
		err := yaml.UnmarshalStrict(content, &issuer)
		return kindClusterIssuer, &issuer.Spec.ResellerIssuerSpec, wrap(path, err)
	}
	return "", nil, usage("--filename: %s has kind %q: want one ResellerIssuer or ResellerClusterIssuer", path, kind.Kind)
}

func wrap(path string, err error) error {
	if err != nil {
		return fmt.Errorf("--filename: %s: %w", path, err)
	}
	return nil
}

func (a *app) readFile(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(a.in)
	}
	return os.ReadFile(path) //nolint:gosec // the person names a file of his own
}

// askController creates the query and waits until the controller has answered.
func (a *app) askController(ctx context.Context, query *v1alpha1.ResellerQuery) error {
	if err := a.client.Create(ctx, query); err != nil {
		return err
	}
	err := a.await(ctx, query, func() bool { return query.Status.AnsweredAt != nil })
	if err != nil {
		return fmt.Errorf("ResellerQuery %s/%s: %w", query.Namespace, query.Name, err)
	}
	if query.Status.State == v1alpha1.QueryFailed {
		return coded{exitRefused, errors.New(query.Status.Message)}
	}
	return nil
}

// blocking is an error if a check found what stands in the way.
func blocking(query *v1alpha1.ResellerQuery) error {
	blocks := 0
	for _, f := range query.Status.Findings {
		if f.Severity == v1alpha1.SeverityError {
			blocks++
		}
	}
	if blocks == 0 {
		return nil
	}
	return coded{exitRefused, fmt.Errorf("no certificate would come: %s", count(blocks, "problem"))}
}

func writeProducts(w io.Writer, query *v1alpha1.ResellerQuery) error {
	table := [][]string{{"ID", "NAME", "BRAND", "VALIDATION", "WILDCARD", "NAMES", "PRICES"}}
	for _, p := range query.Status.Products {
		prices := make([]string, len(p.Prices))
		for i, term := range p.Prices {
			prices[i] = fmt.Sprintf("%d months %s", term.Months, price(&term.Price))
		}
		names := none
		if p.MaxNames > 0 {
			names = fmt.Sprint(p.MaxNames)
		}
		table = append(table, []string{p.ID, text(p.Name), text(p.Brand), text(p.Validation), text(string(p.Wildcard)), names, text(strings.Join(prices, ", "))})
	}
	return writeList(w, table, query.Status.Omitted)
}

func writeInventory(w io.Writer, query *v1alpha1.ResellerQuery) error {
	table := [][]string{{"ORDER", "STATE", "NAMES", "PRICE", "PAID UNTIL", "PURCHASE"}}
	for _, o := range query.Status.Orders {
		table = append(table, []string{
			orderIDs(o.OrderIDs), text(o.State), text(strings.Join(o.Names, ",")), price(o.Price), dayOf(o.PaidUntil), text(o.Purchase),
		})
	}
	return writeList(w, table, query.Status.Omitted)
}

// writeList says how much the API had no room for.
func writeList(w io.Writer, table [][]string, omitted int32) error {
	if err := rows(w, table); err != nil || omitted == 0 {
		return err
	}
	_, err := fmt.Fprintf(w, "%d more are not shown\n", omitted)
	return err
}

func writePrice(w io.Writer, query *v1alpha1.ResellerQuery) error {
	_, err := fmt.Fprintln(w, price(query.Status.Price))
	return err
}

func writeBalance(w io.Writer, query *v1alpha1.ResellerQuery) error {
	_, err := fmt.Fprintln(w, price(query.Status.Balance))
	return err
}

func writeFindings(w io.Writer, query *v1alpha1.ResellerQuery) error {
	table := [][]string{{"SUBJECT", "SEVERITY", "FINDING"}}
	for _, f := range query.Status.Findings {
		table = append(table, []string{f.Subject, string(f.Severity), f.Message})
	}
	return rows(w, table)
}
