package main

import (
	"context"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

// answering is a cluster whose controller answers each request at once.
func answering(t *testing.T, outcome v1alpha1.CommandOutcome, objects ...client.Object) *terminal {
	t.Helper()
	p := newTerminal(t)
	scheme, err := newScheme()
	require.NoError(t, err)
	p.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&cmapi.Certificate{}).
		WithInterceptorFuncs(interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.CreateOption) error {
				if review, ok := object.(*authenticationv1.SelfSubjectReview); ok {
					review.Status.UserInfo.Username = "jane"
					return nil
				}
				if p, ok := object.(*v1alpha1.ResellerPurchase); ok && p.Spec.State == v1alpha1.PurchaseImporting {
					p.Spec.State = v1alpha1.PurchaseBought
				}
				return c.Create(ctx, object, opts...)
			},
			Update: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.UpdateOption) error {
				switch o := object.(type) {
				case *v1alpha1.ResellerOrder:
					if o.Spec.Command != nil {
						o.Status.Answers = append(o.Status.Answers, v1alpha1.CommandAnswer{ID: o.Spec.Command.ID, Verb: string(o.Spec.Command.Verb), Outcome: outcome, Message: "so be it, " + o.Spec.Command.By})
					}
				case *v1alpha1.ResellerPurchase:
					if o.Spec.Command != nil {
						o.Spec.Answers = append(o.Spec.Answers, v1alpha1.CommandAnswer{ID: o.Spec.Command.ID, Verb: string(o.Spec.Command.Verb), Outcome: outcome, Message: "so be it, " + o.Spec.Command.By})
					}
					if o.Spec.Resolution != nil {
						o.Annotations = map[string]string{"seen": o.Spec.Resolution.Absent + orderIDs(o.Spec.Resolution.OrderIDs) + o.Spec.Resolution.By}
						o.Spec.Resolution = nil
					}
				}
				return c.Update(ctx, object, opts...)
			},
		}).Build()
	return p
}

func (p *terminal) order() v1alpha1.ResellerOrder {
	p.t.Helper()
	var order v1alpha1.ResellerOrder
	require.NoError(p.t, p.client.Get(p.t.Context(), client.ObjectKey{Namespace: "shop", Name: "shop-01234567"}, &order))
	return order
}

func (p *terminal) purchase(name string) v1alpha1.ResellerPurchase {
	p.t.Helper()
	var purchase v1alpha1.ResellerPurchase
	require.NoError(p.t, p.client.Get(p.t.Context(), client.ObjectKey{Name: name}, &purchase))
	return purchase
}

func TestOrderVerbs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want v1alpha1.OrderCommand
	}{
		"retry":         {[]string{"retry", "shop"}, v1alpha1.OrderCommand{Verb: v1alpha1.OrderRetry}},
		"resend":        {[]string{"resend-email", "shop", "--domain=shop.example.com"}, v1alpha1.OrderCommand{Verb: v1alpha1.OrderResendEmail, Domain: "shop.example.com"}},
		"change method": {[]string{"change-method", "shop", "--method=Email", "--email=admin@example.com"}, v1alpha1.OrderCommand{Verb: v1alpha1.OrderChangeMethod, Method: v1alpha1.DCVMethodEmail, Email: "admin@example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := answering(t, v1alpha1.CommandDone, shopOrder())
			p.shows("so be it, jane\n", tt.args...)
			tt.want.ID, tt.want.By = "id-1", "jane"
			assert.Equal(t, &tt.want, p.order().Spec.Command)
		})
	}
}

func TestOrderVerbRefused(t *testing.T) {
	t.Parallel()
	p := answering(t, v1alpha1.CommandRefused, shopOrder())
	p.fails(exitRefused, "Refused: so be it", "retry", "shop")
	p.fails(exitFailed, "an earlier request is not answered yet", "retry", "shop")
	p.fails(exitUsage, "--method", "change-method", "shop", "--method=dns")
}

func TestReissue(t *testing.T) {
	t.Parallel()
	certificate := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop"}}
	p := answering(t, v1alpha1.CommandDone, shopOrder(), certificate)
	p.typed = "no\n"
	p.fails(exitUnconfirmed, "nothing was done", "reissue", "shop")
	assert.Nil(t, p.order().Spec.Command)
	p.typed = ""
	p.fails(exitUnconfirmed, "--yes", "reissue", "shop")
	p.typed = "yes\n"
	p.shows("so be it, jane\n", "reissue", "shop")
	require.NoError(t, p.client.Get(t.Context(), client.ObjectKeyFromObject(certificate), certificate))
	require.Len(t, certificate.Status.Conditions, 1)
	assert.Equal(t, cmapi.CertificateConditionIssuing, certificate.Status.Conditions[0].Type)
	bare := shopOrder()
	bare.Spec.CertificateName = ""
	answering(t, v1alpha1.CommandDone, bare).fails(exitUsage, "without a Certificate", "reissue", "shop-01234567", "--yes")
}

func TestPurchaseVerbs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		asks string
		want v1alpha1.PurchaseCommand
	}{
		"cancel":    {[]string{"cancel", "shop"}, "Cancel order order_id=12345 at cyberssl", v1alpha1.PurchaseCommand{Verb: v1alpha1.PurchaseCancel}},
		"revoke":    {[]string{"revoke", "shop", "--serial=0A:1B"}, "Revoke certificate 0a1b", v1alpha1.PurchaseCommand{Verb: v1alpha1.PurchaseRevoke, Serial: "0a1b"}},
		"add names": {[]string{"add-names", "shop", "--count=2"}, "room for 2 further names", v1alpha1.PurchaseCommand{Verb: v1alpha1.PurchaseAddNames, Count: 2}},
		"move": {
			[]string{"move", "shop", "--to-certificate=blog", "--to-namespace=blog", "--to-issuer=public"},
			"from shop/shop-01234567 to Certificate blog/blog",
			v1alpha1.PurchaseCommand{Verb: v1alpha1.PurchaseMove, To: &v1alpha1.PurchaseDestination{
				Namespace: "blog", CertificateName: "blog", IssuerRef: &v1alpha1.IssuerReference{Kind: kindIssuer, Namespace: "blog", Name: "public"},
			}},
		},
		"refresh": {[]string{"refresh", "p-1"}, "", v1alpha1.PurchaseCommand{Verb: v1alpha1.PurchaseRefresh}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := answering(t, v1alpha1.CommandDone, shopOrder(), purchase("p-1", nil))
			if tt.asks != "" {
				p.fails(exitUnconfirmed, "not confirmed", tt.args...)
				assert.Contains(t, p.errOut.String(), tt.asks)
				assert.Nil(t, p.purchase("p-1").Spec.Command)
			}
			p.typed = "yes\n"
			p.shows("so be it, jane\n", tt.args...)
			tt.want.ID, tt.want.By = "id-1", "jane"
			assert.Equal(t, &tt.want, p.purchase("p-1").Spec.Command)
		})
	}
}

func TestPurchaseUsage(t *testing.T) {
	t.Parallel()
	p := answering(t, v1alpha1.CommandDone, shopOrder(), purchase("p-1", nil), purchase("p-2", func(s *v1alpha1.ResellerPurchaseSpec) {
		s.State, s.IntendedAt = v1alpha1.PurchaseRefused, metav1.NewMicroTime(now)
	}))
	p.fails(exitUsage, "want one of 09, 0a1b", "revoke", "shop")
	p.fails(exitUsage, "--count", "add-names", "shop")
	p.fails(exitUsage, "--order-id", "adopt", "shop")
	p.fails(exitUsage, "--order-id", "adopt", "shop", "--absent", "--order-id=a=1")
	p.fails(exitUsage, "--given-up", "adopt", "shop", "--absent", "--given-up")
	p.fails(exitUsage, "--order-id", "import", "shop")
	p.fails(exitUsage, "--paid-until", "import", "shop", "--order-id=a=1", "--paid-until=soon")
	p.fails(exitUsage, "--to-certificate", "move", "shop")
	p.fails(exitUsage, "is no issuer", "move", "shop", "--to-certificate=a", "--to-issuer=x/y/")
	p.fails(exitFailed, "no ResellerPurchase", "cancel", "blog")
	nothing := answering(t, v1alpha1.CommandDone, shopOrder())
	nothing.fails(exitFailed, "nothing was bought", "cancel", "shop")
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	p := answering(t, v1alpha1.CommandDone, shopOrder(), purchase("p-1", nil))
	p.shows("ResellerPurchase p-1 is Bought now\n", "adopt", "shop", "--order-id=order_id=7", "--order-id=ca_id=8", "--yes")
	assert.Equal(t, "ca_id=8 order_id=7jane", p.purchase("p-1").Annotations["seen"])
	p.shows("ResellerPurchase p-1 is Bought now\n", "adopt", "p-1", "--absent", "--yes")
	assert.Equal(t, "Confirmed-jane", p.purchase("p-1").Annotations["seen"])
	p.fails(exitUnconfirmed, "not confirmed", "adopt", "p-1", "--given-up")
	assert.Contains(t, p.errOut.String(), "Give up the paid order")
}

func TestImport(t *testing.T) {
	t.Parallel()
	p := answering(t, v1alpha1.CommandDone, shopOrder(), purchase(key+"-3", nil))
	p.shows("ResellerPurchase "+key+"-4 is Bought now\n", "import", "shop", "--order-id=order_id=7", "--paid-until=2027-03-01", "--yes")
	imported := p.purchase(key + "-4").Spec
	assert.Equal(t, v1alpha1.PurchaseImport, imported.Kind)
	assert.Equal(t, key, imported.Key)
	assert.Equal(t, "shop-01234567", imported.OrderName)
	assert.Equal(t, []v1alpha1.OrderID{{Name: "order_id", Value: "7"}}, imported.OrderIDs)
	assert.Equal(t, "2027-03-01", imported.PaidUntil.UTC().Format("2006-01-02"))
	assert.EqualValues(t, 12, imported.TermMonths)
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	system := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: "new"}}
	other := func(s *v1alpha1.ResellerPurchaseSpec) { s.ClusterID = "other" }
	p := answering(t, v1alpha1.CommandDone, system, purchase("a-1", nil), purchase("a-2", nil), purchase("b-1", other))
	p.fails(exitUsage, "--from", "take-over", "--from=nobody")
	p.shows("2 purchases taken over\n", "take-over", "--from=here", "--yes")
	assert.Equal(t, "new", p.purchase("a-1").Spec.ClusterID)
	assert.Equal(t, "new", p.purchase("a-2").Spec.ClusterID)
	assert.Equal(t, "other", p.purchase("b-1").Spec.ClusterID)
	p.shows("1 purchase taken over\n", "take-over", "--from=other", "--to=named", "--yes")
	assert.Equal(t, "named", p.purchase("b-1").Spec.ClusterID)
}
