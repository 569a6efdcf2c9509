package chart

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// documented are the YAML blocks that a comment above them calls values of the chart.
var documented = regexp.MustCompile("(?ms)^<!-- part of: values.yaml -->\\s*^```yaml\n(.*?)^```")

// What the documentation says about values works.
func TestDocumentedValues(t *testing.T) {
	t.Parallel()
	blocks := 0
	require.NoError(t, fs.WalkDir(os.DirFS(filepath.Join(root, "docs")), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".md") {
			return err
		}
		content, err := os.ReadFile(filepath.Join(root, "docs", path))
		for _, block := range documented.FindAllStringSubmatch(string(content), -1) {
			blocks++
			release := Release{Name: name, Namespace: name}
			require.NoError(t, yaml.UnmarshalStrict([]byte(block[1]), &release.Values), "%s: %s", path, block[1])
			_, err := Render(chartDir, release)
			assert.NoError(t, err, "%s: %s", path, block[1])
		}
		return err
	}))
	assert.NotZero(t, blocks)
}
