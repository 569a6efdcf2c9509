package order

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Preview makes the supplier of an issuer that isn't applied, with the Secrets of a
// namespace. It is not kept.
func (s *Suppliers) Preview(ctx context.Context, namespace string, spec v1alpha1.ResellerIssuerSpec) (*Supplier, error) {
	return s.Supplier(ctx, &v1alpha1.ResellerIssuer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "preview"}, Spec: spec})
}

// MethodFor chooses the validation method for names as preflight does, by what the kinds of
// solvers can do. The text says why others don't do.
func MethodFor(s *Supplier, labels map[string]string, names []string, now time.Time) (v1alpha1.DCVMethod, string) {
	return choiceFor(s, labels, names, now).method(s.Spec.DCV.Methods)
}

// SolverFor names the solver that would publish for a name, by its field in the issuer. By
// e-mail nothing is published.
func SolverFor(s *Supplier, method v1alpha1.DCVMethod, labels map[string]string, name string) string {
	solver, err := choiceFor(s, labels, nil, time.Time{}).solver(method, name, publishing(method))
	if err != nil {
		return ""
	}
	for i := range s.Spec.DCV.Solvers {
		if &s.Spec.DCV.Solvers[i] == solver {
			return fmt.Sprintf("spec.dcv.solvers[%d]", i)
		}
	}
	return "a person (manual)"
}
