package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

const (
	fieldManager  = "e2e"
	applyParallel = 8
	crdTimeout    = 30 * time.Second
	crdPeriod     = 50 * time.Millisecond
)

var crdResource = schema.GroupVersionResource{
	Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
}

// Apply applies, server-side and as administrator, the YAML files named by
// paths; a directory stands for its *.yaml and *.yml files. CRDs and Namespaces
// go first, and the CRDs are awaited until their kinds are served.
// Kustomizations are left out.
func (c *ControlPlane) Apply(ctx context.Context, paths ...string) error {
	var objects []*unstructured.Unstructured
	for _, path := range paths {
		files, err := yamlFiles(path)
		if err != nil {
			return fmt.Errorf("controlplane: apply %s: %w", path, err)
		}
		for _, file := range files {
			more, err := readObjects(file)
			if err != nil {
				return fmt.Errorf("controlplane: apply %s: %w", file, err)
			}
			objects = append(objects, more...)
		}
	}
	return c.ApplyObjects(ctx, objects...)
}

// ApplyObjects is Apply for objects in memory.
func (c *ControlPlane) ApplyObjects(ctx context.Context, objects ...*unstructured.Unstructured) error {
	var first, crds, rest []*unstructured.Unstructured
	for _, object := range objects {
		switch object.GetKind() {
		case "CustomResourceDefinition":
			crds = append(crds, object)
			first = append(first, object)
		case "Namespace":
			first = append(first, object)
		default:
			rest = append(rest, object)
		}
	}
	if err := c.applyAll(ctx, first); err != nil {
		return err
	}
	for _, crd := range crds {
		if err := c.awaitServed(ctx, crd); err != nil {
			return err
		}
	}
	if len(crds) > 0 {
		c.mapper.Reset()
	}
	return c.applyAll(ctx, rest)
}

func (c *ControlPlane) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(applyParallel)
	for _, object := range objects {
		group.Go(func() error {
			if err := c.applyOne(ctx, object); err != nil {
				return fmt.Errorf("controlplane: apply %s %s: %w", object.GetKind(), object.GetName(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (c *ControlPlane) applyOne(ctx context.Context, object *unstructured.Unstructured) error {
	client, err := c.clientFor(object)
	if err != nil {
		return err
	}
	_, err = client.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return err
}

func (c *ControlPlane) clientFor(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	client := c.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return client, nil
	}
	namespace := object.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return client.Namespace(namespace), nil
}

// awaitServed waits until discovery lists every served version of the CRD: a
// CRD is Established a moment before that.
func (c *ControlPlane) awaitServed(ctx context.Context, crd *unstructured.Unstructured) error {
	group, plural, versions, err := crdNames(crd)
	if err != nil {
		return fmt.Errorf("controlplane: CRD %s: %w", crd.GetName(), err)
	}
	last := errors.New("not served yet")
	err = wait.PollUntilContextTimeout(ctx, crdPeriod, crdTimeout, true, func(ctx context.Context) (bool, error) {
		stored, err := c.dynamic.Resource(crdResource).Get(ctx, crd.GetName(), metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if !isEstablished(stored) {
			return false, nil
		}
		for _, version := range versions {
			gv := schema.GroupVersion{Group: group, Version: version}
			list, err := c.kube.Discovery().ServerResourcesForGroupVersion(gv.String())
			if err != nil {
				last = err
				return false, nil //nolint:nilerr // asked again until the time is up
			}
			if !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == plural }) {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("controlplane: CRD %s: %w", crd.GetName(), errors.Join(err, last))
	}
	return nil
}

func crdNames(crd *unstructured.Unstructured) (group, plural string, served []string, err error) {
	group, _, err = unstructured.NestedString(crd.Object, "spec", "group")
	if err != nil {
		return "", "", nil, err
	}
	plural, _, err = unstructured.NestedString(crd.Object, "spec", "names", "plural")
	if err != nil {
		return "", "", nil, err
	}
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil {
		return "", "", nil, err
	}
	for _, v := range versions {
		if version, ok := v.(map[string]any); ok && version["served"] == true {
			name, _, err := unstructured.NestedString(version, "name")
			if err != nil {
				return "", "", nil, err
			}
			served = append(served, name)
		}
	}
	return group, plural, served, nil
}

func isEstablished(crd *unstructured.Unstructured) bool {
	conditions, _, err := unstructured.NestedSlice(crd.Object, "status", "conditions")
	if err != nil {
		return false
	}
	return slices.ContainsFunc(conditions, func(c any) bool {
		condition, ok := c.(map[string]any)
		return ok && condition["type"] == "Established" && condition["status"] == "True"
	})
}

func yamlFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if extension := filepath.Ext(entry.Name()); extension == ".yaml" || extension == ".yml" {
			files = append(files, filepath.Join(path, entry.Name()))
		}
	}
	return files, nil
}

func readObjects(file string) ([]*unstructured.Unstructured, error) {
	content, err := os.ReadFile(file) //nolint:gosec // the caller's manifest
	if err != nil {
		return nil, err
	}
	return Decode(content)
}

// Decode splits a YAML stream into its objects, without Kustomizations
// and empty documents.
func Decode(content []byte) ([]*unstructured.Unstructured, error) {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
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
		if len(object.Object) == 0 || strings.HasPrefix(object.GetAPIVersion(), "kustomize.config.k8s.io/") {
			continue
		}
		objects = append(objects, object)
	}
}
