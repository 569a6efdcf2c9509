package suites

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
)

const someKey = "0123456789abcdef0123456789abcdef"

// TestOrdersAreForKeeps has the fields of orders that can't change, and the limits
// of those that can.
func TestOrdersAreForKeeps(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	// No request, so that the controller has nothing to do with it.
	order := &v1alpha1.ResellerOrder{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "kept"},
		Spec:       v1alpha1.ResellerOrderSpec{Key: someKey, IssuerRef: v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: s.namespace, Name: "none"}},
	}
	s.create(order)
	tests := []struct {
		name   string
		change func(o *v1alpha1.ResellerOrder)
		text   string
	}{
		{"key", func(o *v1alpha1.ResellerOrder) { o.Spec.Key = strings.Repeat("f", 32) }, "key can't be changed"},
		{"issuer", func(o *v1alpha1.ResellerOrder) { o.Spec.IssuerRef.Name = "other" }, "issuerRef can't be changed"},
		{"request without names", func(o *v1alpha1.ResellerOrder) {
			o.Spec.Request = &v1alpha1.OrderRequest{Kind: v1alpha1.RequestKindCertificateRequest, Name: "r", UID: "u", CSR: []byte("x"), CSRDigest: strings.Repeat("0", 64), Names: []string{}}
		}, "spec.request.names"},
		{"request with a huge CSR", func(o *v1alpha1.ResellerOrder) {
			o.Spec.Request = &v1alpha1.OrderRequest{Kind: v1alpha1.RequestKindCertificateRequest, Name: "r", UID: "u", CSR: make([]byte, 65537), CSRDigest: strings.Repeat("0", 64), Names: []string{"a.example.com"}}
		}, "spec.request.csr"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changed := order.DeepCopy()
			test.change(changed)
			err := s.c.Patch(t.Context(), changed, client.MergeFrom(order), client.DryRunAll)
			require.Error(t, err)
			assert.ErrorContains(t, err, test.text)
		})
	}
}

// TestPurchaseResolution has a person's word that says both, or neither.
func TestPurchaseResolution(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	purchase := &v1alpha1.ResellerPurchase{
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace},
		Spec: v1alpha1.ResellerPurchaseSpec{
			Key: someKey, OrderNamespace: s.namespace, OrderName: "none", ClusterID: "test", Reference: "ri-1",
			IssuerRef: v1alpha1.IssuerReference{Kind: "ResellerIssuer", Namespace: s.namespace, Name: "none"},
			Account:   v1alpha1.PurchaseAccount{Reseller: "cyberssl", Endpoint: "https://reseller.invalid", Name: "none"},
			Kind:      v1alpha1.PurchaseNew, Product: "1", TermMonths: 12, Names: []string{"a.example.com"}, CommonName: "a.example.com",
			CSR: []byte("x"), CSRDigest: strings.Repeat("0", 64), Method: v1alpha1.DCVMethodCNAME,
			IntendedAt: metav1.NowMicro(), State: v1alpha1.PurchaseIntended,
		},
	}
	require.NoError(t, s.c.Create(t.Context(), purchase.DeepCopy(), client.DryRunAll))
	ids := []v1alpha1.OrderID{{Name: "order_id", Value: "1"}}
	for _, resolution := range []v1alpha1.PurchaseResolution{{}, {OrderIDs: ids, Absent: "Confirmed"}, {Absent: "Perhaps"}} {
		wrong := purchase.DeepCopy()
		wrong.Spec.Resolution = &resolution
		err := s.c.Create(t.Context(), wrong, client.DryRunAll)
		require.ErrorContains(t, err, "spec.resolution")
	}
	for _, resolution := range []v1alpha1.PurchaseResolution{{OrderIDs: ids}, {Absent: "Confirmed"}} {
		right := purchase.DeepCopy()
		right.Spec.Resolution = &resolution
		require.NoError(t, s.c.Create(t.Context(), right, client.DryRunAll))
	}
}

// TestColumns looks at what `kubectl get` shows.
func TestColumns(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.clusterIssuer(s.settings(productSingle), s.namespace)
	s.obtain(s.certificate("site", s.issuer(s.settings(productSingle)), "www."+s.domain))
	tests := []struct {
		resource, namespace string
		columns             []string
		cells               []string
	}{
		{"resellerissuers", s.namespace, []string{"Name", "Ready", "Mode", "Age"}, []string{issuerName, "True", "Live"}},
		{"resellerclusterissuers", "", []string{"Name", "Ready", "Mode", "Age"}, []string{s.namespace, "True", "Live"}},
		{"resellerorders", s.namespace, []string{"Name", "State", "Certificate", "Issuer", "Expires", "Message", "Age"}, []string{"Issued", "site", issuerName, "the certificate is there"}},
		{"resellerpurchases", "", []string{"Name", "State"}, []string{"Bought", "www." + s.domain}},
	}
	for _, test := range tests {
		t.Run(test.resource, func(t *testing.T) {
			s.with(t).eventually(func(c *assert.CollectT) {
				table, err := world.Table(t.Context(), test.namespace, test.resource)
				require.NoError(c, err)
				var text strings.Builder
				require.NoError(c, lab.PrintTable(&text, table))
				title, rows, _ := strings.Cut(text.String(), "\n")
				for _, column := range test.columns {
					assert.Contains(c, title, strings.ToUpper(column))
				}
				for _, cell := range test.cells {
					assert.Contains(c, rows, cell)
				}
			})
		})
	}
}
