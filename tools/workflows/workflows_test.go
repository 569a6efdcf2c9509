// Package workflows has the tests of the workflows in .github. They hold the keys of a release.
package workflows

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const root = "../.."

// workflow is what the tests look at; what it doesn't name is not judged here.
type workflow struct {
	Name        string            `yaml:"name"`
	On          map[string]any    `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]job    `yaml:"jobs"`
}

type job struct {
	Timeout     int               `yaml:"timeout-minutes"`
	Permissions map[string]string `yaml:"permissions"`
	Uses        string            `yaml:"uses"`
	Steps       []step            `yaml:"steps"`
}

type step struct {
	Uses string         `yaml:"uses"`
	Run  string         `yaml:"run"`
	With map[string]any `yaml:"with"`
}

func forEach(t *testing.T, check func(t *testing.T, text string, w workflow)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.y*ml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			var w workflow
			require.NoError(t, yaml.Unmarshal(content, &w))
			require.NotEmpty(t, w.Jobs)
			require.NotEmpty(t, w.On)
			check(t, string(content), w)
		})
	}
}

func (w workflow) steps(visit func(step)) {
	for _, job := range w.Jobs {
		for _, step := range job.Steps {
			visit(step)
		}
	}
}

// A tag can be moved, a commit can't. The comment is for people and for bots that update it.
func TestActionsArePinned(t *testing.T) {
	t.Parallel()
	uses := regexp.MustCompile(`(?m)^\s*(?:- )?uses:(.*)$`)
	pinned := regexp.MustCompile(`^ [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	forEach(t, func(t *testing.T, text string, w workflow) {
		found := uses.FindAllStringSubmatch(text, -1)
		for _, line := range found {
			assert.Regexp(t, pinned, line[1])
		}
		count := 0
		w.steps(func(s step) {
			if s.Uses != "" {
				count++
			}
		})
		assert.Len(t, found, count, "each use is on a line of its own")
		for _, job := range w.Jobs {
			assert.Empty(t, job.Uses, "workflows of others are not called")
		}
	})
}

// Rights are given to jobs, one by one, and only the release writes.
func TestPermissionsAreLeast(t *testing.T) {
	t.Parallel()
	writes := map[string][]string{"release": {"attestations", "contents", "id-token", "packages"}}
	forEach(t, func(t *testing.T, text string, w workflow) {
		assert.Contains(t, text, "\npermissions: {}\n", "nothing is allowed by default")
		for name, job := range w.Jobs {
			assert.NotEmpty(t, job.Permissions, "job %s must state its permissions", name)
			var granted []string
			for what, how := range job.Permissions {
				if how != "read" {
					granted = append(granted, what)
				}
			}
			assert.ElementsMatch(t, writes[w.Name], granted, "job %s", name)
			assert.Positive(t, job.Timeout, "job %s must have timeout-minutes", name)
		}
		_, onRequests := w.On["pull_request"]
		assert.False(t, onRequests && writes[w.Name] != nil, "code of a pull request must not run with write permissions")
	})
}

// Code of others never runs with our secrets, and no step leaves a token behind.
func TestNothingLeaksToPullRequests(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, text string, w workflow) {
		for _, event := range []string{"pull_request_target", "workflow_run", "issue_comment"} {
			assert.NotContains(t, w.On, event)
		}
		if _, onRequests := w.On["pull_request"]; onRequests {
			assert.NotContains(t, text, "secrets.")
		}
		w.steps(func(s step) {
			if strings.HasPrefix(s.Uses, "actions/checkout@") {
				assert.Equal(t, false, s.With["persist-credentials"])
			}
			assert.NotContains(t, s.Run, "${{", "an expression in a script is a way to inject one: use env")
		})
	})
}

// What a workflow does can be done by hand: it only calls targets of the Makefile.
func TestRunsMakeTargets(t *testing.T) {
	t.Parallel()
	command := regexp.MustCompile(`^(?:sudo --preserve-env=PATH,HOME )?make (?:--silent )?([a-z0-9-]+)(?: >> "\$GITHUB_OUTPUT")?$`)
	targets := makeTargets(t)
	forEach(t, func(t *testing.T, _ string, w workflow) {
		w.steps(func(s step) {
			if s.Run == "" {
				return
			}
			found := command.FindStringSubmatch(s.Run)
			if assert.NotNil(t, found, "%q is not a call of make", s.Run) {
				assert.Contains(t, targets, found[1])
			}
		})
	})
}

func makeTargets(t *testing.T) map[string]bool {
	t.Helper()
	targets := map[string]bool{}
	for _, file := range []string{"Makefile", "tools/release/release.mk"} {
		content, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`(?m)^\.PHONY: (.+)$`).FindAllStringSubmatch(string(content), -1) {
			for target := range strings.FieldsSeq(found[1]) {
				targets[target] = true
			}
		}
	}
	require.Contains(t, targets, "test")
	return targets
}

// All components have provenance.
func TestReleaseAttestsEachComponent(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(root, "tools", "release", "release.mk"))
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^COMPONENTS \?= (.+)$`).FindSubmatch(content)
	require.NotNil(t, found)
	release, err := os.ReadFile(filepath.Join(root, ".github", "workflows", "release.yaml"))
	require.NoError(t, err)
	for _, component := range bytes.Fields(found[1]) {
		assert.Contains(t, string(release), "subject-digest: ${{ steps.digests.outputs."+string(component)+" }}")
		assert.DirExists(t, filepath.Join(root, "cmd", string(component)))
	}
}

func TestActionlint(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), "go", "tool", "-modfile=tools/actionlint/go.mod", "actionlint", "-shellcheck=", "-pyflakes=")
	command.Dir = root
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}
