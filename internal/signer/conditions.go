package signer

import (
	"context"
	"fmt"
	"slices"
	"time"

	issuerapi "github.com/cert-manager/issuer-lib/api/v1alpha1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	// FieldOwner owns what issuer-lib writes.
	FieldOwner = "reseller-issuer"
	// accountFieldOwner owns the conditions of ours. issuer-lib applies only
	// its own condition each time, which would take away what the same owner set before.
	accountFieldOwner = "reseller-issuer-account"
)

// Reasons of the conditions Reachable and Funded.
const (
	reasonAnswers     = "Answers"
	reasonUnavailable = "Unavailable"
	reasonThrottled   = "Throttled"
	reasonBalance     = "Balance"
	reasonNoBalance   = "NoBalance"
	reasonFunds       = "InsufficientFunds"
	reasonSettled     = "Settled"
	reasonReissues    = "Reissues"
	reasonBuysEach    = "EveryRenewalIsBought"
)

// findings are what is known after a check.
type findings struct {
	info providers.AccountInfo
	// err of the check itself.
	err error
	// costly says that every renewal is a purchase; empty if it is not so.
	costly string
	// short is an order that is held for lack of money, empty if there is none.
	short string
}

// accountConditions are Reachable, Funded and ReusesPaidTerm after a check, the earlier ones where it
// tells nothing new.
func accountConditions(issuer issuerapi.Issuer, found findings, now time.Time) []metav1.Condition {
	conditions := []metav1.Condition{}
	for _, condition := range issuer.GetConditions() {
		if condition.Type == v1alpha1.IssuerReachable || condition.Type == v1alpha1.IssuerFunded || condition.Type == v1alpha1.IssuerReusesPaidTerm {
			conditions = append(conditions, condition)
		}
	}
	set := func(kind string, status metav1.ConditionStatus, reason, message string) {
		meta.SetStatusCondition(&conditions, metav1.Condition{
			Type: kind, Status: status, Reason: reason, Message: message,
			ObservedGeneration: issuer.GetGeneration(), LastTransitionTime: metav1.NewTime(now),
		})
	}
	switch {
	case found.costly != "":
		set(v1alpha1.IssuerReusesPaidTerm, metav1.ConditionFalse, reasonBuysEach, found.costly)
	case meta.FindStatusCondition(conditions, v1alpha1.IssuerReusesPaidTerm) != nil:
		set(v1alpha1.IssuerReusesPaidTerm, metav1.ConditionTrue, reasonReissues, "renewals use the paid term")
	}
	err := found.err
	switch providers.KindOf(err) {
	case providers.Unavailable, providers.Ambiguous:
		set(v1alpha1.IssuerReachable, metav1.ConditionFalse, reasonUnavailable, err.Error())
	case providers.Throttled:
		set(v1alpha1.IssuerReachable, metav1.ConditionFalse, reasonThrottled, err.Error())
	case providers.Funds:
		set(v1alpha1.IssuerReachable, metav1.ConditionTrue, reasonAnswers, "the reseller's API answers")
		set(v1alpha1.IssuerFunded, metav1.ConditionFalse, reasonFunds, "top up the account: "+err.Error())
	case "":
		set(v1alpha1.IssuerReachable, metav1.ConditionTrue, reasonAnswers, "the reseller's API answers")
		setFunded(set, conditions, found)
	case providers.Auth, providers.Invalid, providers.NotFound, providers.Rejected:
		set(v1alpha1.IssuerReachable, metav1.ConditionTrue, reasonAnswers, "the reseller's API answers")
	}
	return conditions
}

func setFunded(set func(kind string, status metav1.ConditionStatus, reason, message string), before []metav1.Condition, found findings) {
	const kind = v1alpha1.IssuerFunded
	balance := found.info.Balance
	switch {
	case found.short != "":
		set(kind, metav1.ConditionFalse, reasonFunds, "ResellerOrder "+found.short+" is held for lack of money: top up the account")
	case balance != nil && balance.Amount.IsPositive():
		set(kind, metav1.ConditionTrue, reasonBalance, "the account has money")
	case balance != nil:
		set(kind, metav1.ConditionFalse, reasonNoBalance, "the account has no money: top it up")
	case meta.IsStatusConditionFalse(before, kind):
		set(kind, metav1.ConditionTrue, reasonSettled, "the reseller doesn't complain any more")
	}
}

// writeConditions applies the conditions of ours that changed. Costly is that of findings.
func (s *Signer) writeConditions(ctx context.Context, issuer issuerapi.Issuer, info providers.AccountInfo, checkErr error, costly string) error {
	ref, err := reference(issuer)
	if err != nil {
		return err
	}
	short, err := s.shortOfFunds(ctx, ref)
	if err != nil {
		return err
	}
	conditions := accountConditions(issuer, findings{info: info, err: checkErr, costly: costly, short: short}, s.Clock.Now())
	known := func(c metav1.Condition) bool { return slices.Contains(issuer.GetConditions(), c) }
	if !slices.ContainsFunc(conditions, func(c metav1.Condition) bool { return !known(c) }) {
		return nil
	}
	return s.apply(ctx, ref, conditions)
}

// apply writes conditions with a field owner of their own.
func (s *Signer) apply(ctx context.Context, ref v1alpha1.IssuerReference, conditions []metav1.Condition) error {
	list := make([]any, 0, len(conditions))
	for i := range conditions {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&conditions[i])
		if err != nil {
			return fmt.Errorf("condition %s: %w", conditions[i].Type, err)
		}
		list = append(list, fields)
	}
	object := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": list}}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(ref.Kind))
	object.SetName(ref.Name)
	object.SetNamespace(ref.Namespace)
	err := s.Client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(accountFieldOwner), client.ForceOwnership)
	return client.IgnoreNotFound(err)
}

// shortOfFunds names an order of the issuer that is held for lack of money.
func (s *Signer) shortOfFunds(ctx context.Context, ref v1alpha1.IssuerReference) (string, error) {
	var list v1alpha1.ResellerOrderList
	if err := s.Client.List(ctx, &list, client.MatchingFields{indexShortOfFunds: refKey(ref)}, client.Limit(1)); err != nil {
		return "", fmt.Errorf("list orders that lack money: %w", err)
	}
	if len(list.Items) == 0 {
		return "", nil
	}
	return client.ObjectKeyFromObject(&list.Items[0]).String(), nil
}
