package order

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// move hands what is paid to another Certificate. It is done alone, so that neither the order
// that loses the purchase nor the one that gets it decides on what was.
func (c *Clerk) move(ctx context.Context, purchase *v1alpha1.ResellerPurchase, supplier *Supplier) (time.Duration, error) {
	issuer := supplier.Ref
	to := purchase.Spec.Command.To
	if issuer.Kind == KindIssuer && issuer.Namespace != to.Namespace {
		return 0, c.answer(ctx, purchase, v1alpha1.CommandRefused, fmt.Sprintf("ResellerIssuer %s/%s can't serve namespace %s: give to.issuerRef", issuer.Namespace, issuer.Name, to.Namespace))
	}
	key := CertificateKey(to.Namespace, issuer, to.CertificateName)
	if key == purchase.Spec.Key {
		return 0, c.answer(ctx, purchase, v1alpha1.CommandRefused, "it is that Certificate's already")
	}
	why, err := c.stillWanted(ctx, purchase)
	if err != nil {
		return 0, err
	}
	if why != "" {
		return 0, c.answer(ctx, purchase, v1alpha1.CommandRefused, why)
	}
	message := fmt.Sprintf("moved from order %s/%s to Certificate %s/%s", purchase.Spec.OrderNamespace, purchase.Spec.OrderName, to.Namespace, to.CertificateName)
	if err := c.orders.Ledger.Moved(ctx, purchase, key, Name(to.CertificateName, key), issuer, message); err != nil {
		return 0, err
	}
	c.tell(ctx, purchase, purchase.Spec.Command, v1alpha1.CommandDone, message)
	return 0, nil
}

// stillWanted says why what is paid can't leave its order: an order with a request would
// buy again.
func (c *Clerk) stillWanted(ctx context.Context, purchase *v1alpha1.ResellerPurchase) (string, error) {
	order := &v1alpha1.ResellerOrder{}
	err := c.orders.Reader.Get(ctx, client.ObjectKey{Namespace: purchase.Spec.OrderNamespace, Name: purchase.Spec.OrderName}, order)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("order: read the order of %s: %w", purchase.Name, err)
	}
	request, err := requestState(ctx, c.orders.Reader, order)
	if err != nil || request == RequestNone || request == RequestEnded {
		return "", err
	}
	owner := "Certificate " + order.Namespace + "/" + order.Spec.CertificateName
	if order.Spec.CertificateName == "" {
		owner = "the request " + order.Spec.Request.Name
	}
	return owner + " still needs it and would buy again: delete it first, which costs nothing", nil
}
