package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// troubleshooting explains each reason.
const troubleshooting = "https://github.com/reseller-issuer/reseller-issuer/blob/main/docs/troubleshooting.md#"

// maxEvents bounds how many events are shown.
const maxEvents = 10

// description is what describe shows.
type description struct {
	Order     *v1alpha1.ResellerOrder     `json:"order"`
	Purchases []v1alpha1.ResellerPurchase `json:"purchases"`
	// PurchasesHidden says why the purchases could not be read.
	PurchasesHidden string           `json:"purchasesHidden,omitempty"`
	Events          []eventsv1.Event `json:"events"`
}

func (a *app) describe() *cobra.Command {
	return &cobra.Command{
		Use:   "describe NAME",
		Short: "Tell what an order waits for, since when, and what to do",
		Long: `Tell what an order waits for, since when, and what to do.

NAME is that of the ResellerOrder or of its Certificate.`,
		Example: "  kubectl reseller describe shop -n shop",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.describeOrder(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(d, func(w io.Writer) error { return a.writeDescription(w, d) })
		},
	}
}

// describeOrder reads an order, what pays for it, and its events. Who may not read the
// ledger still sees the rest.
func (a *app) describeOrder(ctx context.Context, name string) (*description, error) {
	order, err := a.findOrder(ctx, name)
	if err != nil {
		return nil, err
	}
	d := &description{Order: order}
	d.Purchases, err = a.purchasesOf(ctx, order)
	if apierrors.IsForbidden(err) {
		d.PurchasesHidden = "you may not read ResellerPurchases"
	} else if err != nil {
		return nil, err
	}
	var events eventsv1.EventList
	if err := a.client.List(ctx, &events, client.InNamespace(order.Namespace)); err != nil && !apierrors.IsForbidden(err) {
		return nil, err
	}
	for _, event := range events.Items {
		if event.Regarding.UID == order.UID {
			d.Events = append(d.Events, event)
		}
	}
	slices.SortFunc(d.Events, func(x, y eventsv1.Event) int { return eventTime(&x).Compare(eventTime(&y)) })
	d.Events = d.Events[max(0, len(d.Events)-maxEvents):]
	return d, nil
}

// eventTime is when an event was last seen.
func eventTime(e *eventsv1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

// writeDescription is one section after the other; each leaves out what doesn't apply.
func (a *app) writeDescription(w io.Writer, d *description) error {
	for _, section := range []func(io.Writer, *description) error{
		a.writeHead, a.writeWaiting, writeChallenges, a.writePurchases, writeRecords, a.writeEvents,
	} {
		if err := section(w, d); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) writeHead(w io.Writer, d *description) error {
	o := d.Order
	lines := [][]string{
		{"Order:", o.Namespace + "/" + o.Name},
		{"Certificate:", text(o.Spec.CertificateName)},
		{"Issuer:", o.Spec.IssuerRef.Kind + " " + o.Spec.IssuerRef.Name},
		{"State:", text(string(o.Status.State))},
	}
	if r := o.Spec.Request; r != nil {
		lines = append(lines,
			[]string{"Names:", strings.Join(r.Names, ", ")},
			[]string{"Request:", fmt.Sprintf("%s %s, %s ago", r.Kind, r.Name, a.age(r.CreatedAt.Time))})
	}
	if i := o.Status.Issuance; i != nil {
		how := string(i.Operation)
		if i.Method != "" {
			how += ", validated by " + string(i.Method)
		}
		lines = append(lines, []string{"Got by:", how}, []string{"In this state:", "since " + a.age(i.Since.Time)})
	}
	if c := o.Status.Certificate; c != nil {
		lines = append(lines, []string{"Last issued:", fmt.Sprintf("serial %s, valid until %s", c.Serial, dayOf(&c.NotAfter))})
	}
	return rows(w, lines)
}

// writeWaiting answers "what is it waiting for, since when, what do I do".
func (a *app) writeWaiting(w io.Writer, d *description) error {
	waiting := d.Order.Status.Waiting
	if waiting == nil {
		_, err := fmt.Fprintf(w, "\n%s\n", text(d.Order.Status.Message))
		return err
	}
	next := "it goes on by itself"
	if isHeld(d.Order) {
		next = "a person has to decide"
	}
	lines := [][]string{
		{"Waits for:", waiting.Message},
		{"Reason:", fmt.Sprintf("%s, since %s: %s", waiting.Reason, a.age(waiting.Since.Time), next)},
		{"Explained at:", troubleshooting + strings.ToLower(waiting.Reason)},
	}
	if at := d.Order.Status.NextAttemptAt; at != nil && at.After(a.clock.Now()) {
		lines = append(lines, []string{"Looks again:", "at " + at.UTC().Format(time.RFC3339)})
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return rows(w, lines)
}

func writeChallenges(w io.Writer, d *description) error {
	if d.Order.Status.Issuance == nil || len(d.Order.Status.Issuance.Challenges) == 0 {
		return nil
	}
	lines := [][]string{{"\nDOMAIN", "METHOD", "TO PUBLISH", "SEEN", "VALIDATED"}}
	for _, c := range d.Order.Status.Issuance.Challenges {
		lines = append(lines, []string{c.Domain, string(c.Method), challengeText(&c), yesNo(c.Seen), yesNo(c.Validated)})
	}
	return rows(w, lines)
}

func challengeText(c *v1alpha1.OrderChallenge) string {
	switch {
	case c.RecordName != "":
		return fmt.Sprintf("%s %s %s", c.RecordName, c.Method, c.RecordValue)
	case len(c.URLs) > 0:
		return "file at " + c.URLs[0]
	case len(c.Emails) > 0:
		return "a click in the message to " + strings.Join(c.Emails, " or ")
	}
	return none
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (a *app) writePurchases(w io.Writer, d *description) error {
	if d.PurchasesHidden != "" {
		_, err := fmt.Fprintf(w, "\nPurchases: %s\n", d.PurchasesHidden)
		return err
	}
	if len(d.Purchases) == 0 {
		_, err := fmt.Fprintln(w, "\nNothing was bought for this order.")
		return err
	}
	lines := [][]string{{"\nPURCHASE", "STATE", "PRICE", "PAID UNTIL", "CERTIFICATES", "ORDER AT THE RESELLER", "AGE"}}
	for i := range d.Purchases {
		p := &d.Purchases[i].Spec
		lines = append(lines, []string{
			d.Purchases[i].Name, string(p.State), price(cmp.Or(p.Price, p.ExpectedPrice)), dayOf(p.PaidUntil),
			fmt.Sprint(len(p.Certificates)), orderIDs(p.OrderIDs), a.age(p.IntendedAt.Time),
		})
	}
	return rows(w, lines)
}

func orderIDs(ids []v1alpha1.OrderID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.Name + "=" + id.Value
	}
	return text(strings.Join(texts, " "))
}

func writeRecords(w io.Writer, d *description) error {
	if len(d.Order.Status.Records) == 0 {
		return nil
	}
	lines := [][]string{{"\nPUBLISHED", "TYPE", "VALUE", "REMOVAL"}}
	for _, r := range d.Order.Status.Records {
		lines = append(lines, []string{r.Name, string(r.Type), r.Value, text(r.CleanupMessage)})
	}
	return rows(w, lines)
}

func (a *app) writeEvents(w io.Writer, d *description) error {
	if len(d.Events) == 0 {
		return nil
	}
	lines := [][]string{{"\nEVENT", "AGE", "NOTE"}}
	for i := range d.Events {
		lines = append(lines, []string{d.Events[i].Reason, a.age(eventTime(&d.Events[i])), d.Events[i].Note})
	}
	return rows(w, lines)
}
