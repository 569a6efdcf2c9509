package order

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// leaveMethod moves a name of an order that is placed to the next method of the issuer's
// preference, because what the present one wants can't be published. A method is left once:
// where the reseller doesn't take the change, a person has to mend the solver. It reports
// whether a name was moved.
func (r *Reconciler) leaveMethod(ctx context.Context, s *scope, cause error) (bool, error) {
	method, ok := r.instead(ctx, s, cause)
	if !ok {
		return false, nil
	}
	issuance := s.order.Status.Issuance
	left := issuance.Method
	domain := nextToChange(issuance, v1alpha1.OrderCommand{Method: method})
	if domain == "" {
		return false, nil
	}
	err := r.changeMethod(ctx, s, domain, method, "")
	if _, busy := errors.AsType[*busyError](err); busy {
		return false, nil
	}
	refusal, refused := errors.AsType[*providers.Error](err)
	if err != nil && !refused {
		return false, err
	}
	if refused && passes(refusal.Kind) {
		return false, nil
	}
	if refused || issuance.Method == method {
		issuance.MethodsGivenUp = append(issuance.MethodsGivenUp, left)
	}
	if refused {
		s.events = append(s.events, happening{warning: true, reason: "MethodNotChanged", message: clip(fmt.Sprintf("%s can't be published, and the reseller doesn't take %s for %s instead: %v", left, method, domain, err))})
		return false, nil
	}
	s.events = append(s.events, happening{warning: true, reason: "MethodLeft", message: clip(fmt.Sprintf("%s is validated by %s, because what %s wants can't be published: %v", domain, method, left, cause))})
	return true, nil
}

// instead is the method to go on with where that of a placed order can't work.
func (r *Reconciler) instead(ctx context.Context, s *scope, cause error) (v1alpha1.DCVMethod, bool) {
	issuance := s.order.Status.Issuance
	terminal := errors.Is(cause, dcv.ErrConflict) || errors.Is(cause, dcv.ErrDenied) || errors.Is(cause, dcv.ErrUnsupported)
	if !terminal || issuance.State != v1alpha1.OrderValidating || slices.Contains(issuance.MethodsGivenUp, issuance.Method) {
		return "", false
	}
	if _, ok := s.supplier.Provider.(providers.MethodChanger); !ok {
		return "", false
	}
	chosen := r.choiceOf(ctx, s)
	for _, method := range s.supplier.Spec.DCV.Methods {
		if method == issuance.Method || slices.Contains(issuance.MethodsGivenUp, method) {
			continue
		}
		if chosen.problem(method) == "" {
			return method, true
		}
	}
	return "", false
}
