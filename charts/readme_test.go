// Package charts has the tests of what people read in the chart. Its templates are tested in
// e2e/chart, where Helm is.
package charts

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the table of values in the chart's README")

const chart = "reseller-issuer"

// value is a documented key of values.yaml.
type value struct {
	path, preset, meaning string
}

// TestReadme keeps the table of values in the README right; `make generate` writes it.
func TestReadme(t *testing.T) {
	const begin, end = "<!-- BEGIN values -->\n", "<!-- END values -->\n"
	path := filepath.Join(chart, "README.md")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(content), begin)
	require.True(t, found)
	got, tail, found := strings.Cut(rest, end)
	require.True(t, found)
	want := table(values(t))
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(head+begin+want+end+tail), 0o644))
		return
	}
	require.Equal(t, want, got, "run make generate")
}

func table(list []value) string {
	var text strings.Builder
	text.WriteString("| value | default | meaning |\n|---|---|---|\n")
	for _, v := range list {
		fmt.Fprintf(&text, "| `%s` | `%s` | %s |\n", v.path, v.preset, strings.ReplaceAll(v.meaning, "|", `\|`))
	}
	return text.String()
}

// values reads values.yaml. Each key has a comment that begins with "--" and explains it and
// all below, or keys below it that do.
func values(t *testing.T) []value {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	require.NoError(t, err)
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal(content, &document))
	return collect(t, document.Content[0], "")
}

var comment = regexp.MustCompile(`(?m)^# -- (.+)$`)

func collect(t *testing.T, node *yaml.Node, prefix string) []value {
	t.Helper()
	var list []value
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, child := node.Content[i], node.Content[i+1]
		path := prefix + key.Value
		if found := comment.FindStringSubmatch(key.HeadComment); found != nil {
			list = append(list, value{path: path, preset: preset(t, child), meaning: found[1]})
			continue
		}
		require.Equal(t, yaml.MappingNode, child.Kind, "values.yaml: %s has no comment that begins with --", path)
		require.NotEmpty(t, child.Content, "values.yaml: %s has no comment that begins with --", path)
		list = append(list, collect(t, child, path+".")...)
	}
	return list
}

func preset(t *testing.T, node *yaml.Node) string {
	t.Helper()
	var data any
	require.NoError(t, node.Decode(&data))
	text, err := json.Marshal(data)
	require.NoError(t, err)
	return string(text)
}

// Every value is in the schema, and the schema has no other: a misspelt one is refused.
func TestSchemaHasEveryValue(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	require.NoError(t, err)
	var s schema
	require.NoError(t, json.Unmarshal(content, &s))
	var described []string
	for _, v := range values(t) {
		described = append(described, v.path)
	}
	assert.ElementsMatch(t, described, s.leaves(t, s.Definitions, described, ""))
}

type schema struct {
	Ref         string            `json:"$ref"`
	Additional  any               `json:"additionalProperties"`
	Definitions map[string]schema `json:"definitions"`
	Properties  map[string]schema `json:"properties"`
}

// leaves are the paths of all properties down to those that values.yaml describes as a whole.
func (s schema) leaves(t *testing.T, definitions map[string]schema, described []string, prefix string) []string {
	t.Helper()
	assert.Equal(t, false, s.Additional, "values.schema.json: %q allows properties that it doesn't name", prefix)
	known := map[string]bool{}
	for _, path := range described {
		known[path] = true
	}
	var list []string
	for name, property := range s.Properties {
		path := prefix + name
		if name, isRef := strings.CutPrefix(property.Ref, "#/definitions/"); isRef {
			property = definitions[name]
		}
		switch {
		case path == "global": // Helm's own
		case known[path] || property.Properties == nil:
			list = append(list, path)
		default:
			list = append(list, property.leaves(t, definitions, described, path+".")...)
		}
	}
	return list
}
