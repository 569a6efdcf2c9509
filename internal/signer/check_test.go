package signer

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cert-manager/issuer-lib/controllers/signer"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

func readyIssuer(conditions ...metav1.Condition) *v1alpha1.ResellerIssuer {
	i := issuer()
	i.Status.Conditions = append(conditions, metav1.Condition{
		Type: "Ready", Status: metav1.ConditionTrue, Reason: "Checked", ObservedGeneration: 1,
		LastTransitionTime: metav1.NewTime(now.Add(-time.Hour)),
	})
	return i
}

func condition(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, LastTransitionTime: metav1.NewTime(now.Add(-time.Hour))}
}

func balance(amount int64) *providers.Money {
	return &providers.Money{Amount: decimal.NewFromInt(amount), Currency: "EUR"}
}

// stored are type, status and reason of the conditions of the issuer in the API.
func (w *world) stored() map[string]string {
	w.t.Helper()
	i := &v1alpha1.ResellerIssuer{}
	require.NoError(w.t, w.Client.Get(w.t.Context(), client.ObjectKeyFromObject(issuer()), i))
	got := map[string]string{}
	for _, c := range i.Status.Conditions {
		got[c.Type] = fmt.Sprintf("%s/%s", c.Status, c.Reason)
	}
	return got
}

// The rows of the error table that Check sees, for an issuer that is new and for one that
// was ready.
func TestCheckVerdicts(t *testing.T) {
	t.Parallel()
	refusal := func(kind providers.Kind) error {
		return &providers.Error{Kind: kind, Provider: "fake", Operation: "check", Message: "no"}
	}
	cases := map[string]struct {
		err               error
		info              providers.AccountInfo
		newFails, oldFail bool
		reachable, funded string
	}{
		"good":            {reachable: "True/Answers"},
		"good, money":     {info: providers.AccountInfo{Balance: balance(5)}, reachable: "True/Answers", funded: "True/Balance"},
		"good, no money":  {info: providers.AccountInfo{Balance: balance(0)}, reachable: "True/Answers", funded: "False/NoBalance"},
		"auth":            {err: refusal(providers.Auth), newFails: true, oldFail: true, reachable: "True/Answers"},
		"invalid":         {err: refusal(providers.Invalid), newFails: true, oldFail: true, reachable: "True/Answers"},
		"product is gone": {err: refusal(providers.NotFound), newFails: true, oldFail: true, reachable: "True/Answers"},
		"rejected":        {err: refusal(providers.Rejected), newFails: true, oldFail: true, reachable: "True/Answers"},
		"funds":           {err: refusal(providers.Funds), reachable: "True/Answers", funded: "False/InsufficientFunds"},
		"unavailable":     {err: refusal(providers.Unavailable), newFails: true, reachable: "False/Unavailable"},
		"throttled":       {err: refusal(providers.Throttled), newFails: true, reachable: "False/Throttled"},
		"not understood":  {err: errors.New("?"), newFails: true, reachable: "False/Unavailable"},
	}
	for name, tc := range cases {
		for was, i := range map[string]*v1alpha1.ResellerIssuer{"new": issuer(), "ready": readyIssuer()} {
			t.Run(name+", "+was, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, interceptor.Funcs{}, i.DeepCopy(), secret(team))
				w.provider.err, w.provider.info = tc.err, tc.info
				err := w.Check(t.Context(), i)
				fails := tc.newFails
				if was == "ready" {
					fails = tc.oldFail
				}
				assert.Equal(t, fails, err != nil, "%v", err)
				require.NotErrorAs(t, err, &signer.PermanentError{}, "a corrected Secret must heal")
				got := w.stored()
				assert.Equal(t, tc.reachable, got[v1alpha1.IssuerReachable])
				assert.Equal(t, tc.funded, got[v1alpha1.IssuerFunded])
				assert.Equal(t, was == "ready", got["Ready"] == "True/Checked", "issuer-lib's condition is left alone")
			})
		}
	}
}

// A changed issuer has to prove itself again.
func TestCheckOfAChangedIssuer(t *testing.T) {
	t.Parallel()
	i := readyIssuer()
	i.Generation = 2
	w := newWorld(t, interceptor.Funcs{}, i.DeepCopy(), secret(team))
	w.provider.err = &providers.Error{Kind: providers.Unavailable}
	require.Error(t, w.Check(t.Context(), i))
}

// TestCheckedTellsTheBalance has only checks that succeeded tell what they found.
func TestCheckedTellsTheBalance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team))
	told := map[v1alpha1.IssuerReference]*providers.Money{}
	w.Checked = func(ref v1alpha1.IssuerReference, info providers.AccountInfo) { told[ref] = info.Balance }
	w.provider.err = &providers.Error{Kind: providers.Unavailable}
	require.Error(t, w.Check(t.Context(), issuer()))
	assert.Empty(t, told)
	w.provider.err, w.provider.info.Balance = nil, balance(5)
	require.NoError(t, w.Check(t.Context(), issuer()))
	assert.Equal(t, map[v1alpha1.IssuerReference]*providers.Money{{Kind: order.KindIssuer, Namespace: team, Name: "issuer"}: balance(5)}, told)
}

func TestConditionsHeal(t *testing.T) {
	t.Parallel()
	i := readyIssuer(condition(v1alpha1.IssuerReachable, metav1.ConditionFalse, "Unavailable"), condition(v1alpha1.IssuerFunded, metav1.ConditionFalse, "InsufficientFunds"))
	w := newWorld(t, interceptor.Funcs{}, i.DeepCopy(), secret(team))
	require.NoError(t, w.Check(t.Context(), i))
	assert.Equal(t, map[string]string{"Ready": "True/Checked", "Reachable": "True/Answers", "Funded": "True/Settled"}, w.stored())
}

func TestTransitionTimes(t *testing.T) {
	t.Parallel()
	i := readyIssuer(condition(v1alpha1.IssuerReachable, metav1.ConditionTrue, "Answers"))
	same := accountConditions(i, findings{}, now)
	assert.Equal(t, now.Add(-time.Hour), meta.FindStatusCondition(same, v1alpha1.IssuerReachable).LastTransitionTime.Time)
	changed := accountConditions(i, findings{err: &providers.Error{Kind: providers.Unavailable}}, now)
	assert.Equal(t, now, meta.FindStatusCondition(changed, v1alpha1.IssuerReachable).LastTransitionTime.Time)
}

func TestUnchangedConditionsAreNotWritten(t *testing.T) {
	t.Parallel()
	i := readyIssuer()
	w := newWorld(t, interceptor.Funcs{}, i, secret(team))
	read := func() *v1alpha1.ResellerIssuer {
		got := &v1alpha1.ResellerIssuer{}
		require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(i), got))
		return got
	}
	require.NoError(t, w.Check(t.Context(), read()))
	written := read()
	w.clock.Step(time.Hour)
	require.NoError(t, w.Check(t.Context(), written))
	assert.Equal(t, written.ResourceVersion, read().ResourceVersion)
	assert.Equal(t, 2, w.provider.checks)
}

func TestOrderWithoutMoneyShowsOnTheIssuer(t *testing.T) {
	t.Parallel()
	ref := v1alpha1.IssuerReference{Kind: order.KindIssuer, Namespace: team, Name: "issuer"}
	held := &v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "web-1"},
		Spec:       v1alpha1.ResellerOrderSpec{IssuerRef: ref},
		Status:     v1alpha1.ResellerOrderStatus{State: v1alpha1.OrderHeld, Waiting: &v1alpha1.Waiting{Reason: string(order.ReasonInsufficientFunds)}},
	}
	w := newWorld(t, interceptor.Funcs{}, readyIssuer(), secret(team), held)
	w.provider.info.Balance = balance(3)
	require.NoError(t, w.Check(t.Context(), readyIssuer()))
	assert.Equal(t, "False/InsufficientFunds", w.stored()[v1alpha1.IssuerFunded])
	assert.Equal(t, "True/Checked", w.stored()["Ready"])
}

func TestCheckOfConfiguration(t *testing.T) {
	t.Parallel()
	empty := secret(team)
	empty.Data = nil
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "credentials", errAPI)
	fail := func(err error) interceptor.Funcs {
		return interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if _, ok := o.(*corev1.Secret); ok {
				return err
			}
			return c.Get(ctx, key, o, opts...)
		}}
	}
	cases := map[string]struct {
		funcs             interceptor.Funcs
		secret            *corev1.Secret
		solver            error
		text              string
		newFails, oldFail bool
	}{
		"no Secret":        {text: "credentialsSecretRef.name: Secret team/credentials does not exist", newFails: true, oldFail: true},
		"no key":           {secret: empty, text: "apikey", newFails: true, oldFail: true},
		"solver":           {secret: secret(team), solver: order.ErrConfiguration, text: "spec.dcv.solvers[0]: ", newFails: true, oldFail: true},
		"forbidden":        {funcs: fail(forbidden), text: "forbidden", newFails: true, oldFail: true},
		"Kubernetes":       {funcs: fail(errAPI), text: "connection refused", newFails: true},
		"Kubernetes again": {secret: secret(team), solver: errAPI, text: "connection refused", newFails: true},
	}
	for name, tc := range cases {
		for was, i := range map[string]*v1alpha1.ResellerIssuer{"new": issuer(), "ready": readyIssuer()} {
			t.Run(name+", "+was, func(t *testing.T) {
				t.Parallel()
				i.Spec.DCV.Solvers = []v1alpha1.Solver{{Manual: &v1alpha1.SolverManual{}}}
				objects := []client.Object{i.DeepCopy()}
				if tc.secret != nil {
					objects = append(objects, tc.secret.DeepCopy())
				}
				w := newWorld(t, tc.funcs, objects...)
				w.CheckSolver = func(context.Context, v1alpha1.Solver, string) error { return tc.solver }
				err := w.Check(t.Context(), i)
				if (was == "new" && tc.newFails) || (was == "ready" && tc.oldFail) {
					require.ErrorContains(t, err, tc.text)
				} else {
					require.NoError(t, err)
				}
				require.NotErrorAs(t, err, &signer.PermanentError{})
				assert.Zero(t, w.provider.checks)
			})
		}
	}
}

func TestCheckWithinLimits(t *testing.T) {
	t.Parallel()
	limited := func(i *v1alpha1.ResellerIssuer) *v1alpha1.ResellerIssuer {
		i.Spec.RateLimit = &v1alpha1.RateLimit{RequestsPerMinute: 1}
		return i
	}
	w := newWorld(t, interceptor.Funcs{}, limited(readyIssuer()), secret(team))
	w.Limits = providers.NewLimiters(providers.LimiterOptions{Burst: 1, Now: w.clock.Now})
	require.NoError(t, w.Check(t.Context(), limited(issuer())))
	require.ErrorContains(t, w.Check(t.Context(), limited(issuer())), "busy or paused")
	require.NoError(t, w.Check(t.Context(), limited(readyIssuer())), "a busy account says nothing about an issuer that is ready")
	assert.Equal(t, 1, w.provider.checks)
	w.clock.Step(time.Minute)
	require.NoError(t, w.Check(t.Context(), limited(issuer())))
	assert.Equal(t, 2, w.provider.checks)
}

func TestCheckWarnsOfEmail(t *testing.T) {
	t.Parallel()
	byMail := readyIssuer()
	byMail.Spec.DCV.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodTXT, v1alpha1.DCVMethodEmail}
	w := newWorld(t, interceptor.Funcs{}, byMail, secret(team))
	require.NoError(t, w.Check(t.Context(), byMail))
	assert.Equal(t, []string{"Warning ProductWarning " + order.EmailWarning}, drain(w.events))
}

func TestCheckHandsWarningsOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{}, readyIssuer(), secret(team))
	w.provider.info.Warnings = []string{"the product ends 100% soon"}
	require.NoError(t, w.Check(t.Context(), readyIssuer()))
	require.NoError(t, w.Check(t.Context(), readyIssuer()))
	assert.Equal(t, []string{"Warning ProductWarning the product ends 100% soon"}, drain(w.events))
}
