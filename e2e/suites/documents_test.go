package suites

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// foreign are the API groups in the documentation whose kinds the lab hasn't: their YAML is
// only parsed.
var foreign = []string{
	"monitoring.coreos.com", "policy.cert-manager.io", "externaldns.k8s.io", "kustomize.config.k8s.io",
	"argoproj.io", "velero.io", "gateway.networking.k8s.io",
}

// yamlBlock is a fenced block, with the kind or the file that a comment above it may name:
// <!-- part of: ResellerIssuer -->
var yamlBlock = regexp.MustCompile("(?ms)(?:<!-- part of: (\\S+) -->\\s*)?^([ \t]*)```yaml\n(.*?)^[ \t]*```")

// TestDocumentation applies each YAML block of README and docs to the API server, without
// storing it. A block that is no whole manifest begins at the manifest's root, and is merged
// into the last manifest of its page, or into that of the kind in a comment above it. A part of
// another program's file, such as values.yaml or knot.conf, must only be YAML. An issuer that
// leaves reseller and contacts to the page of the reseller gets those of the sample.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	pages := documents(t)
	require.Greater(t, len(pages), 10, "the pages were not found")
	blocks := 0
	for _, page := range pages {
		content, err := os.ReadFile(page)
		require.NoError(t, err)
		found := yamlBlock.FindAllStringSubmatch(string(content), -1)
		assert.Len(t, found, strings.Count(string(content), "```yaml\n"), "%s: a block isn't closed", page)
		blocks += len(found)
		name, err := filepath.Rel(world.Directory(), page)
		require.NoError(t, err)
		t.Run(name, func(t *testing.T) { (&document{scene: s.with(t)}).apply(found) })
	}
	assert.Greater(t, blocks, 15)
}

// documents are the README and all pages below docs.
func documents(t *testing.T) []string {
	t.Helper()
	pages := []string{filepath.Join(world.Directory(), "README.md")}
	err := filepath.WalkDir(filepath.Join(world.Directory(), "docs"), func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			pages = append(pages, path)
		}
		return err
	})
	require.NoError(t, err)
	return pages
}

// document is one page.
type document struct {
	*scene
	manifests []*unstructured.Unstructured
}

func (d *document) apply(blocks [][]string) {
	for i, block := range blocks {
		text := strings.ReplaceAll("\n"+block[3], "\n"+block[2], "\n")
		objects, err := parseDocuments(text)
		if !assert.NoError(d.t, err, "block %d:\n%s", i+1, text) {
			continue
		}
		if strings.Contains(block[1], ".") {
			continue
		}
		for _, object := range objects {
			assert.NoError(d.t, d.applyOne(object, block[1]), "block %d:\n%s", i+1, text)
		}
	}
}

func parseDocuments(text string) ([]*unstructured.Unstructured, error) {
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

func (d *document) applyOne(object *unstructured.Unstructured, kind string) error {
	if object.GetAPIVersion() == "" {
		whole, err := d.complete(object, kind)
		if err != nil {
			return err
		}
		object = whole
	} else {
		d.manifests = append(d.manifests, object)
	}
	if _, found, _ := unstructured.NestedMap(object.Object, "spec", "reseller"); !found && strings.HasSuffix(object.GetKind(), "Issuer") {
		object = withSample(d.t, object)
	}
	if group, _, _ := strings.Cut(object.GetAPIVersion(), "/"); slices.Contains(foreign, group) {
		return nil
	}
	object = object.DeepCopy()
	if err := d.ensureNamespace(object.GetNamespace()); err != nil {
		return err
	}
	if object.GetName() == "" {
		object.SetName("example")
	}
	return d.tryOut(object)
}

// tryOut has the API server judge an object. One without a namespace that needs one goes into
// the test's own.
func (d *document) tryOut(object *unstructured.Unstructured) error {
	namespaced, err := d.c.IsObjectNamespaced(object)
	if err != nil {
		return err
	}
	if namespaced && object.GetNamespace() == "" {
		object.SetNamespace(d.namespace)
	}
	return d.c.Apply(d.t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("documentation"), client.ForceOwnership, client.DryRunAll)
}

// complete merges a part into the manifest to which it belongs.
func (d *document) complete(part *unstructured.Unstructured, kind string) (*unstructured.Unstructured, error) {
	for _, whole := range slices.Backward(d.manifests) {
		if kind == "" || whole.GetKind() == kind {
			return merged(whole, part), nil
		}
	}
	sample, ok := samples[kind]
	if !ok {
		return nil, fmt.Errorf("no manifest of kind %q precedes this block: say <!-- part of: KIND --> above it", kind)
	}
	objects, err := parseDocuments(sample(d.t))
	if err != nil {
		return nil, err
	}
	for _, whole := range objects {
		if whole.GetKind() == kind {
			return merged(whole, part), nil
		}
	}
	return nil, fmt.Errorf("the sample has no %s", kind)
}

// withSample adds the reseller and the contacts of the sample to an issuer.
func withSample(t *testing.T, issuer *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	objects, err := parseDocuments(samples["ResellerIssuer"](t))
	require.NoError(t, err)
	base := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}}}
	for _, sample := range objects {
		for _, field := range []string{"reseller", "contacts"} {
			if value, found, _ := unstructured.NestedMap(sample.Object, "spec", field); found {
				require.NoError(t, unstructured.SetNestedMap(base.Object, value, "spec", field))
			}
		}
	}
	return merged(base, issuer)
}

// merged is whole with the fields of part; lists are replaced.
func merged(whole, part *unstructured.Unstructured) *unstructured.Unstructured {
	result := whole.DeepCopy()
	mergeMaps(result.Object, part.DeepCopy().Object)
	return result
}

func mergeMaps(into, from map[string]any) {
	for name, value := range from {
		more, isMap := value.(map[string]any)
		present, wasMap := into[name].(map[string]any)
		if isMap && wasMap {
			mergeMaps(present, more)
			continue
		}
		into[name] = value
	}
}

// samples are manifests to which a block may belong without repeating them.
var samples = map[string]func(*testing.T) string{
	"ResellerIssuer": func(t *testing.T) string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(world.Directory(), "config", "samples", "cyberssl_issuer.yaml"))
		require.NoError(t, err)
		return string(content)
	},
	"Certificate": func(t *testing.T) string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(world.Directory(), "config", "samples", "certificate.yaml"))
		require.NoError(t, err)
		return string(content)
	},
	"ResellerPurchase": func(*testing.T) string {
		return fmt.Sprintf(`
apiVersion: reseller-issuer.io/v1alpha1
kind: ResellerPurchase
metadata: {name: example}
spec:
  key: %s
  clusterID: example
  orderNamespace: shop
  orderName: shop-01234567
  issuerRef: {kind: ResellerIssuer, namespace: shop, name: positivessl}
  account: {reseller: cyberssl, endpoint: "https://api.cyberssl.com/v1", name: example}
  kind: Purchase
  product: "17"
  termMonths: 12
  names: [shop.example.com]
  csr: ZXhhbXBsZQ==
  csrDigest: %s
  reference: ri-example
  intendedAt: "2026-11-20T12:00:00.000000Z"
  state: Intended
`, strings.Repeat("0123456789abcdef", 2), strings.Repeat("0123456789abcdef", 4))
	},
}

// ensureNamespace makes the namespaces that pages speak of.
func (d *document) ensureNamespace(name string) error {
	if name == "" {
		return nil
	}
	err := d.c.Create(d.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	return client.IgnoreAlreadyExists(err)
}
