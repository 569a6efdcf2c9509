package order

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// Preview makes the supplier of an issuer that isn't applied, with the Secrets of a
// namespace. It is not kept.
func (s *Suppliers) Preview(ctx context.Context, namespace string, spec v1alpha1.ResellerIssuerSpec) (*Supplier, error) {
	return s.Supplier(ctx, &v1alpha1.ResellerIssuer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "preview"}, Spec: spec})
}

// MethodFor chooses the validation method for names as preflight does. The text says why
// there is none.
func MethodFor(s *Supplier, labels map[string]string, names []string) (v1alpha1.DCVMethod, string) {
	return chooseMethod(s.Spec.DCV.Methods, s.Provider.Profile(), solversOf(s), labels, names)
}

// SolverFor names the solver that would publish for a name, by its field in the issuer. By
// e-mail nothing is published.
func SolverFor(s *Supplier, method v1alpha1.DCVMethod, labels map[string]string, name string) string {
	solver, ok := solverFor(method, solversOf(s), labels, name)
	if !ok {
		return ""
	}
	for i := range s.Spec.DCV.Solvers {
		if hash, err := solverHash(s.Spec.DCV.Solvers[i], ""); err == nil {
			if same, err := solverHash(solver, ""); err == nil && same == hash {
				return fmt.Sprintf("spec.dcv.solvers[%d]", i)
			}
		}
	}
	return "a person (manual)"
}
