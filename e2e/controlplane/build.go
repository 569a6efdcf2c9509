package controlplane

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// cacheVariable names the environment variable that moves the cache.
const cacheVariable = "E2E_CACHE"

// signOfLife is how often a build in progress says so.
const signOfLife = 30 * time.Second

// helper is a Go module below e2e that makes one multi-call executable.
type helper struct {
	dir     string // below e2e, and the executable's name
	title   string
	cost    string
	ldflags string
	// copies are files of other modules that belong beside the executable.
	copies []moduleFiles
}

// moduleFiles are the files of a module, matched by glob, and the directory
// beside the executable that they are copied to.
type moduleFiles struct {
	module, glob, to string
}

const versionPackage = "k8s.io/component-base/version"

func kubernetesHelper() helper {
	return helper{
		dir:   "kubernetes",
		title: "the Kubernetes API server",
		cost:  "about 6 minutes on 2 cores",
		ldflags: "-s -w -X " + versionPackage + ".gitVersion=v1.36.3 -X " + versionPackage + ".gitMajor=1 -X " +
			versionPackage + ".gitMinor=36",
	}
}

func certManagerHelper() helper {
	const certManager = "github.com/cert-manager/cert-manager"
	return helper{
		dir:     "certmanager",
		title:   "cert-manager",
		cost:    "about 1 minute on 2 cores",
		ldflags: "-s -w",
		copies: []moduleFiles{
			{module: certManager, glob: "deploy/crds/*.yaml", to: "crds"},
			{module: certManager, glob: "deploy/charts/cert-manager/values.yaml", to: "chart"},
			{module: certManager, glob: "deploy/charts/cert-manager/templates/*.yaml", to: "chart/templates"},
			{module: "sigs.k8s.io/gateway-api", glob: "config/crd/standard/*.yaml", to: "gateway-api"},
		},
	}
}

// Build makes the helper executables that are not in the cache yet. The cache is
// the directory in $E2E_CACHE, or e2e/.cache; its key is the content of the
// helper module and the Go version. Progress goes to w, with a sign of life
// every 30 s. An interrupted Build leaves nothing that counts as built.
func Build(ctx context.Context, w io.Writer) error {
	for _, h := range []helper{kubernetesHelper(), certManagerHelper()} {
		if _, err := h.build(ctx, w); err != nil {
			return fmt.Errorf("controlplane: build %s: %w", h.title, err)
		}
	}
	return nil
}

// build returns the directory of the executable, in the cache.
func (h helper) build(ctx context.Context, w io.Writer) (string, error) {
	module, err := ModuleDir()
	if err != nil {
		return "", err
	}
	source := filepath.Join(module, h.dir)
	key, err := h.key(ctx, source)
	if err != nil {
		return "", err
	}
	cache := os.Getenv(cacheVariable)
	if cache == "" {
		cache = filepath.Join(module, ".cache")
	}
	target := filepath.Join(cache, h.dir+"-"+key)
	if _, err := os.Stat(filepath.Join(target, h.dir)); err == nil {
		return target, say(w, "%s is built already", h.title)
	}
	if err := os.RemoveAll(target); err != nil { // what someone left of it
		return "", err
	}
	if err := os.MkdirAll(cache, 0o750); err != nil {
		return "", err
	}
	draft, err := ownedDir(cache, ".building-"+h.dir+"-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(draft) }()
	if err := h.fill(ctx, w, source, draft); err != nil {
		return "", err
	}
	return target, publish(draft, target, filepath.Join(cache, h.dir+"-*"))
}

// fill puts the executable and what belongs beside it into the directory draft.
func (h helper) fill(ctx context.Context, w io.Writer, source, draft string) error {
	if err := say(w, "building %s, %s, once", h.title, h.cost); err != nil {
		return err
	}
	begin := time.Now()
	done := make(chan error, 1)
	go func() {
		args := []string{"build", "-trimpath", "-ldflags", h.ldflags, "-o", filepath.Join(draft, h.dir), "."}
		_, err := goCommand(ctx, source, args...)
		done <- err
	}()
	if err := reportUntil(done, w, h.title, begin); err != nil {
		return err
	}
	for _, files := range h.copies {
		if err := files.copyTo(ctx, source, draft); err != nil {
			return err
		}
	}
	return say(w, "built %s in %.0f s", h.title, time.Since(begin).Seconds())
}

// reportUntil gives a sign of life until done delivers, and returns what it delivers.
func reportUntil(done <-chan error, w io.Writer, title string, begin time.Time) error {
	ticker := time.NewTicker(signOfLife)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			if err := say(w, "still building %s (%.0f s)", title, time.Since(begin).Seconds()); err != nil {
				return errors.Join(err, <-done)
			}
		}
	}
}

// publish makes draft the only cached version. A build that was faster wins.
func publish(draft, target, versions string) error {
	if err := os.Chmod(draft, 0o750); err != nil { //nolint:gosec // a directory
		return err
	}
	if err := os.Rename(draft, target); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	old, err := filepath.Glob(versions)
	if err != nil {
		return err
	}
	for _, dir := range old {
		if dir == target {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// key identifies all that the executable is made from.
func (h helper) key(ctx context.Context, source string) (string, error) {
	version, err := goCommand(ctx, source, "env", "GOVERSION")
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return "", err
	}
	files = append(files, filepath.Join(source, "go.mod"), filepath.Join(source, "go.sum"))
	slices.Sort(files)
	hash := sha256.New()
	_, _ = fmt.Fprintln(hash, version, runtime.GOOS, runtime.GOARCH, h.ldflags, h.copies)
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // a source file of the helper
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(content), content)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// copyTo copies the files out of the module cache.
func (m moduleFiles) copyTo(ctx context.Context, source, draft string) error {
	dir, err := goCommand(ctx, source, "list", "-m", "-f", "{{.Dir}}", m.module)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, m.glob))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("module %s has no %s", m.module, m.glob)
	}
	to := filepath.Join(draft, m.to)
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // a file of the module cache
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// goCommand runs the go tool and returns its trimmed output. GOFLAGS stay as
// they are: with -trimpath and without cgo, all of this project's builds share
// one build cache.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // arguments of this package
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var problems strings.Builder
	cmd.Stderr = &problems
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, problems.String())
	}
	return strings.TrimSpace(string(output)), nil
}
