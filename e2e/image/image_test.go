//go:build linux

// Package image has the tests of the images: they are built FROM scratch and started from
// their own root file system, where nothing else is.
package image

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root    = "../.."
	version = "v1.2.3"
	nobody  = 65532
)

// run returns what a command prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = root
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	require.NoError(t, err, "%s %s: %s", name, args, problems.String())
	return strings.TrimSpace(string(output))
}

// store is a store of images that goes away with the test.
type store []string

func newStore(t *testing.T) store {
	t.Helper()
	dir := t.TempDir()
	s := store{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs"}
	t.Cleanup(func() { s.run(t, "rm", "--all") }) // unmounts
	return s
}

func (s store) run(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.Command("buildah", append(s, args...)...) //nolint:noctx // also after the test's end
	output, err := command.CombinedOutput()
	require.NoError(t, err, "buildah %s: %s", args, output)
	return strings.TrimSpace(string(output))
}

func TestImages(t *testing.T) {
	t.Parallel()
	for _, component := range []string{"reseller-issuer", "reseller-sandbox", "dcv-hook-libdns"} {
		t.Run(component, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			run(t, "make", "--no-print-directory", "image", "COMPONENT="+component, "IMAGE="+component+":test", "VERSION="+version, "BUILDAH=buildah "+strings.Join(s, " "))

			config := inspect(t, s, component+":test")
			assert.Equal(t, "65532:65532", config.User)
			assert.Equal(t, []string{"/app"}, config.Entrypoint)
			assert.Equal(t, component, config.Labels["org.opencontainers.image.title"])
			assert.Equal(t, strings.TrimPrefix(version, "v"), config.Labels["org.opencontainers.image.version"])

			mount := s.run(t, "mount", s.run(t, "from", component+":test"))
			assert.Equal(t, []string{"app"}, files(t, mount))
			static(t, filepath.Join(mount, "app"))
			assert.Equal(t, component+" "+version, start(t, mount, "--version"))
		})
	}
}

type imageConfig struct {
	User       string
	Entrypoint []string
	Labels     map[string]string
}

func inspect(t *testing.T, s store, image string) imageConfig {
	t.Helper()
	var description struct {
		OCIv1 struct {
			Config imageConfig `json:"config"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(s.run(t, "inspect", "--type", "image", image)), &description))
	return description.OCIv1.Config
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// static fails for a program that needs a loader, which isn't there.
func static(t *testing.T, path string) {
	t.Helper()
	program, err := elf.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, program.Close()) }()
	for _, segment := range program.Progs {
		assert.NotEqual(t, elf.PT_INTERP, segment.Type)
	}
}

// start runs the program as nobody, with dir as its whole file system.
func start(t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "/app", args...)
	command.Dir, command.Env = "/", []string{}
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return strings.TrimSpace(string(output))
}

// Both Dockerfiles make the same image, but for where the binary comes from.
func TestDockerfilesAgree(t *testing.T) {
	t.Parallel()
	stage := func(name string) string {
		content, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		text := string(content)
		text = text[strings.LastIndex(text, "\nFROM scratch"):]
		var kept []string
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "COPY") && !strings.HasPrefix(line, "ARG TARGETARCH") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	assert.Equal(t, stage("Dockerfile"), stage("Dockerfile.prebuilt"))
}

// The bill of materials lists the modules that the binary was linked from. Not parallel: it
// builds a file that an image is made of.
func TestBillOfMaterials(t *testing.T) {
	run(t, "make", "--no-print-directory", "sbom", "COMPONENT=reseller-sandbox", "VERSION="+version)
	content, err := os.ReadFile(filepath.Join(root, "dist", "reseller-sandbox-linux-"+runtime.GOARCH+".cdx.json"))
	require.NoError(t, err)
	var bill struct {
		Format   string `json:"bomFormat"`
		Metadata struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version string }
	}
	require.NoError(t, json.Unmarshal(content, &bill))
	assert.Equal(t, "CycloneDX", bill.Format)
	assert.Equal(t, "github.com/reseller-issuer/reseller-issuer", bill.Metadata.Component.Name)
	var listed, linked []string
	for _, component := range bill.Components {
		listed = append(listed, component.Name+" "+component.Version)
	}
	for line := range strings.Lines(run(t, "go", "version", "-m", "bin/linux-"+runtime.GOARCH+"/reseller-sandbox")) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "dep" {
			linked = append(linked, fields[1]+" "+fields[2])
		}
	}
	assert.NotEmpty(t, linked)
	for _, module := range linked {
		assert.Contains(t, listed, module)
	}
}
