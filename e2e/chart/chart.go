// Package chart renders the Helm chart of this project with Helm's own engine, for the
// tests of the chart and for the lab, whose controller gets exactly the chart's permissions.
package chart

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/reseller-issuer/reseller-issuer/e2e/controlplane"
)

// Release is what the chart is rendered for.
type Release struct {
	Name, Namespace string
	// Values that differ from the chart's.
	Values map[string]any
}

// issuerKind is known to a cluster that has the CRDs.
const issuerKind = "reseller-issuer.io/v1alpha1/ResellerClusterIssuer"

// Render returns the objects of the chart in a directory for a cluster that has the CRDs.
// Values that the chart's schema refuses are an error. Nothing is looked up in a cluster.
func Render(dir string, release Release) ([]*unstructured.Unstructured, error) {
	files, err := Files(dir, release)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		more, err := controlplane.Decode([]byte(files[name]))
		if err != nil {
			return nil, fmt.Errorf("chart: %s: %w", name, err)
		}
		objects = append(objects, more...)
	}
	return objects, nil
}

// Files returns what each template was rendered to.
func Files(dir string, release Release) (map[string]string, error) {
	loaded, err := loader.LoadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("chart: load: %w", err)
	}
	options := common.ReleaseOptions{Name: release.Name, Namespace: release.Namespace, Revision: 1, IsInstall: true}
	capabilities := common.DefaultCapabilities.Copy()
	capabilities.APIVersions = append(slices.Clone(capabilities.APIVersions), issuerKind)
	values, err := util.ToRenderValues(loaded, release.Values, options, capabilities)
	if err != nil {
		return nil, fmt.Errorf("chart: values: %w", err)
	}
	files, err := engine.Render(loaded, values)
	if err != nil {
		return nil, fmt.Errorf("chart: render: %w", err)
	}
	return files, nil
}
