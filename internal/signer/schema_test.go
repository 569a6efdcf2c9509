package signer

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/reseller-issuer/reseller-issuer/api/v1alpha1"
	"github.com/reseller-issuer/reseller-issuer/internal/order"
)

// issuerSchema lets the fake API apply the conditions of issuers as the real one does:
// as a list of items with owners of their own, one for each type.
func issuerSchema(t *testing.T) managedfields.TypeConverter {
	t.Helper()
	anything := spec.Schema{
		VendorExtensible: spec.VendorExtensible{Extensions: spec.Extensions{"x-kubernetes-preserve-unknown-fields": true}},
		SchemaProps:      spec.SchemaProps{Type: spec.StringOrArray{"object"}},
	}
	condition := anything
	condition.Properties = map[string]spec.Schema{"type": *spec.StringProperty()}
	conditions := *spec.ArrayProperty(&condition)
	conditions.Extensions = spec.Extensions{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": []any{"type"}}
	object := func(properties map[string]spec.Schema) spec.Schema {
		return spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{"object"}, Properties: properties}}
	}
	schema := object(map[string]spec.Schema{
		"apiVersion": *spec.StringProperty(), "kind": *spec.StringProperty(),
		"metadata": anything, "spec": anything,
		"status": object(map[string]spec.Schema{"conditions": conditions}),
	})
	schema.Extensions = spec.Extensions{"x-kubernetes-group-version-kind": []any{
		map[string]any{"group": v1alpha1.GroupVersion.Group, "version": v1alpha1.GroupVersion.Version, "kind": order.KindIssuer},
	}}
	converter, err := managedfields.NewTypeConverter(map[string]*spec.Schema{order.KindIssuer: &schema}, false)
	require.NoError(t, err)
	return converter
}
