package suites

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

// emailed are the settings of an issuer that validates by e-mail.
func (s *scene) emailed(methods ...v1alpha1.DCVMethod) v1alpha1.ResellerIssuerSpec {
	settings := s.settings(productSingle)
	settings.DCV.Methods = append([]v1alpha1.DCVMethod{v1alpha1.DCVMethodEmail}, methods...)
	return settings
}

// at points settings to another reseller.
func (s *scene) at(name string, settings v1alpha1.ResellerIssuerSpec) v1alpha1.ResellerIssuerSpec {
	s.t.Helper()
	reseller := resellers()[name]
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "login"}, StringData: reseller.secret})
	settings.Reseller = reseller.make(v1alpha1.ResellerAccess{
		Endpoint:             world.ResellerURL() + reseller.path,
		CredentialsSecretRef: v1alpha1.SecretReference{Name: "login"}, Product: reseller.product,
	})
	settings.RateLimit = nil
	return settings
}

// awaitApproval waits until somebody has to click a link.
func (s *scene) awaitApproval() *v1alpha1.ResellerOrder {
	s.t.Helper()
	return s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		require.NotNil(c, order.Status.Waiting)
		assert.Equal(c, "AwaitingApproval", order.Status.Waiting.Reason, order.Status.Message)
	})
}

// tell asks something of the test's only order and returns the answer.
func (s *scene) tell(command v1alpha1.OrderCommand) v1alpha1.CommandAnswer {
	s.t.Helper()
	order := s.order(s.t)
	s.change(order, func() { order.Spec.Command = &command })
	var answer v1alpha1.CommandAnswer
	s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
		assert.Nil(c, order.Spec.Command)
		i := slices.IndexFunc(order.Status.Answers, func(a v1alpha1.CommandAnswer) bool { return a.ID == command.ID })
		require.GreaterOrEqual(c, i, 0)
		answer = order.Status.Answers[i]
	})
	return answer
}

// command asks something of an order's newest purchase and returns what became of it.
func (s *scene) command(order *v1alpha1.ResellerOrder, command v1alpha1.PurchaseCommand) *v1alpha1.ResellerPurchase {
	s.t.Helper()
	purchases := s.purchases(order)
	require.NotEmpty(s.t, purchases)
	purchase := &purchases[len(purchases)-1]
	s.change(purchase, func() { purchase.Spec.Command = &command })
	s.awaitAnswer(purchase, command.ID)
	return purchase
}

func (s *scene) awaitAnswer(purchase *v1alpha1.ResellerPurchase, id string) {
	s.t.Helper()
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(purchase), purchase))
		assert.Nil(c, purchase.Spec.Command)
		assert.True(c, slices.ContainsFunc(purchase.Spec.Answers, func(a v1alpha1.CommandAnswer) bool { return a.ID == id }))
	})
}

// query asks a question in a namespace and returns the answer.
func (s *scene) query(namespace string, spec v1alpha1.ResellerQuerySpec) v1alpha1.ResellerQueryStatus {
	s.t.Helper()
	query := &v1alpha1.ResellerQuery{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "ask-"}, Spec: spec}
	s.create(query)
	s.eventually(func(c *assert.CollectT) {
		require.NoError(c, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(query), query))
		assert.NotNil(c, query.Status.AnsweredAt)
	})
	return query.Status
}

// sandboxOrder is the sandbox's only order for the test's names.
func (s *scene) sandboxOrder() sandbox.Order {
	s.t.Helper()
	orders, err := world.Orders(s.t.Context())
	require.NoError(s.t, err)
	orders = slices.DeleteFunc(orders, func(o sandbox.Order) bool {
		return !slices.ContainsFunc(o.Issuances, func(i *sandbox.Issuance) bool { return below(i.Names[0], s.domain) })
	})
	require.Len(s.t, orders, 1)
	return orders[0]
}

// TestApprovalByEmail has a person approve the CA's message, after it was sent again.
func TestApprovalByEmail(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	certificate := s.certificate("site", s.issuer(s.emailed()), s.domain)
	s.create(certificate)
	order := s.awaitApproval()
	assert.Contains(t, order.Status.Message, "@")
	answer := s.tell(v1alpha1.OrderCommand{ID: "again", Verb: v1alpha1.OrderResendEmail, By: "ada"})
	assert.Equal(t, v1alpha1.CommandDone, answer.Outcome, answer.Message)
	answer = s.tell(v1alpha1.OrderCommand{ID: "and again", Verb: v1alpha1.OrderResendEmail})
	assert.Equal(t, v1alpha1.CommandRefused, answer.Outcome, answer.Message)

	require.NoError(t, world.Approve(t.Context(), s.sandboxOrder().ID))
	answer = s.tell(v1alpha1.OrderCommand{ID: "look", Verb: v1alpha1.OrderRetry})
	assert.Equal(t, v1alpha1.CommandDone, answer.Outcome, answer.Message)
	s.awaitReady(certificate)
	s.checkSecret(certificate)
	s.paidOnce()
	assert.Empty(t, s.records(t))
}

// TestChangeOfMethod moves an order that waits for a person to a record.
func TestChangeOfMethod(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	certificate := s.certificate("site", s.issuer(s.emailed(v1alpha1.DCVMethodCNAME)), s.domain)
	s.create(certificate)
	s.awaitApproval()
	answer := s.tell(v1alpha1.OrderCommand{ID: "by-record", Verb: v1alpha1.OrderChangeMethod, Method: v1alpha1.DCVMethodCNAME})
	require.Equal(t, v1alpha1.CommandDone, answer.Outcome, answer.Message)
	s.awaitReady(certificate)
	s.checkSecret(certificate)
	s.paidOnce()
	s.awaitNoRecords()
}

// TestCancelOnRequest ends an order that nobody approves, once by a command and once by the
// deletion of its ResellerOrder.
func TestCancelOnRequest(t *testing.T) {
	t.Parallel()
	t.Run("command", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		s.create(s.certificate("site", s.issuer(s.at("resello", s.emailed())), s.domain))
		purchase := s.command(s.awaitApproval(), v1alpha1.PurchaseCommand{ID: "enough", Verb: v1alpha1.PurchaseCancel, By: "ada"})
		assert.Equal(t, v1alpha1.CommandDone, purchase.Spec.Answers[0].Outcome, purchase.Spec.Answers[0].Message)
		assert.Contains(t, purchase.Spec.Answers[0].Message, "grace period")
		assert.Equal(t, v1alpha1.PurchaseCancelled, purchase.Spec.State)
		s.awaitHeld("OrderCancelled")
		assert.Equal(t, sandbox.StateCancelled, s.sandboxOrder().State)
	})
	t.Run("deletion", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		settings := s.at("resello", s.emailed())
		settings.Purchase.DeletionPolicy = v1alpha1.DeletionCancelUnissued
		certificate := s.certificate("site", s.issuer(settings), s.domain)
		s.create(certificate)
		order := s.awaitApproval()
		purchase := s.purchases(order)[0]
		s.remove(certificate)
		s.awaitOrder(func(c *assert.CollectT, order *v1alpha1.ResellerOrder) {
			assert.Equal(c, v1alpha1.OrderIdle, order.Status.State)
			assert.Contains(c, order.Finalizers, v1alpha1.FinalizerUnissued)
		})
		assert.Equal(t, sandbox.StateAwaitingValidation, s.sandboxOrder().State, "the deletion of a Certificate cancels nothing")
		s.remove(order)
		s.awaitAnswer(&purchase, "deleted-"+string(order.UID))
		assert.Equal(t, v1alpha1.PurchaseCancelled, purchase.Spec.State)
		assert.Empty(t, s.orders(t))
		assert.Equal(t, sandbox.StateCancelled, s.sandboxOrder().State)
	})
}

// TestRevokeOnRequest revokes the certificate of a Certificate that is gone with its order.
func TestRevokeOnRequest(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	certificate := s.certificate("site", s.issuer(s.at("connectreseller", s.settings(productSingle))), s.domain)
	leaf := s.obtain(certificate)
	order := s.order(t)
	s.awaitNoRecords()
	s.remove(certificate)
	s.remove(order)
	purchase := s.command(order, v1alpha1.PurchaseCommand{ID: "leaked", Verb: v1alpha1.PurchaseRevoke, Serial: leaf.SerialNumber.Text(16), By: "ada"})
	assert.Equal(t, v1alpha1.CommandDone, purchase.Spec.Answers[0].Outcome, purchase.Spec.Answers[0].Message)
	assert.NotNil(t, purchase.Spec.Certificates[0].RevokedAt)
	assert.Len(t, s.charges(sandbox.EntryRevoke), 1)
}

// TestQueries asks what an issuer's owner wants to know. Nothing of it has an effect.
func TestQueries(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productSingle)
	s.issuer(settings)
	mine := &v1alpha1.QueryIssuerReference{Name: issuerName}

	products := s.query(s.namespace, v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskProducts})
	assert.Equal(t, v1alpha1.QueryAnswered, products.State, products.Message)
	assert.True(t, slices.ContainsFunc(products.Products, func(p v1alpha1.QueryProduct) bool { return p.ID == productSingle && len(p.Prices) > 0 }))

	price := s.query(s.namespace, v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskPrice, Names: []string{s.domain}})
	require.NotNil(t, price.Price, price.Message)
	balance := s.query(s.namespace, v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskBalance})
	require.NotNil(t, balance.Balance, balance.Message)
	assert.Equal(t, v1alpha1.QueryAnswered, s.query(s.namespace, v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskOrders}).State)

	draft := settings
	draft.Purchase.PriceLimit = &v1alpha1.Money{Amount: "0.01"}
	check := s.query(s.namespace, v1alpha1.ResellerQuerySpec{Issuer: &draft, Ask: v1alpha1.AskCheck, Names: []string{s.domain}})
	assert.Contains(t, check.Message, "no certificate would come: 1 error(s)", "%+v", check.Findings)
	check = s.query(s.namespace, v1alpha1.ResellerQuerySpec{IssuerRef: mine, Ask: v1alpha1.AskCheck, Names: []string{s.domain}})
	assert.NotContains(t, check.Message, "error", "%+v", check.Findings)
	s.nothingBought()

	issuer := s.clusterIssuer(settings, s.namespace)
	shared := &v1alpha1.QueryIssuerReference{Kind: "ResellerClusterIssuer", Name: issuer.Name}
	elsewhere := s.query(s.namespace, v1alpha1.ResellerQuerySpec{IssuerRef: shared, Ask: v1alpha1.AskBalance})
	assert.Equal(t, v1alpha1.QueryFailed, elsewhere.State)
	assert.Nil(t, elsewhere.Balance)
	assert.Equal(t, v1alpha1.QueryAnswered, s.query(lab.Namespace, v1alpha1.ResellerQuerySpec{IssuerRef: shared, Ask: v1alpha1.AskBalance}).State)
}

// TestWhatCanBeAsked has commands and queries that the API refuses.
func TestWhatCanBeAsked(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	order := &v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "kept"},
		Spec:       v1alpha1.ResellerOrderSpec{Key: someKey, IssuerRef: v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: s.namespace, Name: "none"}},
	}
	s.create(order)
	for text, command := range map[string]v1alpha1.OrderCommand{
		"method is for ChangeMethod": {ID: "a", Verb: v1alpha1.OrderChangeMethod},
		"domain is for":              {ID: "a", Verb: v1alpha1.OrderRetry, Domain: "a.example.com"},
		"email is for":               {ID: "a", Verb: v1alpha1.OrderChangeMethod, Method: v1alpha1.DCVMethodTXT, Email: "a@example.com"},
	} {
		changed := order.DeepCopy()
		changed.Spec.Command = &command
		assert.ErrorContains(t, s.c.Patch(t.Context(), changed, client.MergeFrom(order), client.DryRunAll), text)
	}
	settings := s.settings(productSingle)
	for text, spec := range map[string]v1alpha1.ResellerQuerySpec{
		"exactly one of issuerRef, issuer": {Ask: v1alpha1.AskBalance},
		"Price needs names":                {Ask: v1alpha1.AskPrice, Issuer: &settings},
	} {
		query := &v1alpha1.ResellerQuery{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "odd"}, Spec: spec}
		assert.ErrorContains(t, s.c.Create(t.Context(), query), text)
	}
	query := &v1alpha1.ResellerQuery{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "kept"}, Spec: v1alpha1.ResellerQuerySpec{Ask: v1alpha1.AskBalance, Issuer: &settings}}
	s.create(query)
	s.get(query)
	changed := query.DeepCopy()
	changed.Spec.Ask = v1alpha1.AskProducts
	assert.ErrorContains(t, s.c.Patch(t.Context(), changed, client.MergeFrom(query)), "a query can't be changed")
}
