package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// blocks are the examples of a language in a page of the documentation.
func blocks(t *testing.T, page, language string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/hooks/" + page)
	require.NoError(t, err)
	var list []string
	for _, part := range strings.Split(string(text), "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		list = append(list, block)
	}
	require.NotEmpty(t, list)
	return list
}

// TestDocumentedBodies holds the examples of the protocol against the OpenAPI document.
func TestDocumentedBodies(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromFile(documentFile)
	require.NoError(t, err)
	schemas := map[string]string{"record": "Change", "state": "State", "types": "Capabilities", "detail": "Problem"}
	seen := map[string]bool{}
	for _, block := range blocks(t, "http.md", "json") {
		var body map[string]any
		require.NoError(t, json.Unmarshal([]byte(block), &body), block)
		for field, schema := range schemas {
			if _, ok := body[field]; ok {
				assert.NoError(t, document.Components.Schemas[schema].Value.VisitJSON(body), block)
				seen[schema] = true
			}
		}
	}
	assert.Len(t, seen, len(schemas))
}

// TestDocumentedConfiguration has configurations that are read, with known providers.
func TestDocumentedConfiguration(t *testing.T) {
	t.Parallel()
	var examples []string
	for _, block := range blocks(t, "libdns.md", "yaml") {
		if strings.HasPrefix(block, "accounts:") {
			examples = append(examples, block)
			continue
		}
		for manifest := range strings.SplitSeq(block, "\n---\n") {
			var object struct {
				Kind       string            `json:"kind"`
				StringData map[string]string `json:"stringData"`
			}
			require.NoError(t, yaml.Unmarshal([]byte(manifest), &object), manifest)
			if object.Kind == "Secret" {
				examples = append(examples, object.StringData["config.yaml"])
			}
		}
	}
	assert.Len(t, examples, 2)
	for _, example := range examples {
		var f file
		require.NoError(t, yaml.UnmarshalStrict([]byte(example), &f), example)
		require.NotEmpty(t, f.Accounts)
		for _, a := range f.Accounts {
			assert.Contains(t, kinds, a.Provider)
		}
	}
}
