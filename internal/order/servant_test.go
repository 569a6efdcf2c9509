package order

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// servant does what people ask for, beside what is usual.
type servant struct {
	usual
	// sees says which lost calls Find recognises, and how surely.
	sees map[providers.OperationKind]providers.Evidence
	// done are the calls of each kind that had their effect.
	done map[providers.OperationKind][]string
}

func withServant(w *world) {
	p := w.reseller
	p.profile.CancelEffect, p.profile.RevokeEffect = "the money comes back", "only this one"
	w.provider = &servant{
		usual: usual{p, validates{p}, reissues{p}},
		sees:  map[providers.OperationKind]providers.Evidence{}, done: map[providers.OperationKind][]string{},
	}
}

func (w *world) servant() *servant { return w.provider.(*servant) }

func (s *servant) once(kind providers.OperationKind, intent *providers.Intent, what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := string(kind)
	f := s.meet(call)
	if err := intent.Spend(kind); err != nil {
		return &providers.Error{Kind: providers.Unavailable, Provider: "cyberssl", Operation: call, Message: err.Error()}
	}
	s.sent[intent.Name()]++
	if f == nil || f.effect {
		s.done[kind] = append(s.done[kind], what)
	}
	if f == nil {
		return nil
	}
	return f.error(call)
}

func (s *servant) Cancel(_ context.Context, intent *providers.Intent, ids providers.IDs) error {
	return s.once(providers.Cancel, intent, ids["order_id"])
}

func (s *servant) Revoke(_ context.Context, intent *providers.Intent, _ providers.IDs, serial string) error {
	return s.once(providers.Revoke, intent, serial)
}

func (s *servant) AddNames(_ context.Context, intent *providers.Intent, ids providers.IDs, count int) (providers.Placed, error) {
	price := providers.Money{Amount: decimal.NewFromInt(int64(2 * count)), Currency: "EUR"}
	return providers.Placed{IDs: ids, Price: &price}, s.once(providers.AddNames, intent, fmt.Sprint(count))
}

// Price is 5 for two names and 2 for each further one.
func (s *servant) Price(_ context.Context, request providers.Request) (providers.Money, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return providers.Money{Amount: decimal.NewFromInt(int64(5 + 2*(len(request.Names)-2))), Currency: "EUR"}, s.meet("price").error("price")
}

func (s *servant) Find(ctx context.Context, trace providers.Trace) ([]providers.Found, error) {
	if !slices.Contains([]providers.OperationKind{providers.Cancel, providers.Revoke, providers.AddNames}, trace.Kind) {
		return s.reseller.Find(ctx, trace)
	}
	evidence, ok := s.sees[trace.Kind]
	if !ok {
		return nil, nil
	}
	return []providers.Found{{Order: providers.Order{IDs: trace.IDs}, Evidence: evidence}}, nil
}

func (s *servant) ChangeMethod(_ context.Context, _ providers.IDs, domain string, method providers.Method, email string) ([]providers.Challenge, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.meet("change"); f != nil {
		return nil, f.error("change")
	}
	challenge := providers.Challenge{Domain: domain, Method: method, RecordName: "_new." + domain + ".", RecordValue: "target.ca.example."}
	if method == providers.MethodEmail {
		challenge = providers.Challenge{Domain: domain, Method: method, Emails: []string{email}, Chosen: email}
	}
	s.challenges = func([]byte) []providers.Challenge { return []providers.Challenge{challenge} }
	return []providers.Challenge{challenge}, nil
}

func (s *servant) ResendEmail(context.Context, providers.IDs, string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meet("resend").error("resend")
}

func (s *servant) Orders(context.Context) ([]providers.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.meet("list"); f != nil {
		return nil, f.error("list")
	}
	var list []providers.Order
	for _, o := range s.orders {
		list = append(list, providers.Order{IDs: providers.IDs{"order_id": o.id}, State: o.state})
	}
	return list, nil
}

// command asks something of the newest purchase.
func (w *world) command(verb v1alpha1.PurchaseVerb, edits ...func(*v1alpha1.PurchaseCommand)) {
	w.t.Helper()
	command := &v1alpha1.PurchaseCommand{ID: "ask-1", Verb: verb, By: "ada"}
	for _, edit := range edits {
		edit(command)
	}
	w.edit(len(w.purchases()), func(spec *v1alpha1.ResellerPurchaseSpec) { spec.Command = command })
}

// clerk lets the clerk work on the newest purchase until nothing is left to do, at most for a
// span of time.
func (w *world) clerk(span time.Duration) {
	w.t.Helper()
	clerk := &Clerk{orders: w.r}
	end := w.clock.Now().Add(span)
	for range 500 {
		before := w.newest()
		result, err := clerk.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&before)})
		require.NoError(w.t, err)
		changed := w.newest().ResourceVersion != before.ResourceVersion
		if !changed && (result.RequeueAfter == 0 || w.clock.Now().Add(result.RequeueAfter).After(end)) {
			return
		}
		w.clock.advance(result.RequeueAfter)
	}
	w.t.Fatal("the clerk never rests")
}

func (w *world) newest() v1alpha1.ResellerPurchase {
	w.t.Helper()
	all := w.purchases()
	return all[len(all)-1]
}

// answer is the newest answer of the newest purchase.
func (w *world) answer() v1alpha1.CommandAnswer {
	w.t.Helper()
	answers := w.newest().Spec.Answers
	require.NotEmpty(w.t, answers)
	return answers[len(answers)-1]
}

// tell asks something of the order and lets it work.
func (w *world) tell(command v1alpha1.OrderCommand) v1alpha1.CommandAnswer {
	w.t.Helper()
	order := w.order()
	command.By = "ada"
	order.Spec.Command = &command
	require.NoError(w.t, w.client.Update(w.t.Context(), order))
	for range 100 {
		result, err := w.reconcile()
		require.NoError(w.t, err)
		if w.order().Spec.Command == nil {
			break
		}
		w.clock.advance(result.RequeueAfter)
	}
	order = w.order()
	require.Nil(w.t, order.Spec.Command, "it is removed")
	answer := order.Status.Answers[len(order.Status.Answers)-1]
	require.Equal(w.t, command.ID, answer.ID)
	require.Equal(w.t, "ada", answer.By)
	return answer
}
