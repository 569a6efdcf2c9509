package signer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/cert-manager/issuer-lib/controllers/signer"
	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/tools/events"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/chain"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
	"github.com/reseller-issuer/reseller-issuer/internal/providers"
)

const (
	team     = "team"
	resource = "cert-manager"
)

var (
	now    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	errAPI = errors.New("connection refused")
)

// fakeProvider answers Check; any other call panics, because Sign must make none.
type fakeProvider struct {
	providers.Provider
	profile providers.Profile
	info    providers.AccountInfo
	err     error
	checks  int
}

func (p *fakeProvider) Account() providers.Account {
	return providers.Account{Reseller: "fake", Endpoint: "https://api.example.com", Name: "account"}
}

func (p *fakeProvider) Profile() providers.Profile { return p.profile }

// Reissue makes the provider one that reuses what is paid.
func (p *fakeProvider) Reissue(context.Context, *providers.Intent, providers.IDs, providers.Request) (providers.Placed, error) {
	panic("Sign and Check reissue nothing")
}

func (p *fakeProvider) Check(context.Context) (providers.AccountInfo, error) {
	p.checks++
	return p.info, p.err
}

// world is a Signer among fakes.
type world struct {
	*Signer
	t        *testing.T
	provider *fakeProvider
	events   *events.FakeRecorder
	clock    *testclock.FakeClock
}

func newWorld(t *testing.T, hooks interceptor.Funcs, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, certificatesv1.AddToScheme, cmapi.AddToScheme, v1alpha1.AddToScheme} {
		require.NoError(t, add(scheme))
	}
	w := &world{
		t:        t,
		provider: &fakeProvider{profile: providers.Profile{Product: "p1", MaxNames: 2, CommonNameRequired: true, ReissueKeepsOld: true, Curves: []string{"P-256"}}},
		events:   events.NewFakeRecorder(10),
		clock:    testclock.NewFakeClock(now),
	}
	suppliers := &order.Suppliers{Drivers: map[string]order.Driver{"fake": w.driver()}, ClusterResourceNamespace: resource}
	w.Signer = &Signer{
		Suppliers: suppliers, Limits: providers.NewLimiters(providers.LimiterOptions{}),
		CheckSolver: func(context.Context, v1alpha1.Solver, string) error { return nil },
		Recorder:    NewRecorder(w.events), Clock: w.clock,
	}
	build := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(hooks).
		WithTypeConverters(issuerSchema(t), managedfields.NewDeducedTypeConverter()).
		WithStatusSubresource(&cmapi.CertificateRequest{}, &v1alpha1.ResellerIssuer{}, &v1alpha1.ResellerClusterIssuer{}, &v1alpha1.ResellerOrder{})
	for _, index := range w.indexes() {
		build.WithIndex(index.object, index.field, index.values)
	}
	w.Client = build.Build()
	w.Reader, suppliers.Client, suppliers.Secrets = w.Client, w.Client, w.Client
	return w
}

func (w *world) driver() order.Driver {
	return order.Driver{
		Access: func(r *v1alpha1.Reseller) *v1alpha1.ResellerAccess { return &r.CyberSSL.ResellerAccess },
		New: func(_ *v1alpha1.ResellerIssuerSpec, credentials map[string][]byte) (providers.Provider, error) {
			if len(credentials["apikey"]) == 0 {
				return nil, errors.New("key apikey is missing")
			}
			return w.provider, nil
		},
	}
}

// orders are all that exist.
func (w *world) orders() []v1alpha1.ResellerOrder {
	w.t.Helper()
	var list v1alpha1.ResellerOrderList
	require.NoError(w.t, w.Client.List(w.t.Context(), &list))
	return list.Items
}

func (w *world) onlyOrder() *v1alpha1.ResellerOrder {
	w.t.Helper()
	all := w.orders()
	require.Len(w.t, all, 1)
	return &all[0]
}

// signPending expects that the request waits.
func (w *world) signPending(object signer.CertificateRequestObject, issuer *v1alpha1.ResellerIssuer) signer.PendingError {
	w.t.Helper()
	bundle, err := w.Sign(w.t.Context(), object, issuer)
	var pending signer.PendingError
	require.ErrorAs(w.t, err, &pending)
	require.Empty(w.t, bundle)
	return pending
}

func issuerSpec() v1alpha1.ResellerIssuerSpec {
	return v1alpha1.ResellerIssuerSpec{Reseller: v1alpha1.Reseller{CyberSSL: &v1alpha1.CyberSSL{
		ResellerAccess: v1alpha1.ResellerAccess{CredentialsSecretRef: v1alpha1.SecretReference{Name: "credentials"}},
		AccountName:    "account",
	}}}
}

func issuer() *v1alpha1.ResellerIssuer {
	return &v1alpha1.ResellerIssuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "issuer", UID: "issuer-uid", Generation: 1},
		Spec:       issuerSpec(),
	}
}

func clusterIssuer() *v1alpha1.ResellerClusterIssuer {
	return &v1alpha1.ResellerClusterIssuer{
		ObjectMeta: metav1.ObjectMeta{Name: "issuer", UID: "cluster-issuer-uid", Generation: 1},
		Spec: v1alpha1.ResellerClusterIssuerSpec{
			ResellerIssuerSpec: issuerSpec(), AllowedNamespaces: []string{"*"}, AllowedNames: []string{"*"},
		},
	}
}

func secret(namespace string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "credentials"},
		Data:       map[string][]byte{"apikey": []byte("secret")},
	}
}

func certificate() *cmapi.Certificate {
	return &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "web", UID: "certificate-uid", Labels: map[string]string{"zone": "a"}},
		Spec:       cmapi.CertificateSpec{RenewBefore: &metav1.Duration{Duration: time.Hour}},
	}
}

// keyPair is a key with its CSR.
type keyPair struct {
	key crypto.Signer
	csr []byte
}

func newCSR(t *testing.T, change ...func(*x509.CertificateRequest)) keyPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "example.com"}, DNSNames: []string{"example.com"}}
	for _, f := range change {
		f(template)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	require.NoError(t, err)
	return keyPair{key: key, csr: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})}
}

// request is an approved CertificateRequest that a Certificate owns; age is in seconds.
func newRequest(t *testing.T, name string, age int, pair keyPair) *cmapi.CertificateRequest {
	t.Helper()
	controller := true
	return &cmapi.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: team, Name: name, UID: types.UID(name + "-uid"),
			CreationTimestamp: metav1.NewTime(now.Add(-time.Duration(age) * time.Second)),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "cert-manager.io/v1", Kind: "Certificate", Name: "web", UID: "certificate-uid", Controller: &controller,
			}},
		},
		Spec: cmapi.CertificateRequestSpec{Request: pair.csr},
		Status: cmapi.CertificateRequestStatus{Conditions: []cmapi.CertificateRequestCondition{
			{Type: cmapi.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue},
		}},
	}
}

func bare(t *testing.T, name string, age int, pair keyPair) *cmapi.CertificateRequest {
	t.Helper()
	cr := newRequest(t, name, age, pair)
	cr.OwnerReferences = nil
	return cr
}

func kubernetesCSR(name string, pair keyPair) *certificatesv1.CertificateSigningRequest {
	return &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name + "-uid"), CreationTimestamp: metav1.NewTime(now)},
		Spec:       certificatesv1.CertificateSigningRequestSpec{Request: pair.csr, SignerName: "resellerclusterissuers.reseller-issuer.io/issuer"},
		Status: certificatesv1.CertificateSigningRequestStatus{Conditions: []certificatesv1.CertificateSigningRequestCondition{
			{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue},
		}},
	}
}

func object(cr *cmapi.CertificateRequest) signer.CertificateRequestObject {
	return signer.CertificateRequestObjectFromCertificateRequest(cr)
}

// issue makes a leaf for the CSR, and returns it with its CA's certificate, which is a root.
func issue(t *testing.T, pair keyPair) []byte {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte{1},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	require.NoError(t, err)
	csr, err := chain.ParseCSR(pair.csr)
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: csr.Subject, DNSNames: csr.DNSNames,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, csr.PublicKey, caKey)
	require.NoError(t, err)
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})...)
}

func digestOf(t *testing.T, pair keyPair) string {
	t.Helper()
	csr, err := chain.ParseCSR(pair.csr)
	require.NoError(t, err)
	return chain.Digest(csr)
}
