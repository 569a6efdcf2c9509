package controlplane

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestYAMLFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b.yml", "a.yaml", "README.md"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	files, err := yamlFiles(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yml")}, files)

	file := filepath.Join(dir, "README.md")
	files, err = yamlFiles(file)
	require.NoError(t, err)
	assert.Equal(t, []string{file}, files, "a file is taken whatever its name")

	_, err = yamlFiles(filepath.Join(dir, "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestDecodeObjects(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want []string
	}{
		"two documents":   {text: "kind: A\napiVersion: v1\n---\nkind: B\napiVersion: v1\n", want: []string{"A", "B"}},
		"empty documents": {text: "---\n# only a comment\n---\nkind: A\napiVersion: v1\n---\n", want: []string{"A"}},
		"JSON":            {text: `{"kind": "A", "apiVersion": "v1"}`, want: []string{"A"}},
		"a kustomization": {text: "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\n"},
		"nothing":         {text: ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects, err := Decode([]byte(test.text))
			require.NoError(t, err)
			var kinds []string
			for _, o := range objects {
				kinds = append(kinds, o.GetKind())
			}
			assert.Equal(t, test.want, kinds)
		})
	}
	_, err := Decode([]byte("kind: [\n"))
	assert.Error(t, err)
}

func TestCRDNames(t *testing.T) {
	t.Parallel()
	objects, err := Decode([]byte(`
kind: CustomResourceDefinition
spec:
  group: example.test
  names: {plural: things}
  versions: [{name: v1alpha1, served: false}, {name: v1beta1, served: true}, {name: v1, served: true}]
`))
	require.NoError(t, err)
	group, plural, served, err := crdNames(objects[0])
	require.NoError(t, err)
	assert.Equal(t, "example.test", group)
	assert.Equal(t, "things", plural)
	assert.Equal(t, []string{"v1beta1", "v1"}, served)
}
