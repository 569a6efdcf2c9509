package suites

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
	"github.com/reseller-issuer/reseller-issuer/e2e/lab"
	"github.com/reseller-issuer/reseller-issuer/internal/dcv"
)

// productTXT is validated by a TXT record below an underscore name, and takes RSA keys only.
const productTXT = "22"

// byTXT has names validated by TXT records of one solver.
func (s *scene) byTXT(solver v1alpha1.Solver) v1alpha1.ResellerIssuerSpec {
	settings := s.settings(productTXT)
	settings.Reseller.CyberSSL.Product.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodTXT}
	settings.Reseller.CyberSSL.Product.IncludedWWW = v1alpha1.Supported
	settings.DCV.Methods = []v1alpha1.DCVMethod{v1alpha1.DCVMethodTXT}
	settings.DCV.Solvers = []v1alpha1.Solver{solver}
	return settings
}

func withRSA(certificate *cmapi.Certificate) *cmapi.Certificate {
	certificate.Spec.PrivateKey = &cmapi.CertificatePrivateKey{Algorithm: cmapi.RSAKeyAlgorithm, Size: 2048, RotationPolicy: cmapi.RotationPolicyAlways}
	return certificate
}

// grant binds a role with one rule to a service account.
func (s *scene) grant(name string, account rbacv1.Subject, rule rbacv1.PolicyRule) *rbacv1.ClusterRoleBinding {
	s.t.Helper()
	s.create(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{rule}})
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: []rbacv1.Subject{account},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}
	s.create(binding)
	return binding
}

func serviceAccount(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}
}

// TestDNS01Webhook publishes through a webhook that was made for cert-manager's ACME issuers.
// Without the permission to call it, nothing is bought, and the message has the rule.
func TestDNS01Webhook(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	config, err := json.Marshal(map[string]string{
		"nameserver": world.Nameserver(), "keyName": world.TSIGKey().Name, "secretName": s.namespace + "-" + dnsKey,
	})
	require.NoError(t, err)
	s.grant(s.namespace+"-secrets", serviceAccount(controlplane.DNS01Webhook, controlplane.DNS01Webhook), rbacv1.PolicyRule{
		APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{s.namespace + "-" + dnsKey}, Verbs: []string{"get"},
	})
	issuer := s.clusterIssuer(s.byTXT(v1alpha1.Solver{CertManagerWebhook: &v1alpha1.SolverCertManagerWebhook{
		GroupName: controlplane.SolverGroup, SolverName: controlplane.SolverName, Config: &apiextensionsv1.JSON{Raw: config},
	}}), s.namespace)
	rule := fmt.Sprintf("{apiGroups: [%s], resources: [%s], verbs: [create]}", controlplane.SolverGroup, controlplane.SolverName)
	s.awaitNotReady(issuer, rule)

	binding := s.grant(s.namespace+"-webhook", serviceAccount(lab.Namespace, lab.Namespace), rbacv1.PolicyRule{
		APIGroups: []string{controlplane.SolverGroup}, Resources: []string{controlplane.SolverName}, Verbs: []string{"create"},
	})
	certificate := withRSA(s.certificate("site", issuer, "www."+s.domain))
	leaf := s.obtain(certificate)
	assert.Contains(t, leaf.DNSNames, "www."+s.domain)
	s.paidOnce()
	s.awaitNoRecords()

	// The permission is taken away behind the back of an issuer that is ready.
	s.remove(binding)
	second := withRSA(s.certificate("second", issuer, "second."+s.domain))
	s.create(second)
	s.eventually(func(c *assert.CollectT) {
		i := slices.IndexFunc(s.orders(c), func(o v1alpha1.ResellerOrder) bool { return o.Spec.CertificateName == "second" })
		require.GreaterOrEqual(c, i, 0)
		order := s.orders(c)[i]
		require.NotNil(c, order.Status.Waiting)
		assert.Equal(c, "SolverFailed", order.Status.Waiting.Reason)
		assert.Contains(c, order.Status.Message, rule)
	})
	s.paidOnce()
	binding.ObjectMeta = metav1.ObjectMeta{Name: binding.Name}
	s.create(binding)
	// A changed issuer is tried at once.
	s.change(issuer, func() { issuer.Spec.DCV.Propagation.Timeout = &metav1.Duration{Duration: time.Hour} })
	s.awaitReady(second)
	s.awaitNoRecords()
}

// dnsEndpoints is the CRD of external-dns, as far as it matters here.
const dnsEndpoints = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: dnsendpoints.externaldns.k8s.io, annotations: {api-approved.kubernetes.io: "https://github.com/kubernetes-sigs/external-dns/pull/2007"}}
spec:
  group: externaldns.k8s.io
  names: {kind: DNSEndpoint, listKind: DNSEndpointList, plural: dnsendpoints, singular: dnsendpoint}
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              endpoints:
                type: array
                items:
                  type: object
                  properties:
                    dnsName: {type: string}
                    labels: {type: object, additionalProperties: {type: string}}
                    providerSpecific: {type: array, items: {type: object, properties: {name: {type: string}, value: {type: string}}}}
                    recordTTL: {type: integer, format: int64}
                    recordType: {type: string}
                    setIdentifier: {type: string}
                    targets: {type: array, items: {type: string}}
          status: {type: object, properties: {observedGeneration: {type: integer, format: int64}}}
`

// endpoints are the DNSEndpoints of a namespace.
func (s *scene) endpoints(t require.TestingT) []unstructured.Unstructured {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "externaldns.k8s.io", Version: "v1alpha1", Kind: "DNSEndpointList"})
	require.NoError(t, s.c.List(s.t.Context(), list, client.InNamespace(s.namespace)))
	return list.Items
}

// TestExternalDNS has external-dns publish a CNAME record. Its CRD comes late, and so does the
// permission to write its objects; external-dns itself is played by the test.
func TestExternalDNS(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	settings := s.settings(productSingle)
	settings.DCV.Solvers = []v1alpha1.Solver{{ExternalDNS: &v1alpha1.SolverExternalDNS{
		Namespace: s.namespace, Labels: map[string]string{"external-dns": "public"}, Annotations: map[string]string{"example.test/class": "public"},
	}}}
	issuer := s.clusterIssuer(settings, s.namespace)
	s.awaitNotReady(issuer, "install the CRD of external-dns")
	crd := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(dnsEndpoints), crd))
	require.NoError(t, world.Plane().ApplyObjects(t.Context(), crd))
	s.awaitNotReady(issuer, "in namespace "+s.namespace, "{apiGroups: [externaldns.k8s.io], resources: [dnsendpoints], verbs: [get, create, patch, delete]}")
	s.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "external-dns"}, Subjects: []rbacv1.Subject{serviceAccount(lab.Namespace, lab.Namespace)},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "reseller-issuer-external-dns"},
	})

	certificate := s.certificate("site", issuer, "www."+s.domain)
	s.create(certificate)
	var endpoint map[string]any
	s.eventually(func(c *assert.CollectT) {
		objects := s.endpoints(c)
		require.Len(c, objects, 1)
		assert.Equal(c, "public", objects[0].GetLabels()["external-dns"])
		assert.Equal(c, map[string]string{"example.test/class": "public"}, objects[0].GetAnnotations())
		list, _, err := unstructured.NestedSlice(objects[0].Object, "spec", "endpoints")
		require.NoError(c, err)
		require.Len(c, list, 1)
		endpoint = list[0].(map[string]any)
	})
	s.nothingBought()
	assert.Equal(t, "CNAME", endpoint["recordType"])
	name, target := endpoint["dnsName"].(string), endpoint["targets"].([]any)[0].(string)
	assert.True(t, strings.HasSuffix(name, "."+s.domain), name)
	assert.True(t, strings.HasSuffix(target, ".sectigo.com"), target)
	require.NoError(t, world.Publish(t.Context(), dcv.CNAME, name, target))
	s.awaitReady(certificate)
	s.checkSecret(certificate)
	s.paidOnce()
	s.eventually(func(c *assert.CollectT) { assert.Empty(c, s.endpoints(c)) })
}
