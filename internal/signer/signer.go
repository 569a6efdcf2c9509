package signer

import (
	"context"
	"fmt"
	"time"

	issuerapi "github.com/cert-manager/issuer-lib/api/v1alpha1"
	"github.com/cert-manager/issuer-lib/controllers/signer"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

// Signer implements Sign and Check of issuer-lib. It is safe for concurrent use.
type Signer struct {
	// Client writes; Reader reads past the cache, because what Sign decides must not
	// rest on a state that is gone.
	Client client.Client
	Reader client.Reader

	Suppliers *order.Suppliers
	// Limits holds the calls of Check to the same limits as those of orders.
	Limits *providers.Limiters
	// CheckSolver reports what is wrong with a solver's settings, Secrets included, as
	// far as it can be told without a call to the solver's service.
	CheckSolver func(ctx context.Context, solver v1alpha1.Solver, secretNamespace string) error
	// Recorder takes the warnings of Check.
	Recorder *Recorder
	// Checked learns what each check that succeeded has found; nil for nobody.
	Checked func(issuer v1alpha1.IssuerReference, info providers.AccountInfo)
	Clock   clock.PassiveClock

	waiters waiters
}

// Sign implements signer.Sign: nil with the chain, a PendingError, or a PermanentError if
// this very request can never succeed and nothing was paid for it.
func (s *Signer) Sign(ctx context.Context, object signer.CertificateRequestObject, issuer issuerapi.Issuer) (signer.PEMBundle, error) {
	pem, err := s.sign(ctx, object, issuer)
	if err != nil {
		return signer.PEMBundle{}, asSignError(err)
	}
	return signer.PEMBundle{ChainPEM: pem}, nil
}

func (s *Signer) sign(ctx context.Context, object signer.CertificateRequestObject, issuer issuerapi.Issuer) ([]byte, error) {
	r, err := parseRequest(object)
	if err != nil {
		return nil, err
	}
	slot, err := s.slotOf(r, issuer)
	if err != nil {
		return nil, err
	}
	current, err := s.find(ctx, slot)
	if err != nil {
		return nil, err
	}
	if !serves(current, r) {
		if current, err = s.admit(ctx, r, slot, issuer); err != nil {
			return nil, err
		}
	}
	return s.result(current, r)
}

// serves reports whether the order works for the request. Such a request was looked at
// before; looking again could only fail what may be paid already.
func serves(o *v1alpha1.ResellerOrder, r *request) bool {
	return o != nil && o.Spec.Request != nil && o.Spec.Request.UID == r.object.GetUID()
}

// result is what an order that serves the request has for it.
func (s *Signer) result(o *v1alpha1.ResellerOrder, r *request) ([]byte, error) {
	status, uid := &o.Status, r.object.GetUID()
	if c := status.Certificate; c != nil && c.RequestUID == uid && c.CSRDigest == r.digest && len(c.Chain) > 0 {
		return checked(c.Chain, r, s.Clock.Now())
	}
	if i := status.Issuance; status.State == v1alpha1.OrderFailed && i != nil && i.RequestUID == uid {
		return nil, &failedError{message: status.Message}
	}
	message := status.Message
	if message == "" {
		message = "taken up, nothing is ordered yet"
	}
	return nil, waiting("%s (ResellerOrder %s/%s)", message, o.Namespace, o.Name)
}

// checked is the chain, if it is right for the request now. The order checked it when it
// came; between then and now anybody who may write orders could have changed it.
func checked(pem []byte, r *request, now time.Time) ([]byte, error) {
	certificates, err := chain.Parse(pem)
	if err != nil {
		return nil, fmt.Errorf("certificate in the order: %w", err)
	}
	result, err := chain.Build(certificates, chain.Requirement{CSR: r.csr, Names: r.names, Now: now})
	if err != nil {
		return nil, fmt.Errorf("certificate in the order: %w", err)
	}
	return result.PEM(), nil
}
