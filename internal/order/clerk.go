package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order/ledger"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// commandPatience is how long a command waits for what it needs, such as a usable issuer,
	// before it is refused: who asked wants to know.
	commandPatience = 10 * time.Minute
	// commandRetry spaces the looks at such a command.
	commandRetry = 15 * time.Second
)

// Clerk carries out what people ask of purchases: to cancel an order, to revoke a certificate,
// to buy room for names, to look again. It works on purchases and not on orders, because an
// order may be gone with its namespace long before.
type Clerk struct {
	// orders lends its clients, and above all the lock of each account's buyer.
	orders *Reconciler
	// waits are the times since which commands wait, by purchase and command id.
	waits sync.Map
}

// duty is what there is to do for a purchase.
type duty string

const (
	dutyNone    duty = ""
	dutyResolve duty = "Resolve"
	dutyRecover duty = "Recover"
	dutyForget  duty = "Forget"
	dutyObey    duty = "Obey"
)

// dutyOf decides. Purchases of another cluster are only read.
func dutyOf(p *v1alpha1.ResellerPurchase, clusterID string) duty {
	_, ours := openIntent(p)
	command := p.Spec.Command
	switch {
	case p.Spec.ClusterID != clusterID:
		return dutyNone
	case openCommand(p) && p.Spec.Resolution != nil && !ours:
		return dutyResolve
	case openCommand(p):
		return dutyRecover
	case command == nil:
		return dutyNone
	case ledger.Answered(p.Spec.Answers, command.ID):
		return dutyForget
	}
	return dutyObey
}

// openCommand reports whether the outcome of a call that a person asked for isn't known.
func openCommand(p *v1alpha1.ResellerPurchase) bool {
	op := p.Spec.CommandOperation
	return op != nil && op.Outcome == v1alpha1.OperationIntended
}

// Reconcile does one thing for a purchase; the change of the purchase brings the next.
func (c *Clerk) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	purchase := &v1alpha1.ResellerPurchase{}
	if err := c.orders.Client.Get(ctx, request.NamespacedName, purchase); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if dutyOf(purchase, c.orders.Ledger.ClusterID) == dutyNone {
		return ctrl.Result{}, nil
	}
	// What the cache still shows may have been done.
	purchase, err := c.orders.Ledger.Get(ctx, request.Name)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	after, err := c.work(ctx, purchase)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	return ctrl.Result{RequeueAfter: after}, err
}

func (c *Clerk) work(ctx context.Context, purchase *v1alpha1.ResellerPurchase) (time.Duration, error) {
	switch dutyOf(purchase, c.orders.Ledger.ClusterID) {
	case dutyResolve:
		return 0, c.resolve(ctx, purchase)
	case dutyRecover:
		return c.recover(ctx, purchase)
	case dutyForget:
		return 0, c.orders.Ledger.AnswerCommand(ctx, purchase.Name, *purchase.Spec.Command, "", "")
	case dutyObey:
		return c.obey(ctx, purchase)
	case dutyNone:
	}
	return 0, nil
}

// obey carries out a command that nobody has begun with.
func (c *Clerk) obey(ctx context.Context, purchase *v1alpha1.ResellerPurchase) (time.Duration, error) {
	if intent, open := openIntent(purchase); open {
		return c.postpone(ctx, purchase, fmt.Sprintf("the outcome of %s isn't known yet: ask again once it is", intent))
	}
	issuer := purchase.Spec.IssuerRef
	if to := purchase.Spec.Command.To; to != nil && to.IssuerRef != nil {
		issuer = *to.IssuerRef
	}
	supplier, err := c.orders.Suppliers.GetUncached(ctx, issuer)
	switch {
	case apierrors.IsNotFound(err) || errors.Is(err, ErrConfiguration):
		return c.postpone(ctx, purchase, "the issuer isn't usable: "+err.Error())
	case err != nil:
		return 0, err
	}
	if why := impossible(purchase, supplier); why != "" {
		return 0, c.answer(ctx, purchase, v1alpha1.CommandRefused, why)
	}
	do := c.operate
	switch purchase.Spec.Command.Verb {
	case v1alpha1.PurchaseRefresh:
		return c.refresh(ctx, purchase, supplier)
	case v1alpha1.PurchaseMove:
		do = c.move
	case v1alpha1.PurchaseCancel, v1alpha1.PurchaseRevoke, v1alpha1.PurchaseAddNames:
	}
	return c.alone(ctx, purchase, supplier, func(fresh *v1alpha1.ResellerPurchase) (time.Duration, error) {
		return do(ctx, fresh, supplier)
	})
}

// impossible says why a command can't be carried out, whatever is waited for.
func impossible(p *v1alpha1.ResellerPurchase, s *Supplier) string {
	command, account := p.Spec.Command, accountOf(p)
	switch {
	case s.Provider.Account() != account:
		return fmt.Sprintf("the purchase was paid by account %s at %s, and the issuer is another account now: point the issuer back", account.Name, account.Endpoint)
	case len(p.Spec.OrderIDs) == 0:
		return "the reseller never took this order"
	case command.Verb == v1alpha1.PurchaseRefresh || command.Verb == v1alpha1.PurchaseMove:
		return ""
	case s.Spec.Purchase.Mode == v1alpha1.PurchaseHold || s.Spec.Purchase.Mode == v1alpha1.PurchaseDryRun:
		return fmt.Sprintf("the issuer's spec.purchase.mode is %s: nothing is changed at the reseller until it is Live", s.Spec.Purchase.Mode)
	case p.Spec.State != v1alpha1.PurchaseBought && command.Verb != v1alpha1.PurchaseRevoke:
		return fmt.Sprintf("the purchase is %s: there is nothing to do it with", p.Spec.State)
	}
	return unable(p, s)
}

// unable says what the reseller's API lacks, or that the certificate isn't one of the purchase.
func unable(p *v1alpha1.ResellerPurchase, s *Supplier) string {
	command, reseller := p.Spec.Command, p.Spec.Account.Reseller
	ok := false
	switch command.Verb {
	case v1alpha1.PurchaseCancel:
		_, ok = s.Provider.(providers.Canceller)
	case v1alpha1.PurchaseAddNames:
		_, ok = s.Provider.(providers.NameAdder)
	case v1alpha1.PurchaseRevoke:
		_, ok = s.Provider.(providers.Revoker)
		i := slices.IndexFunc(p.Spec.Certificates, func(o v1alpha1.PurchasedCertificate) bool { return ledger.SameSerial(o.Serial, command.Serial) })
		switch {
		case i < 0:
			return fmt.Sprintf("no certificate of this purchase has the serial number %s: take it from spec.certificates", command.Serial)
		case p.Spec.Certificates[i].RevokedAt != nil:
			return "that certificate is revoked already"
		}
	case v1alpha1.PurchaseRefresh, v1alpha1.PurchaseMove:
		ok = true
	}
	if !ok {
		return fmt.Sprintf("the API of %s has no call for %s: use the reseller's panel, then ask for Refresh", reseller, command.Verb)
	}
	return ""
}

// postpone waits for something that may come right by itself, but not for ever.
func (c *Clerk) postpone(ctx context.Context, purchase *v1alpha1.ResellerPurchase, why string) (time.Duration, error) {
	key := purchase.Name + "/" + purchase.Spec.Command.ID
	since, _ := c.waits.LoadOrStore(key, c.orders.Now())
	if c.orders.Now().Sub(since.(time.Time)) < commandPatience {
		return commandRetry, nil
	}
	return 0, c.answer(ctx, purchase, v1alpha1.CommandRefused, why)
}

// answer tells who asked what became of it, without any call having been made.
func (c *Clerk) answer(ctx context.Context, purchase *v1alpha1.ResellerPurchase, outcome v1alpha1.CommandOutcome, message string) error {
	command := *purchase.Spec.Command
	if err := c.orders.Ledger.AnswerCommand(ctx, purchase.Name, command, outcome, message); err != nil {
		return err
	}
	c.tell(ctx, purchase, &command, outcome, message)
	return nil
}

// tell announces an answer where people and logs see it.
func (c *Clerk) tell(ctx context.Context, purchase *v1alpha1.ResellerPurchase, command *v1alpha1.PurchaseCommand, outcome v1alpha1.CommandOutcome, message string) {
	c.waits.Delete(purchase.Name + "/" + command.ID)
	kind := corev1.EventTypeNormal
	if outcome != v1alpha1.CommandDone {
		kind = corev1.EventTypeWarning
	}
	message = clip(message)
	log.FromContext(ctx).Info("answered a request", "verb", command.Verb, "id", command.ID, "by", command.By, "outcome", outcome, "answer", message)
	c.orders.Recorder.Eventf(purchase, nil, kind, string(command.Verb)+string(outcome), string(command.Verb), "%s", message[:min(len(message), maxNote)])
}

// refresh reads the order at the reseller and brings the ledger up to date.
func (c *Clerk) refresh(ctx context.Context, purchase *v1alpha1.ResellerPurchase, supplier *Supplier) (time.Duration, error) {
	var order providers.Order
	wait, err := c.ask(ctx, supplier, func(ctx context.Context) (err error) {
		order, err = supplier.Provider.Order(ctx, ledger.IDs(purchase.Spec.OrderIDs))
		return err
	})
	switch {
	case wait > 0:
		return wait, nil
	case err != nil:
		return 0, c.answer(ctx, purchase, v1alpha1.CommandFailed, err.Error())
	case !belongs(purchase, order):
		return 0, c.answer(ctx, purchase, v1alpha1.CommandFailed, fmt.Sprintf("order %s is for another CSR or other names: correct spec.orderIDs", describe(order.IDs)))
	}
	message := "the reseller says " + string(order.State)
	if order.Detail != "" {
		message += ": " + order.Detail
	}
	switch order.State {
	case providers.StateRejected, providers.StateCancelled, providers.StateExpired:
		err = c.orders.Ledger.Closed(ctx, purchase.Name, closedState(purchase, order, c.orders.Now()), order.Detail)
	case providers.StatePendingOrder, providers.StateAwaitingValidation, providers.StateIssuing, providers.StateIssued:
		err = c.orders.Ledger.Refreshed(ctx, purchase.Name, order)
	}
	if err != nil {
		return 0, err
	}
	return 0, c.answer(ctx, purchase, v1alpha1.CommandDone, message)
}

// ask makes a call that only reads, within the limits of the account. A wait says that it
// wasn't made.
func (c *Clerk) ask(ctx context.Context, supplier *Supplier, do func(context.Context) error) (time.Duration, error) {
	release, wait := c.orders.Limits.Reserve(supplier.Provider.Account().Key())
	if release == nil {
		return max(wait, 100*time.Millisecond), nil
	}
	ctx, cancel := context.WithTimeout(ctx, supplier.Provider.Profile().CallTimeout)
	defer cancel()
	err := do(ctx)
	release(err)
	return 0, err
}
