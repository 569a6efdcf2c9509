package signer

import (
	"context"
	"errors"
	"fmt"
	"time"

	issuerapi "github.com/cert-manager/issuer-lib/api/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Check may take this long: a login and a few reads.
const (
	minCheckTimeout = 10 * time.Second
	maxCheckTimeout = 30 * time.Second
)

// Check implements signer.Check: nil keeps or makes the issuer ready, an error makes it
// wait and is tried again. No error is permanent, because a corrected Secret must heal
// what it broke. Trouble that passes, an outage or an empty account, shows in conditions
// of our own and leaves an issuer ready that was.
func (s *Signer) Check(ctx context.Context, issuer issuerapi.Issuer) error {
	ready := isReady(issuer)
	supplier, err := s.Suppliers.Supplier(ctx, issuer)
	if err != nil {
		return s.kubernetesTrouble(ctx, ready, err)
	}
	if err := s.checkSolvers(ctx, supplier); err != nil {
		return s.kubernetesTrouble(ctx, ready, err)
	}
	info, err := s.ask(ctx, supplier)
	if busy, ok := errors.AsType[*busyError](err); ok {
		return unless(ready, busy)
	}
	if err == nil && s.Checked != nil {
		s.Checked(supplier.Ref, info)
	}
	costly := order.EveryRenewalIsBought(supplier)
	if err := s.writeConditions(ctx, issuer, info, err, costly); err != nil {
		log.FromContext(ctx).Error(err, "issuer's conditions are not written")
	}
	if costly != "" {
		s.Recorder.Eventf(issuer, nil, corev1.EventTypeWarning, reasonBuysEach, "Checked", "%s", costly)
	}
	for _, warning := range append(info.Warnings, order.Warnings(&supplier.Spec)...) {
		s.Recorder.Eventf(issuer, nil, corev1.EventTypeWarning, "ProductWarning", "Checked", "%s", warning)
	}
	return verdict(ready, err)
}

// verdict is what an answer of the reseller means for readiness.
func verdict(ready bool, err error) error {
	switch providers.KindOf(err) {
	case "", providers.Funds:
		// The credentials work; money is what orders are held for.
		return nil
	case providers.Unavailable, providers.Throttled, providers.Ambiguous:
		return unless(ready, fmt.Errorf("the reseller gives no usable answer, trying again by itself: %w", err))
	case providers.Auth:
		return fmt.Errorf("the reseller refuses the credentials, correct the Secret: %w", err)
	case providers.Invalid, providers.NotFound, providers.Rejected:
	}
	return err
}

func unless(ready bool, err error) error {
	if ready {
		return nil
	}
	return err
}

// kubernetesTrouble keeps an issuer ready through a weakness of the Kubernetes API, which
// says nothing about the issuer.
func (s *Signer) kubernetesTrouble(ctx context.Context, ready bool, err error) error {
	if !ready || errors.Is(err, order.ErrConfiguration) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return err
	}
	log.FromContext(ctx).Error(err, "issuer is not checked")
	return nil
}

// isReady reports whether the issuer as it is now was found good.
func isReady(issuer issuerapi.Issuer) bool {
	ready := meta.FindStatusCondition(issuer.GetConditions(), issuerapi.IssuerConditionTypeReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == issuer.GetGeneration()
}

// checkSolvers reports the first solver whose settings can't work.
func (s *Signer) checkSolvers(ctx context.Context, supplier *order.Supplier) error {
	for i, solver := range supplier.Spec.DCV.Solvers {
		if err := s.CheckSolver(ctx, solver, supplier.SecretNamespace); err != nil {
			return fmt.Errorf("spec.dcv.solvers[%d]: %w", i, err)
		}
	}
	return nil
}

// busyError says that the account's limiter lets nobody in now.
type busyError struct{ wait time.Duration }

func (e *busyError) Error() string {
	return fmt.Sprintf("the reseller account is busy or paused for %s, trying again by itself", e.wait.Round(time.Second))
}

// ask makes the call, within the limits of the account.
func (s *Signer) ask(ctx context.Context, supplier *order.Supplier) (providers.AccountInfo, error) {
	account := supplier.Provider.Account().Key()
	if limit := supplier.Spec.RateLimit; limit != nil {
		s.Limits.Configure(account, float64(limit.RequestsPerMinute)/60, 0)
	}
	release, wait := s.Limits.Reserve(account)
	if release == nil {
		return providers.AccountInfo{}, &busyError{wait: wait}
	}
	timeout := min(max(supplier.Provider.Profile().CallTimeout, minCheckTimeout), maxCheckTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	info, err := supplier.Provider.Check(ctx)
	release(err)
	return info, err
}
