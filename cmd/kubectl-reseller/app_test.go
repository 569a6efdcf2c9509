package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

// terminal is a person at the plug-in with a cluster behind.
type terminal struct {
	t      *testing.T
	client client.WithWatch
	typed  string
	out    bytes.Buffer
	errOut bytes.Buffer
}

func newTerminal(t *testing.T, objects ...client.Object) *terminal {
	t.Helper()
	scheme, err := newScheme()
	require.NoError(t, err)
	return &terminal{t: t, client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()}
}

// run gives a command line; what it wrote is in out and errOut.
func (p *terminal) run(args ...string) error {
	p.t.Helper()
	p.out.Reset()
	p.errOut.Reset()
	a := &app{
		in: strings.NewReader(p.typed), out: &p.out, errOut: &p.errOut,
		clock: clocktesting.NewFakeClock(now), newID: func() string { return "id-1" },
		connect: func() (client.WithWatch, string, error) { return p.client, "shop", nil },
	}
	cmd := a.command()
	cmd.SetArgs(args)
	return cmd.ExecuteContext(p.t.Context())
}

// shows fails unless the command succeeds and writes exactly this.
func (p *terminal) shows(want string, args ...string) {
	p.t.Helper()
	require.NoError(p.t, p.run(args...))
	require.Equal(p.t, strings.TrimPrefix(want, "\n"), p.out.String())
}

// fails fails unless the command ends with this code and these words.
func (p *terminal) fails(code int, words string, args ...string) {
	p.t.Helper()
	err := p.run(args...)
	require.ErrorContains(p.t, err, words)
	require.Equal(p.t, code, exitCode(err))
}

const key = "0123456789abcdef0123456789abcdef"

// shopOrder is an order that waits for a person.
func shopOrder() *v1alpha1.ResellerOrder {
	expires := metav1.NewTime(now.Add(30 * 24 * time.Hour))
	return &v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop-01234567", UID: "order", CreationTimestamp: ago(48 * time.Hour)},
		Spec: v1alpha1.ResellerOrderSpec{
			IssuerRef:       v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: "shop", Name: "positivessl"},
			Key:             key,
			CertificateName: "shop",
			Request: &v1alpha1.OrderRequest{
				Kind: v1alpha1.RequestKindCertificateRequest, Name: "shop-1", UID: "request", CreatedAt: ago(2 * time.Hour),
				CommonName: "shop.example.com", Names: []string{"shop.example.com", "www.shop.example.com"},
			},
		},
		Status: v1alpha1.ResellerOrderStatus{
			State: v1alpha1.OrderHeld, Message: "nothing was bought: the budget of 10 purchases in 24h is used up",
			Waiting:     &v1alpha1.Waiting{Reason: "BudgetExceeded", Message: "nothing was bought: the budget of 10 purchases in 24h is used up", Since: ago(time.Hour)},
			Certificate: &v1alpha1.OrderCertificate{Serial: "0a1b", NotAfter: expires},
			Issuance: &v1alpha1.Issuance{
				Operation: v1alpha1.OperationPurchase, State: v1alpha1.OrderOrdering, Since: ago(90 * time.Minute), Method: v1alpha1.DCVMethodCNAME,
				Challenges: []v1alpha1.OrderChallenge{{
					Domain: "shop.example.com", Method: v1alpha1.DCVMethodCNAME,
					RecordName: "_a.shop.example.com.", RecordValue: "b.sectigo.com.", Seen: true,
				}},
			},
		},
	}
}

func purchase(name string, change func(*v1alpha1.ResellerPurchaseSpec)) *v1alpha1.ResellerPurchase {
	paidUntil := metav1.NewTime(now.AddDate(0, 1, 0))
	p := &v1alpha1.ResellerPurchase{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelOrderKey: key}},
		Spec: v1alpha1.ResellerPurchaseSpec{
			Key: key, ClusterID: "here", OrderNamespace: "shop", OrderName: "shop-01234567",
			IssuerRef:  v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: "shop", Name: "positivessl"},
			Account:    v1alpha1.PurchaseAccount{Reseller: "cyberssl", Endpoint: "https://api.cyberssl.com/v1", Name: "example-hosting"},
			State:      v1alpha1.PurchaseBought,
			IntendedAt: metav1.NewMicroTime(now.AddDate(0, -11, 0)), PaidUntil: &paidUntil,
			Price:        &v1alpha1.Money{Amount: "5.20", Currency: "USD"},
			OrderIDs:     []v1alpha1.OrderID{{Name: "order_id", Value: "12345"}},
			Certificates: []v1alpha1.PurchasedCertificate{{Serial: "09"}, {Serial: "0a1b"}},
		},
	}
	if change != nil {
		change(&p.Spec)
	}
	return p
}
