package controlplane

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newTinyHelper makes an e2e module with a helper of a few lines, and makes its
// directory the working directory.
func newTinyHelper(t *testing.T) helper {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv(cacheVariable, "")
	write(t, "go.mod", "module "+modulePath+"\n\ngo 1.26.0\n")
	write(t, "tiny/go.mod", "module tiny\n\ngo 1.26.0\n")
	write(t, "tiny/go.sum", "")
	writeMain(t, `println("one " + version)`)
	return helper{
		dir: "tiny", title: "the tiny helper", cost: "a moment", ldflags: "-s -w -X main.version=v1",
		copies: []moduleFiles{{module: "tiny", glob: "*.mod", to: "copies"}},
	}
}

func writeMain(t *testing.T, body string) {
	t.Helper()
	write(t, "tiny/main.go", "package main\n\nvar version string\n\nfunc main() { "+body+" }\n")
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func output(t *testing.T, executable string) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), executable).CombinedOutput()
	require.NoError(t, err)
	return string(text)
}

// cached lists the names in the cache.
func cached(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".cache")
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestBuildOnce(t *testing.T) {
	h := newTinyHelper(t)
	var log strings.Builder
	first, err := h.build(t.Context(), &log)
	require.NoError(t, err)
	assert.Regexp(t, `^building the tiny helper, a moment, once\nbuilt the tiny helper in \d+ s\n$`, log.String())
	assert.Equal(t, "one v1\n", output(t, filepath.Join(first, "tiny")))
	assert.FileExists(t, filepath.Join(first, "copies", "go.mod"))
	assert.Equal(t, []string{filepath.Base(first)}, cached(t))

	log.Reset()
	again, err := h.build(t.Context(), &log)
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Equal(t, "the tiny helper is built already\n", log.String())
}

func TestBuildAgainWhenSourceChanges(t *testing.T) {
	h := newTinyHelper(t)
	first, err := h.build(t.Context(), &strings.Builder{})
	require.NoError(t, err)
	writeMain(t, `println("two")`)
	second, err := h.build(t.Context(), &strings.Builder{})
	require.NoError(t, err)
	assert.NotEqual(t, first, second)
	assert.Equal(t, "two\n", output(t, filepath.Join(second, "tiny")))
	assert.Equal(t, []string{filepath.Base(second)}, cached(t), "the old version goes")
}

func TestBuildRepairsADamagedCache(t *testing.T) {
	h := newTinyHelper(t)
	dir, err := h.build(t.Context(), &strings.Builder{})
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "tiny")))
	again, err := h.build(t.Context(), &strings.Builder{})
	require.NoError(t, err)
	assert.Equal(t, "one v1\n", output(t, filepath.Join(again, "tiny")))
}

func TestBuildFailureLeavesNothing(t *testing.T) {
	h := newTinyHelper(t)
	writeMain(t, "undefined()")
	_, err := h.build(t.Context(), &strings.Builder{})
	require.ErrorContains(t, err, "undefined: undefined")
	assert.Empty(t, cached(t))
}

func TestBuildInAnotherCache(t *testing.T) {
	h := newTinyHelper(t)
	cache := t.TempDir()
	t.Setenv(cacheVariable, cache)
	dir, err := h.build(t.Context(), &strings.Builder{})
	require.NoError(t, err)
	assert.Equal(t, cache, filepath.Dir(dir))
	assert.Empty(t, cached(t))
}

func TestPublishLosesGracefully(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	target, draft := filepath.Join(cache, "tiny-1"), filepath.Join(cache, "draft")
	write(t, filepath.Join(target, "tiny"), "theirs")
	write(t, filepath.Join(draft, "tiny"), "ours")
	require.NoError(t, publish(draft, target, filepath.Join(cache, "tiny-*")))
	content, err := os.ReadFile(filepath.Join(target, "tiny"))
	require.NoError(t, err)
	assert.Equal(t, "theirs", string(content))
}

func TestModuleDir(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	_, err := ModuleDir()
	require.ErrorContains(t, err, "not found in or above")

	module := filepath.Join(root, "repository", "e2e")
	below := filepath.Join(module, "suites", "one")
	require.NoError(t, os.MkdirAll(below, 0o750))
	write(t, filepath.Join(module, "go.mod"), "module "+modulePath+"\n")
	for _, dir := range []string{module, below, filepath.Dir(module)} {
		t.Chdir(dir)
		found, err := ModuleDir()
		require.NoError(t, err)
		assert.Equal(t, module, found)
	}
}

func TestOwnedDirRemovesOrphans(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	const noSuchPID = "2147483647"
	orphan := filepath.Join(parent, dirPrefix+noSuchPID+"-1")
	other := filepath.Join(parent, dirPrefix+"notes")
	for _, dir := range []string{orphan, other} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "etcd"), 0o750))
	}
	first, err := ownedDir(parent, dirPrefix)
	require.NoError(t, err)
	second, err := ownedDir(parent, dirPrefix)
	require.NoError(t, err)
	assert.NoDirExists(t, orphan)
	assert.DirExists(t, other)
	assert.DirExists(t, first)
	assert.NotEqual(t, first, second)
}
