package suites

import (
	"slices"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/sandbox"
)

const (
	// patience is for a certificate on a busy machine.
	patience = 90 * time.Second
	period   = 150 * time.Millisecond
)

// The names of the objects that each scene has.
const (
	issuerName  = "reseller"
	credentials = "account"
	dnsKey      = "dns-key"
)

// Products of the sandbox.
const (
	productSingle = "17" // one name, no wildcard
	productMulti  = "20" // many names and wildcards
)

// scene is the part of the lab that belongs to one test.
type scene struct {
	t         *testing.T
	c         client.Client
	namespace string
	// domain is the name below which all names of the test are.
	domain string
}

// newScene makes a namespace with the Secrets of an issuer, named after the test.
func newScene(t *testing.T) *scene {
	t.Helper()
	timed(t)
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(strings.TrimPrefix(t.Name(), "Test")))
	s := &scene{t: t, c: world.Client(), namespace: name, domain: name + "." + zone}
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	s.create(secret(name, credentials, "apikey", sandbox.DefaultAPIKey))
	s.create(secret(name, dnsKey, "secret", world.TSIGKey().Secret))
	t.Cleanup(func() {
		if t.Failed() {
			s.dump()
		}
	})
	return s
}

// with is the same scene for a subtest.
func (s *scene) with(t *testing.T) *scene {
	sub := *s
	sub.t = t
	return &sub
}

func secret(namespace, name, key, value string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		StringData: map[string]string{key: value},
	}
}

func (s *scene) create(object client.Object) {
	s.t.Helper()
	require.NoError(s.t, s.c.Create(s.t.Context(), object))
}

func (s *scene) get(object client.Object) {
	s.t.Helper()
	require.NoError(s.t, s.c.Get(s.t.Context(), client.ObjectKeyFromObject(object), object))
}

// change reads an object and patches what do has changed.
func (s *scene) change(object client.Object, do func()) {
	s.t.Helper()
	s.get(object)
	before := object.DeepCopyObject().(client.Object)
	do()
	require.NoError(s.t, s.c.Patch(s.t.Context(), object, client.MergeFrom(before)))
}

func (s *scene) remove(object client.Object) {
	s.t.Helper()
	require.NoError(s.t, s.c.Delete(s.t.Context(), object))
}

// eventually repeats check until none of its assertions fails.
func (s *scene) eventually(check func(c *assert.CollectT)) {
	s.t.Helper()
	require.EventuallyWithT(s.t, check, patience, period)
}

// settings are those of an issuer that works: an account of its own at the
// sandbox, CNAME records by dynamic updates, no settle time.
func (s *scene) settings(product string) v1alpha1.ResellerIssuerSpec {
	buy := v1alpha1.Product{ID: product}
	if product == productMulti {
		buy.Wildcard, buy.MaxNames = v1alpha1.Supported, 250
	}
	return v1alpha1.ResellerIssuerSpec{
		Reseller: v1alpha1.Reseller{CyberSSL: &v1alpha1.CyberSSL{
			ResellerAccess: v1alpha1.ResellerAccess{
				Endpoint:             world.ResellerEndpoint(),
				CredentialsSecretRef: v1alpha1.SecretReference{Name: credentials},
				Product:              buy,
			},
			AccountName: s.namespace,
		}},
		Contacts: v1alpha1.Contacts{Admin: v1alpha1.Contact{
			FirstName: "Ada", LastName: "Example", Title: "Operator", Email: "ada@example.com", Phone: "+49.301234567",
		}},
		DCV: v1alpha1.DCV{
			Methods: []v1alpha1.DCVMethod{v1alpha1.DCVMethodCNAME},
			Solvers: []v1alpha1.Solver{{RFC2136: &v1alpha1.SolverRFC2136{
				Nameserver:          world.Nameserver(),
				TSIGKeyName:         world.TSIGKey().Name,
				TSIGSecretSecretRef: &v1alpha1.SecretKeyReference{Name: dnsKey, Key: "secret"},
			}}},
			Propagation: v1alpha1.Propagation{SettleTime: &metav1.Duration{}},
		},
		RateLimit: &v1alpha1.RateLimit{RequestsPerMinute: 6000},
	}
}

// issuer makes a namespaced issuer.
func (s *scene) issuer(spec v1alpha1.ResellerIssuerSpec) *v1alpha1.ResellerIssuer {
	s.t.Helper()
	issuer := &v1alpha1.ResellerIssuer{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: issuerName}, Spec: spec}
	s.create(issuer)
	return issuer
}

// clusterIssuer makes an issuer called like the namespace, for all its names. Its
// Secrets are copies in the cluster resource namespace.
func (s *scene) clusterIssuer(spec v1alpha1.ResellerIssuerSpec, namespaces ...string) *v1alpha1.ResellerClusterIssuer {
	s.t.Helper()
	account, key := s.namespace+"-"+credentials, s.namespace+"-"+dnsKey
	s.create(secret(lab.Namespace, account, "apikey", sandbox.DefaultAPIKey))
	s.create(secret(lab.Namespace, key, "secret", world.TSIGKey().Secret))
	spec.Reseller.CyberSSL.CredentialsSecretRef.Name = account
	if updates := spec.DCV.Solvers[0].RFC2136; updates != nil {
		updates.TSIGSecretSecretRef.Name = key
	}
	issuer := &v1alpha1.ResellerClusterIssuer{
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace},
		Spec: v1alpha1.ResellerClusterIssuerSpec{
			ResellerIssuerSpec: spec, AllowedNamespaces: namespaces, AllowedNames: []string{s.domain, "*." + s.domain},
		},
	}
	s.create(issuer)
	return issuer
}

// reference names an issuer of this project for cert-manager.
func reference(issuer client.Object) cmmeta.IssuerReference {
	kind := "ResellerClusterIssuer"
	if issuer.GetNamespace() != "" {
		kind = "ResellerIssuer"
	}
	return cmmeta.IssuerReference{Group: v1alpha1.GroupVersion.Group, Kind: kind, Name: issuer.GetName()}
}

// certificate is a Certificate for names, of which the first is the common name.
func (s *scene) certificate(name string, issuer client.Object, names ...string) *cmapi.Certificate {
	return &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec: cmapi.CertificateSpec{
			SecretName: name, CommonName: names[0], DNSNames: names,
			PrivateKey: &cmapi.CertificatePrivateKey{Algorithm: cmapi.ECDSAKeyAlgorithm, Size: 256, RotationPolicy: cmapi.RotationPolicyAlways},
			IssuerRef:  reference(issuer),
		},
	}
}

// charges are the lines of the sandbox's ledger for names of this test.
func (s *scene) charges(kinds ...sandbox.EntryKind) []sandbox.Entry {
	s.t.Helper()
	entries, err := world.Ledger(s.t.Context())
	require.NoError(s.t, err)
	var own []sandbox.Entry
	for _, entry := range entries {
		if len(entry.Names) > 0 && below(entry.Names[0], s.domain) && (len(kinds) == 0 || slices.Contains(kinds, entry.Kind)) {
			own = append(own, entry)
		}
	}
	return own
}

// paidOnce fails unless there was exactly one charge.
func (s *scene) paidOnce() {
	s.t.Helper()
	entries := s.charges()
	var paid int
	for _, entry := range entries {
		if entry.Amount != 0 {
			paid++
		}
	}
	assert.Equal(s.t, 1, paid, "ledger: %+v", entries)
}

// nothingBought fails if the sandbox did anything for the test's names.
func (s *scene) nothingBought() {
	s.t.Helper()
	assert.Empty(s.t, s.charges())
}
