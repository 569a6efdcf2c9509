package signer

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	experimentalapi "github.com/cert-manager/cert-manager/pkg/apis/experimental/v1alpha1"
	"github.com/cert-manager/issuer-lib/controllers/signer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

func TestSignMakesAnOrder(t *testing.T) {
	t.Parallel()
	pair := newCSR(t)
	cr := newRequest(t, "web-1", 0, pair)
	w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team), certificate(), cr)

	pending := w.signPending(object(cr), issuer())
	assert.GreaterOrEqual(t, pending.RequeueAfter, 5*time.Minute)
	assert.Contains(t, pending.Error(), "nothing is ordered yet")

	made := w.onlyOrder()
	ref := v1alpha1.IssuerReference{Kind: order.KindIssuer, Namespace: team, Name: "issuer"}
	key := order.CertificateKey(team, ref, "web")
	assert.Equal(t, order.Name("web", key), made.Name)
	assert.Equal(t, key, made.Labels[v1alpha1.LabelOrderKey])
	assert.Empty(t, made.OwnerReferences, "the order outlives its Certificate")
	assert.Equal(t, ref, made.Spec.IssuerRef)
	assert.Equal(t, "web", made.Spec.CertificateName)
	assert.Equal(t, cr.UID, made.Spec.Request.UID)
	assert.Equal(t, digestOf(t, pair), made.Spec.Request.CSRDigest)
	assert.Equal(t, []string{"example.com"}, made.Spec.Request.Names)
	assert.Equal(t, "example.com", made.Spec.Request.CommonName)
	assert.Equal(t, map[string]string{"zone": "a"}, made.Spec.Request.Labels)
	assert.Equal(t, time.Hour, made.Spec.Request.RenewBefore.Duration)
	assert.EqualValues(t, "certificate-uid", made.Spec.Request.CertificateUID)

	w.signPending(object(cr), issuer())
	assert.Equal(t, made.ResourceVersion, w.onlyOrder().ResourceVersion, "nothing is written twice")
	assert.Zero(t, w.provider.checks, "Sign never calls the reseller")
}

func TestSignResults(t *testing.T) {
	t.Parallel()
	pair := newCSR(t)
	cr := newRequest(t, "web-1", 0, pair)
	good := issue(t, pair)
	held := func(certificate v1alpha1.OrderCertificate) v1alpha1.ResellerOrderStatus {
		return v1alpha1.ResellerOrderStatus{State: v1alpha1.OrderIssued, Message: "issued", Certificate: &certificate}
	}
	failed := func(uid types.UID) v1alpha1.ResellerOrderStatus {
		return v1alpha1.ResellerOrderStatus{
			State: v1alpha1.OrderFailed, Message: "the product can't", Issuance: &v1alpha1.Issuance{RequestUID: uid},
		}
	}
	cases := map[string]struct {
		status    v1alpha1.ResellerOrderStatus
		permanent string
		pending   string
	}{
		"issued":            {status: held(v1alpha1.OrderCertificate{RequestUID: cr.UID, CSRDigest: digestOf(t, pair), Chain: good})},
		"another request's": {status: held(v1alpha1.OrderCertificate{RequestUID: "web-0-uid", CSRDigest: digestOf(t, pair), Chain: good}), pending: "issued (ResellerOrder team/web-"},
		"another CSR's":     {status: held(v1alpha1.OrderCertificate{RequestUID: cr.UID, CSRDigest: digestOf(t, newCSR(t)), Chain: good}), pending: "issued"},
		"chain dropped":     {status: held(v1alpha1.OrderCertificate{RequestUID: cr.UID, CSRDigest: digestOf(t, pair)}), pending: "issued"},
		"chain of a stranger": {
			status:  held(v1alpha1.OrderCertificate{RequestUID: cr.UID, CSRDigest: digestOf(t, pair), Chain: issue(t, newCSR(t))}),
			pending: "its key is not the key",
		},
		"chain damaged":  {status: held(v1alpha1.OrderCertificate{RequestUID: cr.UID, CSRDigest: digestOf(t, pair), Chain: []byte("junk")}), pending: "certificate in the order"},
		"failed":         {status: failed(cr.UID), permanent: "the product can't"},
		"failed another": {status: failed("web-0-uid"), pending: "the product can't"},
		"waits":          {status: v1alpha1.ResellerOrderStatus{State: v1alpha1.OrderValidating, Message: "create a TXT record"}, pending: "create a TXT record (ResellerOrder team/web-"},
		"held after payment": {
			status:  v1alpha1.ResellerOrderStatus{State: v1alpha1.OrderHeld, Message: "the CA rejected the order", Issuance: &v1alpha1.Issuance{RequestUID: cr.UID}},
			pending: "the CA rejected the order",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team), certificate(), cr.DeepCopy())
			w.signPending(object(cr), issuer())
			o := w.onlyOrder()
			o.Status = tc.status
			require.NoError(t, w.Client.Status().Update(t.Context(), o))

			bundle, err := w.Sign(t.Context(), object(cr), issuer())
			requireResult(t, bundle, err, tc.permanent, tc.pending)
		})
	}
}

// requireResult wants a permanent error, a pending one, or else a chain of one certificate.
func requireResult(t *testing.T, bundle signer.PEMBundle, err error, permanent, pending string) {
	t.Helper()
	var permanentError signer.PermanentError
	var pendingError signer.PendingError
	switch {
	case permanent != "":
		require.ErrorAs(t, err, &permanentError)
		assert.Equal(t, permanent, permanentError.Error())
	case pending != "":
		require.ErrorAs(t, err, &pendingError)
		assert.Contains(t, pendingError.Error(), pending)
	default:
		require.NoError(t, err)
		block, rest := pem.Decode(bundle.ChainPEM)
		require.NotNil(t, block)
		assert.Empty(t, rest, "the root stays out")
		assert.Empty(t, bundle.CAPEM)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		csr    func(*x509.CertificateRequest)
		cr     func(*cmapi.CertificateRequest)
		issuer func(*v1alpha1.ResellerIssuer)
		text   string
	}{
		"IP address":    {csr: func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} }, text: "spec.ipAddresses: "},
		"no CN":         {csr: func(r *x509.CertificateRequest) { r.Subject.CommonName = "" }, text: "spec.commonName: "},
		"client auth":   {cr: func(c *cmapi.CertificateRequest) { c.Spec.Usages = []cmapi.KeyUsage{cmapi.UsageClientAuth} }, text: "spec.usages: "},
		"unknown usage": {cr: func(c *cmapi.CertificateRequest) { c.Spec.Usages = []cmapi.KeyUsage{"flying"} }, text: "spec.usages: "},
		"CA":            {cr: func(c *cmapi.CertificateRequest) { c.Spec.IsCA = true }, text: "spec.isCA: "},
		"no CSR":        {cr: func(c *cmapi.CertificateRequest) { c.Spec.Request = []byte("junk") }, text: "spec.request: "},
		"bare": {
			cr:     func(c *cmapi.CertificateRequest) { c.OwnerReferences = nil },
			issuer: func(i *v1alpha1.ResellerIssuer) { i.Spec.Purchase.BareRequests = v1alpha1.BareRequestsDeny },
			text:   "spec.purchase.bareRequests: ",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pair := newCSR(t)
			if tc.csr != nil {
				pair = newCSR(t, tc.csr)
			}
			cr, from := newRequest(t, "web-1", 0, pair), issuer()
			if tc.cr != nil {
				tc.cr(cr)
			}
			if tc.issuer != nil {
				tc.issuer(from)
			}
			w := newWorld(t, interceptor.Funcs{}, from, secret(team), certificate(), cr)
			_, err := w.Sign(t.Context(), object(cr), from)
			var permanent signer.PermanentError
			require.ErrorAs(t, err, &permanent)
			assert.Contains(t, permanent.Error(), tc.text)
			assert.Empty(t, w.orders())
		})
	}
}

func TestSignObeysClusterIssuerLimits(t *testing.T) {
	t.Parallel()
	cr := newRequest(t, "web-1", 0, newCSR(t))
	from := clusterIssuer()
	from.Spec.AllowedNames = []string{"*.example.com"}
	w := newWorld(t, interceptor.Funcs{}, from, secret(resource), certificate(), cr)
	_, err := w.Sign(t.Context(), object(cr), from)
	var permanent signer.PermanentError
	require.ErrorAs(t, err, &permanent)
	assert.Contains(t, permanent.Error(), "spec.allowedNames")
	assert.Empty(t, w.orders())
}

// A request that is served may be paid for: a change of the issuer must not fail it.
func TestSignJudgesARequestOnce(t *testing.T) {
	t.Parallel()
	cr := newRequest(t, "web-1", 0, newCSR(t))
	w := newWorld(t, interceptor.Funcs{}, issuer(), secret(team), certificate(), cr)
	w.signPending(object(cr), issuer())
	w.provider.profile.Curves = nil
	require.NoError(t, w.Client.Delete(t.Context(), secret(team)))
	w.signPending(object(cr), issuer())
}

func TestSignKubernetesCSR(t *testing.T) {
	t.Parallel()
	pair := newCSR(t)
	csr := kubernetesCSR("direct", pair)
	w := newWorld(t, interceptor.Funcs{}, clusterIssuer(), secret(resource), csr)
	request := signer.CertificateRequestObjectFromCertificateSigningRequest(csr)
	_, err := w.Sign(t.Context(), request, clusterIssuer())
	var pending signer.PendingError
	require.ErrorAs(t, err, &pending)

	made := w.onlyOrder()
	assert.Equal(t, resource, made.Namespace)
	assert.Equal(t, order.NamesKey(resource, v1alpha1.IssuerReference{Kind: order.KindClusterIssuer, Name: "issuer"}, []string{"example.com"}), made.Spec.Key)
	assert.Equal(t, v1alpha1.RequestKindCertificateSigningRequest, made.Spec.Request.Kind)
	assert.Empty(t, made.Spec.CertificateName)

	csr.Annotations = map[string]string{experimentalapi.CertificateSigningRequestDurationAnnotationKey: "long"}
	_, err = w.Sign(t.Context(), request, clusterIssuer())
	var permanent signer.PermanentError
	require.ErrorAs(t, err, &permanent)
	assert.Contains(t, permanent.Error(), "metadata.annotations[experimental.cert-manager.io/request-duration]")
}

func TestSignWaitsForTheKubernetesAPI(t *testing.T) {
	t.Parallel()
	on := func(match func(client.Object) bool) interceptor.Funcs {
		return interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
				if match(object) {
					return errAPI
				}
				return c.Get(ctx, key, object, opts...)
			},
		}
	}
	cases := map[string]interceptor.Funcs{
		"order":       on(func(o client.Object) bool { _, ok := o.(*v1alpha1.ResellerOrder); return ok }),
		"Certificate": on(func(o client.Object) bool { _, ok := o.(*cmapi.Certificate); return ok }),
		"Secret":      on(func(o client.Object) bool { _, ok := o.(*corev1.Secret); return ok }),
		"create": {Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			return errAPI
		}},
	}
	for name, funcs := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cr := newRequest(t, "web-1", 0, newCSR(t))
			w := newWorld(t, funcs, issuer(), secret(team), certificate(), cr)
			pending := w.signPending(object(cr), issuer())
			require.ErrorIs(t, pending, errAPI)
			assert.GreaterOrEqual(t, pending.RequeueAfter, 10*time.Second)
		})
	}
}
