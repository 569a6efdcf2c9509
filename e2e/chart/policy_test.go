package chart

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// accepted are rules of kube-score that don't fit here, with the reason.
var accepted = map[string]string{
	"container-image-pull-policy":                   "tags are never moved, and nodes must be able to start what they have while a registry is down",
	"container-ephemeral-storage-request-and-limit": "the root file system is read-only and there is no volume to write to",
	"deployment-strategy":                           "the sandbox keeps everything in memory: two at a time would be two resellers",
	"deployment-replicas":                           "the same",
	"deployment-has-host-podantiaffinity":           "the same; the controller's is set, which the test of the Deployment shows",
	"pod-topology-spread-constraints":               "left to the administrator; anti-affinity is the default",
}

// The policy linter has nothing to say about an installation with everything.
func TestPolicyLinter(t *testing.T) {
	t.Parallel()
	for _, title := range []string{"everything", "sandbox"} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			release := matrix(t)[title]
			require.NoError(t, unstructured.SetNestedField(release.Values, true, "networkPolicy", "enabled"))
			objects, err := Render(chartDir, release)
			require.NoError(t, err)
			args := []string{
				"tool", "-modfile=" + toolModule(t, "kube-score"), "kube-score", "score", "--output-format=ci", "--exit-one-on-warning",
				"--ignore-container-cpu-limit", "--kubernetes-version=v1.29", "--enable-optional-test=container-seccomp-profile", "--enable-optional-test=container-ports-check",
			}
			for rule := range accepted {
				args = append(args, "--ignore-test="+rule)
			}
			command := exec.CommandContext(t.Context(), "go", append(args, "-")...)
			command.Stdin = bytes.NewReader(stream(t, objects))
			output, err := command.CombinedOutput()
			require.NoError(t, err, "%s", output)
			require.Contains(t, string(output), "[OK] reseller-issuer", "it has looked at something")
		})
	}
}

func toolModule(t *testing.T, tool string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "tools", tool, "go.mod"))
	require.NoError(t, err)
	return path
}

// stream is the objects in YAML.
func stream(t *testing.T, objects []*unstructured.Unstructured) []byte {
	t.Helper()
	var text bytes.Buffer
	for _, object := range objects {
		document, err := yaml.Marshal(object.Object)
		require.NoError(t, err)
		text.WriteString("---\n")
		text.Write(document)
	}
	return text.Bytes()
}
