package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// commanded is a bought purchase of which something is asked.
func commanded(t *testing.T, l *Ledger, command v1alpha1.PurchaseCommand) *v1alpha1.ResellerPurchase {
	t.Helper()
	name := bought(t, l).Name
	require.NoError(t, l.Certified(t.Context(), name, v1alpha1.PurchasedCertificate{CSRDigest: "1", Serial: "0a1b"}, providers.Order{}))
	require.NoError(t, l.AskCommand(t.Context(), name, command))
	purchase, err := l.Get(t.Context(), name)
	require.NoError(t, err)
	return purchase
}

func TestIntendCommand(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	purchase := commanded(t, l, v1alpha1.PurchaseCommand{ID: "a", Verb: v1alpha1.PurchaseRevoke, Serial: "A1B", By: "ada"})
	intended, intent, err := l.IntendCommand(t.Context(), purchase, nil)
	require.NoError(t, err)
	spec := get(t, l, purchase.Name)
	assert.Nil(t, spec.Command, "it is carried out from here on, by whoever finds it")
	op := spec.CommandOperation
	assert.Equal(t, v1alpha1.PurchaseOperationRevoke, op.Kind)
	assert.Equal(t, "A1B", op.Serial)
	assert.Equal(t, "ada", op.Command.By)
	assert.Equal(t, op.Reference, intent.Reference())
	require.NoError(t, intent.Spend(providers.Revoke))
	require.ErrorIs(t, intent.Spend(providers.Revoke), providers.ErrIntentSpent)

	_, _, err = l.IntendCommand(t.Context(), purchase, nil)
	require.Error(t, err, "it was read before that")
	intended.Spec.Command = &v1alpha1.PurchaseCommand{ID: "b", Verb: v1alpha1.PurchaseCancel}
	_, _, err = l.IntendCommand(t.Context(), intended, nil)
	require.ErrorIs(t, err, ErrOpenIntent)
}

func TestCommandEnded(t *testing.T) {
	t.Parallel()
	const done, refused, absent = v1alpha1.OperationDone, v1alpha1.OperationRefused, v1alpha1.OperationAbsent
	revoke := v1alpha1.PurchaseCommand{ID: "a", Verb: v1alpha1.PurchaseRevoke, Serial: "A1B"}
	add := v1alpha1.PurchaseCommand{ID: "a", Verb: v1alpha1.PurchaseAddNames, Count: 3}
	cancel := v1alpha1.PurchaseCommand{ID: "a", Verb: v1alpha1.PurchaseCancel}
	cases := map[string]struct {
		command  v1alpha1.PurchaseCommand
		outcomes []v1alpha1.OperationOutcome
		answer   v1alpha1.CommandOutcome
		state    v1alpha1.PurchaseState
		revoked  bool
		added    int32
	}{
		"cancelled":               {cancel, []v1alpha1.OperationOutcome{done}, v1alpha1.CommandDone, v1alpha1.PurchaseCancelled, false, 0},
		"cancellation refused":    {cancel, []v1alpha1.OperationOutcome{refused}, v1alpha1.CommandFailed, v1alpha1.PurchaseBought, false, 0},
		"revoked":                 {revoke, []v1alpha1.OperationOutcome{done}, v1alpha1.CommandDone, v1alpha1.PurchaseBought, true, 0},
		"revoked after all":       {revoke, []v1alpha1.OperationOutcome{absent, done}, v1alpha1.CommandDone, v1alpha1.PurchaseBought, true, 0},
		"names added":             {add, []v1alpha1.OperationOutcome{done}, v1alpha1.CommandDone, v1alpha1.PurchaseBought, false, 3},
		"names refused":           {add, []v1alpha1.OperationOutcome{refused}, v1alpha1.CommandFailed, v1alpha1.PurchaseBought, false, 0},
		"names added after all":   {add, []v1alpha1.OperationOutcome{absent, done}, v1alpha1.CommandDone, v1alpha1.PurchaseBought, false, 3},
		"what is done stays done": {cancel, []v1alpha1.OperationOutcome{done, absent}, v1alpha1.CommandDone, v1alpha1.PurchaseCancelled, false, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(fakeClient(t))
			purchase := commanded(t, l, tc.command)
			intended, _, err := l.IntendCommand(t.Context(), purchase, Money(euro("7")))
			require.NoError(t, err)
			for _, outcome := range tc.outcomes {
				require.NoError(t, l.CommandEnded(t.Context(), purchase.Name, intended.Spec.CommandOperation.ID, outcome, "words", Money(euro("6"))))
			}
			require.NoError(t, l.CommandEnded(t.Context(), purchase.Name, "op-0", done, "of another operation", nil))
			spec := get(t, l, purchase.Name)
			require.Len(t, spec.Answers, 1)
			assert.Equal(t, tc.answer, spec.Answers[0].Outcome)
			assert.Equal(t, "words", spec.Answers[0].Message)
			assert.Equal(t, tc.state, spec.State)
			assert.Equal(t, tc.revoked, spec.Certificates[0].RevokedAt != nil)
			added := int32(0)
			for _, addition := range spec.Additions {
				added += addition.Count
				assert.Equal(t, "6.00", addition.Price.Amount)
			}
			assert.Equal(t, tc.added, added)
		})
	}
}

func TestAnswerCommand(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	command := v1alpha1.PurchaseCommand{ID: "a", Verb: v1alpha1.PurchaseCancel, By: "ada"}
	name := commanded(t, l, command).Name
	require.NoError(t, l.AnswerCommand(t.Context(), name, v1alpha1.PurchaseCommand{ID: "b"}, v1alpha1.CommandRefused, ""))
	assert.NotNil(t, get(t, l, name).Command, "another one stands there")
	require.NoError(t, l.AnswerCommand(t.Context(), name, command, v1alpha1.CommandRefused, strings.Repeat("x", 2000)))
	spec := get(t, l, name)
	assert.Nil(t, spec.Command)
	require.Len(t, spec.Answers, 1)
	assert.Len(t, spec.Answers[0].Message, maxMessage)
	assert.Equal(t, "ada", spec.Answers[0].By)

	require.NoError(t, l.AskCommand(t.Context(), name, command))
	assert.Nil(t, get(t, l, name).Command, "it has its answer")
	for i := range 2 * maxAnswers {
		next := v1alpha1.PurchaseCommand{ID: fmt.Sprint(i), Verb: v1alpha1.PurchaseRefresh}
		require.NoError(t, l.AskCommand(t.Context(), name, next))
		require.NoError(t, l.AskCommand(t.Context(), name, v1alpha1.PurchaseCommand{ID: "late"}))
		assert.Equal(t, fmt.Sprint(i), get(t, l, name).Command.ID, "a person's comes first")
		require.NoError(t, l.AnswerCommand(t.Context(), name, next, v1alpha1.CommandDone, ""))
	}
	answers := get(t, l, name).Answers
	require.Len(t, answers, maxAnswers)
	assert.Equal(t, "31", answers[maxAnswers-1].ID)
}

func TestAskCommandOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	command := v1alpha1.PurchaseCommand{ID: "deleted", Verb: v1alpha1.PurchaseCancel}
	purchase := commanded(t, l, command)
	_, _, err := l.IntendCommand(t.Context(), purchase, nil)
	require.NoError(t, err)
	require.NoError(t, l.AskCommand(t.Context(), purchase.Name, command))
	assert.Nil(t, get(t, l, purchase.Name).Command, "it is under way")
}

func TestMethodChanged(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	purchase := bought(t, l)
	require.NoError(t, l.MethodChanged(t.Context(), purchase.Name, purchase.Spec.CSRDigest, v1alpha1.DCVMethodTXT))
	assert.Equal(t, v1alpha1.DCVMethodTXT, get(t, l, purchase.Name).Method)
	purchase, err := l.Get(t.Context(), purchase.Name)
	require.NoError(t, err)
	_, _, err = l.IntendOperation(t.Context(), purchase, reissueOf("csr-2"))
	require.NoError(t, err)
	require.NoError(t, l.MethodChanged(t.Context(), purchase.Name, reissueOf("csr-2").CSRDigest, v1alpha1.DCVMethodFile))
	spec := get(t, l, purchase.Name)
	assert.Equal(t, v1alpha1.DCVMethodTXT, spec.Method)
	assert.Equal(t, v1alpha1.DCVMethodFile, spec.Operation.Method)
}

func TestSameSerial(t *testing.T) {
	t.Parallel()
	assert.True(t, SameSerial("00AB", "ab"))
	assert.False(t, SameSerial("ab0", "ab"))
}

// A purchase that was moved away keeps its name; the next one of its old key passes it over.
func TestIntendPassesOverWhatWasMoved(t *testing.T) {
	t.Parallel()
	l := newLedger(fakeClient(t))
	other := strings.Repeat("b", 32)
	first := intend(t, l)
	first.Spec.Command = &v1alpha1.PurchaseCommand{ID: "1", Verb: v1alpha1.PurchaseMove, To: &v1alpha1.PurchaseDestination{Namespace: "shop", CertificateName: "web"}}
	require.NoError(t, l.Client.Update(t.Context(), first))
	require.NoError(t, l.Moved(t.Context(), first, other, "web-bbbbbbbb", v1alpha1.IssuerReference{Kind: "ResellerClusterIssuer", Name: "public"}, "moved"))

	there, err := l.ByKey(t.Context(), other)
	require.NoError(t, err)
	require.Len(t, there, 1)
	assert.Equal(t, key+"-1", there[0].Name)
	assert.Equal(t, "shop", there[0].Spec.OrderNamespace)
	assert.Nil(t, there[0].Spec.Command)
	assert.Equal(t, v1alpha1.CommandDone, there[0].Spec.Answers[0].Outcome)
	assert.Equal(t, key+"-2", intend(t, l).Name)

	// As before, who doesn't see what was just made collides with it.
	_, _, err = l.Intend(t.Context(), wanted(), nil)
	require.Error(t, err)
	assert.True(t, apierrors.IsAlreadyExists(err))
}

// What was moved is sorted among the purchases of its new key by time.
func TestSortAfterAMove(t *testing.T) {
	t.Parallel()
	at := func(name string, hour int) v1alpha1.ResellerPurchase {
		p := v1alpha1.ResellerPurchase{Spec: v1alpha1.ResellerPurchaseSpec{Key: key, IntendedAt: metav1.NewMicroTime(start.Add(time.Duration(hour) * time.Hour))}}
		p.Name = name
		return p
	}
	list := []v1alpha1.ResellerPurchase{at(key+"-10", 3), at("c-7", 2), at(key+"-2", 1)}
	Sort(list)
	assert.Equal(t, []string{key + "-2", "c-7", key + "-10"}, []string{list[0].Name, list[1].Name, list[2].Name})
}
