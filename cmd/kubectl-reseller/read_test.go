package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

func TestOrders(t *testing.T) {
	t.Parallel()
	idle := shopOrder()
	idle.Namespace, idle.Name = "blog", "blog-89abcdef"
	idle.Status = v1alpha1.ResellerOrderStatus{State: v1alpha1.OrderIdle}
	p := newTerminal(t, shopOrder(), idle)
	p.shows(`
NAME           CERTIFICATE  ISSUER       STATE  PAID UNTIL  EXPIRES     AGE  MESSAGE
shop-01234567  shop         positivessl  Held   -           2026-12-20  2d   nothing was bought: the budget of 10 purchases in 24h is used up
`, "orders")
	p.shows(`
NAMESPACE  NAME           CERTIFICATE  ISSUER       STATE  PAID UNTIL  EXPIRES     AGE  MESSAGE
blog       blog-89abcdef  shop         positivessl  Idle   -           -           2d   -
shop       shop-01234567  shop         positivessl  Held   -           2026-12-20  2d   nothing was bought: the budget of 10 purchases in 24h is used up
`, "orders", "-A")
	p.shows(`
NAMESPACE  NAME           CERTIFICATE  ISSUER       STATE  PAID UNTIL  EXPIRES     AGE  MESSAGE
shop       shop-01234567  shop         positivessl  Held   -           2026-12-20  2d   nothing was bought: the budget of 10 purchases in 24h is used up
`, "orders", "-A", "--held")
}

func TestOrdersAsData(t *testing.T) {
	t.Parallel()
	p := newTerminal(t, shopOrder())
	require.NoError(t, p.run("orders", "-o", "json"))
	var list v1alpha1.ResellerOrderList
	require.NoError(t, json.Unmarshal(p.out.Bytes(), &list))
	require.Len(t, list.Items, 1)
	assert.Equal(t, "shop-01234567", list.Items[0].Name)
	assert.Equal(t, "ResellerOrderList", list.Kind)
	require.NoError(t, p.run("orders", "-o", "yaml"))
	assert.Contains(t, p.out.String(), "reason: BudgetExceeded")
}

func TestNoOrders(t *testing.T) {
	t.Parallel()
	p := newTerminal(t)
	p.shows("", "orders")
	assert.Equal(t, "no orders in namespace shop\n", p.errOut.String())
	p.shows("", "orders", "-A", "--held")
	assert.Equal(t, "no orders that wait for a person\n", p.errOut.String())
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	event := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "e"}, Regarding: corev1.ObjectReference{UID: "order"},
		EventTime: metav1.NewMicroTime(now.Add(-time.Hour)), Reason: "BudgetExceeded", Note: "held",
	}
	other := &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "o"}, Regarding: corev1.ObjectReference{UID: "other"}}
	p := newTerminal(t, shopOrder(), purchase(key+"-1", nil), event, other)
	want := `
Order:          shop/shop-01234567
Certificate:    shop
Issuer:         ResellerIssuer positivessl
State:          Held
Names:          shop.example.com, www.shop.example.com
Request:        CertificateRequest shop-1, 120m ago
Got by:         Purchase, validated by CNAME
In this state:  since 90m
Last issued:    serial 0a1b, valid until 2026-12-20

Waits for:     nothing was bought: the budget of 10 purchases in 24h is used up
Reason:        BudgetExceeded, since 60m: a person has to decide
Explained at:  https://github.com/reseller-issuer/reseller-issuer/blob/main/docs/troubleshooting.md#budgetexceeded

DOMAIN            METHOD  TO PUBLISH                                 SEEN  VALIDATED
shop.example.com  CNAME   _a.shop.example.com. CNAME b.sectigo.com.  yes   no

PURCHASE                            STATE   PRICE     PAID UNTIL  CERTIFICATES  ORDER AT THE RESELLER  AGE
0123456789abcdef0123456789abcdef-1  Bought  5.20 USD  2026-12-20  2             order_id=12345         335d

EVENT           AGE  NOTE
BudgetExceeded  60m  held
`
	p.shows(want, "describe", "shop-01234567")
	p.shows(want, "describe", "shop") // by the Certificate's name
	p.fails(exitFailed, "has no ResellerOrder and no Certificate", "describe", "blog")
}

func TestDescribeOfSeveralIssuers(t *testing.T) {
	t.Parallel()
	second := shopOrder()
	second.Name = "shop-89abcdef"
	newTerminal(t, shopOrder(), second).fails(exitUsage, "several issuers", "describe", "shop")
}

// TestDescribeWithoutLedger: tenants may see their orders, not the ledger.
func TestDescribeWithoutLedger(t *testing.T) {
	t.Parallel()
	p := newTerminal(t)
	scheme, err := newScheme()
	require.NoError(t, err)
	p.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(shopOrder()).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if _, ok := list.(*v1alpha1.ResellerPurchaseList); ok {
				return apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("resellerpurchases").GroupResource(), "", nil)
			}
			return c.List(ctx, list, opts...)
		},
	}).Build()
	require.NoError(t, p.run("describe", "shop"))
	assert.Contains(t, p.out.String(), "Purchases: you may not read ResellerPurchases\n")
}

func TestSpend(t *testing.T) {
	t.Parallel()
	objects := []client.Object{
		purchase("a-1", nil),
		purchase("a-2", func(p *v1alpha1.ResellerPurchaseSpec) {
			p.IntendedAt, p.State, p.Price = metav1.NewMicroTime(now.Add(-time.Hour)), v1alpha1.PurchaseIntended, nil
			p.ExpectedPrice, p.Certificates = &v1alpha1.Money{Amount: "6", Currency: "USD"}, nil
		}),
		purchase("b-1", func(p *v1alpha1.ResellerPurchaseSpec) {
			p.OrderNamespace, p.Price = "blog", &v1alpha1.Money{Amount: "0.105", Currency: "EUR"}
		}),
		purchase("b-2", func(p *v1alpha1.ResellerPurchaseSpec) { p.State = v1alpha1.PurchaseRefused }),
		purchase("b-3", func(p *v1alpha1.ResellerPurchaseSpec) { p.OrderNamespace, p.Price = "blog", nil }),
	}
	p := newTerminal(t, objects...)
	p.shows(`
NAMESPACE  PURCHASES  CERTIFICATES  AMOUNT  CURRENCY  NOTE
blog       1          2             0.00    -         1 purchase at a price that is not known
blog       1          2             0.11    EUR       -
shop       2          2             11.20   USD       1 purchase with an open outcome
`, "spend", "-A", "--by", "namespace")
	p.shows(`
MONTH    PURCHASES  CERTIFICATES  AMOUNT  CURRENCY  NOTE
2026-11  1          0             6.00    USD       1 purchase with an open outcome
`, "spend", "--by", "month", "--since", "24h")
	p.shows(`
ISSUER            PURCHASES  CERTIFICATES  AMOUNT  CURRENCY  NOTE
shop/positivessl  2          2             11.20   USD       1 purchase with an open outcome
`, "spend")
	p.fails(exitUsage, `--by: "week"`, "spend", "--by", "week")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	p := newTerminal(t)
	p.fails(exitUsage, "--output", "orders", "-o", "xml")
	p.fails(exitUsage, "--watch", "orders", "-w", "-o", "json")
	p.fails(exitUsage, "arg(s)", "describe")
	p.fails(exitUsage, "unknown command", "orders", "shop")
	p.fails(exitUsage, "unknown flag", "orders", "--nonsense")
}
